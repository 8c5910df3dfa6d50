"""An indicator that takes another's output as input: `sma:10@rsi:14`."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.indicator import Indicator
from mtf.indicators.rolling import NAN, filled

__all__ = ["Composed"]


@mypyc_attr(native_class=True)
class Composed(Indicator):
    """*outer*, with output number *index* of *inner* as input instead of the bar's prices, once it has a value."""

    def __init__(self, outer: Indicator, inner: Indicator, index: int) -> None:
        name = inner.outputs[index]
        suffix = inner.suffixes[index]
        super().__init__(
            outer.declaration,
            outer.param_values,
            tuple([warmup + inner.warmups[index] - 1 for warmup in outer.warmups]),
            source=f"@{_with_output(inner.spec, suffix)}",
            source_output=f"@{name}",
        )
        self.on_price = tuple([each and inner.on_price[index] for each in outer.on_price])
        self.waits = outer.waits or inner.waits
        self.state_name = f"{outer.state_name}@{_with_output(inner.state_name, suffix)}"
        self.outer: Final = outer
        self.inner: Final = inner
        self.index: Final[i64] = index
        self._row: Final = filled(inner.width, NAN)  # scratch: the inner's outputs in a preview

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
        row = self._row
        self.inner.preview(open_, high, low, close, volume, day, flags, row, 0)
        value = row[self.index]
        if value == value:
            self.outer.preview(value, value, value, value, volume, day, flags, out, at)
        else:
            for i in range(self.width):
                out[at + i] = NAN

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self.push(open_, high, low, close, volume, day, flags)
        self.outer.current(self._last, 0)  # what a preview would return, without previewing the inner again
        self.count += 1

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        row = self._row
        self.inner.commit(open_, high, low, close, volume, day, flags)
        self.inner.current(row, 0)
        value = row[self.index]
        if value == value:
            self.outer.commit(value, value, value, value, volume, day, flags)
        else:
            self.outer.skip()

    def archive(self, archive: Archive) -> None:
        self.inner.archive_all(archive)
        self.outer.archive_all(archive)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self.outer.fresh(), self.inner.fresh(), self.index, self.save()))

    def fresh(self) -> Indicator:
        return Composed(self.outer.fresh(), self.inner.fresh(), self.index)


def _restored(outer: Indicator, inner: Indicator, index: int, state: bytes) -> Indicator:
    """Rebuild an indicator for pickle and copy."""
    found = Composed(outer, inner, index)
    found.load(state)
    return found


def _with_output(spec: str, suffix: str) -> str:
    """Return *spec* with `/suffix` after its first indicator, such as `macd:12,26,9/signal@rsi:14`."""
    if not suffix:
        return spec
    head, mark, tail = spec.partition("@")
    return f"{head}/{suffix}{mark}{tail}"
