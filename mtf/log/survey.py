"""A summary of a log from its oldest and newest segment, which takes no longer as the log grows.

Owns what `mtf inspect` shows of a log. Each header of the newest segment is checked, and bodies are read for names and
positions; `mtf.log.verification` checks whether every event is intact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mtf.events.block import ROW_BYTES
from mtf.log.event_log import LoggedBlock
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.log_reader import read_log
from mtf.log.recovery import judge
from mtf.log.segment import Segment, first_ns, logged_segments, segment_seq

__all__ = ["Survey", "survey_log"]


class Survey(NamedTuple):
    """The content of a log."""

    run_id: bytes
    segments: int
    first_seq: int  # of the events that it still has
    last_seq: int
    first_ns: int | None  # stamp of that event; None: there is none
    last_ns: int | None
    durable_seq: int  # the highest seq that the newest block records as synced
    symbols: list[str]  # by number
    positions: dict[str, Any]  # the newest of each source
    torn_bytes: int  # of a torn tail, which the next start cuts off


def survey_log(directory: str | Path, *, fs: FileSystem | None = None) -> Survey:
    """Return the content of the log; DataDirError if there is none, CorruptLog if its end is damaged."""
    fs = fs or OsFileSystem()
    directory = str(directory)
    names = logged_segments(fs, directory)
    segment = Segment(fs, join(directory, names[-1]))
    try:
        while (frame := segment.next()) is not None:
            segment.joined(frame, check=False)
            segment.skim(learn=True, headers_only=True)
        torn_bytes = judge(segment).bytes if segment.why and not segment.partial else 0
    finally:
        segment.close()
    first_seq, last_seq = segment_seq(names[0]), segment.next_seq - 1
    first = newest = None
    if last_seq >= first_seq:
        first, newest = _block(fs, directory, first_seq), _block(fs, directory, last_seq)
    return Survey(
        run_id=segment.header.run_id,
        segments=len(names),
        first_seq=first_seq,
        last_seq=last_seq,
        first_ns=None if first is None else first_ns(first.block.rows),
        last_ns=None if newest is None else first_ns(newest.block.rows[-ROW_BYTES:]),
        durable_seq=0 if newest is None else newest.durable_seq,
        symbols=list(segment.symbols.names),
        positions=segment.positions,
        torn_bytes=torn_bytes,
    )


def _block(fs: FileSystem, directory: str, seq: int) -> LoggedBlock:
    """Return a block that contains the event *seq*, perhaps joined with others."""
    reader = read_log(directory, seq, leap=True, fs=fs)
    try:
        return next(reader)
    finally:
        reader.close()
