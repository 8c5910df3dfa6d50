"""Exit codes, and the errors that lead to them: one table for all commands."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

from mtf.errors import (
    ConfigError,
    CorruptCheckpoint,
    CorruptHistory,
    CorruptLog,
    DataDirError,
    LogWriteFailed,
    MalformedEvent,
    MissingPackage,
    PipelineStopped,
    SourceError,
    UnknownSymbol,
)

__all__ = ["CALL", "DATA", "DONE", "INSIDE", "INTERRUPTED", "exit_code", "signal_code"]

DONE: Final = 0
DATA: Final = 1  # the data is at fault
CALL: Final = 2  # the call is at fault
INSIDE: Final = 3  # something failed inside
INTERRUPTED: Final = 130  # as shells count SIGINT
SIGNALLED: Final = 128  # plus the number of the signal, likewise

# The first match counts.
_CODES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (ConfigError, CALL),  # with ConfigMismatch, UnknownTimeframe, UnknownIndicator
    (UnknownSymbol, CALL),
    (CorruptHistory, DATA),
    (DataDirError, CALL),  # with LogLocked
    (SourceError, DATA),  # with HostileFile
    (MalformedEvent, DATA),
    (CorruptLog, DATA),
    (CorruptCheckpoint, DATA),
    (LogWriteFailed, INSIDE),
    (MissingPackage, CALL),
    (PermissionError, CALL),
    (FileNotFoundError, CALL),
    (NotADirectoryError, CALL),
)


# Missing resources of the machine, whatever was being opened: neither the call nor the data is at fault.
_SHORT: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EFBIG, errno.ENOLCK}
)
_SQLITE_SHORT: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM}
)


def signal_code(number: int) -> int:
    """Return the exit code of a command that the signal *number* ended cleanly."""
    return SIGNALLED + number


def exit_code(error: BaseException) -> int:
    """Return the exit code for *error*; for a stopped pipeline, that of its cause."""
    cause: BaseException | None = error
    while isinstance(cause, PipelineStopped):
        cause = cause.__cause__
    if _is_short(cause):
        return INSIDE
    return next((code for kind, code in _CODES if isinstance(cause, kind)), INSIDE)


def _is_short(error: BaseException | None) -> bool:
    """Return whether *error*, or its cause, means that the machine lacks a resource."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _SHORT:
            return True
        if (
            isinstance(error, sqlite3.OperationalError)
            and getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_SHORT
        ):
            return True
        error = error.__cause__
    return False
