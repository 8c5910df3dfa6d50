"""Exit codes, and which error leads to which: one table for all commands."""

from __future__ import annotations

from typing import Final

from mtf.errors import (
    ConfigError,
    CorruptCheckpoint,
    CorruptHistory,
    CorruptLog,
    DataDirError,
    LogWriteFailed,
    MalformedEvent,
    PipelineStopped,
    SourceError,
    UnknownSymbol,
)

__all__ = ["CALL", "DATA", "DONE", "INSIDE", "INTERRUPTED", "TERMINATED", "exit_code"]

DONE: Final = 0
DATA: Final = 1  # the data is at fault
CALL: Final = 2  # the call is at fault
INSIDE: Final = 3  # something failed inside
INTERRUPTED: Final = 130  # as shells count SIGINT
TERMINATED: Final = 143  # and SIGTERM

# The first that fits counts.
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
    (PermissionError, CALL),
    (FileNotFoundError, CALL),
    (NotADirectoryError, CALL),
)


def exit_code(error: BaseException) -> int:
    """Return the exit code for *error*; a stopped pipeline answers for what stopped it."""
    cause: BaseException | None = error
    while isinstance(cause, PipelineStopped):
        cause = cause.__cause__
    return next((code for kind, code in _CODES if isinstance(cause, kind)), INSIDE)
