"""Barriers: markers on their way through the actors, and the consumers that have not answered them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from mtf.actors.actor import Marker
from mtf.actors.consumers import ConsumerActor
from mtf.clock import Timer, WallClock

__all__ = ["Answers", "BarrierTracker"]


class Answers(NamedTuple):
    """The consumers that a marker reached, by name."""

    given: list[str]
    missing: list[str]  # those that took too long, or left


class _Marking:
    """The consumers that have not answered a marker yet, and the future of whoever waits for them."""

    def __init__(self, waiter: asyncio.Future[None], timeout_ns: int | None) -> None:
        self.waiter: Final = waiter
        self.timeout_ns: Final = timeout_ns  # how long consumers may take once it has passed the cores
        self.timer: Timer | None = None  # of that time
        self.asked: set[ConsumerActor] = set()
        self.missing: set[ConsumerActor] = set()
        self.gone: set[ConsumerActor] = set()  # left without an answer

    def close(self) -> None:
        if not self.waiter.done():
            self.waiter.set_result(None)


class BarrierTracker:
    """Tracks every marker that was sent and is not closed."""

    def __init__(self, clock: WallClock) -> None:
        self._clock: Final = clock
        self._open: Final[dict[Marker, _Marking]] = {}

    async def closed(self, marker: Marker, timeout_ns: int | None) -> Answers:
        """Return once all consumers have answered *marker*, or *timeout_ns* have passed."""
        marking = self._open[marker] = _Marking(asyncio.get_running_loop().create_future(), timeout_ns)
        try:
            await marking.waiter
        finally:
            self._open.pop(marker, None)
            marker.closed = True
            if marking.timer is not None:
                marking.timer.cancel()
        silent = marking.missing | marking.gone
        return Answers(_names(marking.asked - silent), _names(silent))

    def passed(self, marker: Marker, consumers: Sequence[ConsumerActor]) -> None:
        """All cores have seen *marker*; the current *consumers* have to answer it."""
        marking = self._open.get(marker)
        if marking is None:
            return
        marking.asked, marking.missing = set(consumers), set(consumers)
        if not marking.missing:
            marking.close()
        elif marking.timeout_ns is not None:
            # Not from when it was sent: while it waits behind blocks, it does not have the state of the cores.
            marking.timer = self._clock.call_at(self._clock.now_ns() + marking.timeout_ns, marking.close)

    def answered(self, actor: ConsumerActor, marker: Marker) -> None:
        """Note that *actor* has shown its consumer everything before *marker*."""
        marking = self._open.get(marker)
        if marking is not None:
            marking.missing.discard(actor)
            if not marking.missing:
                marking.close()

    def left(self, actor: ConsumerActor) -> None:
        """Stop waiting for *actor*, which was removed or hangs; it counts as missing."""
        for marking in list(self._open.values()):
            if actor in marking.missing:
                marking.missing.discard(actor)
                marking.gone.add(actor)
                if not marking.missing:
                    marking.close()

    def fail(self, error: BaseException) -> None:
        """Raise *error* in everyone who waits for a marker: none will arrive any more."""
        waiting = [marking.waiter for marking in self._open.values()]
        self._open.clear()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # retrieved, since nobody may be waiting any more


def _names(actors: set[ConsumerActor]) -> list[str]:
    return sorted(actor.consumer_name for actor in actors)
