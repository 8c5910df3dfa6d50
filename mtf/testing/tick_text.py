"""Ticks and times as text: `ticks("10:00@1.1 10:00:01@1.1x3/1.2x4 10:01@=1.25x2#42")`.

A word is `[SYMBOL:]TIME@WHAT[#ID]`, or a date, which applies to the words after it. TIME is `HH:MM[:SS[.fraction]]` in
the zone, optionally with a date in front: `2024-03-10T17:00`. WHAT is

    1.1         a quote, bid and ask 1.1            1.1x3       the same, 3 at the bid and 3 at the ask
    1.1/1.2     bid 1.1, ask 1.2                    1.1x3/1.2x4 with sizes
    1.1/        the bid alone                       /1.2x4      the ask alone
    =1.1x3      a trade of 3 at 1.1
"""

from __future__ import annotations

import datetime
import re
from typing import Final
from zoneinfo import ZoneInfo

from mtf.events.tick import Tick
from mtf.units import SECOND_NS

__all__ = ["DATE", "at", "tick_of", "ticks"]

DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TIME: Final = re.compile(r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")
_WORD: Final = re.compile(r"(?:(?P<symbol>[A-Za-z][^\s:@]*):)?(?P<time>[^@\s]+)@(?P<what>[^#\s]+)(?:#(?P<id>\S+))?")
_AMOUNT: Final = re.compile(r"(?P<price>-?[\d.]+(?:e-?\d+)?)(?:x(?P<size>[\d.]+))?")


def at(text: str, *, day: str = "2024-03-06", zone: str = "UTC") -> int:
    """Return the nanoseconds UTC of `[DATE ]HH:MM[:SS[.fraction]]`; the earlier one if the time occurs twice."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid time {text!r}: write it as 10:00, or 2024-03-06 10:00:00.5")
    date = datetime.date.fromisoformat(match[1] or day)
    time = datetime.time(int(match[2]), int(match[3]), int(match[4] or 0))
    moment = datetime.datetime.combine(date, time, ZoneInfo(zone))
    whole = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    return whole * SECOND_NS + int((match[5] or "0").ljust(9, "0"))


def ticks(text: str, *, symbol: str = "EURUSD", day: str = "2024-03-06", zone: str = "UTC") -> list[Tick]:
    """Return the ticks in *text*, in the order in which they are written; ValueError names an invalid word."""
    made: list[Tick] = []
    for word in text.split():
        if DATE.fullmatch(word):
            day = word
        else:
            made.append(tick_of(word, symbol=symbol, day=day, zone=zone))
    return made


def tick_of(word: str, *, symbol: str, day: str, zone: str) -> Tick:
    """Return the tick written as *word*."""
    match = _WORD.fullmatch(word)
    if match is None:
        raise ValueError(f"invalid tick {word!r}: write it as 10:00@1.1, or 10:00@1.1/1.2")
    name, ts_ns, what, id = match["symbol"] or symbol, at(match["time"], day=day, zone=zone), match["what"], match["id"]
    if what.startswith("="):
        price, size = _amount(what[1:])
        return Tick(name, ts_ns, price=price, size=size, id=id)
    if "/" not in what:
        price, size = _amount(what)
        return Tick(name, ts_ns, price, price, size, size, id=id)
    left, right = what.split("/")
    bid, bid_size = _amount(left) if left else (None, 0.0)
    ask, ask_size = _amount(right) if right else (None, 0.0)
    return Tick(name, ts_ns, bid, ask, bid_size, ask_size, id=id)


def _amount(text: str) -> tuple[float, float]:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid price {text!r}: write it as 1.1, or 1.1x3")
    return float(match["price"]), float(match["size"] or 0)
