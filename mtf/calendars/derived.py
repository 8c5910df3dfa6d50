"""A calendar that is based on another: which of its settings a user changes, and which stay.

Owns the rule: an entry for a date replaces everything the base has for that date; lists of dates and closures are
extended; every other setting replaces the base's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from mtf.calendars.calendar_settings import KEYS, TABLES, check_shape
from mtf.calendars.hours import date_of
from mtf.errors import ConfigError

__all__ = ["derived"]

_GROWING: Final = ("no_night", "closures")


def derived(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of *base*, a calendar as JSON values, with *changes*, which include at least a name."""
    for key, value in changes.items():
        if key not in KEYS:
            raise ConfigError(f"unknown key {key!r}: choose from {', '.join(KEYS)}")
        check_shape(key, value)
    if "name" not in changes:
        raise ConfigError("key 'name' is missing: a calendar that is based on another needs its own name")
    settings = {key: value for key, value in base.items() if key != "kind"}
    changed = _dates_in(changes)
    kept = [date for date in settings.get("holidays", []) if date not in changed]
    settings["holidays"] = [*kept, *map(_text, changes.get("holidays", []))]
    for key in TABLES:
        table = {time: [date for date in dates if date not in changed] for time, dates in settings.get(key, {}).items()}
        for time, dates in changes.get(key, {}).items():
            table.setdefault(time, []).extend(map(_text, dates))
        settings[key] = table
    for key in _GROWING:
        settings[key] = [*settings.get(key, []), *changes.get(key, [])]
    replaced = (key for key in changes if key not in ("holidays", *TABLES, *_GROWING))
    return settings | {key: changes[key] for key in replaced}


def _dates_in(changes: Mapping[str, Any]) -> set[str]:
    """Return the dates that *changes* have entries for."""
    lists: list[Iterable[Any]] = [changes.get("holidays", [])]
    lists += [dates for key in TABLES for dates in changes.get(key, {}).values()]
    return {_text(date) for dates in lists for date in dates}


def _text(date: object) -> str:
    return date_of(date).isoformat()
