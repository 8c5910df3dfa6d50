"""Trades and quotes of crypto exchanges as CSV: Kraken, Mt. Gox and Tardis. All in UTC.

Kraken's trades are `unix seconds,price,amount` without a header; many share a second, and their order is that of the
file. Mt. Gox's are `id,price,amount,type`, where the id is the time in microseconds. Tardis has its columns named, and
times in microseconds: `timestamp` is the exchange's own.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from mtf.sources.format import LIKELY, NO, Format, Options, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.guess import look
from mtf.sources.naming import moneys_of
from mtf.sources.parts import Part

__all__ = ["KRAKEN", "MTGOX", "TARDIS"]

_SECONDS: Final = re.compile(r"\d{9,10}(\.\d+)?")


def _sniff_kraken(part: Part) -> int:
    table = look(part)
    if table is None or table.header is not None or table.fields != 3:
        return NO
    first = table.rows[0]
    return LIKELY if _SECONDS.fullmatch(first[0]) and "kraken" in part.place.lower() else NO


def _plan_kraken(part: Part, options: Options) -> Plan:
    options = attrs.evolve(
        options,
        columns=options.columns or {"time": 0, "price": 1, "size": 2},
        time_format=options.time_format or "s",
    )
    return guessed_plan(part, options)


def _sniff_mtgox(part: Part) -> int:
    table = look(part)
    return LIKELY if table is not None and table.header == ["id", "price", "amount", "type"] else NO


def _plan_mtgox(part: Part, options: Options) -> Plan:
    options = attrs.evolve(
        options,
        columns=options.columns or {"time": "id", "id": "id", "price": "price", "size": "amount"},
        time_format=options.time_format or "us",
    )
    paid_in = [money for money in moneys_of(part.member or part.path.name) if money not in ("BTC", "XBT")]
    return guessed_plan(part, options, symbol=f"BTC{paid_in[0] if paid_in else 'USD'}")


def _sniff_tardis(part: Part) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    return LIKELY if table.header[:4] == ["exchange", "symbol", "timestamp", "local_timestamp"] else NO


def _plan_tardis(part: Part, options: Options) -> Plan:
    options = attrs.evolve(options, time_format=options.time_format or "us")
    return guessed_plan(part, options)


KRAKEN: Final = Format(
    name="kraken", description="Kraken trades: unix seconds, price, amount", sniff=_sniff_kraken, plan=_plan_kraken
)
MTGOX: Final = Format(
    name="mtgox", description="Mt. Gox trades, stamped by their id", sniff=_sniff_mtgox, plan=_plan_mtgox
)
TARDIS: Final = Format(
    name="tardis", description="Tardis trades and quotes, many symbols", sniff=_sniff_tardis, plan=_plan_tardis
)
