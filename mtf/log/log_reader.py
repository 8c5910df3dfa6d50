"""Reading a log without a lock: to its end, or following it as it grows, even from another process.

Owns a cursor over segments. An incomplete frame at the end of the newest segment means "not yet"; a torn tail, as
judged by `mtf.log.recovery`, ends the reading where the next writer will cut it off; anything else that is not intact
is CorruptLog. A reader may see events that are written but not yet synced, which a power failure can undo.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mtf.errors import DataDirError
from mtf.events.block import BLOCK_EVENTS_MAX
from mtf.log.event_log import LoggedBlock, join_blocks
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.leap import leap as leap_to
from mtf.log.leap import newest_seq
from mtf.log.recovery import TornTail, check_follows, judge
from mtf.log.retention import retained_seq
from mtf.log.segment import Segment, logged_segments, segment_name, segment_names, segment_seq
from mtf.log.segment_format import SEQ_MAX
from mtf.log.segment_list import SegmentList

__all__ = [
    "LogReader",
    "first_logged_seq",
    "newest_logged_seq",
    "read_log",
    "read_positions",
]


class LogReader(Iterator[LoggedBlock]):
    """Yields blocks from the one that contains *from_seq*; `poll` can be called again for later ones."""

    def __init__(
        self,
        directory: str,
        from_seq: int,
        last_seq: int | None,
        *,
        block_events: int = 1,
        check: bool = True,
        leap: bool = False,
        names: Sequence[str] = (),
        fs: FileSystem | None = None,
        segments: SegmentList | None = None,
    ) -> None:
        self.directory: Final = directory
        self._fs: Final = fs or OsFileSystem()
        self._from_seq: Final = from_seq
        self._last_seq: Final = last_seq  # nothing after it is read; None: no limit
        self._block_events: Final = block_events
        self._check: Final = check
        self._ready: deque[LoggedBlock] = deque()  # blocks of the last frame read
        self.tail: TornTail | None = None  # what follows the last intact frame, when `next` last stopped
        self._newest_at = -1  # the size at which the open segment was seen to be the newest; -1: not seen yet
        there = segments.look() if segments else logged_segments(self._fs, directory, look=False)
        self.first_seq: Final = segment_seq(there[0])
        if from_seq < self.first_seq:
            raise DataDirError(f"{directory}: the log starts at seq {self.first_seq}, and {from_seq} is gone")
        self._segment = self._open(there[bisect_right(there, segment_name(min(from_seq, SEQ_MAX))) - 1], None)
        self._segment.spare_names = names
        self._leaps: Final = leap  # then reading may begin before the block that contains the first seq
        if leap:
            leap_to(self._segment, from_seq)
        self.config: Final = self._segment.config
        self.run_id: Final = self._segment.header.run_id

    @property
    def last_seq(self) -> int:
        """The newest event that has been returned."""
        return self._segment.next_seq - 1 - sum(ready.block.count for ready in self._ready)

    @property
    def symbols(self) -> list[str]:
        """The names by number, as of `last_seq` at least."""
        return list(self._segment.symbols.names)

    @property
    def positions(self) -> dict[str, Any]:
        """The newest position of each source, as of `last_seq` at least."""
        return dict(self._segment.positions)

    def __next__(self) -> LoggedBlock:
        found = self.poll()
        if found is None:
            self.close()
            raise StopIteration
        return found

    def poll(self) -> LoggedBlock | None:
        """Return the next block, or None if there is none yet."""
        parts: list[LoggedBlock] = []
        held = 0
        while held < self._block_events and (part := self._next_part()) is not None:
            parts.append(part)
            held += part.block.count
        return join_blocks(parts) if parts else None

    def _next_part(self) -> LoggedBlock | None:
        while not self._ready:
            segment = self._segment
            if self._last_seq is not None and segment.next_seq > self._last_seq:
                return None
            if segment.is_closed:
                return None
            if segment.next_seq < self._from_seq:
                segment.skim(learn=True, until=self._from_seq)
            elif self._block_events > 1:
                run = segment.run(self._block_events, last_seq=self._last_seq, check=self._check)
                if run is not None:
                    return run
            frame = segment.next()
            if frame is not None:
                check = self._check and segment.next_seq > self._from_seq
                joins = self._block_events > 1 and (self._leaps or frame.header.first_seq >= self._from_seq)
                blocks = segment.joined(frame, check=check) if joins else segment.blocks(frame, check=check)
                self._ready.extend(found for found in blocks if found.block.last_seq >= self._from_seq)
            elif not self._go_on(segment):
                return None
        return self._ready.popleft()

    def close(self) -> None:
        self._segment.close()

    def _go_on(self, segment: Segment) -> bool:
        """Look for more after the end of *segment*: it may have grown, or there may be a next one."""
        grown = segment.refresh()
        if grown and not (segment.sealed and segment.why):
            return True
        if segment.sealed and not segment.why:
            name = segment_name(segment.next_seq)
            names = [name]
            if self._fs.kind(join(self.directory, name)) == "nothing":
                names = segment_names(self._fs, self.directory, look=False)
            if name not in names:
                if all(segment_seq(other) < segment.next_seq for other in names):
                    return False
                if retained_seq(self._fs, self.directory) > segment.next_seq:
                    raise DataDirError(f"{self.directory}: seq {segment.next_seq} was removed before it was read")
                raise segment.damage(segment.offset, segment.next_seq, f"{name} should follow but is missing")
            self._segment = self._open(name, segment)
            self._newest_at = -1
            segment.close()
            return True
        self.tail = None
        if segment.why and not segment.partial:
            self.tail = judge(segment)
        if segment.offset == segment.bytes == self._newest_at:
            return False  # it has no seal yet, so that no segment follows it
        if segment_names(self._fs, self.directory, look=False)[-1:] > [segment_name(segment.header.first_seq)]:
            if segment.refresh():  # sealed between the two looks
                return True
            raise segment.damage(segment.offset, segment.next_seq, segment.why or "no seal before a later segment")
        self._newest_at = segment.bytes
        return False

    def _open(self, name: str, before: Segment | None) -> Segment:
        try:
            segment = Segment(self._fs, join(self.directory, name))
        except FileNotFoundError:
            if retained_seq(self._fs, self.directory) > segment_seq(name):
                gone = f"{self.directory}: seq {segment_seq(name)} was removed before it was read"
                raise DataDirError(gone) from None
            raise
        try:
            check_follows(segment, before)
        except BaseException:
            segment.close()
            raise
        return segment


def read_log(
    directory: str | Path,
    from_seq: int = 1,
    *,
    last_seq: int | None = None,
    block_events: int = 1,
    check: bool = True,
    leap: bool = False,
    names: Sequence[str] = (),
    fs: FileSystem | None = None,
    segments: SegmentList | None = None,
) -> LogReader:
    """Return an iterator over the blocks from the one that contains *from_seq* to the current end.

    With *block_events*, blocks are joined until one has that many or more, so that small ones do not slow down a
    replay; positions are the newest of those joined. With *check* each row is validated like untrusted input. With
    *leap*, what precedes *from_seq* is not read, so that only positions written after it are known; *names*, the
    symbols by number that the caller knows, make that possible more often. *segments* are the log's, if the caller has
    listed them before.
    The reader also has `config`, `run_id`, `symbols`, `positions`, and, once it has stopped, `tail`.
    DataDirError if there is no log, or *from_seq* is no longer kept.
    """
    return LogReader(
        str(directory),
        from_seq,
        last_seq,
        block_events=block_events,
        check=check,
        leap=leap,
        names=names,
        fs=fs,
        segments=segments,
    )


def first_logged_seq(directory: str | Path, *, fs: FileSystem | None = None) -> int:
    """Return the first event that is still in the log; DataDirError if there is no log."""
    names = logged_segments(fs or OsFileSystem(), str(directory), look=False)
    return segment_seq(names[0])


def newest_logged_seq(directory: str | Path, *, fs: FileSystem | None = None) -> int:
    """Return the newest event, found from the log's end, judging by headers of frames; 0 if there is none.

    If the end is damaged or torn, this may be the last event before that. DataDirError if there is no log.
    """
    fs = fs or OsFileSystem()
    names = logged_segments(fs, str(directory))
    segment = Segment(fs, join(str(directory), names[-1]))
    try:
        return newest_seq(segment)
    finally:
        segment.close()


def read_positions(directory: str | Path, *, fs: FileSystem | None = None) -> dict[str, Any]:
    """Return the newest position of each source; DataDirError if there is no log, CorruptLog if it is damaged."""
    fs = fs or OsFileSystem()
    newest = logged_segments(fs, str(directory))[-1]
    reader = LogReader(str(directory), segment_seq(newest), None, block_events=BLOCK_EVENTS_MAX, fs=fs)
    for _ in reader:
        pass
    return reader.positions
