"""The statistics of consumers, one value each, which cost nothing until they are requested."""

from __future__ import annotations

from typing import Final

import attrs

from mtf.actors.bar_reader import BarStream
from mtf.actors.consumers import ConsumerActor
from mtf.pipeline.terms import Added

__all__ = ["ConsumerRecord", "ConsumerStatistics"]

RUNNING: Final = "running"


@attrs.frozen(kw_only=True)
class ConsumerStatistics:
    """The statistics of one consumer since it was added.

    `state` is `running`, `waiting` (for a restart), `catching up` (with the log, after a restart), `detached`,
    `quarantined` or `stuck`.
    """

    name: str
    policy: str
    on_error: str
    state: str
    seq: int  # the last event that it was completely shown
    lag: int  # later events that were delivered, if something waits for this consumer
    queue: int  # waiting blocks; with the policy `latest`, and for readers of bars, waiting completed bars
    queue_limit: int
    dropped: int  # ticks, bars and other steps that it lost to the policy `drop`, or during a restart
    conflated: int  # rows replaced by newer ones, with the policy `latest`
    failures: int
    restarts: int
    error: str  # the newest failure; empty if none
    blocked_ns: int  # the longest time for which one of its callbacks blocked the event loop


class ConsumerRecord:
    """The record of one consumer, even while it is not running."""

    def __init__(self, added: Added) -> None:
        self.added: Final = added
        self.actor: ConsumerActor | None = None  # the newest one
        self.state = RUNNING
        self.failures = 0
        self.restarts = 0
        self.error = ""
        self.blocked_ns = 0
        self._dropped = 0  # of earlier actors
        self._conflated = 0

    def begin(self, actor: ConsumerActor) -> None:
        """Continue with *actor*."""
        if self.actor is not None:
            self._dropped += self.actor.queue.dropped
            self._conflated += self.actor.queue.conflated
        self.actor = actor

    def value(self) -> ConsumerStatistics:
        actor, terms = self.actor, self.added.terms
        assert actor is not None, "a record has an actor from the beginning"
        consumer = self.added.consumer
        stream = consumer if isinstance(consumer, BarStream) else None
        is_running = self.state == RUNNING
        return ConsumerStatistics(
            name=self.added.name,
            policy=terms.policy if stream is None else stream.policy,
            on_error=terms.on_error,
            state=self.state,
            seq=int(actor.seq) if actor.lag or not is_running else actor.stands_at,
            lag=actor.lag if is_running else 0,
            queue=(actor.queue.waiting if is_running else 0) + (stream.waiting if stream is not None else 0),
            queue_limit=terms.queue_limit if stream is None else stream.limit,
            dropped=self._dropped + actor.queue.dropped + (stream.dropped if stream is not None else 0),
            conflated=self._conflated + actor.queue.conflated,
            failures=self.failures,
            restarts=self.restarts,
            error=self.error,
            blocked_ns=self.blocked_ns,
        )
