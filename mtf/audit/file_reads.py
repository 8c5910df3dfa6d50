"""Files that are opened inside callbacks, by Python's audit hook: a consumer that reads the log reads its future."""

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
IMPORTED: Final = (".py", ".pyc", ".so", ".pyd")  # a module that is imported late

_inside: ContextVar[tuple[int, str] | None] = ContextVar("mtf_audit_inside", default=None)
_reads: list[FileRead] | None = None  # where they are kept at present; None: nowhere
_hooked = False  # a hook cannot be removed, so there is one, once somebody audits


class FileRead(NamedTuple):
    """A file or folder that was opened: while which event was shown, in which callback."""

    path: str
    seq: int
    callback: str


@contextlib.contextmanager
def inside(seq: int, callback: str) -> Iterator[None]:
    """Within, code of the consumer runs, in this task or thread."""
    token = _inside.set((seq, callback))
    try:
        yield
    finally:
        _inside.reset(token)


@contextlib.contextmanager
def watched_reads(found: list[FileRead]) -> Iterator[None]:
    """Within, have *found* get every file that is opened inside a callback."""
    global _hooked, _reads  # noqa: PLW0603 - a hook of the interpreter is its own, and there is one of it
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
