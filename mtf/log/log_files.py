"""The log in a directory, for readers: without a lock, beside its writer, with current answers to each call.

Opens nothing for writing. Holds a segment open only while that is being written, after a search for its end or for
ticks in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mtf.log.end import LogEnd
from mtf.log.filesystem import FileSystem
from mtf.log.log_index import LogIndex
from mtf.log.log_reader import LogReader, read_log, read_positions
from mtf.log.segment import segment_seq
from mtf.log.segment_list import SegmentList

__all__ = ["LogFiles"]


class LogFiles:
    """Reads the log in *directory* (`mtf.log.event_log.ReadableLog`); calls raise DataDirError if there is none."""

    def __init__(self, directory: str | Path, *, fs: FileSystem | None = None) -> None:
        self.directory: Final = str(directory)
        self._fs: Final = fs
        self._segments: Final = SegmentList(directory, fs=fs)
        self._end: Final = LogEnd(directory, fs=fs, segments=self._segments)
        self._index: Final = LogIndex(directory, fs=fs, segments=self._segments)
        self._config: bytes | None = None  # once read: every segment repeats it

    @property
    def config(self) -> bytes:
        if self._config is None:
            first = read_log(self.directory, self.first_seq, fs=self._fs)
            first.close()
            self._config = first.config
        return self._config

    @property
    def run_id(self) -> bytes:
        return self._segments.run_id

    @property
    def first_seq(self) -> int:
        return segment_seq(self._segments.look()[0])

    @property
    def last_seq(self) -> int:
        return self._end.look()

    @property
    def symbols(self) -> list[str]:
        self._end.look()
        return list(self._end.symbols)

    @property
    def positions(self) -> dict[str, Any]:
        return read_positions(self.directory, fs=self._fs)

    def read(
        self,
        from_seq: int = 1,
        *,
        last_seq: int | None = None,
        block_events: int = 1,
        names: Sequence[str] = (),
    ) -> LogReader:
        return read_log(
            self.directory,
            from_seq,
            last_seq=last_seq,
            block_events=block_events,
            leap=True,
            names=names,
            fs=self._fs,
            segments=self._segments,
        )

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        return self._index.find(symbols, start_ns, end_ns, last_seq)

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> LogReader:
        return read_log(self.directory, from_seq, block_events=block_events, fs=self._fs)

    def close(self) -> None:
        self._end.close()
        self._index.close()
