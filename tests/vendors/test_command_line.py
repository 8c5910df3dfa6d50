"""The same chains as a user runs them: `mtf run` with a data directory, then `mtf bars`, one vendor and format each."""

from __future__ import annotations

import csv
import datetime
import io
import json
from pathlib import Path
from typing import Any

from tests.cli.builders import process
from tests.vendors.expected import VendorBar, binance_trades, candles, differences, lean_bars, minutes_of, oanda_bars
from tests.vendors.test_dukascopy import cadjpy_minutes
from tests.vendors.test_lean_bars import regular
from tests.vendors.test_metatrader import server_bars
from tests.vendors.test_ninjatrader import closing_bars

LEAN = "lean/forex"
ATHENS = 'name = "eet"\nzone = "Europe/Athens"\nday_close = "00:00"\nhours = ["Mon 00:00 - Fri 24:00"]\n'


def bars_of(directory: Path, source: Path, symbol: str, timeframe: str, *options: str) -> tuple[list[VendorBar], Any]:
    """Run *source* into a new data directory; return what `mtf bars` prints of it, and the summary of the run."""
    done = process("run", source, "--data", directory / "run", "--json", *options, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    told = process(
        "bars", directory / "run", "--symbol", symbol, "--timeframe", timeframe, "--format", "csv", cwd=Path.cwd()
    )
    assert told.returncode == 0, told.stderr
    rows = csv.DictReader(io.StringIO(told.stdout))
    names = ("open", "high", "low", "close", "volume")
    bars = [VendorBar(int(row["start_ns"]), *(float(row[name]) for name in names)) for row in rows]
    return bars, json.loads(done.stdout)


def test_lean_oanda(vendor_data: Path, tmp_path: Path) -> None:
    """Zipped ticks in Lean's folders, bid."""
    source = vendor_data / LEAN / "oanda/tick/eurusd/20140501_quote.zip"
    bars, summary = bars_of(tmp_path, source, "EURUSD", "1m", "--format", "lean", "--price", "bid")
    expected = lean_bars(vendor_data / LEAN / "oanda/minute/eurusd/20140501_quote.zip", "bid")
    assert differences(bars, expected[:-1]) == []
    assert (summary["events"], summary["ticks"], summary["rejected"]) == (24_179, 24_179, {})
    assert summary["bars"]["1m"] == 1_362


def test_lean_fxcm(vendor_data: Path, tmp_path: Path) -> None:
    """Ask, with `--closed keep`: FXCM's Sunday begins two hours before the market opens."""
    source = vendor_data / LEAN / "fxcm/tick/nzdusd/20140504_quote.zip"
    bars, summary = bars_of(tmp_path, source, "NZDUSD", "1m", "--price", "ask", "--closed", "keep")
    expected = lean_bars(vendor_data / LEAN / "fxcm/minute/nzdusd/20140504_quote.zip", "ask", zone="Etc/GMT+5")
    assert differences(bars, expected[:-1]) == []
    assert summary["rejected"] == {}
    assert summary["crossed"] > 0


def test_dukascopy_bi5(vendor_data: Path, tmp_path: Path) -> None:
    """One hour's binary file, bid; its candles have the whole day."""
    folder = vendor_data / "dukascopy_bi5/EURUSD/2019/01/04"
    bars, _ = bars_of(tmp_path, folder / "13h_ticks.bi5", "EURUSD", "1m", "--format", "dukascopy-bi5", "--price", "bid")
    hour = candles(folder / "BID_candles_min_1.bi5", datetime.datetime(2019, 2, 4, tzinfo=datetime.UTC))[
        13 * 60 : 14 * 60 - 1
    ]
    assert len(bars) == 59
    assert differences(bars, hour, volume=False) == []


def test_dukascopy_csv(vendor_data: Path, tmp_path: Path) -> None:
    """Its export, mid, ask before bid and days first; mids to the vendor's five decimals."""
    source = vendor_data / "dukascopy_csv/CADJPY_tick.csv.gz"
    options = ("--format", "dukascopy-csv", "--symbol", "CADJPY", "--price", "mid", "--timeframes", "1m,1h")
    bars, _ = bars_of(tmp_path, source, "CADJPY", "1m", *options)
    rounded = [VendorBar(bar.start_ns, *(round(price, 5) for price in bar[1:5]), 0.0) for bar in bars]  # type: ignore[call-arg]
    assert differences(rounded, cadjpy_minutes(vendor_data)[:-1], volume=False) == []


def test_binance(vendor_data: Path, tmp_path: Path, trades_csv: Path) -> None:
    """Trades as a plain CSV of which the columns are named, in a market that never closes."""
    columns = "time=timestamp,id=id,price=price,size=amount"
    options = ("--symbol", "XRPETH", "--columns", columns, "--time-format", "ms", "--calendar", "crypto")
    bars, summary = bars_of(tmp_path, trades_csv, "XRPETH", "1m", "--format", "csv", "--price", "last", *options)
    expected = minutes_of((row[0] * 1_000_000, row[4], row[5]) for row in binance_trades(vendor_data))
    assert differences(bars, expected[:-1]) == []
    assert summary["bars"]["1m"] == 2_468


def test_oanda_v20(vendor_data: Path, tmp_path: Path) -> None:
    """Hours in, days on the New York close out, through the clock change of March 2020."""
    folder = vendor_data / "bars_oanda_v20"
    source = folder / "EUR_USD_H1.csv.gz"
    bars, _ = bars_of(tmp_path, source, "EUR_USD", "1d", "--format", "oanda", "--timeframes", "1h,4h,1d")
    theirs = {bar.start_ns: bar for bar in oanda_bars(folder / "EUR_USD_D.csv.gz")}
    assert len(bars) > 200
    assert differences(bars[1:], [theirs[bar.start_ns] for bar in bars[1:]]) == []


def test_metatrader(vendor_data: Path, tmp_path: Path) -> None:
    """A broker's 4h bars to its days, by a calendar file of four lines."""
    (tmp_path / "eet.toml").write_text(ATHENS)
    source = vendor_data / "bars_mt5_eet/GBPUSDd1.csv.gz"
    options = ("--format", "metatrader-points", "--calendar", str(tmp_path / "eet.toml"), "--timeframes", "1d")
    bars, summary = bars_of(tmp_path, source, "GBPUSD", "1d", *options)
    assert summary["rejected"] == {}
    assert differences(bars, server_bars(vendor_data, "d1")[:-1]) == []


def test_lean_equities(vendor_data: Path, tmp_path: Path) -> None:
    """SPY's minutes by the exchange's calendar, a folder of zips: what is outside of regular hours is counted."""
    folder = vendor_data / "lean/equity/usa/minute/spy"
    bars, summary = bars_of(tmp_path, folder, "SPY", "1m", "--calendar", "us_equities", "--timeframes", "1m,1d")
    minutes = [
        bar for path in sorted(folder.glob("*.zip")) for bar in lean_bars(path, "trade", zone="America/New_York")
    ]
    inside = [bar for bar in minutes if regular(bar)]
    assert differences(bars, inside[:-1]) == []
    assert summary["rejected"] == {"closed": len(minutes) - len(inside)}


def test_ninjatrader(vendor_data: Path, tmp_path: Path) -> None:
    """Stamped at their close: found by sight, and each starts a minute before its stamp."""
    source = vendor_data / "ninjatrader/nt-spy-minute-2011.csv.gz"
    bars, _ = bars_of(tmp_path, source, "SPY", "1m", "--calendar", "crypto", "--timeframes", "1m")
    assert differences(bars, closing_bars(vendor_data)[:-1]) == []
