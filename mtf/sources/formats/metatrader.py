"""MetaTrader: exports of versions 4 and 5, and the data set of ejtraderLabs, which has prices in points.

Version 5 writes `<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>` and, for ticks, `<DATE> <TIME>
<BID> <ASK> <LAST> <VOLUME> <FLAGS>`, where an empty side is unchanged; version 4 writes bars without a header, in files
such as `EURUSD60.csv`. All are in the time of the broker's server, usually that of Athens (override it with `--zone`),
and bars are stamped at their open.

The data set's points have float noise (130583.99999999999), by which they are recognized under any name, and are
rounded to whole points. The size of a point is known for the symbols in the data set.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.errors import OptionNeeded
from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.formats.dotted import DOTTED_BARS, dotted_bars
from mtf.sources.guess import SniffedTable, look, shift_of
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import ASSUMED
from mtf.timeframe import Timeframe

__all__ = ["EXPORT", "POINTS"]

SERVER_ZONE: Final = "Europe/Athens"
POINT_DIGITS_MIN: Final = 5  # of a price in points
NOISE: Final = 1e-4  # in points, far more than a float's

_BARS: Final = {"<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>"}
_TICKS: Final = {"<DATE>", "<TIME>", "<BID>", "<ASK>", "<FLAGS>"}
_TICK_ROLES: Final = {
    "<DATE>": "time",
    "<TIME>": "clock",
    "<BID>": "bid",
    "<ASK>": "ask",
    "<LAST>": "price",
    "<VOLUME>": "size",
}
_NAME_5: Final = re.compile(r".+?_(?P<length>[MH]\d{1,2}|D1|W1|MN1|Daily|Weekly|Monthly)_\d{12}_\d{12}", re.IGNORECASE)
_NAME_4: Final = re.compile(r"(?P<symbol>[A-Z0-9#.]*[A-Z][A-Za-z.]*)(?P<minutes>1|5|15|30|60|240|1440|10080|43200)")
_MINUTES: Final = {"60": "1h", "240": "4h", "1440": "1d", "10080": "1w", "43200": "1mo"}

_POINTS_NAME: Final = re.compile(r"(?P<symbol>[A-Z]{6})(?P<length>m15|m30|h1|h4|d1)")
_NOISY: Final = re.compile(r"\d+\.(?:9{6,}|0{6,})\d+")
_POINTS_HEADER: Final = ["Date", "open", "high", "low", "close", "tick_volume"]
# Of ejtraderLabs' twelve symbols, seen in its files (github.com/ejtraderLabs/historical-data).
_POINTS: Final = {
    **dict.fromkeys(("AUDUSD", "EURCHF", "EURGBP", "EURUSD", "GBPUSD", "USDCAD", "USDCHF"), -5),
    **dict.fromkeys(("AUDJPY", "EURJPY", "GBPJPY", "USDJPY"), -3),
    "XAUUSD": -2,
}


def _sniff_export(part: InputFile) -> int:
    table = look(part)
    if table is None:
        return NO
    if table.header is None:
        if not dotted_bars(table):
            return NO
        return LIKELY + 1 if _NAME_4.fullmatch(part.stem) or _says_metatrader(part) else LIKELY
    named = table.capitals().keys()
    if named >= _TICKS or (named >= _BARS and ("<TICKVOL>" in named or "<SPREAD>" in named)):
        return LIKELY + 1
    if named >= {*_BARS, "<TIME>"} and "<TICKER>" not in named:  # days have no times, and so no zone
        return LIKELY + 1 if _says_metatrader(part) else LIKELY
    return NO


def _says_metatrader(part: InputFile) -> bool:
    return bool({"mt4", "mt5", "metatrader"} & set(part.venue.split()))


def _plan_export(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    symbol, timeframe, more = "", None, {}
    named = table.capitals() if table is not None else {}
    if named.keys() >= _TICKS:
        more = {"notes": ()}  # each column with a price or a size is used in some row
        options = attrs.evolve(options, blank=options.blank or "unchanged", kind=options.kind or "quotes")
        options = with_columns(options, {_TICK_ROLES[name]: at for name, at in named.items() if name in _TICK_ROLES})
    elif table is not None and table.header is None and dotted_bars(table):
        match = _NAME_4.fullmatch(part.stem)
        if match is not None:
            symbol = match["symbol"].upper()
            timeframe = Timeframe(_MINUTES.get(match["minutes"], f"{match['minutes']}m"))
        options = with_columns(options, DOTTED_BARS)
    else:
        timeframe = _length(_NAME_5.fullmatch(part.stem))
    return guessed_plan(part, options, symbol=symbol, zone=SERVER_ZONE, zone_by=ASSUMED, timeframe=timeframe, **more)


def _length(match: re.Match[str] | None) -> Timeframe | None:
    """Return the length of bars in a name: H4 is 4h, MN1 is 1mo."""
    return None if match is None else Timeframe(match["length"])


def _sniff_points(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header != _POINTS_HEADER or not table.rows:
        return NO
    named = _POINTS_NAME.fullmatch(part.stem) or any(map(_NOISY.fullmatch, (row[1] for row in table.rows)))
    return LIKELY if named and _in_points(table) else NO


def _in_points(table: SniffedTable) -> bool:
    """Whether every price of *table* is large, and a whole number except for float noise."""
    try:
        prices = [float(cell) for row in table.rows for cell in row[1:5]]
    except ValueError:
        return False
    whole = all(abs(price - round(price)) < NOISE for price in prices)
    return whole and min(prices) >= 10 ** (POINT_DIGITS_MIN - 1)


def _plan_points(part: InputFile, options: FormatOptions) -> Plan:
    match = _POINTS_NAME.fullmatch(part.stem)
    symbol = match["symbol"] if match is not None else options.symbol or part.symbol
    shift = shift_of(options.point, _POINTS.get(symbol, 0))
    if options.point is None and not shift:
        raise OptionNeeded(f"the point size of {symbol} is unknown: give {{point}}", point=0.01)
    return guessed_plan(
        part, options, zone=SERVER_ZONE, zone_by=ASSUMED, timeframe=_length(match), shift=shift, whole=True
    )


EXPORT: Final = Format(
    name="metatrader",
    description="MetaTrader's exported bars and ticks, in the time of the broker's server",
    sniff=_sniff_export,
    plan=_plan_export,
    times="the time of the broker's server, stamped at the open",
)
POINTS: Final = Format(
    name="metatrader-points",
    description="MetaTrader bars with prices in points, as ejtraderLabs publishes them",
    sniff=_sniff_points,
    plan=_plan_points,
)
