"""Headings: the roles of a table's columns, by the names that vendors and tools use.

If two columns fit a role, the one that goes with the others has it (the volume of the base, the date beside a time of
day), or the first; two columns with the same name need an option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mtf.errors import OptionNeeded
from mtf.sources.cells import CLOCK, plain

__all__ = ["MEANINGS", "OHLC", "find_named", "is_time_name", "roles_of"]

# Headings, in lower case and without anything but letters and digits, by what they mean.
MEANINGS: Final[Mapping[str, str]] = {
    name: role
    for role, names in {
        "time": "time timestamp datetime date ts tsevent gmttime gmt localtime utctime utc opentime openingtime "
        "dateandtime unix unixtime unixtimestamp epoch datetimeutc timeutc dateutc timestamputc utcdate utcdatetime "
        "dategmt datetimegmt timems tsms timestampms timestampns timestampus timestamps starttime start barstart begin "
        "tsus tsns timeus timens startns "
        "tradetime tradedate tradingdate quotetime exchangetime transacttime eventtime timeofday",
        "symbol": "symbol symbols pair instrument ticker tickers sym security market tscode stockcode tickersymbol "
        "currencypair ccypair contract isin asset coin tradingsymbol",
        "id": "id tradeid tid aggtradeid",
        "bid": "bid bidprice bestbid bidpx bidprice1 bestbidprice",
        "ask": "ask askprice bestask askpx offer askprice1 bestaskprice offerprice",
        "bid_size": "bidsize bidvolume bidvol bidamount bidqty bidquantity bestbidsize bestbidqty bidsize1",
        "ask_size": "asksize askvolume askvol askamount askqty askquantity bestasksize bestaskqty asksize1 offersize",
        "price": "price last lastprice tradeprice px lasttradeprice lastpx tradepx ltp latest",
        "size": "size amount qty quantity lastsize tradesize lastqty tradeqty shares",
        "open": "open o openprice openingprice priceopen",
        "high": "high h highprice pricehigh hi",
        "low": "low l lowprice pricelow lo",
        "close": "close c closeprice closingprice closelast priceclose closing",
        "volume": "volume vol v tickvolume tickvol ticks totalvolume tradedvolume basevolume volumetraded "
        "sharevolume volumeshares tradevolume",
        "bid_open": "bidopen openbid bido",
        "bid_high": "bidhigh highbid bidh",
        "bid_low": "bidlow lowbid bidl",
        "bid_close": "bidclose closebid bidc",
        "ask_open": "askopen openask asko",
        "ask_high": "askhigh highask askh",
        "ask_low": "asklow lowask askl",
        "ask_close": "askclose closeask askc",
    }.items()
    for name in names.split()
}
OHLC: Final = ("open", "high", "low", "close")

# Two volumes that add up to one: at the bid and at the ask, or up and down.
_HALVES: Final = (
    ("up", "down"),
    ("upvolume", "downvolume"),
    ("upvol", "downvol"),
    ("upticks", "downticks"),
    ("bidvolume", "askvolume"),
    ("bidvol", "askvol"),
    ("buyvolume", "sellvolume"),
    ("buyvol", "sellvol"),
    ("buy", "sell"),
)
# Endings of a volume in money, if there is another one in the traded asset.
_MONEY: Final = ("currency", "quote", "usd", "usdt", "usdc", "busd", "eur", "gbp", "jpy", "turnover", "notional")
_SETTLED: Final = ("settle", "settlement", "settleprice", "settlementprice")  # a close, if nothing else is
_NUMBERED: Final = re.compile(r"^\d+(?=[a-z])")  # `1. open`
_BRACKETED: Final = re.compile(r"\(.*?\)|\[.*?\]")  # `Open (USD)`


def is_time_name(name: str) -> bool:
    """Whether a heading, plain, is that of a time."""
    return MEANINGS.get(name) == "time"


def roles_of(header: Sequence[str], rows: Sequence[Sequence[str]], given: Mapping[str, int]) -> dict[str, int]:
    """Return the columns of a table by their role; OptionNeeded if two of the same name would have the same role.

    *rows* are typical ones, and *given* are columns whose role is already known.
    """
    names = _meaningful(header)
    columns = dict(given) if "time" in given else {**_times(names, rows), **given}
    taken = set(columns.values())
    for index, name in enumerate(names):
        role = MEANINGS.get(name)
        if role is None or role in given or index in taken or (role == "time" and "time" in columns):
            continue
        there = columns.setdefault(role, index)
        if there != index and names[there] == name and any(row[there] != row[index] for row in rows):
            raise OptionNeeded(
                f"columns {there} and {index} are both called {header[index]!r}: name the right one with {{columns}}",
                columns=f"{role}={there}",
            )
    if not any(role in columns for role in OHLC):
        columns |= _affixed(header)
    if all(role in columns for role in OHLC[:3]) and "close" not in columns:
        if "price" in columns:
            columns["close"] = columns.pop("price")
        else:
            settled = [names.index(name) for name in _SETTLED if name in names]
            columns |= {"close": settled[0]} if settled else {}
    if "volume" not in columns:
        columns |= _volumes(names, columns)
    return columns


def find_named(header: Sequence[str], name: str) -> int | None:
    """Return the column that the user calls *name*: an exact match, else by its letters and digits."""
    if name.strip() in header:
        return list(header).index(name.strip())
    found = [index for index, each in enumerate(header) if plain(each) == plain(name) and plain(name)]
    return found[0] if found else None


def _meaningful(header: Sequence[str]) -> list[str]:
    """Return headings, plain, without a leading number or a unit in brackets if that makes them known.

    Not if two that differ would become equal, such as `Volume (BTC)` and `Volume (USD)`.
    """
    names = [plain(name) for name in header]
    bare = list(names)
    for i, name in enumerate(names):
        for each in (name, _NUMBERED.sub("", name, count=1), plain(_BRACKETED.sub("", header[i]))):
            if each in MEANINGS:
                bare[i] = each
                break
    return [each if bare.count(each) == 1 else name for each, name in zip(bare, names, strict=True)]


def _times(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the column of the time, and that of a time of day if the date has none."""
    dates = [i for i, name in enumerate(names) if name in ("date", "tradedate", "tradingdate", "dateutc", "dategmt")]
    clocks = [i for i, name in enumerate(names) if name in ("time", "timeofday", "timeutc", "tradetime")]
    if dates and clocks:
        cells = [row[clocks[0]] for row in rows if row[clocks[0]]]
        if not cells or sum(1 for cell in cells if CLOCK.fullmatch(cell) or cell.isdigit()) * 2 > len(cells):
            return {"time": dates[0], "clock": clocks[0]}
        return {"time": clocks[0]}
    if "timestamp" in names:
        return {"time": names.index("timestamp")}
    return {}


def _affixed(header: Sequence[str]) -> dict[str, int]:
    """Return the columns of open, high, low, close and volume if each name has the same suffix: `Open_AAPL`."""
    found: list[dict[str, int]] = []
    names = [plain(name) for name in header]
    for name in names:
        before, word, behind = name.partition("open")
        if not word or not (before or behind) or name in MEANINGS or "adj" in before:
            continue
        columns = {
            role: names.index(before + role + behind) for role in (*OHLC, "volume") if before + role + behind in names
        }
        if all(role in columns for role in OHLC):
            found.append(columns)
    if len(found) > 1:
        raise OptionNeeded(
            f"there are {len(found)} markets side by side, with their open in columns "
            f"{', '.join(str(each['open']) for each in found)}: name the right one with {{columns}} and {{symbol}}",
            columns="time=0," + ",".join(f"{role}={column}" for role, column in found[0].items()),
            symbol="NAME",
        )
    return found[0] if found else {}


def _volumes(names: Sequence[str], columns: Mapping[str, int]) -> dict[str, int]:
    """Return the column of the volume if none has exactly that name, or two that add up to it."""
    halves = [name for pair in _HALVES for name in pair]
    named = [index for index, name in enumerate(names) if name.startswith("volume")]
    named += [
        index
        for index, name in enumerate(names)
        if name.endswith("volume") and index not in named and name not in halves and not name[0].isdigit()
    ]
    base = [
        index for index in named if not names[index].endswith(_MONEY) and not re.search("quote|taker", names[index])
    ]
    if base:
        return {"volume": base[0]}
    if named and names[named[0]].startswith("volume"):
        return {"volume": named[0]}
    if not all(role in columns for role in OHLC):
        return {}
    for first, second in _HALVES:
        if first in names and second in names:
            return {"volume": names.index(first), "more_volume": names.index(second)}
    return {}
