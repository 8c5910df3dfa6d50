"""Statistics of a running pipeline, as one value: counts, lag, queues, checkpoints, log and consumers.

Owners keep all of this anyway, so the only cost is that of reading it: some microseconds, plus one per symbol. Nothing
is counted just for this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from mtf.actors.actor import Actor
from mtf.bars.verdicts import Counts, total_of
from mtf.errors import MtfError
from mtf.pipeline.consumer_statistics import ConsumerStatistics
from mtf.pipeline.shown_lag import LagStatistics
from mtf.storage.datadir import LOG, DataDir, bytes_of

if TYPE_CHECKING:
    from mtf.pipeline.run import Run

__all__ = [
    "CheckpointStatistics",
    "LogStatistics",
    "Statistics",
    "SymbolStatistics",
    "statistics_of",
]


@attrs.frozen(kw_only=True)
class SymbolStatistics:
    """Counts of the ticks of one symbol, since the start of the log."""

    ticks: int  # accepted
    rejected: dict[str, int]  # by reason
    late_accepted: int
    crossed: int
    locked: int
    bad_sides: int
    id_reused: int


@attrs.frozen(kw_only=True)
class CheckpointStatistics:
    """Checkpoints of this run."""

    seq: int  # of the newest, even from an earlier run; 0 if there is none
    behind: int  # events after it, which the next start would replay
    age_ns: int  # since the newest one of this run, or since the start
    written: int
    failed: int  # attempts that failed
    bytes: int  # of the states in the newest, before compression
    took_ns: int  # for the newest, from its marker until its file was synced
    stall_ns: int  # of that, the longest time for which it held the event loop


@attrs.frozen(kw_only=True)
class LogStatistics:
    """The log, and its syncs in this run."""

    bytes: int  # size of its segments on disk; 0 if it is not a directory
    durable_seq: int  # the newest event known to be synced
    syncs: int
    sync_ns: int  # in total; until their end was noticed, a few ms later if they run in the background
    last_sync_ns: int


@attrs.frozen(kw_only=True)
class Statistics:
    """The statistics of a pipeline at the wall time `now_ns`. Counts are since the start of the log."""

    now_ns: int
    running: bool
    seq: int  # the newest published event
    logged_seq: int  # the newest that has a seq
    ticks: int  # accepted
    clocks: int  # clock events
    rejected: dict[str, int]  # by reason; `malformed` ones are not in the log
    late_accepted: int  # among the accepted ticks, like the following
    crossed: int
    locked: int
    bad_sides: int
    id_reused: int
    bars: dict[str, int]  # completed, by timeframe
    symbols: int
    history_bytes: int  # memory that completed bars and values take
    by_symbol: dict[str, SymbolStatistics] | None  # None: not requested
    lag: LagStatistics  # of live ticks, from their stamps until publication
    queues: dict[str, int]  # waiting messages, by actor of mtf; waiting events for `sequencer`
    checkpoints: CheckpointStatistics | None  # None: nothing is stored
    log: LogStatistics | None  # likewise
    consumers: tuple[ConsumerStatistics, ...]


def statistics_of(run: Run, *, by_symbol: bool) -> Statistics:
    """Return the statistics of *run*; with *by_symbol*, also of each of its symbols."""
    engine, source = run.engine, run.source
    gate = engine.gate
    counts = gate.counts()
    now_ns = run.options.wall.now_ns()
    total = total_of(counts)
    rejected = {"malformed": run.malformed, **total.rejected} if run.malformed else total.rejected
    if gate.late_clocks:
        rejected["late"] = rejected.get("late", 0) + gate.late_clocks
    queues = {actor.name: len(actor.mailbox) for actor in run.wiring.actors if isinstance(actor, Actor)}
    return Statistics(
        now_ns=now_ns,
        running=_is_running(run),
        seq=engine.joiner.seq,
        logged_seq=source.taken_seq,
        ticks=total.ticks,
        clocks=gate.clocks,
        rejected=rejected,
        late_accepted=total.late_accepted,
        crossed=total.crossed,
        locked=total.locked,
        bad_sides=total.bad_sides,
        id_reused=total.id_reused,
        bars={aggregator.timeframe.name: aggregator.completed for aggregator in engine.aggregators},
        symbols=len(counts),
        history_bytes=engine.history_bytes(),
        by_symbol=_by_symbol(run, counts) if by_symbol else None,
        lag=run.reports.lag.value(),
        queues={source.name: source.builder.count, **queues},
        checkpoints=_checkpoints(run, now_ns),
        log=_log(run),
        consumers=run.audience.statistics(),
    )


def _is_running(run: Run) -> bool:
    try:
        run.check()
    except MtfError:
        return False
    return True


def _by_symbol(run: Run, counts: list[Counts]) -> dict[str, SymbolStatistics]:
    return {
        instrument.name: SymbolStatistics(
            ticks=each.ticks,
            rejected=each.rejected,
            late_accepted=each.late_accepted,
            crossed=each.crossed,
            locked=each.locked,
            bad_sides=each.bad_sides,
            id_reused=each.id_reused,
        )
        for instrument, each in zip(run.engine.gate.instruments, counts, strict=True)
    }


def _checkpoints(run: Run, now_ns: int) -> CheckpointStatistics | None:
    if run.checkpointer is None:
        return None
    progress, seq = run.checkpoints, run.checkpointer.seq
    return CheckpointStatistics(
        seq=seq,
        behind=max(0, run.engine.joiner.seq - seq),
        age_ns=now_ns - (progress.written_at_ns or run.reports.started_ns),
        written=progress.written_count,
        failed=progress.failed,
        bytes=progress.bytes,
        took_ns=progress.took_ns,
        stall_ns=progress.stall_ns,
    )


def _log(run: Run) -> LogStatistics | None:
    writer = run.writer
    if writer is None or run.storage is None:
        return None
    storage = run.storage.storage
    return LogStatistics(
        bytes=bytes_of((storage.path / LOG).iterdir()) if isinstance(storage, DataDir) else 0,
        durable_seq=writer.durable_seq,
        syncs=writer.syncs,
        sync_ns=writer.sync_ns,
        last_sync_ns=writer.last_sync_ns,
    )
