"""Salvaging: everything intact in a damaged log, copied to a new one; the original is never changed.

Owns the copy. Up to the first damage it is the same log, byte for byte, so checkpoints up to there remain valid. Intact
events after it follow as new events: a log has no gaps, so their seqs are lower there, and a symbol whose first row
was lost is introduced by its next one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import (
    JOINS,
    NEW_SYMBOL,
    ORDERED,
    ROW_BYTES,
    Block,
    SymbolTable,
    heap_after,
    heap_length,
)
from mtf.log.event_log import LoggedBlock
from mtf.log.file_log import FileLog
from mtf.log.filesystem import FileSystem, OsFileSystem, join, make_directories, write_all
from mtf.log.recovery import COPY_BYTES
from mtf.log.retention import MARK, MARK_BYTES_MAX
from mtf.log.segment import Segment, segment_names, segment_seq
from mtf.log.segment_format import SEGMENT_BYTES_MAX
from mtf.log.verification import Take, VerifyReport, verify_log

__all__ = ["Moved", "Salvaged", "salvage_log"]

_SYMBOL: Final = Struct("<i")
_TAG: Final = Struct("<I")
_LENGTH: Final = Struct("<H")


class Moved(NamedTuple):
    """A run of intact events after damage: its first and last seq, and the seq of the first in the copy."""

    first_seq: int
    last_seq: int
    now_seq: int


class Salvaged(NamedTuple):
    """What was copied to a new log."""

    events: int
    last_seq: int  # in the copy
    same_seq: int  # the copy is the same log up to here, byte for byte
    moved: list[Moved]  # the runs after that in the copy
    report: VerifyReport


Adapt = Callable[[dict[str, Any], Callable[[int], int]], dict[str, Any]]


def salvage_log(
    src: str | Path,
    dst: str | Path,
    *,
    names: list[str] | None = None,
    adapt: Adapt | None = None,
    before_damage: bool = False,
    watch: Take | None = None,
    fs: FileSystem | None = None,
) -> Salvaged:
    """Copy every intact event from *src* to a new log in *dst*; a writer can continue it.

    With *before_damage*, only those before the first damage: the same log, so that a source which is read again resumes
    there and fills in what is missing. *names* are symbols by number, as for `verify_log`. *adapt* is called with the
    positions of sources that were written with events whose seqs change, and with a function from old to new seqs; it
    returns the positions to write. *watch* is called with each intact block and its segment as it is found, and again
    when a block after damage is copied. DataDirError if *dst* exists already, CorruptLog if nothing is intact.
    """
    fs = fs or OsFileSystem()
    src, dst = str(src), str(dst)
    if fs.kind(dst) != "nothing":
        raise DataDirError(f"{dst}: already exists; salvage only writes to a new directory")
    report = verify_log(src, names=names or (), fs=fs, take=watch)
    same_seq = _copy_same(fs, src, dst, report)
    later = [run for run in report.safe if run[1] > same_seq]
    if not later or before_damage:
        if not fs.names(dst):
            raise CorruptLog(f"{src}: nothing is intact in the log", path=src, seq=report.first_seq)
        return Salvaged(max(same_seq + 1 - report.first_seq, 0), same_seq, same_seq, [], report)
    config = None if fs.names(dst) else _any_config(fs, src)
    log = FileLog.open(dst, config=config, fs=fs)
    try:
        first_seq = log.first_seq
        appender = _Appender(log, same_seq, adapt)
        verify_log(src, names=names or (), fs=fs, take=appender.take if watch is None else _both(watch, appender.take))
        log.sync()
    finally:
        log.close()
    return Salvaged(log.last_seq + 1 - first_seq, log.last_seq, same_seq, appender.moved, report)


def _both(first: Take, second: Take) -> Take:
    def take(logged: LoggedBlock, segment: Segment) -> None:
        first(logged, segment)
        second(logged, segment)

    return take


class _Appender:
    """Appends blocks that follow damage to the copy."""

    def __init__(self, log: FileLog, same_seq: int, adapt: Adapt | None) -> None:
        self._log: Final = log
        self._same_seq: Final = same_seq  # events up to there are already in the copy
        self._adapt: Final = adapt
        self._symbols: Final = SymbolTable(log.symbols)  # of the copy
        self.moved: list[Moved] = []

    def take(self, logged: LoggedBlock, segment: Segment) -> None:
        block = logged.block
        if block.first_seq <= self._same_seq:
            return
        now_seq = self._log.last_seq + 1
        if self.moved and self.moved[-1].last_seq + 1 == block.first_seq:
            self.moved[-1] = self.moved[-1]._replace(last_seq=block.last_seq)
        else:
            self.moved.append(Moved(block.first_seq, block.last_seq, now_seq))
        positions: dict[str, Any] = segment.positions
        if self._adapt is not None:
            positions = self._adapt(dict(positions), self._now)
        self._log.append(introduced(block, now_seq, segment.symbols.names, self._symbols), positions)

    def _now(self, seq: int) -> int:
        """Return the seq, in the copy, of the event *seq* or of the next intact one."""
        if seq <= self._same_seq:
            return seq
        for run in self.moved:
            if seq <= run.last_seq:
                return max(seq - run.first_seq, 0) + run.now_seq
        return self._log.last_seq + 1


def introduced(block: Block, first_seq: int, names: list[str], symbols: SymbolTable) -> Block:
    """Return *block* with its symbols renumbered as in *symbols*, introducing those that are new in it.

    *names* are the block's symbols by number, including those it introduces. *symbols* learns the new ones.
    """
    rows = bytearray(block.rows)
    source = block.heap
    parts: list[bytes] = []
    at = 0
    for base in range(0, len(rows), ROW_BYTES):
        tag = _TAG.unpack_from(rows, base + 12)[0]
        flags = tag >> 8 & 0xFF
        end = int(heap_after(source, at, tag))
        if flags & NEW_SYMBOL:
            at += 2 + int(heap_length(source, at))
        old = _SYMBOL.unpack_from(rows, base + 8)[0]
        if old >= 0:
            number = int(symbols.find(names[old]))
            flags &= ~NEW_SYMBOL
            if number < 0:
                number = int(symbols.add(names[old]))
                flags |= NEW_SYMBOL
                name = names[old].encode()
                parts += (_LENGTH.pack(len(name)), name)
            joins = JOINS << 16 if number == 1 and flags & NEW_SYMBOL and flags & ORDERED else 0
            joins &= tag if old == 1 and tag >> 8 & NEW_SYMBOL else joins
            _SYMBOL.pack_into(rows, base + 8, number)
            _TAG.pack_into(rows, base + 12, tag & ~(0xFF00 | JOINS << 16) | flags << 8 | joins)
        parts.append(source[at:end])
        at = end
    return Block(first_seq, block.count, bytes(rows), b"".join(parts))


def _copy_same(fs: FileSystem, src: str, dst: str, report: VerifyReport) -> int:
    """Copy the log up to the first damage or its torn tail to *dst*, and return its last event."""
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
    mark = join(src, MARK)
    if fs.names(dst) and fs.kind(mark) == "file":
        _copy(fs, mark, join(dst, MARK), MARK_BYTES_MAX)
    fs.sync_directory(dst)
    if not fs.names(dst):
        return 0
    return end.seq - 1 if end is not None else report.last_seq


def _any_config(fs: FileSystem, src: str) -> bytes:
    for name in segment_names(fs, src):
        try:
            segment = Segment(fs, join(src, name))
        except (CorruptLog, DataDirError):
            continue
        segment.close()
        return segment.config
    raise CorruptLog(f"{src}: nothing is intact in the log", path=src)


def _copy(fs: FileSystem, source: str, target: str, limit: int) -> None:
    """Copy up to *limit* bytes of *source* to *target*, which must not exist, and sync them."""
    original = fs.open(source, "read")
    try:
        copy = fs.open(target, "create")
        try:
            at = 0
            while at < limit and (part := fs.read(original, min(COPY_BYTES, limit - at), at)):
                write_all(fs, copy, target, part)
                at += len(part)
            fs.sync(copy)
        finally:
            fs.close(copy)
    finally:
        fs.close(original)
