"""The index of a log: which of its events may be ticks of given symbols, stamped in a given span of time.

Reads the indexes of sealed segments, and makes missing ones from the segments, in memory: reading changes no file. It
only finds where to look: the events themselves are read from the log.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Final

from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.index_file import StoredSpans, made_spans, read_spans, take_rest
from mtf.log.retention import retained_seq
from mtf.log.segment import Segment, segment_name, segment_seq
from mtf.log.segment_format import SEQ_MAX
from mtf.log.segment_list import SegmentList
from mtf.log.spans import SpanMaker, Spans

__all__ = ["LogIndex"]


class LogIndex:
    """The index of the log in *directory*, which may be written meanwhile. For one thread at a time."""

    def __init__(
        self, directory: str | Path, *, fs: FileSystem | None = None, segments: SegmentList | None = None
    ) -> None:
        self.directory: Final = str(directory)
        self._fs: Final = fs or OsFileSystem()
        self._segments: Final = segments or SegmentList(directory, fs=fs)
        self._sealed: dict[str, Spans | StoredSpans] = {}  # by name of the segment
        self._live: tuple[Segment, SpanMaker] | None = None  # the newest segment, and its spans as far as it was read
        self._live_name = ""

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        """Return the first and last seq of runs of events, in order and up to *last_seq*, that contain all such ticks.

        They contain other events too. *symbols* is a set, whose bit n stands for the symbol number n, or ALL_SYMBOLS.
        DataDirError if there is no log; CorruptLog if a segment without an index is damaged.
        """
        names = self._segments.look()
        found: list[tuple[int, int]] = []
        for i, name in enumerate(names[: bisect_right(names, segment_name(min(last_seq, SEQ_MAX)))]):
            known = self._sealed.get(name)
            if known is not None and (known.greatest_ns < start_ns or known.least_ns >= end_ns):
                continue  # most are of another time
            for first, last in self._find(name, i == len(names) - 1, symbols, start_ns, end_ns):
                if first <= last_seq:
                    run = (first, min(last, last_seq))
                    if found and found[-1][1] + 1 == first:
                        run = (found.pop()[0], run[1])
                    found.append(run)
        return found

    def close(self) -> None:
        """Close what is open; later calls open it again."""
        if self._live is not None:
            self._live[0].close()
        self._live, self._live_name = None, ""

    def _find(self, name: str, newest: bool, symbols: int, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        spans = self._sealed.get(name)
        if spans is None:
            path = join(self.directory, name)
            spans = None if name == self._live_name else read_spans(self._fs, path, segment_seq(name))
            if spans is None:
                try:
                    maker, sealed = self._made(name, newest)
                except FileNotFoundError:
                    if retained_seq(self._fs, self.directory) > segment_seq(name):
                        return []  # it was just removed
                    raise
                if not sealed:
                    rest = [(maker.spans.next_seq, maker.next_seq - 1)] if maker.next_seq > maker.spans.next_seq else []
                    return maker.spans.find(symbols, start_ns, end_ns) + rest
                maker.complete()
                spans = maker.spans
            self._sealed[name] = spans
        return spans.find(symbols, start_ns, end_ns)

    def _made(self, name: str, newest: bool) -> tuple[SpanMaker, bool]:
        """Return the maker of a segment's spans, after reading all of it, and whether the segment is sealed."""
        if self._live is not None and self._live_name == name:
            segment, maker = self._live
            segment.refresh()
            take_rest(segment, maker)
        else:
            segment = Segment(self._fs, join(self.directory, name))
            maker = made_spans(segment)
        if segment.sealed and not segment.why:
            if self._live_name == name:
                self._live, self._live_name = None, ""
            segment.close()
            return maker, True
        if not newest:
            segment.close()
            raise segment.damage(segment.offset, segment.next_seq, segment.why or "no seal before a later segment")
        if self._live_name != name:
            self.close()
        self._live, self._live_name = (segment, maker), name
        return maker, False
