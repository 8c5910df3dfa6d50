"""Opening a log: which events are there, what is a torn tail, and what is damage.

Owns the judgement, and the one change that opening makes: a torn tail is cut off and kept. A tail is torn if the newest
segment has no seal, and no intact frame after the damage knew the damaged events to be synced. Anything else
that is not intact is CorruptLog, and nothing is changed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import SymbolTable
from mtf.log.filesystem import FileSystem, join
from mtf.log.retention import retained_seq
from mtf.log.segment import Segment, segment_name, segment_names, segment_seq
from mtf.log.segment_format import SEAL, SegmentHeader, first_chain
from mtf.log.torn import torn_name

__all__ = ["Recovered", "TornTail", "check_follows", "cut_tail", "judge", "recover"]

COPY_BYTES: Final = 1 << 20
TORN_MAX: Final = 10_000
STARTS_BYTES: Final = 1 << 16


class TornTail(NamedTuple):
    """The end of the newest segment that no crash-free run would have left."""

    path: str
    offset: int
    bytes: int
    seq: int  # of the first event that is not there
    why: str
    kept: str  # the file that the bytes were copied to; "" as long as they are in the segment


class Recovered(NamedTuple):
    """What a writer must know to continue."""

    config: bytes
    run_id: bytes
    number: int  # of the newest segment
    path: str  # of the newest segment
    bytes: int  # of its intact part
    events: int  # in it
    version: int  # of the events in its newest segment
    sealed: bool
    first_seq: int
    last_seq: int
    durable_offset: int  # the newest segment is known to be synced at least up to there
    chain: int
    symbols: SymbolTable
    positions: dict[str, Any]
    tail: TornTail | None


def recover(fs: FileSystem, directory: str, *, check_from: int = 1) -> Recovered | None:
    """Read the log in *directory* and return what is there, or None if no log was ever begun.

    CorruptLog if it is damaged. Sealed segments that end before *check_from* are only checked from the outside
    (header, seal, and how they join), the others frame by frame. Changes nothing.
    """
    names = segment_names(fs, directory)
    start_seq = retained_seq(fs, directory)
    if not names:
        if start_seq > 1:
            what = f"{directory}: the log's segments are gone; restore them from a copy"
            raise CorruptLog(what, path=directory, seq=start_seq)
        return None
    before: Segment | None = None
    first_seq = segment_seq(names[0])
    if first_seq > start_seq:
        path = join(directory, segment_name(start_seq))
        raise CorruptLog(f"{path}: the segment is missing; restore it from a copy", path=path, seq=start_seq)
    for name, following in pairwise(names):
        segment = Segment(fs, join(directory, name))
        try:
            check_follows(segment, before)
            if segment_seq(following) > check_from:
                while segment.next() is not None:
                    segment.skim(learn=False)
            else:
                _skip_to_seal(segment)
            if segment.why or not segment.sealed:
                what = segment.why or "no seal, though a later segment is there"
                raise segment.damage(segment.offset, segment.next_seq, what)
        finally:
            segment.close()
        before = segment
    newest = Segment(fs, join(directory, names[-1]))
    try:
        check_follows(newest, before)
        return _newest(newest, first_seq)
    finally:
        newest.close()


def check_follows(segment: Segment, before: Segment | None) -> None:
    """Raise CorruptLog unless *segment* continues where the one *before*, read to its end, stopped."""
    header = segment.header
    if segment_name(header.first_seq) != segment.path[-len(segment_name(0)) :]:
        raise segment.damage(0, header.first_seq, f"a segment of seq {header.first_seq} under another's name")
    if before is None:
        if header.first_seq == 1 and (header.number != 1 or header.chain != first_chain(header.run_id)):
            raise segment.damage(0, 1, "not the beginning of a log")
        return
    version = max(header.version, before.header.version)  # a log may continue in a later one
    expected = SegmentHeader(before.header.number + 1, before.header.run_id, before.next_seq, before.chain, version)
    if header == expected and segment.config == before.config:
        return
    if header.run_id != expected.run_id or segment.config != before.config:
        what = "a segment of another log"
    elif header.first_seq != expected.first_seq:
        what = f"a segment that starts at seq {header.first_seq}, where {expected.first_seq} should follow"
    else:
        what = "a segment that does not follow the one before"
    raise segment.damage(0, expected.first_seq, what)


def judge(segment: Segment) -> TornTail:
    """Return the torn tail at which the newest *segment* stopped; CorruptLog if events known synced are lost."""
    for offset, header in segment.later_headers():
        if header.durable_seq >= segment.next_seq:
            what = f"{segment.why} (the frame at byte {offset} knew the log synced up to seq {header.durable_seq})"
            raise segment.damage(segment.offset, segment.next_seq, what)
    if segment.sealed:
        raise segment.damage(segment.offset, segment.next_seq, segment.why)
    return TornTail(segment.path, segment.offset, segment.bytes - segment.offset, segment.next_seq, segment.why, "")


def cut_tail(fs: FileSystem, directory: str, tail: TornTail) -> TornTail:
    """Copy *tail* to a new file, synced, then cut it off, synced; return the path of the copy."""
    taken = set(fs.names(directory))
    for number in range(1, TORN_MAX + 1):
        name = torn_name(tail.offset, number)
        if name not in taken:
            break
    else:
        raise DataDirError(f"{directory}: {TORN_MAX} torn tails are kept here; move them away")
    kept = join(directory, name)
    segment = fs.open(tail.path, "append")
    try:
        copy = fs.open(kept, "create")
        try:
            for at in range(tail.offset, tail.offset + tail.bytes, COPY_BYTES):
                length = min(COPY_BYTES, tail.offset + tail.bytes - at)
                if fs.write(copy, fs.read(segment, length, at)) != length:
                    raise OSError(f"{kept}: a short read or write")
            fs.sync(copy)
        finally:
            fs.close(copy)
        fs.sync_directory(directory)
        fs.truncate(segment, tail.offset)
        fs.sync(segment)
    finally:
        fs.close(segment)
    return tail._replace(kept=kept)


def _newest(segment: Segment, first_seq: int) -> Recovered:
    durable_seq = segment.header.first_seq - 1
    starts = [(durable_seq, segment.offset)]  # last seq before, and offset of, a frame every now and then
    while (frame := segment.next()) is not None:
        segment.joined(frame, check=False)
        durable_seq = max(durable_seq, frame.header.durable_seq)
        if frame.offset - starts[-1][1] > STARTS_BYTES or frame.header.is_seal:
            starts.append((frame.header.first_seq - 1, frame.offset))
        segment.skim(learn=True)
    # No frame knows of itself, hence starts and not ends. Skimmed frames are not examined: too early does no harm.
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
    )


def _skip_to_seal(segment: Segment) -> None:
    """Move *segment* to its end without reading what is between, if it ends with a seal."""
    header = segment.last_header()
    if header is None or header.kind != SEAL:
        segment.why = "no seal at the end"
        return
    segment.next_seq, segment.chain, segment.events = header.first_seq, header.chain, header.events
    segment.offset = segment.bytes
    segment.sealed = True
