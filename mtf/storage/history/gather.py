"""Gathering: closed bars with their indicator values, and rejected events, copied from frames into columns, and sorted.

Runs per bar, so it is compiled, and creates no object per number. The columns are those of `mtf.storage.history.packs`;
they are returned as bytes, because a `vec` cannot leave compiled code.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_f64_le, read_i32_le, read_i64_le, write_f64_le, write_i32_le, write_i64_le
from librt.vecs import append, vec
from mypy_extensions import i32, i64, mypyc_attr

from mtf.bars import bar_codes
from mtf.bars.bar_history import PRICES
from mtf.bars.closings import CODE, END, MARKS, START, TICKS, Closings
from mtf.bars.picking import Picked, pick
from mtf.bars.verdicts import LATE_ACCEPTED
from mtf.frames.frame import Frame
from mtf.frames.frame_closings import FrameClosings
from mtf.units import EPOCH_ORDINAL, TS_MAX_NS, TS_MIN_NS

__all__ = ["FIXED", "NO_DAY", "SMALL", "Gathered", "rearranged", "value_places"]

FIXED: Final = 13  # columns of 8 bytes per row that every pack has; values follow
SMALL: Final = 3  # columns of 4 bytes after them
NO_DAY: Final = -(1 << 31)  # a bar without a trading day
NAN: Final = float("nan")
SHIFT: Final = 32
PLACE: Final = (1 << SHIFT) - 1
LONG: Final = 24  # rows that are worth copying in one go

# Flags, one bit each, in the order of the columns in tables.
FIRST: Final = 1
INCOMPLETE: Final = 2
DAY_INCOMPLETE: Final = 4
OFF_SESSION: Final = 8
FROM_BARS: Final = 16
GAP: Final = 32


@mypyc_attr(native_class=True)
class Gathered:
    """What frames have closed and rejected since it was created, with *width* values per bar; 0: without values.

    A series, i.e. a symbol and timeframe, is identified by its index in `names`.
    """

    __slots__ = (
        "_closes",
        "_days",
        "_ends",
        "_flags",
        "_gaps",
        "_highs",
        "_lows",
        "_numbers",
        "_opens",
        "_seqs",
        "_series",
        "_starts",
        "_ticks",
        "_values",
        "_volumes",
        "_width",
        "first_ns",
        "last_ns",
        "names",
        "rejected",
    )

    def __init__(self, width: i64) -> None:
        self._width: Final[i64] = width
        self._numbers: list[int] = []  # indexes of series, by number of the symbol and rank of the timeframe; -1: none
        self._series: vec[i32] = vec[i32]([])
        self._starts: vec[i64] = vec[i64]([])
        self._ends: vec[i64] = vec[i64]([])
        self._opens: vec[float] = vec[float]([])
        self._highs: vec[float] = vec[float]([])
        self._lows: vec[float] = vec[float]([])
        self._closes: vec[float] = vec[float]([])
        self._volumes: vec[float] = vec[float]([])
        self._ticks: vec[i64] = vec[i64]([])
        self._seqs: vec[i64] = vec[i64]([])
        self._gaps: vec[i64] = vec[i64]([])  # four per row
        self._values: vec[float] = vec[float]([])  # `width` per row
        self._days: vec[i32] = vec[i32]([])
        self._flags: vec[i32] = vec[i32]([])
        self.first_ns: i64 = TS_MAX_NS  # of all bars
        self.last_ns: i64 = TS_MIN_NS
        self.names: Final[list[tuple[str, str]]] = []  # symbol and timeframe of each series
        self.rejected: Final = Picked()  # symbols by number; clock events are included

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def waiting(self) -> int:
        """The number of bars and rejected events."""
        return len(self._starts) + len(self.rejected)

    def add(self, frame: Frame, after_seq: i64) -> bool:
        """Add the bars closed by events of *frame* after *after_seq*, and those events that were rejected.

        Return whether there were any of either, after *after_seq* or before.
        """
        rejected = self._add_rejected(frame)
        closings = frame.closings
        if closings.count == 0:
            return rejected
        first_seq: i64 = frame.first_seq
        ranks: i64 = len(frame.columns)
        wanted: i64 = len(frame.judged.instruments) * ranks
        numbers = self._numbers
        while len(numbers) < wanted:
            numbers.append(-1)
        for k in range(closings.count):
            seq = first_seq + closings.rows[k]
            if seq <= after_seq:
                continue
            place = closings.numbers[k] * ranks + closings.ranks[k]
            number: i64 = numbers[place]
            if number < 0:
                number = len(self.names)
                self.names.append((closings.symbol(k), closings.timeframe(k)))
                numbers[place] = number
            self._series = append(self._series, i32(number))
            self._seqs = append(self._seqs, seq)
            self._add_bar(closings.part(k), closings.places[k])
            if self._width:
                self._add_values(closings, k)
        return True

    def _add_bar(self, closings: Closings, k: i64) -> None:
        marks, prices = closings.marks, closings.prices
        of = k * MARKS
        at = k * PRICES
        start_ns, end_ns, code = marks[of + START], marks[of + END], marks[of + CODE]
        self._starts = append(self._starts, start_ns)
        self._ends = append(self._ends, end_ns)
        self._opens = append(self._opens, prices[at] + 0.0)  # without the sign of a zero
        self._highs = append(self._highs, prices[at + 1] + 0.0)
        self._lows = append(self._lows, prices[at + 2] + 0.0)
        self._closes = append(self._closes, prices[at + 3] + 0.0)
        self._volumes = append(self._volumes, prices[at + 4] + 0.0)
        self._ticks = append(self._ticks, marks[of + TICKS])
        flags: i64 = 0
        if code & bar_codes.FIRST:
            flags |= FIRST
        if code & bar_codes.INCOMPLETE:
            flags |= INCOMPLETE
        if code & bar_codes.DAY_INCOMPLETE:
            flags |= DAY_INCOMPLETE
        if code & bar_codes.OFF_SESSION:
            flags |= OFF_SESSION
        if code & bar_codes.FROM_BARS:
            flags |= FROM_BARS
        gap = closings.gap(k)
        if gap is None:
            for _ in range(4):
                self._gaps = append(self._gaps, 0)
        else:
            self._gaps = append(self._gaps, gap.closed_ns)
            self._gaps = append(self._gaps, gap.holiday_ns)
            self._gaps = append(self._gaps, gap.break_ns)
            self._gaps = append(self._gaps, gap.silence_ns)
            if gap.closed_ns or gap.holiday_ns or gap.break_ns or gap.silence_ns:
                flags |= GAP
        self._flags = append(self._flags, i32(flags))
        self._days = append(self._days, i32((code >> bar_codes.DAY_SHIFT) - EPOCH_ORDINAL))
        if start_ns < self.first_ns:
            self.first_ns = start_ns
        if end_ns > self.last_ns:
            self.last_ns = end_ns

    def packed(self, numbers: list[int]) -> bytes:
        """Return all bars as a pack: by series, each in its order; *numbers* are those of `names`."""
        count: i64 = len(self._starts)
        width = self._width
        keys: list[int] = []
        for i in range(count):
            number = numbers[self._series[i]]
            self._series[i] = i32(number)
            keys.append((number << SHIFT) | int(i))
        keys.sort()
        order = vec[i64]([0] * count)
        for i in range(count):
            order[i] = keys[i] & PLACE
        out = BytesWriter()
        _write_whole(out, self._starts, order, 1, 0)
        _write_whole(out, self._ends, order, 1, 0)
        _write_floats(out, self._opens, order, 1, 0)
        _write_floats(out, self._highs, order, 1, 0)
        _write_floats(out, self._lows, order, 1, 0)
        _write_floats(out, self._closes, order, 1, 0)
        _write_floats(out, self._volumes, order, 1, 0)
        _write_whole(out, self._ticks, order, 1, 0)
        _write_whole(out, self._seqs, order, 1, 0)
        for k in range(4):
            _write_whole(out, self._gaps, order, 4, k)
        for k in range(width):
            _write_floats(out, self._values, order, width, k)
        _write_small(out, self._series, order)
        _write_small(out, self._days, order)
        _write_small(out, self._flags, order)
        return out.getvalue()

    def _add_values(self, closings: FrameClosings, k: i64) -> None:
        given: i64 = 0
        if closings.has_values:
            values = closings.values_part(k)
            given = values.width
            at = closings.places[k] * given
            for column in range(given):
                self._values = append(self._values, values.completed[at + column])
        while given < self._width:  # a timeframe with fewer of them
            self._values = append(self._values, NAN)
            given += 1

    def _add_rejected(self, frame: Frame) -> bool:
        judged = frame.judged
        verdicts = judged.verdicts
        for i in range(len(verdicts)):
            if i64(verdicts[i]) > LATE_ACCEPTED:
                pick(self.rejected, judged.block, verdicts, [], TS_MIN_NS, TS_MAX_NS + 1, True)
                return True
        return False


def rearranged(packs: list[bytes], rows: list[int], width: i64, parts: list[tuple[int, int, int]]) -> bytes:
    """Return a pack of *parts* of *packs* with *width* values per bar; a part is a pack's index, first row and stop."""
    out = BytesWriter()
    for column in range(FIXED + width):
        for which, first, stop in parts:
            data = packs[which]
            at: i64 = (column * rows[which] + first) * 8
            end: i64 = at + (stop - first) * 8
            if stop - first >= LONG:
                out.write(data[at:end])
            else:
                while at < end:
                    write_i64_le(out, read_i64_le(data, at))
                    at += 8
    for column in range(SMALL):
        for which, first, stop in parts:
            data = packs[which]
            at = (FIXED + width) * rows[which] * 8 + (column * rows[which] + first) * 4
            end = at + (stop - first) * 4
            if stop - first >= LONG:
                out.write(data[at:end])
            else:
                while at < end:
                    write_i32_le(out, read_i32_le(data, at))
                    at += 4
    return out.getvalue()


def value_places(values: bytes) -> bytes:
    """Return the position of each of *values*, from 1, or 0 for NaN, as int32; b"" if none is NaN."""
    count: i64 = len(values) // 8
    missing = False
    for i in range(count):
        value = read_f64_le(values, i * 8)
        if value != value:
            missing = True
            break
    if not missing:
        return b""
    out = BytesWriter()
    for i in range(count):
        value = read_f64_le(values, i * 8)
        write_i32_le(out, i32(0) if value != value else i32(i + 1))
    return out.getvalue()


def _write_whole(out: BytesWriter, column: vec[i64], order: vec[i64], step: i64, at: i64) -> None:
    for i in range(len(order)):
        write_i64_le(out, column[order[i] * step + at])


def _write_floats(out: BytesWriter, column: vec[float], order: vec[i64], step: i64, at: i64) -> None:
    for i in range(len(order)):
        write_f64_le(out, column[order[i] * step + at])


def _write_small(out: BytesWriter, column: vec[i32], order: vec[i64]) -> None:
    for i in range(len(order)):
        write_i32_le(out, column[order[i]])
