"""Parquet and Arrow files as tables, read a batch ahead by a separate process, which a hostile file may crash.

One process serves all open files. If it crashes, the file that it was reading is at fault, and a new process continues
with the others. Imports arro3 (the extra `arrow`), and is itself imported on first use.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

if sys.platform == "linux":
    import fcntl

from arro3.core import RecordBatch
from arro3.io import read_ipc_stream

from mtf.errors import SourceError
from mtf.sources.arrow_table import ArrowTable

__all__ = ["SCRIPT", "ArrowFile", "stop_worker"]

SCRIPT: Final = Path(__file__).with_name("arrow_worker.py")  # what the worker runs
STOP_S: Final = 5.0  # how long a worker may take to exit before it is killed

HEAD_BYTES: Final = 16  # of an answer
STREAM_END: Final = b"\xff\xff\xff\xff\0\0\0\0"
PIPE_BYTES: Final = 1 << 20

Answer = tuple[int, int, bytes]  # as `arrow_worker` describes it


class ArrowFile(ArrowTable):
    """The rows of the file *path* in *format*: parquet, arrow (an IPC file, or Feather) or arrow-stream."""

    def __init__(self, path: Path, format: str) -> None:
        self._path: Final = path
        self._format: Final = format
        self._batches: _Batches | None = None  # the newest
        super().__init__(str(path), self._open)

    @property
    def read_bytes(self) -> int | None:
        return 0 if self._batches is None else self._batches.offset

    def close(self) -> None:
        super().close()
        if self._batches is not None:
            self._batches.close()

    def _unread_again(self, error: SourceError) -> SourceError:
        return error

    def _open(self) -> Any:
        if self._batches is not None:
            self._batches.close()
        try:
            with self._path.open("rb"):
                pass
        except OSError as error:
            raise SourceError(f"{self._path}: {error.strerror or error}", path=str(self._path)) from error
        self._batches = _Batches(self._path, self._format)
        return self._batches


class _Batches:
    """The batches of a file, in order, with their `schema`."""

    def __init__(self, path: Path, format: str) -> None:
        self.offset = 0  # how much of the file is read
        self._path: Final = path
        self._format: Final = format
        self._done = 0  # batches that were given
        self._worker: _Worker | None = None  # has the file open; None at the end
        self._key = 0  # its number there
        self.schema: Final[Any] = self._begin().schema

    def __iter__(self) -> Iterator[RecordBatch]:
        return self

    def __next__(self) -> RecordBatch:
        while True:
            worker = self._worker
            if worker is None:
                raise StopIteration
            try:
                size, offset, data = worker.answer(self._key)
            except _Ended as error:
                if error.key == self._key:
                    self._worker = None
                    raise self._damaged("it crashed the process that read it") from error
                self._begin()
                self._skip()
                continue
            if size <= 0:
                self.close()
                if size < 0:
                    raise self._damaged(data.decode("utf-8", "replace"))
                if self._format == "arrow-stream" and not self._has_end():
                    raise self._damaged("its end mark is missing")
                raise StopIteration
            worker.ask(self._key, {"next": self._key})
            self.offset = offset
            self._done += 1
            return next(iter(read_ipc_stream(data)))

    def close(self) -> None:
        if self._worker is not None:
            self._worker.drop(self._key)
            self._worker = None

    def _begin(self) -> Any:
        """Open the file, and return it without its batches."""
        worker = _running()
        key = next(_KEYS)
        worker.ask(key, {"open": key, "path": str(self._path.absolute()), "format": self._format})
        try:
            size, _, data = worker.answer(key)
        except _Ended as error:
            raise self._damaged("it crashed the process that read it") from error
        if size < 0:
            raise self._damaged(data.decode("utf-8", "replace"))
        worker.ask(key, {"next": key})
        self._worker, self._key = worker, key
        return read_ipc_stream(data)

    def _has_end(self) -> bool:
        """Whether a stream, which may be cut anywhere between two batches, is complete."""
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - len(STREAM_END)))
            return file.read() == STREAM_END

    def _skip(self) -> None:
        """Skip the batches that were returned before the worker ended."""
        done, self._done = self._done, 0
        while self._done < done:
            next(self)

    def _damaged(self, why: str) -> SourceError:
        what = "a Parquet file" if self._format == "parquet" else "an Arrow file"
        return SourceError(
            f"{self._path}: cannot be read as {what} ({why}): it is damaged or incomplete; get a new copy",
            path=str(self._path),
        )


class _Ended(Exception):
    """The worker has ended, while it read the file *key*."""

    def __init__(self, key: int) -> None:
        super().__init__(f"the process that reads files ended at file {key}")
        self.key: Final = key


class _Worker:
    """The process, with the requests that it has not answered."""

    def __init__(self) -> None:
        environment = {**os.environ, "RUST_BACKTRACE": "0"}
        self._process: Final = subprocess.Popen(
            [sys.executable, "-P", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        if sys.platform == "linux" and self._process.stdout is not None:
            with contextlib.suppress(OSError):  # fewer turns for as many bytes; the system may allow less
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.pid: Final = os.getpid()  # its owner: a fork has to start its own
        self._lock: Final = threading.Lock()
        self._asked: Final[deque[int]] = deque()  # the files whose answers are due, in order
        self._answers: Final[dict[int, Answer]] = {}  # answers that came while another was awaited
        self._dropped: Final[set[int]] = set()  # files with an answer due that nobody wants
        self.ended_at = 0  # the file that it was reading when it ended; 0 as long as it runs

    def ask(self, key: int, request: dict[str, Any]) -> None:
        """Send *request*; `answer` returns the answer."""
        with self._lock:
            self._asked.append(key)
            self._send(request)

    def answer(self, key: int) -> Answer:
        """Return the next answer for the file *key*; _Ended if there will be none."""
        with self._lock:
            while key not in self._answers:
                if self.ended_at:
                    raise _Ended(self.ended_at)
                self._receive()
            return self._answers.pop(key)

    def drop(self, key: int) -> None:
        """Close the file *key*."""
        with self._lock:
            self._answers.pop(key, None)
            if key in self._asked:
                self._dropped.add(key)
            self._send({"drop": key})

    def stop(self) -> None:
        """End the process."""
        process = self._process
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        with contextlib.suppress(OSError):  # it has exited, with something unread
            process.stdin.close()
        process.stdout.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(OSError, ValueError):  # it has exited, as the next `answer` will find
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _receive(self) -> None:
        """Read the next answer."""
        assert self._process.stdout is not None, "it is a pipe"
        key = self._asked[0]
        stdout = self._process.stdout
        head = b"" if stdout.closed else stdout.read(HEAD_BYTES)
        size, offset = struct.unpack("<qq", head) if len(head) == HEAD_BYTES else (0, 0)
        data = stdout.read(abs(size)) if size else b""
        if len(head) < HEAD_BYTES or len(data) < abs(size):
            self.ended_at = key
            return
        self._asked.popleft()
        if key in self._dropped:
            if key not in self._asked:
                self._dropped.remove(key)
        else:
            self._answers[key] = (size, offset, data)


_KEYS: Final = itertools.count(1)
_WORKERS: Final[list[_Worker]] = []  # the running one, if any


def _running() -> _Worker:
    """Return the worker of this process, which is started if there is none."""
    if _WORKERS and (_WORKERS[0].ended_at or _WORKERS[0].pid != os.getpid()):
        worker = _WORKERS.pop()
        if worker.pid == os.getpid():
            worker.stop()
    if not _WORKERS:
        _WORKERS.append(_Worker())
    return _WORKERS[0]


def stop_worker() -> None:
    """End the process that reads files; the next file starts another."""
    while _WORKERS:
        worker = _WORKERS.pop()
        if worker.pid == os.getpid():
            worker.stop()


atexit.register(stop_worker)
