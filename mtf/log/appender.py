"""The appender: the newest segment's end, and the frames that are appended there; compiled, since each push does it.

Owns the newest segment's file and length, for the next frame the seq, the chain and the names, and the first failure.
What happens seldom (positions, a new segment, a mark) is left to the log that is built on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from mypy_extensions import i64, mypyc_attr

from mtf.errors import LogWriteFailed
from mtf.events.block import BLOCK_EVENTS_MAX, Block, SymbolTable
from mtf.log.block_frame import block_frame
from mtf.log.event_log import NO_POSITIONS
from mtf.log.spans import SpanMaker

__all__ = ["Appender"]


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Appender:
    """Appends blocks to an open file with *write*, the call of the operating system."""

    def __init__(self, write: Callable[[int, bytes], int]) -> None:
        self._write: Final = write
        self._lock: i64 = -1  # the lock's file; -1 once closed
        self._failed: LogWriteFailed | None = None  # the first failure; set once
        # A write has begun, and what it changes is not noted yet: if that was interrupted, the file's end is unknown.
        self._unfinished = False
        self._path = ""  # of the newest segment
        self._file: i64 = -1  # of the newest segment; -1 if the next append must begin one
        self._bytes: i64 = 0  # of the newest segment
        self._full_at: i64 = 0  # it is full at this many bytes, once it holds an event
        self._mark_at: i64 = 0  # the next mark is made at this many bytes of it
        self._events: i64 = 0  # in the newest segment
        self._seed = 0
        self._symbols = SymbolTable()
        # Makes the spans of the newest segment; None if its beginning was written before this start.
        self._spans: SpanMaker | None = None
        self.chain = 0
        self.last_seq = 0
        self.durable_seq = 0

    @property
    def full(self) -> bool:
        """Whether the next append has to begin a segment."""
        return self._file < 0 or self._bytes >= self._full_at

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        """Write the frame of *block*, which follows the newest event, and the *positions* that changed."""
        if self._failed is not None or self._lock < 0 or self._unfinished:
            self._refuse()
        first_seq, count = block.first_seq, block.count
        if first_seq != self.last_seq + 1 or not 0 < count <= BLOCK_EVENTS_MAX:
            raise AssertionError(f"{block!r} cannot follow seq {self.last_seq}")
        if self._file < 0 or self._bytes >= self._full_at:
            self._rotate()
        if self._bytes >= self._mark_at:
            self._mark()
        encoded = b""
        adds = bool(block.heap) or bool(positions)
        if adds:
            encoded = self._encoded(block, positions)
        data, chain = block_frame(block, encoded, len(self._symbols), self.durable_seq, self._seed, self.chain)
        self._unfinished = True
        try:
            written = self._write(self._file, data)
        except OSError as error:
            self._fail("a write", error)
        if written != len(data):
            self._fail(f"a write of {len(data)} bytes, of which {written} were written,", None)
        self._bytes += written
        self._events += count
        spans = self._spans
        if spans is not None:
            spans.take(block.rows, count)
        self.chain = chain
        if adds:
            self._learn(block)
        self.last_seq = int(first_seq + count - 1)  # set last: `sync` assumes that everything up to it is written
        self._unfinished = False

    def _encoded(self, block: Block, positions: Mapping[str, Any]) -> bytes:
        """Return the *positions* that changed, encoded; ValueError if they or the names would become too large."""
        raise NotImplementedError

    def _learn(self, block: Block) -> None:
        """Take over the names in *block*, and the positions last encoded: they are written."""
        raise NotImplementedError

    def _rotate(self) -> None:
        """Begin a new segment."""
        raise NotImplementedError

    def _mark(self) -> object:
        """Make a mark at the end of what is written."""
        raise NotImplementedError

    def _fail(self, what: str, cause: OSError | None) -> NoReturn:
        """Append nothing more, since *what* failed, and raise LogWriteFailed."""
        reason = f": {cause}" if cause is not None else ""
        self._failed = LogWriteFailed(
            f"{self._path}: {what} failed{reason}; the log is safe up to seq {self.durable_seq}, written up to "
            f"{self.last_seq}: fix the disk, then start again"
        )
        raise self._failed from cause

    def _refuse(self) -> NoReturn:
        """Raise LogWriteFailed: the log has failed, is closed, or was interrupted, and can then be synced still."""
        if self._failed is not None:
            raise self._failed
        if self._lock < 0:
            raise LogWriteFailed(f"{self._path}: the log is closed")
        raise LogWriteFailed(
            f"{self._path}: a write was interrupted, after which nothing may follow; the log is safe up to seq "
            f"{self.durable_seq}, written up to {self.last_seq} at least: start again"
        )
