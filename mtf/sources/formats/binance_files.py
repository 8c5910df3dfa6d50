"""Binance's files from data.binance.vision, with and without a header, zipped or not.

Klines are `open_time,open,high,low,close,volume,close_time,...`, trades `id,price,qty,quote_qty,time,is_buyer_maker`,
aggregate trades `id,price,quantity,first_id,last_id,time,is_buyer_maker`, book tickers `update_id,bid,bid_qty,ask,
ask_qty,transaction_time,event_time`. Times count from 1970 in milliseconds, in microseconds since 2025 (spot), or as
their digits imply. A kline's two times give its length. The volume is in the base asset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from mtf.errors import OptionNeeded
from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.length import days_name
from mtf.sources.read_as import BY_FORMAT
from mtf.timeframe import Timeframe
from mtf.units import DAY_NS, SECOND_NS

__all__ = ["FORMAT"]

MILLISECOND_NS: Final = 1_000_000

_NAME: Final = re.compile(
    r"(?P<symbol>[A-Za-z0-9_]+)-(?P<kind>trades|aggTrades|bookTicker|bookDepth|metrics|fundingRate|liquidationSnapshot"
    r"|\d{1,2}(?:s|m|h|d|w|mo))-\d{4}-\d\d(?:-\d\d)?"
)
_EPOCH: Final = re.compile(r"\d{10}|\d{13}|\d{16}|\d{19}")
_BOOL: Final = frozenset({"true", "false"})
_UNITS: Final = {10: ("s", SECOND_NS), 13: ("ms", MILLISECOND_NS), 16: ("us", 1_000), 19: ("ns", 1)}

_KLINES: Final = {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
_TRADES: Final = {"id": 0, "price": 1, "size": 2, "time": 4}
_AGGREGATES: Final = {"id": 0, "price": 1, "size": 2, "time": 5}
_BOOK: Final = {"bid": 1, "bid_size": 2, "ask": 3, "ask_size": 4, "time": 5}
_CLOSE_TIME: Final = 6

# The names in Binance's headers, letters and digits only, by layout.
_HEADERS: Final[tuple[tuple[frozenset[str], Mapping[str, int]], ...]] = (
    (frozenset({"opentime", "open", "high", "low", "close", "volume", "closetime"}), _KLINES),
    (frozenset({"aggtradeid", "price", "quantity", "transacttime"}), _AGGREGATES),
    (frozenset({"id", "price", "qty", "quoteqty", "time"}), _TRADES),
    (frozenset({"updateid", "bestbidprice", "bestbidqty", "bestaskprice", "bestaskqty"}), _BOOK),
)
# The names of each role in all of these headers.
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("open",), "high": ("high",), "low": ("low",), "close": ("close",), "volume": ("volume",),
    "price": ("price",), "size": ("quantity", "qty"), "id": ("aggtradeid", "id"),
    "bid": ("bestbidprice",), "bid_size": ("bestbidqty",), "ask": ("bestaskprice",), "ask_size": ("bestaskqty",),
    "time": ("opentime", "transacttime", "transactiontime", "time"),
}  # fmt: skip
# Files without prices of a market, by names in their header.
_REFUSED: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (frozenset({"timestamp", "percentage", "depth", "notional"}), "Binance's book depth: it has no prices"),
    (frozenset({"createtime", "sumopeninterest"}), "Binance's metrics: they have no prices"),
)


def _layout_of(table: SniffedTable) -> Mapping[str, int] | None:
    """Return the columns of the roles in a file of Binance's; None if *table* is not one."""
    if table.header is not None:
        named = set(table.named())
        for names, columns in _HEADERS:
            if names <= named:
                # Each role is in the column named by the header, whatever the order.
                return {**columns, **{role: at for role, at in table.find(_ROLES).items() if role in columns}}
        return None
    shapes: dict[int, Callable[[list[str]], Mapping[str, int] | None]] = {
        12: _is_kline,
        6: _is_trade,
        7: _is_seven,
        8: _is_eight,
    }
    shape = shapes.get(table.fields)
    if shape is None or table.delimiter != "," or not table.rows:
        return None
    layouts = [shape(row) for row in table.rows[:20]]
    known = [each for each in layouts if each is not None]
    return known[0] if known and len(known) * 2 > len(layouts) and all(each is known[0] for each in known) else None


def _is_kline(row: list[str]) -> Mapping[str, int] | None:
    times = _EPOCH.fullmatch(row[0]) and _EPOCH.fullmatch(row[_CLOSE_TIME]) and len(row[0]) == len(row[_CLOSE_TIME])
    return _KLINES if times and int(row[_CLOSE_TIME]) > int(row[0]) else None


def _is_trade(row: list[str]) -> Mapping[str, int] | None:
    return _TRADES if row[0].isdigit() and _EPOCH.fullmatch(row[4]) and row[5].lower() in _BOOL else None


def _is_seven(row: list[str]) -> Mapping[str, int] | None:
    if row[6].lower() in _BOOL:
        if row[5].lower() in _BOOL:
            return _is_trade(row)
        whole = row[0].isdigit() and row[3].isdigit() and row[4].isdigit()
        return _AGGREGATES if whole and _EPOCH.fullmatch(row[5]) else None
    times = _EPOCH.fullmatch(row[5]) and _EPOCH.fullmatch(row[6])
    return _BOOK if times and row[0].isdigit() and _below(row[1], row[3]) else None


def _is_eight(row: list[str]) -> Mapping[str, int] | None:
    return _is_seven(row[:7]) if row[7].lower() in _BOOL and row[6].lower() in _BOOL else None


def _below(bid: str, ask: str) -> bool:
    try:
        return 0 < float(bid) <= float(ask) * 1.05
    except ValueError:
        return False


def _refused(part: InputFile, table: SniffedTable) -> str:
    named = set(table.named())
    return next((why for names, why in _REFUSED if names <= named), "")


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or not table.rows:
        return NO
    return LIKELY + 1 if _layout_of(table) is not None or _refused(part, table) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    table = table_of(part, options)
    if table is None or not table.rows:
        return guessed_plan(part, options)
    why = _refused(part, table)
    if why:
        return Plan(refused=why)
    columns = _layout_of(table)
    if columns is None:
        raise OptionNeeded(
            "not one of Binance's layouts: omit the format, or name the columns with {columns}",
            columns="time=NAME,price=NAME",
        )
    match = next(filter(None, (_NAME.fullmatch(part.stem), *(map(_NAME.match, part.names)))), None)
    unit = _UNITS.get(max(len(row[columns["time"]]) for row in table.rows[:20]))
    options = with_columns(options, columns)
    if options.time_format is None and unit is not None:
        options = attrs.evolve(options, time_format=unit[0])
    timeframe = _length(table, columns, unit[1]) if "open" in columns and unit is not None else None
    symbol = match["symbol"].upper() if match is not None else ""
    return guessed_plan(part, options, symbol=symbol, zone_by=BY_FORMAT, timeframe=timeframe)


def _length(table: SniffedTable, columns: Mapping[str, int], unit_ns: int) -> Timeframe | None:
    """Return the length of klines: from their open time to their close time, which is one unit before the next."""
    closes = table.named().get("closetime", _CLOSE_TIME)
    lengths: set[str] = set()
    for row in table.rows:
        begun, closed = row[columns["time"]], row[closes]
        if _EPOCH.fullmatch(begun) and _EPOCH.fullmatch(closed):
            lengths.add(_name((int(closed) + 1 - int(begun)) * unit_ns))
    if len(lengths) != 1:
        return None
    return Timeframe(lengths.pop())


def _name(length_ns: int) -> str:
    days, rest = divmod(length_ns, DAY_NS)
    if not rest and days:
        return days_name(days) or f"{days}d"
    return f"{length_ns // SECOND_NS}s"


FORMAT: Final = Format(
    name="binance",
    description="Binance's files of klines, trades, aggregate trades and book tickers",
    sniff=_sniff,
    plan=_plan,
)
