"""The published state: what every symbol is after the newest block, in packed rows.

A block changes the rows of the symbols that it touches, in place, and costs nothing for the others. What it changes is
kept in its `Undo`, so that whoever is shown an earlier block can still be answered: each question comes with the undo
of the block before which it is asked, or None for the newest state.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, extend, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.aggregate import Aggregator
from mtf.bars.bar_codes import HAS_GAP
from mtf.bars.bar_history import BarHistory
from mtf.bars.bar_window import BarWindow, newest_bars
from mtf.bars.closings import AT, MARKS, NUMBER
from mtf.bars.columns import (
    AFTER,
    AFTER_HEADER,
    AS_BEFORE,
    CLOSE,
    COUNT,
    HEADER,
    HEADER_CODE,
    HEADER_END,
    HIGH,
    LOW,
    NO_BAR,
    NUMBERS,
    OPEN,
    SHARE,
    SHOWN,
    VOLUME,
    BarHeader,
    BarState,
    Columns,
    header_in,
)
from mtf.bars.growth import start_of
from mtf.bars.judged_block import COUNTED, IS_LIVE, IS_ORDERED, NO_ROW, Instrument, JudgedBlock
from mtf.bars.read_ahead import FETCH_SYMBOLS, fetched
from mtf.bars.verdicts import ACCEPTED, COUNTS, Counts
from mtf.calendars.day import Gap
from mtf.frames.symbol_state import SymbolState
from mtf.frames.undo import Undo
from mtf.indicators.value_history import ValueHistory
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS, NO_END_NS

__all__ = ["Published"]

_NO_WINDOW: Final = BarWindow(None, 0, 0)


@mypyc_attr(native_class=True)
class Published:
    """The state of all symbols on *ranks* timeframes: the last *keep* bars, and *values* by rank, if there are any."""

    __slots__ = (
        "_blank_counts",
        "_blank_marks",
        "_blank_prices",
        "_blank_stops",
        "_clocks",
        "_counts",
        "_flags",
        "_gaps",
        "_histories",
        "_keep",
        "_marks",
        "_prices",
        "_read",
        "_seen",
        "_stops",
        "_widths",
        "instruments",
        "ranks",
        "touched_seqs",
        "values",
    )

    def __init__(self, ranks: i64, keep: i64, values: list[ValueHistory]) -> None:
        self.ranks: Final[i64] = ranks
        self.values: Final = values
        self._widths: Final[list[i64]] = [each.width for each in values]
        self._read = 0.0  # of no meaning, as `_seen`: they keep reading ahead from being optimized away
        self._seen: i64 = 0
        self._keep: Final[i64] = keep  # how many bars a window has at most
        # The rows of a new symbol:
        self._blank_counts: Final = vec[i64]([0] * COUNTS)
        self._blank_prices: Final = vec[float]([0.0] * (ranks * NUMBERS))
        self._blank_marks: Final = vec[i64]([0] * (ranks * HEADER))
        for rank in range(ranks):
            self._blank_marks[rank * HEADER + HEADER_END] = NEVER_NS
        self._blank_stops: Final = vec[i64]([0] * ranks)
        # By number of the symbol:
        self.instruments: Final[list[Instrument]] = []
        self._clocks: vec[i64] = vec[i64]([])  # its own; NEVER_NS before its first accepted tick
        self._flags: vec[u8] = vec[u8]([])  # IS_ORDERED, IS_LIVE
        self._counts: vec[i64] = vec[i64]([])  # COUNTS of each
        self.touched_seqs: vec[i64] = vec[i64]([])  # the last event of the newest block that touched it; 0: none
        self._prices: vec[float] = vec[float]([])  # of the bars that form: NUMBERS for each timeframe
        # By place:
        self._marks: vec[i64] = vec[i64]([])  # HEADER numbers of the bars that form; their end is NEVER_NS if none does
        self._gaps: Final[list[Gap | None]] = []  # those before bars that form; for one without, of no meaning
        self._histories: Final[list[BarHistory | None]] = []  # completed bars; None before the first
        self._stops: vec[i64] = vec[i64]([])  # up to which of their rows

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
            self._apply_bars(judged, columns[rank], undo)
        return undo

    def add_symbol(self, instrument: Instrument) -> None:
        """Make room for the next symbol, of which nothing is known yet."""
        assert instrument.number == self.count, "symbols are numbered by appearance"
        self.instruments.append(instrument)
        self._clocks = append(self._clocks, NEVER_NS)
        self._flags = append(self._flags, u8(0))
        self.touched_seqs = append(self.touched_seqs, i64(0))
        self._counts = extend(self._counts, self._blank_counts)
        self._prices = extend(self._prices, self._blank_prices)
        self._marks = extend(self._marks, self._blank_marks)
        self._stops = extend(self._stops, self._blank_stops)
        for _ in range(self.ranks):
            self._gaps.append(None)
            self._histories.append(None)

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
        clocks_before, flags_before = undo.clocks, undo.flags
        clocks_after, flags_after = judged.clocks_after, judged.flags
        accepted, counts_after = judged.accepted, judged.counts
        undo.accepted = accepted
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
            if accepted[k] != COUNTED:
                counts[own + ACCEPTED] += accepted[k]
                continue
            for each in range(COUNTS):
                undo.counts = append(undo.counts, counts[own + each])
                counts[own + each] = counts_after[at + each]
            at += COUNTS

    def _apply_bars(self, judged: JudgedBlock, columns: Columns, undo: Undo) -> None:
        touched, last_rows = judged.touched, judged.last_rows
        ranks, rank = self.ranks, columns.rank
        prices, before = self._prices, undo.prices
        shown, shares, after = columns.numbers, columns.share, columns.after
        timed = columns.timed
        marks = self._marks
        changed = vec[i64]([])  # places of those whose header is another one now
        seen: i64 = 0
        to: i64 = rank * NUMBERS
        for k in range(len(touched)):
            number = touched[k]
            own = (number * ranks + rank) * NUMBERS
            for each in range(NUMBERS):
                before[to + each] = prices[own + each]
            to += ranks * NUMBERS
            row = last_rows[k]
            if row != NO_ROW:  # without a row of its own, a bar may close, but does not change
                at = row * SHOWN
                for each in range(SHOWN):
                    prices[own + each] = shown[at + each]
                if not timed:
                    prices[own + SHARE] = shares[row]
            if after[k * AFTER + AFTER_HEADER] != AS_BEFORE:
                changed = append(changed, k)
                seen ^= marks[(number * ranks + rank) * HEADER]  # which the next loop needs
        self._seen = seen
        for c in range(len(changed)):
            self._apply_header(columns, touched[changed[c]], after[changed[c] * AFTER + AFTER_HEADER], undo)
        closings = columns.closings
        if closings.count:
            histories, stops = self._histories, self._stops
            marks = closings.marks
            for c in range(closings.count):
                place = marks[c * MARKS + NUMBER] * ranks + rank
                histories[place] = closings.history(c)
                stops[place] = marks[c * MARKS + AT] + 1

    def _apply_header(self, columns: Columns, number: i64, index: i64, undo: Undo) -> None:
        """Take over the header of a symbol's forming bar, which has this *index*, or that none forms."""
        place = number * self.ranks + columns.rank
        marks, mark = self._marks, place * HEADER
        if index == NO_BAR and marks[mark + HEADER_END] == NEVER_NS:
            return
        undo.keep_header(place, marks, mark, self._gaps[place] if marks[mark + HEADER_CODE] & HAS_GAP else None)
        if index == NO_BAR:
            marks[mark + HEADER_END] = NEVER_NS
            return
        headers, header = columns.headers, index * HEADER
        for each in range(HEADER):
            marks[mark + each] = headers[header + each]
        if marks[mark + HEADER_CODE] & HAS_GAP:
            self._gaps[place] = columns.gap(index)

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
        accepted: i64 = 0  # since then
        undo = _first_of(number, before)
        while undo is not None:
            row = undo.row_of(number)
            if undo.accepted[row] == COUNTED:
                at = undo.counts_of(row)
                return _before(accepted, undo.counts[at : at + COUNTS])
            accepted += undo.accepted[row]
            undo = _first_of(number, undo.next)
        return _before(accepted, self._counts[number * COUNTS : (number + 1) * COUNTS])

    def seen(self, number: i64) -> bool:
        """Return whether an event of a symbol has come, accepted or not."""
        counts = self._counts
        for each in range(number * COUNTS, (number + 1) * COUNTS):
            if counts[each]:
                return True
        return False

    def header(self, number: i64, rank: i64, before: Undo | None) -> BarHeader | None:
        """Return what stays the same of the bar that forms; None if none does."""
        place = number * self.ranks + rank
        undo = before
        while undo is not None:
            at = undo.header_of(place)
            if at >= 0:
                return undo.header_at(at)
            undo = undo.next
        marks, mark = self._marks, place * HEADER
        if marks[mark + HEADER_END] == NEVER_NS:
            return None
        return header_in(marks, mark, self._gaps, place)

    def bounds(self, number: i64, rank: i64, before: Undo | None) -> tuple[i64, i64]:
        """Return start and end of the bar that forms; the end is NEVER_NS if none does."""
        place = number * self.ranks + rank
        undo = before
        while undo is not None:
            at = undo.header_of(place)
            if at >= 0:
                return undo.headers[at], undo.headers[at + HEADER_END]
            undo = undo.next
        return self._marks[place * HEADER], self._marks[place * HEADER + HEADER_END]

    def window(self, number: i64, rank: i64, before: Undo | None) -> BarWindow:
        """Return the completed bars, oldest first."""
        undo = before
        while undo is not None:
            found = undo.window(number, rank)
            if found is not None:
                return found
            undo = undo.next
        place = number * self.ranks + rank
        history = self._histories[place]
        if history is None:
            return _NO_WINDOW
        return newest_bars(history, self._stops[place], self._keep)

    def first_row(self, number: i64, rank: i64, table: BarHistory) -> int:
        """Return the first row of *table* that a window still needs; -1 if the newest window looks into another one."""
        place = number * self.ranks + rank
        return int(start_of(self._stops[place], self._keep)) if self._histories[place] is table else -1

    def replace_table(self, number: i64, rank: i64, table: BarHistory, start: i64) -> None:
        """Look into *table*, which has the same bars from the row *start* on."""
        place = number * self.ranks + rank
        self._histories[place] = table
        self._stops[place] -= start

    def bars(self, number: i64, rank: i64, before: Undo | None) -> BarState:
        """Return the bars of one timeframe of a symbol."""
        undo = _first_of(number, before)
        prices = self._prices if undo is None else undo.prices
        row = number if undo is None else undo.row_of(number)
        at = (row * self.ranks + rank) * NUMBERS
        return BarState(
            self.header(number, rank, before),
            prices[at + OPEN],
            prices[at + HIGH],
            prices[at + LOW],
            prices[at + CLOSE],
            prices[at + VOLUME],
            i64(prices[at + COUNT]),
            self.window(number, rank, before),
            prices[at + SHARE],
        )

    def completed(self, number: i64, rank: i64, before: Undo | None) -> ValueState:
        """Return the values after the newest bar that closed, without live ones."""
        undo = before
        while undo is not None:
            found = undo.completed(number, rank)
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
        return ValueState(live, known.rows, known.start, known.stop)

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
                end_ns = self._marks[place * HEADER + HEADER_END]
                if end_ns not in (NEVER_NS, NO_END_NS) and (earliest == 0 or end_ns + delay_ns < earliest):
                    earliest = end_ns + delay_ns
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
                header = aggregator.header(number)
                if header is not None:
                    self._marks[place * HEADER] = header.start_ns
                    self._marks[place * HEADER + HEADER_END] = header.end_ns
                    self._marks[place * HEADER + HEADER_CODE] = header.code
                    self._gaps[place] = header.gap
                window = aggregator.window(number)
                self._histories[place] = window.table()
                self._stops[place] = window.stop()
                prices = aggregator.numbers(number)
                for each in range(NUMBERS):
                    self._prices[place * NUMBERS + each] = prices[each]

    def _flags_of(self, number: i64, before: Undo | None) -> i64:
        undo = _first_of(number, before)
        return i64(self._flags[number]) if undo is None else i64(undo.flags[undo.row_of(number)])


def _before(accepted: i64, numbers: vec[i64]) -> Counts:
    """Return *numbers*, which become counts of the caller's own, as they were before so many events were accepted."""
    numbers[ACCEPTED] -= accepted
    return Counts(numbers)


def _first_of(number: i64, before: Undo | None) -> Undo | None:
    """Return the first undo from *before* on that has a symbol; None if no block in flight touches it."""
    undo = before
    while undo is not None and undo.row_of(number) == NO_ROW:
        undo = undo.next
    return undo
