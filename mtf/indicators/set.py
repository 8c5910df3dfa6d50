"""The indicators of one symbol on one timeframe, as one row of columns.

An indicator that feeds on another one of the set takes it from that one's column, where it stands before it: a source
is computed once, however many feed on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.indicators.composed import Composed
from mtf.indicators.indicator import Indicator, bar_day, bar_flags
from mtf.indicators.window import NAN, filled

__all__ = ["SET_MAX", "IndicatorSet"]

SET_MAX: Final = 4096  # indicators in one set
THE_BAR: Final = -1  # in place of a column: fed with bars


@mypyc_attr(native_class=True)
class IndicatorSet:
    """Indicators side by side: `names` are the columns, each indicator's outputs in the order given.

    The set takes the indicators over: they are not to be used on their own, nor in a second set.
    """

    __slots__ = ("_cores", "_feeds", "_given", "_linked", "_row", "names", "width")

    def __init__(self, items: Sequence[Indicator]) -> None:
        if len(items) > SET_MAX:
            raise ConfigError(f"a set holds at most {SET_MAX} indicators, not {len(items)}")
        names: list[str] = []
        seen: set[str] = set()
        columns: dict[str, int] = {}  # first column of each spec
        cores: list[Indicator] = []
        feeds: list[i64] = []
        for item in items:
            feed: i64 = THE_BAR
            core = item
            if isinstance(item, Composed) and item.inner.spec in columns:
                feed = columns[item.inner.spec] + item.index
                core = item.outer
            cores.append(core)
            feeds.append(feed)
            columns[item.spec] = len(names)
            for name in item.outputs:
                if name in seen:
                    raise ConfigError(f"indicator output {name} is asked for twice")
                seen.add(name)
                names.append(name)
        self._given: Final[list[Indicator]] = list(items)  # as asked for: names and specs; fed only where not linked
        self._cores: Final[vec[Indicator]] = vec[Indicator](cores)  # what is fed, in the same order
        self._feeds: Final[vec[i64]] = vec[i64](feeds)  # the column that each one feeds on, or THE_BAR
        self._linked: Final = any([feed != THE_BAR for feed in feeds])
        self._row: Final = filled(len(names), NAN)  # scratch: completed values in a commit
        self.names: Final[tuple[str, ...]] = tuple(names)
        self.width: Final[i64] = len(names)

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Take in one completed bar."""
        if not self._linked:
            for core in self._cores:
                core.commit(open_, high, low, close, volume, day, flags)
            return
        row = self._row
        feeds = self._feeds
        at: i64 = 0
        for k, core in enumerate(self._cores):
            feed = feeds[k]
            if feed == THE_BAR:
                core.commit(open_, high, low, close, volume, day, flags)
            else:
                value = row[feed]
                if value == value:
                    core.commit(value, value, value, value, volume, day, flags)
            core.current(row, at)
            at += core.width

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
            for core in self._cores:
                core.preview(open_, high, low, close, volume, day, flags, out, at)
                at += core.width
            return
        feeds = self._feeds
        start = at
        for k, core in enumerate(self._cores):
            feed = feeds[k]
            if feed == THE_BAR:
                core.preview(open_, high, low, close, volume, day, flags, out, at)
            else:
                value = out[start + feed]
                if value == value:
                    core.preview(value, value, value, value, volume, day, flags, out, at)
                else:
                    for i in range(core.width):
                        out[at + i] = NAN
            at += core.width

    def current(self, out: vec[float], at: i64) -> None:
        """Write every completed value, from `out[at]` on."""
        for core in self._cores:
            core.current(out, at)
            at += core.width

    def update(self, bar: Bar) -> None:
        """Take in one completed bar."""
        self.commit(bar.open, bar.high, bar.low, bar.close, bar.volume, bar_day(bar), bar_flags(bar))

    def specs(self) -> tuple[str, ...]:
        """Return the canonical strings of the indicators, in order."""
        return tuple([item.spec for item in self._given])

    def fresh(self) -> IndicatorSet:
        """Return a set of the same indicators that has seen no bar."""
        return IndicatorSet([item.fresh() for item in self._given])

    def save(self) -> bytes:
        """Return the state of all, from which `load` on a set of the same specs goes on to the bit."""
        parts: list[bytes] = []
        for item in self._cores:
            state = item.save()
            parts.append(len(state).to_bytes(4, "little"))
            parts.append(state)
        return b"".join(parts)

    def load(self, data: bytes) -> None:
        """Take over a state that `save` returned; CorruptCheckpoint, and no change, where it is not this set's."""
        states: list[bytes] = []
        at = 0
        for item in self._cores:
            size = int.from_bytes(data[at : at + 4], "little")
            state = data[at + 4 : at + 4 + size]
            if len(state) != size or at + 4 > len(data):
                raise CorruptCheckpoint(f"the state of the set ends in that of {item.spec}, before its time")
            states.append(state)
            at += 4 + size
        if at != len(data):
            raise CorruptCheckpoint(f"the state of the set has {len(data) - at} bytes too many")
        before = [item.save() for item in self._cores]
        try:
            for item, state in zip(self._cores, states, strict=True):
                item.load(state)
        except BaseException:
            for item, state in zip(self._cores, before, strict=True):
                item.load(state)
            raise

    def __len__(self) -> int:
        return len(self._given)

    def __repr__(self) -> str:
        return f"IndicatorSet({', '.join(self.specs())})"
