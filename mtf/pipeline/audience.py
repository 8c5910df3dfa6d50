"""The audience: the consumers of a run, which come and leave, fail, hang, or are halted because another failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from mtf.actors.actor import Supervised
from mtf.actors.bar_reader import BarStream
from mtf.actors.barriers import BarrierTracker
from mtf.actors.consumer import Consumer
from mtf.actors.consumers import ConsumerActor
from mtf.actors.contract import check_new
from mtf.actors.cores import Demand
from mtf.actors.delivery import Delivery, Seat
from mtf.actors.supervisor import Supervisor
from mtf.actors.threaded import ThreadedConsumerActor
from mtf.clock import Timer, WallClock
from mtf.errors import ConfigError, ConsumerBehind, ConsumerStuck
from mtf.loggers import report
from mtf.notes import Noted
from mtf.pipeline.consumer_statistics import RUNNING, ConsumerRecord, ConsumerStatistics
from mtf.pipeline.hangs import STUCK_NS
from mtf.pipeline.terms import RESTART, STOP, Added

__all__ = ["Audience"]

GONE_MAX: Final = 256  # records kept of consumers that were detached


class Audience:
    """The consumers that *delivery* sends frames to, their tasks, and their *demand*.

    *barriers* stops waiting for those that leave, *noted* is called with a sentence for each that fails, and *restart*
    with the record of one to be started again; it returns whether it will be.
    """

    def __init__(
        self,
        delivery: Delivery,
        demand: Demand,
        supervisor: Supervisor,
        barriers: BarrierTracker,
        wall: WallClock,
        *,
        noted: Noted,
        restart: Callable[[ConsumerRecord], str],
    ) -> None:
        self.actors: Final[list[ConsumerActor]] = []  # in the order in which they were added
        self.stuck: Final[list[ConsumerRecord]] = []  # those that hung at the end
        self.records: Final[dict[str, ConsumerRecord]] = {}  # by name, also of those that failed
        self._delivery: Final = delivery
        self._demand: Final = demand
        self._supervisor: Final = supervisor
        self._barriers: Final = barriers
        self._wall: Final = wall
        self._noted: Final = noted
        self._restart: Final = restart
        self._loop: Final = asyncio.get_running_loop()
        self._halted: asyncio.Future[None] | None = None  # done once the others have seen everything before a failure
        self._patience: Timer | None = None  # ends the wait for `_halted`

    def statistics(self) -> tuple[ConsumerStatistics, ...]:
        """Return the statistics of each consumer that was added and not removed, mtf's own included."""
        return tuple(record.value() for record in self.records.values())

    def check(self, added: Added) -> None:
        """Raise ConfigError if there is a consumer of that name, or this very one, already."""
        others = [
            (record.added.consumer, name)
            for name, record in self.records.items()
            if record.state not in ("detached", "quarantined")
        ]
        check_new(added.consumer, added.name, others)

    def enter(self, actor: ConsumerActor, added: Added) -> None:
        """Send *actor* every frame for it from now on."""
        self.launch(actor, added)
        self.seat(actor, actor.seq)

    def launch(self, actor: ConsumerActor, added: Added) -> None:
        """Run *actor*, without sending it anything yet."""
        consumer = actor.consumer
        record = self.records.get(added.name)
        if record is None or record.added is not added:
            record = self.records[added.name] = ConsumerRecord(added)
        record.begin(actor)
        if isinstance(consumer, BarStream):
            consumer.left, consumer.loop = partial(self._leave_for_good, actor), self._loop
        self._supervisor.launch(actor)
        _report("consumer_added", actor, "is added: it is shown everything from now on")

    def seat(self, actor: ConsumerActor, seq: int) -> None:
        """Send *actor*, which was shown everything up to *seq*, everything after it."""
        self.records[actor.consumer_name].state = RUNNING
        self.actors.append(actor)
        self._set_demand()
        self._delivery.enter(Seat(actor, actor.queue.selection, seq, actor.keeps_states, lambda: actor.seq))

    def remove(self, consumer: Consumer) -> asyncio.Future[None]:
        """Show *consumer* nothing more; the future is done once a running callback has ended.

        Inside one of its own callbacks it is done at once. ConfigError if it was not added.
        """
        for record in self.records.values():
            actor = record.actor
            if record.added.consumer is consumer and actor is not None:
                ended = self._supervisor.ended(actor)
                if actor.is_shown_now and not ended.done():
                    ended.set_result(None)
                self._leave_for_good(actor)
                _report("consumer_removed", actor, "was removed")
                return ended
        raise ConfigError(f"{consumer!r} is not a consumer of this pipeline")

    def give_up(self, actors: Sequence[ConsumerActor]) -> None:
        """Continue without consumers that hang."""
        for actor in actors:
            record = self.records[actor.consumer_name]
            record.state = "stuck"
            self.stuck.append(record)
            _report("consumer_stuck", actor, "hangs, and is cancelled")
            self._leave(actor)
            self._abandon(actor)
            _end_stream(actor)

    def raise_stuck(self) -> None:
        """Raise ConsumerStuck for consumers that hung at the end; warn if their failure is not to stop the pipeline."""
        if not self.stuck:
            return
        names = tuple(record.added.name for record in self.stuck)
        sentence = (
            f"{', '.join(names)}: cancelled, since no callback returned for {STUCK_NS // 1_000_000_000} s; "
            "the log is complete, but these consumers have not been shown its end"
        )
        if any(record.added.terms.on_error == STOP for record in self.stuck):
            raise ConsumerStuck(sentence, names=names)
        self._noted("consumer_stuck", sentence)

    def spares(self, actor: Supervised, error: BaseException) -> bool:
        """Return whether the pipeline continues although *actor* failed with *error*: its consumer is then detached."""
        if not isinstance(actor, ConsumerActor) or not isinstance(error, Exception | asyncio.CancelledError):
            return False
        record = self.records.get(actor.consumer_name)
        if record is None or record.actor is not actor:
            return actor.is_spared  # it was removed or restarted, and an old callback has just ended
        terms = record.added.terms
        if terms.on_error == STOP and not isinstance(error, ConsumerBehind):
            return False
        if record.state not in (RUNNING, "catching up"):
            return True  # it was detached already, and its callback has just ended
        self._detach(record, actor, error)
        return True

    def fail_hanging(self, actor: ConsumerActor, error: Exception) -> bool:
        """Detach *actor*, which hangs, if its terms say so, and return whether it was detached."""
        if self.records[actor.consumer_name].added.terms.on_error == STOP:
            return False
        self._abandon(actor)
        return self.spares(actor, error)

    def blocked(self, actor: ConsumerActor, took_ns: int) -> None:
        """Note that a callback of *actor* blocked the event loop for *took_ns*."""
        record = self.records[actor.consumer_name]
        if not record.blocked_ns and not actor.is_own:
            self._noted(
                "consumer_blocks",
                f"the consumer {actor.consumer_name} blocked the event loop for {took_ns / 1e9:.1f} s at seq "
                f"{actor.stands_at}, and everything on it: add it with thread=True, or await what takes long",
                consumer=actor.consumer_name,
                seq=actor.stands_at,
            )
        record.blocked_ns = max(record.blocked_ns, took_ns)

    def end_streams(self) -> None:
        """End readers of bars, once they have read the bars that wait for them."""
        for actor in self.actors:
            _end_stream(actor)

    def halt(self, failed: Supervised | None) -> asyncio.Future[None]:
        """Return a future that is done once the others were shown everything before *failed*, a consumer, failed.

        They are shown nothing after it, and get as much time as any consumer that hangs.
        """
        halted: asyncio.Future[None] = self._loop.create_future()
        self._halted = halted
        if isinstance(failed, ConsumerActor):
            for actor in self.actors:
                if actor is not failed:
                    actor.halted = self._check_halted
                    actor.halt(failed.stands_at)
            self._delivery.delivered = self._check_halted
            self._patience = self._wall.call_at(self._wall.now_ns() + STUCK_NS, self.stop_waiting)
            self._check_halted()
        else:
            halted.set_result(None)
        return halted

    def stop_waiting(self) -> None:
        """Stop waiting for consumers to be shown what came before a failure."""
        if self._patience is not None:
            self._patience.cancel()
        if self._halted is not None and not self._halted.done():
            self._halted.set_result(None)

    def _check_halted(self) -> None:
        if all(actor.is_halted for actor in self.actors if actor.halted is not None):
            self.stop_waiting()

    def _detach(self, record: ConsumerRecord, actor: ConsumerActor, error: BaseException) -> None:
        name, at_seq = actor.consumer_name, actor.stands_at
        shown = _shown(error)
        record.failures += 1
        record.error = shown
        self._leave(actor)
        _end_stream(actor)
        what = self._restart(record) if record.added.terms.on_error == RESTART else ""
        if not what:
            record.state = "detached"
            what = "it is detached, and the pipeline continues without it"
            self._forget_oldest()
        sentence = f"the consumer {name} failed at seq {at_seq}: {shown}; {what}"
        self._noted("consumer_failed", sentence, error=error, consumer=name, seq=at_seq)

    def _forget_oldest(self) -> None:
        gone = [name for name, record in self.records.items() if record.state == "detached"]
        for name in gone[:-GONE_MAX]:
            del self.records[name]

    def _leave_for_good(self, actor: ConsumerActor) -> None:
        record = self.records.get(actor.consumer_name)
        if record is not None and record.actor is actor:
            del self.records[actor.consumer_name]
        self._leave(actor)

    def _leave(self, actor: ConsumerActor) -> None:
        if actor in self.actors:
            self.actors.remove(actor)
            self._set_demand()
        self._delivery.remove(actor)
        self._supervisor.let_end(actor)
        actor.leave()
        self._barriers.left(actor)

    def _set_demand(self) -> None:
        """Ask for live values of single rows if any consumer looks at them."""
        self._demand.set_rows(any(actor.callbacks.shows_rows for actor in self.actors))

    def _abandon(self, actor: ConsumerActor) -> None:
        """Wait for no callback of *actor*."""
        if isinstance(actor, ThreadedConsumerActor):
            actor.abandon()
        self._supervisor.cancel(actor)


def _report(event: str, actor: ConsumerActor, what: str) -> None:
    name, seq = actor.consumer_name, actor.stands_at
    report(event, f"the consumer {name}, at seq {seq}, {what}", consumer=name, seq=seq)


def _end_stream(actor: ConsumerActor) -> None:
    if isinstance(actor.consumer, BarStream):
        actor.consumer.end()


def _shown(error: BaseException) -> str:
    try:
        return repr(error)
    except Exception:  # noqa: BLE001 - an error that cannot be shown is still the reason
        return type(error).__name__
