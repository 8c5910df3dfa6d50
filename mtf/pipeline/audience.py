"""The audience: the consumers of a run, as they come and leave, hang, or are halted because one of them failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import attrs

from mtf.actors.actor import Actor, Supervised
from mtf.actors.bar_reader import BarStream
from mtf.actors.barriers import BarrierTracker
from mtf.actors.consumer import Consumer
from mtf.actors.consumers import ConsumerActor
from mtf.actors.contract import Callbacks, check_new
from mtf.actors.supervisor import Supervisor
from mtf.clock import Timer, WallClock
from mtf.errors import ConfigError
from mtf.pipeline.hangs import STUCK_NS
from mtf.timeframe import Timeframe

__all__ = ["Added", "Audience"]


@attrs.frozen
class Added:
    """A consumer as it was added."""

    consumer: Consumer
    name: str
    timeframes: tuple[Timeframe, ...] | None  # whose bars it is shown; None: of all
    callbacks: Callbacks


class Audience:
    """The consumers behind *sender*, which sends each of them every frame, and their tasks.

    *markings* waits for no answer of those that leave.
    """

    def __init__(self, sender: Actor, supervisor: Supervisor, barriers: BarrierTracker, wall: WallClock) -> None:
        self.actors: Final[list[ConsumerActor]] = []  # in the order in which they were added
        self.stuck: Final[list[str]] = []  # names of those that hung at the end
        self._sender: Final = sender
        self._supervisor: Final = supervisor
        self._barriers: Final = barriers
        self._wall: Final = wall
        self._loop: Final = asyncio.get_running_loop()
        self._halted: asyncio.Future[None] | None = None  # after a failure: the others were shown what came before
        self._patience: Timer | None = None  # ends the waiting for `_halted`

    @property
    def names(self) -> list[str]:
        return [actor.consumer_name for actor in self.actors]

    @property
    def shows_rows(self) -> bool:
        """Whether a consumer looks at live values of single rows."""
        return any(actor.callbacks.shows_rows for actor in self.actors)

    def check(self, added: Added) -> None:
        """Raise ConfigError if a consumer of that name, or this very one, is here already."""
        check_new(added.consumer, added.name, ((other.consumer, other.consumer_name) for other in self.actors))

    def enter(self, actor: ConsumerActor) -> None:
        """Have *actor* sent every frame from now on."""
        consumer = actor.consumer
        if isinstance(consumer, BarStream):
            consumer.left, consumer.loop = partial(self._leave, actor), self._loop
        self.actors.append(actor)
        self._sender.outlets = [*self._sender.outlets, actor]
        self._supervisor.launch(actor)

    def remove(self, consumer: Consumer) -> asyncio.Future[None]:
        """Show *consumer* nothing more; the future is done once a callback that is under way has ended.

        Inside one of its own callbacks it is done at once. ConfigError if it is not here.
        """
        for actor in self.actors:
            if actor.consumer is consumer:
                ended = self._supervisor.ended(actor)
                if actor.is_shown_now:
                    ended.set_result(None)
                self._leave(actor)
                return ended
        raise ConfigError(f"{consumer!r} is not a consumer of this pipeline")

    def give_up(self, actors: Sequence[ConsumerActor]) -> None:
        """Go on without consumers that hang."""
        for actor in actors:
            self.stuck.append(actor.consumer_name)
            self._leave(actor)
            self._supervisor.cancel(actor)
            _end_stream(actor)

    def end_streams(self) -> None:
        """Have readers of bars end, once they have read what waits for them."""
        for actor in self.actors:
            _end_stream(actor)

    def halt(self, failed: Supervised | None) -> asyncio.Future[None]:
        """Return what is done once the others were shown everything before *failed*, if that is a consumer, failed.

        They are shown nothing after it, and given as long as any consumer that hangs.
        """
        halted: asyncio.Future[None] = self._loop.create_future()
        self._halted = halted
        if isinstance(failed, ConsumerActor):
            for actor in self.actors:
                if actor is not failed:
                    actor.halted = self._check_halted
                    actor.halt(failed.stands_at)
            self._patience = self._wall.call_at(self._wall.now_ns() + STUCK_NS, self.stop_waiting)
            self._check_halted()
        else:
            halted.set_result(None)
        return halted

    def stop_waiting(self) -> None:
        """Wait no longer for consumers to be shown what came before a failure."""
        if self._patience is not None:
            self._patience.cancel()
        if self._halted is not None and not self._halted.done():
            self._halted.set_result(None)

    def _check_halted(self) -> None:
        if all(actor.is_halted for actor in self.actors if actor.halted is not None):
            self.stop_waiting()

    def _leave(self, actor: ConsumerActor) -> None:
        if actor in self.actors:
            self.actors.remove(actor)
        self._sender.outlets = [outlet for outlet in self._sender.outlets if outlet is not actor]
        self._supervisor.let_end(actor)
        actor.leave()
        self._barriers.left(actor)


def _end_stream(actor: ConsumerActor) -> None:
    if isinstance(actor.consumer, BarStream):
        actor.consumer.end()
