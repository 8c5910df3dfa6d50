"""The wiring: which actor sends to which, and the engine whose cores they run.

source ─► aggregator ─► indicators ─┐
       ─► aggregator ─► indicators ─┴► synchronizer ─► delivery ─► consumers
       ─► workers (if there are any) ─► indicators
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from mtf.actors.actor import Marker, Supervised
from mtf.actors.cores import AggregatorActor, Demand, IndicatorActor, Synchronizer
from mtf.actors.delivery import Delivery
from mtf.actors.sequencer import LogWriter, Sequencer
from mtf.actors.worker_actors import RemoteIndicatorActor, WorkerActor, WorkerListener
from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block_builder import BlockBuilder
from mtf.frames.frame import Frame
from mtf.kernel import Kernel
from mtf.saved_parts import GATE, VALUES, image_of
from mtf.workers.pool import WorkerPool

__all__ = ["Wiring"]


class Wiring:
    """The core actors of a pipeline, connected; consumers are attached to the delivery."""

    def __init__(
        self,
        engine: Kernel,
        builder: BlockBuilder,
        writer: LogWriter | None,
        *,
        block_events: int,
        workers: int,
        published: Callable[[Frame], None],
        passed: Callable[[Marker], None],
    ) -> None:
        self.source: Final = Sequencer(builder, engine.gate, writer, block_events)
        self.synchronizer: Final = Synchronizer(
            engine.joiner, engine.digest, len(engine.aggregators), published, passed
        )
        self.delivery: Final = Delivery()
        self.demand: Final = Demand(engine.config.live == "each")
        self.synchronizer.outlets = [self.delivery]
        self.pool: Final = _pool(engine, workers, block_events + EVENTS_PER_BAR - 1)  # a bar is never split
        self._bars: Final[list[AggregatorActor]] = []  # by rank of the timeframe
        self._values: Final[list[IndicatorActor]] = []  # likewise; none without indicators
        pool = self.pool
        worker_actors: list[Supervised] = []
        if pool is not None:
            dispatcher = WorkerActor(pool, self.demand)
            self.source.outlets.append(dispatcher)  # the first: workers compute while the pipeline does its share
            worker_actors = [dispatcher, *(WorkerListener(pool, number) for number in range(workers))]
        for rank, aggregator in enumerate(engine.aggregators):
            name = aggregator.timeframe.name
            bars = AggregatorActor(aggregator)
            self.source.outlets.append(bars)
            self._bars.append(bars)
            if not engine.calculators:
                bars.outlets.append(self.synchronizer)
                continue
            values = IndicatorActor(name)
            if pool is not None and rank in pool.remote_ranks:
                values = RemoteIndicatorActor(name, pool)
            values.demand = self.demand
            bars.outlets.append(values)
            values.outlets.append(self.synchronizer)
            self._values.append(values)
        self._worker_actors: Final = worker_actors
        self.adopt(engine)

    @property
    def actors(self) -> list[Supervised]:
        """All actors, to be run."""
        return [self.source, *self._bars, *self._values, self.synchronizer, self.delivery, *self._worker_actors]

    def adopt(self, engine: Kernel) -> None:
        """Give the actors the cores of *engine*, before the first event goes through them."""
        cores = engine.cores()
        self.source.gate = engine.gate
        self.source.taken_seq = self.source.sent_seq = engine.joiner.seq
        self.synchronizer.joiner, self.synchronizer.digest = engine.joiner, engine.digest
        self.delivery.joiner = engine.joiner
        engine.joiner.shown_seq = self.delivery.shown_seq
        self.synchronizer.values = {part: core for part, core in cores.items() if part.startswith(VALUES)}
        self.synchronizer.others = engine.others()
        for bars, aggregator in zip(self._bars, engine.aggregators, strict=True):
            bars.core = aggregator
            bars.saved = aggregator
        pool = self.pool
        if engine.joiner.seq and pool is not None:
            parts = [part for rank in pool.remote_ranks for part in (self._bars[rank].part, self._values[rank].part)]
            pool.load({part: image_of(cores[part]) for part in (GATE, *parts)})
        for rank, values in enumerate(self._values):
            calculator = engine.calculators[rank]
            if pool is not None and rank in pool.remote_ranks:
                if rank not in pool.shards.ranks_of(pool.shards.pipeline):
                    continue
                calculator.share(partial(pool.shards.is_pipelines, rank))
            values.calculator = values.saved = calculator

    async def start(self) -> None:
        """Start the worker processes, before the actors are run."""
        if self.pool is not None:
            await self.pool.start()

    async def close(self) -> None:
        """End the worker processes."""
        if self.pool is not None:
            await self.pool.close()


def _pool(engine: Kernel, workers: int, block_events: int) -> WorkerPool | None:
    widths = [calculator.width for calculator in engine.calculators]
    if not workers or not any(widths):
        return None  # there is nothing for workers to compute
    return WorkerPool(engine.config, widths, workers, block_events)
