"""Dukascopy's .bi5 tick and candle files, in its folders, and its CSV exports.

`EURUSD/2019/01/04/13h_ticks.bi5` is the hour from 13:00 UTC on 4 February 2019: the month's folder counts from zero. An
empty file is an hour without ticks. Candles of one side are in the folder of their day, month or year, and are read as
quotes of that side. Flat candles with volume 0 are filled in by Dukascopy, and are read unchanged. Candles of the CSV
export are bars of the side in their name; as with any vendor's bars, `--side` makes them one-sided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from mtf.errors import ConfigError, OptionNeeded
from mtf.events.bar_rows import length_code
from mtf.events.block import HAS_ASK, HAS_BID
from mtf.sources.file_format import CERTAIN, LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.formats.dotted import DOTTED_BARS, dotted_bars
from mtf.sources.formats.points import dukascopy_point
from mtf.sources.guess import SniffedTable, look, shift_of
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FILE, BY_FORMAT, BY_USER, ReadAs
from mtf.sources.records import CandleRecords, TickRecords
from mtf.sources.row_reader import Reader
from mtf.sources.stamps import civil_day
from mtf.timeframe import Timeframe
from mtf.units import DAY_NS, HOUR_NS

__all__ = ["CANDLES", "CSV", "TICKS"]

_TICKS: Final = re.compile(r"(?P<symbol>[^/]+)/(?P<y>\d{4})/(?P<m>\d{2})/(?P<d>\d{2})/(?P<h>\d{2})h_ticks\.bi5$")
_CANDLES: Final = re.compile(
    r"(?P<symbol>[^/]+)/(?P<y>\d{4})/(?:(?P<m>\d{2})/(?:(?P<d>\d{2})/)?)?"
    r"(?P<side>BID|ASK)_candles_(?P<unit>min|hour|day)_1\.bi5$"
)
_UNITS: Final = {"min": "1m", "hour": "1h", "day": "1d"}

# Names of exports, EURUSD_Candlestick_1_M_BID_01.01.2020-31.12.2020, of JForex, EURUSD_15 Mins_Bid_2020...,
# and of the tool dukascopy-node, eurusd-m15-bid-2020-01-01-2020-12-31.
_EXPORT_NAME: Final = re.compile(
    r"(?P<symbol>[A-Za-z0-9.]+)_(?:Candlestick_(?P<count>\d+)_(?P<unit>s|m|h|d|w|mn|min|hour|day)_(?P<side>BID|ASK)|Ticks)_\d",
    re.IGNORECASE,
)
_JFOREX_NAME: Final = re.compile(
    r"(?P<symbol>[A-Za-z0-9.]+)_(?:(?P<count>\d+) (?P<unit>secs?|mins?|hours?)|(?P<length>hourly|daily|weekly|monthly))"
    r"_(?P<side>bid|ask)_\d.*",
    re.IGNORECASE,
)
_NODE_NAME: Final = re.compile(
    r"(?P<symbol>[a-z0-9]+)-(?P<length>tick|s1|m1|m5|m15|m30|h1|h4|d1|mn1)(?:-(?P<side>bid|ask))?-\d{4}-\d\d-\d\d.*"
)
_EXPORT_UNITS: Final = {"mn": "mo", "sec": "s", "min": "m", "hour": "h", "day": "d"}
_LENGTHS: Final = {
    "s1": "1s", "m1": "1m", "m5": "5m", "m15": "15m", "m30": "30m", "h1": "1h", "h4": "4h", "d1": "1d", "mn1": "1mo",
    "hourly": "1h", "daily": "1d", "weekly": "1w", "monthly": "1mo",
}  # fmt: skip
_TIME: Final = re.compile(r"(?:Gmt|Local) time|Time \((?P<zone>EET|UTC|GMT)\)", re.IGNORECASE)
_ZONES: Final = {"EET": "Europe/Athens"}
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("gmttime", "localtime", "time", "timestamp"),
    "bid": ("bid", "bidprice"),
    "ask": ("ask", "askprice"),
    "bid_size": ("bidvolume",),
    "ask_size": ("askvolume",),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume",),
}


def _start_ns(match: re.Match[str]) -> int:
    """Return the start of the year, month, day or hour in the path."""
    words = match.groupdict()
    month, day, hour = int(words["m"] or 0), int(words["d"] or 1), int(words.get("h") or 0)
    if month > 11 or not 1 <= day <= 31 or hour > 23:
        raise ConfigError("no such month, day or hour: Dukascopy's paths are year/month/day/hour, with months from 00")
    return civil_day(int(words["y"]), month + 1, day) * DAY_NS + hour * HOUR_NS


def _point(symbol: str, options: FormatOptions) -> tuple[int, str]:
    """Return the power of ten of one point of *symbol*, and its source."""
    if options.point is not None:
        return shift_of(options.point, 0), BY_USER
    power = dukascopy_point(symbol)
    if power is None:
        raise OptionNeeded(
            f"the point size of {symbol} in Dukascopy's files is unknown: give {{point}} if 1,234,567 points "
            "are 1234.567",
            point=0.001,
        )
    return power, BY_FORMAT


def _path(part: InputFile) -> str:
    return part.path.absolute().as_posix()


def _plan_ticks(part: InputFile, options: FormatOptions) -> Plan:
    match = _TICKS.search(_path(part))
    if match is None:
        raise ConfigError(
            "the path of such a file says its hour, as in EURUSD/2019/01/04/13h_ticks.bi5, and this path does not: "
            "keep Dukascopy's folders"
        )
    symbol, start_ns = options.symbol or match["symbol"], _start_ns(match)
    power, power_by = _point(match["symbol"], options)
    place = part.place

    def reader() -> Reader:
        return TickRecords(place, symbol, start_ns, float(10**-power))

    read_as = ReadAs(kind="quotes", zone="UTC", zone_by=BY_FORMAT, point=f"1e{power}", point_by=power_by)
    return Plan(kind="quotes", symbol=symbol, reader=reader, start_ns=start_ns, read_as=read_as)


def _plan_candles(part: InputFile, options: FormatOptions) -> Plan:
    match = _CANDLES.search(_path(part))
    if match is None:
        raise ConfigError(
            "the path of such a file says its date, as in EURUSD/2019/01/04/BID_candles_min_1.bi5, and this path does "
            "not: keep Dukascopy's folders"
        )
    symbol, start_ns = options.symbol or match["symbol"], _start_ns(match)
    power, power_by = _point(match["symbol"], options)
    timeframe = Timeframe(_UNITS[match["unit"]])
    side, place = match["side"].lower(), part.place

    def reader() -> Reader:
        has = HAS_BID if side == "bid" else HAS_ASK
        return CandleRecords(place, symbol, start_ns, float(10**-power), length_code(timeframe), has)

    read_as = ReadAs(
        kind="bars",
        zone="UTC",
        zone_by=BY_FORMAT,
        timeframe=str(timeframe),
        timeframe_by=BY_FILE,
        stamp="open",
        side=side,
        point=f"1e{power}",
        point_by=power_by,
    )
    return Plan(kind=f"{side} bars {timeframe}", symbol=symbol, reader=reader, start_ns=start_ns, read_as=read_as)


def _sniff_csv(part: InputFile) -> int:
    table = look(part)
    if table is None or not table.rows:
        return NO
    if table.header is None:
        return LIKELY + 1 if dotted_bars(table) and "dukascopy" in part.place.lower() else NO
    named = set(table.named())
    if _NODE_NAME.fullmatch(part.stem) and "timestamp" in named:
        return LIKELY + 1
    ticks = {"ask", "bid", "askvolume", "bidvolume"} <= named
    return LIKELY if ticks or _TIME.fullmatch(table.header[0]) else NO


def _plan_csv(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    names = (_EXPORT_NAME.match(part.stem), _JFOREX_NAME.fullmatch(part.stem), _NODE_NAME.fullmatch(part.stem))
    match = next(filter(None, names), None)
    symbol, timeframe, side = (match["symbol"].upper(), _length(match), match["side"]) if match else ("", None, None)
    zone = "UTC"
    if table is not None:
        if table.header is None:
            options = with_columns(options, DOTTED_BARS)
        else:
            time = _TIME.fullmatch(table.header[0])
            zone = _ZONES.get(time["zone"] or "", zone) if time else zone
            options = with_columns(options, _columns(table))
    plan = guessed_plan(part, options, symbol=symbol, zone=zone, zone_by=BY_FORMAT, timeframe=timeframe)
    # If a folder has both sides, one must be chosen: they are two markets.
    return attrs.evolve(plan, kind=f"{side.lower()} {plan.kind}") if side and plan.kind.startswith("bars") else plan


def _columns(table: SniffedTable) -> dict[str, int]:
    """Return the columns of Dukascopy's header, the time first; prices may have the word price."""
    return {"time": 0} | table.find(_NAMES)


def _length(match: re.Match[str]) -> Timeframe | None:
    words = match.groupdict()
    if words.get("unit"):
        unit = words["unit"].lower().removesuffix("s") or "s"
        return Timeframe(f"{words['count']}{_EXPORT_UNITS.get(unit, unit)}")
    length = (words.get("length") or "").lower()
    return Timeframe(_LENGTHS[length]) if length in _LENGTHS else None


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
    plan=_plan_csv,
    times="UTC, stamped at the open",
)
