"""The vendors' own files: every row of them, in UTC, with the counts and quirks that PROVENANCE.md tells of."""

from __future__ import annotations

import datetime
import itertools
import struct
from pathlib import Path
from typing import Any

import pytest

from mtf.errors import ConfigError
from mtf.events.block import ROW_BYTES
from mtf.sources import open_source
from tests.sources.builders import Taken, brief, drain, files_of


def ns(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(datetime.datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


# path, options, format, symbols, rows, first and last time (of bars: where they begin, if dated at midnight UTC)
TICKS: list[tuple[str, dict[str, Any], str, str, int, str, str]] = [
    (
        "lean/forex/oanda/tick/eurusd",
        {},
        "lean",
        "EURUSD",
        273_925,
        "2014-05-01 00:00:00.292",
        "2014-05-08 23:59:49.008",
    ),
    (
        "dukascopy_bi5/EURUSD",
        {"format": "dukascopy-bi5"},
        "dukascopy-bi5",
        "EURUSD",
        266_219,
        "2019-02-04 00:00:00.994",
        "2019-02-05 23:59:59.765",
    ),
    (
        "dukascopy_bi5/GBPJPY",
        {},
        "dukascopy-bi5",
        "GBPJPY",
        112_785,
        "2012-12-07 00:00:02.527",
        "2012-12-10 23:59:58.627",
    ),
    (
        "dukascopy_csv/CADJPY_tick.csv.gz",
        {},
        "dukascopy-csv",
        "CADJPY",
        52_948,
        "2012-05-01 00:00:01.680",
        "2012-05-01 23:59:50.267",
    ),
    (
        "histdata/quote_tick_data.csv.gz",
        {"symbol": "EURUSD"},
        "histdata",
        "EURUSD",
        9_500,
        "2020-01-01 22:00:00.065",
        "2020-01-02 04:00:52.125",
    ),
    ("truefx/usdjpy-ticks.csv", {}, "csv", "USDJPY", 1_000, "2013-01-01 22:00:00.295", "2013-01-01 22:35:13.494"),
    (
        "trades/binance_XRP_ETH-trades.json.gz",
        {},
        "binance-trades",
        "XRPETH",
        12_477,
        "2019-10-11 00:00:11.620",
        "2019-10-13 11:19:28.844",
    ),
    ("trades/kraken_BCHEUR.csv", {}, "kraken", "BCHEUR", 148, "2023-01-01 00:03:56", "2023-01-01 23:19:47"),
    ("trades/kraken_BCHEUR_q2.csv", {}, "kraken", "BCHEUR", 486, "2023-01-02 00:48:56", "2023-01-02 23:17:03"),
    (
        "trades/trades-mgtox-usd-2013-01-01.csv",
        {},
        "mtgox",
        "BTCUSD",
        2_331,
        "2013-01-01 00:04:19.486096",
        "2013-01-01 23:58:31.193969",
    ),
    (
        "trades/tardis_bitmex_trades_XBTUSD.csv",
        {},
        "tardis",
        "XBTUSD",
        10,
        "2020-03-01 00:00:03.145",
        "2020-03-01 00:00:03.276",
    ),
    (
        "trades/tardis_huobi-dm-swap_quotes_BTC-USD.csv",
        {},
        "tardis",
        "BTC-USD",
        10,
        "2020-05-01 00:00:01.099",
        "2020-05-01 00:00:01.814",
    ),
]
BARS: list[Any] = [
    ("lean/forex/oanda/minute/eurusd", "lean", "bars 1m", "EURUSD", 8_306, "2014-05-01 00:00", "2014-05-08 23:59"),
    ("lean/forex/fxcm/minute/nzdusd", "lean", "bars 1m", "NZDUSD", 8_658, "2014-05-01 05:00", "2014-05-09 04:59"),
    pytest.param(
        "lean/forex/oanda/hour/eurusd.zip",
        "lean",
        "bars 1h",
        "EURUSD",
        74_439,
        "2007-01-01 21:00",
        "2018-12-31 21:00",
        marks=pytest.mark.slow,
    ),
    ("lean/forex/oanda/daily/eurusd.zip", "lean", "bars 1d", "EURUSD", 3_738, "2007-01-01 00:00", "2018-12-31 00:00"),
    pytest.param(
        "lean/forex/fxcm/hour/nzdusd.zip",
        "lean",
        "bars 1h",
        "NZDUSD",
        69_989,
        "2007-03-30 05:00",
        "2018-07-05 04:00",
        marks=pytest.mark.slow,
    ),
    ("lean/forex/fxcm/daily/nzdusd.zip", "lean", "bars 1d", "NZDUSD", 3_487, "2007-03-30 00:00", "2018-07-04 00:00"),
    ("lean/equity/usa/minute/spy", "lean", "bars 1m", "SPY", 4_839, "2013-10-04 08:06", "2013-10-11 23:59"),
    ("lean/equity/usa/daily/spy.zip", "lean", "bars 1d", "SPY", 5_849, "1998-01-02 00:00", "2021-03-31 00:00"),
    (
        "dukascopy_bi5/EURUSD/2019/01/05/BID_candles_min_1.bi5",
        "dukascopy-bi5-candles",
        "bid bars 1m",
        "EURUSD",
        1_440,
        "2019-02-05 00:00",
        "2019-02-05 23:59",
    ),
    (
        "dukascopy_bi5/EURUSD/2019/01/BID_candles_hour_1.bi5",
        "dukascopy-bi5-candles",
        "bid bars 1h",
        "EURUSD",
        672,
        "2019-02-01 00:00",
        "2019-02-28 23:00",
    ),
    (
        "dukascopy_bi5/EURUSD/2019/BID_candles_day_1.bi5",
        "dukascopy-bi5-candles",
        "bid bars 1d",
        "EURUSD",
        365,
        "2019-01-01 00:00",
        "2019-12-31 00:00",
    ),
    (
        "dukascopy_csv/cadjpy_m1.csv.gz",
        "dukascopy-csv",
        "bars 1m",
        "CADJPY",
        1_440,
        "2012-05-01 00:00",
        "2012-05-01 23:59",
    ),
    (
        "ninjatrader/nt-spy-minute-2011.csv.gz",
        "ninjatrader",
        "bars 1m",
        "SPY",
        14_180,
        "2011-01-03 09:00",
        "2011-02-01 00:59",
    ),
    ("bars_oanda_v20/EUR_USD_M1.csv.gz", "oanda", "bars 1m", "EUR_USD", 5_000, "2020-08-25 07:03", "2020-08-28 20:59"),
    ("bars_oanda_v20/EUR_USD_M5.csv.gz", "oanda", "bars 5m", "EUR_USD", 5_000, "2020-08-05 09:40", "2020-08-28 20:55"),
    (
        "bars_oanda_v20/USD_JPY_M30.csv.gz",
        "oanda",
        "bars 30m",
        "USD_JPY",
        5_000,
        "2020-04-06 16:00",
        "2020-08-28 20:30",
    ),
    ("bars_oanda_v20/AUD_USD_H1.csv.gz", "oanda", "bars 1h", "AUD_USD", 5_000, "2019-11-08 12:00", "2020-08-28 20:00"),
    ("bars_oanda_v20/EUR_USD_H4.csv.gz", "oanda", "bars 4h", "EUR_USD", 5_000, "2017-06-13 01:00", "2020-08-28 17:00"),
    ("bars_oanda_v20/EUR_USD_D.csv.gz", "oanda", "bars 1d", "EUR_USD", 5_000, "2004-02-26 22:00", "2020-08-27 21:00"),
    pytest.param(
        "bars_mt5_eet/GBPUSDh1.csv.gz",
        "metatrader-points",
        "bars 1h",
        "GBPUSD",
        57_600,
        "2012-11-16 03:00",
        "2022-03-04 21:00",
        marks=pytest.mark.slow,
    ),
    (
        "bars_mt5_eet/GBPUSDh4.csv.gz",
        "metatrader-points",
        "bars 4h",
        "GBPUSD",
        14_400,
        "2012-11-26 18:00",
        "2022-03-04 18:00",
    ),
    (
        "bars_mt5_eet/GBPUSDd1.csv.gz",
        "metatrader-points",
        "bars 1d",
        "GBPUSD",
        2_400,
        "2012-12-04 00:00",
        "2022-03-04 00:00",
    ),
    ("robustness/skender_penny.csv", "csv", "bars 1d", "SKENDER_PENNY", 533, "2018-12-21 00:00", "2021-02-03 00:00"),
    ("robustness/skender_zeros.csv", "csv", "bars 1d", "SKENDER_ZEROS", 200, "2017-01-03 00:00", "2017-10-17 00:00"),
]


@pytest.mark.parametrize(("path", "options", "form", "symbol", "rows", "first", "last"), TICKS)
def test_ticks(
    vendor_data: Path, path: str, options: dict[str, Any], form: str, symbol: str, rows: int, first: str, last: str
) -> None:
    source = open_source(vendor_data / path, **options)
    assert source.identity()["format"] == [form]
    taken = drain(source)
    assert (taken.count, taken.symbols.names, taken.refused) == (rows, [symbol], [])
    times = times_of(taken)
    assert (times[0], times[-1]) == (ns(first), ns(last))
    assert all(a <= b for a, b in itertools.pairwise(times))


@pytest.mark.parametrize(("path", "form", "kind", "symbol", "rows", "first", "last"), BARS)
def test_bars(
    vendor_data: Path, path: str, form: str, kind: str, symbol: str, rows: int, first: str, last: str
) -> None:
    source = open_source(vendor_data / path)
    assert source.identity()["format"] == [form]
    assert {planned.plan.kind for planned in files_of(source)} == {kind}
    taken = drain(source)
    assert (taken.count, taken.symbols.names, taken.refused) == (4 * rows, [symbol], [])
    assert (taken.starts[0], taken.starts[-1]) == (ns(first), ns(last))
    assert all(a < b for a, b in itertools.pairwise(times_of(taken)))


def times_of(taken: Taken) -> list[int]:
    return [int.from_bytes(taken.rows[at : at + 8], "little") for at in range(0, len(taken.rows), ROW_BYTES)]


# The first row of each, as its vendor wrote it and as it is to be read.
FIRST: list[tuple[str, dict[str, Any], list[str]]] = [
    ("lean/forex/oanda/tick/eurusd/20140501_quote.zip", {}, ["EURUSD 1398902400.292 1.38676/1.38686 0.0x0.0"]),
    (
        "lean/forex/oanda/minute/eurusd/20140501_quote.zip",
        {},
        [
            "EURUSD 1398902459.999999996 1.38676/1.38686 0.0x0.0 b",
            "EURUSD 1398902459.999999997 1.38686/1.38697 0.0x0.0 b",
            "EURUSD 1398902459.999999998 1.38669/1.3868 0.0x0.0 b",
            "EURUSD 1398902459.999999999 1.38686/1.38697 0.0x0.0 b",
        ],
    ),
    (
        "lean/equity/usa/daily/spy.zip",
        {},
        [
            "SPY 883785599.999999996 97.31x0.0 b",
            "SPY 883785599.999999997 97.53x0.0 b",
            "SPY 883785599.999999998 96.53x0.0 b",
            "SPY 883785599.999999999 97.36x2150000.0 b",
        ],
    ),
    (
        "dukascopy_bi5/EURUSD/2019/01/04/00h_ticks.bi5",
        {},
        ["EURUSD 1549238400.994 1.14543/1.14545 2.059999942779541x1.0"],
    ),
    ("dukascopy_csv/CADJPY_tick.csv.gz", {}, ["CADJPY 1335830401.68 80.911/80.928 1.58x2.33"]),
    (
        "dukascopy_csv/cadjpy_m1.csv.gz",
        {},
        [
            "CADJPY 1335830459.999999996 80.9195x0.0 b",
            "CADJPY 1335830459.999999997 80.934x0.0 b",
            "CADJPY 1335830459.999999998 80.895x0.0 b",
            "CADJPY 1335830459.999999999 80.895x313.0 b",
        ],
    ),
    ("trades/kraken_BCHEUR.csv", {}, ["BCHEUR 1672531436 90.54x1.1044842"]),
    ("trades/binance_XRP_ETH-trades.json.gz", {}, ["XRPETH 1570752011.62 0.00141342x23.0"]),
    ("trades/tardis_huobi-dm-swap_quotes_BTC-USD.csv", {}, ["BTC-USD 1588291201.099 8629.2/8629.3 806.0x5494.0"]),
    (
        "bars_mt5_eet/GBPUSDd1.csv.gz",
        {},
        ["GBPUSD 1354665599.999999996 1.60944x0.0 b", "GBPUSD 1354665599.999999997 1.61303x0.0 b"],
    ),
]


@pytest.mark.parametrize(("path", "options", "ticks"), FIRST)
def test_first_row(vendor_data: Path, path: str, options: dict[str, Any], ticks: list[str]) -> None:
    taken = drain(open_source(vendor_data / path, **options))
    assert [brief(tick) for tick in taken.ticks[: len(ticks)]] == ticks


def test_noise_of_points_is_rounded_away(vendor_data: Path) -> None:
    """160374.00000000003 points are 1.60374."""
    taken = drain(open_source(vendor_data / "bars_mt5_eet/GBPUSDd1.csv.gz"))
    assert taken.ticks[15].price == 1.60374


def test_trades_with_ids_keep_them(vendor_data: Path) -> None:
    taken = drain(open_source(vendor_data / "trades/binance_XRP_ETH-trades.json.gz"))
    assert taken.heap[:19] == b"\x06\x00XRPETH\x08\x0013519807\x08"


def test_crossed_quotes_are_rows_like_others(vendor_data: Path) -> None:
    """FXCM's ticks, in its fixed UTC-5: 7,925 crossed and 5,163 locked ones, genuine, and the gate's to count."""
    taken = drain(open_source(vendor_data / "lean/forex/fxcm/tick"))
    assert (taken.count, taken.symbols.names, taken.refused) == (338_963, ["NZDUSD"], [])
    times = times_of(taken)
    assert (times[0], times[-1]) == (ns("2014-05-01 05:00:00.039"), ns("2014-05-07 04:59:59.552"))
    prices = [struct.unpack_from("<dd", taken.rows, at + 16) for at in range(0, len(taken.rows), ROW_BYTES)]
    assert (sum(ask < bid for bid, ask in prices), sum(ask == bid for bid, ask in prices)) == (7_925, 5_163)


def test_tree_of_dukascopy_with_ticks_and_candles_has_to_be_named(vendor_data: Path) -> None:
    with pytest.raises(ConfigError, match="bid bars 1d and bid bars 1h and bid bars 1m and quotes of EURUSD"):
        open_source(vendor_data / "dukascopy_bi5")
    minutes = open_source(vendor_data / "dukascopy_bi5", pattern="*_min_1.bi5")
    assert drain(minutes).count == 4 * 2_880


@pytest.mark.parametrize("limit", [1, 7, 1_024])
def test_number_of_rows_a_call_changes_nothing(vendor_data: Path, limit: int) -> None:
    path = vendor_data / "lean/equity/usa/minute/spy"
    assert drain(open_source(path), limit).digest == "4d70b19b5e11a364f14b6d17627ec805"


DIGESTS: list[tuple[str, dict[str, Any], str]] = [
    ("lean/forex/fxcm/minute", {}, "3509786511aad4419f37c0847f22ae95"),
    ("dukascopy_bi5/GBPJPY", {}, "e9dcd0a390123351ac5a4862557abf81"),
    ("bars_oanda_v20/EUR_USD_D.csv.gz", {}, "7763f82ccb0870b4bfb34811d1e44cd3"),
    ("trades/trades-mgtox-usd-2013-01-01.csv", {}, "f4aa6eb29239cbd419febab09077ad63"),
]


@pytest.mark.parametrize(("path", "options", "digest"), DIGESTS)
def test_bits_are_the_same_in_both_builds(vendor_data: Path, path: str, options: dict[str, Any], digest: str) -> None:
    assert drain(open_source(vendor_data / path, **options)).digest == digest
