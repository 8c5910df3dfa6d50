"""Picking: selects the events of some symbols and a span of time from blocks, into columns.

Runs for every logged event, so it is compiled; reads each row once, and creates no object for a row except its id.
"""

from __future__ import annotations

from librt.strings import read_f64_le, read_i32_le, read_i64_le
from librt.vecs import append, vec
from mypy_extensions import i32, i64, mypyc_attr, u8

from mtf.bars.verdicts import DUPLICATE
from mtf.events.block import (
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    NEW_SYMBOL,
    QUOTE,
    RECEIVED,
    ROW_BYTES,
    TRADE,
    Block,
    heap_after,
    heap_length,
    heap_text,
    received_at,
)
from mtf.units import NEVER_NS

__all__ = ["Picked", "pick"]


@mypyc_attr(native_class=True)
class Picked:
    """Events in columns, in the order of the log. Only ever appended to.

    `codes` are the symbols' codes passed to `pick`; -1 for a clock event. For a trade, `first` and `second` are price
    and size; for a quote, `first` to `fourth` are bid, ask and their sizes, valid for the sides in `flags`.
    `received_ns` is NEVER_NS if unknown. `bids`, `asks`, `trades`, `named` and `timed` count the rows that have a bid,
    an ask, a price, an id, and a time of arrival.
    """

    __slots__ = (
        "asks",
        "bids",
        "codes",
        "first",
        "flags",
        "fourth",
        "ids",
        "kinds",
        "named",
        "received_ns",
        "second",
        "seqs",
        "third",
        "timed",
        "trades",
        "ts_ns",
        "verdicts",
    )

    def __init__(self) -> None:
        self.seqs: vec[i64] = vec[i64]([])
        self.ts_ns: vec[i64] = vec[i64]([])
        self.codes: vec[i32] = vec[i32]([])
        self.kinds: vec[u8] = vec[u8]([])
        self.flags: vec[u8] = vec[u8]([])
        self.verdicts: vec[u8] = vec[u8]([])  # of the gate
        self.first: vec[float] = vec[float]([])
        self.second: vec[float] = vec[float]([])
        self.third: vec[float] = vec[float]([])
        self.fourth: vec[float] = vec[float]([])
        self.ids: list[str | None] = []
        self.received_ns: vec[i64] = vec[i64]([])
        self.bids: i64 = 0
        self.asks: i64 = 0
        self.trades: i64 = 0
        self.named: i64 = 0
        self.timed: i64 = 0

    def __len__(self) -> int:
        return len(self.seqs)


def pick(
    into: Picked,
    block: Block,
    verdicts: vec[u8],
    codes: list[int],
    first_ns: i64,
    end_ns: i64,
    rejected_only: bool = False,
) -> None:
    """Append the selected events of *block* to *into*.

    *codes* maps a symbol's number to its code, -1 for a symbol that is not selected; if it is empty, all events are
    selected, including clock events, and a symbol's code is its number. Only events stamped in `[first_ns, end_ns)` are
    selected and, with *rejected_only*, only those not accepted. *verdicts* are those of the block, or empty if it was
    not judged.
    """
    rows, heap = block.rows, block.heap
    known: i64 = len(codes)
    judged = len(verdicts) > 0
    at: i64 = 0
    for i in range(block.count):
        base: i64 = i * ROW_BYTES
        start = at
        tag: i64 = 0
        if heap:
            tag = i64(read_i32_le(rows, base + 12))
            at = heap_after(heap, at, tag)
        number: i64 = i64(read_i32_le(rows, base + 8))
        code: i64 = number
        if known > 0:
            if number < 0 or number >= known:
                continue
            code = codes[number]
            if code < 0:
                continue
        ts_ns: i64 = read_i64_le(rows, base)
        if ts_ns < first_ns or ts_ns >= end_ns:
            continue
        verdict: u8 = verdicts[i] if judged else 0
        if rejected_only and i64(verdict) < DUPLICATE:
            continue
        tag = i64(read_i32_le(rows, base + 12))
        kind: i64 = tag & 0xFF
        flags: i64 = tag >> 8 & 0xFF
        into.seqs = append(into.seqs, block.first_seq + i)
        into.ts_ns = append(into.ts_ns, ts_ns)
        into.codes = append(into.codes, i32(code))
        into.kinds = append(into.kinds, u8(kind))
        into.flags = append(into.flags, u8(flags))
        into.verdicts = append(into.verdicts, verdict)
        into.first = append(into.first, read_f64_le(rows, base + 16))
        into.second = append(into.second, read_f64_le(rows, base + 24))
        into.third = append(into.third, read_f64_le(rows, base + 32))
        into.fourth = append(into.fourth, read_f64_le(rows, base + 40))
        if kind == TRADE:
            into.trades += 1
        elif kind == QUOTE:
            if flags & HAS_BID:
                into.bids += 1
            if flags & HAS_ASK:
                into.asks += 1
        id: str | None = None
        if flags & HAS_ID:
            into.named += 1
            if flags & NEW_SYMBOL:
                start += 2 + heap_length(heap, start)
            id = heap_text(heap, start)
        into.ids.append(id)
        received_ns: i64 = NEVER_NS
        if flags & RECEIVED:
            into.timed += 1
            received_ns = received_at(heap, at)
        into.received_ns = append(into.received_ns, received_ns)
