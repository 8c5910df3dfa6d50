"""Events for tests: written down in a line of text, or drawn by hypothesis.

    ticks("09:59:59.9@1.1 10:00@1.2/1.3x5 10:01@=1.25x2#42")     # quote, quote with sizes, trade with an id
    events("A:10:00@1.1 B:10:00@2.5 !10:01 2024-03-10 17:00@1.2")  # two symbols, a clock event, another day

A word is one event, `[SYMBOL:]TIME@WHAT[#ID]`, or `!TIME` for a clock event, or a date, which holds for the words after
it. TIME is `HH:MM[:SS[.fraction]]` in the zone, and a date may stand before it: `2024-03-10T17:00`. WHAT is

    1.1         a quote, bid and ask 1.1            1.1x3       the same, 3 at the bid and 3 at the ask
    1.1/1.2     bid 1.1, ask 1.2                    1.1x3/1.2x4 with sizes
    1.1/        the bid alone                       /1.2x4      the ask alone
    =1.1x3      a trade of 3 at 1.1

`streams` draws lists of events that are well-formed, and otherwise as awkward as markets are: it starts at the edges of
weeks, months and clock changes, and steps onto the ends of bars, over weekends, back in time and nowhere at all.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from mtf.events.block import Block, SymbolTable
from mtf.events.door import Door
from mtf.events.tick import Tick

__all__ = ["Clock", "Event", "at", "blocks", "events", "streams", "ticks"]

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

NEW_YORK: Final = "America/New_York"
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TIME: Final = re.compile(r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")
_WORD: Final = re.compile(r"(?:(?P<symbol>[A-Za-z][^\s:@]*):)?(?P<time>[^@\s]+)@(?P<what>[^#\s]+)(?:#(?P<id>\S+))?")
_AMOUNT: Final = re.compile(r"(?P<price>-?[\d.]+(?:e-?\d+)?)(?:x(?P<size>[\d.]+))?")


@dataclass(frozen=True)
class Clock:
    """A clock event: it is `ts_ns` now, and nothing traded."""

    ts_ns: int


Event = Tick | Clock


def at(text: str, *, day: str = "2024-03-06", zone: str = "UTC") -> int:
    """Return the nanoseconds UTC of `[DATE ]HH:MM[:SS[.fraction]]`; of a time that comes twice, the earlier."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"no time: {text!r}")
    date = datetime.date.fromisoformat(match[1] or day)
    time = datetime.time(int(match[2]), int(match[3]), int(match[4] or 0))
    moment = datetime.datetime.combine(date, time, ZoneInfo(zone))
    whole = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    return whole * SECOND_NS + int((match[5] or "0").ljust(9, "0"))


def events(text: str, *, symbol: str = "EURUSD", day: str = "2024-03-06", zone: str = "UTC") -> list[Event]:
    """Return the ticks and clock events of *text*, in the order in which they are written."""
    made: list[Event] = []
    for word in text.split():
        if _DATE.fullmatch(word):
            day = word
        elif word.startswith("!"):
            made.append(Clock(at(word[1:], day=day, zone=zone)))
        else:
            match = _WORD.fullmatch(word)
            if match is None:
                raise ValueError(f"no event: {word!r}")
            ts_ns = at(match["time"], day=day, zone=zone)
            made.append(_tick(match["symbol"] or symbol, ts_ns, match["what"], match["id"]))
    return made


def ticks(text: str, *, symbol: str = "EURUSD", day: str = "2024-03-06", zone: str = "UTC") -> list[Tick]:
    """Return the ticks of *text*, in which no clock event may stand."""
    made: list[Tick] = []
    for event in events(text, symbol=symbol, day=day, zone=zone):
        if isinstance(event, Clock):
            raise ValueError(f"a clock event among ticks: {text!r}")
        made.append(event)
    return made


def blocks(stream: Iterable[Event], *, size: int = 1024, symbols: SymbolTable | None = None) -> list[Block]:
    """Return *stream* as blocks of *size* events, the first of which has seq 1, all through one door."""
    door = Door(symbols if symbols is not None else SymbolTable())
    made: list[Block] = []
    seq = 1
    for event in stream:
        refused = door.clock(event.ts_ns) if isinstance(event, Clock) else door.tick(event)
        assert refused == 0, f"{event} is not well-formed"
        if door.count == size:
            made.append(door.take(seq))
            seq += size
    if door.count:
        made.append(door.take(seq))
    return made


def _tick(symbol: str, ts_ns: int, what: str, id: str | None) -> Tick:
    if what.startswith("="):
        price, size = _amount(what[1:])
        return Tick(symbol, ts_ns, price=price, size=size, id=id)
    if "/" not in what:
        price, size = _amount(what)
        return Tick(symbol, ts_ns, price, price, size, size, id=id)
    left, right = what.split("/")
    bid, bid_size = _amount(left) if left else (None, 0.0)
    ask, ask_size = _amount(right) if right else (None, 0.0)
    return Tick(symbol, ts_ns, bid, ask, bid_size, ask_size, id=id)


def _amount(text: str) -> tuple[float, float]:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"no price: {text!r}")
    return float(match["price"]), float(match["size"] or 0)


# Where streams begin: an ordinary day, and just before and on the edges that bars, days, weeks and clocks have.
_STARTS: Final = tuple(
    at(text, zone=zone)
    for text, zone in (
        ("2024-03-06 10:00", "UTC"),
        ("2024-03-06 09:59:30", "UTC"),
        ("2024-03-08 16:58", NEW_YORK),  # the Friday before clocks go forward in the US
        ("2024-03-08 16:40:10", NEW_YORK),
        ("2024-03-10 01:59", NEW_YORK),  # the change itself, with the fx market closed
        ("2024-03-10 17:00", NEW_YORK),
        ("2024-11-01 16:57:30", NEW_YORK),  # the Friday before they go back
        ("2024-11-01 16:40:10", NEW_YORK),
        ("2024-11-03 01:58", NEW_YORK),
        ("2024-11-03 17:00", NEW_YORK),
        ("2024-03-29 16:59", NEW_YORK),  # Europe: forward on the 31st, which also ends a month and a quarter
        ("2024-03-31 00:59", "UTC"),
        ("2024-10-25 16:59", NEW_YORK),  # Europe: back on the 27th, a week before the US
        ("2024-10-27 00:59", "UTC"),
        ("2024-02-29 16:59", NEW_YORK),  # a month that ends within a week
        ("2024-12-31 16:59", NEW_YORK),
        ("2024-12-31 23:59", "UTC"),
    )
)
_PRICE_BASES: Final = (110_000, 15_000_000, 6_500_000_000)  # of the first, second and third symbol, in 1e-5
_SYMBOLS: Final = ("EURUSD", "USDJPY", "BTCUSD")


@dataclass(frozen=True)
class _Move:
    """How event time goes on before an event: by *plus_ns*, after a step onto the next edge where there is one."""

    edge: str = ""  # "utc", "ny": a multiple of length_ns since midnight UTC or 17:00 in New York; "week": Sunday 17:00
    length_ns: int = MINUTE_NS
    plus_ns: int = 0


# Drawn from as they stand here, so that what is here twice comes twice as often, and the first is the simplest.
_MOVES: Final = (
    *(_Move(),) * 12,
    *(_Move(plus_ns=plus_ns) for plus_ns in (1, 1000, SECOND_NS // 10)),
    *(_Move(plus_ns=seconds * SECOND_NS) for seconds in (1, 7, 20) for _ in range(8)),
    *(
        _Move(edge, length_ns, plus_ns)
        for edge in ("utc", "ny")
        for length_ns in (MINUTE_NS, MINUTE_NS, 5 * MINUTE_NS, 15 * MINUTE_NS, HOUR_NS, 4 * HOUR_NS, DAY_NS)
        for plus_ns in (0, -1, 1)
    ),
    *(_Move(plus_ns=minutes * MINUTE_NS) for minutes in (1, 2, 3, 5, 10) for _ in range(2)),
    *(_Move(plus_ns=plus_ns) for plus_ns in (HOUR_NS, 3 * HOUR_NS, DAY_NS, 2 * DAY_NS, 7 * DAY_NS)),
    *(_Move("week", plus_ns=plus_ns) for plus_ns in (0, -1, 90 * MINUTE_NS) for _ in range(3)),
)


@dataclass(frozen=True)
class _Step:
    """One event to come: how time moves before it, whose it is and what it says."""

    move: _Move
    back_ns: int  # how much older than the stream's time the stamp is
    symbol: int  # -1 for a clock event
    trade: bool
    sides: int  # 1 bid, 2 ask, 3 both
    price: int  # the offset from the symbol's base, in 1e-5
    spread: int  # in 1e-5, negative where crossed
    bad: float | None  # a price to put in the place of the bid or trade price
    bid_size: int  # in 2^-10
    ask_size: int
    id: str | None


def streams(
    *,
    symbols_max: int = 3,
    events_max: int = 40,
    kinds: Sequence[str] = ("quotes", "trades", "mixed"),
    clocks: bool = True,
    late: bool = True,
    ids: bool = True,
    bad_prices: bool = True,
    one_sided: bool = True,
) -> st.SearchStrategy[list[Event]]:
    """Draw well-formed streams; each argument switches off what a law does not speak of.

    Prices are multiples of 1e-5, sizes of 2^-10, so that their sums are exact.
    """
    older = st.sampled_from((0,) * 9 + (1, SECOND_NS // 2, 5 * SECOND_NS, MINUTE_NS, HOUR_NS, DAY_NS))
    sizes = st.one_of(st.just(0), st.integers(0, 4096))

    def of_kind(kind: str, symbols: int) -> st.SearchStrategy[list[Event]]:
        trade = {"quotes": st.just(False), "trades": st.just(True), "mixed": st.booleans()}[kind]
        named = tuple(range(symbols))
        step = st.builds(
            _Step,
            move=st.sampled_from(_MOVES),
            back_ns=older if late else st.just(0),
            symbol=st.sampled_from(named * 4 + (-1,) * symbols if clocks else named),
            trade=trade,
            sides=st.sampled_from((3, 3, 3, 3, 1, 2)) if one_sided else st.just(3),
            price=st.integers(-100, 100),
            spread=st.integers(-3, 20),
            bad=st.sampled_from((None,) * 30 + (0.0, -0.0, -1.0)) if bad_prices else st.none(),
            bid_size=sizes,
            ask_size=sizes,
            id=st.sampled_from((None,) * 16 + ("1", "2", "3", "4")) if ids else st.none(),
        )
        # Left to itself hypothesis draws lists of half a dozen, in which little can happen.
        short = st.lists(step, min_size=1, max_size=min(8, events_max))
        long = st.lists(step, min_size=max(1, events_max // 2), max_size=events_max)
        return st.builds(_play, st.sampled_from(_STARTS), st.one_of(short, long))

    return st.tuples(st.sampled_from(tuple(kinds)), st.integers(1, symbols_max)).flatmap(lambda drawn: of_kind(*drawn))


def _play(start_ns: int, steps: list[_Step]) -> list[Event]:
    """Return the events that *steps* make when time starts at *start_ns*."""
    made: list[Event] = []
    now_ns = start_ns
    for step in steps:
        now_ns = _moved(now_ns, step.move)
        made.append(_event(now_ns - step.back_ns, step))
    return made


def _moved(now_ns: int, move: _Move) -> int:
    """Return the time after *move*, which never goes back."""
    if not move.edge:
        return now_ns + move.plus_ns
    if move.edge == "week":
        return max(now_ns, _week_open(now_ns) + move.plus_ns)
    anchor_ns = now_ns - now_ns % DAY_NS if move.edge == "utc" else _new_york_close(now_ns)
    steps = (now_ns - anchor_ns) // move.length_ns + 1
    edge_ns = anchor_ns + steps * move.length_ns
    if move.edge == "ny" and move.length_ns == DAY_NS:
        edge_ns = _new_york_close(edge_ns + 2 * HOUR_NS)  # days of 23 and 25 hours: the close itself
    return max(now_ns, edge_ns + move.plus_ns)


def _week_open(now_ns: int) -> int:
    """Return the next Sunday 17:00 in New York after *now_ns*."""
    date = _new_york_date(now_ns)
    for days in range(9):
        later = date + datetime.timedelta(days=days)
        if later.weekday() == 6:
            open_ns = at(f"{later} 17:00", zone=NEW_YORK)
            if open_ns > now_ns:
                return open_ns
    raise AssertionError("a week has a Sunday")


def _new_york_close(now_ns: int) -> int:
    """Return the last 17:00 in New York at or before *now_ns*."""
    date = _new_york_date(now_ns)
    close_ns = at(f"{date} 17:00", zone=NEW_YORK)
    return close_ns if close_ns <= now_ns else at(f"{date - datetime.timedelta(days=1)} 17:00", zone=NEW_YORK)


def _new_york_date(now_ns: int) -> datetime.date:
    moment = _EPOCH + datetime.timedelta(microseconds=now_ns // 1000)
    return moment.astimezone(ZoneInfo(NEW_YORK)).date()


def _event(ts_ns: int, step: _Step) -> Event:
    if step.symbol < 0:
        return Clock(ts_ns)
    symbol = _SYMBOLS[step.symbol]
    units = _PRICE_BASES[step.symbol] + step.price
    first = step.bad if step.bad is not None else units / 100_000
    if step.trade:
        return Tick(symbol, ts_ns, price=first, size=step.bid_size / 1024, id=step.id)
    bid = first if step.sides & 1 else None
    ask = (units + step.spread) / 100_000 if step.sides & 2 else None
    return Tick(
        symbol,
        ts_ns,
        bid,
        ask,
        step.bid_size / 1024 if bid is not None else 0.0,
        step.ask_size / 1024 if ask is not None else 0.0,
        id=step.id,
    )
