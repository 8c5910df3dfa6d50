"""The clocks of all symbols: what moves them, and which bars are then over.

Five things move a symbol's clock: its own accepted ticks; a user's clock event, for all symbols; a timer's clock event,
for live symbols; the clock event that ends an import of its history; and, while finite sources are read in time order,
an accepted tick of any symbol read that way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.gate_symbol import NOT_PLAIN, GateSymbol
from mtf.bars.judged_block import NO_ROW, Instrument, JudgedBlock
from mtf.bars.verdicts import LATE, TIME, TIMER
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import OPEN
from mtf.calendars.grid import bar_bounds
from mtf.events.block import BY_FEED, BY_IMPORT, BY_USER, ORDERED, ROW_BYTES, Block, heap_text
from mtf.image import Core, Image
from mtf.timeframe import INTRADAY, Timeframe
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["Clocks"]


@mypyc_attr(native_class=True)
class Clocks(Core):
    """The symbols of one gate, by number, with their clocks; *timeframes* are those kept, shortest first.

    *side* is the price that bars are made of, *anchor_ns* the origin of intraday bars (see `mtf.calendars.grid`), and
    *delay_of* returns the delay of a symbol's feed. With *keep_closed*, ticks also count while the market is closed.
    """

    __slots__ = (
        "_anchor_ns",
        "_beyond_ns",
        "_calendar_of",
        "_delay_of",
        "_due_ns",
        "_keep_closed",
        "_kinds",
        "_lengths",
        "_numbers",
        "_read",
        "_side",
        "_symbols",
        "clock_ns",
        "clocks",
        "horizon_ns",
        "horizon_seq",
        "instruments",
        "late_clocks",
        "run_ns",
    )

    def __init__(
        self,
        calendar_of: Callable[[str], Calendar],
        timeframes: Sequence[Timeframe],
        *,
        anchor_ns: i64,
        side: i64,
        keep_closed: bool,
        delay_of: Callable[[str], int] | None,
    ) -> None:
        super().__init__()
        self._calendar_of: Final = calendar_of
        self._delay_of: Final = delay_of
        self._side: Final[i64] = side
        self._keep_closed: Final = keep_closed
        self._kinds: Final = vec[i64]([i64(each.kind) for each in timeframes])  # by rank
        self._lengths: Final = vec[i64]([i64(each.length_ns) for each in timeframes])
        self._anchor_ns: Final[i64] = anchor_ns
        self._symbols: vec[GateSymbol] = vec[GateSymbol]([])  # by number
        self._read: i64 = 0  # of no meaning: it keeps what fetches symbols from being optimized away
        self._due_ns: i64 = TS_MAX_NS + 1  # no bar of a symbol read in time order ends before it
        self.instruments: Final[list[Instrument]] = []  # by number; shared with the aggregators, only grows
        self._numbers: Final[dict[str, int]] = {}  # of symbols by name; filled when an import ends
        self.clock_ns: i64 = NEVER_NS  # a user's newest clock event; no symbol's clock is before it
        self.run_ns: i64 = NEVER_NS  # newest accepted tick of sources read in time order
        self.clocks: i64 = 0  # clock events judged, including late ones
        self.late_clocks: i64 = 0  # clock events stamped before the newest one
        self.horizon_ns: i64 = TS_MAX_NS  # of a look back in time: a symbol freezes at its first tick after it
        self._beyond_ns: i64 = NEVER_NS  # a user's newest clock event after it
        self.horizon_seq: i64 = 0  # the newest event that the look back includes

    def end_look_back(self) -> None:
        """Return to normal operation after a look back in time."""
        self.horizon_ns = TS_MAX_NS
        self._beyond_ns = NEVER_NS
        for symbol in self._symbols:
            symbol.frozen = False

    @property
    def newest_ns(self) -> i64:
        """The latest stamp of an accepted event, of any symbol; NEVER_NS before the first."""
        newest = self.clock_ns
        for symbol in self._symbols:
            if symbol.clock_ns > newest:
                newest = symbol.clock_ns
        return newest

    def newest_tick_ns(self, number: i64) -> i64:
        """Return the latest stamp of an accepted tick of a symbol; NEVER_NS before the first."""
        return self._symbols[number].tick_ns

    def outlook(self, number: i64) -> tuple[i64, i64, i64]:
        """Return which of a symbol's next rows are plain: their tag, and the first and end of their range of stamps.

        A plain row is accepted like the one before it: it has that tag, its prices are within bounds, and it is in
        order. The tag is NOT_PLAIN if no row can be plain.
        """
        symbol = self._symbols[number]
        return symbol.plain_tag, max(symbol.clock_ns, self.clock_ns), symbol.span_end

    def symbols_saved(self) -> i64:
        """Return how many symbols are known."""
        return len(self._symbols)

    def archive_head(self, archive: Archive) -> None:
        """Save or load the clocks of all symbols together."""
        self.clock_ns = archive.int64(self.clock_ns, ANY_MIN, ANY_MAX)
        self.run_ns = archive.int64(self.run_ns, ANY_MIN, ANY_MAX)
        self.clocks = archive.int64(self.clocks, 0, ANY_MAX)
        self.late_clocks = archive.int64(self.late_clocks, 0, ANY_MAX)

    def archive_symbol(self, archive: Archive, number: i64) -> None:
        """Save the symbol *number*, or load it, which is the next one."""
        name = archive.text("" if archive.loading else self.instruments[number].name)
        if archive.loading:
            self._add_symbol(number, name)
        symbol = self._symbols[number]
        symbol.archive(archive)
        if archive.loading and symbol.ordered:
            self._find_due(symbol, max(symbol.clock_ns, self.clock_ns))

    def _save_before(self, image: Image, block: Block) -> None:
        """Have *image* save every symbol that *block* may change."""
        for i in range(block.count):
            number = block.symbol_at(i)
            tag: i64 = i64(read_i32_le(block.rows, i * ROW_BYTES + 12))
            if number < 0 or tag >> 8 & ORDERED:  # it may move the clocks of other symbols
                image.complete()
                return
            image.before_symbol(number)

    def begin(self, names: Sequence[str]) -> None:
        """Add the symbols *names*, by number, before the first block of a log whose beginning was deleted."""
        for name in names:
            self._add_symbol(len(self.instruments), name)

    def is_over(self, block: Block) -> bool:
        """Return whether a look back in time can skip *block*, since all of its symbols are frozen."""
        if block.heap:
            return False
        all_over = all(symbol.frozen for symbol in self._symbols)
        for i in range(block.count):
            number = block.symbol_at(i)
            if number >= 0:
                if not self._symbols[number].frozen:
                    return False
            elif not all_over or read_i64_le(block.rows, i * ROW_BYTES) <= self.horizon_ns:
                return False
        return True

    def _judge_clock(self, judged: JudgedBlock, i: i64, ts_ns: i64, maker: i64, at: i64) -> bool:
        """Judge a clock event, whose entry in the heap begins at *at*; return whether it touches every symbol."""
        judged.has_clock = True
        judged.clocks[i] = ts_ns
        if ts_ns > self.horizon_ns:
            self._pass_horizon(judged, ts_ns, maker, at)
            return False
        self.clocks += 1
        if self.horizon_ns != TS_MAX_NS:
            self.horizon_seq = judged.block.first_seq + i
        if maker == BY_FEED:
            return False
        if maker == BY_IMPORT:
            judged.effects[i] = TIMER
            number = self._number_of(heap_text(judged.block.heap, at))
            if number >= 0:
                symbol = self._symbols[number]
                if not symbol.frozen and ts_ns > symbol.clock_ns and ts_ns > self.clock_ns:
                    symbol.clock_ns = ts_ns
                    self._touch(judged, symbol)
                    judged.move(i, number, ts_ns)
                    self._close_history(symbol, ts_ns)
            return False
        if maker != BY_USER:
            judged.effects[i] = TIMER
            for symbol in self._symbols:
                ns = ts_ns - symbol.instrument.delay_ns
                if symbol.live and not symbol.frozen and ns > symbol.clock_ns and ns > self.clock_ns:
                    symbol.clock_ns = ns
                    self._touch(judged, symbol)
                    judged.move(i, symbol.instrument.number, ns)
            return False
        if ts_ns < self.clock_ns:
            self.late_clocks += 1
            judged.verdicts[i] = LATE
            judged.clocks[i] = self.clock_ns
            return False
        self.clock_ns = ts_ns
        judged.effects[i] = TIME
        return True

    def _close_history(self, symbol: GateSymbol, ts_ns: i64) -> None:
        """Accept no late tick of *symbol* that is stamped before *ts_ns*, where its imported history ends."""
        symbol.tick_ns = ts_ns
        if symbol.finest_end != NEVER_NS:
            symbol.finest_start, symbol.finest_end = ts_ns, self._bounds(symbol, 0, ts_ns)[1]

    def _number_of(self, name: str) -> i64:
        """Return the number of the symbol *name*; -1 if it is unknown."""
        if len(self._numbers) != len(self.instruments):
            for instrument in self.instruments[len(self._numbers) :]:
                self._numbers[instrument.name] = int(instrument.number)
        return self._numbers.get(name, -1)

    def _pass_horizon(self, judged: JudgedBlock, ts_ns: i64, maker: i64, at: i64) -> None:
        """Note a clock event after the horizon of a look back: it can make later rows late, though it is not shown."""
        if maker == BY_USER:
            self._beyond_ns = max(self._beyond_ns, ts_ns)
        elif maker == BY_IMPORT:
            number = self._number_of(heap_text(judged.block.heap, at))
            if number >= 0:
                self._symbols[number].beyond_ns = max(self._symbols[number].beyond_ns, ts_ns)
        elif maker != BY_FEED:
            for symbol in self._symbols:
                if symbol.live:
                    symbol.beyond_ns = max(symbol.beyond_ns, ts_ns - symbol.instrument.delay_ns)

    def _beyond(self, symbol: GateSymbol) -> i64:
        """Return the time to which clock events after the horizon have moved a symbol's clock."""
        return max(self._beyond_ns, symbol.beyond_ns)

    def _join_first(self, judged: JudgedBlock, i: i64) -> None:
        """Mark the log's first symbol as read in time order, like row *i*."""
        first = self._symbols[0]
        first.ordered = True
        first.unsteady = True
        first.plain_tag = NOT_PLAIN
        first.due_ns = NEVER_NS
        self._find_due(first, first.clock_ns)
        self._touch(judged, first)
        judged.joins_row = i

    def _close_due(self, judged: JudgedBlock, i: i64, ts_ns: i64, own: GateSymbol) -> None:
        """Move the clocks of the other symbols read in time order that have a bar ending by *ts_ns*."""
        self._due_ns = TS_MAX_NS + 1
        for symbol in self._symbols:
            if not symbol.ordered:
                continue
            if symbol.due_ns <= ts_ns:
                if symbol is not own and symbol.due_ns != NEVER_NS:
                    # To the end of the last bar that is over, not to the tick: an out-of-order event of this symbol
                    # is not late unless it lies in a completed bar.
                    symbol.clock_ns = max(symbol.clock_ns, _last_end(symbol.ends, ts_ns))
                    self._touch(judged, symbol)
                    judged.move(i, symbol.instrument.number, symbol.clock_ns)
                self._find_due(symbol, ts_ns)
            elif symbol.due_ns < self._due_ns:
                self._due_ns = symbol.due_ns

    def _touch(self, judged: JudgedBlock, symbol: GateSymbol) -> None:
        if symbol.newest_block != judged.block.first_seq:
            symbol.newest_block = judged.block.first_seq
            symbol.last_row = NO_ROW
            judged.touch(symbol.instrument.number)

    def _find_due(self, symbol: GateSymbol, clock: i64) -> None:
        """Find the earliest end after *clock* of the bars that contain the newest applied tick."""
        applied_ns = symbol.applied_ns
        stale = symbol.due_ns == NEVER_NS
        due: i64 = TS_MAX_NS + 1
        if applied_ns != NEVER_NS:
            for rank in range(len(self._lengths)):
                if stale or applied_ns >= symbol.ends[rank]:
                    symbol.ends[rank] = self._bounds(symbol, rank, applied_ns)[1]
                if clock < symbol.ends[rank] < due:
                    due = symbol.ends[rank]
        symbol.due_ns = due
        if due < self._due_ns:
            self._due_ns = due

    def _add_symbol(self, number: i64, name: str) -> None:
        assert number == len(self.instruments), "symbols are numbered in order of appearance"
        delay_ns: i64 = 0 if self._delay_of is None else self._delay_of(name)
        instrument = Instrument(number, name, self._calendar_of(name), delay_ns, self._side)
        self.instruments.append(instrument)
        self._symbols = append(self._symbols, GateSymbol(instrument, self._side, len(self._lengths)))

    def _look_up(self, symbol: GateSymbol, ts_ns: i64) -> None:
        span = symbol.instrument.calendar.span_at(ts_ns)
        symbol.span_start = span.start_ns
        symbol.span_end = span.end_ns
        symbol.open = self._keep_closed or span.state == OPEN

    def _bounds(self, symbol: GateSymbol, rank: i64, ts_ns: i64) -> tuple[i64, i64]:
        """Return start and end of the bar of a timeframe that contains *ts_ns*."""
        kind = self._kinds[rank]
        period = symbol.instrument.calendar.period_at(ts_ns, kind)
        if kind == INTRADAY:
            return bar_bounds(period, ts_ns, self._lengths[rank], self._anchor_ns)
        return period.start_ns, period.end_ns


def _last_end(ends: vec[i64], ns: i64) -> i64:
    """Return the latest of *ends* that is not after *ns*."""
    last: i64 = NEVER_NS
    for end in ends:
        if last < end <= ns:
            last = end
    return last
