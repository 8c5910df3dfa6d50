"""The gate: decides of every logged event whether it counts, and at which price and volume.

Owns each symbol's clock, price side, seen ids and counters. It reads a block once, for all timeframes, so that six
aggregators need not; what it finds is the `Judged` block that they work from. A pure function of the log: nothing here
knows when an event arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from librt.strings import read_f64_le, read_i32_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import OPEN
from mtf.calendars.grid import DAY_START, bar_bounds
from mtf.events.block import (
    CLOCK,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    NEW_SYMBOL,
    ROW_BYTES,
    TRADE,
    Block,
    heap_length,
    heap_text,
)
from mtf.timeframe import INTRADAY, Timeframe

__all__ = [
    "ACCEPTED",
    "APPLY",
    "AUTO",
    "CLOSED_MARKET",
    "COUNTS",
    "CROSSED",
    "DUPLICATE",
    "IDS_MAX",
    "LATE",
    "LATE_ACCEPTED",
    "LOCKED",
    "MOVE",
    "NOTHING",
    "PRICE_SIDES",
    "REASONS",
    "STRETCH",
    "TIME",
    "WRONG_PRICE",
    "Counts",
    "Gate",
    "Instrument",
    "Judged",
]

# Verdicts, in the order in which they are looked for; the first that fits counts.
ACCEPTED: Final = 0
LATE_ACCEPTED: Final = 1  # late="accept": changes high, low, volume and ticks of the open bars, nothing else
DUPLICATE: Final = 2
WRONG_PRICE: Final = 3
CLOSED_MARKET: Final = 4
LATE: Final = 5
VERDICTS: Final = 6
CROSSED: Final = 6  # not a verdict: an accepted quote with ask < bid
LOCKED: Final = 7  # an accepted quote with ask = bid
COUNTS: Final = 8
REASONS: Final = ("", "", "duplicate", "price", "closed", "late")

# What a row does to its symbol's bars.
NOTHING: Final = 0  # rejected
MOVE: Final = 1  # moves the clock, changes no bar: a tick without a price on the side that is kept
APPLY: Final = 2
STRETCH: Final = 3  # a late tick that is accepted
TIME: Final = 4  # a clock event: moves the clock of every symbol

AUTO: Final = 0
MID: Final = 1
BID: Final = 2
ASK: Final = 3
LAST: Final = 4
PRICE_SIDES: Final = ("auto", "mid", "bid", "ask", "last")

IDS_MAX: Final = 4096  # ids remembered a symbol


@mypyc_attr(native_class=True)
class Instrument:
    """A symbol as the cores know it. *first_ns* is the time of its first accepted tick, -1 before there was one."""

    __slots__ = ("calendar", "first_ns", "name", "number")

    def __init__(self, number: i64, name: str, calendar: Calendar, first_ns: i64 = -1) -> None:
        self.number: Final[i64] = number
        self.name: Final = name
        self.calendar: Final = calendar
        self.first_ns: i64 = first_ns  # set once, by the gate, before any aggregator sees the tick


@mypyc_attr(native_class=True)
class Counts:
    """How many events a symbol had, by what became of them; immutable."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: vec[i64]) -> None:
        self.numbers: vec[i64] = numbers  # by verdict, then CROSSED and LOCKED

    @property
    def ticks(self) -> int:
        """Accepted ticks."""
        return self.numbers[ACCEPTED] + self.numbers[LATE_ACCEPTED]

    @property
    def rejected(self) -> dict[str, int]:
        """Rejected ticks by reason, those that there are."""
        return {REASONS[each]: self.numbers[each] for each in range(DUPLICATE, VERDICTS) if self.numbers[each]}

    @property
    def crossed(self) -> int:
        """Accepted quotes with the ask below the bid."""
        return self.numbers[CROSSED]

    @property
    def locked(self) -> int:
        """Accepted quotes with the ask at the bid."""
        return self.numbers[LOCKED]

    @property
    def late_accepted(self) -> int:
        """Late ticks that were accepted."""
        return self.numbers[LATE_ACCEPTED]

    def _key(self) -> list[int]:
        return list(self.numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(tuple(self._key()))

    def __repr__(self) -> str:
        return f"Counts(ticks={self.ticks}, rejected={self.rejected}, crossed={self.crossed}, locked={self.locked})"


@mypyc_attr(native_class=True)
class Judged:
    """A block with what the gate found: for each row its verdict, deed, price and volume, and the clock after it.

    `clocks[i]` is the clock of the row's symbol after the row (of a clock event: the time it tells). `touched` lists
    the symbols that this block may change, by number and without repeats; a clock event touches all of them. `counts`
    are theirs after the block.
    `instruments` is the gate's own list, by number; it only grows.
    """

    __slots__ = (
        "block",
        "clocks",
        "counts",
        "deeds",
        "has_clock",
        "instruments",
        "prices",
        "touched",
        "verdicts",
        "volumes",
    )

    def __init__(self, block: Block, instruments: list[Instrument]) -> None:
        n = block.count
        self.block: Final = block
        self.instruments: Final = instruments
        self.verdicts: vec[u8] = vec[u8]([0] * n)
        self.deeds: vec[u8] = vec[u8]([0] * n)
        self.prices: vec[float] = vec[float]([0.0] * n)
        self.volumes: vec[float] = vec[float]([0.0] * n)
        self.clocks: vec[i64] = vec[i64]([0] * n)
        self.touched: list[int] = []
        self.counts: list[Counts] = []
        self.has_clock = False


@mypyc_attr(native_class=True)
class _Symbol:
    """What the gate remembers of one symbol."""

    __slots__ = (
        "clock_ns",
        "counts",
        "ids",
        "instrument",
        "newest_block",
        "oldest",
        "open",
        "ring",
        "side",
        "slot_end",
        "slot_start",
        "span_end",
        "span_start",
    )

    def __init__(self, instrument: Instrument, side: i64) -> None:
        self.instrument: Final = instrument
        self.clock_ns: i64 = -1  # time of the newest accepted tick; -1 before the first
        self.side: i64 = side  # AUTO until the first accepted tick decides
        self.span_start: i64 = 0  # the calendar's span of the newest look-up: [start, end)
        self.span_end: i64 = 0
        self.open = False  # whether trades count in that span
        self.slot_start: i64 = 0  # the finest bar of the newest applied tick: [start, end)
        self.slot_end: i64 = 0
        self.newest_block: i64 = 0  # first seq of the newest block that touched it
        self.ids: set[str] = set()  # the last IDS_MAX ids
        self.ring: list[str] = []  # the same in order of arrival, from `oldest` on, round and round
        self.oldest: i64 = 0
        self.counts: vec[i64] = vec[i64]([0] * COUNTS)  # events by verdict; crossed and locked quotes

    def archive(self, archive: Archive) -> None:
        """Save or load; the span is looked up anew."""
        instrument = self.instrument
        instrument.first_ns = archive.whole(instrument.first_ns, ANY_MIN, ANY_MAX)
        self.clock_ns = archive.whole(self.clock_ns, ANY_MIN, ANY_MAX)
        self.side = archive.whole(self.side, AUTO, LAST)
        self.slot_start = archive.whole(self.slot_start, ANY_MIN, ANY_MAX)
        self.slot_end = archive.whole(self.slot_end, ANY_MIN, ANY_MAX)
        for each in range(COUNTS):
            self.counts[each] = archive.whole(self.counts[each], 0, ANY_MAX)
        size = archive.count(len(self.ring), 8)
        for k in range(size):
            id = archive.text("" if archive.loading else self.ring[k])
            if archive.loading:
                self.ring.append(id)
                self.ids.add(id)
        self.oldest = archive.whole(self.oldest, 0, IDS_MAX)


@mypyc_attr(native_class=True)
class Gate:
    """Judges blocks, one after the other, in the order of the log."""

    __slots__ = (
        "_accept_late",
        "_anchor_ns",
        "_calendar_of",
        "_finest",
        "_keep_closed",
        "_side",
        "_symbols",
        "clock_ns",
        "clocks",
        "instruments",
        "late_clocks",
    )

    def __init__(
        self,
        calendar_of: Callable[[str], Calendar],
        finest: Timeframe,
        *,
        anchor_ns: i64 = DAY_START,
        side: i64 = AUTO,
        keep_closed: bool = False,
        accept_late: bool = False,
    ) -> None:
        self._calendar_of: Final = calendar_of
        self._side: Final[i64] = side
        self._keep_closed: Final = keep_closed
        self._accept_late: Final = accept_late
        self._finest: Final = finest  # the shortest timeframe
        self._anchor_ns: Final[i64] = anchor_ns  # what its bars count from: see `mtf.calendars.grid`
        self._symbols: list[_Symbol] = []  # by number
        self.instruments: Final[list[Instrument]] = []  # by number; shared with the aggregators, only grows
        self.clock_ns: i64 = -1  # the newest clock event; no symbol's clock is before it
        self.clocks: i64 = 0  # clock events judged, the late ones too
        self.late_clocks: i64 = 0  # clock events before the newest one

    def judge(self, block: Block) -> Judged:
        """Return *block* with a verdict for each of its rows."""
        judged = Judged(block, self.instruments)
        rows, heap = block.rows, block.heap
        verdicts, deeds = judged.verdicts, judged.deeds
        prices, volumes, clocks = judged.prices, judged.volumes, judged.clocks
        symbols = self._symbols
        at: i64 = 0  # in the heap
        base: i64 = 0
        number: i64 = -1
        for i in range(block.count):
            ts_ns = read_i64_le(rows, base)
            tag: i64 = i64(read_i32_le(rows, base + 12))
            kind = tag & 0xFF
            if kind == CLOCK:
                self.clocks += 1
                judged.has_clock = True
                if ts_ns < self.clock_ns:
                    self.late_clocks += 1
                    verdicts[i] = LATE
                    clocks[i] = self.clock_ns
                else:
                    self.clock_ns = ts_ns
                    clocks[i] = ts_ns
                    deeds[i] = TIME
                base += ROW_BYTES
                continue
            flags = tag >> 8
            number = i64(read_i32_le(rows, base + 8))
            if flags & NEW_SYMBOL:
                self._meet(number, heap_text(heap, at))
                at += 2 + heap_length(heap, at)
            symbol = symbols[number]
            if symbol.newest_block != block.first_seq:
                symbol.newest_block = block.first_seq
                judged.touched.append(number)
            verdict: i64 = ACCEPTED
            if flags & HAS_ID:
                if self._seen(symbol, heap_text(heap, at)):
                    verdict = DUPLICATE
                at += 2 + heap_length(heap, at)
            first = read_f64_le(rows, base + 16)
            second = read_f64_le(rows, base + 24)
            if verdict == ACCEPTED:
                if kind == TRADE:
                    if first <= 0.0:
                        verdict = WRONG_PRICE
                elif (flags & HAS_BID and first <= 0.0) or (flags & HAS_ASK and second <= 0.0):
                    verdict = WRONG_PRICE
            if verdict == ACCEPTED:
                if ts_ns < symbol.span_start or ts_ns >= symbol.span_end:
                    self._look_up(symbol, ts_ns)
                if not symbol.open:
                    verdict = CLOSED_MARKET
            clock: i64 = symbol.clock_ns
            if clock < self.clock_ns:
                clock = self.clock_ns
            if verdict == ACCEPTED and ts_ns < clock:
                verdict = LATE
                if self._accept_late and symbol.slot_start <= ts_ns and clock < symbol.slot_end:
                    verdict = LATE_ACCEPTED
            symbol.counts[verdict] += 1
            verdicts[i] = u8(verdict)
            if verdict <= LATE_ACCEPTED:
                if verdict == ACCEPTED:
                    clock = ts_ns
                    symbol.clock_ns = ts_ns
                    if symbol.instrument.first_ns < 0:
                        symbol.instrument.first_ns = ts_ns
                        if symbol.side == AUTO:
                            symbol.side = LAST if kind == TRADE else MID
                if flags & HAS_BID and flags & HAS_ASK and second <= first:
                    symbol.counts[CROSSED if second < first else LOCKED] += 1
                side = symbol.side
                priced = False
                if kind == TRADE:
                    if side == LAST:
                        prices[i] = first
                        volumes[i] = second
                        priced = True
                elif side == MID:
                    if flags & HAS_BID and flags & HAS_ASK:
                        prices[i] = (first + second) * 0.5
                        volumes[i] = read_f64_le(rows, base + 32) + read_f64_le(rows, base + 40)
                        priced = True
                elif side == BID:
                    if flags & HAS_BID:
                        prices[i] = first
                        volumes[i] = read_f64_le(rows, base + 32)
                        priced = True
                elif side == ASK and flags & HAS_ASK:
                    prices[i] = second
                    volumes[i] = read_f64_le(rows, base + 40)
                    priced = True
                if verdict == LATE_ACCEPTED:
                    deeds[i] = STRETCH if priced else NOTHING
                elif priced:
                    deeds[i] = APPLY
                    if self._accept_late and ts_ns >= symbol.slot_end:
                        self._open_slot(symbol, ts_ns)
                else:
                    deeds[i] = MOVE
            clocks[i] = clock
            base += ROW_BYTES
        if judged.has_clock:
            judged.touched = list(range(len(symbols)))
        for touched in judged.touched:
            judged.counts.append(Counts(symbols[touched].counts[:]))
        return judged

    @property
    def newest_ns(self) -> i64:
        """The latest stamp of an accepted event, of any symbol; -1 before the first."""
        newest = self.clock_ns
        for symbol in self._symbols:
            if symbol.clock_ns > newest:
                newest = symbol.clock_ns
        return newest

    def archive(self, archive: Archive) -> None:
        """Save all state, or load it into a gate that has judged nothing."""
        self.clock_ns = archive.whole(self.clock_ns, ANY_MIN, ANY_MAX)
        self.clocks = archive.whole(self.clocks, 0, ANY_MAX)
        self.late_clocks = archive.whole(self.late_clocks, 0, ANY_MAX)
        count = archive.count(len(self._symbols), 8)
        for number in range(count):
            name = archive.text("" if archive.loading else self.instruments[number].name)
            if archive.loading:
                self._meet(number, name)
            self._symbols[number].archive(archive)

    def counts(self) -> list[Counts]:
        """Return the counts of each symbol, by number."""
        return [Counts(symbol.counts[:]) for symbol in self._symbols]

    def _meet(self, number: i64, name: str) -> None:
        assert number == len(self.instruments), "symbols are numbered by appearance"
        instrument = Instrument(number, name, self._calendar_of(name))
        self.instruments.append(instrument)
        self._symbols.append(_Symbol(instrument, self._side))

    def _look_up(self, symbol: _Symbol, ts_ns: i64) -> None:
        span = symbol.instrument.calendar.span_at(ts_ns)
        symbol.span_start = span.start_ns
        symbol.span_end = span.end_ns
        symbol.open = self._keep_closed or span.state == OPEN

    def _open_slot(self, symbol: _Symbol, ts_ns: i64) -> None:
        period = symbol.instrument.calendar.period_at(ts_ns, self._finest.kind)
        start_ns: i64 = period.start_ns
        end_ns: i64 = period.end_ns
        if self._finest.kind == INTRADAY:
            start_ns, end_ns = bar_bounds(period, ts_ns, self._finest.length_ns, self._anchor_ns)
        symbol.slot_start = start_ns
        symbol.slot_end = end_ns

    def _seen(self, symbol: _Symbol, id: str) -> bool:
        """Remember *id*; True where it is among the last IDS_MAX."""
        ids = symbol.ids
        if id in ids:
            return True
        ring = symbol.ring
        if len(ring) < IDS_MAX:
            ring.append(id)
        else:
            ids.discard(ring[symbol.oldest])
            ring[symbol.oldest] = id
            symbol.oldest = (symbol.oldest + 1) % IDS_MAX
        ids.add(id)
        return False
