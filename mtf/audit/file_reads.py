"""Files opened inside callbacks, found by Python's audit hook: a consumer that reads the log reads its future."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

__all__ = ["FileRead", "inside", "watched_reads"]

EVENTS: Final = ("open", "sqlite3.connect", "os.scandir", "os.listdir")
READS_MAX: Final = 1_000
IMPORTED: Final = (".py", ".pyc", ".so", ".pyd")  # modules that are imported late

_inside: ContextVar[tuple[int, str] | None] = ContextVar("mtf_audit_inside", default=None)
_reads: list[FileRead] | None = None  # where reads are recorded now; None: nowhere
_hooked = False  # a hook cannot be removed, so one is added at the first audit and stays


class FileRead(NamedTuple):
    """A file or folder that was opened, with the event being shown and the callback."""

    path: str
    seq: int
    callback: str


@contextlib.contextmanager
def inside(seq: int, callback: str) -> Iterator[None]:
    """Context in which the consumer's code runs, in this task or thread."""
    token = _inside.set((seq, callback))
    try:
        yield
    finally:
        _inside.reset(token)


@contextlib.contextmanager
def watched_reads(found: list[FileRead]) -> Iterator[None]:
    """Context in which every file that is opened inside a callback is added to *found*."""
    global _hooked, _reads  # noqa: PLW0603 - a hook belongs to the whole interpreter
    if not _hooked:
        _hooked = True
        sys.addaudithook(_hear)
    before, _reads = _reads, found
    try:
        yield
    finally:
        _reads = before


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _reads is None or event not in EVENTS:
        return
    at = _inside.get()
    path = arguments[0] if arguments else None
    if at is None or not isinstance(path, str | bytes | os.PathLike) or len(_reads) >= READS_MAX:
        return
    text = os.fsdecode(path).removeprefix("file:").partition("?")[0]
    if not text.endswith(IMPORTED):
        _reads.append(FileRead(os.path.realpath(text), *at))
