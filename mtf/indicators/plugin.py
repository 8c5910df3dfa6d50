"""A user's own indicator in a few lines of plain Python.

    class MeanRange(PythonIndicator):
        "Mean of high - low over n bars."
        declares = Declaration(name="meanrange", title="Mean range", group="custom", formula="mean of high - low",
                               source="mine", params=(Whole("period", 14),))

        def step(self, state, bar):
            state.append(bar.high - bar.low)
            del state[: -self.params["period"]]
            return sum(state) / len(state) if len(state) == self.params["period"] else math.nan

`state` is a list of floats, empty at first, and a step may remember nothing else: a preview runs the step on a copy, so
that it leaves no trace, and saving writes the list. Slower than the built-in ones, and otherwise the same.
"""

from __future__ import annotations

from typing import ClassVar, Final

import attrs
from librt.vecs import vec

from mtf.archive import Archive
from mtf.errors import ConfigError
from mtf.indicators.declaration import Declaration, ParamValue
from mtf.indicators.indicator import DAY_INCOMPLETE, INCOMPLETE, OFF_SESSION, Indicator

__all__ = ["STATE_MAX", "BarNow", "PythonIndicator"]

STATE_MAX: Final = 65_536  # floats


@attrs.frozen
class BarNow:
    """What a step sees of a bar, completed or partial; `day` is the ordinal of its trading day."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    day: int
    incomplete: bool  # its beginning was not seen
    day_incomplete: bool = False  # nor that of its trading day
    off_session: bool = False  # it is of no trading day: the market was closed


class PythonIndicator(Indicator):
    """The base of indicators in plain Python: set `declares`, and define `step`."""

    declares: ClassVar[Declaration]

    def __init__(self, *values: ParamValue) -> None:
        declaration = self.declares
        bound = declaration.bind(values, {})
        named = {param.name: value for param, value in zip(declaration.params, bound, strict=True)}
        bars = self.bars_needed(named)
        super().__init__(declaration, bound, (bars,) * len(declaration.suffixes(bound)))
        self._named: dict[str, ParamValue] = named
        self._state: list[float] = []

    @classmethod
    def bars_needed(cls, params: dict[str, ParamValue]) -> int:
        """Return the number of bars until the first value: `period` if there is one, else 1."""
        return int(params.get("period", 1))

    def step(self, state: list[float], bar: BarNow) -> float | tuple[float, ...]:
        """Move *state* on by *bar*, in place, and return the outputs; read nothing but the two and the parameters."""
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
        self._step(list(self._state), _bar_now(open_, high, low, close, volume, day, flags), out, at)

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: int, flags: int) -> None:
        state = list(self._state)
        self._step(state, _bar_now(open_, high, low, close, volume, day, flags), self._last, 0)
        self._state = state
        self.count += 1

    def archive(self, archive: Archive) -> None:
        size = archive.whole(len(self._state), 0, STATE_MAX)
        if archive.loading:
            self._state = [archive.number(0.0) for _ in range(size)]
        else:
            for value in self._state:
                archive.number(value)

    def _step(self, state: list[float], bar: BarNow, out: vec[float], at: int) -> None:
        found = self.step(state, bar)
        values = found if isinstance(found, tuple) else (found,)
        if len(values) != self.width:
            raise ConfigError(f"{self.spec} returned {len(values)} values and declares {self.width}")
        if len(state) > STATE_MAX:
            raise ConfigError(f"{self.spec} keeps {len(state)} numbers; at most {STATE_MAX} are allowed")
        for i, value in enumerate(values):
            out[at + i] = float(value)


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
