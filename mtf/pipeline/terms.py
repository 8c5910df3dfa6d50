"""Terms: how to treat one consumer, from the arguments of `Pipeline.add`, validated."""

from __future__ import annotations

from typing import Any, Final

import attrs

from mtf.actors.consumer import Consumer, OwnConsumer
from mtf.actors.contract import Callbacks
from mtf.actors.policies import queue_limit_of
from mtf.errors import ConfigError
from mtf.frames.selection import Selection
from mtf.timeframe import Timeframe

__all__ = ["DETACH", "RESTART", "STOP", "Added", "Terms"]

STOP: Final = "stop"
DETACH: Final = "detach"
RESTART: Final = "restart"
ON_ERROR: Final = (STOP, DETACH, RESTART)


@attrs.frozen(kw_only=True)
class Terms:
    """What a consumer is shown, and what happens if it is too slow or raises."""

    timeframes: tuple[Timeframe, ...] | None = None  # whose bars it is shown; None: of all
    symbols: tuple[str, ...] | None = None  # whose bars, ticks and rejects; None: of all
    policy: str = "wait"
    on_error: str = STOP
    queue_limit: int = attrs.field(factory=lambda: queue_limit_of("wait", None))
    thread: bool = False

    @classmethod
    def checked(cls, queue_limit: int | None, **given: Any) -> Terms:
        """Return the terms with the limit of their policy; ConfigError for an invalid value."""
        if given["on_error"] not in ON_ERROR:
            raise ConfigError(f"on_error must be one of {', '.join(ON_ERROR)}, got {given['on_error']!r}")
        return cls(queue_limit=queue_limit_of(given["policy"], queue_limit), **given)

    def check(self, consumer: Consumer, callbacks: Callbacks) -> None:
        """Raise ConfigError if *consumer* does not allow these terms."""
        who = type(consumer).__name__
        if self.policy == "latest" and callbacks.has_frame:
            raise ConfigError(
                f"{who} overrides on_frame(), which gets every block: add it with policy='wait', 'drop' or 'fail'"
            )
        if self.thread and callbacks.is_async:
            raise ConfigError(
                f"{who} has async callbacks, which run on the event loop: thread=True needs plain functions"
            )
        if self.on_error == RESTART and isinstance(consumer, OwnConsumer):
            raise ConfigError(f"{who} cannot be restarted: add it with on_error='stop' or 'detach'")


@attrs.frozen
class Added:
    """A consumer as it was added."""

    consumer: Consumer
    name: str
    callbacks: Callbacks
    terms: Terms = attrs.field(factory=Terms)

    def selection(self) -> Selection:
        """Return which steps the consumer is shown."""
        timeframes, symbols = self.terms.timeframes, self.terms.symbols
        return Selection(
            self.callbacks.wanted,
            None if timeframes is None else frozenset(each.name for each in timeframes),
            None if symbols is None else frozenset(symbols),
            self.callbacks.has_frame,
        )
