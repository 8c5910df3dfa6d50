"""The published state: what every symbol is after the newest block, in packed rows.

A block changes the rows of the symbols that it touches, in place, and costs nothing for the others. What it changes is
kept in its `Undo`, so that whoever is shown an earlier block can still be answered: each question comes with the undo
of the block before which it is asked, or None for the newest state.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.aggregate import Aggregator
from mtf.bars.bar import BarWindow
from mtf.bars.columns import AS_BEFORE, NO_BAR, NUMBERS, BarHeader, BarState, Columns
from mtf.bars.judged_block import IS_LIVE, IS_ORDERED, NO_ROW, Instrument, JudgedBlock
from mtf.bars.read_ahead import FETCH_SYMBOLS, fetched
from mtf.bars.verdicts import COUNTS, Counts
from mtf.frames.symbol_state import SymbolState
from mtf.frames.undo import Undo
from mtf.indicators.value_history import ValueHistory
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS

__all__ = ["Published"]

_NO_WINDOW: Final = BarWindow([], 0, 0)


@mypyc_attr(native_class=True)
class Published:
    """The state of all symbols on *ranks* timeframes, of which *values* are the indicator values, by rank, if any."""

    __slots__ = (
        "_clocks",
        "_counts",
        "_flags",
        "_headers",
        "_prices",
        "_read",
        "_widths",
        "_windows",
        "instruments",
        "ranks",
        "touched_seqs",
        "values",
    )

    def __init__(self, ranks: i64, values: list[ValueHistory]) -> None:
        self.ranks: Final[i64] = ranks
        self.values: Final = values
        self._widths: Final[list[i64]] = [each.width for each in values]
        self._read = 0.0  # of no meaning: it keeps `_fetch` from being optimized away
        # By number of the symbol:
        self.instruments: Final[list[Instrument]] = []
        self._clocks: vec[i64] = vec[i64]([])  # its own; NEVER_NS before its first accepted tick
        self._flags: vec[u8] = vec[u8]([])  # IS_ORDERED, IS_LIVE
        self._counts: vec[i64] = vec[i64]([])  # COUNTS of each
        self.touched_seqs: vec[i64] = vec[i64]([])  # the last event of the newest block that touched it; 0: none
        self._prices: vec[float] = vec[float]([])  # of the bars that form: NUMBERS for each timeframe
        # By place:
        self._headers: Final[list[BarHeader | None]] = []  # of the bars that form
        self._windows: Final[list[BarWindow]] = []  # completed bars

    @property
    def count(self) -> i64:
        """How many symbols there are."""
        return len(self._clocks)

    def place(self, number: i64, rank: i64) -> int:
        """Return where a symbol's timeframe stands in lists that have all of them."""
        return int(number * self.ranks + rank)

    # What a block changes.

    def apply(self, judged: JudgedBlock, columns: list[Columns]) -> Undo:
        """Take over what the touched symbols are after a block, but for values; return what they were before it."""
        touched = judged.touched
        block = judged.block
        last_seq = block.first_seq + block.count - 1
        undo = Undo(block.first_seq, last_seq, self.count, touched, self.ranks, self._widths)
        known = self.count
        for k in range(len(touched)):
            if touched[k] >= known:
                self.add_symbol(judged.instruments[touched[k]])
                known += 1
        if known > FETCH_SYMBOLS:
            self._fetch(touched)
        self._apply_symbols(judged, undo)
        for rank in range(len(columns)):
            self._apply_bars(touched, columns[rank], undo)
        return undo

    def add_symbol(self, instrument: Instrument) -> None:
        """Make room for the next symbol, of which nothing is known yet."""
        assert instrument.number == self.count, "symbols are numbered by appearance"
        self.instruments.append(instrument)
        self._clocks = append(self._clocks, NEVER_NS)
        self._flags = append(self._flags, u8(0))
        self.touched_seqs = append(self.touched_seqs, i64(0))
        for _ in range(COUNTS):
            self._counts = append(self._counts, i64(0))
        for _ in range(self.ranks):
            for _ in range(NUMBERS):
                self._prices = append(self._prices, 0.0)
            self._headers.append(None)
            self._windows.append(_NO_WINDOW)

    def _fetch(self, touched: vec[i64]) -> None:
        """Read a number of each cache line that the block changes; see `mtf.bars.read_ahead` for why."""
        prices, counts = self._prices, self._counts
        stride = self.ranks * NUMBERS
        total = 0.0
        for k in range(len(touched)):
            at = touched[k] * stride
            total += fetched(prices, at, at + stride)
            if counts[touched[k] * COUNTS] < 0:
                total += 1.0
        self._read = total

    def _apply_symbols(self, judged: JudgedBlock, undo: Undo) -> None:
        touched = judged.touched
        last_seq = undo.last_seq
        clocks, flags, counts, seqs = self._clocks, self._flags, self._counts, self.touched_seqs
        clocks_before, flags_before, counts_before = undo.clocks, undo.flags, undo.counts
        clocks_after, flags_after, counts_after = judged.clocks_after, judged.flags, judged.counts
        at: i64 = 0
        for k in range(len(touched)):
            number = touched[k]
            clocks_before[k] = clocks[number]
            if clocks_after[k] > clocks[number]:
                clocks[number] = clocks_after[k]
            flags_before[k] = flags[number]
            flags[number] = flags_after[k]
            seqs[number] = last_seq
            own = number * COUNTS
            for each in range(COUNTS):
                counts_before[at + each] = counts[own + each]
                counts[own + each] = counts_after[at + each]
            at += COUNTS

    def _apply_bars(self, touched: vec[i64], columns: Columns, undo: Undo) -> None:
        ranks, rank = self.ranks, columns.rank
        prices, before = self._prices, undo.prices
        after, header_after = columns.after, columns.header_after
        headers = self._headers
        at: i64 = 0
        to: i64 = rank * NUMBERS
        for k in range(len(touched)):
            number = touched[k]
            own = (number * ranks + rank) * NUMBERS
            for each in range(NUMBERS):
                before[to + each] = prices[own + each]
                prices[own + each] = after[at + each]
            at += NUMBERS
            to += ranks * NUMBERS
            index = header_after[k]
            if index != AS_BEFORE:
                header = None if index == NO_BAR else columns.headers[index]
                place = number * ranks + rank
                known = headers[place]
                if known is not header:
                    undo.headers[int(place)] = known
                    headers[place] = header
        windows = self._windows
        for closing in columns.closings:
            place = closing.number * ranks + rank
            if int(place) not in undo.windows:
                undo.windows[int(place)] = windows[place]
            windows[place] = closing.window

    # What is known, before a block or after the newest one.

    def clock(self, number: i64, before: Undo | None) -> i64:
        """Return a symbol's own clock; NEVER_NS before its first accepted tick."""
        undo = _first_of(number, before)
        return self._clocks[number] if undo is None else undo.clocks[undo.row_of(number)]

    def is_ordered(self, number: i64, before: Undo | None) -> bool:
        """Return whether a symbol is read in time order, so that the newest event of such sources is its clock too."""
        return self._flags_of(number, before) & IS_ORDERED != 0

    def is_live(self, number: i64, before: Undo | None) -> bool:
        """Return whether a symbol's newest accepted tick arrived within moments of its stamp."""
        return self._flags_of(number, before) & IS_LIVE != 0

    def counts(self, number: i64, before: Undo | None) -> Counts:
        """Return how many events of a symbol there were, by what became of them."""
        undo = _first_of(number, before)
        counts = self._counts if undo is None else undo.counts
        row = number if undo is None else undo.row_of(number)
        return Counts(counts[row * COUNTS : (row + 1) * COUNTS])

    def seen(self, number: i64) -> bool:
        """Return whether an event of a symbol has come, accepted or not."""
        counts = self._counts
        for each in range(number * COUNTS, (number + 1) * COUNTS):
            if counts[each]:
                return True
        return False

    def header(self, number: i64, rank: i64, before: Undo | None) -> BarHeader | None:
        """Return what stays the same of the bar that forms; None if none does."""
        place = self.place(number, rank)
        undo = before
        while undo is not None:
            if place in undo.headers:
                return undo.headers[place]
            undo = undo.next
        return self._headers[number * self.ranks + rank]

    def window(self, number: i64, rank: i64, before: Undo | None) -> BarWindow:
        """Return the completed bars, oldest first."""
        place = self.place(number, rank)
        undo = before
        while undo is not None:
            if place in undo.windows:
                return undo.windows[place]
            undo = undo.next
        return self._windows[number * self.ranks + rank]

    def bars(self, number: i64, rank: i64, before: Undo | None) -> BarState:
        """Return the bars of one timeframe of a symbol."""
        undo = _first_of(number, before)
        prices = self._prices if undo is None else undo.prices
        row = number if undo is None else undo.row_of(number)
        at = (row * self.ranks + rank) * NUMBERS
        return BarState(
            self.header(number, rank, before),
            prices[at],
            prices[at + 1],
            prices[at + 2],
            prices[at + 3],
            prices[at + 4],
            i64(prices[at + 5]),
            self.window(number, rank, before),
        )

    def completed(self, number: i64, rank: i64, before: Undo | None) -> ValueState:
        """Return the values after the newest bar that closed, without live ones."""
        undo = before
        while undo is not None:
            closings = undo.values[rank].closings
            if closings:
                found = closings.get(int(number))
                if found is not None:
                    return found
            undo = undo.next
        return self.values[rank].completed(number)

    def live(self, number: i64, rank: i64, before: Undo | None) -> vec[float]:
        """Return the live values; none if no bar forms, or they were not computed."""
        undo = _first_of(number, before)
        if undo is None:
            return self.values[rank].live(number)
        row = undo.row_of(number)
        values = undo.values[rank]
        if not values.known[row]:
            return vec[float]([])
        return values.live[row * values.width : (row + 1) * values.width]

    def value_state(self, number: i64, rank: i64, before: Undo | None) -> ValueState:
        """Return the values of one timeframe of a symbol, as one value."""
        known = self.completed(number, rank, before)
        live = self.live(number, rank, before)
        return ValueState(live, known.completed, known.history, known.start, known.stop, known.count)

    def state(self, number: i64, before: Undo | None) -> SymbolState:
        """Return everything of a symbol, as one value."""
        bars: list[BarState] = []
        values: list[ValueState] = []
        for rank in range(self.ranks):
            bars.append(self.bars(number, rank, before))
            if self.values:
                values.append(self.value_state(number, rank, before))
        flags = self._flags_of(number, before)
        return SymbolState(
            self.instruments[number],
            self.clock(number, before),
            self.counts(number, before),
            bars,
            values,
            flags & IS_ORDERED != 0,
            flags & IS_LIVE != 0,
        )

    def next_end_ns(self, numbers: vec[i64]) -> i64:
        """Return the earliest end of a forming bar of live ones among *numbers*, with its feed's delay; 0 if none."""
        earliest: i64 = 0
        for k in range(len(numbers)):
            number = numbers[k]
            if self._flags[number] & IS_LIVE == 0:
                continue
            delay_ns = self.instruments[number].delay_ns
            for place in range(number * self.ranks, (number + 1) * self.ranks):
                header = self._headers[place]
                if header is not None and (earliest == 0 or header.end_ns + delay_ns < earliest):
                    earliest = header.end_ns + delay_ns
        return earliest

    def numbers(self) -> vec[i64]:
        """Return the numbers of all symbols."""
        return vec[i64]([i64(number) for number in range(self.count)])

    # A saved state.

    def restore(self, instrument: Instrument, clock_ns: i64, flags: i64) -> None:
        """Enter the next symbol of a saved state; `fill` then adds what others have saved."""
        self.add_symbol(instrument)
        self._clocks[instrument.number] = clock_ns
        self._flags[instrument.number] = u8(flags)

    def fill(self, counts: list[Counts], aggregators: list[Aggregator]) -> None:
        """Give loaded symbols their *counts* and bars, from the cores that have loaded them."""
        ranks = self.ranks
        for number in range(min(self.count, i64(len(counts)))):
            numbers = counts[number].numbers
            for each in range(COUNTS):
                self._counts[number * COUNTS + each] = numbers[each]
            for rank in range(len(aggregators)):
                aggregator = aggregators[rank]
                place = number * ranks + rank
                self._headers[place] = aggregator.header(number)
                self._windows[place] = aggregator.window(number)
                prices = aggregator.numbers(number)
                for each in range(NUMBERS):
                    self._prices[place * NUMBERS + each] = prices[each]

    def _flags_of(self, number: i64, before: Undo | None) -> i64:
        undo = _first_of(number, before)
        return i64(self._flags[number]) if undo is None else i64(undo.flags[undo.row_of(number)])


def _first_of(number: i64, before: Undo | None) -> Undo | None:
    """Return the first undo from *before* on that has a symbol; None if no block in flight touches it."""
    undo = before
    while undo is not None and undo.row_of(number) == NO_ROW:
        undo = undo.next
    return undo
