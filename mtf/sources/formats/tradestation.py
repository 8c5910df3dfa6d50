"""TradeStation's exports: `"Date","Time","Open","High","Low","Close","Up","Down"`, or `"Vol","OI"` for days.

Bars are stamped at their close, months come before days, the volume is the sum of up and down. Times are those of the
exchange or of the chart: the file does not tell which, so `--zone` is required.
"""

from __future__ import annotations

from typing import Final

import attrs

from mtf.errors import OptionNeeded
from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_USER

__all__ = ["FORMAT"]

_NEEDED: Final = {"date", "time", "open", "high", "low", "close"}
_VOLUMES: Final = ({"up", "down"}, {"vol", "oi"})


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    named = set(table.named())
    return LIKELY + 1 if named >= _NEEDED and any(volumes <= named for volumes in _VOLUMES) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is None or not table.rows:
        return guessed_plan(part, options)
    days = _daily(table)
    if options.zone is None and not days:
        raise OptionNeeded(
            "TradeStation's times are the exchange's or the chart's, and the file does not tell which: give {zone}",
            zone="America/Chicago",
        )
    if options.time_format is None and _month_first(table):
        options = attrs.evolve(options, time_format="mdy")
    options = attrs.evolve(options, stamp=options.stamp or ("open" if days else "close"))
    named = table.named()
    if days and "vol" in named:  # a daily bar has its date; the time next to it is the session's end
        roles = {"date": "time", "vol": "volume"} | {name: name for name in ("open", "high", "low", "close")}
        options = with_columns(options, {role: named[name] for name, role in roles.items()})
    return guessed_plan(part, options, zone_by=BY_USER)


def _daily(table: SniffedTable) -> bool:
    """Whether each row has a different day: such a bar has its day's date, whatever the time next to it."""
    dates = [row[table.named()["date"]] for row in table.rows]
    return len(dates) > 1 and len(set(dates)) == len(dates)


def _month_first(table: SniffedTable) -> bool:
    """Whether the dates can be as TradeStation writes them, 01/13/2010."""
    cells = [cell.split("/") for cell in table.column(table.named()["date"])]
    return all(len(cell) == 3 and cell[0].isdigit() and 1 <= int(cell[0]) <= 12 for cell in cells)


FORMAT: Final = Format(
    name="tradestation",
    description="TradeStation's exports: bars stamped at their close, in the exchange's time",
    sniff=_sniff,
    plan=_plan,
    times="the exchange's time, stamped at the close",
)
