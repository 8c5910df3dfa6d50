"""Exponential smoothing: two averages with infinite memory, which both start with the plain mean of the first n values.

`Exponential` weighs a new value by 2 / (n + 1), `Wilder` by 1 / n (Welles Wilder, New Concepts in Technical Trading
Systems, 1978; also called RMA or SMMA). Old rounding errors fade like old values, so they do not drift.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.rolling import NAN

__all__ = ["Exponential", "Wilder"]

SKIP_MAX: Final = 1 << 20  # values


@mypyc_attr(native_class=True)
class Exponential:
    """The exponential average; *skip* values are ignored before the mean of *size* values that it starts with."""

    __slots__ = ("_left", "_sum", "size", "value", "weight")

    def __init__(self, size: i64, skip: i64 = 0) -> None:
        assert size > 0, "an average is of something"
        assert 0 <= skip <= SKIP_MAX, "a skip is bounded"
        self.size: Final[i64] = size
        self.weight: Final[float] = 2.0 / float(size + 1)
        self._left: i64 = size + skip  # values until there is an average
        self._sum = 0.0  # of the values to begin with
        self.value = NAN

    def following(self, value: float) -> float:
        """Return the average as it would be after *value*; NaN before there is one."""
        left = self._left
        if left == 0:
            return (value - self.value) * self.weight + self.value
        if left == 1:
            return (self._sum + value) / float(self.size)
        return NAN

    def push(self, value: float) -> None:
        self.value = self.following(value)
        if self._left > 0:
            if self._left <= self.size:
                self._sum += value
            self._left -= 1

    def archive(self, archive: Archive) -> None:
        self._left = archive.int64(self._left, 0, self.size + SKIP_MAX)
        self._sum = archive.float64(self._sum)
        self.value = archive.float64(self.value)


@mypyc_attr(native_class=True)
class Wilder:
    """Wilder's average; *skip* as in `Exponential`."""

    __slots__ = ("_left", "_sum", "size", "value")

    def __init__(self, size: i64, skip: i64 = 0) -> None:
        assert size > 0, "an average is of something"
        assert 0 <= skip <= SKIP_MAX, "a skip is bounded"
        self.size: Final[i64] = size
        self._left: i64 = size + skip  # values until there is an average
        self._sum = 0.0  # of the values to begin with
        self.value = NAN

    def following(self, value: float) -> float:
        """Return the average as it would be after *value*; NaN before there is one."""
        left = self._left
        if left == 0:
            return (self.value * float(self.size - 1) + value) / float(self.size)
        if left == 1:
            return (self._sum + value) / float(self.size)
        return NAN

    def push(self, value: float) -> None:
        self.value = self.following(value)
        if self._left > 0:
            if self._left <= self.size:
                self._sum += value
            self._left -= 1

    def archive(self, archive: Archive) -> None:
        self._left = archive.int64(self._left, 0, self.size + SKIP_MAX)
        self._sum = archive.float64(self._sum)
        self.value = archive.float64(self.value)
