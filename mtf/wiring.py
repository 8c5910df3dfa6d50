"""The wiring: which actor hears which, and whose cores they carry.

source ─► aggregator ─► indicators ─┐
       ─► aggregator ─► indicators ─┴► synchronizer ─► consumers
       ─► worker (where there are some) ─► indicators
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mtf.actors.actor import Actor, Marker
from mtf.actors.cores import AggregatorActor, IndicatorActor, Synchronizer
from mtf.actors.source import LogWriter, SourceActor
from mtf.actors.workers import RemoteIndicatorActor, WorkerActor, WorkerListener
from mtf.engine import Engine
from mtf.events.door import Door
from mtf.frames.frame import Frame
from mtf.workers.worker import Worker, shards

__all__ = ["Wiring"]


class Wiring:
    """The core actors of a pipeline, connected; consumers are hung on the synchronizer."""

    def __init__(
        self,
        engine: Engine,
        door: Door,
        writer: LogWriter | None,
        *,
        block_events: int,
        workers: int,
        published: Callable[[Frame], None],
        passed: Callable[[Marker], None],
        rows_asked: Callable[[], bool],
    ) -> None:
        self.source: Final = SourceActor(door, engine.gate, writer, block_events)
        self.synchronizer: Final = Synchronizer(
            engine.joiner, engine.digest, len(engine.aggregators), published, passed
        )
        self.workers: Final = _workers(engine, workers, block_events)
        self._bars: Final[list[AggregatorActor]] = []  # by rank
        self._values: Final[list[IndicatorActor]] = []
        owner = {rank: worker for worker in self.workers for rank in worker.ranks}
        for rank, aggregator in enumerate(engine.aggregators):
            name = aggregator.timeframe.name
            bars = AggregatorActor(aggregator)
            values = RemoteIndicatorActor(name, owner[rank]) if rank in owner else IndicatorActor(name)
            values.rows_asked = rows_asked
            self.source.outlets.append(bars)
            bars.outlets.append(values)
            values.outlets.append(self.synchronizer)
            self._bars.append(bars)
            self._values.append(values)
        worker_actors: list[Actor] = []
        for number, worker in enumerate(self.workers, 1):
            hands = WorkerActor(worker, str(number), rows_asked)
            self.source.outlets.append(hands)
            worker_actors += [hands, WorkerListener(worker, str(number))]
        self._worker_actors: Final = worker_actors
        self.adopt(engine)

    @property
    def actors(self) -> list[Actor]:
        """All of them, to be run."""
        return [self.source, *self._bars, *self._values, self.synchronizer, *self._worker_actors]

    def adopt(self, engine: Engine) -> None:
        """Give the actors the cores of *engine*, before the first event goes through them."""
        savers = engine.savers()
        self.source.gate = engine.gate
        self.source.save = savers["gate"]
        self.source.taken_seq = self.source.sent_seq = engine.joiner.seq
        self.synchronizer.joiner, self.synchronizer.digest = engine.joiner, engine.digest
        self.synchronizer.savers = {name: savers[name] for name in ("joiner", "digest")}
        for bars, aggregator in zip(self._bars, engine.aggregators, strict=True):
            bars.core = aggregator
            bars.save = savers[bars.part]
        if engine.joiner.seq:
            for worker in self.workers:
                parts = [self._bars[rank].part for rank in worker.ranks]
                parts += [self._values[rank].part for rank in worker.ranks]
                worker.load({name: savers[name]() for name in ("gate", *parts)})
        if not engine.calculators:
            return
        for rank, values in enumerate(self._values):
            values.ledger = engine.ledgers[rank]
            values.save_ledger = savers[values.ledger_part]
            if not isinstance(values, RemoteIndicatorActor):
                values.calculator = engine.calculators[rank]
                values.save = savers[values.part]

    async def start(self) -> None:
        """Start the worker processes, before the actors are run."""
        for worker in self.workers:
            await worker.start()

    async def close(self) -> None:
        """End the worker processes."""
        for worker in self.workers:
            await worker.close()


def _workers(engine: Engine, workers: int, block_events: int) -> list[Worker]:
    if not workers:
        return []
    owned = shards(len(engine.aggregators), workers)
    if not engine.calculators:
        return []  # there is nothing to compute elsewhere
    widths = [calculator.width for calculator in engine.calculators]
    live = engine.config.live != "off"
    return [Worker(engine.config, ranks, widths, block_events, live) for ranks in owned]
