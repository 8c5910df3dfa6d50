"""The indicators of one symbol on one timeframe, as one row of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.indicators.indicator import Indicator, bar_day, bar_flags

__all__ = ["SET_MAX", "IndicatorSet"]

SET_MAX: Final = 4096  # indicators in one set


@mypyc_attr(native_class=True)
class IndicatorSet:
    """Indicators side by side: `names` are the columns, each indicator's outputs in the order given."""

    __slots__ = ("items", "names", "width")

    def __init__(self, items: Sequence[Indicator]) -> None:
        if len(items) > SET_MAX:
            raise ConfigError(f"a set holds at most {SET_MAX} indicators, not {len(items)}")
        names = [name for item in items for name in item.outputs]
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise ConfigError(f"indicator output {name} is asked for twice")
            seen.add(name)
        self.items: Final[list[Indicator]] = list(items)
        self.names: Final[tuple[str, ...]] = tuple(names)
        self.width: Final[i64] = len(names)

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Take in one completed bar."""
        for item in self.items:
            item.commit(open_, high, low, close, volume, day, flags)

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
        for item in self.items:
            item.preview(open_, high, low, close, volume, day, flags, out, at)
            at += item.width

    def current(self, out: vec[float], at: i64) -> None:
        """Write every completed value, from `out[at]` on."""
        for item in self.items:
            item.current(out, at)
            at += item.width

    def update(self, bar: Bar) -> None:
        """Take in one completed bar."""
        self.commit(bar.open, bar.high, bar.low, bar.close, bar.volume, bar_day(bar), bar_flags(bar))

    def specs(self) -> tuple[str, ...]:
        """Return the canonical strings of the indicators, in order."""
        return tuple([item.spec for item in self.items])

    def fresh(self) -> IndicatorSet:
        """Return a set of the same indicators that has seen no bar."""
        return IndicatorSet([item.fresh() for item in self.items])

    def save(self) -> bytes:
        """Return the state of all, from which `load` on a set of the same specs goes on to the bit."""
        parts: list[bytes] = []
        for item in self.items:
            state = item.save()
            parts.append(len(state).to_bytes(4, "little"))
            parts.append(state)
        return b"".join(parts)

    def load(self, data: bytes) -> None:
        """Take over a state that `save` returned; CorruptCheckpoint, and no change, where it is not this set's."""
        states: list[bytes] = []
        at = 0
        for item in self.items:
            size = int.from_bytes(data[at : at + 4], "little")
            state = data[at + 4 : at + 4 + size]
            if len(state) != size or at + 4 > len(data):
                raise CorruptCheckpoint(f"the state of the set ends in that of {item.spec}, before its time")
            states.append(state)
            at += 4 + size
        if at != len(data):
            raise CorruptCheckpoint(f"the state of the set has {len(data) - at} bytes too many")
        before = [item.save() for item in self.items]
        try:
            for item, state in zip(self.items, states, strict=True):
                item.load(state)
        except BaseException:
            for item, state in zip(self.items, before, strict=True):
                item.load(state)
            raise

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"IndicatorSet({', '.join(self.specs())})"
