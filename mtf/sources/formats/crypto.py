"""Trades and quotes of crypto exchanges as CSV: Kraken, Mt. Gox and Tardis. All in UTC.

Kraken's trades are `unix seconds,price,amount` without a header; many share a second, and their order is that of the
file. Mt. Gox's are `id,price,amount,type`, where the id is the time in microseconds. Tardis has its columns named, and
times in microseconds: `timestamp` is the exchange's own. Of its order book snapshots the best level is read; what is
neither trades nor quotes (changes of the book, liquidations, tickers of derivatives, chains of options) is refused.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan, table_of, with_columns
from mtf.sources.guess import SniffedTable, look
from mtf.sources.input_files import InputFile
from mtf.sources.naming import symbol_of
from mtf.sources.read_as import BY_FORMAT

__all__ = ["KRAKEN", "MTGOX", "TARDIS"]

_SECONDS: Final = re.compile(r"\d{9,10}(\.\d+)?")
_TARDIS: Final = ["exchange", "symbol", "timestamp", "local_timestamp"]
_TARDIS_BOOK: Final = {
    "symbol": "symbol",
    "time": "timestamp",
    "bid": "bids[0].price",
    "bid_size": "bids[0].amount",
    "ask": "asks[0].price",
    "ask_size": "asks[0].amount",
}
# Tardis files that are neither trades nor quotes, by a column that only these have.
_TARDIS_REFUSED: Final = {
    "is_snapshot": "changes of the order book, level by level: no quotes",
    "funding_rate": "a derivative's ticker: its last price is repeated in each row",
    "strike_price": "a chain of options: many instruments in one row's time",
}


def _sniff_kraken(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is not None or table.fields != 3:
        return NO
    first = table.rows[0]
    return LIKELY if _SECONDS.fullmatch(first[0]) and "kraken" in part.place.lower() else NO


def _plan_kraken(part: InputFile, options: FormatOptions) -> Plan:
    options = with_columns(options, {"time": 0, "price": 1, "size": 2})
    options = attrs.evolve(options, time_format=options.time_format or "s")
    return guessed_plan(part, options, zone_by=BY_FORMAT)


def _sniff_mtgox(part: InputFile) -> int:
    table = look(part)
    return LIKELY if table is not None and table.header == ["id", "price", "amount", "type"] else NO


def _plan_mtgox(part: InputFile, options: FormatOptions) -> Plan:
    options = with_columns(options, {"time": "id", "id": "id", "price": "price", "size": "amount"})
    options = attrs.evolve(options, time_format=options.time_format or "us")
    return guessed_plan(part, options, symbol=f"BTC{_paid_in(part.names[0])}", zone_by=BY_FORMAT)


def _paid_in(name: str) -> str:
    """Return the currency that is a word of *name*, else dollars; the traded asset was always bitcoin."""
    words = re.findall(r"[A-Z]+", symbol_of(name, kinds=False))
    return next((word for word in words if len(word) == 3 and word not in ("BTC", "XBT")), "USD")


def _sniff_tardis(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    return LIKELY if table.header[:4] == _TARDIS else NO


def _plan_tardis(part: InputFile, options: FormatOptions) -> Plan:
    options = attrs.evolve(options, time_format=options.time_format or "us")
    table = table_of(part, options)
    if table is not None:
        why = _tardis_refused(part, table)
        if why:
            return Plan(refused=why)
        if "asks[0].price" in (table.header or ()):
            options = with_columns(options, _TARDIS_BOOK)
    return guessed_plan(part, options, zone_by=BY_FORMAT)


def _tardis_refused(part: InputFile, table: SniffedTable) -> str:
    """Return why *part*, a file of Tardis's, is not supported; "" if it is."""
    for column, why in _TARDIS_REFUSED.items():
        if column in (table.header or ()):
            return f"Tardis, {why}"
    if any("liquidations" in name.lower() for name in part.names):
        return "Tardis, liquidations: they look like trades, but are only some of them"
    return ""


KRAKEN: Final = Format(
    name="kraken", description="Kraken trades: unix seconds, price, amount", sniff=_sniff_kraken, plan=_plan_kraken
)
MTGOX: Final = Format(
    name="mtgox", description="Mt. Gox trades, stamped by their id", sniff=_sniff_mtgox, plan=_plan_mtgox
)
TARDIS: Final = Format(
    name="tardis", description="Tardis trades and quotes, many symbols", sniff=_sniff_tardis, plan=_plan_tardis
)
