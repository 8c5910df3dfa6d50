"""The indicators of one symbol on one timeframe, as one row of columns.

An indicator that takes another as input is split into its parts: each part is in the set once, however many others use
it, whether or not it was requested itself, and wherever it is in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.indicators.composed import Composed
from mtf.indicators.declaration import Output
from mtf.indicators.indicator import Indicator, bar_day, bar_flags
from mtf.indicators.rolling import NAN, filled

__all__ = ["SET_MAX", "IndicatorSet"]

SET_MAX: Final = 4096  # indicators in one set
THE_BAR: Final = -1  # in place of a column: its input is the bar


@mypyc_attr(native_class=True)
class _Parts:
    """The distinct parts of a set."""

    __slots__ = ("_places", "feeds", "items", "width")

    def __init__(self) -> None:
        self.items: list[Indicator] = []
        self.feeds: list[i64] = []  # for each, the place of the output that is its input, or THE_BAR
        self.width: i64 = 0  # number of outputs of all parts
        self._places: dict[str, int] = {}  # the place of the first output, by spec

    def add(self, item: Indicator) -> i64:
        """Add *item* and its input, unless already present; return the place of its first output."""
        found = self._places.get(item.spec)
        if found is not None:
            return found
        feed: i64 = THE_BAR
        part = item
        if isinstance(item, Composed):
            feed = self.add(item.inner) + item.index
            part = item.outer
        place = self.width
        self._places[item.spec] = place
        self.items.append(part)
        self.feeds.append(feed)
        self.width += part.width
        return place


@mypyc_attr(native_class=True)
class IndicatorSet:
    """A row of indicators: `names` are the columns, the outputs of each indicator in the order of *items*.

    The set owns the indicators: they must not be used on their own, nor in a second set.
    """

    __slots__ = ("_columns", "_feeds", "_items", "_linked", "_parts", "_row", "described", "names", "width")

    def __init__(self, items: Sequence[Indicator]) -> None:
        if len(items) > SET_MAX:
            raise ConfigError(f"a set can hold at most {SET_MAX} indicators, got {len(items)}")
        names: list[str] = []
        seen: set[str] = set()
        parts = _Parts()
        columns: list[i64] = []
        for item in items:
            start = parts.add(item)
            for i, name in enumerate(item.outputs):
                if name in seen:
                    raise ConfigError(f"indicator output {name} is requested twice")
                seen.add(name)
                names.append(name)
                columns.append(start + i)
        self._items: Final[list[Indicator]] = list(items)  # as requested, for names and specs
        self._parts: Final[vec[Indicator]] = vec[Indicator](parts.items)  # each after its input
        self._feeds: Final[vec[i64]] = vec[i64](parts.feeds)  # the place of each part's input, or THE_BAR
        self._columns: Final[vec[i64]] = vec[i64](columns)  # the place of each column among the parts' outputs
        self._linked: Final = any([feed != THE_BAR for feed in parts.feeds])
        self._row: Final = filled(parts.width, NAN)  # scratch: the outputs of all parts
        self.names: Final[tuple[str, ...]] = tuple(names)
        self.described: Final[list[Output]] = [output for item in items for output in item.described]  # as `names`
        self.width: Final[i64] = len(names)

    @property
    def count(self) -> i64:
        """The number of completed bars seen."""
        for k in range(len(self._parts)):
            if self._feeds[k] == THE_BAR:
                return self._parts[k].count
        return 0  # the set is empty

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Add one completed bar."""
        if not self._linked:
            for part in self._parts:
                part.commit(open_, high, low, close, volume, day, flags)
            return
        row = self._row
        feeds = self._feeds
        at: i64 = 0
        for k, part in enumerate(self._parts):
            feed = feeds[k]
            if feed == THE_BAR:
                part.commit(open_, high, low, close, volume, day, flags)
            else:
                value = row[feed]
                if value == value:
                    part.commit(value, value, value, value, volume, day, flags)
                else:
                    part.skip()
            part.current(row, at)
            at += part.width

    def preview(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        day: i64,
        flags: i64,
        out: vec[float],
        at: i64,
    ) -> None:
        """Write every output as if this bar closed now, from `out[at]` on; change nothing else."""
        if not self._linked:
            for part in self._parts:
                part.preview(open_, high, low, close, volume, day, flags, out, at)
                at += part.width
            return
        row = self._row
        feeds = self._feeds
        place: i64 = 0
        for k, part in enumerate(self._parts):
            feed = feeds[k]
            if feed == THE_BAR:
                part.preview(open_, high, low, close, volume, day, flags, row, place)
            else:
                value = row[feed]
                if value == value:
                    part.preview(value, value, value, value, volume, day, flags, row, place)
                else:
                    for i in range(part.width):
                        row[place + i] = NAN
            place += part.width
        self._pick(out, at)

    def current(self, out: vec[float], at: i64) -> None:
        """Write every completed value, from `out[at]` on."""
        if not self._linked:
            for part in self._parts:
                part.current(out, at)
                at += part.width
            return
        place: i64 = 0
        for part in self._parts:
            part.current(self._row, place)
            place += part.width
        self._pick(out, at)

    def _pick(self, out: vec[float], at: i64) -> None:
        """Write the requested ones of the parts' outputs, from `out[at]` on."""
        row = self._row
        columns = self._columns
        for i in range(self.width):
            out[at + i] = row[columns[i]]

    def update(self, bar: Bar) -> None:
        """Add one completed bar."""
        self.commit(bar.open, bar.high, bar.low, bar.close, bar.volume, bar_day(bar), bar_flags(bar))

    def specs(self) -> tuple[str, ...]:
        """Return the canonical specs of the indicators, in order."""
        return tuple([item.spec for item in self._items])

    def fresh(self) -> IndicatorSet:
        """Return a set of the same indicators, without any bars."""
        return IndicatorSet([item.fresh() for item in self._items])

    def save(self) -> bytes:
        """Return the state; a set of the same specs that loads it continues with bit-identical values."""
        parts: list[bytes] = []
        for item in self._parts:
            state = item.save()
            parts.append(len(state).to_bytes(4, "little"))
            parts.append(state)
        return b"".join(parts)

    def load(self, data: bytes) -> None:
        """Replace the state with one that `save` returned; CorruptCheckpoint, and no change, if it does not fit."""
        states: list[bytes] = []
        at = 0
        for item in self._parts:
            size = int.from_bytes(data[at : at + 4], "little")
            state = data[at + 4 : at + 4 + size]
            if len(state) != size or at + 4 > len(data):
                raise CorruptCheckpoint(f"the state of the set ends in the middle of {item.spec}")
            states.append(state)
            at += 4 + size
        if at != len(data):
            raise CorruptCheckpoint(f"the state of the set has {len(data) - at} extra bytes")
        before = [item.save() for item in self._parts]
        try:
            for item, state in zip(self._parts, states, strict=True):
                item.load(state)
        except BaseException:
            for item, state in zip(self._parts, before, strict=True):
                item.load(state)
            raise

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, ([item.fresh() for item in self._items], self.save()))

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"IndicatorSet({', '.join(self.specs())})"


def _restored(items: list[Indicator], state: bytes) -> IndicatorSet:
    """Rebuild a set for pickle and copy."""
    found = IndicatorSet(items)
    found.load(state)
    return found
