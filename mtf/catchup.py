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
from mtf.log import Checkpoint, Skipped
from mtf.notes import LOGGER, Notes
from mtf.recovery import engine_at, fresh_engine, restore, restore_oldest
from mtf.units import TS_MAX_NS

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
        self.oldest_ns = TS_MAX_NS  # the first stamp in the checkpoint that was started from
        self.done = False  # the state is that of the log's end
        self._skipped: list[Skipped] | None = None  # checkpoints that could not be used; None: not looked at yet
        self._notes: Final = Notes()  # what this start could not bring back, in sentences
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

    @property
    def skipped(self) -> list[Skipped]:
        """The checkpoints that this start cannot use, and why."""
        if self._skipped is None and self._datadir is not None and self.seq:
            self._choose(self._datadir)
        return self._skipped or []

    @property
    def notes(self) -> list[str]:
        """What this start cannot bring back, in sentences."""
        _ = self.skipped
        return self._notes

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
        engine, checkpoint = self._choose(datadir)
        for each in self.skipped:
            LOGGER.warning("checkpoint passed over: %s", each.reason)
        self._adopt(engine)
        if checkpoint is None:
            return 0, datadir.log.first_seq
        self.oldest_ns = checkpoint.meta["zones"]["oldest_ns"]
        for actor in self._consumers:
            state = checkpoint.parts.get(f"{PART}{actor.consumer_name}")
            if state is not None:
                actor.consumer.load(state)
        return checkpoint.seq, checkpoint.seq + 1

    def _choose(self, datadir: DataDir) -> tuple[Engine, Checkpoint | None]:
        """Return what to start from with the consumers that there are now."""
        first_seq = datadir.log.first_seq
        positions = {actor.consumer_name: actor.consumer.position() for actor in self._consumers}
        limit = min([self.seq, *(position for position in positions.values() if position is not None)])
        behind = [name for name, position in positions.items() if position is not None and position < first_seq - 1]
        limit = max(limit, first_seq - 1)  # what the log no longer has, nobody can be shown again
        engine, checkpoint, skipped = restore(
            self._config, datadir.checkpoints, limit, lambda found: not positions.keys() & set(found.meta["left_out"])
        )
        self._skipped = skipped
        oldest = None
        if checkpoint is None and first_seq > 1:
            oldest = restore_oldest(self._config, datadir.checkpoints, self.seq)
            if oldest is not None:
                engine, checkpoint = oldest
            else:
                engine = fresh_engine(self._config, datadir.path)
                self._note(
                    f"the log begins at seq {first_seq}, and no checkpoint can be used: bars and indicators are made "
                    "of what is there, as if nothing had come before"
                )
        if checkpoint is not None and (behind or oldest is not None):
            who = " and ".join(behind) or "a consumer"
            self._note(
                f"the log begins at seq {first_seq}, and {who} asked for earlier events: what is shown begins after "
                f"the oldest checkpoint, seq {checkpoint.seq}"
            )
        return engine, checkpoint

    def _note(self, sentence: str) -> None:
        if sentence not in self._notes:  # an earlier look has noted it
            self._notes.append(sentence)
