"""Enrolment: giving consumers their actors, at the start, later, and again after a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mtf.actors.barriers import BarrierTracker
from mtf.actors.consumers import ConsumerActor
from mtf.actors.cores import Demand
from mtf.actors.delivery import Delivery
from mtf.actors.policies import ConsumerMailbox, DropMailbox, FailMailbox, LatestMailbox
from mtf.actors.showing import Showing
from mtf.actors.supervisor import Supervisor
from mtf.actors.threaded import ThreadedConsumerActor
from mtf.frames.cursor import Cursor
from mtf.frames.still import StillCamera
from mtf.notes import Notes
from mtf.pipeline.audience import Audience
from mtf.pipeline.consumer_statistics import ConsumerRecord
from mtf.pipeline.options import Options
from mtf.pipeline.rejoin import rejoin
from mtf.pipeline.restarts import Restarts
from mtf.pipeline.terms import STOP, Added
from mtf.storage.opened import OpenStorage

__all__ = ["Enrolment"]


class Enrolment:
    """Makes actors for consumers and registers them with *delivery*; owns the audience and its restarts.

    *here* makes a cursor at the newest published event, which keeps states or not. *state_of_late* returns the saved
    state of a consumer that is added late, and *newest_state* the newest one of a consumer that is restarted.
    """

    def __init__(
        self,
        options: Options,
        storage: OpenStorage | None,
        delivery: Delivery,
        demand: Demand,
        supervisor: Supervisor,
        showing: Showing,
        notes: Notes,
        *,
        here: Callable[[bool], Cursor],
        state_of_late: Callable[[ConsumerActor], bytes | None],
        newest_state: Callable[[str], tuple[int, bytes] | None],
    ) -> None:
        self._wall: Final = options.wall
        self._storage: Final = storage
        self._delivery: Final = delivery
        self._supervisor: Final = supervisor
        self._showing: Final = showing
        self._here: Final = here
        self._state_of_late: Final = state_of_late
        self._newest_state: Final = newest_state
        self.barriers: Final = BarrierTracker(options.wall)  # markers in transit
        self.restarts: Final = Restarts(
            options.wall,
            options.random,
            rejoin=self._rejoin,
            is_wanted=self._is_wanted,
            ended=self._has_ended,
            noted=notes.note,
            failed=self._restart_failed,
        )
        self.audience: Final = Audience(
            delivery,
            demand,
            supervisor,
            self.barriers,
            options.wall,
            noted=notes.note,
            restart=self.restarts.plan,
        )
        supervisor.spares = self.audience.spares

    def attach(self, added: Added) -> None:
        """Show a consumer everything from now on; restore its saved state, or refuse it."""
        self.audience.check(added)
        actor = self.make(added, self._here)
        state = self._state_of_late(actor)
        if state is not None:
            actor.restore(state)
        self.audience.enter(actor, added)

    def make(self, added: Added, cursor: Callable[[bool], Cursor], rejoins: bool = False) -> ConsumerActor:
        """Return an actor for a consumer at the position of *cursor*, another engine's at first if it *rejoins*."""
        terms = added.terms
        keeps = rejoins or terms.thread or terms.policy != "wait"
        selection = added.selection()
        mailbox: ConsumerMailbox
        if terms.policy == "latest":
            mailbox = LatestMailbox(terms.queue_limit, selection, StillCamera(cursor(keeps), selection))
        else:
            kinds = {"wait": ConsumerMailbox, "drop": DropMailbox, "fail": FailMailbox}
            mailbox = kinds[terms.policy](terms.queue_limit, selection)
        make: Any = ThreadedConsumerActor if terms.thread else ConsumerActor
        here = cursor(keeps)
        actor: ConsumerActor = make(
            added.consumer,
            added.name,
            added.callbacks,
            mailbox,
            schema=here.schema,
            cursor=here,
            showing=self._showing,
            answered=self.barriers.answered,
            now_ns=self._wall.now_ns,
            blocked=self.audience.blocked,
            delivered=self._delivered,
        )
        actor.is_spared = terms.on_error != STOP
        return actor

    def _delivered(self) -> int:
        return int(self._delivery.seq)

    async def _rejoin(self, record: ConsumerRecord) -> None:
        await rejoin(
            record,
            self.audience,
            self._delivery,
            make=self.make,
            here=self._here,
            storage=self._storage,
            state=self._newest_state(record.added.name),
        )

    def _is_wanted(self, record: ConsumerRecord) -> bool:
        """Return whether its consumer was not removed, and its name not taken by another."""
        return self.audience.records.get(record.added.name) is record

    def _has_ended(self, record: ConsumerRecord) -> bool:
        actor = record.actor
        assert actor is not None, "a consumer that is restarted has run before"
        if isinstance(actor, ThreadedConsumerActor) and actor.holds_thread:
            return False
        return self._supervisor.ended(actor).done()

    def _restart_failed(self, record: ConsumerRecord, error: BaseException) -> None:
        if record.actor is not None:
            _ = self.audience.spares(record.actor, error)
