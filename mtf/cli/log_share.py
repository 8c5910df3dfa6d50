"""The progress of work on a log, by the bytes of its segments, for the progress bar."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from mtf.cli.progress import Report
from mtf.log.event_log import LoggedBlock
from mtf.log.filesystem import OsFileSystem, join
from mtf.log.segment import Segment, segment_names

__all__ = ["LogShare"]


class LogShare:
    """Reports progress of the activity *what* on the log in *directory*, as its segments are processed in order."""

    def __init__(self, directory: Path, what: str, report: Report) -> None:
        paths = [join(str(directory), name) for name in segment_names(OsFileSystem(), str(directory))]
        sizes = [Path(path).stat().st_size for path in paths]
        self._what: Final = what
        self._report: Final = report
        self._before: Final = dict(zip(paths, itertools.accumulate(sizes, initial=0), strict=False))  # bytes
        self._total: Final = sum(sizes)
        self._counted = 0  # events in the finished segments
        self._path = ""  # of the current segment
        self._events = 0  # of the current segment, so far

    def watch(self, segment: Segment) -> None:
        """Report that *segment* has been read up to its offset."""
        if segment.path != self._path:
            self._counted += self._events
            self._path = segment.path
        self._events = segment.next_seq - segment.header.first_seq
        done = self._before.get(segment.path, 0) + segment.offset
        share = min(1.0, done / self._total) if self._total else None
        self._report(self._what, share, self._counted + self._events)

    def take(self, _block: LoggedBlock, segment: Segment) -> None:
        """Report the same, called with blocks."""
        self.watch(segment)
