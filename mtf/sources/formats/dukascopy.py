"""Dukascopy: its .bi5 tick and candle files, in its own folders, and the CSV files that its export writes.

`EURUSD/2019/01/04/13h_ticks.bi5` is the hour from 13:00 UTC on 4 February 2019: the month's folder counts from zero. An
empty file is an hour without ticks. Candles of one side lie with the day, month or year that they are of, and are read
as quotes of that side. Flat candles with volume 0 are Dukascopy's own filling, and are read as they stand.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.errors import ConfigError
from mtf.events.block import HAS_ASK, HAS_BID
from mtf.sources.format import CERTAIN, LIKELY, NO, Format, Options, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.guess import look, shift_of
from mtf.sources.naming import point_shift
from mtf.sources.parts import Part
from mtf.sources.reader import Reader
from mtf.sources.records import CandleRecords, TickRecords
from mtf.sources.stamps import DAY_NS, civil_day
from mtf.timeframe import Timeframe

__all__ = ["CANDLES", "CSV", "TICKS"]

HOUR_NS: Final = 3_600_000_000_000

_TICKS: Final = re.compile(r"(?P<symbol>[^/]+)/(?P<y>\d{4})/(?P<m>\d{2})/(?P<d>\d{2})/(?P<h>\d{2})h_ticks\.bi5$")
_CANDLES: Final = re.compile(
    r"(?P<symbol>[^/]+)/(?P<y>\d{4})/(?:(?P<m>\d{2})/(?:(?P<d>\d{2})/)?)?"
    r"(?P<side>BID|ASK)_candles_(?P<unit>min|hour|day)_1\.bi5$"
)
_UNITS: Final = {"min": "1m", "hour": "1h", "day": "1d"}


def _start_ns(match: re.Match[str]) -> int:
    """Return the start of the year, month, day or hour that the path names."""
    words = match.groupdict()
    month, day, hour = int(words["m"] or 0), int(words["d"] or 1), int(words.get("h") or 0)
    if month > 11 or not 1 <= day <= 31 or hour > 23:
        raise ConfigError("no such month, day or hour: Dukascopy's folders are year/month from 00/day, its files hour")
    return civil_day(int(words["y"]), month + 1, day) * DAY_NS + hour * HOUR_NS


def _points(symbol: str, options: Options) -> float:
    return float(10 ** -shift_of(options.point, point_shift(symbol)))


def _path(part: Part) -> str:
    return part.path.absolute().as_posix()


def _plan_ticks(part: Part, options: Options) -> Plan:
    match = _TICKS.search(_path(part))
    if match is None:
        raise ConfigError(
            "which hour it is of stands in its path, as EURUSD/2019/01/04/13h_ticks.bi5; this path says none"
        )
    symbol, start_ns = options.symbol or match["symbol"], _start_ns(match)
    points = _points(match["symbol"], options)

    def reader() -> Reader:
        return TickRecords(part.place, symbol, start_ns, points)

    return Plan(kind="quotes", symbol=symbol, reader=reader, start_ns=start_ns)


def _plan_candles(part: Part, options: Options) -> Plan:
    match = _CANDLES.search(_path(part))
    if match is None:
        raise ConfigError(
            "what it is of stands in its path, as EURUSD/2019/01/04/BID_candles_min_1.bi5; this path says nothing"
        )
    symbol, start_ns = options.symbol or match["symbol"], _start_ns(match)
    points = _points(match["symbol"], options)
    timeframe = Timeframe(_UNITS[match["unit"]])
    side = HAS_BID if match["side"] == "BID" else HAS_ASK

    def reader() -> Reader:
        return CandleRecords(part.place, symbol, start_ns, points, timeframe.length_ns, side)

    return Plan(kind=f"{match['side'].lower()} bars {timeframe}", symbol=symbol, reader=reader, start_ns=start_ns)


def _sniff_csv(part: Part) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    return LIKELY if {"ask", "bid", "askvolume", "bidvolume"} <= set(table.named()) else NO


TICKS: Final = Format(
    name="dukascopy-bi5",
    description="Dukascopy .bi5 tick files, in folders SYMBOL/YEAR/MONTH from 00/DAY",
    sniff=lambda part: CERTAIN if _TICKS.search(_path(part)) else NO,
    plan=_plan_ticks,
)
CANDLES: Final = Format(
    name="dukascopy-bi5-candles",
    description="Dukascopy .bi5 candle files of one side: minutes, hours or days",
    sniff=lambda part: CERTAIN if _CANDLES.search(_path(part)) else NO,
    plan=_plan_candles,
)
CSV: Final = Format(
    name="dukascopy-csv",
    description="Dukascopy's CSV export: ticks, day first, or candles; UTC",
    sniff=_sniff_csv,
    plan=guessed_plan,
)
