"""The actors for workers: one sends out blocks, one per worker reads its answers, one per timeframe gathers values.

Histories, frames, consumers and checkpoints stay where they are without workers, and the results are the same.
"""

from __future__ import annotations

from typing import Final

from mtf.actors.actor import Actor, Marker, MarkerKind, Supervised
from mtf.actors.cores import Demand, IndicatorActor, TimeframeResult
from mtf.bars.judged_block import JudgedBlock
from mtf.workers.pool import WorkerPool

__all__ = ["RemoteIndicatorActor", "WorkerActor", "WorkerListener"]


class WorkerActor(Actor):
    """Submits every judged block to the workers."""

    def __init__(self, pool: WorkerPool, demand: Demand) -> None:
        super().__init__("workers")
        self.pool: Final = pool
        self._demand: Final = demand

    def handle(self, message: JudgedBlock) -> None:
        self.pool.submit_now(message, self._demand.rows)

    def on_marker(self, marker: Marker) -> None:
        if marker.kind is MarkerKind.CHECKPOINT:
            self.pool.save(marker.seq)

    async def answer(self, message: JudgedBlock) -> None:
        await self.pool.submit(message, self._demand.rows)

    def _can_handle_now(self) -> bool:
        return self.pool.has_room and super()._can_handle_now()


class WorkerListener(Supervised):
    """Processes the answers of one worker; stops the pipeline if the worker is gone."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        super().__init__(f"listener of worker {number + 1}")
        self.pool: Final = pool
        self._number: Final = number

    async def run(self) -> None:
        while True:
            await self.pool.answer(self._number)


class RemoteIndicatorActor(IndicatorActor):
    """Waits for the workers' values of one timeframe, and adds those that the pipeline owns."""

    def __init__(self, name: str, pool: WorkerPool) -> None:
        super().__init__(name)
        self.pool: Final = pool

    def _can_handle_now(self) -> bool:
        return False

    async def answer(self, message: TimeframeResult) -> TimeframeResult:
        judged, columns = message.judged, message.columns
        numbers = await self.pool.numbers(judged.block.first_seq, columns.rank, columns.closings)
        if self.calculator is not None:  # the pipeline has a share
            self.calculator.complete(judged, columns, numbers)
        message.numbers = numbers
        return message

    async def answer_marker(self, marker: Marker) -> Marker:
        if marker.kind is MarkerKind.CHECKPOINT:
            marker.shares[self.part] = await self.pool.saved(marker.seq, self.part)
        return self.marked(marker, self.part)
