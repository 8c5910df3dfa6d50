"""Facts about a pipeline's start and run: what it found, what it noted, its statistics."""

from __future__ import annotations

from mtf.actors.supervisor import NOT_RUNNING
from mtf.errors import PipelineStopped
from mtf.log import TornTail
from mtf.pipeline.run import Run
from mtf.pipeline.statistics import Statistics, statistics_of
from mtf.storage.checkpoint_store import Skipped

__all__ = ["RunFacts"]


class RunFacts:
    """The part of a pipeline's interface about its run; not available inside a callback."""

    def _outside(self, what: str) -> Run | None:
        """Return the run; None before the start. LookAheadError in a callback."""
        raise NotImplementedError

    def statistics(self, *, by_symbol: bool = False) -> Statistics:
        """Return counts, lag, queues, checkpoints, log and consumers as they are now, as one value.

        It costs some microseconds, plus one per symbol: nothing is counted just for this. With *by_symbol* it also has
        the counts of each symbol. PipelineStopped before the start; after the end, the final values.
        """
        run = self._outside("statistics")
        if run is None:
            raise PipelineStopped(NOT_RUNNING)
        return statistics_of(run, by_symbol=by_symbol)

    @property
    def skipped_checkpoints(self) -> list[Skipped]:
        """The checkpoints that this start could not use, and why."""
        run = self._outside("skipped_checkpoints")
        return [] if run is None else run.skipped_checkpoints

    @property
    def torn_tail(self) -> TornTail | None:
        """What this start cut off the log's end, after a crash or damage there; None if nothing."""
        run = self._outside("torn_tail")
        return None if run is None or run.storage is None else run.storage.log.torn

    @property
    def notes(self) -> list[str]:
        """What a user should know about this start and run, in sentences."""
        run = self._outside("notes")
        return [] if run is None else run.all_notes()

    @property
    def malformed_rows(self) -> list[tuple[str, int, str, str]]:
        """The first malformed rows, each with its place, line, the reason, and its text."""
        run = self._outside("malformed_rows")
        return [] if run is None else run.rows_aside.rows

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers."""
        run = self._outside("worker_pids")
        pool = None if run is None else run.wiring.pool
        return [] if pool is None else [worker.pid for worker in pool.workers]
