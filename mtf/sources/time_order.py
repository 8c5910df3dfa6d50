"""The order of time as events go into the log: finds those that are older than another symbol's events. Compiled.

Only looks at stamps, not at anything that the gate decides, so that it can run before an event is logged. An event that
is older than its own symbol's newest is late, and harmless; one that is newer, but older than the newest of another
symbol, is *out of order*: a consumer that is shown it could see that symbol's future.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.events.bar_rows import PLACE
from mtf.events.block import FROM_BAR, JOINS, LIVE, ORDERED, ROW_BYTES, Block, is_of_bar
from mtf.units import NEVER_NS

__all__ = ["Newest", "TimeOrder", "without_order"]

# In the eight bytes that hold symbol, kind, flags and detail.
ORDERED_BIT: Final[i64] = ORDERED << 40
JOINS_BIT: Final = -(1 << 63)
NUMBER_MASK: Final[i64] = 0xFFFF_FFFF  # of the symbol, in the lower half
NO_NUMBER: Final[i64] = 0xFFFF_FFFF  # the number of a clock event


@mypyc_attr(native_class=True)
class Newest:
    """The newest stamp of all symbols, and the newest of any symbol but that one."""

    __slots__ = ("ns", "number", "other_ns", "other_number")

    def __init__(self) -> None:
        self.number: i64 = -1
        self.ns: i64 = NEVER_NS
        self.other_number: i64 = -1
        self.other_ns: i64 = NEVER_NS

    def add(self, number: i64, ts_ns: i64) -> None:
        """Record a stamp of symbol *number*."""
        if number == self.number:
            if ts_ns > self.ns:
                self.ns = ts_ns
        elif ts_ns > self.ns:
            self.other_number, self.other_ns = self.number, self.ns
            self.number, self.ns = number, ts_ns
        elif ts_ns > self.other_ns:
            self.other_number, self.other_ns = number, ts_ns

    def besides(self, number: i64) -> i64:
        """Return the newest stamp of the symbols other than *number*; NEVER_NS if there is none."""
        return self.other_ns if number == self.number else self.ns


@mypyc_attr(native_class=True)
class TimeOrder:
    """Follows the stamps in a log. *out_of_order* is the number of such events before."""

    __slots__ = ("_own", "finite", "newest", "out_of_order")

    def __init__(self, out_of_order: i64 = 0) -> None:
        self._own = vec[i64]([NEVER_NS] * 16)  # by number: the newest stamp of each symbol
        self.newest: Final = Newest()  # of all events
        self.finite: Final = Newest()  # of those of finite sources
        self.out_of_order: i64 = out_of_order  # events of finite sources

    def knows(self, number: i64) -> bool:
        """Whether a stamp of symbol *number* was seen."""
        return number < len(self._own) and self._own[number] != NEVER_NS

    def add(self, number: i64, ts_ns: i64) -> None:
        """Record a stamp of symbol *number* that was in the log before."""
        while number >= len(self._own):
            self._grow()
        if ts_ns > self._own[number]:
            self._own[number] = ts_ns
        self.newest.add(number, ts_ns)

    def look(self, block: Block, first_seq: i64, last_seq: i64) -> i64:
        """Follow *block*, whose events from *first_seq* to *last_seq* are from finite sources.

        Return the row of the first of those that is out of order; -1 if none is.
        """
        rows = block.rows
        found: i64 = -1
        newest, finite = self.newest, self.finite
        whole = first_seq <= block.first_seq and block.first_seq + block.count - 1 <= last_seq
        top = newest.number
        top_ns = newest.ns  # of `top`; recorded later if rows of that symbol follow each other in order
        for i in range(block.count):
            base: i64 = i * ROW_BYTES
            word = read_i64_le(rows, base + 8)
            number = word & NUMBER_MASK
            if number == NO_NUMBER:
                continue
            ts_ns = read_i64_le(rows, base)
            tag = word >> 32 & NUMBER_MASK
            place: i64 = 0
            if (tag >> 8) & FROM_BAR and is_of_bar(tag):
                place = (tag >> 16) & PLACE
                ts_ns -= place  # the events of a bar are one observation
            if whole and number == top and not (tag >> 8) & LIVE:
                if ts_ns > top_ns:
                    top_ns = ts_ns
                    continue
                if ts_ns == top_ns and place and i:
                    continue  # the row before is of the same bar
            if top_ns > newest.ns:
                self._record_stamp(top, top_ns)
            while number >= len(self._own):
                self._grow()
            late = ts_ns < self._own[number]
            if not late:
                self._own[number] = ts_ns
            if first_seq <= block.first_seq + i <= last_seq and not (tag >> 8) & LIVE:
                if not late and ts_ns < newest.besides(number):
                    self.out_of_order += 1
                    if found < 0:
                        found = i
                finite.add(number, ts_ns)
            newest.add(number, ts_ns)
            top = newest.number
            top_ns = newest.ns
        if top_ns > newest.ns:
            self._record_stamp(top, top_ns)
        return found

    def _record_stamp(self, number: i64, ts_ns: i64) -> None:
        """Record that the symbol with the newest stamp, among events of finite sources, has reached *ts_ns*."""
        self._own[number] = ts_ns
        self.newest.add(number, ts_ns)
        self.finite.add(number, ts_ns)

    def _grow(self) -> None:
        size: i64 = len(self._own)
        own = vec[i64]([NEVER_NS] * (2 * size))
        for number in range(size):
            own[number] = self._own[number]
        self._own = own


def without_order(block: Block, start: i64) -> Block:
    """Return *block* with the rows from *start* on as outside of a run in order of time."""
    assert JOINS == 0x8000, "JOINS is the highest bit of the detail"
    rows = block.rows
    out = BytesWriter()
    out.write(rows[: start * ROW_BYTES])
    for i in range(start, block.count):
        base: i64 = i * ROW_BYTES
        out.write(rows[base : base + 8])
        word = read_i64_le(rows, base + 8)
        tag: i64 = i64(read_i32_le(rows, base + 12))
        if (tag >> 8) & ORDERED:
            word -= ORDERED_BIT
            if (tag >> 16) & JOINS:
                word ^= JOINS_BIT
        write_i64_le(out, word)
        out.write(rows[base + 16 : base + ROW_BYTES])
    return Block(block.first_seq, block.count, out.getvalue(), block.heap)
