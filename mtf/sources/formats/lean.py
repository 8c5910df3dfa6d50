"""QuantConnect Lean's data folder: ticks and bars of forex, cfd, crypto and equity in zip files.

What a file holds stands in its path: `forex/oanda/tick/eurusd/20140501_quote.zip` has one day, its times milliseconds
since midnight; `forex/oanda/hour/eurusd.zip` has all days, its times `20070101 21:00`. Times are in the market's own
zone: FXCM's is UTC-5 all year, OANDA's UTC, that of US equities New York. Prices of equities are times 10,000.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mtf.errors import ConfigError
from mtf.sources.format import CERTAIN, NO, Format, Options, Plan
from mtf.sources.formats.csv import table_plan
from mtf.sources.guess import shift_of
from mtf.sources.layout import Layout
from mtf.sources.parts import Part
from mtf.sources.stamps import DAY_NS, civil_day
from mtf.sources.table import BARS, QUOTE_BARS, QUOTES, TRADE_TICKS
from mtf.sources.zone import Zone
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_PATH: Final = re.compile(
    r"(?:^|/)(?P<type>forex|cfd|crypto|cryptofuture|equity)/(?P<market>\w+)/(?:"
    r"(?P<short>tick|second|minute)/(?P<name>[^/]+)/(?P<date>\d{8})_(?P<kind>quote|trade)\.zip"
    r"|(?P<long>hour|daily)/(?P<whole>[^/]+?)(?:_(?P<long_kind>quote|trade))?\.zip)$"
)
_MEMBER: Final = re.compile(r"(?P<date>\d{8})_(?P<name>[^/]+)_(?P<short>tick|second|minute)_(?P<kind>quote|trade)\.csv")

_ZONES: Final[Mapping[tuple[str, str], str]] = {
    ("forex", "fxcm"): "UTC-05:00",
    ("forex", "oanda"): "UTC",
    ("cfd", "fxcm"): "UTC-05:00",
    ("cfd", "oanda"): "UTC",
    ("equity", "usa"): "America/New_York",
}
_LENGTHS: Final = {"second": "1s", "minute": "1m", "hour": "1h", "daily": "1d"}
_TEN_THOUSANDTHS: Final = -4

_OHLC: Final = ("open", "high", "low", "close")
_QUOTE_BAR: Final = (
    "time",
    *(f"bid_{price}" for price in _OHLC),
    "bid_size",
    *(f"ask_{price}" for price in _OHLC),
    "ask_size",
)
_TRADE_BAR: Final = ("time", *_OHLC, "volume")


def _columns(security: str, resolution: str, kind: str) -> tuple[int, tuple[str, ...]]:
    """Return what the rows are and what is in their fields, `_` for what is not read."""
    if resolution != "tick":
        return (QUOTE_BARS, _QUOTE_BAR) if kind == "quote" else (BARS, _TRADE_BAR)
    if security in {"forex", "cfd"}:
        return QUOTES, ("time", "bid", "ask")
    rest = ("_", "_", "_") if security == "equity" else ()  # exchange, sale condition, suspicious
    if kind == "quote":
        return QUOTES, ("time", "bid", "bid_size", "ask", "ask_size", *rest)
    return TRADE_TICKS, ("time", "price", "size", *rest)


def _match(part: Part) -> re.Match[str] | None:
    return _PATH.search(part.path.absolute().as_posix())


def _sniff(part: Part) -> int:
    if not part.member:
        return NO
    return CERTAIN if _match(part) is not None or _MEMBER.fullmatch(part.member) is not None else NO


def _plan(part: Part, options: Options) -> Plan:
    words = _words(part)
    security, market, resolution = words["type"], words["market"], words["resolution"]
    zone = options.zone or ("UTC" if security.startswith("crypto") else _ZONES.get((security, market)))
    if zone is None:
        raise ConfigError(
            f"which time zone Lean's {security or 'unknown'} data of {market or 'an unknown market'} is in is not "
            "known here: give zone=, or keep the folders as forex/oanda/tick/eurusd/20140501_quote.zip"
        )
    kind, fields = _columns(security, resolution, words["kind"])
    date = words["date"]
    day_ns = civil_day(int(date[:4]), int(date[4:6]), int(date[6:])) * DAY_NS if date else None
    layout = Layout(
        kind=kind,
        fields=len(fields),
        columns={role: index for index, role in enumerate(fields) if role != "_"},
        time_format="ymd" if day_ns is None else "ms",
        zone=zone,
        day_ns=day_ns,
        symbol=options.symbol or words["symbol"].upper(),
        shift=shift_of(options.point, _TEN_THOUSANDTHS if security == "equity" else 0),
        timeframe=options.timeframe or (Timeframe(_LENGTHS[resolution]) if resolution in _LENGTHS else None),
        close_stamped=options.stamp == "close",
        limits=options.limits,
    )
    return table_plan(part, layout, None if day_ns is None else Zone(zone).to_utc(day_ns, 0))


def _words(part: Part) -> dict[str, str]:
    """Return what the path of *part* says, or else the name of its member."""
    match = _match(part)
    if match is None:
        match = _MEMBER.fullmatch(part.member)
        if match is None:
            raise ConfigError(
                "not in Lean's folders, as forex/oanda/tick/eurusd/20140501_quote.zip: what is in it is unknown"
            )
        return {
            "type": "forex" if match["short"] == "tick" and match["kind"] == "quote" else "",
            "market": "",
            "resolution": match["short"],
            "symbol": match["name"],
            "date": match["date"],
            "kind": match["kind"],
        }
    security = match["type"]
    quotes = security in {"forex", "cfd"}
    return {
        "type": security,
        "market": match["market"],
        "resolution": match["short"] or match["long"],
        "symbol": match["name"] or match["whole"],
        "date": match["date"] or "",
        "kind": match["kind"] or match["long_kind"] or ("quote" if quotes else "trade"),
    }


FORMAT: Final = Format(
    name="lean",
    description="QuantConnect Lean zip files: ticks, and bars of seconds, minutes, hours and days",
    sniff=_sniff,
    plan=_plan,
)
