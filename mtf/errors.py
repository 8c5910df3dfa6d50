"""Every error that mtf raises: one base, and subclasses that are also the right builtin.

A message says where (path, line, offset or seq) and what to do. What can be told apart by a program is a field,
not only a word in the message.
"""

from __future__ import annotations

__all__ = [
    "ActorFailed",
    "ConfigError",
    "ConfigMismatch",
    "CorruptCheckpoint",
    "CorruptHistory",
    "CorruptLog",
    "DataDirError",
    "DeadView",
    "HostileFile",
    "LogLocked",
    "LogWriteFailed",
    "MalformedEvent",
    "MtfError",
    "PipelineStopped",
    "PushInCallback",
    "SourceError",
    "UnknownIndicator",
    "UnknownSymbol",
    "UnknownTimeframe",
    "WorkerLost",
]


class MtfError(Exception):
    """The base of every error that mtf raises on purpose."""


class ConfigError(MtfError, ValueError):
    """A setting is out of its bounds, or two settings contradict each other."""


class ConfigMismatch(ConfigError):
    """A data directory was made with another configuration than the one asked for."""


class UnknownTimeframe(ConfigError, KeyError):
    """No such timeframe, or not one that this pipeline keeps."""

    __str__ = Exception.__str__  # KeyError would quote the message


class UnknownIndicator(ConfigError, KeyError):
    """No such indicator, or not one that this pipeline keeps."""

    __str__ = Exception.__str__


class UnknownSymbol(MtfError, KeyError):
    """No event of that symbol has been seen."""

    __str__ = Exception.__str__


class MalformedEvent(MtfError, ValueError):
    """An event that cannot be one: a NaN or infinite number, a time out of range, no price at all."""


class SourceError(MtfError, ValueError):
    """A source cannot be read on; *path* and *line* say where."""

    def __init__(self, message: str, *, path: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


class HostileFile(SourceError):
    """A file that asks for more than a stated limit, or reaches outside itself."""


class DataDirError(MtfError, OSError):
    """A data directory cannot be opened."""


class CorruptHistory(DataDirError):
    """The stored bars of a data directory are damaged, or not such; they can be written anew from the log."""


class LogLocked(DataDirError):
    """Another process writes this log."""


class LogWriteFailed(MtfError, OSError):
    """A write or sync of the log failed; nothing after it is written, and it is not tried again."""


class CorruptLog(MtfError, ValueError):
    """The log is damaged; *path*, *offset* (bytes) and *seq* (the first event that is not safe) say where."""

    def __init__(self, message: str, *, path: str = "", offset: int = 0, seq: int = 0) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset
        self.seq = seq


class CorruptCheckpoint(MtfError, ValueError):
    """A checkpoint is damaged or of another version; an older one is used in its place."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class DeadView(MtfError, RuntimeError):
    """A view was used after its callback: take `view.snapshot()` for what is to be kept."""


class PushInCallback(MtfError, RuntimeError):
    """A callback of a consumer pushed an event, or waits for what comes after it: hand that to a task of your own."""


class PipelineStopped(MtfError, RuntimeError):
    """The pipeline does not run (any more); the cause is chained where there is one."""


class ActorFailed(PipelineStopped):
    """An actor raised; *actor* names it and the cause is chained."""

    def __init__(self, message: str, *, actor: str = "") -> None:
        super().__init__(message)
        self.actor = actor


class WorkerLost(PipelineStopped):
    """A worker process is gone, or failed: what it computed cannot be gone on with."""
