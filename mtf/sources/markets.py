"""Whether the rows of a table belong to one market: an unknown column of words may name the market.

Two markets are never read as one. If the words of a column differ, and it is not known to mean something else, an
option is needed; if they do not differ at the start of the file, the reader watches the column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mtf.errors import OptionNeeded
from mtf.sources.cells import WORDS, kind_of, mostly, plain
from mtf.sources.local_time import NO_TIME_MAX
from mtf.sources.sniffing import SniffedTable
from mtf.sources.text_table import several_markets

__all__ = ["check_one_market"]

# Headings, and words in cells, of columns that distinguish rows of one market.
_OTHER: Final = frozenset(
    re.findall(
        r"\w+",
        "side type direction aggressor aggressorside takerside makerside liquidity exchange venue mic source feed cond "
        "conds conditions condition saleconditions salecondition tradeconditions indicators flags flag tickdirection "
        "isbuyermaker isbestmatch buyermaker maker ordertype misc miscellaneous comment comments note notes remark "
        "remarks currency status session tradetype event action series weekday dayofweek day tape correction timezone "
        "tz zone",
    )
)
_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "buy sell b s bid ask bids asks true false t f y n yes no up down maker taker buyer seller long short limit "
        "market l m u d open close zeroplustick zerominustick plustick minustick",
    )
)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^=_-]{0,11}([/:][A-Za-z0-9.^=_-]{1,11})?")


def check_one_market(table: SniffedTable, used: Iterable[int], times: Sequence[int], *, bars: bool) -> tuple[int, ...]:
    """Return the columns of *table*, besides those *used*, whose content must not change from row to row.

    *times* are those of its rows, NO_TIME_MAX or less for a missing one. OptionNeeded if a column seems to tell markets
    apart: by its words, or because time increases among the rows of each of its values, but not from row to row.
    """
    taken = set(used)
    watched = []
    goes_on = _goes_on(times, bars=bars)
    for column in range(table.fields):
        heading = table.header[column] if table.header is not None else ""
        cells = table.column(column)
        if column in taken or not cells:
            continue
        other = plain(heading) in _OTHER  # venues of one market may each have their own order of trades
        suspect = not goes_on and (bars or not other)
        if suspect and _has_its_own_times([row[column] for row in table.rows], times, bars=bars):
            raise _two_of(cells, heading or str(column))
        written = table.written(column)
        wordy = {shape for shape in set(written) if kind_of(shape) == WORDS}
        words = [cell for cell, shape in zip(cells, written, strict=True) if shape in wordy] if wordy else []
        if other or not mostly(len(words), len(cells)):
            continue
        different = dict.fromkeys(words)
        if all(word.lower() in _WORDS for word in different):
            continue
        if len(different) == 1:
            watched.append(column)
        elif len(different) * 2 <= len(words) or all(_NAME.fullmatch(word) for word in different):
            raise _two_of(words, heading or str(column))
    return tuple(watched)


def _goes_on(times: Sequence[int], *, bars: bool) -> bool:
    """Whether time increases from row to row, so that it does not show columns that tell markets apart."""
    if not times or min(times) <= NO_TIME_MAX:
        return not times
    ordered = sorted(times)
    return ordered == times and not (bars and len(set(times)) < len(ordered))


def _has_its_own_times(cells: Sequence[str], times: Sequence[int], *, bars: bool) -> bool:
    """Whether time stands still or goes back from row to row, but increases among the rows of each value of a column.

    Each bar of a market has its own time; its ticks may share one.
    """
    least = 1 if bars else 0
    newest: dict[str, int] = {}
    before: tuple[str, int] | None = None
    back = count = 0
    for cell, time in zip(cells, times, strict=True):
        if time <= NO_TIME_MAX:
            continue
        count += 1
        if before is not None and time - before[1] < least:
            back += 1
        if cell in newest and time - newest[cell] < least:
            return False
        newest[cell] = time
        before = (cell, time)
    return back > 0 and 1 < len(newest) <= count // 2


def _two_of(cells: Sequence[str], heading: str) -> OptionNeeded:
    first, second, *_ = dict.fromkeys(cells)
    return several_markets("", heading, second, first)
