"""Input bars at the gate: the first of a bar's four events decides the verdict for all four."""

from __future__ import annotations

from librt.strings import read_f64_le, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.bars.acceptance import Acceptance
from mtf.bars.gate_symbol import GateSymbol
from mtf.bars.judged_block import JudgedBlock
from mtf.bars.verdicts import (
    ACCEPTED,
    APPLY_BAR,
    BAD_SIDES,
    CLOSED_MARKET,
    DUPLICATE,
    LAST,
    LATE,
    MID,
    MOVE,
    TEAR,
    UNFINISHED_BAR,
    WHOLE_BAR,
    WRONG_PRICE,
)
from mtf.events.bar_rows import EVENTS_PER_BAR, UNFINISHED, length_ns
from mtf.events.block import (
    BOTH_SIDES,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    NEW_SYMBOL,
    RECEIVED,
    ROW_BYTES,
    TRADE,
    has_bar_head,
    heap_length,
    is_whole_bar,
)
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["BarGate"]


@mypyc_attr(native_class=True)
class BarGate(Acceptance):
    """Judges the events of input bars."""

    __slots__ = ()

    def _judge_bar(
        self, judged: JudgedBlock, symbol: GateSymbol, i: i64, ts_ns: i64, tag: i64, at: i64, clock: i64
    ) -> i64:
        """Judge one of a bar's four events, the first on behalf of all; return the symbol's clock after it."""
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
                    symbol.counts[verdict] += 1  # a rejected bar counts once
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
            judged.repairs.add(int(i))
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

    def _follow_bar(self, judged: JudgedBlock, symbol: GateSymbol, i: i64, ts_ns: i64, kind: i64) -> None:
        """Accept the high, low or close of a bar that was accepted with an earlier row and needs no check."""
        symbol.clock_ns = ts_ns
        symbol.tick_ns = ts_ns
        symbol.applied_ns = ts_ns
        symbol.plain += 1
        self._price(judged, symbol.side, i, kind, BOTH_SIDES)
        judged.effects[i] = APPLY_BAR
        judged.ranks[i] = u8(symbol.bar_rank)
        judged.clocks[i] = ts_ns

    def _accept_next_bar(self, judged: JudgedBlock, symbol: GateSymbol, i: i64, tag: i64, at: i64, clock: i64) -> bool:
        """Accept the bar that begins with row *i*, with all of its rows, if nothing tells it from the one before.

        Return whether that is so; if not, it is judged row by row. *tag* is the symbol's `bar_tag`, so that the bar has
        the length, sides and rank of the one before.
        """
        block = judged.block
        rows, heap = block.rows, block.heap
        base: i64 = i * ROW_BYTES
        if i + EVENTS_PER_BAR > block.count or self.horizon_ns != TS_MAX_NS or tag >> 8 & HAS_ID:
            return False
        if symbol.unsteady or symbol.ordered or symbol.torn_ns != NEVER_NS or not is_whole_bar(rows, base):
            return False
        ts_ns = read_i64_le(rows, base)
        start_ns = read_i64_le(heap, at)
        key = read_i64_le(heap, at + 8)
        if not symbol.open or not symbol.span_start <= ts_ns < symbol.span_end:
            return False
        if start_ns < clock or start_ns < self._beyond(symbol):
            return False
        is_trade = tag & 0xFF == TRADE
        if not self._are_prices(read_f64_le(heap, at + 16), read_f64_le(heap, at + 24)):
            return False
        if not is_trade and not self._are_prices(read_f64_le(heap, at + 32), read_f64_le(heap, at + 40)):
            return False
        bars = symbol.recent_bars()
        if bars.knows(start_ns, key):
            return False
        bars.remember(start_ns, key)
        if len(judged.ranks) == 0:
            judged.ranks = vec[u8]([0] * block.count)
        rank = symbol.bar_rank
        if judged.rank_max < rank:
            judged.rank_max = rank
        prices, volumes, effects, clocks = judged.prices, judged.volumes, judged.effects, judged.clocks
        last = i + EVENTS_PER_BAR - 1
        whole = True  # the volume is on the last
        for row in range(i, last + 1):
            clocks[row] = ts_ns
            ts_ns += 1
            effects[row] = APPLY_BAR
            price = read_f64_le(rows, base + 16)
            volume = read_f64_le(rows, base + 24)
            if not is_trade:
                price = (price + volume) * 0.5
                volume = read_f64_le(rows, base + 32) + read_f64_le(rows, base + 40)
            base += ROW_BYTES
            prices[row] = price
            if volume != 0.0:  # which all are at first
                volumes[row] = volume
                whole = whole and row == last
        if whole:
            effects[i] = WHOLE_BAR
        if rank:
            for row in range(i, last + 1):
                judged.ranks[row] = u8(rank)
        symbol.clock_ns = symbol.tick_ns = symbol.applied_ns = ts_ns - 1
        symbol.plain += EVENTS_PER_BAR
        symbol.last_row = last
        return True

    def _is_plain_bar(self, symbol: GateSymbol, kind: i64, flags: i64) -> bool:
        """Return whether the remaining events of a bar just accepted need no check, only their numbers."""
        if self._accept_late or symbol.ordered or symbol.unsteady or self.horizon_ns != TS_MAX_NS:
            return False
        if symbol.side != (LAST if kind == TRADE else MID):
            return False
        return not flags & (NEW_SYMBOL | RECEIVED) and (kind == TRADE or symbol.bar_sides == BOTH_SIDES)

    def _bar_verdict(
        self, symbol: GateSymbol, heap: bytes, at: i64, ts_ns: i64, tag: i64, clock: i64, start_ns: i64, key: i64
    ) -> i64:
        """Return the verdict on a whole bar whose heap entry begins at *at*."""
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
