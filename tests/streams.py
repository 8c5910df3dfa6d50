"""Streams of events as hypothesis draws them: well-formed, and otherwise as awkward as markets are.

They start at the edges of weeks, months and clock changes, and step onto the ends of bars, over weekends, back in time
and nowhere at all. `streams` draws ticks and clock events; `mixed_streams` draws inputs of all kinds: bars, whole and
unfinished, runs in order of time, live events, and clock events of the timer and of feeds among all that.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from mtf.events.tick import Tick
from mtf.timeframe import Timeframe
from tests.builders import (
    BY_FEED,
    BY_IMPORT,
    BY_TIMER,
    BY_USER,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    NEW_YORK,
    SECOND_NS,
    BarRow,
    Clock,
    Event,
    Four,
    Input,
    Sent,
    at,
)

__all__ = ["mixed_streams", "streams"]

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

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
_GOOD: Final[tuple[float | None, ...]] = (None,) * 5
_BAD: Final = (0.0, -0.0, -1.0, 1e12, math.inf, math.nan)

_Drawn = TypeVar("_Drawn")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class _Move:
    """How event time goes on before an event: by *plus_ns*, after a step onto the next edge, if there is one."""

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
    spread: int  # in 1e-5, negative if crossed
    bad: float | None  # an impossible price, to put in place of the bid or trade price
    bid_size: int  # in 2^-10
    ask_size: int
    id: str | None
    again: int  # which of the newest ticks comes again in its place; 0: none


@dataclass(frozen=True)
class _Bar:
    """What is drawn of a bar to come."""

    timeframe: str
    grid: str  # what its start is a multiple of its length from: "utc", "ny"; "next" for that to come, "" for no grid
    dated: bool  # a bar of a day or longer is given by its date
    four: tuple[int, int, int, int]  # offsets from the symbol's base, in 1e-5
    sides: int  # 0 for the trades, 1 bid, 2 ask, 3 both
    bad: bool  # a price of its bid, or of its trades, is impossible
    size: int  # in 2^-10
    forming: bool
    again: int  # which of the newest bars comes again in its place; 0: none
    passes: bool  # time goes on to its end
    whole: bool  # if it was forming it comes again once it is complete


@dataclass(frozen=True)
class _Mixed:
    """One input to come: a step, or a bar in its place, and how it comes."""

    step: _Step
    bar: _Bar | None
    switches: bool  # a run in order of time begins, or ends
    live: bool
    maker: int  # of a clock event


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

    def of_kind(kind: str, symbols: int) -> st.SearchStrategy[list[Event]]:
        step = _steps(kind, symbols, clocks=clocks, late=late, ids=ids, bad_prices=bad_prices, one_sided=one_sided)
        return st.builds(_play, st.sampled_from(_STARTS), _lists(step, events_max))

    return st.tuples(st.sampled_from(tuple(kinds)), st.integers(1, symbols_max)).flatmap(lambda drawn: of_kind(*drawn))


def mixed_streams(
    *,
    symbols_max: int = 3,
    events_max: int = 30,
    kinds: Sequence[str] = ("quotes", "trades", "mixed"),
    timeframes: Sequence[str] = ("30s", "1m", "1m", "5m", "10m", "15m", "1h", "4h", "1d", "1d", "1w", "1mo"),
) -> st.SearchStrategy[list[Input]]:
    """Draw streams of all that may come in."""

    def of_kind(kind: str, symbols: int) -> st.SearchStrategy[list[Input]]:
        step = _steps(kind, symbols, clocks=True, late=True, ids=True, bad_prices=True, one_sided=True)
        sides = {"quotes": (1, 2, 3), "trades": (0,), "mixed": (0, 0, 1, 2, 3)}[kind]
        bar = st.builds(
            _Bar,
            timeframe=st.sampled_from(tuple(timeframes)),
            grid=st.sampled_from(("utc", "next", "next", "ny", "ny", "")),
            dated=st.booleans(),
            four=st.tuples(*(st.integers(-100, 100) for _ in range(4))),
            sides=st.sampled_from(sides),
            bad=st.sampled_from((False,) * 9 + (True,)),
            size=st.one_of(st.just(0), st.integers(0, 4096)),
            forming=st.sampled_from((False,) * 5 + (True,)),
            again=st.sampled_from((0,) * 7 + (1, 2)),
            passes=st.booleans(),
            whole=st.booleans(),
        )
        mixed = st.builds(
            _Mixed,
            step=step,
            bar=st.one_of(st.none(), st.none(), st.none(), bar),
            switches=st.sampled_from((False,) * 7 + (True,)),
            live=st.booleans(),
            maker=st.sampled_from((BY_USER, BY_USER, BY_TIMER, BY_TIMER, BY_TIMER, BY_FEED, BY_IMPORT, BY_IMPORT)),
        )
        return st.builds(_play_mixed, st.sampled_from(_STARTS), st.booleans(), _lists(mixed, events_max))

    return st.tuples(st.sampled_from(tuple(kinds)), st.integers(1, symbols_max)).flatmap(lambda drawn: of_kind(*drawn))


def _steps(
    kind: str, symbols: int, *, clocks: bool, late: bool, ids: bool, bad_prices: bool, one_sided: bool
) -> st.SearchStrategy[_Step]:
    older = st.sampled_from((0,) * 9 + (1, SECOND_NS // 2, 5 * SECOND_NS, MINUTE_NS, HOUR_NS, DAY_NS))
    sizes = st.one_of(st.just(0), st.integers(0, 4096))
    named = tuple(range(symbols))
    return st.builds(
        _Step,
        move=st.sampled_from(_MOVES),
        back_ns=older if late else st.just(0),
        symbol=st.sampled_from(named * 4 + (-1,) * symbols if clocks else named),
        trade={"quotes": st.just(False), "trades": st.just(True), "mixed": st.booleans()}[kind],
        sides=st.sampled_from((3, 3, 3, 3, 1, 2)) if one_sided else st.just(3),
        price=st.integers(-100, 100),
        spread=st.integers(-3, 20),
        bad=st.sampled_from(_GOOD * 12 + _BAD) if bad_prices else st.none(),
        bid_size=sizes,
        ask_size=sizes,
        id=st.sampled_from((None,) * 16 + ("1", "2", "3", "4")) if ids else st.none(),
        again=st.sampled_from((0,) * 12 + (1, 2, 5)) if ids and late else st.just(0),
    )


def _lists(step: st.SearchStrategy[_Drawn], events_max: int) -> st.SearchStrategy[list[_Drawn]]:
    # Left to itself hypothesis draws lists of half a dozen, in which little can happen.
    short = st.lists(step, min_size=1, max_size=min(8, events_max))
    long = st.lists(step, min_size=max(1, events_max // 2), max_size=events_max)
    return st.one_of(short, long)


def _play(start_ns: int, steps: list[_Step]) -> list[Event]:
    """Return the events that *steps* make when time starts at *start_ns*."""
    made: list[Event] = []
    now_ns = start_ns
    for step in steps:
        now_ns = _moved(now_ns, step.move)
        made.append(_again(made, step.again) or _event(now_ns - step.back_ns, step))
    return made


def _play_mixed(start_ns: int, ordered: bool, steps: list[_Mixed]) -> list[Input]:
    """Return the inputs that *steps* make; *ordered* says whether they begin in a run in order of time."""
    made: list[Input] = []
    ticks: list[Event] = []
    rows: list[BarRow] = []
    now_ns = start_ns
    for mixed in steps:
        step = mixed.step
        now_ns = _moved(now_ns, step.move)
        ordered ^= mixed.switches
        if mixed.bar is not None and step.symbol >= 0:
            row = _again(rows, mixed.bar.again) or _row(now_ns, step.symbol, mixed.bar)
            rows.append(row)
            made.append(Sent(row, ordered=ordered, live=mixed.live))
            if row.forming and mixed.bar.whole:
                row = replace(row, forming=False)
                rows.append(row)
                made.append(Sent(row, ordered=ordered, live=mixed.live))
            if mixed.bar.passes:
                now_ns = max(now_ns, row.start_ns if row.date is None else 0) + Timeframe(row.timeframe).length_ns
            continue
        # In order of time nothing is older than what came before it; now and then a source is not.
        back_ns = 0 if ordered and step.back_ns <= MINUTE_NS else step.back_ns
        event = _again(ticks, 0 if ordered else step.again) or _event(now_ns - back_ns, step)
        ticks.append(event)
        if isinstance(event, Clock):
            whose = _SYMBOLS[step.price % len(_SYMBOLS)] if mixed.maker == BY_IMPORT else ""
            made.append(Clock(event.ts_ns, mixed.maker, whose))
        else:
            made.append(Sent(event, ordered=ordered, live=mixed.live))
    return made


def _again(made: Sequence[_Made], again: int) -> _Made | None:
    """Return what came *again* places before; None if nothing did, or *again* is 0."""
    return made[-again] if 0 < again <= len(made) else None


def _row(now_ns: int, symbol: int, drawn: _Bar) -> BarRow:
    """Return the bar that *drawn* makes of the time *now_ns*, which it holds, begins at, or has as its date."""
    timeframe = Timeframe(drawn.timeframe)
    anchor_ns = _new_york_close(now_ns) if drawn.grid == "ny" else 0
    start_ns = now_ns - (now_ns - anchor_ns) % timeframe.length_ns if drawn.grid else now_ns
    if drawn.grid == "next" and start_ns < now_ns:
        start_ns += timeframe.length_ns
    base = _PRICE_BASES[symbol]
    first, second, third, fourth = sorted(drawn.four)
    inner = (second, third) if drawn.four[0] <= drawn.four[1] else (third, second)
    four: Four = tuple((base + offset) / 100_000 for offset in (inner[0], fourth, first, inner[1]))  # type: ignore[assignment]
    worse: Four = (four[0], four[1], 0.0, four[3]) if drawn.bad else four
    date = datetime.date(1970, 1, 1) + datetime.timedelta(now_ns // DAY_NS)
    return BarRow(
        _SYMBOLS[symbol],
        timeframe.name,
        start_ns,
        date if drawn.dated and not timeframe.intraday else None,
        trades=None if drawn.sides else worse,
        bids=worse if drawn.sides & 1 else None,
        asks=four if drawn.sides & 2 else None,
        size=drawn.size / 1024,
        forming=drawn.forming,
    )


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
    if math.isnan(first) and (step.trade or step.sides != 3):
        first = 0.0  # a tick in which no number can be read is malformed
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
