"""The contract of consumers: what one overrides is checked when it is added, so that mistakes show at once."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, Final

import attrs

from mtf.actors.consumer import ClosingsOnly, Consumer
from mtf.errors import ConfigError
from mtf.frames.walk import BAR, CLOCK_ROW, REJECT, TICK

__all__ = ["Callbacks", "callbacks_of", "check_new", "name_of"]

# What mtf calls, and with how many arguments.
_EVENTS: Final = {"on_bar": 2, "on_tick": 2, "on_clock": 2, "on_reject": 3}
_ASYNC: Final = {"on_start": 0, **_EVENTS, "on_frame": 1, "on_stop": 0, "save": 0, "load": 1}  # may be async
_PLAIN: Final = {"committed_seq": 0, "on_rollback": 1}
_KINDS: Final = {"on_bar": BAR, "on_tick": TICK, "on_clock": CLOCK_ROW, "on_reject": REJECT}
_NEEDS: Final = {"load": "save", "on_rollback": "committed_seq"}  # called only if the other is overridden
_MOVED: Final = {"position": "committed_seq"}  # former names of callbacks

ALIKE: Final = 0.8  # a name this similar to that of a callback is taken for a misspelling


@attrs.frozen(kw_only=True)
class Callbacks:
    """What a consumer overrides."""

    wanted: int  # the kinds of steps that it is shown, as `Cursor.step` takes them
    has_frame: bool
    is_async: bool  # at least one of them is, so all run in a task of their own
    shows_rows: bool  # live values of single rows may be read
    has_load: bool  # a state that `save` returned can be restored


def callbacks_of(consumer: Consumer) -> Callbacks:
    """Return what *consumer* overrides, in its class or as an attribute; ConfigError if mtf cannot call it."""
    if isinstance(consumer, type):
        raise ConfigError(f"add({consumer.__name__}): give an instance, as add({consumer.__name__}())")
    if not isinstance(consumer, Consumer):
        raise ConfigError(f"add({consumer!r}): a consumer must be an instance of a subclass of mtf.Consumer")
    who = type(consumer).__name__
    _check_names(consumer, who)
    overridden = {name for name in (*_ASYNC, *_PLAIN) if _is_overridden(consumer, name)}
    for name in sorted(overridden):
        _check_callback(who, name, getattr(consumer, name))
    if not overridden:
        raise ConfigError(f"{who} overrides no callback, so it would never be called: {', '.join(_ASYNC)}")
    for name, other in _NEEDS.items():
        if name in overridden and other not in overridden:
            raise ConfigError(f"{who}.{name}() would never be called without {other}(): add it, or check its spelling")
    wanted = sum(_KINDS[name] for name in overridden if name in _KINDS)
    has_frame = "on_frame" in overridden
    return Callbacks(
        wanted=wanted,
        has_frame=has_frame,
        is_async=any(_is_kind(inspect.iscoroutinefunction, getattr(consumer, name)) for name in overridden),
        has_load="load" in overridden,
        shows_rows=wanted != 0 or (has_frame and not isinstance(consumer, ClosingsOnly)),
    )


def name_of(consumer: Consumer, given: str) -> str:
    """Return the name of *consumer*: *given*, its own, or that of its class; ConfigError if it is invalid."""
    name: object = given or consumer.name or type(consumer).__name__
    if not isinstance(name, str) or not name.isprintable():
        raise ConfigError(f"{type(consumer).__name__}: its name must be printable text, got {name!r}")
    return name


def check_new(consumer: Consumer, name: str, others: Iterable[tuple[Consumer, str]]) -> None:
    """Raise ConfigError if *consumer* or *name* is one of the *others*."""
    for other, others_name in others:
        if other is consumer:
            raise ConfigError(f"{name!r} was already added, as {others_name!r}: it would be shown everything twice")
        if others_name == name:
            raise ConfigError(f"there is already a consumer {name!r}: give each its own name")


def _is_overridden(consumer: Consumer, name: str) -> bool:
    return name in vars(consumer) or getattr(type(consumer), name) is not getattr(Consumer, name)


def _check_names(consumer: Consumer, who: str) -> None:
    """Raise ConfigError if a name looks like a misspelt callback, or is a former name of one."""
    own = {*vars(consumer)}
    for each in type(consumer).__mro__:
        if each not in (Consumer, object):
            own.update(vars(each))
    known = (*_ASYNC, *_PLAIN)
    for name in sorted(own - {*known}):
        found = inspect.getattr_static(consumer, name, None)  # does not evaluate the user's properties
        if name in _MOVED:
            if isinstance(found, FunctionType) and len(inspect.signature(found).parameters) == 1:  # self, as formerly
                raise ConfigError(
                    f"{who}.{name}() is no longer a callback: rename it to {_MOVED[name]}(), or make it a property if "
                    "it is your own"
                )
        elif name.startswith("on") and (callable(found) or isinstance(found, classmethod)):
            alike = difflib.get_close_matches(name.lower(), known, n=1, cutoff=ALIKE)
            if alike:
                raise ConfigError(f"{who}.{name} is not a callback: did you mean {alike[0]}? Otherwise rename it")


def _check_callback(who: str, name: str, callback: Callable[..., Any]) -> None:
    """Raise ConfigError if mtf cannot call *callback* in the way it calls *name*."""
    if not callable(callback):
        raise ConfigError(f"{who}.{name} must be a function, got {callback!r}: give your attribute another name")
    if _is_kind(inspect.isasyncgenfunction, callback) or _is_kind(inspect.isgeneratorfunction, callback):
        raise ConfigError(f"{who}.{name} is a generator, and would never run: write it as def or async def")
    if name in _PLAIN and _is_kind(inspect.iscoroutinefunction, callback):
        raise ConfigError(f"{who}.{name} must be a plain def")
    count = {**_ASYNC, **_PLAIN}[name]
    try:
        inspect.signature(callback).bind(*range(count))
    except TypeError:
        expected = [*inspect.signature(getattr(Consumer, name)).parameters]
        raise ConfigError(f"{who}.{name}{inspect.signature(callback)} must take {', '.join(expected)}") from None
    except ValueError:
        return  # a builtin without a signature


def _is_kind(is_kind: Callable[[Any], bool], callback: Callable[..., Any]) -> bool:
    """Return whether *callback* is a function of a kind, or an object whose `__call__` is."""
    callback = inspect.unwrap(callback)
    return is_kind(callback) or is_kind(getattr(callback, "__call__", None))  # noqa: B004 - its kind matters
