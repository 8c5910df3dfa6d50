"""Feeds: one source as chunks, each with the position where it begins, read ahead for the merge.

A feed is a source with its rows staged, held for a while to be put in order (`WindowFeed`), or sorted (in
`mtf.sources.sort`). Owns what sources share while they are read in turns: their table of symbols, how much is read
ahead of each, which files are open, and what is set aside on disk.
"""

from __future__ import annotations

from collections import deque
from importlib import import_module
from itertools import groupby
from typing import Any, Final, Protocol, TypeGuard

from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.sources.chunk import NOTHING, Chunk, ChunkRows, Refused, chunk_of
from mtf.sources.reorder_window import ReorderWindow
from mtf.sources.source import Source
from mtf.sources.spool import Region, Spool

__all__ = ["Feed", "SourceFeed", "Stage", "WindowFeed"]

AHEAD_ROWS: Final = 1 << 20  # read ahead of all sources together
AHEAD_ROWS_MIN: Final = 64  # of one of them
AHEAD_ROWS_MAX: Final = 4_096
TEXT_BYTES: Final = 64 << 20  # of text held for all sources together
TEXT_BYTES_MIN: Final = 4_096  # of one of them
TEXT_BYTES_MAX: Final = 256 << 10
FILES_MAX: Final = 512  # open at once
PACKED_MAX: Final = 64  # of these, compressed ones, whose decompressors take memory; more are unpacked to disk

WINDOW: Final = "window"  # in a position: some rows after it are in the log, others are not


class Feed(Protocol):
    """Chunks of one source. `position()` is where the next one begins; `seek` moves there, before the first read."""

    ended: bool  # whether the source has ended: `next` returns no rows from then on

    def next(self) -> Chunk:
        """Return the next chunk; one without rows after each bounded piece of work that gave none."""
        ...

    def position(self) -> dict[str, Any]: ...

    def seek(self, position: dict[str, Any]) -> None: ...


class Suspendable(Protocol):
    """A source with a file that can be closed for a while."""

    read_bytes: int  # bytes of text read at once

    @property
    def reopens(self) -> bool:
        """Whether closing the file and continuing later costs no more than a seek."""
        ...

    def suspend(self) -> None:
        """Close the file until reading continues."""
        ...


def _can_suspend(source: Source) -> TypeGuard[Suspendable]:
    """Whether *source* has a file that can be closed for a while."""
    return hasattr(source, "suspend")  # `isinstance` of a protocol takes as long as reading a hundred rows


class Stage:
    """The state that the feeds of *sources* sources share."""

    def __init__(self, sources: int) -> None:
        self.symbols: Final = SymbolTable()
        self.builder: BlockBuilder | None = None  # the final destination of rows: it gives the times of a bar's events
        self.spool: Final = Spool()
        self.rows: Final = min(max(AHEAD_ROWS // sources, AHEAD_ROWS_MIN), AHEAD_ROWS_MAX)
        self.read_bytes: Final = min(max(TEXT_BYTES // sources, TEXT_BYTES_MIN), TEXT_BYTES_MAX)
        self._files_max: Final = _files_max()
        self._open: dict[int, Suspendable] = {}  # those with a file that can be closed, by id; most recently read last
        self._fixed: set[int] = set()  # ids of those with a file that stays open

    def read(self, source: Source, rows: int) -> tuple[Chunk, bool]:
        """Return up to *rows* rows of *source*, and whether there is more."""
        refused: list[Refused] = []
        outer = self.builder
        builder = BlockBuilder(
            self.symbols,
            aside=lambda *row: refused.append((int(builder.count), *row)),
            bar_clock=None if outer is None else outer.bar_clock,
        )
        if outer is not None:
            builder.arrival_ns = outer.arrival_ns
        more = source.fill(builder, rows)
        chunk = chunk_of(builder.take(1), refused)
        if _can_suspend(source):
            self._note(source, more)
        return chunk, more

    def is_crowded(self, source: Source) -> bool:
        """Whether *source* keeps a file open, and too many sources do."""
        return id(source) in self._fixed and len(self._fixed) > min(PACKED_MAX, self._files_max // 2)

    def let_go(self, source: Source) -> None:
        """Close the file of *source*, which is read no further."""
        self._open.pop(id(source), None)
        self._fixed.discard(id(source))
        source.close()

    def _note(self, source: Suspendable, more: bool) -> None:
        """Note that *source* was read, and close the file of the one read longest ago if there are many."""
        key = id(source)
        self._open.pop(key, None)
        self._fixed.discard(key)
        if not more:
            return
        if not source.reopens:
            self._fixed.add(key)
            return
        self._open[key] = source
        while len(self._open) + len(self._fixed) > self._files_max and len(self._open) > 1:
            self._open.pop(next(iter(self._open))).suspend()


class SourceFeed:
    """The rows of *source* in its own order, set aside on disk if too many compressed files would be open."""

    def __init__(self, source: Source, stage: Stage) -> None:
        self.source: Final = source
        self.ended = False
        self._stage: Final = stage
        self._region: Region | None = None  # the rest of the source, once it is set aside
        self._written = False  # all of it was set aside
        self._position: dict[str, Any] = {}  # the position after the last rows read back
        if stage.read_bytes < TEXT_BYTES_MAX and _can_suspend(source):
            source.read_bytes = stage.read_bytes

    @property
    def direct(self) -> bool:
        """Whether the next row is the source's own next one."""
        return self._region is None

    def read_whole(self) -> None:
        """Read as much text at once as is best for a single source."""
        if _can_suspend(self.source):
            self.source.read_bytes = TEXT_BYTES_MAX

    def next(self) -> Chunk:
        if not self._written:
            return self._read()
        assert self._region is not None, "what was written is in a region"
        found = next(self._region, None)
        if found is None:
            self.ended = True
            return NOTHING
        self._position = found[1]
        return found[0]

    def _read(self) -> Chunk:
        """Read more of the source, to be returned or set aside."""
        stage, source = self._stage, self.source
        before = source.position()
        chunk, more = stage.read(source, stage.rows)
        if self._region is None:
            if not (more and stage.is_crowded(source)):
                self.ended = not more
                return chunk
            self._region = Region(stage.spool)
            self._position = before
        self._region.write(chunk, source.position())
        if not more:
            self._written = True
            stage.let_go(source)
        return NOTHING

    def position(self) -> dict[str, Any]:
        return self.source.position() if self._region is None else self._position

    def seek(self, position: dict[str, Any]) -> None:
        self.source.seek(position)


class WindowFeed:
    """The rows of *feed* in the order of their stamps, as far as a window of *window_ns* allows."""

    def __init__(self, feed: Feed, window_ns: int) -> None:
        self.ended = False
        self._feed: Final = feed
        self._window_ns = window_ns  # as given, or as before a stop within a window
        self._window = ReorderWindow(window_ns)
        self._added: deque[tuple[dict[str, Any], int]] = deque()  # position and refused rows of the newest chunks
        self._passed = b""  # one byte per row to come, 1 if it was released before a stop
        self._refused = 0  # the malformed rows to come that were handled before a stop
        self._rows: Final = ChunkRows()

    def next(self) -> Chunk:
        if self._feed.ended:
            self._window.flush(self._rows)
            self._added.clear()
            self.ended = True
            return self._rows.chunk([])
        before = self._feed.position()
        chunk = self._feed.next()
        refused: list[Refused] = []
        if chunk.count:
            self._window.add(chunk)
        for row, *malformed in chunk.refused:
            self._window.read(row, self._rows, self._passed)
            if self._refused:
                self._refused -= 1
            else:
                refused.append((int(self._rows.count), *malformed))
        if chunk.count:
            self._window.read(chunk.count, self._rows, self._passed)
            self._passed = self._passed[chunk.count :]
            self._added.append((before, len(chunk.refused)))
            while len(self._added) > self._window.chunks:
                self._added.popleft()
        elif self._added:
            self._added.append((self._added[-1][0], self._added.pop()[1] + len(chunk.refused)))
        return self._rows.chunk(refused)

    def position(self) -> dict[str, Any]:
        """Return the source's position if nothing is held, else that before the first held row.

        Then it also has the number of rows out from there on, followed by the lengths of runs that are held, out, held
        ..., and the number of malformed rows that were handled.
        """
        refused = self._refused + sum(count for _, count in self._added)
        skip, runs = self._window.skipped(), self._window.runs()
        if self._passed:  # being read again after a stop
            out = b"\x01" * skip + _flags(runs) + bytes(self._window.read_since(skip, runs)) + self._passed
            skip, runs = _runs(out)
        if not self._added and not skip and not runs and not refused:
            return self._feed.position()
        held = {
            "from": self._added[0][0] if self._added else self._feed.position(),
            "skip": skip,
            "runs": runs,
            "refused": refused,
            "given_ns": int(self._window.given_ns),
            "window_ns": self._window_ns,
        }
        return {WINDOW: held}

    def seek(self, position: dict[str, Any]) -> None:
        held = position.get(WINDOW)
        if held is None:
            self._feed.seek(position)
            return
        self._feed.seek(held["from"])
        self._passed = b"\x01" * held["skip"] + _flags(held["runs"])
        self._refused = held["refused"]
        self._window_ns = held["window_ns"]
        self._window = ReorderWindow(self._window_ns, given_ns=held["given_ns"])


def _flags(runs: list[int]) -> bytes:
    """Return one byte per row of *runs*, which alternate between held and out: 1 if it is out."""
    return b"".join([bytes([k % 2]) * length for k, length in enumerate(runs)])


def _runs(flags: bytes) -> tuple[int, list[int]]:
    """Return how many first rows are out, and the runs of those after them, up to the last one that is out."""
    behind = flags.lstrip(b"\x01").rstrip(b"\x00")
    return len(flags) - len(flags.lstrip(b"\x01")), [len(list(run)) for _, run in groupby(behind)]


def _files_max() -> int:
    """Return how many files sources may keep open: a share of what the system allows a process."""
    try:
        resource = import_module("resource")  # of Unix
    except ImportError:
        return 128
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return FILES_MAX if allowed < 0 else min(max(allowed // 4, 16), FILES_MAX)
