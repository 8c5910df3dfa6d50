"""The calculator: computes one timeframe's indicators, for every symbol, from the aggregator's columns.

Owns a set of indicators per symbol, but no history of values: it commits each bar that closed, previews each row, and
passes the numbers on. Several calculators, in separate processes, may share the symbols of one timeframe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.columns import DAY_SHIFT, FLAGS, NO_BAR, BarClose, Columns
from mtf.bars.judged_block import JudgedBlock
from mtf.errors import CorruptCheckpoint
from mtf.indicators.indicator import bar_flags
from mtf.indicators.symbol_indicators import IndicatorSet
from mtf.indicators.values import Completed, Numbers, Places, places_of

__all__ = ["Calculator", "merged"]

NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class Calculator:
    """Computes one timeframe's indicators for the symbols that it *owns*, by number; live values only if *live*."""

    __slots__ = ("_live", "_owns", "_sets", "items", "width")

    def __init__(self, items: IndicatorSet, live: bool, owns: Callable[[int], bool] | None = None) -> None:
        self.items: Final = items  # a template that sees no bars: each symbol gets a fresh copy
        self.width: Final[i64] = items.width
        self._live: Final = live
        self._owns: Final = owns  # None: all symbols
        self._sets: list[IndicatorSet | None] = []  # by symbol number; None for symbols of another calculator

    def compute(
        self, judged: JudgedBlock, columns: Columns, rows: bool = True, places: Places | None = None
    ) -> Numbers:
        """Return completed values for the closings of *columns*, and live values.

        Live values are computed for all rows if *rows*, else for those with a place in *places*, by default each
        symbol's last row. If a block touches more symbols than it has rows, then for all: `JudgedBlock.wants_rows`.
        """
        rows = judged.wants_rows(rows)
        block = judged.block
        count = block.count
        width = self.width
        while len(self._sets) < len(judged.instruments):
            self._add_symbol()
        sets = self._sets
        size: i64 = 0
        chosen: Places | None = None
        if self._live:
            if not rows:
                chosen = places_of(judged) if places is None else places
            size = (count if chosen is None else chosen.count) * width
        numbers = Numbers(vec[float]([0.0] * size), rows, [], chosen)
        live = numbers.live
        closings = columns.closings
        total: i64 = len(closings)
        committed: i64 = 0
        if not self._live:
            while committed < total:
                self._commit(closings[committed], numbers)
                committed += 1
            return numbers
        opens, highs, lows, closes = columns.open, columns.high, columns.low, columns.close
        sums, headers, codes = columns.volume, columns.header, columns.codes
        by_row = vec[i64]([]) if chosen is None else chosen.by_row
        for i in range(count):
            while committed < total and closings[committed].row == i:
                self._commit(closings[committed], numbers)
                committed += 1
            place = i if rows else by_row[i]
            if headers[i] == NO_BAR or place < 0:
                continue
            items = sets[block.symbol_at(i)]
            if items is None:
                continue
            day = codes[i] >> DAY_SHIFT
            flags = codes[i] & FLAGS
            items.preview(opens[i], highs[i], lows[i], closes[i], sums[i], day, flags, live, place * width)
        return numbers

    def runs(self, judged: JudgedBlock, rows: bool) -> list[tuple[int, int]]:
        """Return the places of a block's live values that belong to owned symbols, as ranges (start, stop)."""
        found: list[tuple[int, int]] = []
        touched = judged.touched
        block = judged.block
        places: i64 = block.count if rows else len(touched)
        start: i64 = -1
        for place in range(places):
            number: i64 = block.symbol_at(place) if rows else touched[place]
            if number >= 0 and self._sets[number] is not None:
                if start < 0:
                    start = place
            elif start >= 0:
                found.append((start, place))
                start = -1
        if start >= 0:
            found.append((start, places))
        return found

    def counts(self) -> list[int]:
        """Return how many completed bars each symbol's indicators have seen, by number; 0 for symbols not owned."""
        return [0 if items is None else items.count for items in self._sets]

    def archive(self, archive: Archive, symbols: i64) -> None:
        """Save all state, or load it into a new calculator; *symbols* is the gate's number of symbols."""
        count = archive.count(len(self._sets), 8)
        if count > symbols:
            raise CorruptCheckpoint(f"saved state: indicators of {count} symbols, but {symbols} are known")
        for number in range(count):
            if archive.loading:
                state = archive.blob(b"")
                items = self._add_symbol()
                if items is not None:
                    items.load(state)
            else:
                saved = self._sets[number]
                archive.blob(b"" if saved is None else saved.save())

    def _add_symbol(self) -> IndicatorSet | None:
        """Add the next symbol and return its indicators; None if it is not owned."""
        items = None
        if self._owns is None or self._owns(len(self._sets)):
            items = self.items.fresh()
        self._sets.append(items)
        return items

    def _commit(self, closing: BarClose, numbers: Numbers) -> None:
        """Commit a completed bar and append the values after it to *numbers*."""
        items = self._sets[closing.number]
        if items is None:
            return
        bar = closing.bar
        items.commit(
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            closing.day.number,
            bar_flags(bar),
        )
        values = vec[float]([NAN] * self.width)
        items.current(values, 0)
        numbers.completed.append(Completed(values))


def merged(states: Sequence[bytes]) -> bytes:
    """Merge the states of calculators that share the symbols into that of one that owns them all."""
    if len(states) == 1:
        return states[0]
    readers = [Archive(state) for state in states]
    into = Archive()
    counts = {reader.count(0, 8) for reader in readers}
    assert len(counts) == 1, "calculators that share symbols have seen the same ones"
    count = into.count(counts.pop(), 8)
    for _ in range(count):
        into.blob(max([reader.blob(b"") for reader in readers], key=len))
    return into.finish()
