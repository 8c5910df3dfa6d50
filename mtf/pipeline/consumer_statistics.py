"""The statistics of consumers: how each of them does, as values that cost nothing until they are asked for."""

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
    """How one consumer does, since it was added.

    `state` is `running`, `waiting` (for a restart), `catching up` (with the log, after one), `detached`, `quarantined`
    or `stuck`.
    """

    name: str
    policy: str
    on_error: str
    state: str
    seq: int  # the last event that it was shown in full
    lag: int  # events that have been delivered after it, if something waits for this consumer
    queue: int  # what waits: blocks; with the policy `latest`, or for a reader of bars, completed bars
    queue_limit: int
    dropped: int  # ticks, bars and other steps that it lost, by the policy `drop`, or while it was restarted
    conflated: int  # rows that newer ones took the place of, by the policy `latest`
    failures: int
    restarts: int
    error: str  # the newest failure; empty if there was none
    blocked_ns: int  # the longest time for which one of its callbacks kept the event loop to itself


class ConsumerRecord:
    """What is known of one consumer, also while it is not running."""

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
        """Go on with *actor*."""
        if self.actor is not None:
            self._dropped += self.actor.queue.dropped
            self._conflated += self.actor.queue.conflated
        self.actor = actor

    def value(self) -> ConsumerStatistics:
        actor, terms = self.actor, self.added.terms
        assert actor is not None, "a record begins with an actor"
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
