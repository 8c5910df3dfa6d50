"""The calculator: computes one timeframe's indicators, for every symbol, from the aggregator's columns.

Owns the state of all symbols' indicators, one row per symbol in two tables, but no history of values: it commits each
bar that closed, previews each row, and passes the numbers on. Several calculators, in separate processes, may share the
symbols of one timeframe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import WITH_HISTORY, Archive
from mtf.bars.bar_codes import DAY_SHIFT, FLAGS
from mtf.bars.bar_history import PRICES
from mtf.bars.closings import CODE, MARKS, Closings
from mtf.bars.columns import CLOSE, HIGH, LOW, NO_BAR, OPEN, SHOWN, VOLUME, Columns
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.errors import CorruptCheckpoint
from mtf.events.block import Block
from mtf.image import Core
from mtf.indicators.formula import BarNumbers
from mtf.indicators.slabs import SLAB_BITS, SLAB_MASK, Slabs
from mtf.indicators.symbol_indicators import IndicatorSet
from mtf.indicators.values import Numbers, Places, places_of

__all__ = ["Calculator", "Merging"]

NOT_OWNED: Final = -1  # in place of a row
TOUCHED_ROWS: Final[i64] = 16  # of a block, whose state is fetched together: more do not fit into the first cache
FEW_SYMBOLS: Final[i64] = 16  # in a block: their state stays in the caches


@mypyc_attr(native_class=True)
class Calculator(Core):
    """Computes one timeframe's indicators for the symbols that it *owns*, by number; live values only if *live*."""

    __slots__ = ("_bar", "_cold", "_hot", "_live", "_owns", "_parts", "_rows", "_touched", "items", "width")

    def __init__(self, items: IndicatorSet, live: bool, owns: Callable[[int], bool] | None = None) -> None:
        super().__init__()
        self.items: Final = items  # a template that sees no bars
        self.width: Final[i64] = items.width
        self._live: Final = live
        self._owns = owns  # None: all symbols
        self._parts: Final = items.parts()
        self._hot: Final = Slabs(self._parts.hot)
        self._cold: Final = Slabs(self._parts.cold)
        self._rows: vec[i64] = vec[i64]([])  # by symbol number: its row in both tables, or NOT_OWNED
        self._bar: Final = BarNumbers()  # scratch: the bar that is computed
        self._touched = 0.0  # of no meaning: kept so that reading ahead is not optimized away

    def compute(
        self, judged: JudgedBlock, columns: Columns, rows: bool = True, places: Places | None = None
    ) -> Numbers:
        """Return completed values for the closings of *columns*, and live values.

        Live values are computed for all rows if *rows*, else for those with a place in *places*, by default each
        symbol's last row. If a block touches more symbols than it has rows, then for all: `JudgedBlock.wants_rows`.
        """
        rows = judged.wants_rows(rows)
        size: i64 = 0
        chosen: Places | None = None
        if self._live:
            if not rows:
                chosen = places_of(judged) if places is None else places
            size = (judged.block.count if chosen is None else chosen.count) * self.width
        completed = vec[float]([0.0] * (columns.closings.count * self.width))
        numbers = Numbers(vec[float]([0.0] * size), rows, completed, chosen)
        self._fill(judged, columns, numbers, chosen)
        return numbers

    def complete(self, judged: JudgedBlock, columns: Columns, numbers: Numbers) -> None:
        """Add the values of owned symbols to *numbers*, which have those of the symbols that others own."""
        self._fill(judged, columns, numbers, None if numbers.rows or not self._live else places_of(judged))

    def _fill(self, judged: JudgedBlock, columns: Columns, numbers: Numbers, chosen: Places | None) -> None:
        """Compute what `compute` returns; live values for the rows with a place in *chosen* (None: all)."""
        if self.image is not None:
            self.image.before(judged.touched)
        block = judged.block
        count = block.count
        width = self.width
        while len(self._rows) < judged.symbols:
            self._add_symbol()
        rows = numbers.rows
        closings = columns.closings
        total = closings.count
        live = numbers.live
        committed: i64 = 0
        if not self._live:
            while committed < total:
                self._commit(closings, committed, numbers)
                committed += 1
            return
        shown, headers, codes = columns.numbers, columns.header, columns.codes
        by_row = vec[i64]([]) if chosen is None else chosen.by_row
        parts = self._parts
        bar = self._bar
        table = self._rows
        slabs = self._hot.slabs
        hot_width = self._hot.width
        ahead: i64 = 0 if len(judged.touched) > FEW_SYMBOLS else count  # rows whose state was read by now
        for i in range(count):
            if i == ahead:
                ahead = i + TOUCHED_ROWS if i + TOUCHED_ROWS < count else count
                self._touch(block, i, ahead)
                upcoming = committed
                while upcoming < total and closings.row(upcoming) < ahead:
                    upcoming += 1
                self._touch_closings(closings, committed, upcoming)
            while committed < total and closings.row(committed) == i:
                self._commit(closings, committed, numbers)
                committed += 1
            place = i if rows else by_row[i]
            if headers[i] == NO_BAR or place < 0:
                continue
            row = table[block.symbol_at(i)]
            if row < 0:
                continue
            at = i * SHOWN
            bar.open = shown[at + OPEN]
            bar.high = shown[at + HIGH]
            bar.low = shown[at + LOW]
            bar.close = shown[at + CLOSE]
            bar.volume = shown[at + VOLUME]
            bar.day = float(codes[i] >> DAY_SHIFT)
            bar.flags = codes[i] & FLAGS
            parts.preview(slabs[row >> SLAB_BITS], (row & SLAB_MASK) * hot_width, bar, live, place * width)

    def share(self, owns: Callable[[int], bool]) -> None:
        """Leave all symbols to others but those that it *owns*, from now on."""
        self._owns = owns
        for number in range(len(self._rows)):
            if not owns(int(number)):
                self._rows[number] = NOT_OWNED

    def counts(self) -> list[int]:
        """Return how many completed bars each symbol's indicators have seen, by number; 0 for symbols not owned."""
        found: list[int] = []
        for row in self._rows:
            taken: i64 = 0
            if row >= 0:
                taken = self._parts.count(self._cold.slabs[row >> SLAB_BITS], (row & SLAB_MASK) * self._cold.width)
            found.append(taken)
        return found

    def make_room(self, instruments: list[Instrument], symbols: i64) -> None:
        """Have room for so many *symbols* of the gate's *instruments*."""
        while len(self._rows) < symbols:
            self._add_symbol()

    def symbols_saved(self) -> i64:
        """Return how many symbols there are, owned or not."""
        return len(self._rows)

    def archive_head(self, archive: Archive) -> None:
        """Save what the states are of; CorruptCheckpoint if those that are loaded are of something else."""
        if archive.version != WITH_HISTORY:
            names = self._parts.names()
            if archive.text(names) != names:
                raise CorruptCheckpoint("the state of indicators is not of these, or of another version")

    def archive_symbol(self, archive: Archive, number: i64) -> None:
        """Save or load the state of a symbol, if it is owned; see `make_room`."""
        row = self._rows[number]
        if row < 0:
            archive.blob(b"")
            return
        slab = row >> SLAB_BITS
        hot, h = self._hot.slabs[slab], (row & SLAB_MASK) * self._hot.width
        cold, c = self._cold.slabs[slab], (row & SLAB_MASK) * self._cold.width
        if not archive.loading:
            state = Archive()
            self._parts.archive(state, hot, h, cold, c)
            archive.blob(state.finish())
        elif archive.version == WITH_HISTORY:
            self._parts.load(hot, h, cold, c, archive.blob(b""))
        else:
            state = Archive(archive.blob(b""))
            self._parts.archive(state, hot, h, cold, c)
            state.finish()

    def _add_symbol(self) -> None:
        """Make rows for the next symbol, unless it is not owned."""
        row: i64 = NOT_OWNED
        if self._owns is None or self._owns(len(self._rows)):
            row = self._hot.add()
            self._cold.add()
            self._parts.begin(self._hot.slabs[row >> SLAB_BITS], (row & SLAB_MASK) * self._hot.width)
        self._rows = append(self._rows, row)

    def _touch(self, block: Block, start: i64, stop: i64) -> None:
        """Read a number of each cache line that previews of the rows *start* to *stop* will read.

        The processor fetches lines side by side only if the reads are close together in the code.
        """
        table = self._rows
        hots = self._hot
        total = 0.0
        for i in range(start, stop):
            number = block.symbol_at(i)
            if number >= 0 and table[number] >= 0:
                total += hots.touched(table[number])
        self._touched = total

    def _touch_closings(self, closings: Closings, start: i64, stop: i64) -> None:
        """Do the same for what commits of the *closings* from *start* to *stop* will read."""
        table = self._rows
        total = 0.0
        for k in range(start, stop):
            row = table[closings.number(k)]
            if row >= 0:
                total += self._cold.touched(row)
        self._touched = total

    def _commit(self, closings: Closings, k: i64, numbers: Numbers) -> None:
        """Commit a completed bar and write the values after it."""
        row = self._rows[closings.number(k)]
        if row < 0:
            return
        slab = row >> SLAB_BITS
        hot, h = self._hot.slabs[slab], (row & SLAB_MASK) * self._hot.width
        cold, c = self._cold.slabs[slab], (row & SLAB_MASK) * self._cold.width
        bar, prices, at = self._bar, closings.prices, k * PRICES
        code = closings.marks[k * MARKS + CODE]
        day = code >> DAY_SHIFT
        bar.set_to(prices[at], prices[at + 1], prices[at + 2], prices[at + 3], prices[at + 4], day, code & FLAGS)
        self._parts.commit(hot, h, cold, c, bar)
        self._parts.current(cold, c, numbers.completed, k * self.width)


@mypyc_attr(native_class=True)
class Merging:
    """Merges the states of calculators that share the symbols into that of one that owns them all."""

    def __init__(self, states: Sequence[bytes]) -> None:
        self._readers: Final = [Archive(state) for state in states]
        self._into: Final = Archive()
        names = {reader.text("") for reader in self._readers}
        assert len(names) == 1, "calculators that share symbols compute the same"
        self._into.text(names.pop())
        counts = {reader.count(0, 8) for reader in self._readers}
        assert len(counts) == 1, "calculators that share symbols have seen the same ones"
        self._left: i64 = self._into.count(counts.pop(), 8)  # symbols

    def advance(self, symbols: i64) -> bool:
        """Merge the states of some more *symbols*; return whether all are merged."""
        count = min(symbols, self._left)
        for _ in range(count):
            self._into.blob(max([reader.blob(b"") for reader in self._readers], key=len))
        self._left -= count
        return self._left == 0

    def finish(self) -> bytes:
        """Return the state, once all symbols are merged."""
        return self._into.finish()
