"""Exports of charting programs and of vendors of shares and futures; see `test_layouts`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.sources.builders import written
from tests.sources.layouts import AT, asked, ticks
from tests.sources.markets import bars_of, kinds_of, reading_of

STOOQ = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
    "AAPL.US,60,20240306,153000,170.0,170.9,169.8,170.5,1000,0\n"
    "AAPL.US,60,20240306,163000,170.5,171.9,170.1,171.5,1000,0\n"
)
YFINANCE = (
    "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n"
    "2024-01-02,185.5,188.5,183.5,187.25,100\n2024-01-03,184.25,185.75,183.5,184.5,200\n"
)
DATABENTO = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence"
SIERRA = (
    "Date, Time, Open, High, Low, Last, Volume, # of Trades, OHLC Avg, HLC Avg, HL Avg, Bid Volume, Ask Volume\n"
    "2024/3/6,10:00:00,100.0,105.0,95.0,101.0,50,10,1,1,1,20,30\n"
    "2024/3/6,10:01:00,101.0,106.0,96.0,102.0,50,10,1,1,1,20,30\n"
)


def test_last_is_the_close_of_sierra_chart(tmp_path: Path) -> None:
    path = written(tmp_path, "ESH24_FUT_CME-BarData.txt", SIERRA)
    assert bars_of(path, "1m") == [
        "ESH24_FUT_CME 2024-03-06 10:00 100/105/95/101 50",
        "ESH24_FUT_CME 2024-03-06 10:01 101/106/96/102 50",
    ]
    assert (reading_of(path)["zone"], reading_of(path)["zone_by"]) == ("UTC", "assumed")


def test_ticks_of_sierra_chart_are_trades(tmp_path: Path) -> None:
    """An open of 0 marks one: its high and low are the ask and the bid."""
    text = SIERRA.replace("100.0,", "0,").replace("101.0,106", "0,106")
    assert ticks(written(tmp_path, "ESH24.txt", text))[0] == f"ESH24 {AT} 101.0x50.0"


TRADESTATION = (
    '"Date","Time","Open","High","Low","Close","Up","Down"\n'
    "{0},17:01,1366.50,1367.50,1366.00,1367.00,2566,854\n{0},17:02,1367.00,1367.50,1366.00,1366.50,1200,900\n"
)


def test_tradestation_is_stamped_at_the_close_in_a_zone_that_it_does_not_say(tmp_path: Path) -> None:
    path = written(tmp_path, "ES.txt", TRADESTATION.format("01/13/2010"))
    assert asked(path) == {"zone"}
    found = bars_of(path, "1m", calendar="us_futures", zone="America/Chicago")
    assert [bar.rpartition(" ")[0] for bar in found] == [
        "ES 2010-01-13 23:00 1366.5/1367.5/1366/1367",
        "ES 2010-01-13 23:01 1367/1367.5/1366/1366.5",
    ]


def test_tradestation_writes_the_month_first(tmp_path: Path) -> None:
    found = bars_of(written(tmp_path, "ES.txt", TRADESTATION.format("03/06/2024")), "1m", zone="UTC")
    assert found[0].startswith("ES 2024-03-06 17:00 ")


def test_tradestation_days_have_their_date(tmp_path: Path) -> None:
    text = (
        '"Date","Time","Open","High","Low","Close","Vol","OI"\n'
        "01/12/2010,16:00,1,3,0.5,2,9,0\n01/13/2010,16:00,2,3,0.5,2,9,0\n"
    )
    found = bars_of(written(tmp_path, "ES.txt", text), "1d")
    assert found == ["ES 2010-01-12 00:00 1/3/0.5/2 9", "ES 2010-01-13 00:00 2/3/0.5/2 9"]


def test_stooq_is_not_metatrader(tmp_path: Path) -> None:
    """Both write `<OPEN>`; the length stands in a column, and the clock is Warsaw's."""
    path = written(tmp_path, "aapl.us.txt", STOOQ)
    assert bars_of(path, "1h", calendar="us_equities") == [
        "AAPL.US 2024-03-06 14:30 170/170.9/169.8/170.5 1000",
        "AAPL.US 2024-03-06 15:30 170.5/171.9/170.1/171.5 1000",
    ]
    assert (reading_of(path)["zone"], reading_of(path)["zone_by"]) == ("Europe/Warsaw", "assumed")
    assert reading_of(path, zone="UTC")["zone_by"] == "said"


def test_a_ticker_without_a_market_is_not_stooqs(tmp_path: Path) -> None:
    """Finam writes the same columns by Moscow's clock."""
    path = written(tmp_path, "SBER.txt", STOOQ.replace("AAPL.US", "SBER").replace("3000,", "0000,"))
    assert asked(path) == {"zone"}
    assert bars_of(path, "1h", zone="Europe/Moscow")[0].startswith("SBER 2024-03-06 12:00 ")


def test_days_need_no_zone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "x.txt",
        STOOQ.replace("AAPL.US,60", "SBER,D").replace("153000", "000000").replace("0306,163", "0307,000"),
    )
    assert kinds_of(path) == {"bars 1d"}


def test_open_in_brackets_alone_is_asked_about(tmp_path: Path) -> None:
    header = "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
    rows = "20240306,100000,1,2,0.5,1.5,9\n20240306,100100,1,2,0.5,1.5,9\n"
    assert asked(written(tmp_path, "x.csv", header + rows)) == {"format"}


@pytest.mark.parametrize("swapped", [False, True])
def test_yfinance_has_three_lines_of_header(tmp_path: Path, swapped: bool) -> None:
    lines = YFINANCE.splitlines(keepends=True)
    if swapped:
        lines[0], lines[1] = lines[1], lines[0]
    path = written(tmp_path, "prices.csv", "".join(lines))
    assert bars_of(path, "1d") == [
        "AAPL 2024-01-02 00:00 187.25/188.5/183.5/185.5 100",
        "AAPL 2024-01-03 00:00 184.5/185.75/183.5/184.25 200",
    ]


def test_polygon_aggregates_say_their_length_in_the_path(tmp_path: Path) -> None:
    text = "ticker,volume,open,close,high,low,window_start,transactions\nA,9,1.5,1.25,1.75,1,1709719200000000000,3\n"
    packed = gzip.compress(text.encode())
    path = written(tmp_path, "us_stocks_sip/minute_aggs_v1/2024/03/2024-03-06.csv.gz", packed)
    assert bars_of(path, "1m") == ["A 2024-03-06 10:00 1.5/1.75/1/1.25 9"]
    assert asked(written(tmp_path, "2024-03-06.csv.gz", packed)) == {"timeframe"}
    midnight = text.replace("1709719200", "1709701200")  # in New York
    path = written(tmp_path, "us_stocks_sip/day_aggs_v1/2024/03/2024-03-06.csv.gz", gzip.compress(midnight.encode()))
    assert kinds_of(path) == {"bars 1d"}


def test_polygon_trades_and_quotes(tmp_path: Path) -> None:
    trades = (
        "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape\n"
        "A,12,0,4,1,1709719199000000000,1.5,7,1709719200000000000,100,1\n"
        "A,12,0,5,1,1709719199000000000,1.75,8,1709719200000000001,200,1\n"
    )
    assert ticks(written(tmp_path, "2024-03-06.csv", trades)) == [
        f"A {AT} 1.5x100.0",
        f"A {AT}.000000001 1.75x200.0",  # each exchange counts its own ids
    ]
    quotes = (
        "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,participant_timestamp\n"
        "C:EUR-USD,1,1.75,2,1,1.5,1,1709719200000000000\n"
    )
    assert ticks(written(tmp_path, "q.csv", quotes)) == [f"C:EUR-USD {AT} 1.5/1.75 1.0x2.0"]


@pytest.mark.parametrize("price", ["3720250000000", "3720.250000000"])
@pytest.mark.parametrize("stamp", ["1709719200098821953", "2024-03-06T10:00:00.098821953Z"])
def test_databento_prices_are_billionths_or_decimals(tmp_path: Path, price: str, stamp: str) -> None:
    row = f"1709719200099150057,{stamp},0,1,5482,T,A,0,{price},5,129,19251,1170380,ESH4\n"
    path = written(tmp_path, "glbx-mdp3-20240306.trades.csv", f"{DATABENTO},symbol\n{row}")
    assert ticks(path) == [f"ESH4 {AT}.098821953 3720.25x5.0"]


def test_databento_without_symbols_is_asked_about(tmp_path: Path) -> None:
    row = "1709719200099150057,1709719200098821953,0,1,5482,T,A,0,3720250000000,5,129,19251,1170380\n"
    path = written(tmp_path, "glbx-mdp3-20240306.trades.csv", f"{DATABENTO}\n{row}")
    assert asked(path) == {"symbol", "columns"}
    assert ticks(path, symbol="ES") == [f"ES {AT}.098821953 3720.25x5.0"]
    assert ticks(path, columns="symbol=instrument_id") == [f"5482 {AT}.098821953 3720.25x5.0"]


def test_an_empty_side_of_databentos_book_is_missing(tmp_path: Path) -> None:
    header = f"{DATABENTO},bid_px_00,ask_px_00,bid_sz_00,ask_sz_00,bid_ct_00,ask_ct_00,symbol\n"
    start = "1709719200000000001,1709719200000000000,1,1,5482,A,B,0,3720250000000,5,129,1,7"
    rows = (
        f"{start},3720000000000,3720250000000,3,4,1,1,ESH4\n"
        f"{start},3720000000000,9223372036854775807,3,0,1,0,ESH4\n"
        f"{start},3720.00,3720.25,3,4,1,1,ESH4\n"
    )
    path = written(tmp_path, "x.mbp-1.csv", header + "".join(rows.splitlines(keepends=True)[:2]))
    assert ticks(path) == [f"ESH4 {AT} 3720.0/3720.25 3.0x4.0", f"ESH4 {AT} 3720.0/None 3.0x0.0"]


def test_databento_bars_say_their_length(tmp_path: Path) -> None:
    header = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
    row = "1709719200000000000,{},{},5482,1500000000,1750000000,1250000000,1500000000,9,ESH4\n"
    assert bars_of(written(tmp_path, "x.csv", header + row.format(33, 1)), "1m") == [
        "ESH4 2024-03-06 10:00 1.5/1.75/1.25/1.5 9"
    ]
    assert kinds_of(written(tmp_path, "y.csv", header + row.format(34, 1))) == {"bars 1h"}
    two = written(tmp_path, "z.csv", header + row.format(33, 1) + row.format(33, 2))
    assert asked(two) == {"columns"}  # of two venues: no bars of one market


@pytest.mark.parametrize(
    ("length", "kind"),
    [
        ("60", "bars 1h"),
        ("1", "bars 1m"),
        ("240", "bars 4h"),
        ("15S", "bars 15s"),
        ("1D", "bars 1d"),
        ("1W", "bars 1w"),
    ],
)
def test_tradingviews_names_have_symbol_and_length(tmp_path: Path, length: str, kind: str) -> None:
    text = "time,open,high,low,close,Volume,Volume MA,RSI\n1709683200,1.5,1.75,1.25,1.5,9,4,NaN\n"
    path = written(tmp_path, f"BITSTAMP_BTCUSD, {length}_1a2b3.csv", text)
    assert kinds_of(path) == {kind}
    assert ticks(path)[3].startswith("BTCUSD ")
    assert ticks(path)[3].endswith(" 1.5x9.0 b")


def test_a_name_that_contradicts_the_rows_is_asked_about(tmp_path: Path) -> None:
    text = "time,open,high,low,close\n1709719200,1,2,0.5,1\n1709719260,1,2,0.5,1\n"
    assert asked(written(tmp_path, "X_Y, 60.csv", text)) == {"timeframe"}
