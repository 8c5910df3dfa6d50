"""Finding damage and safe seqs, and salvaging what is intact into a new log; the original is never changed.

Owns the report. Every segment is read to its end whatever is wrong with another: each frame, chain and row is checked,
compressed ones too. A segment names its symbols itself, so that one can be read without those before it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from mtf.errors import CorruptLog, DataDirError
from mtf.log.filesystem import FileSystem, OsFileSystem, join, make_directories
from mtf.log.recovery import COPY_BYTES, TornTail, check_follows, judge
from mtf.log.retention import MARK, MARK_BYTES_MAX, retained_seq
from mtf.log.segment import Segment, segment_name, segment_names, segment_seq
from mtf.log.segment_format import SEGMENT_BYTES_MAX

__all__ = ["Damage", "Salvaged", "VerifyReport", "salvage_log", "verify_log"]

DAMAGES_MAX: Final = 1_000  # reported one by one; more are not looked for


class Damage(NamedTuple):
    """A damaged place."""

    path: str
    offset: int
    seq: int  # the first event that is not safe
    what: str


class VerifyReport(NamedTuple):
    """The content of a log's files."""

    segments: int
    bytes: int
    events: int  # that are intact
    first_seq: int
    last_seq: int  # the newest that is intact
    durable_seq: int  # the highest that any intact frame knew synced
    sealed: bool  # closed in good order
    safe: list[tuple[int, int]]  # runs of intact events, first and last seq of each
    damage: list[Damage]
    tail: TornTail | None  # a torn tail, which the next start cuts off and keeps: not damage

    @property
    def clean(self) -> bool:
        return not self.damage


class Salvaged(NamedTuple):
    """What was copied to a new log."""

    events: int
    last_seq: int
    left: list[tuple[int, int]]  # runs of intact events after the damage, which no log without a hole can hold
    report: VerifyReport


def verify_log(directory: str | Path, *, fs: FileSystem | None = None) -> VerifyReport:
    """Read all of the log and report; DataDirError if there is none. Needs no lock and changes nothing.

    While a writer runs, it reports on what had been written when each segment was reached.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    names = segment_names(fs, directory)
    if not names:
        raise DataDirError(f"{directory}: there is no log here")
    verifier = _Verifier(fs, directory)
    verifier.check_start(names)
    for i, name in enumerate(names):
        verifier.check(name, is_newest=i == len(names) - 1)
    return verifier.report(len(names))


def salvage_log(src: str | Path, dst: str | Path, *, fs: FileSystem | None = None) -> Salvaged:
    """Copy every intact event before the first damage from *src* to a new log in *dst*, and report what lies after it.

    The copy is the same log, byte for byte up to there, so that its checkpoints up to there hold too, and a writer
    can continue it. DataDirError if *dst* is there already, CorruptLog if nothing is intact at the start.
    """
    fs = fs or OsFileSystem()
    src, dst = str(src), str(dst)
    if fs.kind(dst) != "nothing":
        raise DataDirError(f"{dst}: already exists; salvage only writes to a new directory")
    report = verify_log(src, fs=fs)
    end = report.damage[0] if report.damage else report.tail
    make_directories(fs, dst)
    for name in segment_names(fs, src):
        path = join(src, name)
        if end is not None and end.path == path:
            if end.offset:
                _copy(fs, path, join(dst, name), end.offset)
            break
        if end is not None and segment_seq(name) >= end.seq:
            break
        _copy(fs, path, join(dst, name), SEGMENT_BYTES_MAX)
    if not fs.names(dst):
        raise CorruptLog(f"{src}: nothing is intact at the log's start", path=src, seq=report.first_seq)
    mark = join(src, MARK)
    if fs.kind(mark) == "file":
        _copy(fs, mark, join(dst, MARK), MARK_BYTES_MAX)
    fs.sync_directory(dst)
    last_seq = end.seq - 1 if end is not None else report.last_seq
    left = [run for run in report.safe if run[0] > last_seq]
    return Salvaged(max(last_seq + 1 - report.first_seq, 0), last_seq, left, report)


class _Verifier:
    """The findings so far."""

    def __init__(self, fs: FileSystem, directory: str) -> None:
        self._fs: Final = fs
        self._directory: Final = directory
        self._before: Segment | None = None  # the last segment, if it is intact to its end
        self._run_id: bytes | None = None  # of the first segment that could be read
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
            self._damage.append(Damage(path, 0, start_seq, "the segment is gone"))

    def check(self, name: str, *, is_newest: bool) -> None:
        path = join(self._directory, name)
        try:
            segment = Segment(self._fs, path)
        except CorruptLog as error:
            self._note(error, seq=segment_seq(name))
            self._before = None
            return
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
        whole = True
        while True:
            while (frame := segment.next()) is not None:
                try:
                    blocks = segment.blocks(frame)
                except CorruptLog as error:
                    self._note(error)
                    whole = False
                    continue
                if blocks:
                    self._add(blocks[0].block.first_seq, blocks[-1].block.last_seq)
                self._durable_seq = max(self._durable_seq, frame.header.durable_seq)
            if not segment.why and (segment.sealed or is_newest):
                break
            whole = False
            try:
                if not is_newest:
                    what = segment.why or "no seal, though a later segment is there"
                    raise segment.damage(segment.offset, segment.next_seq, what)
                self._tail = judge(segment)
                break
            except CorruptLog as error:
                self._note(error)
            if len(self._damage) >= DAMAGES_MAX or segment.sealed or not segment.skip_damage():
                break
        self._before = segment if whole else None

    def _add(self, first_seq: int, last_seq: int) -> None:
        self._events += last_seq + 1 - first_seq
        if self._safe and self._safe[-1][1] + 1 == first_seq:
            self._safe[-1] = (self._safe[-1][0], last_seq)
        else:
            self._safe.append((first_seq, last_seq))

    def _note(self, error: CorruptLog, seq: int = 0) -> None:
        self._damage.append(Damage(error.path, error.offset, error.seq or seq, str(error)))


def _copy(fs: FileSystem, source: str, target: str, limit: int) -> None:
    """Copy up to *limit* bytes of *source* to *target*, which must not exist, and sync them."""
    original = fs.open(source, "read")
    try:
        copy = fs.open(target, "create")
        try:
            at = 0
            while at < limit and (part := fs.read(original, min(COPY_BYTES, limit - at), at)):
                if fs.write(copy, part) != len(part):
                    raise OSError(f"{target}: a short write")
                at += len(part)
            fs.sync(copy)
        finally:
            fs.close(copy)
    finally:
        fs.close(original)
