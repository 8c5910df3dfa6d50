"""The end of a log and its symbols up to there, found without reading all of it, and tracked as it grows.

A sealed segment is recognized by its last bytes; only one that is being written is read through, once: the next look
continues from there. Opens nothing for writing and takes no lock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mtf.errors import DataDirError
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.log_reader import LogReader, read_log
from mtf.log.segment import Segment
from mtf.log.segment_format import SEQ_MAX
from mtf.log.segment_list import SegmentList

__all__ = ["LogEnd"]


class LogEnd:
    """The end of the log in *directory*: `look` returns where it is now."""

    def __init__(
        self, directory: str | Path, *, fs: FileSystem | None = None, segments: SegmentList | None = None
    ) -> None:
        self.directory: Final = str(directory)
        self._fs: Final = fs or OsFileSystem()
        self._segments: Final = segments or SegmentList(directory, fs=fs)
        self._reader: LogReader | None = None  # at the end, as of the last look that found it unsealed
        self.last_seq = 0  # as of the last look
        self.symbols: list[str] = []  # by number, as of the last look

    def look(self) -> int:
        """Return the newest event now; 0 if there is none yet.

        DataDirError if there is no log, CorruptLog if its end is damaged.
        """
        if self._reader is None and self._is_sealed():
            return self.last_seq
        if self._reader is not None:
            try:
                return self._look_on(self._reader)
            except DataDirError:  # what follows was removed since the last look
                self.close()
        self._reader = read_log(self.directory, SEQ_MAX, check=False, fs=self._fs, segments=self._segments)
        return self._look_on(self._reader)

    def close(self) -> None:
        """Close what is open."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _look_on(self, reader: LogReader) -> int:
        while reader.poll() is not None:  # no block has so high a seq: all are skipped
            pass
        self.last_seq, self.symbols = reader.last_seq, reader.symbols
        return self.last_seq

    def _is_sealed(self) -> bool:
        """If the newest segment is sealed, take its end and symbols from its seal, and return True."""
        segment = Segment(self._fs, join(self.directory, self._segments.look()[-1]))
        try:
            last = segment.last_header()
            if last is None or not last.is_seal or last.symbols != len(segment.symbols):
                return False
            self.last_seq = segment.header.first_seq + last.events - 1
            self.symbols = list(segment.symbols.names)
            return True
        finally:
            segment.close()
