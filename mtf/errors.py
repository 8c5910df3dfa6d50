"""Every error that mtf raises: one base, and subclasses that are also the right builtin.

A message says where (path, line, offset or seq) and what to do. What can be told apart by a program is a field,
not only a word in the message.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "ActorFailed",
    "BrokerDown",
    "ConfigError",
    "ConfigMismatch",
    "ConsumerAhead",
    "ConsumerBehind",
    "ConsumerStuck",
    "CorruptCheckpoint",
    "CorruptHistory",
    "CorruptLog",
    "DataDirError",
    "DeadView",
    "FeedDown",
    "HostileFile",
    "KindChanged",
    "LogLocked",
    "LogTaken",
    "LogWriteFailed",
    "LookAheadError",
    "MalformedEvent",
    "MissingPackage",
    "MtfError",
    "NewerCheckpoint",
    "OptionNeeded",
    "OutOfOrder",
    "PipelineStopped",
    "PushInCallback",
    "PushWouldWait",
    "SourceError",
    "StraddlingBar",
    "UnknownIndicator",
    "UnknownSymbol",
    "UnknownTimeframe",
    "WorkerLost",
    "WrongLoop",
]


class MtfError(Exception):
    """The base of every error that mtf raises on purpose."""

    def worded(self, spell: Callable[[str, object], str]) -> str:
        """Return the message with each option that it names as *spell(name, value)* writes it.

        The name is that of the Python argument; the command line has its own way of writing it.
        """
        return str(self)


class ConfigError(MtfError, ValueError):
    """A setting is out of its bounds, or two settings contradict each other."""


class OptionNeeded(ConfigError):
    """Nothing is done before an option says how; *options* are the ones to give, each with an example value.

    Most often a source cannot be read without it.

    In *template* `{name}` stands for the option of that name. The message names them as Python arguments.
    """

    def __init__(self, template: str, **options: object) -> None:
        self.template = template
        self.options = options
        super().__init__(self.worded(_as_argument))

    def worded(self, spell: Callable[[str, object], str]) -> str:
        return _filled(self.template, self.options, spell)

    def at(self, place: str) -> OptionNeeded:
        """Return the same error with *place*, a file, in front of its message."""
        return OptionNeeded(f"{place}: {self.template}", **self.options)


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
    """An invalid event: a NaN or infinite number, a time out of range, no price at all."""


class SourceError(MtfError, ValueError):
    """A source cannot be read on; *path* and *line* say where."""

    def __init__(self, message: str, *, path: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


class KindChanged(ConfigError):
    """With price="auto", a quote after bars of trades, or a trade after bars of quotes: it would count nowhere."""


class OutOfOrder(ConfigError):
    """A finite source would be read out of the order of time; *what* says so, without what to do about it."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what}: {advice}" if advice else what)
        self.what = what


class LookAheadError(MtfError, RuntimeError):
    """A callback asked for something that comes after the event being shown."""


class StraddlingBar(ConfigError):
    """A bar given as input lies in two bars of a timeframe; *start_ns* says where it begins."""

    def __init__(self, message: str, *, start_ns: int = 0) -> None:
        super().__init__(message)
        self.start_ns = start_ns


class HostileFile(SourceError):
    """A file that asks for more than a stated limit, or reaches outside itself.

    *limit* is the name of that limit, for which the message has `{limit}`.
    """

    def __init__(self, message: str, *, path: str = "", line: int = 0, limit: str = "") -> None:
        self.template = message
        self.limit = limit
        super().__init__(_filled(message, {"limit": limit}, _as_argument), path=path, line=line)

    def worded(self, spell: Callable[[str, object], str]) -> str:
        return _filled(self.template, {"limit": self.limit}, spell)


class DataDirError(MtfError, OSError):
    """A data directory cannot be opened."""


class CorruptHistory(DataDirError):
    """The stored bars of a data directory are damaged, or the file holds something else; the log can rebuild them."""


class LogLocked(DataDirError):
    """Another process writes this log."""


class LogWriteFailed(MtfError, OSError):
    """A write or sync of the log failed; nothing after it is written, and it is not tried again."""


class LogTaken(LogWriteFailed):
    """Another writer has taken over this log on a broker: this one writes no more."""


class BrokerDown(MtfError, ConnectionError):
    """The broker of a cluster does not answer, or has not done so for longer than a caller may wait."""


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


class NewerCheckpoint(CorruptCheckpoint):
    """A checkpoint is of a later format, or uses what this one does not know: a newer mtf wrote it, and can read it."""


class MissingPackage(MtfError, ImportError):
    """What was asked for needs a package that is not installed; the message says how to install it."""


class FeedDown(MtfError, ConnectionError):
    """A live feed's connection failed. A feed that connects again goes on; one that gives up raises it."""


class DeadView(MtfError, RuntimeError):
    """A view was used after its callback: take `view.snapshot()` for what is to be kept."""


class PushInCallback(MtfError, RuntimeError):
    """A callback of a consumer pushed an event, or waits for what comes after it: do it in a task of your own."""


class PushWouldWait(MtfError, BlockingIOError):
    """There is no room for an event at once, or others were pushed before it and still wait."""


class PipelineStopped(MtfError, RuntimeError):
    """The pipeline does not run (any more); the cause is chained if there is one."""


class ActorFailed(PipelineStopped):
    """An actor raised; *actor* names it and the cause is chained."""

    def __init__(self, message: str, *, actor: str = "") -> None:
        super().__init__(message)
        self.actor = actor


class ConsumerStuck(PipelineStopped):
    """Consumers did not return from a callback while the pipeline was left; *names* has them. They were cancelled."""

    def __init__(self, message: str, *, names: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.names = names


class ConsumerBehind(MtfError, RuntimeError):
    """A consumer with the policy `fail` was too slow for its queue."""


class ConsumerAhead(MtfError, RuntimeError):
    """A consumer has committed events to its own storage that the log lost in a crash."""


class WrongLoop(MtfError, RuntimeError):
    """A pipeline was used from another event loop than the one that it runs on."""


class WorkerLost(PipelineStopped):
    """A worker process has died or failed: the state that it held is lost."""


def _as_argument(name: str, value: object) -> str:
    """Return an option as Python has it: `columns='time=NAME'`; a limit as the field that it is."""
    return f"Limits.{value}" if name == "limit" else f"{name}={value!r}"


def _filled(template: str, options: dict[str, object], spell: Callable[[str, object], str]) -> str:
    """Return *template* with its options written out; other braces are what a file has, and stay."""
    for name, value in options.items():
        template = template.replace(f"{{{name}}}", spell(name, value))
    return template
