"""The actors of a worker: one hands it blocks, one hears its answers, and each of its timeframes waits for its numbers.

Histories, frames, consumers and checkpoints are where they are without workers, and so are the results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mtf.actors.actor import Actor, Marker
from mtf.actors.cores import IndicatorActor
from mtf.workers.worker import Worker

__all__ = ["RemoteIndicatorActor", "WorkerActor", "WorkerListener"]


class WorkerActor(Actor):
    """Hands every judged block to a worker."""

    def __init__(self, worker: Worker, name: str, rows_asked: Callable[[], bool]) -> None:
        super().__init__(f"worker {name}")
        self.worker: Final = worker
        self._rows_asked: Final = rows_asked

    def _can_handle_now(self) -> bool:
        return False  # it may have to wait for a slot

    async def answer(self, message: Any) -> Any:
        if isinstance(message, Marker):
            if message.kind == "checkpoint":
                self.worker.save(message.seq)
            return None
        await self.worker.submit(message, self._rows_asked())
        return None


class WorkerListener(Actor):
    """Hears what a worker answers; ends the pipeline where the worker is gone."""

    def __init__(self, worker: Worker, name: str) -> None:
        super().__init__(f"listener of worker {name}")
        self.worker: Final = worker

    async def run(self) -> None:
        while True:
            await self.worker.answer()


class RemoteIndicatorActor(IndicatorActor):
    """Waits for the numbers of one timeframe, and enters them."""

    def __init__(self, name: str, worker: Worker) -> None:
        super().__init__(name)
        self.worker: Final = worker

    def _can_handle_now(self) -> bool:
        return False

    async def answer(self, message: Any) -> Any:
        if isinstance(message, Marker):
            if message.kind == "checkpoint":
                message.parts[self.part] = (await self.worker.saved(message.seq))[self.part]
            return self.handle(message)
        ledger = self.ledger
        assert ledger is not None, "a worker is for timeframes that have indicators"
        numbers = await self.worker.numbers(message.judged.block.first_seq, message.columns.rank)
        message.values = ledger.enter(message.judged, message.columns, numbers)
        return message
