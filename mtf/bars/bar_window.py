"""Windows into histories: the last completed bars of a symbol and timeframe as of one instant, as a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, overload

from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.bar import Bar
from mtf.bars.bar_codes import code_of, flags_of
from mtf.bars.bar_history import END, START, TICKS, BarHistory
from mtf.bars.growth import start_of

__all__ = ["BarWindow", "newest_bars", "table_of"]


@mypyc_attr(native_class=True, acyclic=True)
class BarWindow:
    """The last completed bars as of one instant, oldest first: a sequence that never changes.

    It is a window into columns that their owner only appends to, and never reads past its own end. Its columns are
    read-only buffers over them, which NumPy and Arrow take without a copy: `numpy.asarray(window.close)`. A `Bar` is
    made whenever one is asked for.
    """

    __slots__ = ("_history", "_start", "_stop")

    def __init__(self, history: BarHistory | None, start: i64, stop: i64) -> None:
        self._history: Final = history  # None: there are no bars
        self._start: Final[i64] = start
        self._stop: Final[i64] = stop
        assert 0 <= start <= stop <= (0 if history is None else history.count), "the window must lie within its table"

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def newest(self) -> Bar | None:
        """The last of the bars; None if there is none."""
        return self._bar(self._stop - 1) if self._stop > self._start else None

    @property
    def start_ns(self) -> memoryview[int]:
        """The starts of the bars, in ns, as 64-bit integers."""
        return self._marks(START)

    @property
    def end_ns(self) -> memoryview[int]:
        """The ends of the bars, in ns, as 64-bit integers."""
        return self._marks(END)

    @property
    def open(self) -> memoryview[float]:
        """The opens, as doubles; `high`, `low`, `close` and `volume` likewise."""
        return self._prices(0)

    @property
    def high(self) -> memoryview[float]:
        return self._prices(1)

    @property
    def low(self) -> memoryview[float]:
        return self._prices(2)

    @property
    def close(self) -> memoryview[float]:
        return self._prices(3)

    @property
    def volume(self) -> memoryview[float]:
        return self._prices(4)

    @property
    def ticks(self) -> memoryview[int]:
        """The numbers of ticks, as 64-bit integers."""
        return self._marks(TICKS)

    @overload
    def __getitem__(self, key: int) -> Bar: ...
    @overload
    def __getitem__(self, key: slice) -> list[Bar]: ...
    def __getitem__(self, key: object) -> object:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            return [self._bar(self._start + i) for i in range(start, stop, step)]
        if not isinstance(key, int):
            raise TypeError(f"a bar's index must be an integer or a slice, got {key!r}")
        size: int = self._stop - self._start
        position = key + size if key < 0 else key
        if not 0 <= position < size:
            raise IndexError(f"bar index {key} out of range, there are {size} bars")
        return self._bar(self._start + position)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self._list())

    def __contains__(self, bar: object) -> bool:
        return bar in self._list()

    def __reversed__(self) -> Iterator[Bar]:
        return iter(self._list()[::-1])

    def table(self) -> BarHistory | None:
        """Return the columns that the window looks into; None if there are none."""
        return self._history

    def end(self) -> i64:
        """Return the place after the last bar, counted from the beginning of the history."""
        return 0 if self._history is None else self._history.first + self._stop

    def save(self, archive: Archive, after: i64) -> i64:
        """Save the bars from the place *after* on as columns; return how many these are."""
        history = self._history
        start = self._start if history is None else max(self._start, after - history.first)
        count = archive.count(self._stop - start, 8)
        if history is not None and count:
            history.save(archive, start, self._stop)
        return count

    def stop(self) -> int:
        """Return the row of `table` after the last of the window."""
        return self._stop

    def _list(self) -> list[Bar]:
        return [self._bar(row) for row in range(self._start, self._stop)]

    def _bar(self, row: i64) -> Bar:
        history = self._history
        assert history is not None, "a window with bars has a table"
        return history.bar(row)

    def _prices(self, column: i64) -> memoryview[float]:
        history = self._history
        if history is None:
            return _NO_PRICES
        return history.price_column(column, self._start, self._stop)

    def _marks(self, column: i64) -> memoryview[int]:
        history = self._history
        if history is None:
            return _NO_MARKS
        return history.mark_column(column, self._start, self._stop)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (BarWindow, list, tuple)):
            return list(self) == list(other)
        return False

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __copy__(self) -> BarWindow:
        return self

    def __deepcopy__(self, memo: object) -> BarWindow:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored_window, (list(self),))

    def __repr__(self) -> str:
        return f"BarWindow({len(self)} bars)"


def table_of(bars: Iterable[Bar]) -> BarHistory | None:
    """Return a table of *bars*, which are of one symbol and timeframe; None if there are none."""
    listed = list(bars)
    if not listed:
        return None
    table = BarHistory(listed[0].symbol, listed[0].timeframe, len(listed))
    for bar in listed:
        day: i64 = 0 if bar.trading_day is None else bar.trading_day.toordinal()
        flags = flags_of(bar.incomplete, bar.day_incomplete, bar.off_session)
        table.add(
            bar.start_ns,
            bar.end_ns,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.ticks,
            code_of(day, flags, bar.first, bar.from_bars, bar.gap is not None),
            bar.gap,
        )
    return table


def newest_bars(history: BarHistory, stop: i64, keep: i64) -> BarWindow:
    """Return the last *keep* bars of *history* before the row *stop*."""
    return BarWindow(history, start_of(stop, keep), stop)


_NO_PRICES: Final = memoryview(b"").cast("d")
_NO_MARKS: Final = memoryview(b"").cast("q")


def _restored_window(bars: list[Any]) -> BarWindow:
    """Rebuild a window for pickle."""
    return BarWindow(table_of(bars), 0, len(bars))
