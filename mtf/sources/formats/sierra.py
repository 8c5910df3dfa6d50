"""Sierra Chart's text exports: `Date, Time, Open, High, Low, Last, Volume, # of Trades, ..., Bid Volume, Ask Volume`.

`Last` is the close. Times are in the zone of the exported chart, which the file does not tell; UTC is assumed if no
zone is given, and the summary says so. Exported ticks have an open of 0 and are read as trades at `Last`. Stamped at
the open.
"""

from __future__ import annotations

from typing import Final

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import ASSUMED

__all__ = ["FORMAT"]

_NEEDED: Final = {"date", "time", "open", "high", "low", "last", "volume"}
_OWN: Final = {"oftrades", "numberoftrades", "ohlcavg", "hlcavg", "hlavg", "bidvolume", "askvolume"}
_ROLES: Final = {
    "date": "time",
    "time": "clock",
    "open": "open",
    "high": "high",
    "low": "low",
    "last": "close",
    "volume": "volume",
}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    named = set(table.named())
    return LIKELY + 1 if named >= _NEEDED and named & _OWN else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is not None and table.rows and table.header is not None:
        named = table.named()
        if _ticks(table, named):
            columns = {"time": named["date"], "clock": named["time"], "price": named["last"], "size": named["volume"]}
        else:
            columns = {role: named[name] for name, role in _ROLES.items() if name in named}
        options = with_columns(options, columns)
    return guessed_plan(part, options, zone_by=ASSUMED)


def _ticks(table: SniffedTable, named: dict[str, int]) -> bool:
    """Whether the rows are single trades: their open is 0, as Sierra Chart marks them."""
    opens = table.column(named["open"]) if "open" in named else []
    return bool(opens) and all(cell.strip("0.") == "" for cell in opens)


FORMAT: Final = Format(
    name="sierra", description="Sierra Chart's text exports: bars and ticks", sniff=_sniff, plan=_plan
)
