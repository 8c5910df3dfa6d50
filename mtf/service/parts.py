"""The parts of a configuration file: its pipeline, feeds and consumers. Names such as `pkg:Class` run code."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from mtf.actors.consumer import Consumer
from mtf.clock import WallClock
from mtf.errors import ConfigError, MtfError
from mtf.feeds import Backoff, Feed, FileFeed, ccxt, growing_file, websocket
from mtf.pipeline import Pipeline
from mtf.pipeline.importing import has_live
from mtf.plugins.entry_points import installed, load
from mtf.service.service_settings import (
    CCXT,
    FILE,
    WEBSOCKET,
    ConsumerSettings,
    FeedSettings,
    PipelineSettings,
    ServiceSettings,
    WarmUpSettings,
)
from mtf.sources import Source, open_source

__all__ = ["add_consumer", "consumer_of", "feed_of", "named", "pipeline_of", "problems_of", "warm"]

_FUNCTIONS: Final = ("parse", "sequence", "acknowledge", "decode")
_OF_EVERY_FEED: Final = ("connect_s", "stall_s", "patience_s", "reorder_ns", "receive_times")


def pipeline_of(settings: PipelineSettings, *, wall: WallClock | None = None) -> Pipeline:
    """Return the pipeline described by *settings*; ConfigError names an invalid one."""
    given = settings.given
    for name in ("checkpoint_seconds", "checkpoint_events"):
        if name in given:
            given[name] = given[name] or None
    return Pipeline(**given, wall=wall)


def warm(pipeline: Pipeline, settings: ServiceSettings) -> None:
    """Make *pipeline* begin with the history named in *settings*, unless its log already has later events."""
    if settings.warm_up and not has_live(Path(settings.pipeline.data)):
        pipeline.warm_up([_history(each) for each in settings.warm_up])


def _history(settings: WarmUpSettings) -> Source:
    try:
        return open_source(settings.path, **settings.options)
    except TypeError as error:
        raise ConfigError(f"options: {error}") from error


def feed_of(settings: FeedSettings) -> Feed | FileFeed:
    """Return the feed described by *settings*; ConfigError names an invalid one."""
    if ":" in settings.kind:
        found = _made(settings.kind, "kind", {"name": settings.name, **settings.options})
        if not isinstance(found, Feed | FileFeed):
            raise ConfigError(f"kind: {settings.kind} must return a feed of mtf.feeds, got {found!r}")
        return found
    if settings.kind == FILE:
        assert settings.path is not None, "checked when the file was read"
        looks = {name: getattr(settings, name) for name in ("name", "look_s", "replaced_s", "receive_times")}
        file: FileFeed = _called(growing_file, "file", "options", {"path": settings.path, **looks, **settings.options})
        return file
    shared: dict[str, Any] = {name: getattr(settings, name) for name in _OF_EVERY_FEED}
    shared |= {"name": settings.name, "backoff": Backoff(**attrs.asdict(settings.backoff))}
    if settings.kind == CCXT:
        assert settings.exchange is not None, "checked when the file was read"
        return ccxt(settings.exchange, settings.symbols, watch=settings.watch, options=settings.options, **shared)
    assert settings.kind == WEBSOCKET, "checked when the file was read"
    assert settings.url is not None, "checked when the file was read"
    for name in _FUNCTIONS:
        text = getattr(settings, name)
        if text is not None:
            shared[name] = _function(text, name)
    subscribe = settings.subscribe
    messages = _function(subscribe, "subscribe") if isinstance(subscribe, str) else subscribe
    return websocket(settings.url, subscribe=messages, headers=settings.headers, **shared)


def consumer_of(settings: ConsumerSettings) -> Consumer:
    """Return a new consumer described by *settings*; ConfigError says what is wrong."""
    text = settings.class_
    if ":" not in text and text in installed("consumers"):
        found = load("consumers", text, lambda brought: brought)
    else:
        found = named(text, "class")
    if not isinstance(found, type) or not issubclass(found, Consumer):
        raise ConfigError(f"class: {text} is not a subclass of mtf.Consumer")
    made: Consumer = _called(found, text, "class", settings.options)
    return made


def add_consumer(pipeline: Pipeline, settings: ConsumerSettings) -> Consumer:
    """Add the consumer described by *settings* to *pipeline*, and return it."""
    consumer = consumer_of(settings)
    pipeline.add(
        consumer,
        name=settings.name,
        policy=settings.policy,
        symbols=settings.symbols,
        timeframes=settings.timeframes,
        on_error=settings.on_error,
        queue_limit=settings.queue_limit,
        thread=settings.thread,
    )
    return consumer


def problems_of(settings: ServiceSettings) -> list[str]:
    """Make everything described by *settings*, start nothing, and return each error with its path."""
    found: list[str] = []
    pipeline: Pipeline | None = None

    def tried(path: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except MtfError as error:
            found.append(f"{path}: {error}")
            return None

    pipeline = tried("pipeline", lambda: pipeline_of(settings.pipeline))
    over = tried("pipeline.data", lambda: has_live(Path(settings.pipeline.data)))  # then history is no longer read
    for number, history in enumerate(() if over else settings.warm_up):
        opened = tried(f"warm_up[{number}]", functools.partial(_history, history))
        if opened is not None:
            opened.close()
    for number, feed in enumerate(settings.feeds):
        tried(f"feeds[{number}]", functools.partial(feed_of, feed))
    for number, consumer in enumerate(settings.consumers):
        path = f"consumers[{number}]"
        if pipeline is None:
            tried(path, functools.partial(consumer_of, consumer))
        else:
            tried(path, functools.partial(add_consumer, pipeline, consumer))
    return found


def named(text: str, what: str) -> Any:
    """Return the object named by *text*, `package.module:name`; ConfigError if there is none."""
    module_name, _, path = text.partition(":")
    if not module_name or not path:
        raise ConfigError(f"{what}: {text!r} must be written as package.module:name")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever a user's module does
        raise ConfigError(f"{what}: {text}: {type(error).__name__}: {error}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigError(f"{what}: {text}: {module_name} has no {path}")
        found = getattr(found, name)
    return found


def _function(text: str, what: str) -> Callable[..., Any]:
    found = named(text, what)
    if not callable(found):
        raise ConfigError(f"{what}: {text} must be a function, got {found!r}")
    function: Callable[..., Any] = found
    return function


def _made(text: str, what: str, options: dict[str, Any]) -> Any:
    return _called(_function(text, what), text, what, options)


def _called(function: Callable[..., Any], text: str, what: str, options: dict[str, Any]) -> Any:
    try:
        return function(**options)
    except Exception as error:  # whatever a user's class does
        raise ConfigError(f"{what}: {text} fails with {type(error).__name__}: {error}") from error
