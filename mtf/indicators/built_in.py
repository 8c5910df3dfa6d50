"""A built-in indicator on its own: a formula with two rows for one state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import ParamValue
from mtf.indicators.formula import BarNumbers, Formula
from mtf.indicators.indicator import Indicator

__all__ = ["BuiltIn"]


@mypyc_attr(native_class=True)
class BuiltIn(Indicator):
    """One indicator of *formula*, which is shared: it holds no state."""

    def __init__(self, formula: Formula) -> None:
        super().__init__(formula.declaration, formula.param_values, formula.warmups)
        self.formula: Final = formula
        self.hot: Final = vec[float](formula.layout.hot)
        self.cold: Final = vec[float](formula.layout.cold)

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
        self.formula.preview(self.hot, 0, BarNumbers(open_, high, low, close, volume, day, flags), out, at)

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        self.formula.push(self.hot, 0, self.cold, 0, BarNumbers(open_, high, low, close, volume, day, flags))

    def archive(self, archive: Archive) -> None:
        self.formula.archive(archive, self.hot, 0, self.cold, 0)

    def fresh(self) -> Indicator:
        return BuiltIn(self.formula)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (type(self.formula), self.param_values, self.save()))


def _restored(make: Callable[..., object], values: tuple[ParamValue, ...], state: bytes) -> Indicator:
    """Return the indicator that pickle, or copy, took apart."""
    found = BuiltIn(cast(Formula, make(*values)))
    found.load(state)
    return found
