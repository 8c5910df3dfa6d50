"""The gate: decides whether each logged event counts, at which price and volume, and whose clocks it moves.

It reads a block once, for all timeframes, so
that six aggregators need not; what it finds is the `JudgedBlock` block that they work from. A pure function of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from librt.strings import BytesWriter, read_f64_le, read_i32_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.clocks import Clocks
from mtf.bars.gate_symbol import NOT_PLAIN, GateSymbol
from mtf.bars.judged_block import JudgedBlock
from mtf.bars.recent import NEW, REUSED, content_key
from mtf.bars.verdicts import (
    ACCEPTED,
    APPLY,
    APPLY_BAR,
    ASK,
    AUTO,
    BAD_SIDES,
    BID,
    CLOSED_MARKET,
    CROSSED,
    DUPLICATE,
    ID_REUSED,
    LAST,
    LATE,
    LATE_ACCEPTED,
    LOCKED,
    MID,
    MOVE,
    NOTHING,
    PRICE_MAX,
    PRICE_SIDES,
    TEAR,
    UNFINISHED_BAR,
    WIDEN,
    WRONG_PRICE,
    Counts,
)
from mtf.calendars.beside import EdgeCount
from mtf.calendars.calendar import Calendar
from mtf.calendars.grid import DAY_START
from mtf.events.bar_rows import PLACE, UNFINISHED, length_ns
from mtf.events.block import (
    BAR_LENGTH,
    BOTH_SIDES,
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
    id_at,
)
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["PLAIN_QUOTE", "PLAIN_TRADE", "Gate"]

# Tags (the 4 bytes at 12 of a row) of what comes most often, with no flag but the sides and no detail: a quote with bid
# and ask of a symbol whose bars are made of mid prices, a trade of one whose bars are made of trades.
PLAIN_QUOTE: Final = 0x0301
PLAIN_TRADE: Final = 0x0002
# In a tag: which of the four events of a bar it is.
PLACE_BITS: Final[i64] = PLACE << 16
WITHOUT_PLACE: Final[i64] = ~PLACE_BITS


@mypyc_attr(native_class=True)
class Gate(Clocks):
    """Judges blocks, one after the other, in the order of the log.

    *timeframes* are those kept, shortest first. A price counts if it lies between -*price_max* and *price_max*, and
    unless *any_price* is above 0. The other settings are as `Clocks` has them.
    """

    __slots__ = ("_accept_late", "_content", "_price_max", "_price_min")

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
        super().__init__(
            calendar_of, timeframes, anchor_ns=anchor_ns, side=side, keep_closed=keep_closed, delay_of=delay_of
        )
        self._accept_late: Final = accept_late
        self._price_min: Final[float] = -price_max if any_price else 0.0
        self._price_max: Final[float] = price_max
        self._content: Final = BytesWriter()  # of the tick with an id that is being judged

    def judge(self, block: Block) -> JudgedBlock:
        """Return *block* with a verdict for each of its rows."""
        judged = JudgedBlock(block, self.instruments)
        rows, heap = block.rows, block.heap
        has_heap = len(heap) > 0
        verdicts, effects, clocks = judged.verdicts, judged.effects, judged.clocks
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
                effects[i] = APPLY
                clocks[i] = ts_ns
                continue
            if tag & WITHOUT_PLACE == symbol.bar_tag and tag & PLACE_BITS and symbol.newest_block == first_seq:
                # High, low or close of the bar that was accepted with the row before.
                symbol.clock_ns = ts_ns
                symbol.tick_ns = ts_ns
                symbol.applied_ns = ts_ns
                symbol.plain += 1
                if kind == TRADE:
                    prices[i] = first
                    volumes[i] = second
                else:
                    prices[i] = (first + second) * 0.5
                    volumes[i] = read_f64_le(rows, base + 32) + read_f64_le(rows, base + 40)
                effects[i] = APPLY_BAR
                judged.ranks[i] = u8(symbol.bar_rank)
                clocks[i] = ts_ns
                continue
            symbol.plain_tag = NOT_PLAIN
            symbol.bar_tag = NOT_PLAIN
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
                id = id_at(heap, at, flags)
                key = content_key(self._content, rows, base)
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
                    effects[i] = MOVE if verdict == ACCEPTED else NOTHING
                elif newest:
                    effects[i] = APPLY
                    symbol.applied_ns = ts_ns
                    if accept_late or symbol.ordered:
                        self._applied(symbol, ts_ns, True)
                    elif (tag == PLAIN_QUOTE and side == MID) or (tag == PLAIN_TRADE and side == LAST):
                        symbol.plain_tag = NOT_PLAIN if looking_back else tag
                else:
                    effects[i] = WIDEN
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

    def _judge_bar(
        self, judged: JudgedBlock, symbol: GateSymbol, i: i64, ts_ns: i64, tag: i64, at: i64, clock: i64
    ) -> i64:
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
                judged.effects[i] = TEAR
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
            judged.effects[i] = APPLY_BAR
            if len(judged.ranks) == 0:
                judged.ranks = vec[u8]([0] * block.count)
            judged.ranks[i] = u8(symbol.bar_rank)
            judged.rank_max = max(judged.rank_max, symbol.bar_rank)
            symbol.applied_ns = ts_ns
            self._applied(symbol, ts_ns, symbol.bar_rank == 0)
            if first and self._is_plain_bar(symbol, kind, flags):
                symbol.bar_tag = tag
        else:
            judged.effects[i] = MOVE
        return ts_ns

    def _is_plain_bar(self, symbol: GateSymbol, kind: i64, flags: i64) -> bool:
        """Return whether nothing but its numbers is of interest in the rest of a bar that was accepted just now."""
        if self._accept_late or symbol.ordered or symbol.unsteady or self.horizon_ns != TS_MAX_NS:
            return False
        if symbol.side != (LAST if kind == TRADE else MID):
            return False
        return not flags & (NEW_SYMBOL | RECEIVED) and (kind == TRADE or symbol.bar_sides == BOTH_SIDES)

    def _bar_verdict(
        self, symbol: GateSymbol, heap: bytes, at: i64, ts_ns: i64, tag: i64, clock: i64, start_ns: i64, key: i64
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
        self, judged: JudgedBlock, symbol: GateSymbol, i: i64, ts_ns: i64, start_ns: i64, kind: i64, flags: i64
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

    def _decide(self, symbol: GateSymbol, start_ns: i64, kind: i64, flags: i64) -> None:
        """Have the first accepted tick say since when its symbol is known, and what its bars are made of."""
        if symbol.instrument.first_ns == NEVER_NS:
            symbol.instrument.first_ns = start_ns
        if symbol.side == AUTO:
            symbol.side = LAST if kind == TRADE else MID
            symbol.instrument.side = symbol.side
            symbol.by_bar = flags & FROM_BAR != 0

    def _applied(self, symbol: GateSymbol, ts_ns: i64, finest: bool) -> None:
        """Keep the bounds of the bars that an event at *ts_ns* changes, if somebody asks for them later."""
        if self._accept_late and finest and not symbol.finest_start <= ts_ns < symbol.finest_end:
            symbol.finest_start, symbol.finest_end = self._bounds(symbol, 0, ts_ns)
        if symbol.ordered and (ts_ns >= symbol.ends[0] or symbol.due_ns == NEVER_NS):
            self._find_due(symbol, ts_ns)

    def _still_open(self, symbol: GateSymbol, ts_ns: i64, clock: i64) -> bool:
        """Return whether the finest bar that holds *ts_ns* is not over at *clock*."""
        if symbol.finest_start <= ts_ns < symbol.finest_end:
            return clock < symbol.finest_end
        if ts_ns < symbol.tick_ns:
            return False  # of a bar before that of the newest tick
        return clock < self._bounds(symbol, 0, ts_ns)[1]

    def _price(self, judged: JudgedBlock, side: i64, i: i64, kind: i64, sides: i64) -> bool:
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
