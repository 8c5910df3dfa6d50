"""Databento's CSV: trades, the top of the book, and bars, with prices as decimals or in billionths (fixed point).

Trades are stamped by `ts_event`, the exchange's time; samples of the book (bbo) by `ts_recv`, the end of their
interval. An empty side of the book has no price, or 9223372036854775807, and is missing. A file whose rows are all
trades (tbbo) is read as trades. Single orders (mbo) and files without prices (definitions, statistics, imbalances,
status) are refused.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.errors import ConfigError, OptionNeeded
from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe

__all__ = ["FORMAT"]

FIXED_POINT: Final = -9
UNDEFINED: Final = "9223372036854775807"

_OWN: Final = {"tsevent", "publisherid", "instrumentid"}
_BARS: Final = ("open", "high", "low", "close")
_TOP: Final = {"bid": "bidpx00", "bid_size": "bidsz00", "ask": "askpx00", "ask_size": "asksz00"}
_LENGTHS: Final = {32: "1s", 33: "1m", 34: "1h", 35: "1d", 36: "1d"}  # by rtype; 36 is a day's official one
_NAME: Final = re.compile(r".*\.(?P<schema>ohlcv-1(?:s|m|h|d)|ohlcv-eod|trades|tbbo|mbp-1|mbp-10|bbo-1s|bbo-1m).*")
_WHOLE: Final = re.compile(r"-?\d+")
# Records that are not trades, quotes or bars, by a column that only these have.
_REFUSED: Final = {
    "orderid": "Databento's mbo: single orders, from which a book would have to be built",
    "rawsymbol": "Databento's definitions: they have no prices",
    "stattype": "Databento's statistics: no trades or quotes",
    "refprice": "Databento's imbalances: no trades or quotes",
    "istrading": "Databento's status messages: they have no prices",
}


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    return LIKELY + 1 if set(table.named()) >= _OWN else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is None or not table.rows or table.header is None:
        return guessed_plan(part, options)
    named = table.named()
    why = next((why for column, why in _REFUSED.items() if column in named), "")
    if why:
        return Plan(refused=why)
    options = with_columns(options, _columns(table, named))
    columns = options.columns or {}
    if "symbol" not in columns and options.symbol is None:
        raise OptionNeeded(
            "has no symbols, only instrument numbers: give {symbol} if it has one instrument, or {columns}",
            symbol="NAME",
            columns="symbol=instrument_id",
        )
    bars = all(role in columns for role in _BARS)
    timeframe = _length(table, named, part) if bars else None
    if bars:
        _one_venue(table, named)
    fixed = options.point is None and _fixed(table, named)
    undefined = UNDEFINED if "bid" in columns or "ask" in columns else ""
    if fixed:
        return guessed_plan(
            part, options, zone_by=BY_FORMAT, timeframe=timeframe, shift=FIXED_POINT, undefined=undefined
        )
    return guessed_plan(part, options, zone_by=BY_FORMAT, timeframe=timeframe, undefined=undefined)


def _columns(table: SniffedTable, named: dict[str, int]) -> dict[str, str | int]:
    found: dict[str, str | int] = {"symbol": named["symbol"]} if "symbol" in named else {}
    if all(name in named for name in _BARS):
        return found | {"time": named["tsevent"]} | {name: named[name] for name in (*_BARS, "volume") if name in named}
    traded = "action" in named and set(table.column(named["action"])) == {"T"}
    if "bidpx00" in named and not traded:
        sampled = "action" not in named and "tsrecv" in named
        found["time"] = named["tsrecv" if sampled else "tsevent"]
        return found | {role: named[name] for role, name in _TOP.items() if name in named}
    if "price" in named and "size" in named:
        return found | {"time": named["tsevent"], "price": named["price"], "size": named["size"]}
    raise OptionNeeded(
        "has no trades, quotes or bars of a known schema: name its columns with {columns}",
        columns="time=ts_event,price=NAME",
    )


def _fixed(table: SniffedTable, named: dict[str, int]) -> bool:
    """Whether prices are whole numbers of billionths: written out as decimals, they have a point."""
    names = [name for name in (*_BARS, "price", "bidpx00", "askpx00") if name in named]
    cells = [cell for name in names for cell in table.column(named[name]) if cell != UNDEFINED]
    return bool(cells) and all(map(_WHOLE.fullmatch, cells))


def _length(table: SniffedTable, named: dict[str, int], part: InputFile) -> Timeframe | None:
    """Return the length of bars, given by the kind of record, or else the name of the file."""
    if "rtype" in named:
        codes = {cell for cell in table.column(named["rtype"]) if cell.isdigit()}
        if len(codes) > 1:
            raise ConfigError("has bars of several lengths (rtype): split it by schema")
        if codes and int(next(iter(codes))) in _LENGTHS:
            return Timeframe(_LENGTHS[int(codes.pop())])
    match = next(filter(None, (_NAME.match(name) for name in part.names)), None)
    return Timeframe(match["schema"][-2:]) if match is not None and match["schema"][:7] == "ohlcv-1" else None


def _one_venue(table: SniffedTable, named: dict[str, int]) -> None:
    """Raise ConfigError if a symbol has bars of several venues: they are not bars of one market."""
    if "publisherid" not in named or "symbol" not in named:
        return
    venues: dict[str, set[str]] = {}
    for row in table.rows:
        venues.setdefault(row[named["symbol"]], set()).add(row[named["publisherid"]])
    for symbol, publishers in venues.items():
        if len(publishers) > 1:
            raise OptionNeeded(
                f"has bars of {symbol} from {len(publishers)} venues (publisher_id {', '.join(sorted(publishers))}): "
                "give {columns} to keep them apart, or a file of one venue",
                columns="symbol=publisher_id",
            )


FORMAT: Final = Format(
    name="databento", description="Databento's CSV: trades, top of the book, and bars", sniff=_sniff, plan=_plan
)
