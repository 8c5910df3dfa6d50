"""Verification: finds damage and intact seqs, without changing the log.

Owns the report. Every segment is read to its end, whatever is wrong with others: each frame, chain and row is checked,
in compressed ones too. A segment names its own symbols, so that it can be read without those before it; names that were
lost with a damaged block are taken from a later segment, from the caller, or from the remains of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mtf.errors import CorruptLog, DataDirError
from mtf.log.event_log import LoggedBlock
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.recovery import TornTail, check_follows, judge
from mtf.log.retention import retained_seq
from mtf.log.segment import Segment, logged_segments, segment_name, segment_seq

__all__ = ["Damage", "Take", "VerifyReport", "verify_log"]

DAMAGES_MAX: Final = 1_000  # reported one by one; further ones are not reported

Take = Callable[[LoggedBlock, Segment], object]


class Damage(NamedTuple):
    """A damaged place."""

    path: str
    offset: int
    seq: int  # the first event that is not safe
    what: str


class VerifyReport(NamedTuple):
    """The condition of a log's files."""

    segments: int
    bytes: int
    events: int  # intact ones
    first_seq: int
    last_seq: int  # the newest that is intact
    durable_seq: int  # the highest seq that any intact frame records as synced
    sealed: bool  # closed properly
    safe: list[tuple[int, int]]  # runs of intact events: first and last seq of each
    damage: list[Damage]
    tail: TornTail | None  # a torn tail, which the next start cuts off and keeps: not damage
    unsure: list[str]  # symbols whose names come from a damaged block only, so the names may be wrong

    @property
    def clean(self) -> bool:
        return not self.damage


def verify_log(
    directory: str | Path, *, names: Sequence[str] = (), fs: FileSystem | None = None, take: Take | None = None
) -> VerifyReport:
    """Read the whole log and report; DataDirError if there is none. Needs no lock and changes nothing.

    *names* are symbols by number from another source, useful if a block that introduces some is damaged. *take* is
    called with each intact block and its segment, in order. While a writer runs, the report covers what had been
    written when each segment was reached.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    segments = logged_segments(fs, directory)
    verifier = _Verifier(fs, directory, _longest(names, _newest_names(fs, directory, segments)), take)
    verifier.check_start(segments)
    for i, name in enumerate(segments):
        verifier.check(name, is_newest=i == len(segments) - 1)
    return verifier.report(len(segments))


class _Verifier:
    """The findings so far."""

    def __init__(self, fs: FileSystem, directory: str, names: Sequence[str], take: Take | None) -> None:
        self._fs: Final = fs
        self._directory: Final = directory
        self._names: Final = names  # of symbols, by number, those that are certain
        self._take: Final = take
        self._unsure: list[str] = []  # names found only in a damaged block
        self._before: Segment | None = None  # the previous segment, if it is intact to its end
        self._run_id: bytes | None = None  # of the first readable segment
        self._bytes = 0
        self._events = 0
        self._durable_seq = 0
        self._sealed = False
        self._safe: list[tuple[int, int]] = []
        self._damage: list[Damage] = []
        self._tail: TornTail | None = None

    def check_start(self, names: list[str]) -> None:
        self.first_seq = segment_seq(names[0])
        try:
            start_seq = retained_seq(self._fs, self._directory)
        except CorruptLog as error:
            self._note(error)
            return
        if self.first_seq > start_seq:
            path = join(self._directory, segment_name(start_seq))
            self._damage.append(Damage(path, 0, start_seq, "the segment is missing"))

    def check(self, name: str, *, is_newest: bool) -> None:
        path = join(self._directory, name)
        try:
            segment = Segment(self._fs, path)
        except CorruptLog as error:
            self._note(error, seq=segment_seq(name))
            self._before = None
            return
        segment.spare_names = self._names
        try:
            self._check_join(segment)
            self._read(segment, is_newest)
        finally:
            segment.close()
        self._bytes += segment.bytes
        self._sealed = segment.sealed

    def report(self, segments: int) -> VerifyReport:
        last_seq = self._safe[-1][1] if self._safe else self.first_seq - 1
        return VerifyReport(
            segments,
            self._bytes,
            self._events,
            self.first_seq,
            last_seq,
            self._durable_seq,
            self._sealed,
            self._safe,
            self._damage,
            self._tail,
            self._unsure,
        )

    def _check_join(self, segment: Segment) -> None:
        run_id = segment.header.run_id
        try:
            check_follows(segment, self._before)
            if self._run_id is not None and run_id != self._run_id:
                raise segment.damage(0, segment.header.first_seq, "a segment of another log")
        except CorruptLog as error:
            self._note(error)
        self._run_id = self._run_id or run_id

    def _read(self, segment: Segment, is_newest: bool) -> None:
        """Read every intact frame of *segment*, and continue after one that is not."""
        whole, nameless = True, False
        while True:
            while (frame := segment.next()) is not None:
                if segment.lacks_names(frame.header):
                    if not nameless:
                        what = "its events are lost, since the names of their symbols were in the damaged part before"
                        self._note(segment.damage(frame.offset, frame.header.first_seq, what))
                    whole, nameless = False, True
                    continue
                try:
                    blocks = segment.blocks(frame)
                except CorruptLog as error:
                    self._note(error)
                    whole = False
                    continue
                if blocks:
                    self._add(blocks, segment)
                self._durable_seq = max(self._durable_seq, frame.header.durable_seq)
            if not segment.why and (segment.sealed or is_newest):
                break
            whole = False
            try:
                if not is_newest:
                    what = segment.why or "no seal before a later segment"
                    raise segment.damage(segment.offset, segment.next_seq, what)
                self._tail = judge(segment)
                break
            except CorruptLog as error:
                self._note(error)
            if len(self._damage) >= DAMAGES_MAX or segment.sealed:
                break
            self._unsure += segment.read_damaged_names()
            if not segment.skip_damage():
                break
        self._before = segment if whole else None

    def _add(self, blocks: list[LoggedBlock], segment: Segment) -> None:
        first_seq, last_seq = blocks[0].block.first_seq, blocks[-1].block.last_seq
        self._events += last_seq + 1 - first_seq
        if self._safe and self._safe[-1][1] + 1 == first_seq:
            self._safe[-1] = (self._safe[-1][0], last_seq)
        else:
            self._safe.append((first_seq, last_seq))
        if self._take is not None:
            for logged in blocks:
                self._take(logged, segment)

    def _note(self, error: CorruptLog, seq: int = 0) -> None:
        self._damage.append(Damage(error.path, error.offset, error.seq or seq, str(error)))


def _newest_names(fs: FileSystem, directory: str, segments: list[str]) -> list[str]:
    """Return the symbols, by number, named at the start of the newest readable segment, which has all earlier ones."""
    for name in reversed(segments):
        try:
            segment = Segment(fs, join(directory, name))
        except (CorruptLog, DataDirError):
            continue
        segment.close()
        return list(segment.symbols.names)
    return []


def _longest(one: Sequence[str], other: Sequence[str]) -> Sequence[str]:
    """Return the longer list of names, or *one*, the log's own, if they differ in the part that both have."""
    both = min(len(one), len(other))
    return one if len(one) > len(other) and list(one[:both]) == list(other[:both]) else other
