"""Rolling windows: sums, weighted sums, moments and extremes of the last n values, and the values themselves.

Each window is split where its array wraps around: the part since the wrap is kept as a running total, the part before
it as totals from each position to the end, computed once per round. A window's total combines one of each, so nothing
is ever subtracted: a value that leaves leaves no trace, rounding errors do not accumulate however long the stream, and
a flat window is exactly flat. This is the two-stack queue, with both stacks in one array (van Herk 1992, Gil and Werman
1993 for extremes). A push is O(1) on average; `rest` is the total of the last n - 1 values, from which the total with
one more value is computed in O(1).
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive

__all__ = ["INF", "NAN", "Extremes", "Moments", "Peak", "Ring", "Sum", "Total", "WeightedSum", "filled"]

NAN: Final = float("nan")
INF: Final = float("inf")
PUSHED_MAX: Final = 1 << 62


def filled(count: i64, value: float) -> vec[float]:
    """Return *value* repeated *count* times."""
    return vec[float]([value] * count)


@mypyc_attr(native_class=True)
class Ring:
    """The last *size* values themselves."""

    __slots__ = ("at", "full", "items", "size")

    def __init__(self, size: i64) -> None:
        assert size > 0, "the ring must have a size"
        self.size: Final[i64] = size
        self.items: Final = filled(size, NAN)
        self.at: i64 = 0  # where the next value goes, in place of the oldest

    @property
    def oldest(self) -> float:
        """The value from *size* pushes ago; NaN before that."""
        return self.items[self.at]

    def push(self, value: float) -> None:
        self.items[self.at] = value
        self.at += 1
        if self.at == self.size:
            self.at = 0

    def archive(self, archive: Archive) -> None:
        self.at = archive.int64(self.at, 0, self.size - 1)
        archive.numbers(self.items)


@mypyc_attr(native_class=True)
class Sum:
    """The sum of the last *size* values."""

    __slots__ = ("_at", "_head", "_items", "_left", "rest", "size")

    def __init__(self, size: i64) -> None:
        assert size > 0, "a window holds something"
        self.size: Final[i64] = size
        self._items: Final = filled(size, 0.0)  # before _at values of this round, from it on sums to the end
        self._at: i64 = 0  # where the next value goes
        self._head = 0.0  # sum of this round's values
        self._left: i64 = size - 1  # pushes until rest is known
        self.rest = 0.0 if size == 1 else NAN  # sum of the last size - 1 values

    def push(self, value: float) -> None:
        items = self._items
        at = self._at
        items[at] = value
        self._head += value
        at += 1
        if at == self.size:
            tail = 0.0
            while at > 0:
                at -= 1
                tail += items[at]
                items[at] = tail
            self._head = 0.0
        self._at = at
        if self._left > 0:
            self._left -= 1
        if self._left == 0:
            self.rest = self._head + items[at + 1] if at + 1 < self.size else self._head

    def archive(self, archive: Archive) -> None:
        self._at = archive.int64(self._at, 0, self.size - 1)
        self._left = archive.int64(self._left, 0, self.size - 1)
        self._head = archive.float64(self._head)
        self.rest = archive.float64(self.rest)
        archive.numbers(self._items)


@mypyc_attr(native_class=True)
class WeightedSum:
    """The sum of the last *size* values, weighted 1 for the oldest to *size* for the newest."""

    __slots__ = ("_at", "_head", "_left", "_ramp", "_ramps", "_sums", "_weights", "rest", "rest_sum", "size")

    def __init__(self, size: i64) -> None:
        assert size > 0, "a window holds something"
        self.size: Final[i64] = size
        self._sums: Final = filled(size, 0.0)  # before _at values of this round, from it on sums to the end
        self._ramps: Final = filled(size, 0.0)  # from _at on: sums to the end weighted 1, 2, 3 ...
        self._at: i64 = 0  # where the next value goes
        self._head = 0.0  # sum of this round's values
        self._ramp = 0.0  # the same weighted 0, 1, 2 ... by position
        self._left: i64 = size - 1  # pushes until rest is known
        self.rest = 0.0 if size == 1 else NAN  # contribution of the last size - 1 values to the next weighted sum
        self.rest_sum = 0.0 if size == 1 else NAN  # their plain sum
        self._weights: Final[float] = float(size) * float(size + 1) / 2.0

    def mean(self, value: float) -> float:
        """Return the weighted mean of the window as it would be with *value*."""
        return (self.rest + float(self.size) * value) / self._weights

    def push(self, value: float) -> None:
        sums = self._sums
        ramps = self._ramps
        at = self._at
        sums[at] = value
        self._head += value
        self._ramp += float(at) * value
        at += 1
        if at == self.size:
            tail = 0.0
            ramp = 0.0
            while at > 0:
                at -= 1
                tail += sums[at]
                ramp += tail
                sums[at] = tail
                ramps[at] = ramp
            self._head = 0.0
            self._ramp = 0.0
        self._at = at
        if self._left > 0:
            self._left -= 1
        if self._left == 0:
            self.rest = float(self.size - at) * self._head + self._ramp
            self.rest_sum = self._head
            if at + 1 < self.size:
                self.rest += ramps[at + 1]
                self.rest_sum += sums[at + 1]

    def archive(self, archive: Archive) -> None:
        self._at = archive.int64(self._at, 0, self.size - 1)
        self._left = archive.int64(self._left, 0, self.size - 1)
        self._head = archive.float64(self._head)
        self._ramp = archive.float64(self._ramp)
        self.rest = archive.float64(self.rest)
        self.rest_sum = archive.float64(self.rest_sum)
        archive.numbers(self._sums)
        archive.numbers(self._ramps)


@mypyc_attr(native_class=True)
class Moments:
    """Mean and sum of squared deviations of the last *size* values, by Welford's and Chan's updates.

    Source: Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance (1983). No term is ever negative.
    """

    __slots__ = ("_at", "_head_m2", "_head_mean", "_left", "_m2s", "_means", "rest_m2", "rest_mean", "share", "size")

    def __init__(self, size: i64) -> None:
        assert size > 0, "a window holds something"
        self.size: Final[i64] = size
        self.share: Final[float] = float(size - 1) / float(size)  # weight of the newest value's squared deviation
        self._means: Final = filled(size, 0.0)  # before _at values of this round, from it on means to the end
        self._m2s: Final = filled(size, 0.0)  # from _at on: squared deviations to the end
        self._at: i64 = 0  # where the next value goes
        self._head_mean = 0.0  # of this round's values
        self._head_m2 = 0.0
        self._left: i64 = size - 1  # pushes until rest is known
        self.rest_mean = 0.0 if size == 1 else NAN  # of the last size - 1 values
        self.rest_m2 = 0.0 if size == 1 else NAN

    def variance(self, value: float) -> float:
        """Return the population variance of the window as it would be with *value*."""
        deviation = value - self.rest_mean
        return (self.rest_m2 + deviation * deviation * self.share) / float(self.size)

    def push(self, value: float) -> None:
        means = self._means
        at = self._at
        size = self.size
        means[at] = value
        at += 1
        deviation = value - self._head_mean
        self._head_mean += deviation / float(at)
        self._head_m2 += deviation * deviation * (float(at - 1) / float(at))
        if at == size:
            self._rebuild()
            at = 0
        self._at = at
        if self._left > 0:
            self._left -= 1
        if self._left > 0:
            return
        mean = self._head_mean
        m2 = self._head_m2
        tail: i64 = size - 1 - at  # values of the previous round that remain
        if tail > 0:
            if at == 0:
                mean = means[1]
                m2 = self._m2s[1]
            else:
                share = float(tail) / float(size - 1)
                apart = means[at + 1] - mean
                mean += apart * share
                m2 = m2 + self._m2s[at + 1] + apart * apart * share * float(at)
        self.rest_mean = mean
        self.rest_m2 = m2

    def _rebuild(self) -> None:
        """Compute the totals from each position to the end, and start a new round."""
        means = self._means
        m2s = self._m2s
        mean = 0.0
        m2 = 0.0
        count = 0.0
        at = self.size
        while at > 0:
            at -= 1
            deviation = means[at] - mean
            share = count / (count + 1.0)
            count += 1.0
            mean += deviation / count
            m2 += deviation * deviation * share
            means[at] = mean
            m2s[at] = m2
        self._head_mean = 0.0
        self._head_m2 = 0.0

    def archive(self, archive: Archive) -> None:
        self._at = archive.int64(self._at, 0, self.size - 1)
        self._left = archive.int64(self._left, 0, self.size - 1)
        self._head_mean = archive.float64(self._head_mean)
        self._head_m2 = archive.float64(self._head_m2)
        self.rest_mean = archive.float64(self.rest_mean)
        self.rest_m2 = archive.float64(self.rest_m2)
        archive.numbers(self._means)
        archive.numbers(self._m2s)


@mypyc_attr(native_class=True)
class Extremes:
    """The highest high and the lowest low of the last *size* pairs."""

    __slots__ = ("_at", "_head_high", "_head_low", "_highs", "_left", "_lows", "rest_high", "rest_low", "size")

    def __init__(self, size: i64) -> None:
        assert size > 0, "a window holds something"
        self.size: Final[i64] = size
        self._highs: Final = filled(size, -INF)  # before _at values of this round, from it on maxima to the end
        self._lows: Final = filled(size, INF)
        self._at: i64 = 0  # where the next pair goes
        self._head_high = -INF  # of this round's pairs
        self._head_low = INF
        self._left: i64 = size - 1  # pushes until rest is known
        self.rest_high = -INF if size == 1 else NAN  # of the last size - 1 pairs
        self.rest_low = INF if size == 1 else NAN

    def highest(self, high: float) -> float:
        """Return the highest high of the window as it would be with *high*; NaN before it is full."""
        rest = self.rest_high
        return high if high > rest else rest

    def lowest(self, low: float) -> float:
        """Return the lowest low of the window as it would be with *low*; NaN before it is full."""
        rest = self.rest_low
        return low if low < rest else rest

    def push(self, high: float, low: float) -> None:
        highs = self._highs
        lows = self._lows
        at = self._at
        highs[at] = high
        lows[at] = low
        if high > self._head_high:
            self._head_high = high
        if low < self._head_low:
            self._head_low = low
        at += 1
        if at == self.size:
            top = -INF
            bottom = INF
            while at > 0:
                at -= 1
                if highs[at] > top:
                    top = highs[at]
                if lows[at] < bottom:
                    bottom = lows[at]
                highs[at] = top
                lows[at] = bottom
            self._head_high = -INF
            self._head_low = INF
        self._at = at
        if self._left > 0:
            self._left -= 1
        if self._left > 0:
            return
        top = self._head_high
        bottom = self._head_low
        if at + 1 < self.size:
            if highs[at + 1] > top:
                top = highs[at + 1]
            if lows[at + 1] < bottom:
                bottom = lows[at + 1]
        self.rest_high = top
        self.rest_low = bottom

    def archive(self, archive: Archive) -> None:
        self._at = archive.int64(self._at, 0, self.size - 1)
        self._left = archive.int64(self._left, 0, self.size - 1)
        self._head_high = archive.float64(self._head_high)
        self._head_low = archive.float64(self._head_low)
        self.rest_high = archive.float64(self.rest_high)
        self.rest_low = archive.float64(self.rest_low)
        archive.numbers(self._highs)
        archive.numbers(self._lows)


@mypyc_attr(native_class=True)
class Peak:
    """The highest of the last *size* values, and how many values ago it was; the newest of equal ones."""

    __slots__ = ("_at", "_head", "_head_at", "_items", "_left", "_places", "rest", "rest_age", "size")

    def __init__(self, size: i64) -> None:
        assert size > 0, "a window holds something"
        self.size: Final[i64] = size
        self._items: Final = filled(size, -INF)  # before _at values of this round, from it on maxima to the end
        self._places: Final = filled(size, 0.0)  # from _at on: the position of that maximum
        self._at: i64 = 0  # where the next value goes
        self._head = -INF  # highest of this round
        self._head_at: i64 = 0  # and its position
        self._left: i64 = size - 1  # pushes until rest is known
        self.rest = -INF if size == 1 else NAN  # highest of the last size - 1 values
        self.rest_age = NAN  # how many values ago that will be after the next one

    def age(self, value: float) -> float:
        """Return how many values ago the highest was, as it would be after *value*; NaN before the window is full."""
        return 0.0 if value >= self.rest else self.rest_age

    def push(self, value: float) -> None:
        items = self._items
        at = self._at
        items[at] = value
        if value >= self._head:
            self._head = value
            self._head_at = at
        at += 1
        if at == self.size:
            places = self._places
            top = -INF
            place: i64 = 0
            while at > 0:
                at -= 1
                if items[at] > top:
                    top = items[at]
                    place = at
                items[at] = top
                places[at] = float(place)
            self._head = -INF
            self._head_at = 0
        self._at = at
        if self._left > 0:
            self._left -= 1
        if self._left > 0:
            return
        top = self._head
        age = float(at - self._head_at)
        if at + 1 < self.size and items[at + 1] > top:
            top = items[at + 1]
            age = float(at + self.size) - self._places[at + 1]
        self.rest = top
        self.rest_age = age

    def archive(self, archive: Archive) -> None:
        self._at = archive.int64(self._at, 0, self.size - 1)
        self._left = archive.int64(self._left, 0, self.size - 1)
        self._head = archive.float64(self._head)
        self._head_at = archive.int64(self._head_at, 0, self.size - 1)
        self.rest = archive.float64(self.rest)
        self.rest_age = archive.float64(self.rest_age)
        archive.numbers(self._items)
        archive.numbers(self._places)


@mypyc_attr(native_class=True)
class Total:
    """The sum of everything since the start, with the rounding error kept separately.

    Source: Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen (1974).
    """

    __slots__ = ("_lost", "_sum")

    def __init__(self) -> None:
        self._sum = 0.0
        self._lost = 0.0  # rounding error of _sum

    def following(self, value: float) -> float:
        """Return the sum as it would be with *value*."""
        return self._sum + value + (self._lost + _lost(self._sum, value))

    def push(self, value: float) -> None:
        self._lost += _lost(self._sum, value)
        self._sum += value

    def archive(self, archive: Archive) -> None:
        self._sum = archive.float64(self._sum)
        self._lost = archive.float64(self._lost)


def _lost(a: float, b: float) -> float:
    """Return the rounding error of `a + b`."""
    total = a + b
    return (a - total) + b if abs(a) >= abs(b) else (b - total) + a
