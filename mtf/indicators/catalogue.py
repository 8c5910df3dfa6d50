"""The catalogue: every indicator by name, and the ways to create one.

`create("rsi", period=14)`, `create("rsi:14")`, `create("sma:10@macd:12,26,9/signal")`; case is ignored. Names are those
of built-in indicators, of classes passed to `register`, and of entry points in the group `mtf.indicators` of installed
packages; nothing is imported by path.
"""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import attrs

from mtf.errors import ConfigError, UnknownIndicator
from mtf.indicators import adaptive, directional, levels, momentum, oscillators, trend, volatility, volume
from mtf.indicators.built_in import BuiltIn
from mtf.indicators.composed import Composed
from mtf.indicators.declaration import Declaration, Param, ParamValue
from mtf.indicators.formula import Formula
from mtf.indicators.indicator import Indicator
from mtf.indicators.symbol_indicators import IndicatorSet
from mtf.plugins.entry_points import installed, load
from mtf.timeframe import Timeframe

__all__ = [
    "ALL",
    "CORE",
    "Entry",
    "catalogue",
    "create",
    "create_set",
    "names",
    "names_in",
    "register",
    "register_plugin",
    "registered",
    "version_changes",
    "versions_of",
]

INDICATORS: Final = "indicators"  # the kind of plug-in
SPEC_CHARS_MAX: Final = 500
CHAIN_MAX: Final = 8  # indicators in one spec, each the input of the one before

CORE: Final = (  # the meaning of "core" in a list of indicators
    "sma",
    "ema",
    "wma",
    "dema",
    "rsi",
    "macd",
    "stoch",
    "cci",
    "willr",
    "bbands",
    "atr",
    "keltner",
    "donchian",
    "obv",
    "volume_sma",
    "vwap",
    "pivots",
    "swings",
    "adx",
    "sar",
)

_Make = Callable[..., Indicator]
_Class = TypeVar("_Class", bound=type[Indicator])


def _built_in(formula: Callable[..., Formula], *values: ParamValue) -> Indicator:
    """Return a new indicator of this formula with these parameters."""
    return BuiltIn(formula(*values))


_BUILT_IN: Final[dict[str, tuple[Declaration, _Make]]] = {
    declaration.name: (declaration, functools.partial(_built_in, formula))
    for module in (trend, adaptive, momentum, oscillators, volatility, volume, levels, directional)
    for declaration, formula in module.INDICATORS
}
# The meaning of "all": without users' indicators, so that it is the same on every machine.
ALL: Final = (*CORE, *(name for name in _BUILT_IN if name not in CORE))
_REGISTERED: Final[dict[str, tuple[Declaration, type[Indicator]]]] = {}  # by `register` and from entry points


@attrs.frozen(kw_only=True)
class Entry:
    """One entry of the catalogue; *outputs*, *on_price* and *warmup* are for the default parameters.

    *on_price* lists the outputs that are market prices; *waits* is true if the first value may take more than *warmup*
    bars, since it waits for an event.
    """

    name: str
    title: str
    group: str
    params: tuple[Param, ...]
    outputs: tuple[str, ...]
    on_price: tuple[str, ...]
    warmup: int
    waits: bool
    formula: str
    source: str
    of_close: bool
    timeframes: str
    built_in: bool
    core: bool  # whether it is one of "core"


def create(
    spec: str,
    *,
    source: str | Indicator | None = None,
    output: str = "",
    timeframe: Timeframe | str | None = None,
    **params: object,
) -> Indicator:
    """Return a new indicator, from a name and parameters, or from a spec that has both.

    *source* is another indicator (or its spec) to use as input instead of the bar, *output* which of its outputs (the
    suffix or the whole name; by default the first). With *timeframe*, ConfigError if the indicator makes no sense
    there. The messages of UnknownIndicator and ConfigError list what exists.
    """
    if len(spec) > SPEC_CHARS_MAX:
        raise ConfigError(f"an indicator's name may have at most {SPEC_CHARS_MAX} characters, got {len(spec)}")
    links = spec.split("@")
    if len(links) > CHAIN_MAX:
        raise ConfigError(f"{spec}: at most {CHAIN_MAX} indicators can be chained")
    if source is not None:
        if len(links) > 1:
            raise ConfigError(f"{spec} already names its source")
        found: Indicator | None = source if isinstance(source, Indicator) else create(source, timeframe=timeframe)
    else:
        found = None
        for link in reversed(links[1:]):
            text, _, wanted = link.partition("/")
            found = _feed(_make(text, {}, timeframe), found, output)
            output = wanted
    if "/" in links[0]:
        raise ConfigError(
            f"{spec}: only a source can have an output chosen; {links[0].partition('/')[0]} is not a source here"
        )
    return _feed(_make(links[0], params, timeframe), found, output)


def create_set(specs: Iterable[str | Indicator], *, timeframe: Timeframe | str | None = None) -> IndicatorSet:
    """Return a set of new indicators in the order of *specs*; ConfigError if one is listed twice."""
    items = []
    for spec in specs:
        if isinstance(spec, Indicator):
            if timeframe is not None:
                spec.declaration.check_timeframe(timeframe)
            items.append(spec.fresh())
        else:
            items.append(create(spec, timeframe=timeframe))
    return IndicatorSet(items)


def names() -> tuple[str, ...]:
    """Return every name that `create` accepts: the core, the other built-in ones, then users' own."""
    own = sorted((set(_REGISTERED) | set(installed(INDICATORS))) - set(_BUILT_IN))
    return (*ALL, *own)


def catalogue() -> tuple[Entry, ...]:
    """Return all entries, in the order of `names`; warns about an entry point that cannot be loaded, and skips it."""
    entries = []
    for name in names():
        try:
            declaration, make = _find(name)
            item = make(*declaration.bind((), {}))
        except Exception as error:
            if name in _BUILT_IN:
                raise
            known = isinstance(error, ConfigError)
            message = str(error) if known else f"the indicator {name} cannot be used: {error!r}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
            continue
        entries.append(
            Entry(
                name=name,
                title=declaration.title,
                group=declaration.group,
                params=declaration.params,
                outputs=item.outputs,
                on_price=tuple(output.name for output in item.described if output.on_price),
                warmup=item.warmup,
                waits=item.waits,
                formula=declaration.formula,
                source=declaration.source,
                of_close=declaration.of_close,
                timeframes=declaration.timeframes,
                built_in=name in _BUILT_IN,
                core=name in CORE,
            )
        )
    return tuple(entries)


def register(cls: _Class) -> _Class:
    """Register the user's class *cls* by its declared name, and return it; ConfigError if the name is taken."""
    declaration = _declared_by(cls)
    if declaration is None:
        raise ConfigError(f"{cls!r} is not an indicator: subclass mtf.indicators.PythonIndicator and set declares")
    name = declaration.name
    if not name.isidentifier() or name in _BUILT_IN:
        raise ConfigError(f"{cls.__name__} cannot be named {name!r}: the name is built in or not an identifier")
    if name in _REGISTERED and _REGISTERED[name][1] is not cls:
        raise ConfigError(f"an indicator {name!r} already exists: {_REGISTERED[name][1]!r}")
    _REGISTERED[name] = (declaration, cls)
    return cls


def registered() -> dict[str, type[Indicator]]:
    """Return the users' classes registered so far, by name."""
    return {name: cls for name, (_, cls) in _REGISTERED.items()}


def names_in(specs: Iterable[str]) -> set[str]:
    """Return the names of all indicators in *specs*, sources included."""
    return {link.partition("/")[0].partition(":")[0].strip() for spec in specs for link in spec.split("@")}


def versions_of(specs: Iterable[str]) -> dict[str, int]:
    """Return the versions of all indicators in *specs*, by name, omitting those with version 1."""
    versions = {name: _find(name)[0].version for name in sorted(names_in(specs))}
    return {name: version for name, version in versions.items() if version != 1}


def version_changes(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """Return which versions of formulas differ, as part of a sentence; "" if none do."""
    return " and ".join(
        f"version {before.get(name, 1)} of the indicator {name}, and version {now.get(name, 1)} is installed"
        for name in sorted(before.keys() | now.keys())
        if before.get(name, 1) != now.get(name, 1)
    )


def _declared_by(cls: object) -> Declaration | None:
    """Return the declaration of the indicator class *cls*; None if it is not an indicator class."""
    if not isinstance(cls, type) or not issubclass(cls, Indicator):
        return None
    declaration = getattr(cls, "declares", None)
    return declaration if isinstance(declaration, Declaration) else None


def _make(text: str, params: dict[str, object], timeframe: Timeframe | str | None) -> Indicator:
    """Return the indicator described by *text* (`name` or `name:values`) and *params*."""
    name, mark, rest = text.strip().partition(":")
    declaration, make = _find(name.strip())
    positional: list[object] = []
    named = dict(params)
    for token in rest.split(",") if mark else ():
        key, equals, value = token.partition("=")
        if equals:
            key = _known_as(key.strip(), [param.name for param in declaration.params])
            if key in named:
                raise ConfigError(f"{name}: {key} is given twice")
            named[key] = value.strip()
        elif len(named) > len(params):
            raise ConfigError(f"{name}: {token.strip()!r} follows a named parameter; name it too")
        else:
            positional.append(token.strip())
    values = declaration.bind(tuple(positional), named)
    if timeframe is not None:
        declaration.check_timeframe(timeframe)
    return make(*values)


def register_plugin(name: str, found: object) -> type[Indicator]:
    """Register *found*, loaded from the entry point *name*, and return it; ConfigError if it cannot be used."""
    declaration = _declared_by(found)
    if declaration is None:
        raise ConfigError(f"{found!r} is not an indicator: subclass mtf.indicators.PythonIndicator and set declares")
    if declaration.name != name:
        raise ConfigError(f"it declares another name, {declaration.name}")
    assert isinstance(found, type), "only a class has a declaration"
    return register(found)


def _feed(outer: Indicator, inner: Indicator | None, output: str) -> Indicator:
    """Return *outer* with *output* of *inner*, if there is one, as its input."""
    if inner is None:
        if output:
            raise ConfigError(f"{outer.spec}: output {output} has no source; name one")
        return outer
    if not outer.declaration.of_close:
        raise ConfigError(f"{outer.name} needs whole bars; only indicators of the close can use another's output")
    index = 0
    if output:
        output = _known_as(output, [*inner.suffixes, *inner.outputs])
        if output in inner.suffixes:
            index = inner.suffixes.index(output)
        elif output in inner.outputs:
            index = inner.outputs.index(output)
        else:
            raise ConfigError(f"{inner.spec} has no output {output!r}; it has {', '.join(inner.outputs)}")
    return Composed(outer, inner, index)


def _find(name: str) -> tuple[Declaration, _Make]:
    """Return declaration and constructor of the indicator *name*; loads an entry point on first use."""
    found = _BUILT_IN.get(name) or _REGISTERED.get(name)
    if found is not None:
        return found
    name = _known_as(name, names())
    found = _BUILT_IN.get(name) or _REGISTERED.get(name)
    if found is not None:
        return found
    if name in installed(INDICATORS):
        load(INDICATORS, name, functools.partial(register_plugin, name))
        return _REGISTERED[name]
    known = names()
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise UnknownIndicator(f"unknown indicator {name!r}{hint}; choose from {', '.join(known)}")


def _known_as(text: str, known: Sequence[str]) -> str:
    """Return the one of *known* that equals *text* except for case; *text* itself if there is none, or several."""
    if text in known:
        return text
    alike = {each for each in known if each.lower() == text.lower()}
    return alike.pop() if len(alike) == 1 else text
