"""The indicators of one symbol on one timeframe, as one row of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.errors import ConfigError
from mtf.indicators.declaration import Output
from mtf.indicators.formula import BarNumbers
from mtf.indicators.indicator import Indicator, bar_day, bar_flags
from mtf.indicators.parts import Parts

__all__ = ["SET_MAX", "IndicatorSet"]

SET_MAX: Final = 4096  # indicators in one set


@mypyc_attr(native_class=True)
class IndicatorSet:
    """A row of indicators: `names` are the columns, the outputs of each indicator in the order of *items*.

    The set owns the indicators: they must not be used on their own, nor in a second set.
    """

    __slots__ = ("_bar", "_cold", "_hot", "_items", "_parts", "described", "names", "width")

    def __init__(self, items: Sequence[Indicator]) -> None:
        if len(items) > SET_MAX:
            raise ConfigError(f"a set can hold at most {SET_MAX} indicators, got {len(items)}")
        names: list[str] = []
        seen: set[str] = set()
        for item in items:
            for name in item.outputs:
                if name in seen:
                    raise ConfigError(f"indicator output {name} is requested twice")
                seen.add(name)
                names.append(name)
        self._items: Final[list[Indicator]] = list(items)  # as requested, for names and specs
        self._parts: Final = Parts(items)
        self._hot: Final = self._parts.hot[:]
        self._cold: Final = self._parts.cold[:]
        self._parts.begin(self._hot, 0)
        self._bar: Final = BarNumbers()  # scratch: the bar of a call
        self.names: Final[tuple[str, ...]] = tuple(names)
        self.described: Final[list[Output]] = [output for item in items for output in item.described]  # as `names`
        self.width: Final[i64] = len(names)

    @property
    def count(self) -> i64:
        """The number of completed bars seen."""
        return self._parts.count(self._cold, 0)

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Add one completed bar."""
        self._bar.set_to(open_, high, low, close, volume, day, flags)
        self._parts.commit(self._hot, 0, self._cold, 0, self._bar)

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
        self._bar.set_to(open_, high, low, close, volume, day, flags)
        self._parts.preview(self._hot, 0, self._bar, out, at)

    def current(self, out: vec[float], at: i64) -> None:
        """Write every completed value, from `out[at]` on."""
        self._parts.current(self._cold, 0, out, at)

    def update(self, bar: Bar) -> None:
        """Add one completed bar."""
        self.commit(bar.open, bar.high, bar.low, bar.close, bar.volume, bar_day(bar), bar_flags(bar))

    def specs(self) -> tuple[str, ...]:
        """Return the canonical specs of the indicators, in order."""
        return tuple([item.spec for item in self._items])

    def fresh(self) -> IndicatorSet:
        """Return a set of the same indicators, without any bars."""
        return IndicatorSet([item.fresh() for item in self._items])

    def parts(self) -> Parts:
        """Return the parts of fresh indicators, for the rows of many symbols."""
        return Parts([item.fresh() for item in self._items])

    def save(self) -> bytes:
        """Return the state; a set of the same specs that loads it continues with bit-identical values."""
        return self._parts.save(self._hot, 0, self._cold, 0)

    def load(self, data: bytes) -> None:
        """Replace the state with one that `save` returned; CorruptCheckpoint, and no change, if it does not fit."""
        self._parts.load(self._hot, 0, self._cold, 0, data)

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
