"""Opening a log: finds out which events it has, and what is a torn tail or damage.

Owns that decision, and the only changes that opening makes: a torn tail is cut off and kept, and what may not be on
the disk is written again. A tail is torn if the newest segment has no seal, and no intact frame after the damage
records that the damaged events were synced. Anything else that is not intact is CorruptLog, and nothing is changed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import SymbolTable
from mtf.log.filesystem import FileSystem, join, make_directories, write_all
from mtf.log.marks import read_marks, skip_to_mark
from mtf.log.retention import retained_seq
from mtf.log.segment import Segment, damage_of, read_ends, segment_name, segment_names, segment_seq
from mtf.log.segment_format import HEADER_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, first_chain
from mtf.log.torn import torn_name

__all__ = [
    "Outside",
    "Recovered",
    "TornTail",
    "check_ended",
    "check_follows",
    "cut_tail",
    "judge",
    "prepare_directory",
    "recover",
    "rewrite",
]

COPY_BYTES: Final = 1 << 20
TORN_MAX: Final = 10_000
STARTS_BYTES: Final = 1 << 16


class TornTail(NamedTuple):
    """An end of the newest segment that only a crash can have left."""

    path: str
    offset: int
    bytes: int
    seq: int  # of the first missing event
    why: str
    kept: str  # the file that the bytes were copied to; "" while they are still in the segment


class Recovered(NamedTuple):
    """What a writer needs to know to continue."""

    config: bytes
    run_id: bytes
    number: int  # of the newest segment
    path: str  # of the newest segment
    bytes: int  # of its intact part
    events: int  # in that part
    version: int  # of the events in its newest segment
    sealed: bool
    first_seq: int
    last_seq: int
    durable_offset: int  # up to which the newest segment is known to be synced, at least
    chain: int
    symbols: SymbolTable
    positions: dict[str, Any]
    tail: TornTail | None
    checked_from: int  # every frame was checked from this event on
    marked_names: int  # symbols known at the last mark that can be kept
    marks_bytes: int  # of the file of marks, up to that one; 0: none can be kept


class Outside(NamedTuple):
    """A segment that was only looked at from the outside."""

    header: SegmentHeader
    next_seq: int  # after its last event
    chain: int  # after its seal


def recover(fs: FileSystem, directory: str, *, check_from: int = 1) -> Recovered | None:
    """Read the log in *directory* and return its state; None if no log was ever begun.

    CorruptLog if it is damaged. What comes before *check_from* is not read: of sealed segments that end before it, only
    header, seal and order are checked, and of the newest segment the part before a mark (`mtf.log.marks`). Everything
    else is checked frame by frame. Changes nothing.
    """
    names = segment_names(fs, directory, look=False)
    start_seq = retained_seq(fs, directory)
    if not names:
        if start_seq > 1:
            what = f"{directory}: the log's segments are missing; restore them from a copy"
            raise CorruptLog(what, path=directory, seq=start_seq)
        return None
    before: Segment | Outside | None = None
    first_seq = segment_seq(names[0])
    if first_seq > start_seq:
        path = join(directory, segment_name(start_seq))
        raise CorruptLog(f"{path}: the segment is missing; restore it from a copy", path=path, seq=start_seq)
    checked_from = first_seq
    for name, following in pairwise(names):
        path = join(directory, name)
        if segment_seq(following) <= check_from:
            before = _look(fs, path, before)
            checked_from = segment_seq(following)
        else:
            before = _read(fs, path, before)
    newest = Segment(fs, join(directory, names[-1]))
    try:
        check_follows(newest, before)
        return _newest(fs, newest, first_seq, check_from, checked_from)
    finally:
        newest.close()


def check_follows(segment: Segment, before: Segment | Outside | None) -> None:
    """Raise CorruptLog unless *segment* continues where *before*, read to its end, stopped."""
    _check_header(segment.path, segment.header, before)
    if isinstance(before, Segment) and segment.config != before.config:
        raise segment.damage(0, before.next_seq, OF_ANOTHER)


def check_ended(segment: Segment) -> None:
    """Raise CorruptLog unless *segment*, after which there is another, was read to its end."""
    if segment.why or not segment.sealed:
        raise segment.damage(segment.offset, segment.next_seq, segment.why or "no seal before a later segment")


def _check_header(path: str, header: SegmentHeader, before: Segment | Outside | None) -> None:
    """Raise CorruptLog unless the segment of *header* at *path* continues where *before* stopped."""
    if segment_name(header.first_seq) != path[-len(segment_name(0)) :]:
        what = f"a segment with seq {header.first_seq} under the wrong name"
        raise damage_of(path, 0, header.first_seq, what)
    if before is None:
        if header.first_seq == 1 and (header.number != 1 or header.chain != first_chain(header.run_id)):
            raise damage_of(path, 0, 1, "not the beginning of a log")
        return
    version = max(header.version, before.header.version)  # a log may continue in a later version
    expected = SegmentHeader(before.header.number + 1, before.header.run_id, before.next_seq, before.chain, version)
    if header == expected:
        return
    if header.run_id != expected.run_id:
        what = OF_ANOTHER
    elif header.first_seq != expected.first_seq:
        what = f"a segment that starts at seq {header.first_seq} instead of {expected.first_seq}"
    else:
        what = "a segment that does not follow the one before"
    raise damage_of(path, 0, expected.first_seq, what)


OF_ANOTHER: Final = "a segment of another log"


def judge(segment: Segment) -> TornTail:
    """Return the torn tail at which the newest *segment* stopped; CorruptLog if synced events are lost."""
    for offset, header in segment.later_headers():
        if header.durable_seq >= segment.next_seq:
            what = f"{segment.why} (by the frame at byte {offset}, the log was synced up to seq {header.durable_seq})"
            raise segment.damage(segment.offset, segment.next_seq, what)
    if segment.sealed:
        raise segment.damage(segment.offset, segment.next_seq, segment.why)
    return TornTail(segment.path, segment.offset, segment.bytes - segment.offset, segment.next_seq, segment.why, "")


def prepare_directory(fs: FileSystem, directory: str, *, make: bool) -> None:
    """Create the directory of a log if *make*; DataDirError if there is none, or something else."""
    kind = fs.kind(directory)
    if kind == "nothing" and make:
        make_directories(fs, directory)
    elif kind == "nothing":
        raise DataDirError(f"{directory}: there is no log here")
    elif kind != "directory":
        raise DataDirError(f"{directory}: not a plain directory; links are refused")


def cut_tail(fs: FileSystem, directory: str, tail: TornTail) -> TornTail:
    """Copy *tail* to a new file, synced, then cut it off, synced; return it with the path of the copy."""
    taken = set(fs.names(directory))
    for number in range(1, TORN_MAX + 1):
        name = torn_name(tail.offset, number)
        if name not in taken:
            break
    else:
        raise DataDirError(f"{directory}: {TORN_MAX} torn tails are kept here already; move them away")
    kept = join(directory, name)
    segment = fs.open(tail.path, "append")
    try:
        copy = fs.open(kept, "create")
        try:
            for at in range(tail.offset, tail.offset + tail.bytes, COPY_BYTES):
                length = min(COPY_BYTES, tail.offset + tail.bytes - at)
                part = fs.read(segment, length, at)
                if len(part) != length:
                    raise OSError(f"{tail.path}: short read, {len(part)} of {length} bytes")
                write_all(fs, copy, kept, part)
            fs.sync(copy)
        finally:
            fs.close(copy)
        fs.sync_directory(directory)
        fs.truncate(segment, tail.offset)
        fs.sync(segment)
    finally:
        fs.close(segment)
    return tail._replace(kept=kept)


def rewrite(fs: FileSystem, file: int, path: str, start: int, end: int) -> None:
    """Write the bytes of *file*, at *path*, from *start* to *end* in place once more, and sync them.

    A sync that failed before the crash can leave pages that were never written but are marked clean; another sync
    alone would report success. Rewriting makes them dirty, so that this sync is reliable.
    """
    for at in range(start, end, COPY_BYTES):
        part = fs.read(file, min(COPY_BYTES, end - at), at)
        if fs.write_at(file, part, at) != len(part):
            raise DataDirError(f"{path}: a short write at byte {at} while opening")
    fs.sync(file)


def _read(fs: FileSystem, path: str, before: Segment | Outside | None) -> Segment:
    """Check every frame of the sealed segment at *path*, and return it, read to its end."""
    segment = Segment(fs, path)
    try:
        check_follows(segment, before)
        while segment.next() is not None:
            segment.skim(learn=False)
        check_ended(segment)
        return segment
    finally:
        segment.close()


def _look(fs: FileSystem, path: str, before: Segment | Outside | None) -> Outside:
    """Check header, seal and order of the sealed segment at *path*."""
    header, seal, size = read_ends(fs, path)
    _check_header(path, header, before)
    if seal is None or not seal.is_seal or seal.events != seal.first_seq - header.first_seq:
        end = max(size - HEADER_BYTES, SEGMENT_HEADER_BYTES)
        raise damage_of(path, end, header.first_seq, "no seal at the end")
    return Outside(header, seal.first_seq, seal.chain)


def _newest(fs: FileSystem, segment: Segment, first_seq: int, check_from: int, checked_from: int) -> Recovered:
    marks, ends = read_marks(fs, segment.path, segment.seed)
    used = skip_to_mark(segment, marks, check_from)
    marked_names = len(segment.symbols)
    durable_seq = segment.next_seq - 1  # of what comes before a mark
    starts = [(durable_seq, segment.offset)]  # of some frames: the last seq before it, and its offset
    if used >= 0:
        checked_from = segment.next_seq
    while (frame := segment.next()) is not None:
        segment.joined(frame, check=False)
        durable_seq = max(durable_seq, frame.header.durable_seq)
        if frame.offset - starts[-1][1] > STARTS_BYTES or frame.header.is_seal:
            starts.append((frame.header.first_seq - 1, frame.offset))
        segment.skim(learn=True)
    # Starts rather than ends, as a frame does not cover itself. Skimmed frames are left out: an earlier start is safe.
    durable_offset = max(offset for seq, offset in starts if seq <= durable_seq)
    tail = judge(segment) if segment.why else None
    return Recovered(
        config=segment.config,
        run_id=segment.header.run_id,
        number=segment.header.number,
        path=segment.path,
        bytes=segment.offset,
        events=segment.events,
        sealed=segment.sealed,
        version=segment.header.version,
        first_seq=first_seq,
        last_seq=segment.next_seq - 1,
        durable_offset=durable_offset,
        chain=segment.chain,
        symbols=segment.symbols,
        positions=segment.positions,
        tail=tail,
        checked_from=checked_from,
        marked_names=marked_names,
        marks_bytes=ends[used] if used >= 0 else 0,
    )
