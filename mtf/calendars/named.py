"""Calendars by name: built-in ones, those of exchanges and files, and those stored as JSON values.

Owns the names and the reading of TOML. A calendar is looked up once, when a pipeline is set up.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mtf.calendars import nyse
from mtf.calendars.calendar import Calendar
from mtf.calendars.china import CHINA, china_futures
from mtf.calendars.cme import us_futures
from mtf.calendars.derived import derived
from mtf.calendars.exchange import exchange_calendar
from mtf.calendars.japan import JAPAN, ose_futures
from mtf.calendars.weekly import WeeklyCalendar
from mtf.errors import ConfigError
from mtf.plugins.entry_points import installed, load

__all__ = ["BUILT_IN", "WITH_PACKAGE", "checked_calendar", "from_dict", "get", "is_name", "read_toml"]

BUILT_IN: Final = ("fx", "crypto", "us_futures", "us_equities", *CHINA, *JAPAN)
WITH_PACKAGE: Final = ("taifex_futures",)  # built from the holidays of an exchange, so they need `exchanges` too
KIND: Final = "calendars"  # the kind of plug-in
TOML_BYTES_MAX: Final = 1_000_000  # 50 years of holidays take 10,000

_EXCHANGE: Final = "exchange:"
_MIC: Final = re.compile(r"[A-Z][A-Z0-9]{3}")
_NEW_YORK: Final = "America/New_York"


def get(spec: str | Path | Calendar) -> Calendar:
    """Return the calendar for *spec*: a built-in name, an exchange, the path of a TOML file, or a calendar itself.

    An exchange is written `exchange:XNYS`, or as its four-letter market identifier code alone.
    """
    if isinstance(spec, Calendar):
        return spec
    text = str(spec)
    if text in BUILT_IN or text in WITH_PACKAGE:
        return _built_in(text)
    if text.endswith(".toml"):
        return read_toml(Path(text))
    if text.startswith(_EXCHANGE):
        return exchange_calendar(text.removeprefix(_EXCHANGE))
    if _MIC.fullmatch(text):
        return exchange_calendar(text)
    if text in installed(KIND):
        found: Calendar = load(KIND, text, checked_calendar)
        return found
    names = ", ".join((*BUILT_IN, *WITH_PACKAGE, *installed(KIND)))
    raise ConfigError(
        f"unknown calendar {text!r}: choose from {names}, exchange:XNYS (any exchange's code), or a .toml file"
    )


def is_name(text: str) -> bool:
    """Return whether *text* names a calendar: a built-in one, or an exchange by its code."""
    known = text in BUILT_IN or text in WITH_PACKAGE or text.startswith(_EXCHANGE) or bool(_MIC.fullmatch(text))
    return known or text in installed(KIND)


def checked_calendar(found: object) -> Calendar:
    """Return the calendar that a plug-in provides, or creates when called; ConfigError if it is something else."""
    made = found() if callable(found) and not isinstance(found, Calendar) else found
    if not isinstance(made, Calendar):
        raise ConfigError(f"{made!r} is not an mtf.Calendar, nor a function that returns one")
    return made


def from_dict(value: Mapping[str, Any]) -> Calendar:
    """Return the calendar from the result of its `to_dict`."""
    kind = value.get("kind")
    if kind != "weekly":
        raise ConfigError(f"unknown kind of calendar {kind!r}: this version of mtf supports 'weekly'")
    return WeeklyCalendar.from_dict(value)


def read_toml(path: Path) -> Calendar:
    """Return the calendar in a TOML file, complete or based on another (`base`); every error names the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > TOML_BYTES_MAX:
        raise ConfigError(f"{path}: longer than {TOML_BYTES_MAX} bytes: a calendar is never that long")
    try:
        return _read(tomllib.loads(raw.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: brackets are nested too deeply for a calendar") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read(value: dict[str, Any]) -> Calendar:
    base = value.pop("base", None)
    if base is None:
        return WeeklyCalendar.from_dict(value)
    if not isinstance(base, str) or base.endswith(".toml"):
        raise ConfigError(f"base must name a calendar, such as 'us_equities' or 'exchange:XLON', got {base!r}")
    return WeeklyCalendar.from_dict(derived(get(base).to_dict(), value))


@functools.cache
def _built_in(name: str) -> Calendar:
    return _MAKERS[name](name)


def _fx(name: str) -> Calendar:
    return WeeklyCalendar(name=name, zone=_NEW_YORK, day_close="17:00", hours=["Sun 17:00 - Fri 17:00"])


def _crypto(name: str) -> Calendar:
    return WeeklyCalendar(name=name, zone="UTC", day_close="24:00", hours=["Mon-Sun 00:00-24:00"])


def _us_equities(name: str) -> Calendar:
    return WeeklyCalendar(
        name=name,
        zone=_NEW_YORK,
        day_close="16:00",
        hours=["Mon-Fri 09:30-16:00"],
        holidays=nyse.holidays(),
        early_closes=nyse.half_days(),
    )


def _taifex_futures(name: str) -> Calendar:
    """Index futures in Taipei, with the holidays of its stock exchange; every trading day has a night session.

    Sources: TAIFEX, "After-hours Trading" (15:00 to 05:00), and the Financial Supervisory Commission on the calendar of
    2024: every regular session has a night session, including those before the Lunar New Year.
    """
    return WeeklyCalendar.based_on(
        exchange_calendar("XTAI"),
        name=name,
        day_close="13:45",
        hours=["Mon-Fri 08:45-13:45"],
        night=["Mon-Fri 15:00-05:00"],
    )


_MAKERS: Final[dict[str, Callable[[str], Calendar]]] = {
    "fx": _fx,
    "crypto": _crypto,
    "us_futures": us_futures,
    "us_equities": _us_equities,
    **dict.fromkeys(CHINA, china_futures),
    **dict.fromkeys(JAPAN, ose_futures),
    "taifex_futures": _taifex_futures,
}
