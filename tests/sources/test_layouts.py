"""What vendors and programs export is read as they mean it, or refused for what it is, or asked about: never guessed.

Written by hand after their layouts; no vendor's data.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import OptionNeeded
from mtf.sources import FORMATS, open_source
from tests.sources.builders import written
from tests.sources.layouts import AT, asked, ticks
from tests.sources.markets import bars_of, kinds_of, reading_of

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
