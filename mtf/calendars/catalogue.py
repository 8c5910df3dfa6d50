"""Calendars by name: the built-in ones, an exchange's, a file's, and one written down by value.

Owns the names and the reading of TOML. A calendar is looked up once, when a pipeline is set up.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mtf.calendars import nyse
from mtf.calendars.calendar import Calendar
from mtf.calendars.exchange import exchange_calendar
from mtf.calendars.weekly import WeeklyCalendar
from mtf.errors import ConfigError

__all__ = ["BUILT_IN", "from_dict", "get", "read_toml"]

BUILT_IN: Final = ("fx", "crypto", "us_futures", "us_equities")
TOML_BYTES_MAX: Final = 1_000_000  # a calendar of 50 years of holidays takes 10,000

_EXCHANGE: Final = "exchange:"
_MIC: Final = re.compile(r"[A-Z][A-Z0-9]{3}")
_NEW_YORK: Final = "America/New_York"


def get(spec: str | Path | Calendar) -> Calendar:
    """Return the calendar that *spec* means: a built-in name, an exchange, a TOML file's path, or a calendar, as it is.

    An exchange is written `exchange:XNYS`, or by its four-letter market identifier code alone.
    """
    if isinstance(spec, Calendar):
        return spec
    text = str(spec)
    if text in BUILT_IN:
        return _built_in(text)
    if text.endswith(".toml"):
        return read_toml(Path(text))
    if text.startswith(_EXCHANGE):
        return exchange_calendar(text.removeprefix(_EXCHANGE))
    if _MIC.fullmatch(text):
        return exchange_calendar(text)
    raise ConfigError(
        f"no calendar {text!r}: there are {', '.join(BUILT_IN)}, exchange:XNYS (any exchange's code), "
        f"or the path of a .toml file"
    )


def from_dict(value: Mapping[str, Any]) -> Calendar:
    """Return the calendar that `to_dict` wrote down."""
    kind = value.get("kind")
    if kind != "weekly":
        raise ConfigError(f"no calendar of kind {kind!r}: this version of mtf knows 'weekly'")
    return WeeklyCalendar.from_dict(value)


def read_toml(path: Path) -> Calendar:
    """Return the calendar that a TOML file describes; every error names the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > TOML_BYTES_MAX:
        raise ConfigError(f"{path}: longer than {TOML_BYTES_MAX} bytes: no calendar is that long")
    try:
        return WeeklyCalendar.from_dict(tomllib.loads(raw.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


@functools.cache
def _built_in(name: str) -> Calendar:
    if name == "fx":
        return WeeklyCalendar(name=name, zone=_NEW_YORK, day_close="17:00", hours=["Sun 17:00 - Fri 17:00"])
    if name == "crypto":
        return WeeklyCalendar(name=name, zone="UTC", day_close="24:00", hours=["Mon-Sun 00:00-24:00"])
    if name == "us_futures":
        return WeeklyCalendar(name=name, zone=_NEW_YORK, day_close="17:00", hours=["Sun-Thu 18:00-17:00"])
    assert name == "us_equities", "every built-in name has its calendar"
    return WeeklyCalendar(
        name=name,
        zone=_NEW_YORK,
        day_close="16:00",
        hours=["Mon-Fri 09:30-16:00"],
        holidays=nyse.holidays(),
        early_closes=nyse.half_days(),
    )
