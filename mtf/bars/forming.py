"""The forming bars of one timeframe as packed rows, by number of the symbol: all that a tick reads and writes of them.

A row is one cache line of numbers, and one of marks. What changes only when a bar opens or closes is elsewhere
(`mtf.bars.bar_builder`), so that thousands of symbols ticking in turn cost two lines each, not a dozen objects.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.columns import AS_BEFORE, NO_BAR, BarHeader
from mtf.events.block import ROW_BYTES
from mtf.units import NEVER_NS

__all__ = [
    "BLOCK",
    "CARRY",
    "CLOSE",
    "CODE",
    "END",
    "HIGH",
    "INDEX",
    "LOW",
    "MARKS",
    "OPEN",
    "START",
    "STRIDE",
    "TICKS",
    "VOLUME",
    "FormingBars",
]

# Numbers of a row of floats.
OPEN: Final = 0
HIGH: Final = 1
LOW: Final = 2
CLOSE: Final = 3
VOLUME: Final = 4
CARRY: Final = 5  # rounding error of the volume: the bar's volume is the sum of both
TICKS: Final = 6
STRIDE: Final = 8
# Marks of a row.
END: Final = 0  # of the forming bar; NEVER_NS while none forms
BLOCK: Final = 1  # first seq of the newest block with a row of the symbol
INDEX: Final = 2  # of the bar's header in the columns of that block, or NO_BAR, or AS_BEFORE
CODE: Final = 3  # of the bar's header
START: Final = 4  # of the bar
MARKS: Final = 8


@mypyc_attr(native_class=True)
class FormingBars:
    """The rows. `numbers` and `marks` are replaced as symbols are added: read them again for each block."""

    __slots__ = ("_sum", "marks", "numbers")

    def __init__(self) -> None:
        self.numbers: vec[float] = vec[float]([])
        self.marks: vec[i64] = vec[i64]([])
        self._sum = 0.0  # of no meaning: it keeps `fetch` from being optimized away

    def add_symbol(self) -> None:
        """Add a row without a bar."""
        for _ in range(STRIDE):
            self.numbers = append(self.numbers, 0.0)
        at = len(self.marks)
        for _ in range(MARKS):
            self.marks = append(self.marks, i64(0))
        self.marks[at + END] = NEVER_NS
        self.marks[at + INDEX] = NO_BAR

    def get(self, number: i64, column: i64) -> float:
        return self.numbers[number * STRIDE + column]

    def set(self, number: i64, column: i64, value: float) -> None:
        self.numbers[number * STRIDE + column] = value

    def put(self, number: i64, high: float, low: float, close: float, volume: float, carry: float, ticks: i64) -> None:
        """Write the numbers that a tick changes."""
        numbers = self.numbers
        at = number * STRIDE
        numbers[at + HIGH] = high
        numbers[at + LOW] = low
        numbers[at + CLOSE] = close
        numbers[at + VOLUME] = volume
        numbers[at + CARRY] = carry
        numbers[at + TICKS] = float(ticks)

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

    def end_ns(self, number: i64) -> i64:
        """Return the end of the forming bar; NEVER_NS if there is none."""
        return self.marks[number * MARKS + END]

    def has_bar(self, number: i64) -> bool:
        return self.marks[number * MARKS + END] != NEVER_NS

    def open(self, number: i64, header: BarHeader, index: i64 = AS_BEFORE) -> None:
        """Have the bar that forms be that of *header*, which has this *index* in the columns of the block."""
        at = number * MARKS
        self.marks[at + START] = header.start_ns
        self.marks[at + END] = header.end_ns
        self.marks[at + INDEX] = index
        self.marks[at + CODE] = header.code

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
        self.marks[number * MARKS + END] = NEVER_NS
        self.marks[number * MARKS + INDEX] = NO_BAR

    def enter(self, number: i64, first_seq: i64) -> None:
        """Note that a block has a row of the symbol."""
        at = number * MARKS
        self.marks[at + BLOCK] = first_seq
        self.marks[at + INDEX] = NO_BAR if self.marks[at + END] == NEVER_NS else AS_BEFORE

    def index_after(self, number: i64, first_seq: i64) -> i64:
        """Return the index of the header after a block, in its columns."""
        at = number * MARKS
        if self.marks[at + BLOCK] == first_seq:
            return self.marks[at + INDEX]
        return NO_BAR if self.marks[at + END] == NEVER_NS else AS_BEFORE

    def fetch(self, rows: bytes, start: i64, stop: i64) -> None:
        """Read a number of each cache line that the rows *start* to *stop* of a block need (`mtf.bars.read_ahead`)."""
        numbers, marks = self.numbers, self.marks
        total = 0.0
        for i in range(start, stop):
            number: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 8))
            if number >= 0:
                total += numbers[number * STRIDE]
                if marks[number * MARKS] < 0:
                    total += 1.0
        self._sum = total
