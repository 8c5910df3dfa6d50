"""Catching up: how a pipeline that starts is brought to the end of its log, and its consumers with it.

The state is that of the newest checkpoint that is not ahead of any consumer; the rest of the log then goes through the
actors as any events do, shown as `recovering`. It begins when somebody needs it, so that consumers which are added
right after the start see all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from mtf.actors.consumer import PART, ConsumerActor
from mtf.actors.source import SourceActor
from mtf.config import Config
from mtf.datadir import DataDir
from mtf.engine import Engine
from mtf.log import Skipped
from mtf.recovery import engine_at, restore

__all__ = ["CatchUp"]


class CatchUp:
    """Brings *source* and *consumers* to the end of the log of *datadir*; None: there is none.

    *adopt* puts the restored state in place before the first event, *drain* returns once all consumers have been shown
    everything, and *finished* is told the seq of the checkpoint that was started from, 0 where there was none.
    """

    def __init__(
        self,
        config: Config,
        datadir: DataDir | None,
        source: SourceActor,
        consumers: Sequence[ConsumerActor],
        *,
        block_events: int,
        adopt: Callable[[Engine], None],
        drain: Callable[[], Awaitable[Any]],
        finished: Callable[[int], None],
    ) -> None:
        self.seq: Final = 0 if datadir is None else datadir.log.last_seq  # where the log ended at the start
        self.done = False  # the state is that of the log's end
        self.skipped: Final[list[Skipped]] = []  # checkpoints that could not be used, and why
        self._config: Final = config
        self._datadir: Final = datadir
        self._source: Final = source
        self._consumers: Final = consumers
        self._block_events: Final = block_events
        self._adopt: Final = adopt
        self._drain: Final = drain
        self._finished: Final = finished
        self._task: asyncio.Task[None] | None = None
        self._ahead: Engine | None = None  # the state at the end of the log, while consumers are not there yet

    async def wait(self) -> None:
        """Return once it is done; the first who asks begins it, and who is cancelled does not end it."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="mtf recovery")
        await asyncio.shield(self._task)

    def engine(self) -> Engine:
        """Return the state at the end of the log before it is done: for looking at, not to go on with."""
        if self._ahead is None:
            assert self._datadir is not None, "only what is on disk is caught up with"
            self._ahead = engine_at(self._datadir.path)
        return self._ahead

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        checkpoint_seq = 0
        if self._datadir is not None and self.seq:
            checkpoint_seq, next_seq = self._restore(self._datadir)
            for logged in self._datadir.log.read(next_seq, block_events=self._block_events):
                await self._source.replay(logged.block)
                await asyncio.sleep(0)
            self._ahead = None
            await self._drain()
        self.done = True
        self._finished(checkpoint_seq)

    def _restore(self, datadir: DataDir) -> tuple[int, int]:
        """Start from a checkpoint, consumers too; return its seq, 0 where there is none, and the next event's."""
        positions = [actor.consumer.position() for actor in self._consumers]
        limit = min([self.seq, *(position for position in positions if position is not None)])
        names = {actor.consumer_name for actor in self._consumers}
        engine, checkpoint, skipped = restore(
            self._config, datadir.checkpoints, limit, lambda found: not names & set(found.meta["left_out"])
        )
        self.skipped.extend(skipped)
        self._adopt(engine)
        if checkpoint is None:
            return 0, 1
        for actor in self._consumers:
            state = checkpoint.parts.get(f"{PART}{actor.consumer_name}")
            if state is not None:
                actor.consumer.load(state)
        return checkpoint.seq, checkpoint.seq + 1
