"""A growing file as a feed: read to its end, and then as rows are added by any program.

The file may be replaced by another with its name (as by log rotation), truncated, or missing for a while. Owns when to
check, and what a change of the file means; `mtf.sources.files` reads the rows, and knows the position to the byte.
Independent of the pipeline: `mtf.pipeline.following` passes the rows on.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs

from mtf.clock import SystemClock, WallClock
from mtf.errors import ConfigError, SourceError
from mtf.events.bar_rows import BarClock
from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.feeds.live_feed import FeedStatistics, Outage
from mtf.loggers import report
from mtf.sources.files import FileSource
from mtf.sources.opening import open_source
from mtf.sources.pipes import PipedFile, is_pipe
from mtf.sources.streams import compression
from mtf.units import SECOND_NS, TS_MAX_NS

__all__ = ["FOLLOW_S", "REPLACED_S", "FileFeed", "Rows", "Terms", "growing_file"]

FOLLOW_S: Final = 0.05
REPLACED_S: Final = 1.0
HEAD_BYTES: Final = 65_536
HEAD_LINES: Final = 2  # a header and a row, or two rows: before that the columns are unknown

Refused = tuple[str, int, str, str]  # place, line, reason and text of a malformed row


class Rows(NamedTuple):
    """The result of one look at the file: rows of *names*, malformed ones, and the log's entry for their end."""

    block: Block
    names: list[str]
    refused: Sequence[Refused]
    arrival_ns: int
    entry: Mapping[str, Any]
    outage: Outage | None


@attrs.frozen(kw_only=True)
class Terms:
    """How to read rows: at most *limit* at once; a row stamped more than *ahead_ns* after its arrival is malformed.

    If *ahead_ns* is None, stamps are not compared with the time of arrival.

    *check(known, now)* raises if the source of the identity *now* cannot be the *known* one.
    """

    limit: int
    bar_clock: BarClock
    ahead_ns: int | None
    check: Callable[[dict[str, Any], dict[str, Any]], None]


class _Former(NamedTuple):
    """How the last followed file was read: one with the same *lines* of *heading* is read in the same way.

    So the few rows of a new file need not be enough to detect its layout.
    """

    identity: Mapping[str, Any]
    place: Mapping[str, Any]
    lines: int
    heading: list[bytes]


def growing_file(path: str | os.PathLike[str], **settings: Any) -> FileFeed:
    """Return a `FileFeed` of *path*; *settings* are those of `FileFeed`, and options of `mtf.open_source`."""
    return FileFeed(path, **settings)


class FileFeed:
    """The rows of the file *path*, plain text in any format that sources read, and those that are added to it.

    The file is checked every *look_s* seconds. A last line without a line break waits for its rest. A file that has
    taken the name is read from its start, once the former one has been silent for *replaced_s*. A file that is shorter
    than what was read of it, or has a different beginning, is another one, and an outage in the log records that rows
    may be missing, even if that happened while the feed was not running. Until there is a file with two lines, the feed
    waits.

    A pipe (`-` is standard input) is opened here, and unlike a file, it ends. *name* is the name of the source in the
    log, by default the file's own; *options* are those of `mtf.open_source`. With *receive_times* rows carry the time
    of their arrival into the log. *resumable* as there, *wall* is a parameter for tests.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str = "",
        look_s: float = FOLLOW_S,
        replaced_s: float = REPLACED_S,
        receive_times: bool = False,
        wall: WallClock | None = None,
        resumable: bool = True,
        **options: Any,
    ) -> None:
        if not 0 < look_s < float("inf"):
            raise ConfigError(f"feed {name or path}: look_s must be above 0, and finite, got {look_s}")
        if not 0 <= replaced_s < float("inf"):
            raise ConfigError(f"feed {name or path}: replaced_s must be 0 or more, and finite, got {replaced_s}")
        known = set(inspect.signature(open_source).parameters) - {"path", "name", "resumable", "pattern"}
        if unknown := sorted(set(options) - known):
            there = ", ".join(sorted(known))
            raise ConfigError(f"feed {name or path}: unknown option {', '.join(unknown)}; choose one of {there}")
        self.path: Final = os.fspath(path)
        self.wall: WallClock = SystemClock() if wall is None else wall
        self._options: Final = {"resumable": resumable, **options, **({"name": name} if name else {})}
        self._look_ns: Final = round(look_s * SECOND_NS)
        self._replaced_ns: Final = round(replaced_s * SECOND_NS)
        self._receive_times: Final = receive_times
        self._pipe = self._opened() if is_pipe(path) else None
        self.name: Final = name or (Path(self.path).absolute().name if self._pipe is None else self._pipe.name)
        self.identity: Mapping[str, Any] = {}  # of the last opened file: its identity, and how it is read
        self._former: _Former | None = None
        self._symbols: Final = SymbolTable()
        self._woken: Final = asyncio.Event()
        self._stopped = False
        self._is_open = False
        self._files = self._failures = 0
        self._rows = self._events = self._malformed = self._outages = 0
        self._newest_ns: int | None = None  # when the newest row came
        self._error = ""
        self._lost = ""  # why the open file is no longer the one that was read; "" if it is
        self._seen = (0, 0)  # size and time of change of the file at the last check

    def statistics(self) -> FeedStatistics:
        """Return the counts so far: a message is a row, and a connection an opened file."""
        return FeedStatistics(
            name=self.name,
            connected=self._is_open,
            connections=self._files,
            failures=self._failures,
            stalls=0,
            messages=self._rows,
            events=self._events,
            duplicates=0,
            malformed=self._malformed,
            missing=0,
            outages=self._outages,
            last_message_ns=self._newest_ns,
            last_error=self._error,
        )

    def stop(self) -> None:
        """End the feed: nothing more is read, and the next start resumes here."""
        self._stopped = True
        self._woken.set()

    async def rows(
        self, known: Mapping[str, Any] | None, since_ns: int | None, terms: Terms
    ) -> AsyncGenerator[Rows, None]:
        """Yield the rows of the file after the log's entry *known*, and those that are added; ends only when stopped.

        *since_ns* is the time of the newest event in the log. ConfigError if the file needs an option, is compressed,
        or was read differently before; SourceError if it cannot be read.
        """
        outage: Outage | None = None
        while (source := await self._next_file()) is not None:
            try:
                source, missing = self._resumed(source, known, since_ns, terms)
                outage = missing or outage
                async for rows in self._added(source, terms):
                    since_ns = rows.arrival_ns if rows.block.count else since_ns
                    yield (
                        rows if outage is None else rows._replace(outage=attrs.evolve(outage, until_ns=rows.arrival_ns))
                    )
                    outage = None
                if self._stopped or source is self._pipe:
                    return
                if self._lost:
                    outage = self._outage(since_ns, self._lost)
                known = None
            finally:
                self._is_open = False
                source.close()

    # Inside.

    async def _next_file(self) -> FileSource | None:
        """Return the file once it exists and has rows; None if the feed was stopped."""
        if self._pipe is not None:
            return self._pipe
        while not self._stopped:
            problem = _not_readable(self.path)
            if not problem and (source := self._still_there()) is not None:
                return source
            if problem and problem != self._error:
                self._error = problem
                self._failures += 1
                report("feed_down", f"{self.name}: {problem}; waiting for it", feed=self.name, reason=problem)
            await self._pause()
        return None

    def _still_there(self) -> FileSource | None:
        """Return the file; None if it is just being replaced."""
        try:
            return self._opened()
        except SourceError:
            if os.path.exists(self.path):
                raise
            return None

    def _opened(self) -> FileSource:
        source = open_source(self.path, **self._options)
        if not isinstance(source, FileSource) or len(source.parts) != 1:
            source.close()
            raise ConfigError(f"{self.path}: a folder or an archive cannot be followed: use a file")
        part = source.parts[0].part
        if isinstance(part, PipedFile):
            part.hurry()
        return source

    def _resumed(
        self, source: FileSource, known: Mapping[str, Any] | None, since_ns: int | None, terms: Terms
    ) -> tuple[FileSource, Outage | None]:
        """Return the file, positioned after the entry *known* or at its start, and an outage if it was replaced."""
        lost = None
        if known is not None:
            try:
                source.recall(known["identity"], known["position"])
                terms.check(known["identity"], source.identity())
                source.seek(known["position"])
            except SourceError:
                lost = "while nobody was following it, it was replaced or cut"
                source.close()
                source = self._opened()
        if known is None or lost is not None:
            former = self._former
            same = former is not None and former.heading == _heading(source, former.lines)
            source.recall(*((former.identity, former.place) if former is not None and same else ({}, {})))
        layout = source.parts[0].plan.layout
        if layout is not None and layout.backward:
            raise ConfigError(f"{self.path}: a file with the newest row first cannot be followed")
        source.follow()
        self.identity = source.identity()
        lines = 0 if layout is None else layout.skip
        self._former = _Former(self.identity, {"name": source.parts[0].part.name}, lines, _heading(source, lines))
        self._is_open, self._error = True, ""
        self._files += 1
        offset = source.position().get("offset", 0)
        report("feed_connected", f"{self.name}: following {self.path} from byte {offset:,} on", feed=self.name)
        return source, None if lost is None else self._outage(since_ns, lost)

    async def _added(self, source: FileSource, terms: Terms) -> AsyncGenerator[Rows, None]:
        """Yield rows of *source* as they come, until it is stopped or the file is another one."""
        silent_ns = self.wall.now_ns()  # since when nothing has come
        self._lost, self._seen, follows = "", (0, 0), source is not self._pipe
        while not self._stopped:
            if follows and self._is_lost(source):
                return
            rows, more = self._read(source, terms)
            if rows.block.count or rows.refused:
                silent_ns = rows.arrival_ns
                yield rows
                await asyncio.sleep(0)
                if more:
                    continue
            if not more:
                if follows:
                    raise ConfigError(f"{self.path}: only plain text in UTF-8 can be followed")
                return
            if follows and self._is_replaced(source) and self.wall.now_ns() >= silent_ns + self._replaced_ns:
                source.end_following()
                follows = False
            else:
                await self._pause()

    def _read(self, source: FileSource, terms: Terms) -> tuple[Rows, bool]:
        """Return the available rows, and whether there may be more."""
        refused: list[Refused] = []
        builder = BlockBuilder(self._symbols, aside=lambda *row: refused.append(row), bar_clock=terms.bar_clock)
        arrival_ns = self.wall.now_ns()
        if terms.ahead_ns is not None:
            builder.arrival_ns = arrival_ns
            builder.limit_ns = min(arrival_ns + terms.ahead_ns, TS_MAX_NS)
        if self._receive_times:
            builder.received_ns = arrival_ns
        more = source.fill(builder, terms.limit)
        block = builder.take(1)
        if block.count or refused:
            self._newest_ns = arrival_ns
            self._rows += block.observations + len(refused)
            self._events += block.count
            self._malformed += len(refused)
        entry = {"identity": self.identity, "position": source.position()}
        return Rows(block, self._symbols.names, refused, arrival_ns, entry, None), more

    def _is_lost(self, source: FileSource) -> bool:
        """Whether the open file is no longer the one that was read: it was truncated, or rewritten."""
        held = source.held()
        if held is None:
            return False
        stat, read_bytes = held
        if stat.st_size < read_bytes:
            self._lost = f"it was cut to {stat.st_size:,} bytes after {read_bytes:,} had been read"
            return True
        changed, self._seen = self._seen != (stat.st_size, stat.st_mtime_ns), (stat.st_size, stat.st_mtime_ns)
        if changed and not source.begins_as_before():
            self._lost = "it was written again from its beginning"
        return bool(self._lost)

    def _is_replaced(self, source: FileSource) -> bool:
        """Whether another file has the name now; if none has it, the open one may still grow."""
        held = source.held()
        try:
            now = os.stat(self.path)
        except OSError:
            return False
        return held is not None and (now.st_dev, now.st_ino) != (held[0].st_dev, held[0].st_ino)

    def _outage(self, since_ns: int | None, reason: str) -> Outage:
        now_ns = self.wall.now_ns()
        sentence = f"{self.name}: {reason}: rows may be missing"
        self._outages += 1
        outage = Outage(now_ns if since_ns is None else since_ns, now_ns, sentence)
        report("feed_outage", sentence, feed=self.name, since_ns=outage.since_ns, until_ns=now_ns)
        return outage

    async def _pause(self) -> None:
        """Wait until the next check is due, or the feed is stopped."""
        timer = self.wall.call_at(self.wall.now_ns() + self._look_ns, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
            if not self._stopped:
                self._woken.clear()


def _not_readable(path: str) -> str:
    """Return why the file *path* cannot be read yet; "" if it can. Raises if it never can."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        return "the file does not exist yet"
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}", path=path) from error
    if compression(head):
        raise ConfigError(f"{path}: a compressed file cannot be followed: decompress it, or read it to its end")
    if head.count(b"\n") < HEAD_LINES and len(head) < HEAD_BYTES:
        return "the file does not have two lines yet"
    return ""


def _heading(source: FileSource, lines: int) -> list[bytes]:
    """Return the first *lines* lines of the file of *source*."""
    return source.parts[0].part.head.split(b"\n")[:lines]
