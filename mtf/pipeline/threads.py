"""Running what may wait for a disk or a network in a thread, so that the event loop continues meanwhile.

Also owns the check of which thread may call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from mtf.errors import WrongLoop

__all__ = ["Stretches", "check_own", "in_thread"]

EVENTS_AT_ONCE: Final = (
    8_192  # events of a log that are read in a thread at once: so many that the cost of a switch does not matter
)

Answer = TypeVar("Answer")
Item = TypeVar("Item")


async def in_thread(work: Callable[[], Answer], *, undo: Callable[[Answer], object] | None = None) -> Answer:
    """Return the result of *work*; a cancelled caller ends after *work* has, and *undo* gets the unused result."""
    working = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                continue
        if undo is not None and not working.cancelled() and working.exception() is None:
            undo(working.result())
        raise


def check_own(loop: asyncio.AbstractEventLoop) -> None:
    """Raise WrongLoop unless the caller runs on *loop*."""
    try:
        is_own = asyncio.get_running_loop() is loop
    except RuntimeError:  # a thread without a loop
        is_own = False
    if not is_own:
        raise WrongLoop(
            "this pipeline runs on another event loop: use asyncio.run_coroutine_threadsafe(), or for what is not "
            "awaited call_soon_threadsafe(), with the loop that it was started on"
        )


class Stretches(Generic[Item]):
    """Takes *items*, whose reading may wait, in a thread: some thousand events of a log at a time."""

    def __init__(self, items: Iterator[Item], events_in: Callable[[Item], int]) -> None:
        self._items: Final = items
        self._events_in: Final = events_in
        self._error: Exception | None = None  # what ended the reading, after items that are still to be replayed

    async def next(self) -> list[Item]:
        """Return the next items, none at the end; an error in reading is raised after all items before it."""
        return await in_thread(self._take)

    def _take(self) -> list[Item]:
        if self._error is not None:
            raise self._error
        taken: list[Item] = []
        events = 0
        try:
            for item in self._items:
                taken.append(item)
                events += self._events_in(item)
                if events >= EVENTS_AT_ONCE:
                    break
        except Exception as error:
            if not taken:
                raise
            self._error = error
        return taken
