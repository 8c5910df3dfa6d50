"""The forming bars of one timeframe as packed rows, by number of the symbol: all that a tick reads and writes of them.

A row is one cache line of numbers. What only matters when a bar opens or closes is elsewhere: in narrow columns here,
and in `mtf.bars.bar_builder`. So thousands of symbols ticking in turn cost a line each, not a dozen objects.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, extend, vec
from mypy_extensions import i32, i64, mypyc_attr

from mtf.bars.columns import (
    AFTER,
    AFTER_END,
    AFTER_HEADER,
    AS_BEFORE,
    CLOSE,
    COUNT,
    HIGH,
    LOW,
    NO_BAR,
    OPEN,
    VOLUME,
)
from mtf.bars.read_ahead import FETCH_SYMBOLS
from mtf.units import MS_NS, NEVER_NS

__all__ = ["CARRY", "END_MS", "STRIDE", "TICKS", "FormingBars"]

# Numbers of a row, after OPEN to VOLUME of `mtf.bars.columns`; those that follow there are not of these rows.
CARRY: Final = 5  # rounding error of the volume: the bar's volume is the sum of both
TICKS: Final = 6
END_MS: Final = 7  # the end of an ordinary bar in ms; 0.0: look it up in the columns
STRIDE: Final = 8


@mypyc_attr(native_class=True)
class FormingBars:
    """The rows, and columns. All are replaced as symbols are added: read them again for each block.

    `index` is that of the bar's header in the columns of the block that is being aggregated: AS_BEFORE if it is the one
    of before, NO_BAR if no bar forms. `bounds` are start and end of each bar; the end is NEVER_NS if none forms, and
    start and `code` then mean nothing.

    A bar is ordinary if its header is the one of before, it lasts *length_ns*, and it starts after 1970 and ends with a
    whole millisecond: a tick needs only its row.
    """

    __slots__ = ("_blank", "_changed", "_length_ns", "bounds", "code", "index", "numbers")

    def __init__(self, length_ns: i64) -> None:
        self._length_ns: Final[i64] = length_ns
        self._blank: Final = vec[float]([0.0] * STRIDE)  # the row of a new symbol
        self.numbers: vec[float] = vec[float]([])
        self.index: vec[i32] = vec[i32]([])
        self.bounds: vec[i64] = vec[i64]([])
        self.code: vec[i64] = vec[i64]([])
        self._changed: vec[i64] = vec[i64]([])  # symbols with an index of their own

    def add_symbol(self) -> None:
        """Add a row without a bar."""
        self.numbers = extend(self.numbers, self._blank)
        self.index = append(self.index, i32(NO_BAR))
        self.bounds = append(append(self.bounds, i64(0)), NEVER_NS)
        self.code = append(self.code, i64(0))

    def get(self, number: i64, column: i64) -> float:
        return self.numbers[number * STRIDE + column]

    def set(self, number: i64, column: i64, value: float) -> None:
        self.numbers[number * STRIDE + column] = value

    def show(self, number: i64, into: vec[float], to: i64) -> None:
        """Write the SHOWN numbers of the bar into a table, from the place *to* on; undefined if there is no bar."""
        numbers = self.numbers
        at = number * STRIDE
        into[to + OPEN] = numbers[at + OPEN]
        into[to + HIGH] = numbers[at + HIGH]
        into[to + LOW] = numbers[at + LOW]
        into[to + CLOSE] = numbers[at + CLOSE]
        into[to + VOLUME] = numbers[at + VOLUME] + numbers[at + CARRY]
        into[to + COUNT] = numbers[at + TICKS]

    def put(
        self, number: i64, high: float, low: float, close: float, volume: float, carry: float, ticks: float
    ) -> None:
        """Write the numbers that a tick changes."""
        numbers = self.numbers
        at = number * STRIDE
        numbers[at + HIGH] = high
        numbers[at + LOW] = low
        numbers[at + CLOSE] = close
        numbers[at + VOLUME] = volume
        numbers[at + CARRY] = carry
        numbers[at + TICKS] = ticks

    def apply(self, number: i64, price: float, volume: float, closes: bool) -> None:
        """Apply one price and volume to the bar; the price is its close if it *closes*."""
        numbers = self.numbers
        at = number * STRIDE
        if price > numbers[at + HIGH]:
            numbers[at + HIGH] = price
        elif price < numbers[at + LOW]:
            numbers[at + LOW] = price
        if closes:
            numbers[at + CLOSE] = price
        known = numbers[at + VOLUME]
        total = known + volume
        back = total - known
        lost = (known - (total - back)) + (volume - back)
        if lost == lost:
            numbers[at + CARRY] += lost
        numbers[at + VOLUME] = total
        numbers[at + TICKS] += 1.0

    def has_bar(self, number: i64) -> bool:
        return self.bounds[2 * number + 1] != NEVER_NS

    def start_ns(self, number: i64) -> i64:
        """Return the start of the forming bar."""
        return self.bounds[2 * number]

    def end_ns(self, number: i64) -> i64:
        """Return the end of the forming bar; NEVER_NS if there is none."""
        return self.bounds[2 * number + 1]

    def open(self, number: i64, start_ns: i64, end_ns: i64, code: i64, index: i64 = AS_BEFORE) -> None:
        """Set bounds and code of the bar that forms, whose header has this *index* in the columns of the block."""
        self.bounds[2 * number] = start_ns
        self.bounds[2 * number + 1] = end_ns
        self.code[number] = code
        self.index[number] = i32(index)
        if index != AS_BEFORE:
            self._changed = append(self._changed, number)
            self.numbers[number * STRIDE + END_MS] = 0.0
        else:
            self._note_end(number)

    def start(self, number: i64, price: float) -> None:
        """Begin the numbers of a bar at *price*."""
        numbers = self.numbers
        at = number * STRIDE
        numbers[at + OPEN] = price
        numbers[at + HIGH] = price
        numbers[at + LOW] = price
        numbers[at + VOLUME] = 0.0
        numbers[at + CARRY] = 0.0
        numbers[at + TICKS] = 0.0

    def close(self, number: i64) -> None:
        """Have no bar form."""
        self.numbers[number * STRIDE + END_MS] = 0.0
        self.bounds[2 * number + 1] = NEVER_NS
        self.index[number] = i32(NO_BAR)

    def after(self, touched: vec[i64]) -> vec[i64]:
        """Return the AFTER numbers of the bars of the *touched* symbols, before `end_block`."""
        found = vec[i64]([0] * (len(touched) * AFTER))
        numbers, indices, bounds = self.numbers, self.index, self.bounds
        many = len(indices) > FETCH_SYMBOLS  # of few symbols, everything is near
        to: i64 = 0
        for k in range(len(touched)):
            number = touched[k]
            end_ns: i64 = 0
            if many:
                end_ns = i64(numbers[number * STRIDE + END_MS]) * MS_NS
            if end_ns != 0:
                found[to] = end_ns - self._length_ns
                found[to + AFTER_END] = end_ns
                found[to + AFTER_HEADER] = AS_BEFORE
            else:
                found[to] = bounds[2 * number]
                found[to + AFTER_END] = bounds[2 * number + 1]
                found[to + AFTER_HEADER] = i64(indices[number])
            to += AFTER
        return found

    def end_block(self) -> None:
        """Forget the indices of the block."""
        changed = self._changed
        for k in range(len(changed)):
            if self.index[changed[k]] != NO_BAR:
                self.index[changed[k]] = i32(AS_BEFORE)
                self._note_end(changed[k])
        if len(changed):
            self._changed = vec[i64]([])

    def _note_end(self, number: i64) -> None:
        """Write the end of a bar, whose header is the one of before, beside its numbers, if it is an ordinary one."""
        start_ns, end_ns = self.bounds[2 * number], self.bounds[2 * number + 1]
        end = 0.0
        if start_ns >= 0 and end_ns - start_ns == self._length_ns and end_ns % MS_NS == 0:
            end = float(end_ns // MS_NS)
        self.numbers[number * STRIDE + END_MS] = end
