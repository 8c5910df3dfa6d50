"""An indicator's declaration: parameters with bounds, outputs, formula, source.

Only values, read by the catalogue and by the base class; nothing here computes an indicator. A parameter's text is
canonical (`14`, `2`, `0.02`, `typical`), so the same indicator has one spec (`macd:12,26,9`), one base name
(`macd_12_26_9`) and one set of output names, however it was requested.
"""

from __future__ import annotations

import math
import operator
from typing import Final

import attrs

from mtf.errors import ConfigError
from mtf.timeframe import MONTH, WEEK, Timeframe

__all__ = [
    "ANY",
    "PERIOD_MAX",
    "UP_TO_DAY",
    "WITHIN_DAY",
    "Choice",
    "Declaration",
    "Number",
    "Output",
    "Param",
    "ParamValue",
    "Whole",
]

PERIOD_MAX: Final = 10_000  # bars; bounds the memory of one indicator to a few hundred kilobytes

ParamValue = int | float | str

ANY: Final = "any"
WITHIN_DAY: Final = "intraday"
UP_TO_DAY: Final = "day"


@attrs.frozen
class Whole:
    """An integer between two bounds, inclusive; a period unless *doc* says otherwise."""

    name: str
    default: int
    low: int = 1
    high: int = PERIOD_MAX
    doc: str = "bars"

    def check(self, owner: str, value: object) -> int:
        """Return *value* as an int; ConfigError if it is not an integer or is out of bounds."""
        try:
            if isinstance(value, bool):
                raise TypeError
            number = int(value) if isinstance(value, str) else operator.index(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise ConfigError(f"{owner}: {self.name} must be a whole number, got {value!r}") from None
        if not self.low <= number <= self.high:
            raise ConfigError(f"{owner}: {self.name} must be between {self.low} and {self.high}, got {number}")
        return number

    def text(self, value: ParamValue) -> str:
        return str(value)

    @property
    def bounds(self) -> str:
        return f"{self.low}..{self.high}"


@attrs.frozen
class Number:
    """A finite number between two bounds, inclusive."""

    name: str
    default: float
    low: float
    high: float
    doc: str = ""

    def check(self, owner: str, value: object) -> float:
        """Return *value* as a float; ConfigError if it is not a number or is out of bounds."""
        try:
            if isinstance(value, bool):
                raise TypeError
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise ConfigError(f"{owner}: {self.name} must be a number, got {value!r}") from None
        if not (math.isfinite(number) and self.low <= number <= self.high):
            raise ConfigError(f"{owner}: {self.name} must be between {self.low:g} and {self.high:g}, got {number!r}")
        return number

    def text(self, value: ParamValue) -> str:
        return repr(value).removesuffix(".0")

    @property
    def bounds(self) -> str:
        return f"{self.low:g}..{self.high:g}"


@attrs.frozen
class Choice:
    """One of a few words, the first being the default; the default is omitted from specs and names."""

    name: str
    words: tuple[str, ...]
    doc: str = ""

    @property
    def default(self) -> str:
        return self.words[0]

    def check(self, owner: str, value: object) -> str:
        """Return *value*; ConfigError if it is not one of the words."""
        if isinstance(value, str) and value in self.words:
            return str(value)
        raise ConfigError(f"{owner}: {self.name} must be one of {', '.join(self.words)}, got {value!r}")

    def text(self, value: ParamValue) -> str:
        return str(value)

    @property
    def bounds(self) -> str:
        return "|".join(self.words)


Param = Whole | Number | Choice


@attrs.frozen(kw_only=True)
class Output:
    """The properties of one output.

    *warmup* is the number of completed bars until its first value; with *waits*, the minimum, since it also waits for
    an event (a complete trading day, a swing). *on_price* is true for a market price, on the scale of the bars.
    """

    name: str
    warmup: int
    waits: bool
    on_price: bool


@attrs.frozen(kw_only=True)
class Declaration:
    """One kind of indicator. *outputs* are suffixes, the empty one first if there is a main output.

    *variants* are the outputs if they depend on the first parameter. *of_close* is true if it reads only the close, so
    that another indicator can be its source. *on_price* lists the suffixes of the outputs that are market prices;
    *waits* is true if the first value waits for an event, not only for a number of bars. *version* is increased when
    the same bars give different values: a state of another version is not resumed.
    """

    name: str
    title: str
    group: str
    formula: str
    source: str
    params: tuple[Param, ...] = ()
    outputs: tuple[str, ...] = ("",)
    variants: tuple[tuple[str, tuple[str, ...]], ...] = ()
    of_close: bool = False
    on_price: tuple[str, ...] = ()
    waits: bool = False
    version: int = attrs.field(default=1, validator=[attrs.validators.instance_of(int), attrs.validators.ge(1)])
    timeframes: str = attrs.field(default=ANY, validator=attrs.validators.in_((ANY, WITHIN_DAY, UP_TO_DAY)))

    def check(self, values: tuple[object, ...]) -> tuple[ParamValue, ...]:
        """Return *values* (all parameters, in order), checked and converted to the declared types."""
        if len(values) > len(self.params):
            raise ConfigError(f"{self.name} takes {self.signature}; {len(values)} values were given")
        return tuple(param.check(self.name, value) for param, value in zip(self.params, values, strict=True))

    def bind(self, positional: tuple[object, ...], named: dict[str, object]) -> tuple[ParamValue, ...]:
        """Return every parameter's value, with defaults filled in; the message of ConfigError lists what exists."""
        if len(positional) > len(self.params):
            given = ", ".join(map(str, positional))
            raise ConfigError(f"{self.name} takes {self.signature}; {len(positional)} values were given: {given}")
        known = [param.name for param in self.params]
        for name in named:
            if name not in known:
                raise ConfigError(f"{self.name} has no parameter {name!r}; it takes {self.signature}")
            if name in known[: len(positional)]:
                raise ConfigError(f"{self.name}: {name} is given twice")
        rest = [named.get(param.name, param.default) for param in self.params[len(positional) :]]
        return self.check((*positional, *rest))

    def texts(self, values: tuple[ParamValue, ...]) -> list[str]:
        """Return the canonical text of each parameter; trailing words equal to the default are omitted."""
        shown = len(values)
        for param, value in zip(reversed(self.params), reversed(values), strict=True):
            if not isinstance(param, Choice) or value != param.default:
                break
            shown -= 1
        return [param.text(value) for param, value in zip(self.params[:shown], values, strict=False)]

    def spec(self, values: tuple[ParamValue, ...]) -> str:
        """Return the canonical string, such as `macd:12,26,9`."""
        texts = self.texts(values)
        return f"{self.name}:{','.join(texts)}" if texts else self.name

    def output_names(self, values: tuple[ParamValue, ...]) -> tuple[str, ...]:
        """Return the names of the outputs: name and parameters joined by `_`, then the suffix if there is one."""
        base = "_".join([self.name, *self.texts(values)])
        return tuple(f"{base}_{suffix}" if suffix else base for suffix in self.suffixes(values))

    def suffixes(self, values: tuple[ParamValue, ...]) -> tuple[str, ...]:
        """Return the suffixes of the outputs with these parameters."""
        for word, outputs in self.variants:
            if values[0] == word:
                return outputs
        return self.outputs

    @property
    def signature(self) -> str:
        """The parameters with defaults and bounds, for messages."""
        if not self.params:
            return "no parameters"
        return ", ".join(f"{param.name}={param.text(param.default)} ({param.bounds})" for param in self.params)

    def check_timeframe(self, timeframe: Timeframe | str) -> None:
        """Raise ConfigError if this indicator makes no sense on *timeframe*."""
        bars = Timeframe(timeframe)
        if self.timeframes == WITHIN_DAY and not bars.intraday:
            raise ConfigError(
                f"{self.name} makes no sense on {bars}: it starts again with each trading day; use a shorter timeframe"
            )
        if self.timeframes == UP_TO_DAY and bars.kind in (WEEK, MONTH):
            raise ConfigError(f"{self.name} makes no sense on {bars}: it needs trading days; use 1d or shorter")
