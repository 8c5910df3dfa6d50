"""Spans: the range of stamps, and the set of symbols, of each run of consecutive events in the log.

Made from each block as it is written, or by reading it later; a thousandth of the log in size. Runs for every event, so
it is compiled.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.events.block import ROW_BYTES
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = ["SPAN_EVENTS", "SpanMaker", "Spans"]

SPAN_EVENTS: Final = 1024  # a span is complete once it has this many events; a block is never split


class Spans:
    """Consecutive spans, as parallel lists.

    A span has its first seq, the least and greatest stamp of its ticks, and its symbols, as the index of one of `sets`,
    in which bit n stands for the symbol number n. A span without ticks has stamps outside the valid range.
    """

    def __init__(self, first_seq: int) -> None:
        self.first_seq: Final = first_seq
        self.next_seq = first_seq  # the event after the last span
        self.least_ns = TS_MAX_NS + 1  # of all spans
        self.greatest_ns = TS_MIN_NS - 1
        self.seqs: list[int] = []
        self.min_ns: list[int] = []
        self.max_ns: list[int] = []
        self.kinds: list[int] = []  # indices into `sets`
        self.sets: list[int] = []
        self._known: dict[int, int] = {}  # index of each set

    def __len__(self) -> int:
        return len(self.seqs)

    def add(self, next_seq: int, min_ns: int, max_ns: int, symbols: int) -> None:
        """Add the span up to the event before *next_seq*."""
        known = self._known
        kind = known.get(symbols)
        if kind is None:
            kind = known[symbols] = len(self.sets)
            self.sets.append(symbols)
        self.seqs.append(self.next_seq)
        self.min_ns.append(min_ns)
        self.max_ns.append(max_ns)
        self.kinds.append(kind)
        self.next_seq = next_seq
        self.least_ns, self.greatest_ns = min(self.least_ns, min_ns), max(self.greatest_ns, max_ns)

    def find(self, symbols: int, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """Return the first and last seq of runs of spans that may have ticks of *symbols* stamped in `[start, end)`.

        *symbols* is a set like those in `sets`; -1 stands for all.
        """
        if self.greatest_ns < start_ns or self.least_ns >= end_ns:
            return []
        wanted = [mask & symbols != 0 for mask in self.sets]
        found: list[tuple[int, int]] = []
        seqs = self.seqs
        for i, (least, greatest, kind) in enumerate(zip(self.min_ns, self.max_ns, self.kinds, strict=True)):
            if greatest >= start_ns and least < end_ns and wanted[kind]:
                last_seq = (seqs[i + 1] if i + 1 < len(seqs) else self.next_seq) - 1
                if found and found[-1][1] + 1 == seqs[i]:
                    found[-1] = (found[-1][0], last_seq)
                else:
                    found.append((seqs[i], last_seq))
        return found


@mypyc_attr(native_class=True)
class SpanMaker:
    """Makes spans from the rows of a log, block by block."""

    __slots__ = ("_count", "_greatest", "_least", "_numbers", "_seen", "next_seq", "spans")

    def __init__(self, first_seq: int) -> None:
        self.spans: Final = Spans(first_seq)
        self.next_seq: i64 = first_seq  # of the next row
        self._count: i64 = 0  # rows of the incomplete span
        self._least: i64 = TS_MAX_NS + 1  # stamps of its ticks
        self._greatest: i64 = TS_MIN_NS - 1
        self._seen: vec[u8] = vec[u8]([])  # by symbol: whether the incomplete span has it
        self._numbers: vec[i64] = vec[i64]([])  # of the symbols it has

    def take(self, rows: bytes, count: i64) -> None:
        """Add the *count* rows of a block."""
        least, greatest = self._least, self._greatest
        for i in range(count):
            base: i64 = i * ROW_BYTES
            number: i64 = i64(read_i32_le(rows, base + 8))
            if number < 0:  # a clock event
                continue
            ts_ns: i64 = read_i64_le(rows, base)
            if ts_ns < least:
                least = ts_ns
            if ts_ns > greatest:
                greatest = ts_ns
            if number >= len(self._seen) or not self._seen[number]:
                self._note(number)
        self._least, self._greatest = least, greatest
        self._count += count
        self.next_seq += count
        if self._count >= SPAN_EVENTS:
            self.complete()

    def complete(self) -> None:
        """End the incomplete span, if it has any events."""
        if not self._count:
            return
        symbols = 0
        for number in self._numbers:
            symbols |= 1 << int(number)
            self._seen[number] = 0
        self.spans.add(int(self.next_seq), int(self._least), int(self._greatest), symbols)
        self._count = 0
        self._least, self._greatest = TS_MAX_NS + 1, TS_MIN_NS - 1
        self._numbers = vec[i64]([])

    def _note(self, number: i64) -> None:
        seen = self._seen
        while number >= len(seen):
            seen = append(seen, 0)
        seen[number] = 1
        self._seen = seen
        self._numbers = append(self._numbers, number)
