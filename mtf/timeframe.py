"""Timeframes: how long a bar lasts, or how much goes into it, and in which order bars that end together are delivered.

Owns names, lengths, sizes and the set of timeframes that one pipeline keeps. Where a bar of time starts and ends is the
calendar's to say (`mtf.calendars`), not the timeframe's.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import ClassVar, Final

import attrs

from mtf.errors import ConfigError, UnknownTimeframe
from mtf.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = [
    "DAY",
    "DEFAULT_TIMEFRAMES",
    "DOLLARS",
    "INTRADAY",
    "MONTH",
    "RANGE",
    "TICKS",
    "VOLUME",
    "WEEK",
    "Timeframe",
    "TimeframeSet",
]

INTRADAY: Final = 0
DAY: Final = 1
WEEK: Final = 2
MONTH: Final = 3
# Of bars that activity fills, not time.
TICKS: Final = 4
VOLUME: Final = 5
DOLLARS: Final = 6
RANGE: Final = 7

_UNIT_NS: Final = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS}
_PATTERN: Final = re.compile(r"([1-9][0-9]{0,5})(s|sec|m|min|h|d|w|mo)", re.IGNORECASE)
_UNITS: Final = {"sec": "s", "min": "m"}
_LONG: Final = {"d": (DAY, DAY_NS), "w": (WEEK, 7 * DAY_NS), "mo": (MONTH, 31 * DAY_NS)}
_TERMINALS: Final = re.compile(r"([smh])([1-9][0-9]{0,5})", re.IGNORECASE)  # M5 and H4, as trading terminals have it
_WORDS: Final = {
    "d1": "1d",
    "w1": "1w",
    "mn1": "1mo",
    "minute": "1m",
    "hour": "1h",
    "hourly": "1h",
    "day": "1d",
    "daily": "1d",
    "week": "1w",
    "weekly": "1w",
    "month": "1mo",
    "monthly": "1mo",
}

_ACTIVITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(e[+-]?[0-9]{1,2})?([tvdr])", re.IGNORECASE)
_ACTIVITY_KINDS: Final = {"t": TICKS, "v": VOLUME, "d": DOLLARS, "r": RANGE}
_PLACES: Final = 9  # after the point of a size
_SIZE_MAX: Final = Decimal(10**15)  # of a size in its smallest unit, below which a float has every whole number
_TICKS_MAX: Final = 10**9


def _parse_activity(text: str) -> tuple[str, int, tuple[int, int]] | None:
    """Return (canonical name, kind, size as a fraction) of *text*; None if it is not a timeframe of activity."""
    match = _ACTIVITY.fullmatch(text)
    if match is None:
        return None
    digits, exponent, unit = match[1], match[2] or "", match[3]
    kind = _ACTIVITY_KINDS[unit.lower()]
    if kind == DOLLARS and not exponent:
        return None  # 1d is a day
    if unit == "T":  # elsewhere five minutes: a guess would give other bars
        raise UnknownTimeframe(f"invalid timeframe {text!r}: write {digits}t for ticks, or {digits}m for minutes")
    size = Decimal(digits + exponent).normalize()
    numerator, denominator = size.as_integer_ratio()
    places = max(0, -int(size.as_tuple().exponent))
    if not 0 < size <= _SIZE_MAX or places > _PLACES or numerator * 10**places // denominator > _SIZE_MAX:
        raise UnknownTimeframe(
            f"invalid timeframe {text!r}: a size must be above 0, with at most {_PLACES} decimals and 15 digits"
        )
    if kind == TICKS and (denominator != 1 or numerator > _TICKS_MAX):
        raise UnknownTimeframe(f"invalid timeframe {text!r}: ticks are a whole number, at most {_TICKS_MAX}")
    if kind == DOLLARS:
        whole = "".join(map(str, size.as_tuple().digits))
        shown = whole[0] + (f".{whole[1:]}" if len(whole) > 1 else "") + f"e{size.adjusted()}"
    else:
        shown = f"{size:f}"
    return f"{shown}{unit.lower()}", kind, (numerator, denominator)


def _parse(text: str) -> tuple[str, int, int]:
    """Return (canonical name, kind, nominal length in ns) of *text*."""
    if text == "1M":  # elsewhere a month, or a minute: a guess would give other bars
        raise UnknownTimeframe("invalid timeframe '1M': write 1m for a minute, or 1mo for a month")
    name = _TERMINALS.sub(r"\2\1", text) if _TERMINALS.fullmatch(text) else _WORDS.get(text.lower(), text)
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise UnknownTimeframe(
            f"invalid timeframe {text!r}: write one such as 30s, 1m, 5m, 1h, 4h, 1d, 1w or 1mo, or of activity, such "
            "as 100t, 5000v, 1e6d or 0.001r"
        )
    count, unit = int(match[1]), match[2].lower()
    unit = _UNITS.get(unit, unit)
    if unit in _LONG:
        if count != 1:
            dollars = f"; {count}e0d is {count} of price times volume" if unit == "d" else ""
            raise UnknownTimeframe(
                f"invalid timeframe {text!r}: the only ones of days, weeks and months are 1d, 1w and 1mo{dollars}"
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


class _Listed(type):
    """Makes a class iterable: over the usual values of it, shortest first."""

    def __iter__(cls) -> Iterator[Timeframe]:
        return iter(_USUAL)

    def __len__(cls) -> int:
        return len(_USUAL)


@attrs.frozen(init=False, eq=False, order=False, repr=False)
class Timeframe(metaclass=_Listed):
    """One timeframe, by its name: `30s`, `1m`, `5m`, `1h`, `4h`, `1d`, `1w`, `1mo`, or of activity, such as `100t`.

    Any case will do, and so will the names that terminals and people use: `1H`, `60m`, `H1`, `Hourly` mean `1h`, and
    `Daily` means `1d`. `1M` is refused, being a minute here and a month there. `name` is the canonical one, and the
    one that a timeframe equals.

    The usual ones are attributes, from `Timeframe.M1` to `Timeframe.MN1`; `list(Timeframe)` has them, shortest first.

    `length_ns` is the nominal length: of an intraday bar all of it, but for the last of a short day; of `1d`, `1w`
    and `1mo` 24 hours, 7 days and 31 days (they serve for ordering; the calendar gives the real ends).

    A bar of `100t`, `5000v`, `1e6d` or `0.001r` closes with the tick that fills it: so many ticks, so much volume,
    price times volume, or range from low to high. `size` is how much that is; `length_ns` is 0, and `timed` is False.
    """

    name: str
    kind: int
    length_ns: int
    ratio: tuple[int, int]  # the size of a bar of activity as a fraction; (0, 1) of one of time
    timed: bool  # True if time closes its bars; False if the tick that fills one does

    M1: ClassVar[Timeframe]
    M5: ClassVar[Timeframe]
    M15: ClassVar[Timeframe]
    M30: ClassVar[Timeframe]
    H1: ClassVar[Timeframe]
    H4: ClassVar[Timeframe]
    D1: ClassVar[Timeframe]
    W1: ClassVar[Timeframe]
    MN1: ClassVar[Timeframe]

    def __init__(self, name: str | Timeframe) -> None:
        text = str(name)
        activity = _parse_activity(text)
        if activity is None:
            canonical, kind, length_ns = _parse(text)
            ratio = (0, 1)
        else:
            (canonical, kind, ratio), length_ns = activity, 0
        object.__setattr__(self, "name", canonical)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "length_ns", length_ns)
        object.__setattr__(self, "ratio", ratio)
        object.__setattr__(self, "timed", kind < TICKS)

    @property
    def size(self) -> float:
        """How much fills a bar of activity: ticks, volume, price times volume, or range; 0 for one of time."""
        return self.ratio[0] / self.ratio[1]

    @property
    def intraday(self) -> bool:
        """True unless its bars are days, weeks or months."""
        return self.kind not in (DAY, WEEK, MONTH)

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
        return self._order() < other._order()

    def _order(self) -> tuple[int, int, float]:
        """Those of time come first, by length, then those of activity, by kind and size."""
        return (INTRADAY, self.length_ns, 0.0) if self.timed else (self.kind, 0, self.size)


Timeframe.M1 = Timeframe("1m")
Timeframe.M5 = Timeframe("5m")
Timeframe.M15 = Timeframe("15m")
Timeframe.M30 = Timeframe("30m")
Timeframe.H1 = Timeframe("1h")
Timeframe.H4 = Timeframe("4h")
Timeframe.D1 = Timeframe("1d")
Timeframe.W1 = Timeframe("1w")
Timeframe.MN1 = Timeframe("1mo")
_USUAL: Final = tuple(value for value in vars(Timeframe).values() if isinstance(value, Timeframe))


@attrs.frozen(init=False, repr=False)
class TimeframeSet:
    """The timeframes of one pipeline, those of time first, shortest first; `index` finds one by name or by value."""

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
            if item.kind == INTRADAY and item.length_ns % finest.length_ns:
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

    @property
    def timed(self) -> list[Timeframe]:
        """Those whose bars time closes."""
        return [item for item in self.items if item.timed]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Timeframe]:
        return iter(self.items)

    def __getitem__(self, position: int) -> Timeframe:
        return self.items[position]

    def __repr__(self) -> str:
        return f"TimeframeSet({', '.join(self.names)})"


DEFAULT_TIMEFRAMES: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
