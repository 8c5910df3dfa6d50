"""The configuration of a pipeline: everything besides the events that its results depend on.

It is the first record of the log, by value: calendars as their hours, indicators as their parameters. Settings that
only affect speed or storage (block size, durability, checkpoint cadence) are not in it.
"""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
import orjson

from mtf.bars.verdicts import PRICE_MAX, PRICE_SIDES
from mtf.calendars.grid import DAY_START, UTC_GRID
from mtf.calendars.symbols import CalendarMap
from mtf.calendars.zone import tzdata_version
from mtf.errors import ConfigError, CorruptLog, MtfError
from mtf.indicators.catalogue import create, versions_of
from mtf.indicators.specs import canonical_specs, split_specs, word_in
from mtf.timeframe import DEFAULT_TIMEFRAMES, Timeframe, TimeframeSet
from mtf.units import DAY_NS

__all__ = ["Config", "IndicatorSpecs", "given_config"]

FORMAT: Final = 1
HISTORY_MAX: Final = 1_000_000
CLOSED: Final = ("reject", "keep")
LATE: Final = ("reject", "accept")
PRICES: Final = ("positive", "any")
OVERFILL: Final = ("split", "whole")
OVERNIGHT: Final = ("close", "carry")
DELAY_NS_MAX: Final = DAY_NS
LIVE: Final = ("each", "asked", "off")
ANCHORS: Final = {"day": DAY_START, "utc": UTC_GRID}

# Settings that the first version of the configuration did not have, at their defaults.
LATER: Final[Mapping[str, Any]] = {
    "prices": "positive",
    "price_max": PRICE_MAX,
    "delays": [],
    "versions": [],
    "overfill": "split",
    "overnight": "close",
}
FIELDS: Final = frozenset(
    {
        "format",
        "timeframes",
        "calendars",
        "price",
        "closed",
        "late",
        "anchor",
        "history",
        "live",
        "indicators",
        "tzdata",
    }
).union(LATER)

IndicatorSpecs = str | Sequence[str] | Mapping[str, str | Sequence[str]] | None


@attrs.frozen(kw_only=True)
class Config:
    """What a pipeline keeps and how it judges; equal configurations and equal logs give equal results."""

    timeframes: TimeframeSet
    calendars: CalendarMap
    price: str
    closed: str
    late: str
    anchor: str  # what intraday bars count from: the start of their trading day, or the UTC grid
    history: int  # completed bars kept a symbol and timeframe
    live: str  # live indicator values: for each row; for rows only while someone is shown them; not at all
    indicators: tuple[tuple[str, ...], ...]  # canonical specs, by rank of the timeframe
    tzdata: str  # version of the time zone database that the calendars were read with
    prices: str = "positive"  # which numbers are prices: those above 0, or any
    price_max: float = PRICE_MAX  # a number this far from 0 is not a price
    # Whether the timeframes were asked for, and not the default ones; decides nothing but whether one that bars given
    # as input cannot enter is an error.
    asked: bool = attrs.field(default=False, eq=False)
    # What the indicators that were asked for meant before there was "core", if that was something else.
    former: tuple[tuple[str, ...], ...] | None = attrs.field(default=None, eq=False)
    delays: tuple[
        tuple[str, int], ...
    ] = ()  # how much later than its stamp a feed's event arrives, by symbol or pattern
    # Versions of the indicators' formulas by name, first versions left out. They decide nothing, as the formulas are
    # those that are installed: a log says with them what it began with.
    versions: tuple[tuple[str, int], ...] = ()
    overfill: str = "split"  # a trade that is larger than what a bar of activity lacks: split, or in it as a whole
    overnight: str = "close"  # whether a bar of activity closes with its trading day, or is carried over

    def __attrs_post_init__(self) -> None:
        _one_of("price", self.price, PRICE_SIDES)
        _one_of("closed", self.closed, CLOSED)
        _one_of("late", self.late, LATE)
        _one_of("anchor", self.anchor, tuple(ANCHORS))
        _one_of("live", self.live, LIVE)
        _one_of("prices", self.prices, PRICES)
        _one_of("overfill", self.overfill, OVERFILL)
        _one_of("overnight", self.overnight, OVERNIGHT)
        if not 0 < self.price_max < float("inf"):
            raise ConfigError(f"price_max must be a finite number above 0, got {self.price_max}")
        for pattern, delay_ns in self.delays:
            if not 0 <= delay_ns <= DELAY_NS_MAX:
                raise ConfigError(f"delay_ns of {pattern!r} must be between 0 and a day in nanoseconds, got {delay_ns}")
        if not 1 <= self.history <= HISTORY_MAX:
            raise ConfigError(f"history must be between 1 and {HISTORY_MAX} bars, got {self.history}")

    @classmethod
    def make(
        cls,
        *,
        timeframes: str | Iterable[str | Timeframe] = DEFAULT_TIMEFRAMES,
        calendar: Any = "fx",
        price: str = "auto",
        closed: str = "reject",
        late: str = "reject",
        anchor: str = "day",
        history: int = 1000,
        live: str = "each",
        indicators: IndicatorSpecs = None,
        prices: str = "positive",
        price_max: float = PRICE_MAX,
        delay_ns: int | Mapping[str, int] = 0,
        overfill: str = "split",
        overnight: str = "close",
    ) -> Config:
        """Return the configuration with these settings; ConfigError names the one that is wrong.

        *timeframes* may be one string, `1m,5m,1h`, and *indicators* too,
        `sma:20,macd:12,26,9`, `core` (the twenty of `mtf.indicators.CORE`), `all` or `none`. *delay_ns* is that of all
        feeds, or a mapping from symbols or patterns (`*`, `?`, `[...]`) to theirs.
        """
        asked = timeframes is not DEFAULT_TIMEFRAMES
        kept = TimeframeSet(_listed(timeframes))
        specs = _specs(kept, indicators)
        former = _specs(kept, indicators, former=True) if _has_former_word(indicators) else specs
        return cls(
            timeframes=kept,
            calendars=CalendarMap(calendar),
            price=price,
            closed=closed,
            late=late,
            anchor=anchor,
            history=history,
            live=live,
            indicators=specs,
            tzdata=tzdata_version(),
            prices=prices,
            price_max=float(price_max),
            asked=asked,
            delays=_delays(delay_ns),
            versions=_versions(specs),
            former=former if former != specs else None,
            overfill=overfill,
            overnight=overnight,
        )

    def changed(self, **settings: Any) -> Config:
        """Return the configuration with *settings*, as `make` takes them, in place of its own; ConfigError as there.

        Without `indicators`, a timeframe keeps those that it has, and one that is new gets all that any other has.
        """
        unknown = settings.keys() - inspect.signature(Config.make).parameters.keys()
        if unknown:
            known = ", ".join(inspect.signature(Config.make).parameters)
            raise ConfigError(f"unknown setting {', '.join(sorted(unknown))}; choose from {known}")
        changes = dict(settings)
        kept = self.timeframes
        if "timeframes" in changes:
            kept = TimeframeSet(_listed(changes["timeframes"]))
            changes |= {"timeframes": kept, "asked": True}
        if "calendar" in changes:
            changes |= {"calendars": CalendarMap(changes.pop("calendar")), "tzdata": tzdata_version()}
        if "delay_ns" in changes:
            changes["delays"] = _delays(changes.pop("delay_ns"))
        if "price_max" in changes:
            changes["price_max"] = float(changes["price_max"])
        specs = _specs(kept, changes["indicators"]) if "indicators" in changes else self._carried(kept)
        changes |= {"indicators": specs, "versions": _versions(specs), "former": None}
        return attrs.evolve(self, **changes)

    def _carried(self, kept: TimeframeSet) -> tuple[tuple[str, ...], ...]:
        """Return the indicators as *kept* timeframes have them."""
        own = dict(zip(self.timeframes.names, self.indicators, strict=True))
        every = list(dict.fromkeys(spec for specs in self.indicators for spec in specs))
        return tuple(
            own[each.name] if each.name in own else tuple(canonical_specs(every, each, strict=False)) for each in kept
        )

    @property
    def clocked(self) -> list[Timeframe]:
        """The timeframes whose ends close bars: those of time by rank, then the day if bars of activity end with it."""
        timed = self.timeframes.timed
        daily = len(timed) < len(self.timeframes) and self.overnight == "close"
        if not timed or (daily and Timeframe.D1 not in timed):
            return [*timed, Timeframe.D1]
        return timed

    @property
    def anchor_ns(self) -> int:
        """What intraday bars count from, as `mtf.calendars.grid` takes it."""
        return ANCHORS[self.anchor]

    def delay_of(self, symbol: str) -> int:
        """Return the delay of the feed of *symbol* in nanoseconds: that of the first pattern that matches, else 0."""
        for pattern, delay_ns in self.delays:
            if fnmatch.fnmatchcase(symbol, pattern):
                return delay_ns
        return 0

    def to_json(self) -> bytes:
        """Return the canonical bytes: the same for equal configurations.

        Settings that are newer than the first version are in it only if they differ from their defaults.
        """
        later = {
            "prices": self.prices,
            "price_max": self.price_max,
            "delays": [list(each) for each in self.delays],
            "versions": [list(each) for each in self.versions],
            "overfill": self.overfill,
            "overnight": self.overnight,
        }
        return orjson.dumps(
            {name: value for name, value in later.items() if value != LATER[name]}
            | {
                "format": FORMAT,
                "timeframes": self.timeframes.names,
                "calendars": self.calendars.to_dict(),
                "price": self.price,
                "closed": self.closed,
                "late": self.late,
                "anchor": self.anchor,
                "history": self.history,
                "live": self.live,
                "indicators": [list(specs) for specs in self.indicators],
                "tzdata": self.tzdata,
            },
            option=orjson.OPT_SORT_KEYS,
        )

    @classmethod
    def from_json(cls, data: bytes, path: str = "") -> Config:
        """Return the configuration that `to_json` wrote, in the data directory *path*.

        CorruptLog or ConfigError if *data* is not a configuration; CorruptLog too if only a newer mtf can read it, as a
        setting that is not known here affects results.
        """
        place = f"{path}: " if path else ""
        try:
            fields = orjson.loads(data)
            if fields["format"] != FORMAT:
                raise CorruptLog(
                    f"{place}the configuration has format {fields['format']}, and this mtf reads format {FORMAT}: use "
                    "a newer mtf",
                    path=path,
                )
            if unknown := sorted(set(fields) - FIELDS):
                raise CorruptLog(
                    f"{place}the configuration has settings that this mtf does not know ({', '.join(unknown)}): use a "
                    "newer mtf",
                    path=path,
                )
            kept = TimeframeSet(fields["timeframes"])
            if len(fields["indicators"]) != len(kept) or not isinstance(fields["tzdata"], str):
                raise TypeError("indicators go with timeframes, and tzdata is a text")
            return cls(
                timeframes=kept,
                calendars=CalendarMap.from_dict(fields["calendars"]),
                price=fields["price"],
                closed=fields["closed"],
                late=fields["late"],
                anchor=fields["anchor"],
                history=int(fields["history"]),
                live=fields["live"],
                indicators=tuple(tuple(specs) for specs in fields["indicators"]),
                tzdata=fields["tzdata"],
                prices=fields.get("prices", LATER["prices"]),
                price_max=float(fields.get("price_max", LATER["price_max"])),
                delays=tuple((str(pattern), int(ns)) for pattern, ns in fields.get("delays", LATER["delays"])),
                versions=tuple((str(name), int(count)) for name, count in fields.get("versions", LATER["versions"])),
                overfill=fields.get("overfill", LATER["overfill"]),
                overnight=fields.get("overnight", LATER["overnight"]),
            )
        except MtfError:
            raise
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise CorruptLog(f"{place}the configuration in the log cannot be read: {error!r}", path=path) from error

    def current(self) -> Config:
        """Return the configuration with the versions of its indicators that are installed."""
        return attrs.evolve(self, versions=_versions(self.indicators))

    def settled(self, logged: Config) -> tuple[Config, list[str]]:
        """Return the configuration with which to continue a log that has *logged*, and in sentences what is kept of it.

        These are calendars requested by name of which mtf, or a package, has a different edition now: the log stays
        with the one that it was made with. The same holds for the indicators if `all` of them was requested, and meant
        those when the log began.
        """
        calendars, names = self.calendars.settled(logged.calendars)
        notes = [
            f"stays with the edition of the calendar {name} that it was made with; the present edition has different "
            "hours or holidays, and applies to new directories"
            for name in names
        ]
        settled = attrs.evolve(self, calendars=calendars) if names else self
        if self.former is not None and self.former == logged.indicators:
            notes.append('stays with the twenty indicators that "all" meant when it was made, which "core" means now')
            settled = attrs.evolve(settled, indicators=self.former, versions=_versions(self.former), former=None)
        return settled, notes

    def differences(self, other: Config) -> list[str]:
        """Return a line for each setting in which *other* differs: `history: 1000 in the log, 500 requested`."""
        mine, theirs = ({**LATER, **orjson.loads(each.to_json())} for each in (self, other))
        worded = {
            "calendars": _calendars(other, self),
            "indicators": (_only(other.indicators, self.indicators), _only(self.indicators, other.indicators)),
        }
        passed_over = {"tzdata", "versions"}
        if mine["timeframes"] != theirs["timeframes"] and _asked(self.indicators) == _asked(other.indicators):
            passed_over.add("indicators")  # they differ by timeframe, as they must
        lines = []
        for name in mine:
            if mine[name] != theirs[name] and name not in passed_over:
                there, here = worded.get(name) or (_short(theirs[name]), _short(mine[name]))
                lines.append(f"{name}: {there} in the log, {here} requested")
        return lines


def given_config(config: Config | None, settings: Mapping[str, Any]) -> Config:
    """Return *config*, or that of *settings*, the arguments of `Config.make`; ConfigError if both are given."""
    if config is None:
        return Config.make(**settings)
    defaults = inspect.signature(Config.make).parameters
    twice = [name for name, value in settings.items() if value != defaults[name].default]
    if twice:
        raise ConfigError(f"{', '.join(twice)}: already set by config=; give one or the other")
    return config


def _listed(timeframes: str | Iterable[str | Timeframe]) -> Iterable[str | Timeframe]:
    if isinstance(timeframes, str):
        return [name.strip() for name in timeframes.split(",") if name.strip()]
    return timeframes


def _calendars(there: Config, here: Config) -> tuple[str, str]:
    """Return what the calendars are on either side; those of the same names differ in hours or holidays."""
    texts = repr(there.calendars), repr(here.calendars)
    return texts if texts[0] != texts[1] else (texts[0], "the same names with other hours or holidays")


def _delays(given: int | Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    if isinstance(given, Mapping):
        return tuple((pattern, int(ns)) for pattern, ns in given.items())
    return (("*", int(given)),) if given else ()


def _only(left: tuple[tuple[str, ...], ...], right: tuple[tuple[str, ...], ...]) -> str:
    """Return the indicators that are in *left* and not in *right*, whatever the timeframe."""
    others = _asked(right)
    only = list(dict.fromkeys(spec for specs in left for spec in specs if spec not in others))
    if not only and not any(left):
        return "none"
    return ", ".join(only) or "nothing else, but in another order or on other timeframes"


def _asked(indicators: tuple[tuple[str, ...], ...]) -> set[str]:
    return {spec for specs in indicators for spec in specs}


def _has_former_word(indicators: IndicatorSpecs) -> bool:
    """Return whether a word is in *indicators* that meant something else once."""
    given = list(indicators.values()) if isinstance(indicators, Mapping) else [indicators]
    return any(word_in(each) == "all" for each in given)


def _versions(indicators: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, int], ...]:
    return tuple(versions_of(_asked(indicators)).items())


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."


def _specs(kept: TimeframeSet, indicators: IndicatorSpecs, *, former: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return canonical indicator specs by rank: the same list for all timeframes, or one for each that is named.

    With *former*, words mean what they did before there was `core`.
    """
    word = word_in(indicators)
    if indicators is None or word == "none":
        return tuple(() for _ in kept)
    if isinstance(indicators, Mapping):
        rows: list[tuple[str, ...]] = [() for _ in kept]
        for name, specs in indicators.items():
            rank = kept.index(name)
            rows[rank] = tuple(canonical_specs(specs, kept[rank], strict=True, former=former))
        return tuple(rows)
    if word:
        assert isinstance(indicators, str), "a word is a string"
        return tuple(tuple(canonical_specs(indicators, each, strict=False, former=former)) for each in kept)
    given = split_specs(indicators) if isinstance(indicators, str) else list(indicators)
    found = [canonical_specs(given, timeframe, strict=False) for timeframe in kept]
    kept_specs = {spec for specs in found for spec in specs}
    for spec in given:  # each on the timeframes on which it makes sense, and on one at least
        if create(spec).spec not in kept_specs:
            create(spec, timeframe=kept[0])
    return tuple(map(tuple, found))
