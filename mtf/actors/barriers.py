"""Markings: markers on their way, and which consumers have not answered them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from mtf.actors.actor import Marker
from mtf.actors.consumers import ConsumerActor
from mtf.clock import Timer, WallClock

__all__ = ["Answers", "BarrierTracker"]


class Answers(NamedTuple):
    """The names of the consumers that a marker came to."""

    given: list[str]
    missing: list[str]  # who took too long, or has left


class _Marking:
    """Who has not answered a marker yet, and who waits for it."""

    def __init__(self, waiter: asyncio.Future[None], timeout_ns: int | None) -> None:
        self.waiter: Final = waiter
        self.timeout_ns: Final = timeout_ns  # how long consumers may take, once it has passed the cores
        self.timer: Timer | None = None  # runs meanwhile
        self.asked: set[ConsumerActor] = set()
        self.missing: set[ConsumerActor] = set()
        self.gone: set[ConsumerActor] = set()  # left without having answered

    def close(self) -> None:
        if not self.waiter.done():
            self.waiter.set_result(None)


class BarrierTracker:
    """Every marker that was sent and not closed."""

    def __init__(self, clock: WallClock) -> None:
        self._clock: Final = clock
        self._open: Final[dict[Marker, _Marking]] = {}

    async def closed(self, marker: Marker, timeout_ns: int | None) -> Answers:
        """Return once all consumers have answered *marker*, or *timeout_ns* are over."""
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
        """All cores have seen *marker*: who counts from here are the *consumers* that there are now."""
        marking = self._open.get(marker)
        if marking is None:
            return
        marking.asked, marking.missing = set(consumers), set(consumers)
        if not marking.missing:
            marking.close()
        elif marking.timeout_ns is not None:
            # Not from its sending on: while it waits behind blocks, it has not the state of the cores.
            marking.timer = self._clock.call_at(self._clock.now_ns() + marking.timeout_ns, marking.close)

    def answered(self, actor: ConsumerActor, marker: Marker) -> None:
        """*actor* has shown its consumer everything before *marker*."""
        marking = self._open.get(marker)
        if marking is not None:
            marking.missing.discard(actor)
            if not marking.missing:
                marking.close()

    def left(self, actor: ConsumerActor) -> None:
        """Wait for *actor* no longer: it was removed, or hangs. For whoever asked, it has not answered."""
        for marking in list(self._open.values()):
            if actor in marking.missing:
                marking.missing.discard(actor)
                marking.gone.add(actor)
                if not marking.missing:
                    marking.close()

    def fail(self, error: BaseException) -> None:
        """Have everyone who waits for a marker get *error*: it will not come through."""
        waiting = [marking.waiter for marking in self._open.values()]
        self._open.clear()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # perhaps nobody waits any more: then it is nobody's error


def _names(actors: set[ConsumerActor]) -> list[str]:
    return sorted(actor.consumer_name for actor in actors)
