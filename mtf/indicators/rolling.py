"""Rolling windows: sums, weighted sums, moments and extremes of the last n values, and the values themselves.

Each window is split where its array wraps around: the part since the wrap is kept as a running total, the part before
it as totals from each position to the end, computed once per round. A window's total combines one of each, so nothing
is ever subtracted: a value that leaves leaves no trace, rounding errors do not accumulate however long the stream, and
a flat window is exactly flat. This is the two-stack queue, with both stacks in one array (van Herk 1992, Gil and Werman
1993 for extremes). A push is O(1) on average; `rest` is the total of the last n - 1 values, from which the total with
one more value is computed in O(1).

Nothing here holds a value: a window is the places of its numbers in the rows of a symbol, as its `Layout` gave them.
Each method takes the rows: `hot[h]` and `cold[c]` are where the numbers of that symbol's indicator begin. `rest` is
hot, for previews read it, and the arrays are cold.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.layout import Layout

__all__ = ["INF", "NAN", "Extremes", "Moments", "Peak", "Ring", "Sum", "Total", "WeightedSum", "filled"]

NAN: Final = float("nan")
INF: Final = float("inf")


def filled(count: i64, value: float) -> vec[float]:
    """Return *value* repeated *count* times."""
    return vec[float]([value] * count)


@mypyc_attr(native_class=True)
class Ring:
    """The last *size* values themselves."""

    __slots__ = ("_at", "_items", "_size", "oldest")

    def __init__(self, layout: Layout, size: i64) -> None:
        assert size > 0, "the ring must have a size"
        self._size: Final[i64] = size
        self.oldest: Final = layout.in_hot(NAN)  # the value from *size* pushes ago; NaN before that
        self._at: Final = layout.in_cold(0.0)  # where the next value goes, in place of the oldest
        self._items: Final = layout.in_cold(NAN, size)

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, value: float) -> None:
        items = c + self._items
        at = i64(cold[c + self._at])
        cold[items + at] = value
        at += 1
        if at == self._size:
            at = 0
        cold[c + self._at] = float(at)
        hot[h + self.oldest] = cold[items + at]

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(cold, c + self._at, 0, self._size - 1)
        archive.numbers_in(cold, c + self._items, self._size)
        hot[h + self.oldest] = cold[c + self._items + i64(cold[c + self._at])]


@mypyc_attr(native_class=True)
class Sum:
    """The sum of the last *size* values."""

    __slots__ = ("_at", "_head", "_items", "_left", "_size", "rest")

    def __init__(self, layout: Layout, size: i64) -> None:
        assert size > 0, "a window holds something"
        self._size: Final[i64] = size
        self.rest: Final = layout.in_hot(0.0 if size == 1 else NAN)  # sum of the last size - 1 values
        self._at: Final = layout.in_cold(0.0)  # where the next value goes
        self._head: Final = layout.in_cold(0.0)  # sum of this round's values
        self._left: Final = layout.in_cold(float(size - 1))  # pushes until rest is known
        self._items: Final = layout.in_cold(0.0, size)  # before _at values of this round, from it on sums to the end

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, value: float) -> None:
        items = c + self._items
        at = i64(cold[c + self._at])
        head = cold[c + self._head] + value
        cold[items + at] = value
        at += 1
        if at == self._size:
            tail = 0.0
            while at > 0:
                at -= 1
                tail += cold[items + at]
                cold[items + at] = tail
            head = 0.0
        cold[c + self._at] = float(at)
        cold[c + self._head] = head
        if cold[c + self._left] > 0.0 and not _counted_down(cold, c + self._left):
            return
        hot[h + self.rest] = head + cold[items + at + 1] if at + 1 < self._size else head

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(cold, c + self._at, 0, self._size - 1)
        archive.whole_in(cold, c + self._left, 0, self._size - 1)
        archive.number_in(cold, c + self._head)
        archive.number_in(hot, h + self.rest)
        archive.numbers_in(cold, c + self._items, self._size)


@mypyc_attr(native_class=True)
class WeightedSum:
    """The sum of the last *size* values, weighted 1 for the oldest to *size* for the newest."""

    __slots__ = (
        "_at",
        "_full",
        "_head",
        "_left",
        "_ramp",
        "_ramps",
        "_size",
        "_sums",
        "_weights",
        "rest",
        "rest_sum",
    )

    def __init__(self, layout: Layout, size: i64) -> None:
        assert size > 0, "a window holds something"
        self._size: Final[i64] = size
        self._full: Final[float] = float(size)  # weight of the newest value
        self._weights: Final[float] = float(size) * float(size + 1) / 2.0
        unknown = 0.0 if size == 1 else NAN
        self.rest: Final = layout.in_hot(unknown)  # contribution of the last size - 1 values to the next weighted sum
        self.rest_sum: Final = layout.in_hot(unknown)  # their plain sum
        self._at: Final = layout.in_cold(0.0)  # where the next value goes
        self._head: Final = layout.in_cold(0.0)  # sum of this round's values
        self._ramp: Final = layout.in_cold(0.0)  # the same weighted 0, 1, 2 ... by position
        self._left: Final = layout.in_cold(float(size - 1))  # pushes until rest is known
        self._sums: Final = layout.in_cold(0.0, size)  # before _at values of this round, from it on sums to the end
        self._ramps: Final = layout.in_cold(0.0, size)  # from _at on: sums to the end weighted 1, 2, 3 ...

    def mean(self, hot: vec[float], h: i64, value: float) -> float:
        """Return the weighted mean of the window as it would be with *value*."""
        return (hot[h + self.rest] + self._full * value) / self._weights

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, value: float) -> None:
        size = self._size
        sums = c + self._sums
        ramps = c + self._ramps
        at = i64(cold[c + self._at])
        head = cold[c + self._head] + value
        head_ramp = cold[c + self._ramp] + float(at) * value
        cold[sums + at] = value
        at += 1
        if at == size:
            tail = 0.0
            ramp = 0.0
            while at > 0:
                at -= 1
                tail += cold[sums + at]
                ramp += tail
                cold[sums + at] = tail
                cold[ramps + at] = ramp
            head = 0.0
            head_ramp = 0.0
        cold[c + self._at] = float(at)
        cold[c + self._head] = head
        cold[c + self._ramp] = head_ramp
        if cold[c + self._left] > 0.0 and not _counted_down(cold, c + self._left):
            return
        rest = float(size - at) * head + head_ramp
        if at + 1 < size:
            rest += cold[ramps + at + 1]
            head += cold[sums + at + 1]
        hot[h + self.rest] = rest
        hot[h + self.rest_sum] = head

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(cold, c + self._at, 0, self._size - 1)
        archive.whole_in(cold, c + self._left, 0, self._size - 1)
        archive.number_in(cold, c + self._head)
        archive.number_in(cold, c + self._ramp)
        archive.number_in(hot, h + self.rest)
        archive.number_in(hot, h + self.rest_sum)
        archive.numbers_in(cold, c + self._sums, self._size)
        archive.numbers_in(cold, c + self._ramps, self._size)


@mypyc_attr(native_class=True)
class Moments:
    """Mean and sum of squared deviations of the last *size* values, by Welford's and Chan's updates.

    Source: Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance (1983). No term is ever negative.
    """

    __slots__ = (
        "_at",
        "_full",
        "_head_m2",
        "_head_mean",
        "_left",
        "_m2s",
        "_means",
        "_rest_m2",
        "_rest_mean",
        "_share",
        "_size",
    )

    def __init__(self, layout: Layout, size: i64) -> None:
        assert size > 0, "a window holds something"
        self._size: Final[i64] = size
        self._full: Final[float] = float(size)
        self._share: Final[float] = float(size - 1) / float(size)  # weight of the newest value's squared deviation
        unknown = 0.0 if size == 1 else NAN
        self._rest_mean: Final = layout.in_hot(unknown)  # of the last size - 1 values
        self._rest_m2: Final = layout.in_hot(unknown)
        self._at: Final = layout.in_cold(0.0)  # where the next value goes
        self._head_mean: Final = layout.in_cold(0.0)  # of this round's values
        self._head_m2: Final = layout.in_cold(0.0)
        self._left: Final = layout.in_cold(float(size - 1))  # pushes until rest is known
        self._means: Final = layout.in_cold(0.0, size)  # before _at values of this round, from it on means to the end
        self._m2s: Final = layout.in_cold(0.0, size)  # from _at on: squared deviations to the end

    def variance(self, hot: vec[float], h: i64, value: float) -> float:
        """Return the population variance of the window as it would be with *value*."""
        deviation = value - hot[h + self._rest_mean]
        return (hot[h + self._rest_m2] + deviation * deviation * self._share) / self._full

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, value: float) -> None:
        size = self._size
        means = c + self._means
        m2s = c + self._m2s
        at = i64(cold[c + self._at])
        mean = cold[c + self._head_mean]
        m2 = cold[c + self._head_m2]
        cold[means + at] = value
        at += 1
        deviation = value - mean
        mean += deviation / float(at)
        m2 += deviation * deviation * (float(at - 1) / float(at))
        if at == size:
            _total_moments(cold, means, m2s, size)
            at = 0
            mean = 0.0
            m2 = 0.0
        cold[c + self._at] = float(at)
        cold[c + self._head_mean] = mean
        cold[c + self._head_m2] = m2
        if cold[c + self._left] > 0.0 and not _counted_down(cold, c + self._left):
            return
        tail: i64 = size - 1 - at  # values of the previous round that remain
        if tail > 0:
            if at == 0:
                mean = cold[means + 1]
                m2 = cold[m2s + 1]
            else:
                share = float(tail) / float(size - 1)
                apart = cold[means + at + 1] - mean
                mean += apart * share
                m2 = m2 + cold[m2s + at + 1] + apart * apart * share * float(at)
        hot[h + self._rest_mean] = mean
        hot[h + self._rest_m2] = m2

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(cold, c + self._at, 0, self._size - 1)
        archive.whole_in(cold, c + self._left, 0, self._size - 1)
        archive.number_in(cold, c + self._head_mean)
        archive.number_in(cold, c + self._head_m2)
        archive.number_in(hot, h + self._rest_mean)
        archive.number_in(hot, h + self._rest_m2)
        archive.numbers_in(cold, c + self._means, self._size)
        archive.numbers_in(cold, c + self._m2s, self._size)


def _total_moments(cold: vec[float], means: i64, m2s: i64, size: i64) -> None:
    """Replace the *size* values from `cold[means]` on by the means from each to the end, and write the deviations."""
    mean = 0.0
    m2 = 0.0
    count = 0.0
    at = size
    while at > 0:
        at -= 1
        deviation = cold[means + at] - mean
        share = count / (count + 1.0)
        count += 1.0
        mean += deviation / count
        m2 += deviation * deviation * share
        cold[means + at] = mean
        cold[m2s + at] = m2


@mypyc_attr(native_class=True)
class Extremes:
    """The highest high and the lowest low of the last *size* pairs."""

    __slots__ = ("_at", "_head_high", "_head_low", "_highs", "_left", "_lows", "_size", "rest_high", "rest_low")

    def __init__(self, layout: Layout, size: i64) -> None:
        assert size > 0, "a window holds something"
        self._size: Final[i64] = size
        self.rest_high: Final = layout.in_hot(-INF if size == 1 else NAN)  # of the last size - 1 pairs
        self.rest_low: Final = layout.in_hot(INF if size == 1 else NAN)
        self._at: Final = layout.in_cold(0.0)  # where the next pair goes
        self._head_high: Final = layout.in_cold(-INF)  # of this round's pairs
        self._head_low: Final = layout.in_cold(INF)
        self._left: Final = layout.in_cold(float(size - 1))  # pushes until rest is known
        self._highs: Final = layout.in_cold(-INF, size)  # before _at values of this round, from it on maxima to the end
        self._lows: Final = layout.in_cold(INF, size)

    def highest(self, hot: vec[float], h: i64, high: float) -> float:
        """Return the highest high of the window as it would be with *high*; NaN before it is full."""
        rest = hot[h + self.rest_high]
        return high if high > rest else rest

    def lowest(self, hot: vec[float], h: i64, low: float) -> float:
        """Return the lowest low of the window as it would be with *low*; NaN before it is full."""
        rest = hot[h + self.rest_low]
        return low if low < rest else rest

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, high: float, low: float) -> None:
        size = self._size
        highs = c + self._highs
        lows = c + self._lows
        at = i64(cold[c + self._at])
        top = cold[c + self._head_high]
        bottom = cold[c + self._head_low]
        cold[highs + at] = high
        cold[lows + at] = low
        if high > top:
            top = high
        if low < bottom:
            bottom = low
        at += 1
        if at == size:
            top = -INF
            bottom = INF
            while at > 0:
                at -= 1
                if cold[highs + at] > top:
                    top = cold[highs + at]
                if cold[lows + at] < bottom:
                    bottom = cold[lows + at]
                cold[highs + at] = top
                cold[lows + at] = bottom
            top = -INF
            bottom = INF
        cold[c + self._at] = float(at)
        cold[c + self._head_high] = top
        cold[c + self._head_low] = bottom
        if cold[c + self._left] > 0.0 and not _counted_down(cold, c + self._left):
            return
        if at + 1 < size:
            if cold[highs + at + 1] > top:
                top = cold[highs + at + 1]
            if cold[lows + at + 1] < bottom:
                bottom = cold[lows + at + 1]
        hot[h + self.rest_high] = top
        hot[h + self.rest_low] = bottom

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(cold, c + self._at, 0, self._size - 1)
        archive.whole_in(cold, c + self._left, 0, self._size - 1)
        archive.number_in(cold, c + self._head_high)
        archive.number_in(cold, c + self._head_low)
        archive.number_in(hot, h + self.rest_high)
        archive.number_in(hot, h + self.rest_low)
        archive.numbers_in(cold, c + self._highs, self._size)
        archive.numbers_in(cold, c + self._lows, self._size)


@mypyc_attr(native_class=True)
class Peak:
    """The highest of the last *size* values, and how many values ago it was; the newest of equal ones."""

    __slots__ = ("_at", "_head", "_head_at", "_items", "_left", "_places", "_rest", "_rest_age", "_size")

    def __init__(self, layout: Layout, size: i64) -> None:
        assert size > 0, "a window holds something"
        self._size: Final[i64] = size
        self._rest: Final = layout.in_hot(-INF if size == 1 else NAN)  # highest of the last size - 1 values
        self._rest_age: Final = layout.in_hot(NAN)  # how many values ago that will be after the next one
        self._at: Final = layout.in_cold(0.0)  # where the next value goes
        self._head: Final = layout.in_cold(-INF)  # highest of this round
        self._head_at: Final = layout.in_cold(0.0)  # and its position
        self._left: Final = layout.in_cold(float(size - 1))  # pushes until rest is known
        self._items: Final = layout.in_cold(-INF, size)  # before _at values of this round, from it on maxima to the end
        self._places: Final = layout.in_cold(0.0, size)  # from _at on: the position of that maximum

    def age(self, hot: vec[float], h: i64, value: float) -> float:
        """Return how many values ago the highest was, as it would be after *value*; NaN before the window is full."""
        return 0.0 if value >= hot[h + self._rest] else hot[h + self._rest_age]

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, value: float) -> None:
        size = self._size
        items = c + self._items
        places = c + self._places
        at = i64(cold[c + self._at])
        top = cold[c + self._head]
        place = cold[c + self._head_at]
        cold[items + at] = value
        if value >= top:
            top = value
            place = float(at)
        at += 1
        if at == size:
            top = -INF
            place = 0.0
            while at > 0:
                at -= 1
                if cold[items + at] > top:
                    top = cold[items + at]
                    place = float(at)
                cold[items + at] = top
                cold[places + at] = place
            top = -INF
            place = 0.0
        cold[c + self._at] = float(at)
        cold[c + self._head] = top
        cold[c + self._head_at] = place
        if cold[c + self._left] > 0.0 and not _counted_down(cold, c + self._left):
            return
        age = float(at) - place
        if at + 1 < size and cold[items + at + 1] > top:
            top = cold[items + at + 1]
            age = float(at + size) - cold[places + at + 1]
        hot[h + self._rest] = top
        hot[h + self._rest_age] = age

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        archive.whole_in(cold, c + self._at, 0, self._size - 1)
        archive.whole_in(cold, c + self._left, 0, self._size - 1)
        archive.number_in(cold, c + self._head)
        archive.whole_in(cold, c + self._head_at, 0, self._size - 1)
        archive.number_in(hot, h + self._rest)
        archive.number_in(hot, h + self._rest_age)
        archive.numbers_in(cold, c + self._items, self._size)
        archive.numbers_in(cold, c + self._places, self._size)


@mypyc_attr(native_class=True)
class Total:
    """The sum of everything since the start, with the rounding error kept separately.

    Source: Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen (1974).
    """

    __slots__ = ("_lost", "_sum")

    def __init__(self, layout: Layout) -> None:
        self._sum: Final = layout.in_hot(0.0)
        self._lost: Final = layout.in_hot(0.0)  # rounding error of _sum

    def following(self, hot: vec[float], h: i64, value: float) -> float:
        """Return the sum as it would be with *value*."""
        total = hot[h + self._sum]
        return total + value + (hot[h + self._lost] + _lost(total, value))

    def push(self, hot: vec[float], h: i64, value: float) -> None:
        total = hot[h + self._sum]
        hot[h + self._lost] += _lost(total, value)
        hot[h + self._sum] = total + value

    def archive(self, archive: Archive, hot: vec[float], h: i64) -> None:
        archive.number_in(hot, h + self._sum)
        archive.number_in(hot, h + self._lost)


def _lost(a: float, b: float) -> float:
    """Return the rounding error of `a + b`."""
    total = a + b
    return (a - total) + b if abs(a) >= abs(b) else (b - total) + a


def _counted_down(row: vec[float], at: i64) -> bool:
    """Take one from `row[at]` and return whether it is 0 now."""
    row[at] -= 1.0
    return row[at] == 0.0
