"""A user's own indicator in a few lines of plain Python.

    class MeanRange(PythonIndicator):
        "Mean of high - low over n bars."
        declares = Declaration(name="meanrange", title="Mean range", group="custom", formula="mean of high - low",
                               source="mine", params=(Whole("period", 14),))

        def step(self, state, bar):
            state.append(bar.high - bar.low)
            del state[: -self.params["period"]]
            return sum(state) / len(state) if len(state) == self.params["period"] else math.nan

`state` is a list, empty at first, and the only thing that a step may remember: numbers, strs, and lists, tuples and
dicts of them (`mtf.indicators.memory`). A preview runs the step on a copy, so that it leaves no trace, and saving
writes the list. Such indicators are slower than the built-in ones, and otherwise work the same.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
from librt.vecs import vec

from mtf.archive import Archive
from mtf.bars.bar_codes import DAY_INCOMPLETE, INCOMPLETE, OFF_SESSION
from mtf.errors import ConfigError
from mtf.indicators.declaration import Declaration, ParamValue
from mtf.indicators.indicator import Indicator
from mtf.indicators.memory import StateCopier, archived, is_flat

__all__ = ["BarNow", "PythonIndicator"]


@attrs.frozen
class BarNow:
    """A bar as a step sees it, completed or partial; `day` is the ordinal of its trading day."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    day: int
    incomplete: bool  # its beginning was not seen
    day_incomplete: bool = False  # the beginning of its trading day was not seen
    off_session: bool = False  # it belongs to no trading day: the market was closed


class PythonIndicator(Indicator):
    """The base class of indicators in plain Python: set `declares`, and define `step`."""

    declares: ClassVar[Declaration]
    _stepping = False  # whether `step` is running

    def __init__(self, *values: ParamValue) -> None:
        declaration = self.declares
        bound = declaration.bind(values, {})
        named = {param.name: value for param, value in zip(declaration.params, bound, strict=True)}
        bars = self.bars_needed(named)
        super().__init__(declaration, bound, (bars,) * len(declaration.suffixes(bound)))
        self._named: dict[str, ParamValue] = named
        self._copier = StateCopier(self.spec)
        self._state: list[Any] = []  # as copied by `_copier`
        self._is_flat = True

    @classmethod
    def bars_needed(cls, params: dict[str, ParamValue]) -> int:
        """Return the number of bars until the first value: `period` if there is one, else 1."""
        return int(params.get("period", 1))

    def step(self, state: list[Any], bar: BarNow) -> float | tuple[float, ...]:
        """Update *state* with *bar*, in place, and return the outputs; use only these two and the parameters.

        The state may hold int, float, bool, None, str, and lists, tuples and dicts of these, 65,536 values in all.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")

    @property
    def params(self) -> dict[str, ParamValue]:
        return self._named

    def preview(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        day: int,
        flags: int,
        out: vec[float],
        at: int,
    ) -> None:
        state = self._copied()
        values = self._stepped(state, _bar_now(open_, high, low, close, volume, day, flags))
        if not self.count:  # later on, committing this bar checks it
            self._copier.copy(state)
        for i, value in enumerate(values):
            out[at + i] = value

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: int, flags: int) -> None:
        state = self._copied()
        values = self._stepped(state, _bar_now(open_, high, low, close, volume, day, flags))
        self._keep(self._copier.copy(state))
        for i, value in enumerate(values):
            self._last[i] = value
        self.count += 1

    def archive(self, archive: Archive) -> None:
        self._keep(archived(archive, self.spec, self._state))

    def __setattr__(self, name: str, value: object) -> None:
        if self._stepping:
            raise ConfigError(
                f"{self.spec}: step sets self.{name}, which a preview would change and a restart would lose: keep it "
                "in state, or set it in __init__"
            )
        super().__setattr__(name, value)

    def _copied(self) -> list[Any]:
        return self._state[:] if self._is_flat else self._copier.copy(self._state)

    def _keep(self, state: list[Any]) -> None:
        self._state = state
        self._is_flat = is_flat(state)

    def _stepped(self, state: list[Any], bar: BarNow) -> list[float]:
        """Update *state* with *bar* and return the outputs, without changing anything else."""
        attributes = self.__dict__
        attributes["_stepping"] = True
        try:
            found = self.step(state, bar)
        finally:
            attributes.pop("_stepping", None)
        values = found if isinstance(found, tuple) else (found,)
        if len(values) != self.width:
            raise ConfigError(f"{self.spec} returned {len(values)} values but declares {self.width}")
        try:
            return list(map(float, values))
        except (TypeError, ValueError, OverflowError):
            raise ConfigError(
                f"{self.spec} returned {found!r:.80}: outputs must be floats, NaN for no value yet"
            ) from None


def _bar_now(open_: float, high: float, low: float, close: float, volume: float, day: int, flags: int) -> BarNow:
    return BarNow(
        open_,
        high,
        low,
        close,
        volume,
        day,
        bool(flags & INCOMPLETE),
        bool(flags & DAY_INCOMPLETE),
        bool(flags & OFF_SESSION),
    )
