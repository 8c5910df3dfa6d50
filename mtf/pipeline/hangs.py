"""Hangs: consumers that make no progress while somebody waits for them, unlike those that are merely slow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mtf.actors.consumers import ConsumerActor
from mtf.clock import Timer, WallClock
from mtf.notes import Noted

__all__ = ["PUSH_WAITS_NS", "STUCK_NS", "Hangs"]

PUSH_WAITS_NS: Final = 5_000_000_000  # a push that has waited this long for consumers is reported
STUCK_NS: Final = 10_000_000_000  # a consumer without progress for this long is no longer waited for at the end
LATER_NS: Final = 100_000_000  # once some were given up, the rest are waited for this long in total
LOOK_NS: Final = 1_000_000_000  # between two checks at the end
STALLED_NS: Final = 10_000_000_000  # a consumer without progress for this long is reported
STALL_LOOK_NS: Final = 2_500_000_000


class Hangs:
    """Watches *consumers*, a live collection, by the wall clock.

    *noted* is called with a sentence, once for each consumer that delays a push or stalls, *sent* returns the last
    event sent, and *stuck* is called at the end with consumers that hang. *hanging* is called with a consumer that
    delays a push for STUCK_NS, and an error; it returns whether the pipeline continues without it.
    """

    def __init__(
        self,
        wall: WallClock,
        consumers: Sequence[ConsumerActor],
        *,
        noted: Noted,
        sent: Callable[[], int],
        stuck: Callable[[list[ConsumerActor]], None],
        hanging: Callable[[ConsumerActor, Exception], bool],
        behind: Callable[[Callable[[], None] | None], None],
    ) -> None:
        self._wall: Final = wall
        self._consumers: Final = consumers
        self._noted: Final = noted
        self._sent: Final = sent
        self._stuck: Final = stuck
        self._hanging: Final = hanging
        self._behind: Final = behind  # calls its argument when a consumer has something to do
        self._named: Final[set[str]] = set()
        self._pushes = 0  # that are waiting
        self._sent_seq = 0  # when the timer was set
        self._progress: dict[ConsumerActor, int] = {}  # likewise
        self._waits_for: dict[
            ConsumerActor, int
        ] = {}  # the number of checks for which pushes have waited for one that hangs
        self._push_timer: Timer | None = None
        self._end_timer: Timer | None = None
        self._stall_timer: Timer | None = None
        self._still_ns: Final[dict[ConsumerActor, tuple[int, int]]] = {}  # progress, and since when it is unchanged
        self._stalled_ns: dict[ConsumerActor, tuple[int, int]] = {}  # the same, during the run
        self._patience_ns = STUCK_NS  # less after the first ones were given up
        behind(self._watch_stalls)

    def close(self) -> None:
        """Stop watching."""
        self._behind(None)
        for timer in (self._push_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()

    @contextlib.contextmanager
    def pushing(self) -> Iterator[None]:
        """A context in which a push waits for room, or for the end of a recovery."""
        self._pushes += 1
        if self._push_timer is None:
            self._watch_pushes()
        try:
            yield
        finally:
            self._pushes -= 1
            if not self._pushes and self._push_timer is not None:
                self._push_timer.cancel()
                self._push_timer = None

    @contextlib.contextmanager
    def leaving(self) -> Iterator[None]:
        """A context in which the pipeline waits for consumers for the last time."""
        self._look()
        try:
            yield
        finally:
            if self._end_timer is not None:
                self._end_timer.cancel()
                self._end_timer = None

    def _watch_pushes(self) -> None:
        self._sent_seq = self._sent()
        self._progress = {actor: actor.progress for actor in self._consumers}
        self._push_timer = self._wall.call_at(self._wall.now_ns() + PUSH_WAITS_NS, self._pushes_wait)

    def _pushes_wait(self) -> None:
        waits_for: dict[ConsumerActor, int] = {}
        if self._sent() == self._sent_seq:
            for actor in self._in_the_way():
                waits_for[actor] = looks = self._waits_for.get(actor, 0) + 1
                if looks * PUSH_WAITS_NS >= STUCK_NS and actor.progress == self._progress.get(actor):
                    error = TimeoutError(
                        f"no callback has returned for {STUCK_NS // 1_000_000_000} s while pushes wait"
                    )
                    if self._hanging(actor, error):
                        continue
                if actor.consumer_name not in self._named:
                    self._named.add(actor.consumer_name)
                    self._noted(
                        "consumer_holds_up",
                        f"a push has waited {PUSH_WAITS_NS // 1_000_000_000} s for the consumer {actor.consumer_name}, "
                        f"which is still busy with seq {actor.stands_at}; pushes wait until it continues or is removed",
                        consumer=actor.consumer_name,
                        seq=actor.stands_at,
                    )
        self._waits_for = waits_for
        self._watch_pushes()

    def _watch_stalls(self) -> None:
        """Check later whether a consumer that now has something to do makes progress."""
        self._behind(None)
        self._stall_timer = self._wall.call_at(self._wall.now_ns() + STALL_LOOK_NS, self._look_for_stalls)

    def _look_for_stalls(self) -> None:
        """Report those without progress for too long, and how far they are behind; check again if any is busy."""
        now_ns = self._wall.now_ns()
        stalled_ns: dict[ConsumerActor, tuple[int, int]] = {}
        for actor in self._consumers:
            if actor.idle:
                continue
            stands_at = actor.progress + actor.stands_at
            before, since_ns = self._stalled_ns.get(actor, (stands_at, now_ns))
            stalled_ns[actor] = (stands_at, since_ns if before == stands_at else now_ns)
            waited_ns = now_ns - stalled_ns[actor][1]
            if waited_ns >= STALLED_NS and actor.consumer_name not in self._named:
                self._named.add(actor.consumer_name)
                self._noted(
                    "consumer_stalled",
                    f"the consumer {actor.consumer_name} has made no progress for {waited_ns // 1_000_000_000} s: "
                    f"it is busy with seq {actor.stands_at}, {actor.lag} events behind",
                    consumer=actor.consumer_name,
                    seq=actor.stands_at,
                )
        self._stalled_ns = stalled_ns
        if stalled_ns:
            self._watch_stalls()
        else:
            self._stall_timer = None
            self._behind(self._watch_stalls)

    def _in_the_way(self) -> list[ConsumerActor]:
        """Return those without room; if all have room, those that a recovery waits for at its end."""
        full = [actor for actor in self._consumers if actor.mailbox.full]
        return full or [
            actor for actor in self._consumers if not actor.idle and actor.progress == self._progress.get(actor)
        ]

    def _look(self) -> None:
        """Give up the consumers without progress for too long, and check again later."""
        now_ns = self._wall.now_ns()
        stuck: list[ConsumerActor] = []
        for actor in self._consumers:
            progress, since_ns = self._still_ns.get(actor, (-1, now_ns))
            if actor.idle or actor.progress != progress:
                self._still_ns[actor] = (actor.progress, now_ns)
            elif now_ns - since_ns >= self._patience_ns:
                stuck.append(actor)
        if stuck:
            self._patience_ns = LATER_NS
            self._stuck(stuck)
        self._end_timer = self._wall.call_at(now_ns + min(LOOK_NS, self._patience_ns), self._look)
