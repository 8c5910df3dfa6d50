"""Copies the rows of another log, or of a stage: events with their names, ids and bars."""

from __future__ import annotations

from typing import Final

from librt.strings import read_f64_le, read_i32_le, read_i64_le, write_i32_le, write_i64_le
from mypy_extensions import i32, i64, mypyc_attr

from mtf.events.block import (
    BAR_HEAD_BYTES,
    BOTH_SIDES,
    CLOCK,
    FROM_BAR,
    HAS_ID,
    JOINS,
    LIVE,
    NEW_SYMBOL,
    ORDERED,
    RECEIVED,
    ROW_BYTES,
    Block,
    Renumbering,
    SymbolTable,
    has_bar_head,
    heap_after,
    heap_length,
    heap_text,
    received_at,
)
from mtf.events.malformed import REASONS
from mtf.events.waiting_rows import WaitingRows
from mtf.units import NEVER_NS, TS_MIN_NS

__all__ = ["RowCopier"]

# In a row's tag: the row has heap entries or other data besides its numbers.
NOT_PLAIN: Final[i64] = (NEW_SYMBOL | FROM_BAR | HAS_ID | RECEIVED) << 8 | JOINS << 16


@mypyc_attr(native_class=True)
class RowCopier:
    """Copies rows of other logs' blocks, translating symbol numbers to those of *symbols*.

    The destination is passed to each call: its owner also owns this object, and a reference cycle would keep both.
    """

    __slots__ = ("_numbers", "_symbols")

    def __init__(self, symbols: SymbolTable) -> None:
        self._symbols: Final = symbols
        self._numbers = Renumbering(symbols, [])  # from the symbol table that rows were last copied from

    def copy(self, waiting: WaitingRows, block: Block, names: list[str], start: i64, stop: i64) -> None:
        """Append the rows `[start, stop)` of *block* to *waiting*; *names* are its log's symbols by number."""
        rows, heap = block.rows, block.heap
        if names is not self._numbers.names:
            self._numbers = Renumbering(self._symbols, names)
        at: i64 = 0
        for i in range(stop):
            base: i64 = i * ROW_BYTES
            tag: i64 = i64(read_i32_le(rows, base + 12))
            end = heap_after(heap, at, tag)
            if i >= start and not self._copy_plain(waiting, rows, base, tag):
                self._copy_row(waiting, block, names, i, tag, at, end)
            at = end

    def _copy_plain(self, waiting: WaitingRows, rows: bytes, base: i64, tag: i64) -> bool:
        """Copy the row at *base* if it is well-formed, its symbol is known here, and it is nothing but numbers."""
        if tag & NOT_PLAIN or tag & 0xFF == CLOCK:
            return False
        ts_ns = read_i64_le(rows, base)
        if ts_ns < TS_MIN_NS or ts_ns > waiting.limit_ns:
            return False
        number = self._numbers.find(i64(read_i32_le(rows, base + 8)))
        if number < 0:
            return False
        flags = tag & 0xFF00
        if ts_ns >= waiting.live_from_ns:
            flags |= LIVE << 8
        if len(waiting.symbols.names) == 1:
            waiting.alone_ordered = waiting.ordered
        elif waiting.ordered:
            flags |= ORDERED << 8
        out = waiting.rows
        write_i64_le(out, ts_ns)
        write_i32_le(out, i32(number))
        write_i32_le(out, i32(tag & ~0xFF00 | flags))
        write_i64_le(out, read_i64_le(rows, base + 16))
        write_i64_le(out, read_i64_le(rows, base + 24))
        write_i64_le(out, read_i64_le(rows, base + 32))
        write_i64_le(out, read_i64_le(rows, base + 40))
        waiting.count += 1
        return True

    def _copy_row(
        self, waiting: WaitingRows, block: Block, names: list[str], i: i64, tag: i64, at: i64, end: i64
    ) -> None:
        """Copy row *i*, whose heap entries are `[at, end)`."""
        rows, heap = block.rows, block.heap
        base: i64 = i * ROW_BYTES
        flags = (tag >> 8) & 0xFF
        detail = (tag >> 16) & 0xFFFF
        id: str | None = None
        if flags & NEW_SYMBOL:
            at += 2 + heap_length(heap, at)
        if flags & HAS_ID:
            id = heap_text(heap, at)
            at += 2 + heap_length(heap, at)
        ts_ns = read_i64_le(rows, base)
        kind = tag & 0xFF
        code: i64 = 0
        if kind == CLOCK:
            code = waiting.clock(ts_ns, detail, read_i64_le(rows, base + 16), id)
        else:
            if detail & JOINS:
                waiting.alone_ordered = True
            if flags & RECEIVED:
                waiting.received_ns = received_at(heap, end)
            code = waiting.append(
                kind,
                flags & (BOTH_SIDES | FROM_BAR | LIVE | ORDERED),
                detail & ~JOINS,
                names[i64(read_i32_le(rows, base + 8))],
                ts_ns,
                read_f64_le(rows, base + 16),
                read_f64_le(rows, base + 24),
                read_f64_le(rows, base + 32),
                read_f64_le(rows, base + 40),
                id,
                heap[at : at + BAR_HEAD_BYTES] if has_bar_head(tag) else b"",
            )
            waiting.received_ns = NEVER_NS
        if code:
            waiting.refuse(f"seq {block.first_seq + i}", 0, REASONS[code], "")
