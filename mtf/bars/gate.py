"""The gate: decides whether each logged event counts, at which price and volume, and whose clocks it moves.

It reads each block once on behalf of all timeframes, and hands the aggregators a `JudgedBlock`. A pure function of the
log.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_f64_le, read_i32_le, read_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.bar_gate import BarGate
from mtf.bars.gate_symbol import NOT_PLAIN, GateSymbol
from mtf.bars.judged_block import COUNTED, IS_LIVE, IS_ORDERED, JudgedBlock
from mtf.bars.read_ahead import FETCH_ROWS, FETCH_SYMBOLS
from mtf.bars.recent import NEW, REUSED
from mtf.bars.verdicts import (
    ACCEPTED,
    APPLY,
    BAD_SIDES,
    CLOSED_MARKET,
    COUNTS,
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
    PRICE_SIDES,
    WIDEN,
    WRONG_PRICE,
    Counts,
)
from mtf.calendars.session_edges import EdgeCount
from mtf.events.bar_rows import EVENTS_PER_BAR, PLACE
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
    heap_after,
    heap_text,
    id_place,
)
from mtf.units import TS_MAX_NS

__all__ = ["PLAIN_QUOTE", "PLAIN_TRADE", "Gate"]

# Tags (a row's 4 bytes at offset 12) of the most common rows, which have no detail and no flags but the sides: a quote
# with both sides of a symbol whose bars are made of mid prices, and a trade of one whose bars are made of trades.
PLAIN_QUOTE: Final = 0x0301
PLAIN_TRADE: Final = 0x0002
# In a tag: which of a bar's four events it is.
PLACE_BITS: Final[i64] = PLACE << 16
WITHOUT_PLACE: Final[i64] = ~PLACE_BITS


@mypyc_attr(native_class=True)
class Gate(BarGate):
    """Judges blocks in the order of the log.

    The settings are those of `Acceptance` and `Clocks`.
    """

    __slots__ = ()

    def judge(self, block: Block) -> JudgedBlock:
        """Return *block* with a verdict for each of its rows."""
        judged = JudgedBlock(block, self.instruments)
        rows, heap = block.rows, block.heap
        has_heap = len(heap) > 0
        if self.image is not None:
            self._save_before(self.image, block)
        effects, clocks = judged.effects, judged.clocks
        prices, volumes = judged.prices, judged.volumes
        looking_back = self.horizon_ns != TS_MAX_NS
        symbols = self._symbols
        low = self._price_min
        high = self._price_max
        first_seq = block.first_seq
        user_ns = self.clock_ns
        after: i64 = 0  # end of the row's heap entries, which begin at `at`
        number: i64 = -1
        all_touched = False
        count = block.count
        fetched: i64 = 0 if len(symbols) > FETCH_SYMBOLS else count
        i: i64 = -1
        while i + 1 < count:
            i += 1
            if i >= fetched:
                fetched = min(count, i + FETCH_ROWS)
                self._fetch(rows, i, fetched)
            base: i64 = i * ROW_BYTES
            ts_ns = read_i64_le(rows, base)
            tag: i64 = i64(read_i32_le(rows, base + 12))
            at = after
            kind = tag & 0xFF
            flags = tag >> 8 & 0xFF
            if has_heap and flags & (NEW_SYMBOL | HAS_ID | RECEIVED | FROM_BAR):
                after = heap_after(heap, at, tag)
            if flags & (LIVE | RECEIVED | NEW_SYMBOL):
                self._note_flags(judged, i, tag, at)
                symbols = self._symbols
            if kind == CLOCK:
                if self._judge_clock(judged, i, ts_ns, tag >> 16 & 0xFFFF, at):
                    all_touched = True
                user_ns = self.clock_ns
                continue
            number = i64(read_i32_le(rows, base + 8))
            symbol = symbols[number]
            symbol.last_row = i
            first = read_f64_le(rows, base + 16)
            second = read_f64_le(rows, base + 24)
            clock: i64 = symbol.clock_ns
            if clock < user_ns:
                clock = user_ns
            if (
                tag == symbol.plain_tag
                and (symbol.newest_block == first_seq or not looking_back)
                and clock <= ts_ns < symbol.span_end
                and low < first < high
                and (kind == TRADE or low < second < high)
            ):
                # None of the checks below apply: the row is accepted like the plain one before it.
                if symbol.newest_block != first_seq:
                    symbol.newest_block = first_seq
                    judged.touch(number)
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
                        symbol.counted = True
                    prices[i] = (first + second) * 0.5
                    volumes[i] = read_f64_le(rows, base + 32) + read_f64_le(rows, base + 40)
                effects[i] = APPLY
                clocks[i] = ts_ns
                continue
            symbol.counted = True
            if tag & WITHOUT_PLACE == symbol.bar_tag and symbol.newest_block == first_seq:
                if tag & PLACE_BITS:
                    self._follow_bar(judged, symbol, i, ts_ns, kind)
                    continue
                if self._accept_next_bar(judged, symbol, i, tag, at, clock):
                    i += EVENTS_PER_BAR - 1
                    continue
            symbol.plain_tag = NOT_PLAIN
            symbol.bar_tag = NOT_PLAIN
            if symbol.newest_block != first_seq:
                symbol.newest_block = first_seq
                judged.touch(number)
            if flags & FROM_BAR and tag >> 16 & BAR_LENGTH:
                clocks[i] = self._judge_bar(judged, symbol, i, ts_ns, tag, at, clock)
            else:
                clocks[i] = self._judge_tick(judged, symbol, i, ts_ns, tag, at, clock)
        judged.run_ns = self.run_ns
        if all_touched:
            judged.touched = vec[i64]([i64(each) for each in range(len(symbols))])
        self._settle(judged)
        return judged

    def _note_flags(self, judged: JudgedBlock, i: i64, tag: i64, at: i64) -> None:
        """Add a new symbol, whose name is at *at* in the heap, and note what a row has outside its canonical bytes."""
        flags = tag >> 8 & 0xFF
        if flags & NEW_SYMBOL:
            block = judged.block
            self._add_symbol(i64(read_i32_le(block.rows, i * ROW_BYTES + 8)), heap_text(block.heap, at))
            if tag >> 16 & JOINS:
                self._join_first(judged, i)
        if flags & (LIVE | RECEIVED):
            judged.has_private = True

    def _judge_tick(
        self, judged: JudgedBlock, symbol: GateSymbol, i: i64, ts_ns: i64, tag: i64, at: i64, clock: i64
    ) -> i64:
        """Judge a tick by every rule; return the symbol's clock after it."""
        kind = tag & 0xFF
        flags = tag >> 8 & 0xFF
        known: i64 = NEW
        if flags & HAS_ID:
            known = self._look_up_id(judged.block, symbol, i, at, flags)
        sides = self._valid_sides(judged.block.rows, i, kind, flags & BOTH_SIDES)
        verdict = self._verdict(symbol, ts_ns, clock, known, sides)
        if self.horizon_ns != TS_MAX_NS:
            if verdict == ACCEPTED and ts_ns < self._beyond(symbol):
                verdict = self._late_verdict(symbol, ts_ns, max(clock, self._beyond(symbol)))
            if (ts_ns > self.horizon_ns and verdict <= LATE_ACCEPTED) or symbol.frozen:
                symbol.frozen = True
                judged.verdicts[i] = DUPLICATE
                return clock
            self.horizon_seq = judged.block.first_seq + i
        symbol.counts[verdict] += 1
        judged.verdicts[i] = u8(verdict)
        if verdict > LATE_ACCEPTED:
            return clock
        newest = True
        if verdict == ACCEPTED:
            clock = ts_ns
            symbol.clock_ns = ts_ns
            symbol.tick_ns = ts_ns
            if flags & (LIVE | ORDERED) or symbol.unsteady:
                self._accept(judged, symbol, i, ts_ns, ts_ns, kind, flags)
        else:
            newest = ts_ns >= symbol.tick_ns  # late only because of a clock event
            if newest:
                symbol.tick_ns = ts_ns
            self._decide(symbol, ts_ns, kind, flags)
        if flags & HAS_ID:
            symbol.recent_ids().remember(judged.block.rows, i * ROW_BYTES)
            if known == REUSED:
                symbol.counts[ID_REUSED] += 1
                judged.reused.add(int(i))
        if kind != TRADE:
            self._count_sides(judged, symbol, i, sides, flags & BOTH_SIDES)
        if not self._price(judged, symbol.side, i, kind, sides):
            judged.effects[i] = MOVE if verdict == ACCEPTED else NOTHING
        elif newest:
            judged.effects[i] = APPLY
            symbol.applied_ns = ts_ns
            if self._accept_late or symbol.ordered:
                self._applied(symbol, ts_ns, True)
            elif (tag == PLAIN_QUOTE and symbol.side == MID) or (tag == PLAIN_TRADE and symbol.side == LAST):
                symbol.plain_tag = NOT_PLAIN if self.horizon_ns != TS_MAX_NS else tag
        else:
            judged.effects[i] = WIDEN
        return clock

    def _look_up_id(self, block: Block, symbol: GateSymbol, i: i64, at: i64, flags: i64) -> i64:
        """Look up the id of row *i*, whose heap entries begin at *at*, among those of its symbol."""
        at = id_place(block.heap, at, flags)
        return symbol.recent_ids().look_up(block.heap, at, block.rows, i * ROW_BYTES)

    def _valid_sides(self, rows: bytes, i: i64, kind: i64, sides: i64) -> i64:
        """Return which of a quote's *sides* have a valid price; for a valid trade BOTH_SIDES, else 0."""
        first = read_f64_le(rows, i * ROW_BYTES + 16)
        if kind == TRADE:
            return BOTH_SIDES if self._price_min < first < self._price_max else 0
        second = read_f64_le(rows, i * ROW_BYTES + 24)
        if sides & HAS_BID and not self._price_min < first < self._price_max:
            sides &= HAS_ASK
        if sides & HAS_ASK and not self._price_min < second < self._price_max:
            sides &= HAS_BID
        return sides

    def _verdict(self, symbol: GateSymbol, ts_ns: i64, clock: i64, known: i64, sides: i64) -> i64:
        """Return the first verdict that applies to a tick; *known* is what is known of its id."""
        if known != NEW and known != REUSED:
            return DUPLICATE
        if sides == 0:
            return WRONG_PRICE
        if ts_ns < symbol.span_start or ts_ns >= symbol.span_end:
            self._look_up(symbol, ts_ns)
        if not symbol.open:
            symbol.session_edges().count(symbol.instrument.calendar, symbol.span_start, symbol.span_end, ts_ns)
            return CLOSED_MARKET
        return self._late_verdict(symbol, ts_ns, clock) if ts_ns < clock else ACCEPTED

    def _late_verdict(self, symbol: GateSymbol, ts_ns: i64, clock: i64) -> i64:
        """Return the verdict on a tick that is before its symbol's *clock*."""
        return LATE_ACCEPTED if self._accept_late and self._still_open(symbol, ts_ns, clock) else LATE

    def _count_sides(self, judged: JudgedBlock, symbol: GateSymbol, i: i64, sides: i64, given: i64) -> None:
        """Count an accepted quote of which a *given* side is invalid, or whose ask is not above its bid."""
        if sides != given:
            symbol.counts[BAD_SIDES] += 1
            judged.one_sided[i] = sides
        elif sides == BOTH_SIDES:
            rows = judged.block.rows
            bid = read_f64_le(rows, i * ROW_BYTES + 16)
            ask = read_f64_le(rows, i * ROW_BYTES + 24)
            if ask <= bid:
                symbol.counts[CROSSED if ask < bid else LOCKED] += 1

    def _fetch(self, rows: bytes, start: i64, stop: i64) -> None:
        """Read what judging a plain row reads, for the rows *start* to *stop*; see `mtf.bars.read_ahead` for why."""
        symbols = self._symbols
        known: i64 = len(symbols)
        total: i64 = 0
        for i in range(start, stop):
            number: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 8))
            if 0 <= number < known:
                symbol = symbols[number]
                total ^= symbol.clock_ns ^ symbol.span_end ^ symbol.plain_before
        self._read = total

    def _settle(self, judged: JudgedBlock) -> None:
        """Note what each touched symbol is after the block."""
        judged.settle()
        judged.symbols = len(self.instruments)
        judged.horizon_ns = self.horizon_ns
        symbols = self._symbols
        first_seq = judged.block.first_seq
        clocks, touched = judged.clocks, judged.touched
        last_rows, clocks_after, flags, accepted = judged.last_rows, judged.clocks_after, judged.flags, judged.accepted
        for k in range(len(touched)):
            symbol = symbols[touched[k]]
            clock = symbol.clock_ns
            if symbol.newest_block == first_seq:
                row = symbol.last_row
                last_rows[k] = row
                if row >= 0 and clocks[row] > clock:
                    clock = clocks[row]  # that of a user's clock event
            clocks_after[k] = clock
            flags[k] = (IS_ORDERED if symbol.ordered else 0) | (IS_LIVE if symbol.live else 0)
            if symbol.counted:
                symbol.counted = False
                symbol.settle_counts()
                accepted[k] = COUNTED
                for each in range(COUNTS):
                    judged.counts = append(judged.counts, symbol.counts[each])
            else:
                accepted[k] = symbol.plain
                symbol.plain_before += symbol.plain
                symbol.plain = 0

    def counts(self) -> list[Counts]:
        """Return the counts of each symbol, by number."""
        return [symbol.totals() for symbol in self._symbols]

    def edges(self) -> list[EdgeCount]:
        """Return how many ticks were rejected as closed near a session's edge, by edge, over all symbols."""
        found: dict[tuple[str, str, bool], EdgeCount] = {}
        for symbol in self._symbols:
            edges = symbol.edges
            if edges is None:
                continue
            for counts in edges.counts():
                key = (counts.local, counts.zone, counts.last)
                if key not in found:
                    found[key] = EdgeCount(counts.local, counts.zone, counts.last)
                found[key].add(counts)
        return list(found.values())

    def sides(self) -> list[str]:
        """Return the price side used for each symbol, by number; `auto` before its first accepted tick."""
        return [PRICE_SIDES[symbol.side] for symbol in self._symbols]

    def bar_kinds(self) -> dict[str, int]:
        """Return the kind of event that bars are made of, TRADE or QUOTE, by symbol, where an input bar decided it."""
        return {
            symbol.instrument.name: TRADE if symbol.side == LAST else QUOTE for symbol in self._symbols if symbol.by_bar
        }
