"""The closings of a frame: those of all timeframes, in the order in which they are delivered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.bars.bar_window import BarWindow
from mtf.bars.closings import END, MARKS, NUMBER, ROW, BarClose, Closings
from mtf.bars.columns import BarState, Columns
from mtf.indicators.values import ValueClosings, ValueColumns, ValueState

__all__ = ["FrameClosings"]

FEW: Final[i64] = 16  # closings that are put in order one by one


@mypyc_attr(native_class=True, acyclic=True)
class FrameClosings:
    """Closings by row, end, timeframe and symbol, and the values that go with them.

    `rows`, `ends`, `ranks` and `numbers` (of symbols) are theirs in this order, `places` are those in the columns of
    their timeframe.
    """

    __slots__ = ("_first", "count", "ends", "numbers", "parts", "places", "ranks", "rows", "value_parts")

    def __init__(self, columns: list[Columns], values: list[ValueColumns]) -> None:
        total: i64 = 0
        for part in columns:
            total += part.closings.count
        self.count: Final[i64] = total
        self.parts: Final[list[Closings]] = []  # by rank; empty if there are no closings
        self.value_parts: Final[list[ValueClosings | None]] = []  # likewise; empty if no indicators are kept
        self._first: dict[int, int] | None = None  # the first closing by number and rank; made when asked for
        self.rows: vec[i64] = vec[i64]([0] * total)
        self.ends: vec[i64] = vec[i64]([0] * total)
        self.ranks: vec[i64] = vec[i64]([0] * total)
        self.numbers: vec[i64] = vec[i64]([0] * total)
        self.places: vec[i64] = vec[i64]([0] * total)
        if total:
            for part in columns:
                self.parts.append(part.closings)
            for each in values:
                self.value_parts.append(each.closings)
            self._arrange()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, k: int) -> BarClose:
        if k < 0 or k >= self.count:
            raise IndexError(f"closing {k} out of range, there are {self.count}")
        rank = self.ranks[k]
        return BarClose(self.parts[rank], self.places[k], rank)

    def __iter__(self) -> Iterator[BarClose]:
        return iter([self[k] for k in range(self.count)])

    @property
    def has_values(self) -> bool:
        """Whether there are values that go with the bars."""
        return len(self.value_parts) > 0

    def part(self, k: i64) -> Closings:
        """Return the closings of the timeframe; `places[k]` is the place among them."""
        return self.parts[self.ranks[k]]

    def bar(self, k: i64) -> Bar:
        return self.parts[self.ranks[k]].bar(self.places[k])

    def symbol(self, k: i64) -> str:
        return self.parts[self.ranks[k]].history(self.places[k]).symbol

    def timeframe(self, k: i64) -> str:
        """Return the name of the timeframe."""
        return self.parts[self.ranks[k]].timeframe.name

    def window(self, k: i64) -> BarWindow:
        """Return the symbol's completed bars just after."""
        return self.parts[self.ranks[k]].window_after(self.places[k])

    def state(self, k: i64) -> BarState:
        """Return the symbol's bars just after: none is forming."""
        return BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, self.window(k))

    def values(self, k: i64) -> ValueState:
        """Return the symbol's values just after; only with `has_values`."""
        return self.values_part(k).after(self.places[k])

    def completed(self, k: i64) -> list[float]:
        """Return the completed values that go with the bar; none if no indicators are kept."""
        if not self.value_parts:
            return []
        part = self.values_part(k)
        at = self.places[k] * part.width
        return [part.completed[at + column] for column in range(part.width)]

    def values_part(self, k: i64) -> ValueClosings:
        """Return the values that go with `part`; only with `has_values`."""
        part = self.value_parts[self.ranks[k]]
        assert part is not None, "a timeframe that closes bars has their values"
        return part

    def window_before(self, number: i64, rank: i64) -> BarWindow | None:
        """Return a symbol's completed bars before the first closing; None if it has none on that timeframe."""
        k = self._first_of(number, rank)
        return None if k < 0 else self.parts[rank].window_before(self.places[k])

    def values_before(self, number: i64, rank: i64) -> ValueState | None:
        """Return a symbol's completed values before the first closing likewise."""
        k = self._first_of(number, rank)
        return None if k < 0 else self.values_part(k).before(self.places[k])

    def _first_of(self, number: i64, rank: i64) -> i64:
        """Return the first closing of a symbol and timeframe; -1 if there is none."""
        if self.count == 0:
            return -1
        ranks: i64 = len(self.parts)
        first = self._first
        if first is None:
            first = {}
            for k in range(self.count - 1, -1, -1):
                first[int(self.numbers[k] * ranks + self.ranks[k])] = int(k)
            self._first = first
        found = first.get(int(number * ranks + rank))
        return -1 if found is None else found

    def _arrange(self) -> None:
        """Merge the timeframes' closings, each of which are in the order of their rows."""
        parts = self.parts
        ranks: i64 = len(parts)
        heads = vec[i64]([0] * ranks)
        done: i64 = 0
        while done < self.count:
            row: i64 = -1  # the lowest one that is left
            for rank in range(ranks):
                closings = parts[rank]
                if heads[rank] < closings.count:
                    found = closings.marks[heads[rank] * MARKS + ROW]
                    if row < 0 or found < row:
                        row = found
            first = done
            for rank in range(ranks):
                closings = parts[rank]
                place = heads[rank]
                while place < closings.count and closings.marks[place * MARKS + ROW] == row:
                    self._put(done, row, rank, place, closings)
                    place += 1
                    done += 1
                heads[rank] = place
            if done - first > FEW:
                self._sort_many(first, done)
            elif done - first > 1:
                self._sort_few(first, done)

    def _put(self, k: i64, row: i64, rank: i64, place: i64, closings: Closings) -> None:
        self.rows[k] = row
        self.ends[k] = closings.marks[place * MARKS + END]
        self.ranks[k] = rank
        self.numbers[k] = closings.marks[place * MARKS + NUMBER]
        self.places[k] = place

    def _sort_few(self, first: i64, stop: i64) -> None:
        """Sort the closings of a row, one by one."""
        ends, ranks, numbers, places = self.ends, self.ranks, self.numbers, self.places
        for k in range(first + 1, stop):
            end_ns, rank, number, place = ends[k], ranks[k], numbers[k], places[k]
            at: i64 = k
            while at > first and (
                ends[at - 1] > end_ns
                or (
                    ends[at - 1] == end_ns
                    and (ranks[at - 1] > rank or (ranks[at - 1] == rank and numbers[at - 1] > number))
                )
            ):
                ends[at], ranks[at] = ends[at - 1], ranks[at - 1]
                numbers[at], places[at] = numbers[at - 1], places[at - 1]
                at -= 1
            ends[at], ranks[at], numbers[at], places[at] = end_ns, rank, number, place

    def _sort_many(self, first: i64, stop: i64) -> None:
        """Sort the closings of a row that closes bars of many symbols, by merging what is in order already.

        Few stretches are: those of a timeframe come by number, but for that of the row's own symbol.
        """
        count = stop - first
        order, merged = vec[i64]([0] * count), vec[i64]([0] * count)
        for k in range(count):
            order[k] = first + k
        starts = self._stretches(order)
        while len(starts) > 2:
            left = vec[i64]([])
            for k in range(0, len(starts) - 1, 2):
                stop = starts[k + 2] if k + 2 < len(starts) else starts[k + 1]
                self._merge(order, starts[k], starts[k + 1], stop, merged)
                left = append(left, starts[k])
            starts = append(left, count)
            order, merged = merged, order
        stop = first + count
        ends, ranks, numbers, places = (
            self.ends[first:stop],
            self.ranks[first:stop],
            self.numbers[first:stop],
            self.places[first:stop],
        )
        for k in range(count):
            at = order[k] - first
            self.ends[first + k] = ends[at]
            self.ranks[first + k] = ranks[at]
            self.numbers[first + k] = numbers[at]
            self.places[first + k] = places[at]

    def _stretches(self, order: vec[i64]) -> vec[i64]:
        """Return where stretches of *order* begin that are in order, and its length."""
        starts = vec[i64]([0])
        for k in range(1, len(order)):
            if self._is_before(order[k], order[k - 1]):
                starts = append(starts, k)
        return append(starts, i64(len(order)))

    def _merge(self, order: vec[i64], start: i64, middle: i64, stop: i64, into: vec[i64]) -> None:
        """Merge the stretches `[start, middle)` and `[middle, stop)` of *order* into the same places of *into*."""
        a, b = start, middle
        for k in range(start, stop):
            if a == middle or (b < stop and self._is_before(order[b], order[a])):
                into[k] = order[b]
                b += 1
            else:
                into[k] = order[a]
                a += 1

    def _is_before(self, a: i64, b: i64) -> bool:
        """Return whether the closing *a* is delivered before *b*, of the same row."""
        if self.ends[a] != self.ends[b]:
            return self.ends[a] < self.ends[b]
        if self.ranks[a] != self.ranks[b]:
            return self.ranks[a] < self.ranks[b]
        return self.numbers[a] < self.numbers[b]
