"""The pace of a replay: events as far apart as they were, divided by a speed, or as fast as consumers follow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from librt.strings import read_i64_le

from mtf.clock import WallClock
from mtf.errors import ConfigError
from mtf.events.block import Block, cut

__all__ = ["Pace", "give_way"]

RESOLUTION_NS: Final = 1_000_000  # events closer than this, in wall time, go together


class Pace:
    """Maps event time to wall time from the first event on. If event time goes back, there is no wait."""

    def __init__(self, wall: WallClock, speed: float) -> None:
        if not 0 < speed < float("inf"):
            raise ConfigError(f"speed must be above 0 and finite, in seconds of event time per second, got {speed}")
        self._wall: Final = wall
        self._speed: Final = speed
        self._first_ns: int | None = None  # stamp of the first event
        self._begun_ns = 0  # wall time at the first event

    def pieces(self, block: Block) -> Iterator[Block]:
        """Cut *block* into runs of events that are due together."""
        while True:
            limit_ns = read_i64_le(block.rows, 0) + round(RESOLUTION_NS * self._speed)
            later = block.first_after(limit_ns)
            if later < 0:
                yield block
                return
            piece, block = cut(block, later)
            yield piece

    async def wait(self, piece: Block) -> None:
        """Wait until the first event of *piece* is due."""
        ts_ns = int(read_i64_le(piece.rows, 0))
        if self._first_ns is None:
            self._first_ns = ts_ns
            self._begun_ns = self._wall.now_ns()
        due_ns = self._begun_ns + round((ts_ns - self._first_ns) / self._speed)
        if due_ns <= self._wall.now_ns():
            return
        due = asyncio.get_running_loop().create_future()
        timer = self._wall.call_at(due_ns, lambda: None if due.done() else due.set_result(None))
        try:
            await due
        finally:
            timer.cancel()


async def give_way() -> None:
    """Return after two turns of the event loop: a callback that the first one woke goes on in the second.

    Blocks of a log are sent without a wait as long as there is room, and would leave consumers behind that await.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)
