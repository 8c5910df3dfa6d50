"""Assigns calendars to symbols, by name or pattern.

A symbol is looked up once, when it first appears.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mtf.calendars.calendar import Calendar
from mtf.calendars.named import from_dict, get, is_name
from mtf.errors import ConfigError

__all__ = ["CalendarMap", "rules_of"]


class CalendarMap:
    """An ordered list of (pattern, calendar); the first pattern that matches a symbol decides.

    A pattern is a symbol, or has `*`, `?` and `[...]` as in file names. It is case-sensitive, and one that equals the
    symbol always matches it (`BTC[PERP]`). A single calendar stands for `*`.
    """

    __slots__ = ("_named", "_rules")

    def __init__(self, calendars: str | Path | Calendar | Mapping[str, str | Path | Calendar] | CalendarMap) -> None:
        rules: tuple[tuple[str, Calendar], ...]
        named: frozenset[str]  # patterns whose calendar is given by name, so that mtf or a package defines its hours
        if isinstance(calendars, CalendarMap):
            rules, named = calendars._rules, calendars._named
        else:
            specs = calendars if isinstance(calendars, Mapping) else {"*": calendars}
            rules = tuple((pattern, get(spec)) for pattern, spec in specs.items())
            named = frozenset(
                pattern for pattern, spec in specs.items() if isinstance(spec, str) and not spec.endswith(".toml")
            )
        if not rules:
            raise ConfigError(
                "no calendar given: name one, such as 'fx', or several by symbol, such as {'BTC*': 'crypto', '*': 'fx'}"
            )
        for position, (pattern, _) in enumerate(rules[:-1]):
            if pattern == "*":
                raise ConfigError(f"the calendar for {rules[position + 1][0]!r} would never be used: put '*' last")
        self._rules: Final[tuple[tuple[str, Calendar], ...]] = rules
        self._named: Final[frozenset[str]] = named

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> CalendarMap:
        """Return the map from the result of its `to_dict`."""
        calendars = [from_dict(calendar) for calendar in value["calendars"]]
        return cls({pattern: calendars[position] for pattern, position in value["symbols"]})

    @property
    def rules(self) -> tuple[tuple[str, Calendar], ...]:
        return self._rules

    def calendar_of(self, symbol: str) -> Calendar:
        """Return the calendar of *symbol*; ConfigError if no pattern matches."""
        for pattern, calendar in self._rules:
            if symbol == pattern or fnmatch.fnmatchcase(symbol, pattern):
                return calendar
        patterns = ", ".join(pattern for pattern, _ in self._rules)
        raise ConfigError(f"no calendar for symbol {symbol!r}: none of {patterns} matches; add one for '*'")

    def prepare(self) -> None:
        """Have each calendar do now the work that would delay its first answers."""
        for _, calendar in self._rules:
            calendar.prepare()

    def settled(self, known: CalendarMap) -> tuple[CalendarMap, list[str]]:
        """Return the map with calendars replaced by the edition that *known* has of them, and the names of those.

        A calendar that is given by name may have gained a holiday since *known* was made. Nothing is changed unless
        both maps have the same patterns.
        """
        if [pattern for pattern, _ in self._rules] != [pattern for pattern, _ in known._rules]:
            return self, []
        rules = dict(self._rules)
        for pattern, calendar in known._rules:
            if pattern in self._named and calendar != rules[pattern] and calendar.name == rules[pattern].name:
                rules[pattern] = calendar
        names = [mine.name for (_, mine), calendar in zip(self._rules, rules.values(), strict=True) if mine != calendar]
        return CalendarMap(rules), list(dict.fromkeys(names))

    def to_dict(self) -> dict[str, Any]:
        """Return the map as JSON values, each calendar once."""
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


def rules_of(text: str) -> str | dict[str, str]:
    """Return the calendar that *text* names or, for `PATTERN=CALENDAR,...`, the calendars by pattern.

    A pattern may contain `=` (`ES=F=us_futures`), and a path may contain `=` or commas: the calendar is what follows
    the last `=` that precedes a name, or the path of an existing file.
    """
    if "=" not in text or _is_calendar(text):
        return text
    rules: list[str] = []
    for piece in text.split(","):
        if "=" in piece or not rules:
            rules.append(piece)
        else:  # the comma is part of the path before it
            rules[-1] += f",{piece}"
    found: dict[str, str] = {}
    for rule in rules:
        pattern, calendar = _parted(rule.strip())
        if not pattern or not calendar:
            raise ConfigError(
                f"invalid calendar for a symbol, {rule.strip()!r}: write PATTERN=CALENDAR, such as BTC*=crypto"
            )
        if pattern in found:
            raise ConfigError(f"{pattern!r} has two calendars, {found[pattern]} and {calendar}: keep one of them")
        found[pattern] = calendar
    return found


def _parted(rule: str) -> tuple[str, str]:
    ends = [position for position, letter in enumerate(rule) if letter == "="]
    parts = [(rule[:end].strip(), rule[end + 1 :].strip()) for end in reversed(ends)]
    return next((part for part in parts if _is_calendar(part[1])), parts[0] if parts else ("", rule))


def _is_calendar(text: str) -> bool:
    return is_name(text) or (text.endswith(".toml") and Path(text).is_file())
