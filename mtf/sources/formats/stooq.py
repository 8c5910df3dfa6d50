"""Bars with a `<TICKER>` in each row: Stooq's bulk files, and others of the MetaStock family (Finam, brokers).

`<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>`, with the length of the bars in `<PER>`: in
minutes, or D, W and M. Stamped at the open. Stooq's tickers have their market after a point (AAPL.US), and its times
are Warsaw's; for other tickers the zone must be given, unless the bars are daily.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.errors import ConfigError, OptionNeeded
from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import ASSUMED, BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

ZONE: Final = "Europe/Warsaw"

_PRICES: Final = ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>")
_DATES: Final = ("<DATE>", "<DTYYYYMMDD>")
_VOLUMES: Final = ("<VOL>", "<VOLUME>")
_STOOQ_TICKER: Final = re.compile(r"[A-Z0-9_&^-]+\.[A-Z]{1,3}")
_LONG: Final = {"D": "1d", "W": "1w", "M": "1mo"}
_TICK_LENGTHS: Final = frozenset({"0", "T", "TICK"})
_DAY: Final = Timeframe("1d")
_DAY_MINUTES: Final = 24 * 60


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None or not table.rows:
        return NO
    named = table.capitals()
    if not (any(date in named for date in _DATES) and all(price in named for price in _PRICES)):
        return NO
    if "<TICKER>" in named:
        return LIKELY + 1
    metatrader = "<TICKVOL>" in named or "<SPREAD>" in named
    if "<TIME>" not in named:
        return NO  # days without a ticker: any table of dates
    return NO if metatrader else LIKELY + 1 if "stooq" in part.venue.split() else LIKELY


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is None or not table.rows:
        return guessed_plan(part, options)
    named = table.capitals()
    options = with_columns(options, _columns(named))
    timeframe = _length(table, named) if options.timeframe is None else None
    days = "<TIME>" not in named or (timeframe or options.timeframe or Timeframe("1m")).length_ns >= _DAY.length_ns
    stooq = "<TICKER>" not in named or bool(_STOOQ_TICKER.fullmatch(table.rows[0][named["<TICKER>"]]))
    if not stooq and not days and options.zone is None:
        raise OptionNeeded(
            "the file does not tell the zone of its times: give {zone} if they are Stooq's, or Europe/Moscow for "
            "Finam's",
            zone=ZONE,
        )
    zone = "UTC" if days else ZONE
    return guessed_plan(part, options, zone=zone, zone_by=BY_FORMAT if days else ASSUMED, timeframe=timeframe)


def _columns(named: dict[str, int]) -> dict[str, str | int]:
    found: dict[str, str | int] = {"time": next(named[name] for name in _DATES if name in named)}
    found |= {name[1:-1].lower(): named[name] for name in _PRICES}
    roles = {"<TICKER>": "symbol", "<TIME>": "clock"} | dict.fromkeys(_VOLUMES, "volume")
    return found | {role: named[name] for name, role in roles.items() if name in named}


def _length(table: SniffedTable, named: dict[str, int]) -> Timeframe | None:
    """Return the length in `<PER>`; None if there is no such column."""
    if "<PER>" not in named:
        return None
    periods = dict.fromkeys(row[named["<PER>"]].upper() for row in table.rows)
    if len(periods) > 1:
        raise ConfigError(f"<PER> is {' and '.join(periods)}: bars of several lengths: split the file by <PER>")
    word = next(iter(periods))
    if word in _TICK_LENGTHS:
        raise OptionNeeded(f"<PER> is {word}, which is not a length of bars: give {{timeframe}}", timeframe="1m")
    if word in _LONG:
        return Timeframe(_LONG[word])
    if not word.isdigit() or not 0 < int(word) <= _DAY_MINUTES:
        raise OptionNeeded(f"<PER> is {word!r}, which is unknown: give {{timeframe}}", timeframe="1m")
    return Timeframe("1d" if int(word) == _DAY_MINUTES else f"{int(word)}m")


FORMAT: Final = Format(
    name="stooq",
    description="Stooq's bulk files, and others with <TICKER> and <PER>",
    sniff=_sniff,
    plan=_plan,
    times="Europe/Warsaw, stamped at the open",
)
