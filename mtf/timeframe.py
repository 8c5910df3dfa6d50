"""Timeframes: how long a bar lasts, and in which order bars that end together are delivered.

Owns names, lengths and the set of timeframes that one pipeline keeps. Where a bar starts and ends is the
calendar's to say (`mtf.calendars`), not the timeframe's.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from mtf.errors import ConfigError, UnknownTimeframe
from mtf.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = ["DAY", "DEFAULT_TIMEFRAMES", "INTRADAY", "MONTH", "WEEK", "Timeframe", "TimeframeSet"]

INTRADAY: Final = 0
DAY: Final = 1
WEEK: Final = 2
MONTH: Final = 3

_UNIT_NS: Final = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS}
_PATTERN: Final = re.compile(r"([1-9][0-9]{0,5})(s|m|min|h|H|d|D|w|W|mo)")
_LONG: Final = {"d": (DAY, DAY_NS), "w": (WEEK, 7 * DAY_NS), "mo": (MONTH, 31 * DAY_NS)}


def _parse(text: str) -> tuple[str, int, int]:
    """Return (canonical name, kind, nominal length in ns) of *text*."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise UnknownTimeframe(f"invalid timeframe {text!r}: write one such as 30s, 1m, 5m, 1h, 4h, 1d, 1w or 1mo")
    count, unit = int(match[1]), match[2]
    unit = "m" if unit == "min" else unit if unit == "mo" else unit.lower()
    if unit in _LONG:
        if count != 1:
            raise UnknownTimeframe(
                f"invalid timeframe {text!r}: the only ones of days, weeks and months are 1d, 1w and 1mo"
            )
        kind, length_ns = _LONG[unit]
        return f"1{unit}", kind, length_ns
    length_ns = count * _UNIT_NS[unit]
    if length_ns >= DAY_NS:
        raise UnknownTimeframe(
            f"invalid timeframe {text!r}: an intraday timeframe must be shorter than a day; write 1d for the day"
        )
    for name in ("h", "m", "s"):
        if length_ns % _UNIT_NS[name] == 0:
            return f"{length_ns // _UNIT_NS[name]}{name}", INTRADAY, length_ns
    raise AssertionError("a whole number of seconds has a unit")


@attrs.frozen(init=False, eq=False, order=False, repr=False)
class Timeframe:
    """One timeframe, by its name: `30s`, `1m`, `5m`, `1h`, `4h`, `1d`, `1w`, `1mo`; `60m` and `1H` mean `1h`.

    `length_ns` is the nominal length: of an intraday bar all of it, but for the last of a short day; of `1d`, `1w`
    and `1mo` 24 hours, 7 days and 31 days (they serve for ordering; the calendar gives the real ends).
    """

    name: str
    kind: int
    length_ns: int

    def __init__(self, name: str | Timeframe) -> None:
        canonical, kind, length_ns = _parse(str(name))
        object.__setattr__(self, "name", canonical)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "length_ns", length_ns)

    @property
    def intraday(self) -> bool:
        """True if a bar is shorter than a trading day."""
        return self.kind == INTRADAY

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Timeframe({self.name!r})"

    def __eq__(self, other: object) -> bool:
        """Equal to itself and to its name, so that `bar.timeframe == "1h"` is what it looks like."""
        if isinstance(other, Timeframe):
            return self.name == other.name
        return self.name == other if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __lt__(self, other: Timeframe) -> bool:
        return self.length_ns < other.length_ns


@attrs.frozen(init=False, repr=False)
class TimeframeSet:
    """The timeframes of one pipeline, shortest first; `index` finds one by name or by value."""

    items: tuple[Timeframe, ...]
    _index: dict[str | Timeframe, int] = attrs.field(eq=False)

    def __init__(self, names: Iterable[str | Timeframe]) -> None:
        items = sorted(Timeframe(name) for name in names)
        if not items:
            raise ConfigError("no timeframe given: name at least one, such as 1m")
        for shorter, longer in itertools.pairwise(items):
            if shorter == longer:
                raise ConfigError(f"timeframe {longer} is given twice")
        finest = items[0]
        for item in items[1:]:
            if item.intraday and item.length_ns % finest.length_ns:
                raise ConfigError(f"timeframe {item} must be a multiple of the finest one, {finest}")
        index: dict[str | Timeframe, int] = {}
        for position, item in enumerate(items):
            index[item] = index[item.name] = position
        object.__setattr__(self, "items", tuple(items))
        object.__setattr__(self, "_index", index)

    def index(self, key: str | Timeframe) -> int:
        """Return the position of *key*; UnknownTimeframe if it is not kept."""
        found = self._index.get(key)
        if found is None:
            found = self._index.get(Timeframe(key))
        if found is None:
            raise UnknownTimeframe(f"timeframe {key} is not kept here; choose from {', '.join(self.names)}")
        return found

    @property
    def names(self) -> list[str]:
        return [item.name for item in self.items]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Timeframe]:
        return iter(self.items)

    def __getitem__(self, position: int) -> Timeframe:
        return self.items[position]

    def __repr__(self) -> str:
        return f"TimeframeSet({', '.join(self.names)})"


DEFAULT_TIMEFRAMES: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
