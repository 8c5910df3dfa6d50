"""Log records as lines: JSON for programs, text for people, each with the facts of the record.

Both are formatters of the standard library, for any handler and any logger.
"""

from __future__ import annotations

import datetime
import logging
from typing import Any, Final

import orjson

__all__ = ["JsonLines", "TextLines", "facts_of"]

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record has beyond what every record has: what was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class JsonLines(logging.Formatter):
    """A record as one line of JSON: `time_ns`, `level`, `logger`, `event`, `message`, its facts, and `error` if any.

    A fact that JSON has no type for is its text.
    """

    def format(self, record: logging.LogRecord) -> str:
        facts = facts_of(record)
        fields: dict[str, Any] = {
            "time_ns": _time_ns(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": facts.pop("event", None),
            "message": record.getMessage(),
            **facts,
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class TextLines(logging.Formatter):
    """A record as a line for people: time, level, logger, sentence, then the facts as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        second, ns = divmod(_time_ns(record), 1_000_000_000)
        clock = datetime.datetime.fromtimestamp(second, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        facts = "".join(f" {name}={_shown(value)}" for name, value in facts_of(record).items())
        line = f"{clock}.{ns // 1_000_000:03d}Z {record.levelname:<7} {record.name}: {record.getMessage()}{facts}"
        line = "".join(each if each.isprintable() else "\ufffd" for each in line)  # names may be a stranger's
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time_ns(record: logging.LogRecord) -> int:
    return round(record.created * 1e9)


def _shown(value: Any) -> str:
    text = str(value)
    return text if text and " " not in text and '"' not in text else orjson.dumps(text).decode()
