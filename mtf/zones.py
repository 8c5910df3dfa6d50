"""Whether results made with one release of tzdata hold with another: the instants that a configuration's zones give.

Only the zones that calendars use count, and only the span in which events lie, with the trading months around it: a
release of tzdata that changes other zones, or other years, changes no bar.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from xxhash import xxh3_64_hexdigest

from mtf.calendars.zone import DAY_S, changes_between, find_zone, offset_at, tzdata_version
from mtf.config import Config
from mtf.errors import ConfigError
from mtf.units import SECOND_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["is_zones", "other_instants", "zones_of"]

MARGIN_S: Final = 62 * DAY_S  # the month that the first event lies in, and the one after that of the last
ZONES_MAX: Final = 10_000
SPAN_NS_MAX: Final = 1 << 63

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def zones_of(config: Config, oldest_ns: int, newest_ns: int) -> dict[str, Any]:
    """Return what to keep beside results of *config* made of events stamped from *oldest_ns* to *newest_ns*.

    A JSON value: the release of tzdata, the span, and a sum of what each zone used gives in it.
    """
    keys = sorted({calendar["zone"] for calendar in config.calendars.to_dict()["calendars"]})
    sums = {key: _sum(key, oldest_ns, newest_ns) for key in keys} if oldest_ns <= newest_ns else {}
    return {"tzdata": tzdata_version(), "oldest_ns": oldest_ns, "newest_ns": newest_ns, "sums": sums}


def is_zones(value: Any) -> bool:
    """Return whether *value* is what `zones_of` makes: it is read from files, and they may be a stranger's."""
    if not isinstance(value, dict) or not isinstance(value.get("tzdata"), str):
        return False
    span = (value.get("oldest_ns"), value.get("newest_ns"))
    sums = value.get("sums")
    return (
        all(isinstance(ns, int) and abs(ns) <= SPAN_NS_MAX for ns in span)
        and isinstance(sums, dict)
        and len(sums) <= ZONES_MAX
        and all(isinstance(key, str) and isinstance(each, str) for key, each in sums.items())
    )


def other_instants(found: dict[str, Any]) -> str:
    """Return which zones now give other instants than when *found* was made, in a sentence's part; "": none."""
    changed = [key for key, each in found["sums"].items() if each != _now(key, found)]
    if not changed:
        return ""
    return (
        f"made with tzdata {found['tzdata']}, and tzdata {tzdata_version()}, which is in use here, gives other times "
        f"for {', '.join(changed)}"
    )


def _now(key: str, found: dict[str, Any]) -> str:
    try:
        return _sum(key, found["oldest_ns"], found["newest_ns"])
    except ConfigError:
        return ""


def _sum(key: str, oldest_ns: int, newest_ns: int) -> str:
    zone = find_zone(key)
    first_s = max(oldest_ns, TS_MIN_NS) // SECOND_NS - MARGIN_S
    last_s = min(newest_ns, TS_MAX_NS) // SECOND_NS + MARGIN_S
    parts = [str(offset_at(zone, first_s))]
    for year in range(_year_of(first_s), _year_of(last_s) + 1):  # whole years, which are cached as the span grows
        changes = changes_between(zone, _start_s(year) - 1, _start_s(year + 1) - 1)
        parts += [f"{at}:{offset}" for at, _, offset in changes if first_s < at <= last_s]
    return str(xxh3_64_hexdigest(" ".join(parts).encode()))


def _start_s(year: int) -> int:
    return (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) - _EPOCH).days * DAY_S


def _year_of(utc_s: int) -> int:
    return (_EPOCH + datetime.timedelta(seconds=utc_s)).year
