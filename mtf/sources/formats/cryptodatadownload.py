"""CryptoDataDownload: bars of one pair, newest first, after a line with the site's address. UTC, stamped at the open.

`unix,date,symbol,open,high,low,close,Volume BTC,Volume USD`: the volume is that of the base currency, whichever column
it is in. The date is read if possible, because `unix` is in seconds in some rows and in milliseconds in others of the
same file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mtf.errors import OptionNeeded
from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

_NEEDED: Final = {"date", "symbol", "open", "high", "low", "close"}
_VOLUME: Final = re.compile(r"Volume (?P<money>[A-Z0-9]{2,10})", re.IGNORECASE)
_PLAIN_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d+)?)?)?")
_UNIX: Final = ("unix", "unixtimestamp")
_NAME: Final = re.compile(r".+_(?P<length>\d*(?:minute|min|m|h|hour|d|day))(?:[_-].*)?", re.IGNORECASE)
_LENGTHS: Final = {"minute": "m", "min": "m", "m": "m", "hour": "h", "h": "h", "day": "d", "d": "d"}


def _volumes(table: SniffedTable) -> dict[str, int]:
    """Return the columns of volumes by their currency."""
    names = [_VOLUME.fullmatch(name) for name in table.header or ()]
    return {match["money"].upper(): index for index, match in enumerate(names) if match is not None}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    return LIKELY + 1 if set(table.named()) >= _NEEDED and len(_volumes(table)) >= 2 else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is None or not table.rows:
        return guessed_plan(part, options)
    if options.columns is None or "time" not in options.columns:
        options = with_columns(options, _columns(table, options.columns or {}))
    return guessed_plan(part, options, zone_by=BY_FORMAT, timeframe=_length(part))


def _columns(table: SniffedTable, given: Mapping[str, str | int]) -> dict[str, str | int]:
    named = table.named()
    found: dict[str, str | int] = {role: named[role] for role in ("symbol", "open", "high", "low", "close")}
    plain = all(map(_PLAIN_DATE.fullmatch, table.column(named["date"])))
    unix = next((named[name] for name in _UNIX if name in named), None)
    found["time"] = named["date"] if plain or unix is None else unix
    if "volume" not in given:
        found["volume"] = _base_volume(table, named["symbol"])
    return found


def _base_volume(table: SniffedTable, symbol: int) -> int:
    """Return the column with the volume in the pair's base currency; ConfigError if there is none."""
    volumes = _volumes(table)
    pair = re.sub(r"[^A-Z0-9]", "", table.column(symbol)[0].upper())
    base = max((money for money in volumes if pair.startswith(money)), key=len, default="")
    if not base:
        raise OptionNeeded(
            f"the volume of {pair} could be in {' or '.join(volumes)}: give {{columns}}",
            columns="volume=NAME",
        )
    return volumes[base]


def _length(part: InputFile) -> Timeframe | None:
    """Return the length of bars according to the file's name: Bitstamp_BTCUSD_1h, Binance_ETHUSDT_d, ..._minute."""
    match = _NAME.fullmatch(part.stem)
    if match is None:
        return None
    count, unit = re.fullmatch(r"(\d*)([A-Za-z]+)", match["length"]).groups()  # type: ignore[union-attr]
    return Timeframe(f"{count or 1}{_LENGTHS[unit.lower()]}")


FORMAT: Final = Format(
    name="cryptodatadownload",
    description="CryptoDataDownload's bars, newest first; UTC",
    sniff=_sniff,
    plan=_plan,
)
