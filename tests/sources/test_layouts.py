"""What vendors and programs export is read as they mean it, or refused for what it is, or asked about: never guessed.

Written by hand after their layouts; no vendor's data.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mtf.errors import OptionNeeded, SourceError
from mtf.sources import FORMATS, open_source
from tests.sources.builders import brief, read, written
from tests.sources.markets import bars_of, kinds_of, reading_of

AT = 1_709_719_200  # 2024-03-06 10:00:00 UTC
KLINE = "1709719200000,1.5,1.75,1.25,1.5,10,1709719259999,15,3,5,7.5,0\n"
HISTDATA_BARS = "20240306 050000;1.30;1.40;1.20;1.35;0\n20240306 050100;1.35;1.40;1.20;1.30;0\n"
DOTTED = "2024.03.06,05:00,1.30,1.40,1.20,1.35,7\n2024.03.06,05:01,1.35,1.40,1.20,1.30,8\n"
MT5_TICKS = (
    "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n"
    "2024.03.06\t10:00:00.100\t1.10000\t1.10010\t\t\t6\r\n"
    "2024.03.06\t10:00:10.200\t1.10050\t\t\t\t2\r\n"
    "2024.03.06\t10:00:20.300\t\t1.10080\t\t\t4\r\n"
    "2024.03.06\t10:00:30.000\t1.09990\t\t\t\t2\r\n"
    "2024.03.06\t10:01:00.000\t1.10000\t1.10010\t\t\t6\r\n"
)
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


def ticks(path: Path, **options: Any) -> list[str]:
    taken = read(path, **options)
    assert taken.refused == []
    return [brief(tick) for tick in taken.ticks]


def asked(path: Path, **options: Any) -> set[str]:
    """Return the options that are asked for."""
    with pytest.raises(OptionNeeded) as raised:
        open_source(path, **options)
    return set(raised.value.options)


# --- HistData, NinjaTrader, MetaTrader: layouts that several write, by different clocks


def test_a_layout_of_two_vendors_is_asked_about(tmp_path: Path) -> None:
    """UTC-5 and the open, or UTC and the close: five hours and a minute apart, and both plausible."""
    path = written(tmp_path, "EURUSD_2024.csv", HISTDATA_BARS)
    with pytest.raises(
        OptionNeeded, match=r"histdata \(UTC-5 .*\) and ninjatrader \(UTC, stamped at the close\): give"
    ):
        open_source(path)
    assert bars_of(path, "1m", calendar="fx", format="histdata")[0] == "EURUSD 2024-03-06 10:00 1.3/1.4/1.2/1.35 0"
    assert bars_of(path, "1m", calendar="fx", format="ninjatrader")[0] == "EURUSD 2024-03-06 04:59 1.3/1.4/1.2/1.35 0"


def test_what_would_differ_may_be_said_in_place_of_the_vendor(tmp_path: Path) -> None:
    path = written(tmp_path, "EURUSD.csv", HISTDATA_BARS)
    assert asked(path, zone="UTC") == {"format"}  # whether at the open or the close is still open
    found = bars_of(path, "1m", calendar="fx", zone="Europe/London", stamp="close")
    assert found[0] == "EURUSD 2024-03-06 04:59 1.3/1.4/1.2/1.35 0"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("DAT_ASCII_EURUSD_M1_2024.csv", "histdata"),
        ("DAT_NT_EURUSD_M1_202403.csv", "histdata"),
        ("HISTDATA_COM_ASCII_EURUSD_M1_2024.csv", "histdata"),
        ("EURUSD.Last.txt", "ninjatrader"),
        ("ES 03-24.txt", "ninjatrader"),
        ("ES ##-##.Last.txt", "ninjatrader"),
        ("nt-eurusd-minute-2024.csv", "ninjatrader"),
    ],
)
def test_a_file_name_says_the_vendor(tmp_path: Path, name: str, form: str) -> None:
    assert open_source(written(tmp_path, name, HISTDATA_BARS)).identity()["format"] == [form]


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        ("DAT_ASCII_EURUSD_M1_2024.csv", HISTDATA_BARS, "1.3/1.4/1.2/1.35 0"),
        ("DAT_NT_EURUSD_M1_2024.csv", HISTDATA_BARS, "1.3/1.4/1.2/1.35 0"),
        ("DAT_MT_EURUSD_M1_2024.csv", DOTTED, "1.3/1.4/1.2/1.35 7"),
        (
            "DAT_MS_EURUSD_M1_2024.csv",
            (
                "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
                "EURUSD,20240306,050000,1.30,1.40,1.20,1.35,4\nEURUSD,20240306,050100,1.35,1.40,1.20,1.30,4\n"
            ),
            "1.3/1.4/1.2/1.35 4",
        ),
    ],
)
def test_histdata_bars_are_stamped_at_their_open_in_winter_time(
    tmp_path: Path, name: str, content: str, first: str
) -> None:
    """For whichever program they are, and in summer too."""
    found = bars_of(written(tmp_path, name, content), "1m", calendar="fx")
    assert found[0] == f"EURUSD 2024-03-06 10:00 {first}"
    found = bars_of(
        written(tmp_path, name, content.replace("0306", "0703").replace("03.06", "07.03")), "1m", calendar="fx"
    )
    assert found[0].startswith("EURUSD 2024-07-03 10:00 ")


def test_histdata_ticks_are_theirs_under_any_name(tmp_path: Path) -> None:
    path = written(tmp_path, "gbpusd_201202.csv", "20240306 050000123,1.25,1.26,0\n")
    assert ticks(path) == [f"GBPUSD {AT}.123 1.25/1.26 0.0x0.0"]


def test_histdata_ticks_of_one_side_are_of_that_side(tmp_path: Path) -> None:
    row = "20240306 050000;1.25;0\n"
    assert ticks(written(tmp_path, "DAT_NT_EURUSD_T_BID_202403.csv", row)) == [f"EURUSD {AT} 1.25/None 0.0x0.0"]
    assert ticks(written(tmp_path, "DAT_NT_EURUSD_T_ASK_202403.csv", row)) == [f"EURUSD {AT} None/1.25 0.0x0.0"]
    assert ticks(written(tmp_path, "DAT_NT_EURUSD_T_LAST_202403.csv", row)) == [f"EURUSD {AT} 1.25x0.0"]


def test_ninjatrader_ticks_and_days(tmp_path: Path) -> None:
    row = "20240306 100000;5000.25;3\n"
    assert ticks(written(tmp_path, "ES 03-24.Last.txt", row)) == [f"ES 03-24 {AT} 5000.25x3.0"]
    assert asked(written(tmp_path, "ES.txt", row)) == {
        "format"
    }  # HistData writes one side's ticks so, by another clock
    days = written(tmp_path, "ES 03-24.Last.day.txt", "20240305;1;3;0.5;2;9\n20240306;2;3;0.5;2;9\n")
    assert bars_of(days, "1d", symbol="ES")[1].startswith("ES 2024-03-06 00:00 2/3/0.5/2 9")


def test_bars_without_a_header_are_metatraders_or_histdatas(tmp_path: Path) -> None:
    """`EURUSD1.csv` is what MetaTrader 4 calls a file; under another name both may have written it."""
    with pytest.raises(OptionNeeded, match=r"could be a file of histdata .* and metatrader .*"):
        open_source(written(tmp_path, "EURUSD.csv", DOTTED))
    path = written(tmp_path, "EURUSD1.csv", DOTTED)
    assert bars_of(path, "1m", calendar="fx")[0] == "EURUSD 2024-03-06 03:00 1.3/1.4/1.2/1.35 7"
    assert reading_of(path)["zone_by"] == "assumed"
    hours = DOTTED.replace("05:01", "06:00")
    assert kinds_of(written(tmp_path, "GBPUSD60.csv", hours)) == {"bars 1h"}


@pytest.mark.parametrize("text", [MT5_TICKS, MT5_TICKS.replace("\t", ","), MT5_TICKS.replace("\r", "")])
def test_an_empty_side_of_metatraders_ticks_is_as_it_was(tmp_path: Path, text: str) -> None:
    found = bars_of(written(tmp_path, "EURUSD_mt5.csv", text), "1m", calendar="fx")
    assert found[0] == "EURUSD 2024-03-06 08:00 1.10005/1.10065/1.10005/1.10035 0"


def test_metatraders_zone_is_assumed_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "EURUSD_202403060000_202403062359.csv", MT5_TICKS)
    assert (reading_of(path)["zone"], reading_of(path)["zone_by"]) == ("Europe/Athens", "assumed")
    assert reading_of(path, zone="UTC")["zone_by"] == "said"
    assert ticks(path, zone="UTC")[0] == f"EURUSD {AT}.1 1.1/1.1001 0.0x0.0"


def test_metatraders_trades_are_trades(tmp_path: Path) -> None:
    """An exchange's instrument has both: a row that has no side is what was traded."""
    rows = (
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n"
        "2024.03.06\t10:00:00.000\t10.0\t10.5\t\t\t6\n"
        "2024.03.06\t10:00:01.000\t\t\t10.25\t3\t24\n"
        "2024.03.06\t10:00:02.000\t10.25\t\t\t\t2\n"
    )
    path = written(tmp_path, "PETR4.csv", rows)
    expected = [
        f"PETR4 {AT} 10.0/10.5 0.0x0.0",
        f"PETR4 {AT + 1} 10.25x3.0",
        f"PETR4 {AT + 2} 10.25/10.5 0.0x0.0",
    ]
    assert ticks(path, zone="UTC") == expected
    assert ticks(path, zone="UTC", kind="trades") == expected


def test_metatrader_bars_have_their_length_in_the_name(tmp_path: Path) -> None:
    header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    rows = header + "2024.03.06\t12:00:00\t1.30\t1.40\t1.20\t1.35\t7\t0\t3\n"
    path = written(tmp_path, "EURUSD_H4_202403060000_202403062359.csv", rows)
    assert bars_of(path, "4h", calendar="crypto", zone="UTC") == ["EURUSD 2024-03-06 12:00 1.3/1.4/1.2/1.35 7"]
    assert asked(written(tmp_path, "EURUSD.csv", rows)) == {"timeframe"}


# --- Prices in points


@pytest.mark.parametrize(
    ("symbol", "cells", "prices"),
    [
        ("GBPUSD", "158611.0,158618.0,158572.0,158599.0", "1.58611/1.58618/1.58572/1.58599"),
        ("USDJPY", "80123.0,80150.00000000001,80100.0,80110.0", "80.123/80.15/80.1/80.11"),
        ("XAUUSD", "172497.0,173400.0,172068.0,172672.00000000003", "1724.97/1734/1720.68/1726.72"),
    ],
)
def test_points_of_the_data_set_are_those_of_its_symbols(tmp_path: Path, symbol: str, cells: str, prices: str) -> None:
    rows = "".join(f"2012-11-16 0{hour}:00:00,{cells},10\n" for hour in (5, 6, 7))
    path = written(tmp_path, f"{symbol}h1.csv", f"Date,open,high,low,close,tick_volume\n{rows}")
    assert bars_of(path, "1h", calendar="fx")[0] == f"{symbol} 2012-11-16 03:00 {prices} 10"
    assert reading_of(path)["format"] == "metatrader-points"


def test_points_are_known_by_their_noise_under_any_name(tmp_path: Path) -> None:
    rows = "2012-11-16 05:00:00,158611.00000000003,158618.0,158572.0,158599.0,10\n"
    text = f"Date,open,high,low,close,tick_volume\n{rows}"
    assert asked(written(tmp_path, "cable.csv", text), timeframe="1h") == {"point"}
    rows += "2012-11-16 06:00:00,158611.0,158618.0,158572.0,158599.0,10\n"
    text = f"Date,open,high,low,close,tick_volume\n{rows}"
    found = bars_of(written(tmp_path, "GBPUSD_hour.csv", text), "1h", calendar="fx")[:1]
    assert found == ["GBPUSD 2012-11-16 03:00 1.58611/1.58618/1.58572/1.58599 10"]


def test_points_of_another_symbol_are_asked_for(tmp_path: Path) -> None:
    rows = "2024-03-06 10:00:00,4321050.0,4322000.0,4320000.0,4321550.0,10\n"
    path = written(tmp_path, "BTCUSDh1.csv", f"Date,open,high,low,close,tick_volume\n{rows}")
    assert asked(path) == {"point"}
    assert bars_of(path, "1h", point=0.01)[0].endswith("43210.5/43220/43200/43215.5 10")


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("BTC_tickvolume.csv", "43210.5"),
        ("BTCUSDh1.csv", "43210.5"),
        ("XAUUSDh1.csv", "2034.55"),
        ("EURUSDh1.csv", "1.085"),
        ("NKY.csv", "40123.0"),
    ],
)
def test_no_vendor_is_guessed_from_one_word(tmp_path: Path, name: str, price: str) -> None:
    """`tick_volume` alone is no reason for Athens or for a scale."""
    rows = "".join(f"2024-03-06 1{hour}:00:00,{price},{price},{price},{price},10\n" for hour in range(3))
    path = written(tmp_path, name, f"Date,open,high,low,close,tick_volume\n{rows}")
    first = bars_of(path, "1h")[0]
    shown = f"{float(price):.10g}"
    assert first.endswith(f" 2024-03-06 10:00 {shown}/{shown}/{shown}/{shown} 10")
    assert (reading_of(path)["format"], reading_of(path)["point"]) == ("csv", "1")


# --- Binance


@pytest.mark.parametrize(("digits", "unit"), [("1", "s"), ("1000", "ms"), ("1000000", "us")])
@pytest.mark.parametrize(
    "header", ["", "open_time,open,high,low,close,volume,close_time,quote_volume,count,tb,tq,ignore\n"]
)
def test_binance_klines_say_their_length_in_any_unit(tmp_path: Path, digits: str, unit: str, header: str) -> None:
    scale = int(digits)
    rows = f"{AT * scale},1.5,1.75,1.25,1.5,10,{(AT + 300) * scale - 1},15,3,5,7.5,0\n"
    path = written(tmp_path, "1000PEPEUSDT-5m-2024-03-06.csv", header + rows)
    assert bars_of(path, "5m") == ["1000PEPEUSDT 2024-03-06 10:00 1.5/1.75/1.25/1.5 10"]
    assert reading_of(path)["times"] == unit


def test_two_days_of_a_kind_are_one_symbol(tmp_path: Path) -> None:
    written(tmp_path, "d/ADABTC-1m-2021-11-27.csv", KLINE)
    written(tmp_path, "d/ADABTC-1m-2021-11-28.csv", KLINE.replace("17097192", "17098056").replace("1.75", "1.625"))
    assert bars_of(tmp_path / "d", "1m") == [
        "ADABTC 2024-03-06 10:00 1.5/1.75/1.25/1.5 10",
        "ADABTC 2024-03-07 10:00 1.5/1.625/1.25/1.5 10",
    ]


def test_contracts_keep_their_date_of_delivery(tmp_path: Path) -> None:
    assert ticks(written(tmp_path, "BTCUSDT_240628-1m-2024-03.csv", KLINE))[0].startswith("BTCUSDT_240628 ")


@pytest.mark.parametrize(
    ("kind", "header", "row", "tick"),
    [
        ("trades", "id,price,qty,quote_qty,time,is_buyer_maker", "7,1.5,10,15,{t},true", "1.5x10.0"),
        ("trades", "", "7,1.5,10,15,{t},true", "1.5x10.0"),
        ("trades", "", "7,1.5,10,15,{t},True,True", "1.5x10.0"),
        (
            "aggTrades",
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
            "7,1.5,10,90,91,{t},false",
            "1.5x10.0",
        ),
        ("aggTrades", "", "7,1.5,10,90,91,{t},false", "1.5x10.0"),
        ("aggTrades", "", "7,1.5,10,90,91,{t},False,True", "1.5x10.0"),
        (
            "bookTicker",
            "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
            "7,1.5,10,1.75,20,{t},{t}",
            "1.5/1.75 10.0x20.0",
        ),
        ("bookTicker", "", "7,1.5,10,1.75,20,{t},{t}", "1.5/1.75 10.0x20.0"),
    ],
)
@pytest.mark.parametrize("scale", [1_000, 1_000_000])
def test_binance_files_with_and_without_a_header(
    tmp_path: Path, kind: str, header: str, row: str, tick: str, scale: int
) -> None:
    text = (header + "\n" if header else "") + "".join(
        row.format(t=(AT + i) * scale).replace("7,", f"{7 + i},", 1) + "\n" for i in range(2)
    )
    found = ticks(written(tmp_path, f"BTCUSDT-{kind}-2024-03-06.csv", text))
    assert found == [f"BTCUSDT {AT} {tick}", f"BTCUSDT {AT + 1} {tick}"]


def test_binance_zip_files_are_read_by_their_names(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("BTCUSDT-aggTrades-2024-03-06.csv", "7,1.5,10,90,91,1709719200000,false,true\n")
    path = written(tmp_path, "BTCUSDT-aggTrades-2024-03-06.zip", packed.getvalue())
    assert ticks(path) == [f"BTCUSDT {AT} 1.5x10.0"]


def test_binance_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    text = "close_time,open,open_time,low,high,close,volume\n1709719259999,1.5,1709719200000,1.25,1.75,1.625,4\n"
    assert bars_of(written(tmp_path, "X-1m-2024-03.csv", text), "1m") == ["X 2024-03-06 10:00 1.5/1.75/1.25/1.625 4"]


# --- Other vendors of crypto data


CDD = (
    "unix,date,symbol,open,high,low,close,{a},{b}\n"
    "{u}1709719200{z},2024-03-06 10:00:00,ETH/USDT,65800,66000,65700,65900,{x},{y}\n"
    "1709722800,2024-03-06 11:00:00,ETH/USDT,65900,66100,65800,66000,{x},{y}\n"
)


@pytest.mark.parametrize("base_first", [True, False])
def test_the_volume_is_that_of_the_base(tmp_path: Path, base_first: bool) -> None:
    """ETH for ETH/USDT, in whichever column it stands; and a row with another unit of time changes nothing."""
    base, money = ("Volume ETH", "2.5"), ("Volume USDT", "165000")
    (a, x), (b, y) = (base, money) if base_first else (money, base)
    path = written(tmp_path, "x.csv", CDD.format(a=a, b=b, x=x, y=y, u="", z="000"))
    assert bars_of(path, "1h") == [
        "ETH/USDT 2024-03-06 10:00 65800/66000/65700/65900 2.5",
        "ETH/USDT 2024-03-06 11:00 65900/66100/65800/66000 2.5",
    ]


def test_kaiko_trades_and_bars(tmp_path: Path) -> None:
    trades = "id,exchange,symbol,date,price,amount,sell\n9,cbse,btcusd,1709719200123,1.5,2,true\n"
    assert ticks(written(tmp_path, "Coinbase_btcusd_trades_2024_03_06.csv", trades)) == [f"btcusd {AT}.123 1.5x2.0"]
    name = "bw_btcusdt_perp_ohlcv_5m_2024_03.csv"
    bars = written(tmp_path, name, "1709719200000,1.5,1.75,1.25,1.5,10\n1709719500000,null,null,null,null,0\n")
    assert bars_of(bars, "5m") == ["BTCUSDT_PERP 2024-03-06 10:00 1.5/1.75/1.25/1.5 10"]
    assert read(bars).lines == [2]
    bars = written(tmp_path, name.replace("ohlcv", "cohlcvwap"), "1709719200000,3,1.5,1.75,1.25,1.5,10,1.5\n")
    assert bars_of(bars, "5m") == ["BTCUSDT_PERP 2024-03-06 10:00 1.5/1.75/1.25/1.5 10"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", "date,type,price,amount\n1709719200000,b,1.5,2\n", "snapshots of the order book"),
        ("x.csv", "timestamp,percentage,depth,notional\n2024-03-06 10:00:00,-5,1,2\n", "book depth"),
        ("x.csv", "create_time,symbol,sum_open_interest\n2024-03-06 10:00:00,BTCUSDT,2\n", "metrics"),
        (
            "binance_incremental_book_L2_2024-03-06_BTCUSDT.csv",
            (
                "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
                "binance,BTCUSDT,1709719200000000,1709719200000001,false,bid,1.5,2\n"
            ),
            "changes of the order book",
        ),
        (
            "bitmex_liquidations_2024-03-06_XBTUSD.csv",
            (
                "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
                "bitmex,XBTUSD,1709719200000000,1709719200000001,7,buy,1.5,2\n"
            ),
            "liquidations",
        ),
        (
            "x.csv",
            (
                "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id\n"
                "1,1,160,1,5482,A,B,3720250000000,1,0,7\n"
            ),
            "orders one by one",
        ),
        ("ES 03-24.Last.txt", "20240306 100000 1230000;5000.25;5000;5000.25;1\n", "fraction of a second of its own"),
    ],
)
def test_what_is_no_market_is_refused_for_what_it_is(tmp_path: Path, name: str, content: str, says: str) -> None:
    """Most of these have a price and a size, and would make plausible bars."""
    path = written(tmp_path, f"d/{name}", content)
    with pytest.raises(SourceError, match=says):
        open_source(path)
    written(tmp_path, "d/EURUSD.csv", "time,bid,ask\n2024-03-06 10:00:00,1,2\n")
    source = open_source(tmp_path / "d")
    (skipped,) = source.identity()["skipped"]
    assert skipped.startswith(f"{name} (")
    assert says in skipped


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PAR1\x15\x04\x15\x00", "cannot be read as a Parquet file"),
        (b"FEA1\x00\x00\x00\x00", "a Feather file"),
        (b"DBN\x02\x00\x00\x00\x00", "Databento's binary encoding: convert it to CSV"),
        (b"SCID8\x00\x00\x00", "Sierra Chart's binary file: export it as text"),
    ],
)
def test_binary_files_are_called_what_they_are(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_source(written(tmp_path, "EURUSD.dat", content))


def test_a_spreadsheet_is_called_one(tmp_path: Path) -> None:
    path = lean(tmp_path, "EURUSD.xlsx", {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"})
    with pytest.raises(SourceError, match="an Excel file: save it as CSV"):
        open_source(path)


def test_the_best_level_of_a_book_is_read(tmp_path: Path) -> None:
    text = (
        "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount\n"
        "binance,BTCUSDT,1709719200000000,1709719200000001,1.75,20,1.5,10\n"
    )
    assert ticks(written(tmp_path, "x.csv", text)) == [f"BTCUSDT {AT} 1.5/1.75 10.0x20.0"]


# --- Programs and shares


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


# --- Lean


def lean(folder: Path, path: str, members: dict[str, str]) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return written(folder, path, packed.getvalue())


def test_contracts_of_leans_futures_are_symbols_of_their_own(tmp_path: Path) -> None:
    path = lean(
        tmp_path,
        "future/cme/minute/es/20240306_trade.zip",
        {
            "20240306_es_minute_trade_202403_20240315.csv": "36000000,5000.25,5001,5000,5000.5,9\n",
            "20240306_es_minute_trade_202406.csv": "36000000,5050.25,5051,5050,5050.5,4\n",
        },
    )
    assert bars_of(path, "1m") == [
        "ESH24 2024-03-06 10:00 5000.25/5001/5000/5000.5 9",
        "ESM24 2024-03-06 10:00 5050.25/5051/5050/5050.5 4",
    ]


def test_leans_futures_have_hours_quotes_and_ticks(tmp_path: Path) -> None:
    hours = lean(
        tmp_path, "future/cme/hour/es_trade.zip", {"es_trade_202403_20240315.csv": "20240306 10:00,1,2,0.5,1,9\n"}
    )
    assert bars_of(hours, "1h") == ["ESH24 2024-03-06 10:00 1/2/0.5/1 9"]
    quotes = lean(
        tmp_path,
        "future/comex/minute/gc/20240306_quote.zip",
        {"20240306_gc_minute_quote_202404.csv": "36000000,1,2,0.5,1,9,1.5,2.5,1,1.5,4\n"},
    )
    assert bars_of(quotes, "1m", price="mid") == ["GCJ24 2024-03-06 10:00 1.25/2.25/0.75/1.25 13"]
    for width in ("usa,,0", "usa,0"):
        trades = lean(
            tmp_path,
            "future/cme/tick/es/20240306_trade.zip",
            {"20240306_es_tick_trade_202403.csv": f"36000000,5000.25,3,{width}\n"},
        )
        assert ticks(trades) == [f"ESH24 {AT} 5000.25x3.0"]


def test_lean_open_interest_and_options_are_refused(tmp_path: Path) -> None:
    interest = lean(
        tmp_path,
        "future/cme/minute/es/20240306_openinterest.zip",
        {"20240306_es_minute_openinterest_202403.csv": "36000000,2693575\n"},
    )
    with pytest.raises(SourceError, match="open interest: no prices"):
        open_source(interest)
    option = lean(
        tmp_path,
        "option/usa/minute/aapl/20140606_trade_american.zip",
        {"20140606_aapl_minute_trade_american_call_1000000_20140621.csv": "36000000,1,2,0.5,1,9\n"},
    )
    with pytest.raises(SourceError, match="options, with a strike and an expiry"):
        open_source(option)


def test_a_market_whose_zone_is_not_known_is_asked_about(tmp_path: Path) -> None:
    path = lean(
        tmp_path,
        "equity/india/minute/abc/20240306_trade.zip",
        {"20240306_abc_minute_trade.csv": "36000000,10000,20000,5000,10000,9\n"},
    )
    assert asked(path) == {"zone"}


# --- Dukascopy


@pytest.mark.parametrize(
    ("header", "row", "zone"),
    [
        ("Gmt time,Ask,Bid,AskVolume,BidVolume", "06.03.2024 10:00:00.000,2,1,4,3", "UTC"),
        ("Local time,Ask,Bid,AskVolume,BidVolume", "06.03.2024 12:00:00.000 GMT+0200,2,1,4,3", "as written"),
        ("Time (EET),Ask,Bid,AskVolume,BidVolume", "2024.03.06 12:00:00.000,2,1,4,3", "Europe/Athens"),
        ("Time (UTC),Bid,Ask,BidVolume,AskVolume", "2024.03.06 10:00:00.000,1,2,3,4", "UTC"),
        ("timestamp,askPrice,bidPrice,askVolume,bidVolume", "1709719200000,2,1,4,3", "UTC"),
    ],
)
def test_dukascopy_exports_say_their_zone_in_the_header(tmp_path: Path, header: str, row: str, zone: str) -> None:
    path = written(tmp_path, "eurusd-tick-2024-03-06-2024-03-07.csv", f"{header}\n{row}\n")
    assert ticks(path) == [f"EURUSD {AT} 1.0/2.0 3.0x4.0"]
    assert reading_of(path)["zone"] == zone


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("EURUSD_Candlestick_5_M_BID_06.03.2024-07.03.2024.csv", "bid bars 5m"),
        ("EURUSD_Candlestick_1_Hour_ASK_06.03.2024-07.03.2024.csv", "ask bars 1h"),
        ("EURUSD_Candlestick_10_s_BID_06.03.2024-07.03.2024.csv", "bid bars 10s"),
        ("EURUSD_15 Mins_Ask_2024.03.06_2024.03.07.csv", "ask bars 15m"),
        ("EURUSD_Daily_Bid_2024.03.06_2024.03.07.csv", "bid bars 1d"),
        ("eurusd-m30-bid-2024-03-06-2024-03-07.csv", "bid bars 30m"),
        ("eurusd-d1-ask-2024-03-06-2024-03-07.csv", "ask bars 1d"),
    ],
)
def test_dukascopys_names_have_symbol_length_and_side(tmp_path: Path, name: str, kind: str) -> None:
    """Of one row no length could be inferred."""
    time = "timestamp" if name[0].islower() else "Gmt time"
    stamp = "1709683200000" if name[0].islower() else "06.03.2024 00:00:00.000"
    path = written(tmp_path, name, f"{time},Open,High,Low,Close,Volume\n{stamp},1,2,0.5,1,9\n")
    assert kinds_of(path) == {kind}
    assert ticks(path)[3].startswith("EURUSD ")


def test_bid_and_ask_candles_in_one_folder_are_two_markets(tmp_path: Path) -> None:
    text = "Gmt time,Open,High,Low,Close,Volume\n06.03.2024 10:00:00.000,1,2,0.5,1,9\n"
    for side in ("BID", "ASK"):
        written(tmp_path, f"d/EURUSD_Candlestick_1_M_{side}_06.03.2024-06.03.2024.csv", text)
    with pytest.raises(OptionNeeded, match="ask bars 1m and bid bars 1m of EURUSD"):
        open_source(tmp_path / "d")
    assert bars_of(tmp_path / "d", "1m", pattern="*_BID_*")[0] == "EURUSD 2024-03-06 10:00 1/2/0.5/1 9"


def test_two_venues_are_not_made_one_market(tmp_path: Path) -> None:
    for venue in ("kraken", "bitstamp"):
        written(tmp_path, f"d/{venue}_BTCUSD.csv", "time,price,size\n1709719200,1.5,1\n")
    with pytest.raises(OptionNeeded, match="BTCUSD of bitstamp and kraken"):
        open_source(tmp_path / "d")


@pytest.mark.parametrize("name", [each.name for each in FORMATS])
def test_every_format_is_described(name: str) -> None:
    """What is read, which zone, what a blank means, what is refused: in both tables of the document."""
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    formats, _, meanings = text.partition("## What each vendor's layout means")
    for table in (formats, meanings.partition("## Options")[0]):
        rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
        assert [row for row in rows if f"`{name}`" in row], f"no row for {name}"
