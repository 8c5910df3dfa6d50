"""Which symbol trades by which calendar.

Owns the assignment by name or pattern, by value. Looked up once a symbol, when it first appears.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mtf.calendars.calendar import Calendar
from mtf.calendars.catalogue import from_dict, get
from mtf.errors import ConfigError

__all__ = ["CalendarMap"]


class CalendarMap:
    """An ordered list of (pattern, calendar); the first pattern that fits a symbol decides.

    A pattern is a symbol, or has `*`, `?` and `[...]` as in file names; case counts. One calendar alone means `*`.
    """

    __slots__ = ("_rules",)

    def __init__(self, calendars: str | Path | Calendar | Mapping[str, str | Path | Calendar] | CalendarMap) -> None:
        rules: tuple[tuple[str, Calendar], ...]
        if isinstance(calendars, CalendarMap):
            rules = calendars._rules
        elif isinstance(calendars, Mapping):
            rules = tuple((pattern, get(spec)) for pattern, spec in calendars.items())
        else:
            rules = (("*", get(calendars)),)
        if not rules:
            raise ConfigError(
                "no calendar given: name one, as 'fx', or some by symbol, as {'BTC*': 'crypto', '*': 'fx'}"
            )
        for position, (pattern, _) in enumerate(rules[:-1]):
            if pattern == "*":
                raise ConfigError(f"calendar of {rules[position + 1][0]!r} is never reached: put '*' last")
        self._rules: Final[tuple[tuple[str, Calendar], ...]] = rules

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> CalendarMap:
        """Return the map that `to_dict` wrote down."""
        calendars = [from_dict(calendar) for calendar in value["calendars"]]
        return cls({pattern: calendars[position] for pattern, position in value["symbols"]})

    @property
    def rules(self) -> tuple[tuple[str, Calendar], ...]:
        return self._rules

    def calendar_of(self, symbol: str) -> Calendar:
        """Return the calendar of *symbol*; ConfigError where no pattern fits."""
        for pattern, calendar in self._rules:
            if fnmatch.fnmatchcase(symbol, pattern):
                return calendar
        patterns = ", ".join(pattern for pattern, _ in self._rules)
        raise ConfigError(f"no calendar for symbol {symbol!r}: none of {patterns} fits; add one for '*'")

    def to_dict(self) -> dict[str, Any]:
        """Return the map by value, as JSON can hold it, each calendar once."""
        calendars: list[Calendar] = []
        symbols = []
        for pattern, calendar in self._rules:
            if calendar not in calendars:
                calendars.append(calendar)
            symbols.append([pattern, calendars.index(calendar)])
        return {"calendars": [calendar.to_dict() for calendar in calendars], "symbols": symbols}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CalendarMap) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash(self._rules)

    def __repr__(self) -> str:
        rules = ", ".join(f"{pattern!r}: {calendar.name}" for pattern, calendar in self._rules)
        return f"CalendarMap({{{rules}}})"
