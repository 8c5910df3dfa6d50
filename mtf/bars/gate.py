"""The gate: decides whether each logged event counts, at which price and volume, and whose clocks it moves.

Owns each symbol's clocks, price side, newest ids and bars, and counters. It reads a block once, for all timeframes, so
that six aggregators need not; what it finds is the `Judged` block that they work from. A pure function of the log.

Four things move a symbol's clock: its own accepted tick; a clock event of a user, for all symbols; one of the timer,
for symbols that are live; and in a run of finite sources in order of time, an accepted tick of any symbol of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from librt.strings import BytesWriter, read_f64_le, read_i32_le, read_i64_le, write_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8
from xxhash import xxh3_64_digest

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.recent import IDS_MAX, NEW, REUSED, RecentBars, RecentIds
from mtf.calendars.beside import Beside, EdgeCount
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import OPEN
from mtf.calendars.grid import DAY_START, bar_bounds
from mtf.events.bar_rows import UNFINISHED, length_ns
from mtf.events.block import (
    BAR_LENGTH,
    BOTH_SIDES,
    BY_FEED,
    BY_USER,
    CLOCK,
    FROM_BAR,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    JOINS,
    LIVE,
    NEW_SYMBOL,
    ORDERED,
    QUOTE,
    RECEIVED,
    ROW_BYTES,
    TRADE,
    Block,
    has_bar_head,
    heap_after,
    heap_length,
    heap_text,
    is_of_bar,
)
from mtf.timeframe import INTRADAY, Timeframe
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = [
    "ACCEPTED",
    "APPLY",
    "APPLY_BAR",
    "AUTO",
    "BAD_SIDES",
    "CLOSED_MARKET",
    "COUNTS",
    "CROSSED",
    "DUPLICATE",
    "IDS_MAX",
    "ID_REUSED",
    "LATE",
    "LATE_ACCEPTED",
    "LOCKED",
    "MOVE",
    "NOTHING",
    "PRICE_MAX",
    "PRICE_SIDES",
    "REASONS",
    "STRETCH",
    "TEAR",
    "TIME",
    "TIMER",
    "UNFINISHED_BAR",
    "WRONG_PRICE",
    "Counts",
    "Gate",
    "Instrument",
    "Judged",
    "tally",
]

# Verdicts, in the order in which they are looked for; the first that fits counts.
ACCEPTED: Final = 0
LATE_ACCEPTED: Final = 1  # late="accept": changes high, low, volume and ticks of the open bars, nothing else
DUPLICATE: Final = 2
WRONG_PRICE: Final = 3
CLOSED_MARKET: Final = 4
LATE: Final = 5
UNFINISHED_BAR: Final = 6  # a bar that was still forming when it arrived
VERDICTS: Final = 7
CROSSED: Final = 7  # not a verdict: an accepted quote with ask < bid
LOCKED: Final = 8  # an accepted quote with ask = bid
BAD_SIDES: Final = 9  # an accepted quote of which one side is not a price
ID_REUSED: Final = 10  # an accepted tick with the id of another
COUNTS: Final = 11
REASONS: Final = ("", "", "duplicate", "price", "closed", "late", "unfinished")

# What a row does to its symbol's bars.
NOTHING: Final = 0  # rejected
MOVE: Final = 1  # moves the clock, changes no bar: a tick without a price on the side that is kept
APPLY: Final = 2
STRETCH: Final = 3  # a late tick that is accepted
TIME: Final = 4  # a clock event of a user: moves the clock of every symbol
APPLY_BAR: Final = 5  # an event of a bar: changes the bars of timeframes that are at least as long
TEAR: Final = 6  # an unfinished bar: what it stands for is missing from the bars that hold its start, until it is whole
TIMER: Final = 7  # a clock event of the timer: moves the clocks that `Judged.moves_*` list

AUTO: Final = 0
MID: Final = 1
BID: Final = 2
ASK: Final = 3
LAST: Final = 4
PRICE_SIDES: Final = ("auto", "mid", "bid", "ask", "last")

# Tags (the 4 bytes at 12 of a row) of what comes most often, with no flag but the sides and no detail: a quote with bid
# and ask of a symbol whose bars are made of mid prices, a trade of one whose bars are made of trades.
PLAIN_QUOTE: Final = 0x0301
PLAIN_TRADE: Final = 0x0002
NOT_PLAIN: Final = -1

PRICE_MAX: Final = 1e12  # from here on, up or down, a number is not a price; the default of a setting


@mypyc_attr(native_class=True)
class Instrument:
    """A symbol as the cores know it.

    *delay_ns* is how much later than its stamp an event of its feed usually arrives, *side* the price that its bars are
    made of, as an index of `PRICE_SIDES`. `first_ns` is the time of its first accepted tick, of a bar its start;
    NEVER_NS before there was one.
    """

    __slots__ = ("calendar", "delay_ns", "first_ns", "name", "number", "side")

    def __init__(self, number: i64, name: str, calendar: Calendar, delay_ns: i64 = 0, side: i64 = AUTO) -> None:
        self.number: Final[i64] = number
        self.name: Final = name
        self.calendar: Final = calendar
        self.delay_ns: Final[i64] = delay_ns
        self.first_ns: i64 = NEVER_NS  # set once, by the gate, before any aggregator sees the tick
        self.side: i64 = side  # AUTO until the first accepted tick decides


@mypyc_attr(native_class=True, acyclic=True)
class Counts:
    """How many events a symbol had, by what became of them; immutable."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: vec[i64]) -> None:
        self.numbers: vec[i64] = numbers  # by verdict, then CROSSED, LOCKED, BAD_SIDES and ID_REUSED

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
    def bad_sides(self) -> int:
        """Accepted quotes of which one side was not a price: they count as one-sided."""
        return self.numbers[BAD_SIDES]

    @property
    def id_reused(self) -> int:
        """Accepted ticks with an id that another, different tick had before."""
        return self.numbers[ID_REUSED]

    @property
    def late_accepted(self) -> int:
        """Late ticks that were accepted."""
        return self.numbers[LATE_ACCEPTED]

    def _key(self) -> list[int]:
        return list(self.numbers)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored_counts, (self._key(),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(tuple(self._key()))

    def __repr__(self) -> str:
        return f"Counts(ticks={self.ticks}, rejected={self.rejected}, crossed={self.crossed}, locked={self.locked})"


def _restored_counts(numbers: list[int]) -> Counts:
    return Counts(vec[i64](numbers))


@mypyc_attr(native_class=True)
class Judged:
    """A block with what the gate found: for each row its verdict, deed, price and volume, and the clock after it.

    `clocks[i]` is the clock of the row's symbol after the row (of a clock event: the time it states). The clocks of
    *other* symbols that row `moves_row[k]` moves are those of `moves_number[k]`, to `moves_ns[k]`, in order of rows: by
    the timer, and by a run in order of time, there only of symbols of which a bar may close. `run_ns` is the clock of
    such runs after the block. Of a bar's event `ranks[i]` is the rank of the shortest timeframe that it enters; `tears`
    has, by row, the start of unfinished bars, and `one_sided` the sides that count, for quotes with one that is not a
    price; `reused` lists accepted rows with the id of another. `touched` lists the symbols that this block may change,
    by number and without repeats; `counts` are theirs after the block; `ordered` says whether they take part in runs in
    order of time, `live` whether they are live. `instruments` is the gate's own list, by number; it only grows.
    """

    __slots__ = (
        "block",
        "clocks",
        "counts",
        "deeds",
        "has_clock",
        "has_ordered",
        "has_private",
        "instruments",
        "joins_row",
        "live",
        "made_up",
        "moves_ns",
        "moves_number",
        "moves_row",
        "one_sided",
        "ordered",
        "prices",
        "ranks",
        "reused",
        "run_ns",
        "tears",
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
        self.ranks: vec[u8] = vec[u8]([])  # as long as the block once it holds an event of a bar
        self.moves_row: vec[i64] = vec[i64]([])
        self.moves_number: vec[i64] = vec[i64]([])
        self.moves_ns: vec[i64] = vec[i64]([])
        self.one_sided: dict[int, int] = {}
        self.tears: dict[int, int] = {}
        self.made_up: set[int] = set()  # accepted bars of what the newest unfinished one of the symbol stood for
        self.reused: set[int] = set()
        self.touched: list[int] = []
        self.counts: list[Counts] = []
        self.ordered: list[bool] = []
        self.live: list[bool] = []
        self.run_ns: i64 = NEVER_NS
        self.joins_row: i64 = -1  # the row from which the first symbol takes part in a run in order of time; -1: none
        self.has_clock = False  # rows without a symbol
        self.has_ordered = False  # ORDERED rows that were accepted
        self.has_private = False  # rows with what is not part of their canonical bytes

    def wants_rows(self, rows: bool) -> bool:
        """Return whether live values are computed for each row, also if only those of each symbol's last are asked for.

        A block with a clock event, or one that closes bars of symbols without a row in it, touches more symbols than it
        has rows.
        """
        return rows or self.has_clock or len(self.touched) > self.block.count

    def move(self, row: i64, number: i64, ns: i64) -> None:
        """Note that *row* moves the clock of another symbol."""
        self.moves_row = append(self.moves_row, row)
        self.moves_number = append(self.moves_number, number)
        self.moves_ns = append(self.moves_ns, ns)


@mypyc_attr(native_class=True)
class _Symbol:
    """What the gate remembers of one symbol."""

    __slots__ = (
        "applied_ns",
        "bar_rank",
        "bar_sides",
        "bar_verdict",
        "bars",
        "beside",
        "beyond_ns",
        "by_bar",
        "clock_ns",
        "counts",
        "due_ns",
        "ends",
        "frozen",
        "ids",
        "instrument",
        "live",
        "newest_block",
        "open",
        "ordered",
        "plain",
        "plain_tag",
        "side",
        "slot_end",
        "slot_start",
        "span_end",
        "span_start",
        "tick_ns",
        "torn_ns",
        "unsteady",
    )

    def __init__(self, instrument: Instrument, side: i64, ranks: i64) -> None:
        self.instrument: Final = instrument
        self.clock_ns: i64 = NEVER_NS  # bars that end by then are over: the newest tick, or a timer's clock event
        self.tick_ns: i64 = NEVER_NS  # the latest stamp of an accepted tick
        self.applied_ns: i64 = NEVER_NS  # time of the newest tick that changed bars
        self.side: i64 = side  # AUTO until the first accepted tick decides
        self.by_bar = False  # a bar given as input decided
        self.live = False  # its newest accepted tick arrived within moments of its stamp
        self.ordered = False  # its newest accepted tick was of a run in order of time
        self.unsteady = True  # `_accept` is asked also of a tick that is neither LIVE nor ORDERED
        self.plain_tag: i64 = NOT_PLAIN  # a row with this tag that comes in order and in `span` is as the one before
        self.beyond_ns: i64 = NEVER_NS  # its clock, moved by the timer, behind the time that is looked back at
        self.frozen = False  # a look back in time has passed the first of its ticks that lies after that time
        self.beside: Final = Beside()  # ticks rejected just beside a session; not saved, no result depends on it
        self.span_start: i64 = 0  # the calendar's span of the newest look-up: [start, end)
        self.span_end: i64 = 0
        self.open = False  # whether trades count in that span
        self.slot_start: i64 = 0  # the finest bar of the newest applied tick: [start, end)
        self.slot_end: i64 = NEVER_NS
        self.ends: vec[i64] = vec[i64](
            [NEVER_NS] * ranks
        )  # of the bars that hold `applied_ns`, while `due_ns` is known
        self.due_ns: i64 = NEVER_NS  # the next of them after the clock; NEVER_NS: not looked up, TS_MAX_NS + 1: none
        self.newest_block: i64 = 0  # first seq of the newest block that touched it
        self.torn_ns: i64 = NEVER_NS  # the start of the newest unfinished bar; NEVER_NS once it has come whole
        self.bar_verdict: i64 = ACCEPTED  # of the bar given as input whose events come now
        self.bar_sides: i64 = 0  # the sides that count of it
        self.bar_rank: i64 = 0  # the shortest timeframe that it enters
        self.ids: RecentIds | None = None  # made at the first id
        self.bars: RecentBars | None = None  # made at the first bar
        self.counts: vec[i64] = vec[i64]([0] * COUNTS)  # events by verdict; then those of `Counts`
        self.plain: i64 = 0  # accepted events of the block being judged that are not in `counts` yet

    def archive(self, archive: Archive) -> None:
        """Save or load; spans and ends are looked up again."""
        instrument = self.instrument
        instrument.first_ns = archive.whole(instrument.first_ns, ANY_MIN, ANY_MAX)
        self.clock_ns = archive.whole(self.clock_ns, ANY_MIN, ANY_MAX)
        self.tick_ns = archive.whole(self.tick_ns, ANY_MIN, ANY_MAX)
        self.applied_ns = archive.whole(self.applied_ns, ANY_MIN, ANY_MAX)
        self.side = archive.whole(self.side, AUTO, LAST)
        instrument.side = self.side
        self.by_bar = archive.flag(self.by_bar)
        self.live = archive.flag(self.live)
        self.ordered = archive.flag(self.ordered)
        self.unsteady = True
        self.slot_start = archive.whole(self.slot_start, ANY_MIN, ANY_MAX)
        self.slot_end = archive.whole(self.slot_end, ANY_MIN, ANY_MAX)
        self.torn_ns = archive.whole(self.torn_ns, ANY_MIN, ANY_MAX)
        self.bar_verdict = archive.whole(self.bar_verdict, 0, VERDICTS)
        self.bar_sides = archive.whole(self.bar_sides, 0, BOTH_SIDES)
        self.bar_rank = archive.whole(self.bar_rank, 0, RANKS_MAX)
        for each in range(COUNTS):
            self.counts[each] = archive.whole(self.counts[each], 0, ANY_MAX)
        if archive.flag(self.ids is not None):
            self.recent_ids().archive(archive)
        if archive.flag(self.bars is not None):
            self.recent_bars().archive(archive)

    def recent_ids(self) -> RecentIds:
        if self.ids is None:
            self.ids = RecentIds()
        return self.ids

    def recent_bars(self) -> RecentBars:
        if self.bars is None:
            self.bars = RecentBars()
        return self.bars


@mypyc_attr(native_class=True)
class Gate:
    """Judges blocks, one after the other, in the order of the log.

    *timeframes* are those kept, shortest first. A price counts if it lies between -*price_max* and *price_max*, and
    unless *any_price* is above 0. *delay_of* gives the delay of a symbol's feed.
    """

    __slots__ = (
        "_accept_late",
        "_anchor_ns",
        "_beyond_ns",
        "_calendar_of",
        "_content",
        "_delay_of",
        "_due_ns",
        "_keep_closed",
        "_kinds",
        "_lengths",
        "_price_max",
        "_price_min",
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
        anchor_ns: i64 = DAY_START,
        side: i64 = AUTO,
        keep_closed: bool = False,
        accept_late: bool = False,
        any_price: bool = False,
        price_max: float = PRICE_MAX,
        delay_of: Callable[[str], int] | None = None,
    ) -> None:
        self._calendar_of: Final = calendar_of
        self._delay_of: Final = delay_of
        self._side: Final[i64] = side
        self._keep_closed: Final = keep_closed
        self._accept_late: Final = accept_late
        self._price_min: Final[float] = -price_max if any_price else 0.0
        self._price_max: Final[float] = price_max
        self._kinds: Final = vec[i64]([i64(each.kind) for each in timeframes])  # by rank
        self._lengths: Final = vec[i64]([i64(each.length_ns) for each in timeframes])
        self._content: Final = BytesWriter()  # of the tick with an id that is being judged
        self._anchor_ns: Final[i64] = anchor_ns  # what intraday bars count from: see `mtf.calendars.grid`
        self._symbols: vec[_Symbol] = vec[_Symbol]([])  # by number
        self._due_ns: i64 = TS_MAX_NS + 1  # no bar of a symbol in a run in order of time ends before it
        self.instruments: Final[list[Instrument]] = []  # by number; shared with the aggregators, only grows
        self.clock_ns: i64 = NEVER_NS  # the newest clock event of a user; no symbol's clock is before it
        self.run_ns: i64 = NEVER_NS  # the newest accepted tick of runs in order of time
        self.clocks: i64 = 0  # clock events judged, the late ones too
        self.late_clocks: i64 = 0  # clock events before the newest one
        self.horizon_ns: i64 = TS_MAX_NS  # a look back in time: from its first tick after it on, a symbol is frozen
        self._beyond_ns: i64 = NEVER_NS  # the newest clock event of a user behind it
        self.horizon_seq: i64 = 0  # the newest event that such a look has let through

    def end_look_back(self) -> None:
        """Go on from where a look back in time has ended, with whatever comes next."""
        self.horizon_ns = TS_MAX_NS
        self._beyond_ns = NEVER_NS
        for symbol in self._symbols:
            symbol.frozen = False

    def judge(self, block: Block) -> Judged:
        """Return *block* with a verdict for each of its rows."""
        judged = Judged(block, self.instruments)
        rows, heap = block.rows, block.heap
        has_heap = len(heap) > 0
        verdicts, deeds, clocks = judged.verdicts, judged.deeds, judged.clocks
        prices, volumes = judged.prices, judged.volumes
        accept_late = self._accept_late
        looking_back = self.horizon_ns != TS_MAX_NS
        symbols = self._symbols
        low = self._price_min
        high = self._price_max
        first_seq = block.first_seq
        user_ns = self.clock_ns
        after: i64 = 0  # in the heap, where the entries of the row end that begin at `at`
        number: i64 = -1
        all_touched = False
        for i in range(block.count):
            base: i64 = i * ROW_BYTES
            ts_ns = read_i64_le(rows, base)
            tag: i64 = i64(read_i32_le(rows, base + 12))
            at = after
            if has_heap:
                after = heap_after(heap, at, tag)
            kind = tag & 0xFF
            flags = tag >> 8 & 0xFF
            if flags & (LIVE | RECEIVED | NEW_SYMBOL):
                if flags & NEW_SYMBOL:
                    self._meet(i64(read_i32_le(rows, base + 8)), heap_text(heap, at))
                    symbols = self._symbols
                    if tag >> 16 & JOINS:
                        self._join_first(judged, i)
                if flags & (LIVE | RECEIVED):
                    judged.has_private = True
            if kind == CLOCK:
                if self._judge_clock(judged, i, ts_ns, tag >> 16 & 0xFFFF):
                    all_touched = True
                user_ns = self.clock_ns
                continue
            number = i64(read_i32_le(rows, base + 8))
            symbol = symbols[number]
            first = read_f64_le(rows, base + 16)
            second = read_f64_le(rows, base + 24)
            clock: i64 = symbol.clock_ns
            if clock < user_ns:
                clock = user_ns
            if (
                tag == symbol.plain_tag
                and symbol.newest_block == first_seq
                and clock <= ts_ns < symbol.span_end
                and low < first < high
                and (kind == TRADE or low < second < high)
            ):
                # Nothing of what follows applies: the row is accepted as the plain one before it was.
                symbol.clock_ns = ts_ns
                symbol.tick_ns = ts_ns
                symbol.applied_ns = ts_ns
                symbol.plain += 1
                if kind == TRADE:
                    prices[i] = first
                    volumes[i] = second
                else:
                    if second <= first:
                        symbol.counts[CROSSED if second < first else LOCKED] += 1
                    prices[i] = (first + second) * 0.5
                    volumes[i] = read_f64_le(rows, base + 32) + read_f64_le(rows, base + 40)
                deeds[i] = APPLY
                clocks[i] = ts_ns
                continue
            symbol.plain_tag = NOT_PLAIN
            if symbol.newest_block != first_seq:
                symbol.newest_block = first_seq
                judged.touched.append(number)
            if flags & FROM_BAR and tag >> 16 & BAR_LENGTH:
                clocks[i] = self._judge_bar(judged, symbol, i, ts_ns, tag, at, clock)
                continue
            verdict: i64 = ACCEPTED
            reused = False
            key: i64 = 0
            id = ""
            if flags & HAS_ID:
                id = _id_at(heap, at, flags)
                key = _content_key(self._content, rows, base)
                known: i64 = NEW
                if symbol.ids is not None:
                    known = symbol.ids.compare(id, key)
                if known == REUSED:
                    reused = True
                elif known != NEW:
                    verdict = DUPLICATE
            sides = flags & BOTH_SIDES
            if kind == TRADE:
                if verdict == ACCEPTED and not low < first < high:
                    verdict = WRONG_PRICE
            else:
                if sides & HAS_BID and not low < first < high:
                    sides &= HAS_ASK
                if sides & HAS_ASK and not low < second < high:
                    sides &= HAS_BID
                if sides == 0 and verdict == ACCEPTED:
                    verdict = WRONG_PRICE
            if verdict == ACCEPTED:
                if ts_ns < symbol.span_start or ts_ns >= symbol.span_end:
                    self._look_up(symbol, ts_ns)
                if not symbol.open:
                    verdict = CLOSED_MARKET
                    symbol.beside.count(symbol.instrument.calendar, symbol.span_start, symbol.span_end, ts_ns)
                elif ts_ns < clock:
                    verdict = LATE
                    if accept_late and self._still_open(symbol, ts_ns, clock):
                        verdict = LATE_ACCEPTED
            if looking_back and verdict == ACCEPTED and ts_ns < self._beyond(symbol):
                verdict = LATE
                if accept_late and self._still_open(symbol, ts_ns, max(clock, self._beyond(symbol))):
                    verdict = LATE_ACCEPTED
            if looking_back and ((ts_ns > self.horizon_ns and verdict <= LATE_ACCEPTED) or symbol.frozen):
                symbol.frozen = True
                verdicts[i] = DUPLICATE
                clocks[i] = clock
                continue
            if looking_back:
                self.horizon_seq = block.first_seq + i
            symbol.counts[verdict] += 1
            verdicts[i] = u8(verdict)
            if verdict <= LATE_ACCEPTED:
                newest = True
                if verdict == ACCEPTED:
                    clock = ts_ns
                    symbol.clock_ns = ts_ns
                    symbol.tick_ns = ts_ns
                    if flags & (LIVE | ORDERED) or symbol.unsteady:
                        self._accept(judged, symbol, i, ts_ns, ts_ns, kind, flags)
                else:
                    newest = ts_ns >= symbol.tick_ns  # late for a clock event alone
                    if newest:
                        symbol.tick_ns = ts_ns
                    self._decide(symbol, ts_ns, kind, flags)
                if flags & HAS_ID:
                    symbol.recent_ids().remember(id, key, is_new=not reused)
                    if reused:
                        symbol.counts[ID_REUSED] += 1
                        judged.reused.add(int(i))
                side = symbol.side
                priced = False
                if kind == TRADE:
                    if side == LAST:
                        prices[i] = first
                        volumes[i] = second
                        priced = True
                else:
                    if sides != flags & BOTH_SIDES:
                        symbol.counts[BAD_SIDES] += 1
                        judged.one_sided[i] = sides
                    elif sides == BOTH_SIDES and second <= first:
                        symbol.counts[CROSSED if second < first else LOCKED] += 1
                    if side == MID and sides == BOTH_SIDES:
                        prices[i] = (first + second) * 0.5
                        volumes[i] = read_f64_le(rows, base + 32) + read_f64_le(rows, base + 40)
                        priced = True
                    elif side == BID and sides & HAS_BID:
                        prices[i] = first
                        volumes[i] = read_f64_le(rows, base + 32)
                        priced = True
                    elif side == ASK and sides & HAS_ASK:
                        prices[i] = second
                        volumes[i] = read_f64_le(rows, base + 40)
                        priced = True
                if not priced:
                    deeds[i] = MOVE if verdict == ACCEPTED else NOTHING
                elif newest:
                    deeds[i] = APPLY
                    symbol.applied_ns = ts_ns
                    if accept_late or symbol.ordered:
                        self._applied(symbol, ts_ns, True)
                    elif (tag == PLAIN_QUOTE and side == MID) or (tag == PLAIN_TRADE and side == LAST):
                        symbol.plain_tag = NOT_PLAIN if looking_back else tag
                else:
                    deeds[i] = STRETCH
            clocks[i] = clock
        judged.run_ns = self.run_ns
        if all_touched:
            judged.touched = list(range(len(symbols)))
        for touched in judged.touched:
            symbol = symbols[touched]
            symbol.counts[ACCEPTED] += symbol.plain
            symbol.plain = 0
            judged.counts.append(Counts(symbol.counts[:]))
            judged.ordered.append(symbol.ordered)
            judged.live.append(symbol.live)
        return judged

    @property
    def newest_ns(self) -> i64:
        """The latest stamp of an accepted event, of any symbol; NEVER_NS before the first."""
        newest = self.clock_ns
        for symbol in self._symbols:
            if symbol.clock_ns > newest:
                newest = symbol.clock_ns
        return newest

    def archive(self, archive: Archive) -> None:
        """Save all state, or load it into a gate that has judged nothing."""
        self.clock_ns = archive.whole(self.clock_ns, ANY_MIN, ANY_MAX)
        self.run_ns = archive.whole(self.run_ns, ANY_MIN, ANY_MAX)
        self.clocks = archive.whole(self.clocks, 0, ANY_MAX)
        self.late_clocks = archive.whole(self.late_clocks, 0, ANY_MAX)
        count = archive.count(len(self._symbols), 8)
        for number in range(count):
            name = archive.text("" if archive.loading else self.instruments[number].name)
            if archive.loading:
                self._meet(number, name)
            symbol = self._symbols[number]
            symbol.archive(archive)
            if archive.loading and symbol.ordered:
                self._find_due(symbol, max(symbol.clock_ns, self.clock_ns))

    def begin(self, names: Sequence[str]) -> None:
        """Know the symbols *names*, by number, before the first block of a log whose beginning is gone."""
        for name in names:
            self._meet(len(self.instruments), name)

    def is_over(self, block: Block) -> bool:
        """Return whether a look back in time finds nothing in *block*: it is of symbols that are over, as all are."""
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

    def counts(self) -> list[Counts]:
        """Return the counts of each symbol, by number."""
        return [Counts(symbol.counts[:]) for symbol in self._symbols]

    def edges(self) -> list[EdgeCount]:
        """Return how many ticks were rejected as closed just beside a session, by edge, of all symbols together."""
        found: dict[tuple[str, str, bool], EdgeCount] = {}
        for symbol in self._symbols:
            for counts in symbol.beside.counts():
                key = (counts.local, counts.zone, counts.last)
                if key not in found:
                    found[key] = EdgeCount(counts.local, counts.zone, counts.last)
                found[key].add(counts)
        return list(found.values())

    def sides(self) -> list[str]:
        """Return the price side in use of each symbol, by number; `auto` before its first accepted tick."""
        return [PRICE_SIDES[symbol.side] for symbol in self._symbols]

    def bar_kinds(self) -> dict[str, int]:
        """Return the kind of event that bars are made of, TRADE or QUOTE, of each symbol for which a bar decided it."""
        return {
            symbol.instrument.name: TRADE if symbol.side == LAST else QUOTE for symbol in self._symbols if symbol.by_bar
        }

    def _judge_clock(self, judged: Judged, i: i64, ts_ns: i64, maker: i64) -> bool:
        """Judge a clock event; return whether it touches every symbol."""
        judged.has_clock = True
        judged.clocks[i] = ts_ns
        if ts_ns > self.horizon_ns:
            self._pass_horizon(ts_ns, maker)
            return False
        self.clocks += 1
        if self.horizon_ns != TS_MAX_NS:
            self.horizon_seq = judged.block.first_seq + i
        if maker == BY_FEED:
            return False
        if maker != BY_USER:
            judged.deeds[i] = TIMER
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
        judged.deeds[i] = TIME
        return True

    def _pass_horizon(self, ts_ns: i64, maker: i64) -> None:
        """Note a clock event that a look back in time does not show: what comes after it may be late for it."""
        if maker == BY_USER:
            self._beyond_ns = max(self._beyond_ns, ts_ns)
        elif maker != BY_FEED:
            for symbol in self._symbols:
                if symbol.live:
                    symbol.beyond_ns = max(symbol.beyond_ns, ts_ns - symbol.instrument.delay_ns)

    def _beyond(self, symbol: _Symbol) -> i64:
        """Return to what time clock events behind the horizon have moved a symbol's clock."""
        return max(self._beyond_ns, symbol.beyond_ns)

    def _judge_bar(self, judged: Judged, symbol: _Symbol, i: i64, ts_ns: i64, tag: i64, at: i64, clock: i64) -> i64:
        """Judge one of the four events of a bar, the first for all of them; return the symbol's clock after it."""
        block = judged.block
        flags = tag >> 8 & 0xFF
        detail = tag >> 16 & 0xFFFF
        first = has_bar_head(tag)
        start_ns: i64 = ts_ns
        if first:
            if flags & NEW_SYMBOL:
                at += 2 + heap_length(block.heap, at)
            if flags & HAS_ID:
                at += 2 + heap_length(block.heap, at)
            start_ns = read_i64_le(block.heap, at)
            key = read_i64_le(block.heap, at + 8)
            late_for = max(clock, self._beyond(symbol))
            verdict = self._bar_verdict(symbol, block.heap, at, ts_ns, tag, late_for, start_ns, key)
            if (ts_ns > self.horizon_ns and verdict == ACCEPTED) or symbol.frozen:
                symbol.frozen = True
            else:
                symbol.bar_verdict = verdict
                if verdict == ACCEPTED:
                    symbol.recent_bars().remember(start_ns, key)
                    symbol.bar_rank = self._rank_of(length_ns(detail))
                else:
                    symbol.counts[verdict] += 1  # one bar is one row that was rejected
        verdict = symbol.bar_verdict
        if ts_ns > self.horizon_ns and verdict == ACCEPTED:
            symbol.frozen = True
        if symbol.frozen:
            judged.verdicts[i] = DUPLICATE
            return clock
        if self.horizon_ns != TS_MAX_NS:
            self.horizon_seq = block.first_seq + i
        judged.verdicts[i] = u8(verdict)
        if verdict != ACCEPTED:
            if first and verdict == UNFINISHED_BAR:
                judged.deeds[i] = TEAR
                judged.tears[i] = start_ns
                symbol.torn_ns = start_ns
            return clock
        symbol.counts[ACCEPTED] += 1
        if first and start_ns <= symbol.torn_ns <= ts_ns:
            symbol.torn_ns = NEVER_NS
            judged.made_up.add(int(i))
        kind = tag & 0xFF
        symbol.clock_ns = ts_ns
        symbol.tick_ns = ts_ns
        self._accept(judged, symbol, i, ts_ns, start_ns, kind, flags)
        sides = symbol.bar_sides
        if kind != TRADE and sides != flags & BOTH_SIDES:
            judged.one_sided[i] = sides
            if first:
                symbol.counts[BAD_SIDES] += 1
        if self._price(judged, symbol.side, i, kind, sides):
            judged.deeds[i] = APPLY_BAR
            if len(judged.ranks) == 0:
                judged.ranks = vec[u8]([0] * block.count)
            judged.ranks[i] = u8(symbol.bar_rank)
            symbol.applied_ns = ts_ns
            self._applied(symbol, ts_ns, symbol.bar_rank == 0)
        else:
            judged.deeds[i] = MOVE
        return ts_ns

    def _bar_verdict(
        self, symbol: _Symbol, heap: bytes, at: i64, ts_ns: i64, tag: i64, clock: i64, start_ns: i64, key: i64
    ) -> i64:
        """Return the verdict of a whole bar, whose entry in the heap begins at *at*."""
        flags = tag >> 8 & 0xFF
        if tag >> 16 & UNFINISHED:
            return UNFINISHED_BAR
        if symbol.bars is not None and symbol.bars.knows(start_ns, key):
            return DUPLICATE
        sides = flags & BOTH_SIDES
        bids = self._are_prices(read_f64_le(heap, at + 16), read_f64_le(heap, at + 24))
        if tag & 0xFF == TRADE:
            if not bids:
                return WRONG_PRICE
        else:
            if not bids:
                sides &= HAS_ASK
            if sides & HAS_ASK and not self._are_prices(read_f64_le(heap, at + 32), read_f64_le(heap, at + 40)):
                sides &= HAS_BID
            if sides == 0:
                return WRONG_PRICE
        symbol.bar_sides = sides
        if ts_ns < symbol.span_start or ts_ns >= symbol.span_end:
            self._look_up(symbol, ts_ns)
        if not symbol.open:
            return CLOSED_MARKET
        return LATE if start_ns < clock else ACCEPTED

    def _are_prices(self, least: float, greatest: float) -> bool:
        return self._price_min < least and greatest < self._price_max

    def _rank_of(self, length: i64) -> i64:
        """Return the rank of the shortest timeframe that is at least *length* long."""
        rank: i64 = 0
        while rank < len(self._lengths) and self._lengths[rank] < length:
            rank += 1
        return rank

    def _accept(
        self, judged: Judged, symbol: _Symbol, i: i64, ts_ns: i64, start_ns: i64, kind: i64, flags: i64
    ) -> None:
        """Take over what an accepted tick says of its symbol, but for its clock, and move the clocks of others."""
        symbol.live = flags & LIVE != 0
        symbol.unsteady = flags & (LIVE | ORDERED) != 0
        self._decide(symbol, start_ns, kind, flags)
        if flags & ORDERED:
            judged.has_ordered = True
            if not symbol.ordered:
                symbol.ordered = True
                symbol.due_ns = NEVER_NS
                self._find_due(symbol, ts_ns)
            if ts_ns > self.run_ns:
                self.run_ns = ts_ns
            if ts_ns >= self._due_ns:
                self._close_due(judged, i, ts_ns, symbol)
        elif symbol.ordered:
            symbol.ordered = False

    def _decide(self, symbol: _Symbol, start_ns: i64, kind: i64, flags: i64) -> None:
        """Have the first accepted tick say since when its symbol is known, and what its bars are made of."""
        if symbol.instrument.first_ns == NEVER_NS:
            symbol.instrument.first_ns = start_ns
        if symbol.side == AUTO:
            symbol.side = LAST if kind == TRADE else MID
            symbol.instrument.side = symbol.side
            symbol.by_bar = flags & FROM_BAR != 0

    def _join_first(self, judged: Judged, i: i64) -> None:
        """Have the first symbol take part in the run in order of time that row *i* is of."""
        first = self._symbols[0]
        first.ordered = True
        first.unsteady = True
        first.plain_tag = NOT_PLAIN
        first.due_ns = NEVER_NS
        self._find_due(first, first.clock_ns)
        self._touch(judged, first)
        judged.joins_row = i

    def _close_due(self, judged: Judged, i: i64, ts_ns: i64, own: _Symbol) -> None:
        """Note the other symbols of runs in order of time of which a bar ends by *ts_ns*."""
        self._due_ns = TS_MAX_NS + 1
        for symbol in self._symbols:
            if not symbol.ordered:
                continue
            if symbol.due_ns <= ts_ns:
                if symbol is not own and symbol.due_ns != NEVER_NS:
                    # To the end of the last bar that is over, not to the tick: an event of this symbol that comes out
                    # of order, and lies in no bar that is completed, is not late.
                    symbol.clock_ns = max(symbol.clock_ns, _last_end(symbol.ends, ts_ns))
                    self._touch(judged, symbol)
                    judged.move(i, symbol.instrument.number, symbol.clock_ns)
                self._find_due(symbol, ts_ns)
            elif symbol.due_ns < self._due_ns:
                self._due_ns = symbol.due_ns

    def _touch(self, judged: Judged, symbol: _Symbol) -> None:
        if symbol.newest_block != judged.block.first_seq:
            symbol.newest_block = judged.block.first_seq
            judged.touched.append(symbol.instrument.number)

    def _applied(self, symbol: _Symbol, ts_ns: i64, finest: bool) -> None:
        """Keep the bounds of the bars that an event at *ts_ns* changes, if somebody asks for them later."""
        if self._accept_late and finest and not symbol.slot_start <= ts_ns < symbol.slot_end:
            symbol.slot_start, symbol.slot_end = self._bounds(symbol, 0, ts_ns)
        if symbol.ordered and (ts_ns >= symbol.ends[0] or symbol.due_ns == NEVER_NS):
            self._find_due(symbol, ts_ns)

    def _find_due(self, symbol: _Symbol, clock: i64) -> None:
        """Find the next end after *clock* of the bars that hold the newest applied tick."""
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

    def _still_open(self, symbol: _Symbol, ts_ns: i64, clock: i64) -> bool:
        """Return whether the finest bar that holds *ts_ns* is not over at *clock*."""
        if symbol.slot_start <= ts_ns < symbol.slot_end:
            return clock < symbol.slot_end
        if ts_ns < symbol.tick_ns:
            return False  # of a bar before that of the newest tick
        return clock < self._bounds(symbol, 0, ts_ns)[1]

    def _price(self, judged: Judged, side: i64, i: i64, kind: i64, sides: i64) -> bool:
        """Set price and volume of a row on the side that is kept; False if it has none there."""
        rows = judged.block.rows
        base: i64 = i * ROW_BYTES + 16
        if kind == TRADE:
            if side != LAST:
                return False
            judged.prices[i] = read_f64_le(rows, base)
            judged.volumes[i] = read_f64_le(rows, base + 8)
        elif side == MID:
            if sides != BOTH_SIDES:
                return False
            judged.prices[i] = (read_f64_le(rows, base) + read_f64_le(rows, base + 8)) * 0.5
            judged.volumes[i] = read_f64_le(rows, base + 16) + read_f64_le(rows, base + 24)
        elif side == BID:
            if not sides & HAS_BID:
                return False
            judged.prices[i] = read_f64_le(rows, base)
            judged.volumes[i] = read_f64_le(rows, base + 16)
        elif side == ASK and sides & HAS_ASK:
            judged.prices[i] = read_f64_le(rows, base + 8)
            judged.volumes[i] = read_f64_le(rows, base + 24)
        else:
            return False
        return True

    def _meet(self, number: i64, name: str) -> None:
        assert number == len(self.instruments), "symbols are numbered by appearance"
        delay_ns: i64 = 0 if self._delay_of is None else self._delay_of(name)
        instrument = Instrument(number, name, self._calendar_of(name), delay_ns, self._side)
        self.instruments.append(instrument)
        self._symbols = append(self._symbols, _Symbol(instrument, self._side, len(self._lengths)))

    def _look_up(self, symbol: _Symbol, ts_ns: i64) -> None:
        span = symbol.instrument.calendar.span_at(ts_ns)
        symbol.span_start = span.start_ns
        symbol.span_end = span.end_ns
        symbol.open = self._keep_closed or span.state == OPEN

    def _bounds(self, symbol: _Symbol, rank: i64, ts_ns: i64) -> tuple[i64, i64]:
        """Return start and end of the bar of a timeframe that holds *ts_ns*."""
        kind = self._kinds[rank]
        period = symbol.instrument.calendar.period_at(ts_ns, kind)
        if kind == INTRADAY:
            return bar_bounds(period, ts_ns, self._lengths[rank], self._anchor_ns)
        return period.start_ns, period.end_ns


def tally(judged: Judged, i: i64, numbers: vec[i64]) -> None:
    """Add row *i* to its symbol's counts in *numbers*, as the gate does."""
    rows = judged.block.rows
    base: i64 = i * ROW_BYTES
    tag: i64 = i64(read_i32_le(rows, base + 12))
    flags = tag >> 8 & 0xFF
    verdict: i64 = i64(judged.verdicts[i])
    of_bar = is_of_bar(tag)
    inside = of_bar and not has_bar_head(tag)
    if inside and verdict > LATE_ACCEPTED:
        return  # one bar is one row that was rejected
    numbers[verdict] += 1
    if verdict > LATE_ACCEPTED:
        return
    if judged.one_sided and int(i) in judged.one_sided:
        if not inside:
            numbers[BAD_SIDES] += 1
    elif not of_bar and flags & HAS_BID and flags & HAS_ASK:
        bid = read_f64_le(rows, base + 16)
        ask = read_f64_le(rows, base + 24)
        if ask <= bid:
            numbers[CROSSED if ask < bid else LOCKED] += 1
    if len(judged.reused) > 0 and int(i) in judged.reused:
        numbers[ID_REUSED] += 1


def _last_end(ends: vec[i64], ns: i64) -> i64:
    """Return the last of *ends* that is not after *ns*."""
    last: i64 = NEVER_NS
    for end in ends:
        if last < end <= ns:
            last = end
    return last


def _content_key(content: BytesWriter, rows: bytes, base: i64) -> i64:
    """Return a key of what an event says besides its id: stamp, prices and sizes, of a trade or of which sides.

    *content* is room to work in.
    """
    tag: i64 = i64(read_i32_le(rows, base + 12))
    seed = tag & 0xFF | (tag >> 8 & BOTH_SIDES) << 8
    content.truncate(0)
    write_i64_le(content, read_i64_le(rows, base))
    for at in range(base + 16, base + ROW_BYTES, 8):
        write_i64_le(content, read_i64_le(rows, at))
    key: bytes = _digest(content.getvalue(), seed)
    return read_i64_le(key, 0)


def _id_at(heap: bytes, at: i64, flags: i64) -> str:
    if flags & NEW_SYMBOL:
        at += 2 + heap_length(heap, at)
    return heap_text(heap, at)


RANKS_MAX: Final = 255
_digest: Final = xxh3_64_digest  # looked up once
