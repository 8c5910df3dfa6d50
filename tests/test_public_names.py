"""The public names, pinned: who imports from `mtf` relies on them, and on nothing else."""

from __future__ import annotations

import inspect

import mtf
import mtf.errors

NAMES = [
    "COMPILED",
    "Bar",
    "BarWindow",
    "Calendar",
    "CalendarMap",
    "Config",
    "Consumer",
    "ConsumerStatistics",
    "DataReader",
    "Engine",
    "Frame",
    "Gap",
    "LoggedTick",
    "MtfError",
    "PartialBar",
    "Pipeline",
    "Snapshot",
    "Source",
    "Statistics",
    "Summary",
    "Table",
    "Tick",
    "Timeframe",
    "TimeframeState",
    "Values",
    "View",
    "__version__",
    "calendars",
    "errors",
    "feeds",
    "indicators",
    "open_source",
    "point_in_time",
    "resample",
    "sources",
]

ERRORS = {
    "ActorFailed": RuntimeError,
    "BrokerDown": ConnectionError,
    "ConfigError": ValueError,
    "ConfigMismatch": ValueError,
    "ConsumerAhead": RuntimeError,
    "ConsumerBehind": RuntimeError,
    "ConsumerStuck": RuntimeError,
    "CorruptCheckpoint": ValueError,
    "CorruptHistory": OSError,
    "CorruptLog": ValueError,
    "DataDirError": OSError,
    "DeadView": RuntimeError,
    "FeedDown": ConnectionError,
    "HostileFile": ValueError,
    "KindChanged": ValueError,
    "LogLocked": OSError,
    "LogTaken": OSError,
    "LogWriteFailed": OSError,
    "LookAheadError": RuntimeError,
    "MalformedEvent": ValueError,
    "MissingPackage": ImportError,
    "MtfError": Exception,
    "NewerCheckpoint": ValueError,
    "OptionNeeded": ValueError,
    "OutOfOrder": ValueError,
    "PipelineStopped": RuntimeError,
    "PushInCallback": RuntimeError,
    "PushWouldWait": BlockingIOError,
    "SourceError": ValueError,
    "StraddlingBar": ValueError,
    "UnknownIndicator": KeyError,
    "UnknownSymbol": KeyError,
    "UnknownTimeframe": KeyError,
    "WorkerLost": RuntimeError,
    "WrongLoop": RuntimeError,
}


def test_public_names_are_these() -> None:
    """A name that goes breaks its users, one that comes is a promise: both are meant, or the list fails."""
    assert mtf.__all__ == NAMES
    assert [name for name in NAMES if not hasattr(mtf, name)] == []


def test_open_is_no_name_of_a_star_import() -> None:
    """`from mtf import *` must not put something else in place of Python's own `open`."""
    assert "open" not in mtf.__all__
    assert mtf.open is mtf.data.open_data


def test_every_error_is_mtfs_own_and_the_right_builtin() -> None:
    """Callers catch what they know: a ValueError, an OSError, or everything of mtf."""
    assert sorted(mtf.errors.__all__) == sorted(ERRORS)
    for name, builtin in ERRORS.items():
        error = getattr(mtf.errors, name)
        assert issubclass(error, mtf.MtfError)
        assert issubclass(error, builtin)


def test_messages_of_key_errors_are_not_quoted() -> None:
    """KeyError shows its message as a repr: what says what to do must be readable."""
    for name in ("UnknownIndicator", "UnknownSymbol", "UnknownTimeframe"):
        assert str(getattr(mtf.errors, name)("no such thing: 'x'")) == "no such thing: 'x'"


def test_pipeline_has_the_public_face() -> None:
    """The verbs of the design, with the defaults that the documentation shows."""
    verbs = {name for name, _ in inspect.getmembers(mtf.Pipeline) if not name.startswith("_")}
    assert {
        *("add", "applied", "bars", "checkpoint", "clock", "digest", "drain", "durable", "durable_seq", "push"),
        *("push_many", "push_nowait"),
        *("consumers", "remove", "watch"),
        *("replay", "run", "seq", "snapshot", "state_at", "statistics", "summary", "symbols"),
    } <= verbs
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(mtf.Pipeline).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert defaults["timeframes"] == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert (defaults["data"], defaults["calendar"], defaults["price"]) == (None, "fx", "auto")
    assert (defaults["closed"], defaults["late"], defaults["history"]) == ("reject", "reject", 1000)
    assert (defaults["durability"], defaults["grace_ns"], defaults["clock"]) == ("group", 500_000_000, "both")
