"""What a run reports about its life and its input to the loggers; see `mtf.loggers`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from mtf.actors.actor import Supervised
from mtf.bars.gate import Gate
from mtf.bars.verdicts import Counts
from mtf.errors import LogWriteFailed
from mtf.loggers import is_reported, report
from mtf.pipeline.options import Options
from mtf.pipeline.shown_lag import ShownLag
from mtf.rows import RowCounts
from mtf.storage.checkpoint_store import Skipped

__all__ = ["RunReports", "report_read"]

MALFORMED_MAX: Final = 20  # rows that are reported individually


class RunReports:
    """Reports for the run with *options*, and samples the lag of what it publishes."""

    def __init__(self, options: Options) -> None:
        self.started_ns: Final = options.wall.now_ns()
        self.lag: Final = ShownLag(options.wall)
        self._path: Final = None if options.data is None else options.data.name
        self._malformed = 0  # rows so far
        self._counted: dict[tuple[str, str], int] = {}  # by symbol and kind, as last reported

    def started(self, seq: int) -> None:
        where = "without a data directory" if self._path is None else f"on {self._path}"
        report("pipeline_started", f"the pipeline has started {where}, at seq {seq}", path=self._path, seq=seq)

    def passed_over(self, skipped: Iterable[Skipped]) -> None:
        for path, reason in skipped:
            report("checkpoint_passed_over", f"checkpoint skipped: {reason}", path=path, reason=reason)

    def caught_up(self, first_seq: int, checkpoint_seq: int, seq: int) -> None:
        """Report that the events from *first_seq* to *seq* were replayed after the checkpoint of *checkpoint_seq*."""
        if not seq:
            return  # there is no log yet
        start = f"the checkpoint of seq {checkpoint_seq}" if checkpoint_seq else "the start of the log"
        report(
            "pipeline_caught_up",
            f"the state is that of seq {seq}: {max(0, seq + 1 - first_seq)} events were replayed from {start}",
            path=self._path,
            seq=seq,
            checkpoint_seq=checkpoint_seq,
            events=max(0, seq + 1 - first_seq),
        )

    def failed(self, failed: Supervised | None, failure: BaseException, seq: int) -> None:
        event = "log_write_failed" if isinstance(failure, LogWriteFailed) else "pipeline_failed"
        actor = None if failed is None else failed.name
        sentence = f"the pipeline has stopped: {failure}"
        report(event, sentence, error=failure.__cause__ or failure, path=self._path, actor=actor, seq=seq)

    def stopped(self, seq: int) -> None:
        report("pipeline_stopped", f"the pipeline has stopped at seq {seq}", path=self._path, seq=seq)

    def malformed(self, place: str, line: int, reason: str) -> None:
        """Report a malformed row if it is among the first of a run; others are only counted."""
        self._malformed += 1
        if self._malformed <= MALFORMED_MAX:
            report("row_malformed", f"{place}:{line}: {reason}", path=place, line=line, reason=reason)

    def counted(self, gate: Gate) -> None:
        """Report the events of each symbol, since the last report, that were not simply accepted."""
        if not is_reported("events_counted"):
            return
        for instrument, counts in zip(gate.instruments, gate.counts(), strict=True):
            for kind, count in _kinds(counts):
                key = (instrument.name, kind)
                new = count - self._counted.get(key, 0)
                if new:
                    self._counted[key] = count
                    sentence = f"{instrument.name}: {new} events {_SENTENCES.get(kind, f'rejected as {kind}')}"
                    report("events_counted", sentence, symbol=instrument.name, kind=kind, count=new, total=count)


def report_read(name: str, rows: RowCounts) -> None:
    """Report that the source *name* was read to its end, with the counts of its *rows*."""
    sentence = f"{name} was read to its end: {rows.read} rows, {rows.accepted} of them accepted"
    report("source_read", sentence, path=name, **attrs.asdict(rows))


_SENTENCES: Final = {
    "late_accepted": "accepted late, within the bars they belong to",
    "crossed": "accepted with the ask below the bid",
    "bad_sides": "accepted one-sided, because one side is not a price",
    "id_reused": "accepted with the id of another tick",
}


def _kinds(counts: Counts) -> list[tuple[str, int]]:
    """Return how many events of a symbol were accepted with a reservation or rejected, by kind."""
    accepted = {kind: getattr(counts, kind) for kind in _SENTENCES}
    return [(kind, count) for kind, count in {**accepted, **counts.rejected}.items() if count]
