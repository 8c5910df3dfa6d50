"""QuantConnect Lean's data folder: ticks and bars of forex, cfd, crypto, equity and future in zip files.

The path of a file tells its content: `forex/oanda/tick/eurusd/20140501_quote.zip` has one day, its times milliseconds
since midnight; `forex/oanda/hour/eurusd.zip` has all days, its times `20070101 21:00`. Times are in the market's own
zone: FXCM's is UTC-5 all year, OANDA's UTC, that of US equities New York. Prices of equities are times 10,000.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mtf.errors import ConfigError, OptionNeeded
from mtf.sources.file_format import CERTAIN, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import table_plan
from mtf.sources.guess import shift_of
from mtf.sources.input_files import InputFile
from mtf.sources.layout import Layout
from mtf.sources.local_time import Zone
from mtf.sources.read_as import BY_FILE, BY_FORMAT, BY_USER, ReadAs
from mtf.sources.stamps import civil_day
from mtf.sources.text_table import BARS, QUOTE_BARS, QUOTES, TRADE_TICKS
from mtf.timeframe import Timeframe
from mtf.units import DAY_NS

__all__ = ["FORMAT"]

_PATH: Final = re.compile(
    r"(?:^|/)(?P<type>forex|cfd|crypto|cryptofuture|equity|future)/(?P<market>\w+)/(?:"
    r"(?P<short>tick|second|minute)/(?P<name>[^/]+)/(?P<date>\d{8})_(?P<kind>quote|trade|openinterest)\.zip"
    r"|(?P<long>hour|daily)/(?P<whole>[^/]+?)(?:_(?P<long_kind>quote|trade|openinterest))?\.zip)$"
)
_REFUSED_PATH: Final = re.compile(
    r"(?:^|/)(?P<type>option|futureoption|indexoption)/\w+/(?:tick|second|minute|hour|daily)/.+\.zip$"
)
_MEMBER: Final = re.compile(
    r"(?P<date>\d{8})_(?P<name>[^/_]+)_(?P<short>tick|second|minute)_(?P<kind>quote|trade|openinterest)"
    r"(?:_(?P<month>\d{6})(?:_\d{8})?)?\.csv"
)
_CONTRACT: Final = re.compile(r".+_(?:quote|trade|openinterest)_(?P<month>\d{6})(?:\d\d)?(?:_\d{8})?\.csv")
_MONTH_CODES: Final = "FGHJKMNQUVXZ"

_ZONES: Final[Mapping[tuple[str, str], str]] = {
    ("forex", "fxcm"): "UTC-05:00",
    ("forex", "oanda"): "UTC",
    ("cfd", "fxcm"): "UTC-05:00",
    ("cfd", "oanda"): "UTC",
    ("equity", "usa"): "America/New_York",
    **{("future", market): "UTC" for market in ("cme", "cbot", "comex", "nymex", "cfe", "ice")},
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
    """Return the kind of the rows and their fields, `_` for those that are not read."""
    if resolution != "tick":
        return (QUOTE_BARS, _QUOTE_BAR) if kind == "quote" else (BARS, _TRADE_BAR)
    if security in {"forex", "cfd"}:
        return QUOTES, ("time", "bid", "ask")
    rest = ("_", "_", "_") if security in {"equity", "future"} else ()  # exchange, sale condition, suspicious
    if kind == "quote":
        return QUOTES, ("time", "bid", "bid_size", "ask", "ask_size", *rest)
    return TRADE_TICKS, ("time", "price", "size", *rest)


def _match(part: InputFile) -> re.Match[str] | None:
    return _PATH.search(part.path.absolute().as_posix())


def _sniff(part: InputFile) -> int:
    if not part.member:
        return NO
    if _REFUSED_PATH.search(part.path.absolute().as_posix()):
        return CERTAIN
    return CERTAIN if _match(part) is not None or _MEMBER.fullmatch(part.member) is not None else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    if _REFUSED_PATH.search(part.path.absolute().as_posix()):
        return Plan(refused="Lean's options, with a strike and an expiry each, are not supported")
    words = _words(part)
    if words["kind"] == "openinterest":
        return Plan(refused="Lean's open interest: it has no prices")
    security, market, resolution = words["type"], words["market"], words["resolution"]
    zone = options.zone or ("UTC" if security.startswith("crypto") else _ZONES.get((security, market)))
    if zone is None:
        raise OptionNeeded(
            f"the time zone of Lean's {security or 'unknown'} data of {market or 'an unknown market'} is "
            f"unknown: give {zone}, or keep Lean's folders, as in forex/oanda/tick/eurusd/20140501_quote.zip",
            zone="America/New_York",
        )
    kind, fields = _columns(security, resolution, words["kind"])
    if security == "future" and resolution == "tick":
        fields = _as_wide(part, fields)
    date = words["date"]
    day_ns = civil_day(int(date[:4]), int(date[4:6]), int(date[6:])) * DAY_NS if date else None
    layout = Layout(
        kind=kind,
        fields=len(fields),
        columns={role: index for index, role in enumerate(fields) if role != "_"},
        time_format="ymd" if day_ns is None else "ms",
        zone=zone,
        day_ns=day_ns,
        symbol=options.symbol or _symbol(part, words),
        shift=shift_of(options.point, _TEN_THOUSANDTHS if security == "equity" else 0),
        timeframe=options.timeframe or (Timeframe(_LENGTHS[resolution]) if resolution in _LENGTHS else None),
        close_stamped=options.stamp == "close",
        blank=options.blank or "missing",
        limits=options.limits,
    )
    read_as = ReadAs.of(
        layout,
        zone_by=BY_USER if options.zone is not None else BY_FORMAT,
        timeframe_by=BY_USER if options.timeframe is not None else BY_FILE,
        point_by=BY_USER if options.point is not None else BY_FORMAT,
    )
    return table_plan(part, layout, read_as, None if day_ns is None else Zone(zone).to_utc(day_ns, 0))


def _symbol(part: InputFile, words: dict[str, str]) -> str:
    """Return the symbol, for a future that of its contract: ES of December 2013 is ESZ13."""
    symbol = words["symbol"].upper()
    match = _CONTRACT.fullmatch(part.names[0]) if words["type"] in ("future", "") else None
    if match is None:
        if words["type"] == "future":
            raise OptionNeeded(
                f"the name of {part.names[0]} does not tell which contract of {symbol} it has: give {{symbol}}",
                symbol="ESZ13",
            )
        return symbol
    year, month = match["month"][2:4], int(match["month"][4:])
    if not 1 <= month <= len(_MONTH_CODES):
        raise OptionNeeded(f"{part.names[0]}: no such month of expiry: give {{symbol}}", symbol="ESZ13")
    return f"{symbol}{_MONTH_CODES[month - 1]}{year}"


def _as_wide(part: InputFile, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return *fields*, with or without the last unread one, to match the width of the first line."""
    width = (part.lines or [""])[0].count(",") + 1
    needed = len([field for field in fields if field != "_"])
    return (*fields[:needed], *("_" for _ in range(width - needed))) if width >= needed else fields


def _words(part: InputFile) -> dict[str, str]:
    """Return the facts in the path of *part*, or else in the name of its member."""
    match = _match(part)
    if match is None:
        match = _MEMBER.fullmatch(part.member)
        if match is None:
            raise ConfigError(
                "not in Lean's folders, such as forex/oanda/tick/eurusd/20140501_quote.zip: its content is unknown; "
                "omit the format, or keep the folders"
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
    description="QuantConnect Lean zip files: ticks, and bars of seconds, minutes, hours and days; futures by contract",
    sniff=_sniff,
    plan=_plan,
)
