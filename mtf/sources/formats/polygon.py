"""Polygon's flat files (Massive's, since 2025): aggregates, trades and quotes of all tickers of a day, by ticker.

Aggregates are `ticker,volume,open,close,high,low,window_start,transactions`, their times in nanoseconds since 1970. The
path gives their length, `minute_aggs_v1` or `day_aggs_v1`; a day starts at midnight in New York, for crypto in UTC.
Trades and quotes without a SIP time have the participant's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_BARS: Final = {"ticker", "open", "high", "low", "close", "windowstart"}
_TRADES: Final = {"ticker", "price", "participanttimestamp"}
_QUOTES: Final = {"ticker", "askprice", "bidprice", "participanttimestamp"}
_PATH: Final = re.compile(r"(?P<length>second|minute|hour|day)_(?:aggs|candlesticks)")
_LENGTHS: Final = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d"}

_BAR_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "symbol": ("ticker",),
    "time": ("windowstart",),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume",),
}
_TRADE_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "symbol": ("ticker",),
    "time": ("siptimestamp", "participanttimestamp"),
    "price": ("price",),
    "size": ("size",),
}
_QUOTE_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "symbol": ("ticker",),
    "time": ("siptimestamp", "participanttimestamp"),
    "bid": ("bidprice",),
    "ask": ("askprice",),
    "bid_size": ("bidsize",),
    "ask_size": ("asksize",),
}


def _roles(table: SniffedTable) -> Mapping[str, tuple[str, ...]] | None:
    named = set(table.named())
    for needed, roles in ((_BARS, _BAR_ROLES), (_QUOTES, _QUOTE_ROLES), (_TRADES, _TRADE_ROLES)):
        if needed <= named:
            return roles
    return None


def _sniff(part: InputFile) -> int:
    table = look(part)
    return LIKELY + 1 if table is not None and table.header is not None and _roles(table) is not None else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    roles = _roles(table) if table is not None and table.header is not None else None
    timeframe = None
    if table is not None and roles is not None:
        match = _PATH.search(part.path.absolute().as_posix())
        timeframe = Timeframe(_LENGTHS[match["length"]]) if match is not None else None
        options = with_columns(attrs.evolve(options, time_format=options.time_format or "ns"), table.find(roles))
    crypto = table is not None and any(row[0].startswith("X:") for row in table.rows[:20])
    return guessed_plan(
        part, options, zone="UTC" if crypto else "America/New_York", zone_by=BY_FORMAT, timeframe=timeframe
    )


FORMAT: Final = Format(
    name="polygon", description="Polygon's flat files: aggregates, trades and quotes", sniff=_sniff, plan=_plan
)
