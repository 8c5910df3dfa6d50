"""Upkeep of a log while it is written: a thread that compresses sealed segments and makes missing indexes.

Before that, it checks what the start skipped. Owns the thread and its share of a processor: it rests after each
piece of work, a millisecond or less, to leave time for the event loop. The newest segment is not written to. Nothing
here changes what readers see; work that fails is reported and left undone, since the log is complete without it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from mtf.errors import CorruptLog, LogLocked, MtfError
from mtf.log.checking import check_before
from mtf.log.compaction import Watch, compress_sealed, watched
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.index_file import SealedSpans, read_spans, take_rest, write_spans
from mtf.log.segment import Segment, segment_names, segment_seq
from mtf.log.spans import SpanMaker

__all__ = ["SHARE", "Upkeep", "index_sealed"]

SHARE: Final = 0.25  # of one processor, at most
REST_MAX_S: Final = 0.1
SLICE_S: Final = 0.001  # less work than this needs no rest yet
# Checking holds the interpreter's lock, and nobody waits for it.
CHECK_SHARE: Final = 0.1
CHECK_SLICE_S: Final = 0.0002


class Upkeep:
    """Keeps the log in *directory* small and indexed, from `start` to `stop`.

    *noted* is called in its thread with a sentence about work that failed. The events before *check_before* are checked
    first; *damaged* is called in its thread with what is found.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        compress: bool = True,
        share: float = SHARE,
        noted: Callable[[str], object] = lambda sentence: None,
        check_before: int = 0,
        damaged: Callable[[CorruptLog], object] = lambda error: None,
        fs: FileSystem | None = None,
    ) -> None:
        assert 0.0 < share <= 1.0, "a share of one processor"
        self._directory: Final = str(directory)
        self._compress: Final = compress
        self._share: Final = share
        self._noted: Final = noted
        self._check_before = check_before  # 0: nothing is left to check
        self._damaged: Final = damaged
        self._fs: Final = fs or OsFileSystem()
        self._due: Final = threading.Event()  # set if there may be work
        self._stopping: Final = threading.Event()
        self._fresh: Final[deque[SealedSpans]] = deque()  # of segments sealed while this runs
        self._thread: threading.Thread | None = None
        self._since_s = 0.0  # when work began after the last rest

    def start(self) -> None:
        """Start, beginning with existing segments."""
        assert self._thread is None, "started once"
        self._due.set()
        self._thread = threading.Thread(target=self._run, name="mtf log upkeep", daemon=True)
        self._thread.start()

    def sealed(self, spans: SealedSpans | None) -> None:
        """Report that a segment was sealed, with the *spans* for its index. Can be called from any thread."""
        if spans is not None:
            self._fresh.append(spans)
        self._due.set()

    def stop(self) -> None:
        """Stop, leaving the segment in progress as it was, and return once stopped. Safe to call twice.

        Indexes whose spans are known are still written.
        """
        self._stopping.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        self._write_fresh()

    def _write_fresh(self) -> None:
        while self._fresh:
            spans = self._fresh.popleft()
            with suppress(OSError):  # retention was faster, or the disk is full: it is made later if needed
                write_spans(self._fs, spans)

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopping.is_set():
                return
            self._since_s = time.perf_counter()
            try:
                self._check()
                self._write_fresh()
                index_sealed(self._directory, pause=self._pause, fs=self._fs)
                if self._compress:
                    compress_sealed(self._directory, newest_too=False, pause=self._pause, fs=self._fs)
            except _Stopped:
                return
            except LogLocked:
                continue  # `mtf compact` is running, which does the same
            except (MtfError, OSError) as error:
                self._noted(f"{self._directory}: segments are not compressed: {error}")

    def _check(self) -> None:
        """Check what has not been checked, once."""
        seq, self._check_before = self._check_before, 0
        if not seq:
            return
        try:
            check_before(self._fs, self._directory, seq, partial(self._pause, CHECK_SLICE_S, CHECK_SHARE))
        except CorruptLog as error:
            self._damaged(error)
        except (MtfError, OSError) as error:
            self._noted(f"{self._directory}: what was logged before seq {seq} cannot be checked: {error}")

    def _pause(self, slice_s: float = SLICE_S, share: float = 1.0) -> None:
        if self._stopping.is_set():
            raise _Stopped
        worked_s = time.perf_counter() - self._since_s
        if worked_s < slice_s:
            return
        if self._stopping.wait(min(worked_s * (1.0 / min(share, self._share) - 1.0), REST_MAX_S)):
            raise _Stopped
        self._since_s = time.perf_counter()


class _Stopped(Exception):
    """Raised to end the thread."""


def index_sealed(
    directory: str | Path,
    *,
    pause: Callable[[], None] = lambda: None,
    watch: Watch = lambda _: None,
    fs: FileSystem | None = None,
) -> list[str]:
    """Make the index of each sealed segment without a valid one, and return the names of those segments.

    *pause* and *watch* are as those of `compress_sealed`. CorruptLog for a damaged segment, OSError if the disk fails.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    made = []
    for name in segment_names(fs, directory):
        pause()
        path = join(directory, name)
        if read_spans(fs, path, segment_seq(name)) is None and _index(fs, path, pause, watch):
            made.append(name)
    return made


def _index(fs: FileSystem, path: str, pause: Callable[[], None], watch: Watch) -> bool:
    try:
        segment = Segment(fs, path)
    except FileNotFoundError:
        return False  # it was just removed
    try:
        seal = segment.last_header()
        if seal is None or not seal.is_seal:
            return False
        maker = SpanMaker(segment.header.first_seq)
        take_rest(segment, maker, watched(segment, pause, watch))
        if segment.why or not segment.sealed:
            raise segment.damage(segment.offset, segment.next_seq, segment.why or "no seal")
        maker.complete()
        write_spans(fs, SealedSpans(path, segment.header.run_id, seal, maker.spans))
        return True
    finally:
        segment.close()
