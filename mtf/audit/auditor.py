"""The auditor: runs a consumer on a log, on prefixes of it, and across a restart, and compares the outputs.

It sees outputs (`mtf.audit.outputs`) and the files that are opened. It cannot see knowledge of the future that is built
into the consumer, in a model or in constants.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from mtf.actors.consumer import Consumer
from mtf.audit.file_reads import FileRead, inside, watched_reads
from mtf.audit.outputs import Output
from mtf.audit.recorder import SAVED, Recorder
from mtf.errors import ConfigError
from mtf.log import LogEnd, first_logged_seq
from mtf.pipeline.pipeline import Pipeline
from mtf.storage.datadir import LOG, check_has_log, logged_config

__all__ = ["AuditReport", "Finding", "audit"]

CUTS: Final = 8
CUTS_MAX: Final = 1_000
BLOCKS_MIN: Final = 16  # how many blocks a log is cut into at least, to have something to compare
FUTURE: Final = "future"
DETERMINISM: Final = "determinism"
RESTART: Final = "restart"


Difference: TypeAlias = tuple[Output | None, Output | None]  # None: missing on that side


@attrs.frozen(kw_only=True)
class Finding:
    """A problem: which check failed, at which event, where, and the two values that should be equal."""

    check: str  # `future`, `determinism` or `restart`
    seq: int
    channel: str
    expected: str
    found: str
    sentence: str


@attrs.frozen(kw_only=True)
class AuditReport:
    """The result of an audit; `notes` lists what could not be checked."""

    consumer: str
    first_seq: int
    last_seq: int
    outputs: int  # how many there were in the run on the whole log
    cuts: tuple[int, ...]  # the last events of the prefixes that it was run on
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self) | {"clean": self.clean}


async def audit(
    directory: str | os.PathLike[str], make: Callable[[], Consumer], *, cuts: int = CUTS, until: int | None = None
) -> AuditReport:
    """Audit the consumer that *make* returns, a new one at each call, on the log in *directory*, up to *until*.

    It is run twice on the whole log, on *cuts* prefixes of it and, if it saves a state, from a saved state on: some 7
    times the length of the log by default. Its side effects happen in every run. ConfigError if it has no outputs.
    """
    if not 1 <= cuts <= CUTS_MAX:
        raise ConfigError(f"cuts must be between 1 and {CUTS_MAX}, got {cuts}")
    path = Path(directory)
    check_has_log(path)
    first_seq, last_seq = _span(path, until)
    if last_seq <= first_seq:
        raise ConfigError(f"{path}: an audit needs a log with at least two events")
    return await _Audit(path, make, first_seq, last_seq).run(cuts)


def _span(path: Path, until: int | None) -> tuple[int, int]:
    """Return the first and the last event to audit."""
    with closing(LogEnd(path / LOG)) as end:
        last_seq = end.look()
    return first_logged_seq(path / LOG), last_seq if until is None else min(last_seq, until)


class _Audit:
    """One audit in progress."""

    def __init__(self, path: Path, make: Callable[[], Consumer], first_seq: int, last_seq: int) -> None:
        self._path: Final = path
        self._make: Final = make
        self._first_seq: Final = first_seq
        self._last_seq: Final = last_seq
        self._block_events: Final = min(1024, max(1, (last_seq - first_seq + 1) // BLOCKS_MIN))
        self._findings: Final[list[Finding]] = []
        self._notes: Final[list[str]] = []

    async def run(self, cuts: int) -> AuditReport:
        reads: list[FileRead] = []
        with watched_reads(reads):
            probe = await self._played(last_seq=self._last_seq)
            seqs = self._cut_seqs(probe, cuts)
            whole = await self._played(last_seq=self._last_seq, looks=seqs)
            self._check_outputs(whole)
            await self._compare_runs(probe, whole)
            if whole.repainted is not None:
                self._find(FUTURE, *whole.repainted, "it was changed later, with what came after")
            if whole.has_frame and not self._varies:
                smaller = max(1, self._block_events // 3)
                self._compare_blocks(whole, await self._played(last_seq=self._last_seq, block_events=smaller))
            for seq in () if self._varies else seqs:
                if await self._knows_future_at(seq, whole):
                    break
            await self._restart(seqs[len(seqs) // 2], whole)
        self._judge_reads(reads)
        if whole.ignored:
            self._notes.append(f"not compared, since that is impossible: {', '.join(sorted(whole.ignored))}")
        return AuditReport(
            consumer=whole.name,
            first_seq=self._first_seq,
            last_seq=self._last_seq,
            outputs=len(whole.outputs),
            cuts=tuple(seqs),
            findings=tuple(self._findings),
            notes=tuple(self._notes),
        )

    # Runs.

    async def _played(
        self,
        *,
        last_seq: int,
        start: int | None = None,
        looks: Sequence[int] = (),
        block_events: int | None = None,
        state: bytes | None = None,
    ) -> Recorder:
        """Return the recorder of a new consumer, after it was shown the events from *start* to *last_seq*."""
        with inside(0, "__init__"):
            consumer = self._make()
        recorder = Recorder(consumer, looks)
        if state is not None:
            await recorder.load_saved(state)
        pipeline = Pipeline(
            config=logged_config(self._path), clock="ticks", block_events=block_events or self._block_events
        )
        pipeline.add(recorder)
        async with pipeline:
            await pipeline.replay(self._path, start=start or self._first_seq, until=last_seq)
            await recorder.end(last_seq)
        return recorder

    def _cut_seqs(self, probe: Recorder, cuts: int) -> list[int]:
        """Return the last events of the prefixes: evenly spaced, or at ends of blocks if it consumes whole blocks."""
        events = self._last_seq - self._first_seq + 1
        wanted = {self._first_seq - 1 + max(1, events * k // (cuts + 1)) for k in range(1, cuts + 1)}
        if probe.has_frame:
            ends = [seq for seq in probe.frame_ends if seq < self._last_seq]
            wanted = {max((end for end in ends if end <= seq), default=0) for seq in wanted} - {0}
        return sorted(wanted) or [self._last_seq]

    # Comparisons.

    def _check_outputs(self, whole: Recorder) -> None:
        if not whole.outputs and not whole.has_save:
            raise ConfigError(
                f"{whole.name} has no outputs that can be compared: return values from callbacks, keep them in public "
                "attributes, or implement save()"
            )

    async def _compare_runs(self, probe: Recorder, whole: Recorder) -> None:
        """Compare two runs on the same log: a difference is nondeterministic, or is left over from the first run."""
        found = self._differs(probe, whole)
        if found is None:
            return
        if self._differs(whole, await self._played(last_seq=self._last_seq)) is None:
            sentence = "after a first run its outputs are different, and then stay so: it knows what that run has seen"
            self._find(FUTURE, *found, sentence)
        else:
            self._find(DETERMINISM, *found, "a second run on the same log gives a different output")

    def _differs(self, first: Recorder, second: Recorder) -> Difference | None:
        found = _first_difference(first.outputs, second.outputs)
        return found or _first_difference(first.states[self._last_seq], second.states[self._last_seq])

    @property
    def _varies(self) -> bool:
        """Whether outputs vary from run to run, so that other differences mean nothing."""
        return any(each.check == DETERMINISM for each in self._findings)

    def _compare_blocks(self, whole: Recorder, other: Recorder) -> None:
        """Compare larger and smaller blocks of one log: the output for a row must not depend on later rows."""
        for channel in sorted(whole.frame_channels):
            found = _first_difference(
                [each for each in whole.outputs if each.channel == channel],
                [each for each in other.outputs if each.channel == channel],
                by_seq=False,
            )
            if found is not None:
                sentence = (
                    "in smaller blocks the same rows give a different output: it uses later rows, or depends on how "
                    "events are cut into blocks"
                )
                self._find(FUTURE, *found, sentence)
                return

    async def _knows_future_at(self, seq: int, whole: Recorder) -> bool:
        """Whether a log that ends with the event *seq* gives different outputs up to there."""
        cut = await self._played(last_seq=seq)
        found = _first_difference(cut.outputs, [each for each in whole.outputs if each.seq <= seq])
        state = whole.states.get(seq, cut.states[seq])
        saves = bool(_saved_in(state))  # an async save is not called during a run
        found = found or _first_difference([each for each in cut.states[seq] if saves or each.channel != SAVED], state)
        if found is None:
            return False
        self._find(
            FUTURE, *found, f"on a log that ends with seq {seq} it gives a different output: it knew what comes after"
        )
        return True

    async def _restart(self, seq: int, whole: Recorder) -> None:
        """Check that a consumer restored from a state saved after the event *seq* continues like one that ran on."""
        if self._varies:
            self._notes.append("save() and load() are not checked, as two runs differ anyway")
            return
        if seq >= self._last_seq:
            self._notes.append("save() and load() are not checked: the log is a single block")
            return
        first = await self._played(last_seq=seq)
        state = await first.saved() if first.has_save else None
        if state is None:
            self._notes.append("it saves no state: after a restart it starts as a new one")
            return
        second = await self._played(last_seq=self._last_seq, start=seq + 1, state=state)
        after = [each for each in whole.outputs if each.seq > seq]
        found = _first_difference(after, [each for each in second.outputs if each.seq > seq])
        if found is None:
            found = _first_difference(*(_saved_in(run.states[self._last_seq]) for run in (whole, second)))
        if found is not None:
            self._find(RESTART, *found, f"saved after seq {seq} and loaded, it continues differently: state was lost")

    def _judge_reads(self, reads: Sequence[FileRead]) -> None:
        """Report reads of files: those in the audited directory contain the future, others may."""
        own = os.path.realpath(self._path)
        for each in reads:
            if each.path == own or each.path.startswith(own + os.sep):
                self._findings.append(
                    Finding(
                        check=FUTURE,
                        seq=each.seq,
                        channel=each.callback,
                        expected="only what the view shows",
                        found=each.path,
                        sentence=f"{each.callback}() reads {each.path}, which holds what came after",
                    )
                )
                break
        others = Counter(each.path for each in reads if not each.path.startswith(own))
        if others:
            names = ", ".join(list(others)[:5])
            self._notes.append(f"reads files, which may contain a future that an audit cannot see: {names}")

    def _find(self, check: str, expected: Output | None, found: Output | None, sentence: str) -> None:
        at = found if expected is None else expected if found is None else min(expected, found)
        assert at is not None, "a difference has a side"
        self._findings.append(
            Finding(
                check=check,
                seq=at.seq,
                channel=at.channel,
                expected="nothing" if expected is None else f"{expected.shown} at seq {expected.seq}",
                found="nothing" if found is None else f"{found.shown} at seq {found.seq}",
                sentence=sentence,
            )
        )


def _saved_in(state: Sequence[Output]) -> list[Output]:
    return [each for each in state if each.channel == SAVED]


def _first_difference(expected: Sequence[Output], found: Sequence[Output], *, by_seq: bool = True) -> Difference | None:
    """Return the first two outputs that differ (None for a missing one); None if all are equal."""
    for mine, theirs in zip(expected, found, strict=False):
        if (mine.channel, mine.hash) != (theirs.channel, theirs.hash) or (by_seq and mine.seq != theirs.seq):
            return mine, theirs
    longer = expected if len(expected) > len(found) else found
    if len(expected) == len(found):
        return None
    rest = longer[min(len(expected), len(found))]
    return (rest, None) if longer is expected else (None, rest)
