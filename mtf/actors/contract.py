"""The contract of consumers: what one overrides, checked when it is added, so that no mistake shows only later."""

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
_ASYNC: Final = {"on_start": 0, **_EVENTS, "on_frame": 1, "on_stop": 0, "save": 0, "load": 1}  # or plain
_PLAIN: Final = {"committed_seq": 0, "on_rollback": 1}
_KINDS: Final = {"on_bar": BAR, "on_tick": TICK, "on_clock": CLOCK_ROW, "on_reject": REJECT}
_NEEDS: Final = {"load": "save", "on_rollback": "committed_seq"}  # what is called only where the other is overridden
_MOVED: Final = {"position": "committed_seq"}  # what was a callback once, and its present name

ALIKE: Final = 0.8  # from this similarity to the name of a callback on, another name is taken for a misspelt one


@attrs.frozen(kw_only=True)
class Callbacks:
    """What a consumer overrides."""

    wanted: int  # the kinds of steps that it is shown, as `Cursor.step` wants them
    has_frame: bool
    is_async: bool  # at least one of them, so that all run in a task of its own
    shows_rows: bool  # live values of single rows can be looked at
    has_load: bool  # what `save` returns can be taken over


def callbacks_of(consumer: Consumer) -> Callbacks:
    """Return what *consumer* overrides, in its class or as an attribute; ConfigError if mtf could not call it."""
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
            raise ConfigError(f"{who}.{name}() would never be called, since there is no {other}(): is that misspelt?")
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
    """Return the name of *consumer*: *given*, its own, or that of its class; ConfigError if that is not a name."""
    name: object = given or consumer.name or type(consumer).__name__
    if not isinstance(name, str) or not name.isprintable():
        raise ConfigError(f"{type(consumer).__name__}: its name must be printable text, got {name!r}")
    return name


def check_new(consumer: Consumer, name: str, others: Iterable[tuple[Consumer, str]]) -> None:
    """Raise ConfigError if *consumer* or *name* is one of the *others*."""
    for other, others_name in others:
        if other is consumer:
            raise ConfigError(f"{name!r} is there already, as {others_name!r}: it would be shown everything twice")
        if others_name == name:
            raise ConfigError(f"there is a consumer {name!r} already: give each its own name")


def _is_overridden(consumer: Consumer, name: str) -> bool:
    return name in vars(consumer) or getattr(type(consumer), name) is not getattr(Consumer, name)


def _check_names(consumer: Consumer, who: str) -> None:
    """Raise if a name looks like a misspelt callback, or was one of mtf's once."""
    own = {*vars(consumer)}
    for each in type(consumer).__mro__:
        if each not in (Consumer, object):
            own.update(vars(each))
    known = (*_ASYNC, *_PLAIN)
    for name in sorted(own - {*known}):
        found = inspect.getattr_static(consumer, name, None)  # a property of the user's is not to be asked
        if name in _MOVED:
            if isinstance(found, FunctionType) and len(inspect.signature(found).parameters) == 1:  # self, as it was
                raise ConfigError(
                    f"{who}.{name}() is not a callback any more: call it {_MOVED[name]}(), or make {name} a property "
                    "if it is something of your own"
                )
        elif name.startswith("on") and (callable(found) or isinstance(found, classmethod)):
            alike = difflib.get_close_matches(name.lower(), known, n=1, cutoff=ALIKE)
            if alike:
                raise ConfigError(f"{who}.{name} is not a callback: did you mean {alike[0]}? Otherwise rename it")


def _check_callback(who: str, name: str, callback: Callable[..., Any]) -> None:
    """Raise if mtf cannot call *callback* as it calls those of that name."""
    if not callable(callback):
        raise ConfigError(f"{who}.{name} is {callback!r}: mtf calls {name}(); give your attribute another name")
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
        return  # built in, without a signature


def _is_kind(is_kind: Callable[[Any], bool], callback: Callable[..., Any]) -> bool:
    """Return whether *callback* is a function of a kind, or an object that is called like one."""
    callback = inspect.unwrap(callback)
    return is_kind(callback) or is_kind(getattr(callback, "__call__", None))  # noqa: B004 - its kind is looked at
