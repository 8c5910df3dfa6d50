"""Exponential smoothing: two averages with infinite memory, which both start with the plain mean of the first n values.

`Exponential` weighs a new value by 2 / (n + 1), `Wilder` by 1 / n (Welles Wilder, New Concepts in Technical Trading
Systems, 1978; also called RMA or SMMA). Old rounding errors fade like old values, so they do not drift. As in `rolling`
they are places in a symbol's rows, here the hot one alone: its numbers begin at `hot[h]`.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.layout import Layout
from mtf.indicators.rolling import NAN

__all__ = ["Exponential", "Wilder"]

SKIP_MAX: Final = 1 << 20  # values


@mypyc_attr(native_class=True)
class _Smoothing:
    """What both averages share: *skip* values are ignored before the mean of *size* values that they start with."""

    __slots__ = ("_left", "_size", "_sum", "value")

    def __init__(self, layout: Layout, size: i64, skip: i64) -> None:
        assert size > 0, "an average is of something"
        assert 0 <= skip <= SKIP_MAX, "a skip is bounded"
        self._size: Final[float] = float(size)
        self._left: Final = layout.in_hot(float(size + skip))  # values until there is an average
        self._sum: Final = layout.in_hot(0.0)  # of the values to begin with
        self.value: Final = layout.in_hot(NAN)

    def _move_to(self, hot: vec[float], h: i64, following: float, value: float) -> None:
        """Take over *following*, the average after *value*."""
        hot[h + self.value] = following
        left = hot[h + self._left]
        if left > 0.0:
            if left <= self._size:
                hot[h + self._sum] += value
            hot[h + self._left] = left - 1.0

    def archive(self, archive: Archive, hot: vec[float], h: i64) -> None:
        archive.whole_in(hot, h + self._left, 0, i64(self._size) + SKIP_MAX)
        archive.number_in(hot, h + self._sum)
        archive.number_in(hot, h + self.value)


@mypyc_attr(native_class=True)
class Exponential(_Smoothing):
    """The exponential average; *skip* values are ignored before the mean of *size* values that it starts with."""

    __slots__ = ("_weight",)

    def __init__(self, layout: Layout, size: i64, skip: i64 = 0) -> None:
        super().__init__(layout, size, skip)
        self._weight: Final[float] = 2.0 / float(size + 1)

    def following(self, hot: vec[float], h: i64, value: float) -> float:
        """Return the average as it would be after *value*; NaN before there is one."""
        left = hot[h + self._left]
        if left == 0.0:
            before = hot[h + self.value]
            return (value - before) * self._weight + before
        if left == 1.0:
            return (hot[h + self._sum] + value) / self._size
        return NAN

    def push(self, hot: vec[float], h: i64, value: float) -> None:
        self._move_to(hot, h, self.following(hot, h, value), value)


@mypyc_attr(native_class=True)
class Wilder(_Smoothing):
    """Wilder's average; *skip* as in `Exponential`."""

    __slots__ = ("_others",)

    def __init__(self, layout: Layout, size: i64, skip: i64 = 0) -> None:
        super().__init__(layout, size, skip)
        self._others: Final[float] = float(size - 1)  # weight of the average so far

    def following(self, hot: vec[float], h: i64, value: float) -> float:
        """Return the average as it would be after *value*; NaN before there is one."""
        left = hot[h + self._left]
        if left == 0.0:
            return (hot[h + self.value] * self._others + value) / self._size
        if left == 1.0:
            return (hot[h + self._sum] + value) / self._size
        return NAN

    def push(self, hot: vec[float], h: i64, value: float) -> None:
        self._move_to(hot, h, self.following(hot, h, value), value)
