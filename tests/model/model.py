"""The model: what every timeframe of every symbol is after each event, worked out the slow and obvious way.

It is the oracle that the engine is compared with. It is written from the rules of the design alone and shares nothing
with the engine but the values `Tick`, `Bar`, `PartialBar`, `Gap` and the words of calendars: no blocks, no columns, no
caches, one event at a time, with the complete state of every symbol at every instant that may be shown.

    model = Model(["1m", "5m", "1d"], calendar)
    for shown in model.feed(event):      # closing instants first, then the event itself
        shown.closing, shown.time_ns, shown.bars, shown.verdict, shown.states["EURUSD"].partial["5m"]
    model.bars("EURUSD", "1m"), model.partial("EURUSD", "1m"), model.told

Where the rules leave a choice, a comment that begins with CHOICE says which one is made here and why.
"""

from __future__ import annotations

import datetime
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mtf.bars.bar import Bar, PartialBar
from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Day, Gap
from mtf.events.tick import Tick
from mtf.timeframe import DAY, MONTH, WEEK, Timeframe, TimeframeSet
from tests.builders import Clock, Event
from tests.model.grids import CalendarLike

__all__ = ["CLOSED_MARKET", "DUPLICATE", "LATE", "LATE_OK", "OK", "PRICE", "Model", "Shown", "State", "replay"]

OK: Final = "ok"
LATE_OK: Final = "late_ok"
DUPLICATE: Final = "duplicate"
PRICE: Final = "price"
CLOSED_MARKET: Final = "closed"
LATE: Final = "late"

IDS_KEPT: Final = 4096
DAYS_WALKED_MAX: Final = 400


@dataclass(frozen=True)
class State:
    """Every timeframe of one symbol at one instant. Bars are oldest first, the last *history* of them."""

    symbol: str
    clock_ns: int | None  # None before the first accepted tick, where no clock event came either
    partial: Mapping[str, PartialBar | None]
    bars: Mapping[str, tuple[Bar, ...]]


@dataclass(frozen=True)
class Shown:
    """One instant that a consumer is shown: a closing instant, or an event after it was judged and applied.

    In a closing instant `bars` are the ones that close in it, in the order in which they are told, `time_ns` is their
    end, `verdict` is empty, and `event` and `seq` are those of the event that moved the clock. Otherwise `bars` is
    empty and `time_ns` is the event's own stamp. `states` has every symbol known so far, in order of appearance.
    """

    seq: int
    event: Event
    closing: bool
    time_ns: int
    bars: tuple[Bar, ...]
    verdict: str
    states: Mapping[str, State]


@dataclass(frozen=True)
class _Bounds:
    start_ns: int
    end_ns: int
    date: datetime.date
    off_session: bool
    day_start_ns: int  # of the trading day, the week or the month


@dataclass
class _Forming:
    """A bar under way."""

    bounds: _Bounds
    first: bool
    incomplete: bool
    day_incomplete: bool
    gap: Gap | None
    open: float
    high: float
    low: float
    close: float
    volume: float
    ticks: int


@dataclass
class _Symbol:
    name: str
    clock_ns: int | None  # never goes back
    forming: dict[str, _Forming | None]
    bars: dict[str, tuple[Bar, ...]]  # the last *history* completed bars, by timeframe
    last_end_ns: dict[str, int] = field(default_factory=dict)  # the end of the last completed bar, by timeframe
    ids: deque[str] = field(default_factory=lambda: deque(maxlen=IDS_KEPT))
    first_tick_ns: int | None = None  # the stamp of the first accepted tick
    side: str = ""  # mid, bid, ask or last; "" until the first accepted tick decides


class Model:
    """Keeps every timeframe of every symbol, one event at a time.

    *calendar* is anything that answers `span_at`. *price* is auto, mid, bid, ask or last; *closed* reject or keep;
    *late* reject or accept; *history* the number of completed bars kept a symbol and timeframe.
    """

    def __init__(
        self,
        timeframes: Iterable[str | Timeframe],
        calendar: CalendarLike,
        *,
        price: str = "auto",
        closed: str = "reject",
        late: str = "reject",
        history: int = 1000,
    ) -> None:
        assert price in ("auto", "mid", "bid", "ask", "last")
        assert closed in ("reject", "keep")
        assert late in ("reject", "accept")
        self.timeframes: Final = TimeframeSet(timeframes)
        self.calendar: Final = calendar
        self.price: Final = price
        self.closed: Final = closed
        self.late: Final = late
        self.history: Final = history
        self.seq = 0  # of the newest event
        self.told: list[Bar] = []  # every completed bar, in the order in which they are told
        self.verdicts: Counter[tuple[str, str]] = Counter()  # (symbol, verdict) of each tick
        self.quotes: Counter[str] = Counter()  # "crossed" and "locked", accepted ones
        self._symbols: dict[str, _Symbol] = {}  # in order of appearance
        self._clock_ns: int | None = None  # the newest clock event
        self._states: dict[str, State] = {}  # as of now, by symbol

    def feed(self, event: Event) -> list[Shown]:
        """Take the next event and return what is shown because of it, in order."""
        self.seq += 1
        if isinstance(event, Clock):
            return self._feed_clock(event)
        return self._feed_tick(event)

    @property
    def symbols(self) -> list[str]:
        """The symbols known so far, in order of appearance."""
        return list(self._symbols)

    def state(self, symbol: str) -> State:
        """Return the state of *symbol* after the newest event; KeyError where it has not appeared."""
        return self._states[symbol]

    def bars(self, symbol: str, timeframe: str | Timeframe) -> list[Bar]:
        """Return the last completed bars, oldest first."""
        return list(self.state(symbol).bars[Timeframe(timeframe).name])

    def partial(self, symbol: str, timeframe: str | Timeframe) -> PartialBar | None:
        """Return the bar that is forming, None where there is none."""
        return self.state(symbol).partial[Timeframe(timeframe).name]

    # Events

    def _feed_clock(self, event: Clock) -> list[Shown]:
        # CHOICE: a clock event that is older than the newest clock event is late, as any event is that is older than
        # what moved every clock; it moves nothing. One that is older than the clocks of some symbols is in order: there
        # is a clock for each symbol, and it moves those that it is ahead of.
        if self._clock_ns is not None and event.ts_ns < self._clock_ns:
            return [self._shown(event, LATE)]
        shown = self._close_due(event, list(self._symbols.values()))
        for symbol in self._symbols.values():
            self._move_clock(symbol, event.ts_ns)
        self._clock_ns = event.ts_ns
        shown.append(self._shown(event, OK))
        return shown

    def _feed_tick(self, tick: Tick) -> list[Shown]:
        # CHOICE: a symbol appears with its first well-formed tick, be it rejected: numbers are given at the door.
        symbol = self._symbols.get(tick.symbol)
        if symbol is None:
            symbol = self._appear(tick.symbol)
        verdict = self._judge(symbol, tick)
        self.verdicts[tick.symbol, verdict] += 1
        # CHOICE: an id is remembered whatever became of its tick ("a second tick of the same symbol and id is a
        # duplicate"), so that the correction of a tick rejected for its price needs an id of its own. A duplicate does
        # not make its id younger: the window is the last 4,096 different ones.
        if tick.id is not None and verdict != DUPLICATE:
            symbol.ids.append(tick.id)
        if verdict not in (OK, LATE_OK):
            return [self._shown(tick, verdict)]

        shown: list[Shown] = []
        if verdict == OK:
            shown = self._close_due(tick, [symbol])
            self._move_clock(symbol, tick.ts_ns)
        if symbol.first_tick_ns is None:
            symbol.first_tick_ns = tick.ts_ns
            # CHOICE: the first *accepted* tick decides, and a one-sided quote is a quote.
            symbol.side = self.price if self.price != "auto" else "last" if tick.is_trade else "mid"
        self._count_quote(tick)
        traded = _price_and_volume(tick, symbol.side)
        if traded is not None:
            for timeframe in self.timeframes:
                self._apply(symbol, timeframe, tick.ts_ns, traded[0], traded[1], is_late=verdict == LATE_OK)
        self._refresh(symbol)
        shown.append(self._shown(tick, verdict))
        return shown

    def _judge(self, symbol: _Symbol, tick: Tick) -> str:
        """Return the verdict on *tick*: the first reason that fits, or ok."""
        if tick.id is not None and tick.id in symbol.ids:
            return DUPLICATE
        # CHOICE: each price that the tick has must be positive, also the one that the price side does not look at.
        if any(price is not None and price <= 0.0 for price in (tick.bid, tick.ask, tick.price)):
            return PRICE
        if self.closed == "reject" and self.calendar.span_at(tick.ts_ns).state != OPEN:
            return CLOSED_MARKET
        if symbol.clock_ns is None or tick.ts_ns >= symbol.clock_ns:
            return OK
        # CHOICE: a late tick is accepted only into the shortest timeframe's open bar; where there is none (it was
        # closed by the clock, or has no tick yet) there is nothing to mend. The other kind of tick, which changes no
        # bar, passes by the same test.
        forming = symbol.forming[self.timeframes[0].name]
        if self.late == "accept" and forming is not None and tick.ts_ns >= forming.bounds.start_ns:
            return LATE_OK
        return LATE

    def _appear(self, name: str) -> _Symbol:
        symbol = _Symbol(
            name,
            self._clock_ns,  # a clock event moves every symbol's clock, also of those that come later
            {timeframe.name: None for timeframe in self.timeframes},
            {timeframe.name: () for timeframe in self.timeframes},
        )
        self._symbols[name] = symbol
        self._refresh(symbol)
        return symbol

    def _count_quote(self, tick: Tick) -> None:
        # CHOICE: counted where accepted; a rejected one is counted under its reason alone.
        if tick.bid is not None and tick.ask is not None:
            if tick.bid > tick.ask:
                self.quotes["crossed"] += 1
            elif tick.bid == tick.ask:
                self.quotes["locked"] += 1

    # Time

    def _move_clock(self, symbol: _Symbol, now_ns: int) -> None:
        if symbol.clock_ns is None or symbol.clock_ns < now_ns:
            symbol.clock_ns = now_ns
        self._refresh(symbol)

    def _close_due(self, event: Event, symbols: list[_Symbol]) -> list[Shown]:
        """Close each bar of *symbols* that ends at or before the event's stamp, one instant for each end."""
        shown: list[Shown] = []
        while True:
            ends = [
                forming.bounds.end_ns
                for symbol in symbols
                for forming in symbol.forming.values()
                if forming is not None and forming.bounds.end_ns <= event.ts_ns
            ]
            if not ends:
                return shown
            shown.append(self._close_at(event, min(ends), symbols))

    def _close_at(self, event: Event, end_ns: int, symbols: list[_Symbol]) -> Shown:
        """Close each bar of *symbols* that ends at *end_ns*: shorter timeframes first, then in order of appearance."""
        # CHOICE: the bars of several symbols that a clock event closes at the same end close in one instant, told
        # timeframe by timeframe (rule 3's order), and in it the clock of each symbol that is not further on stands at
        # that end. (Rule 2 says it of the bars of one symbol; rule 3 mixes symbols within an end, so that an instant
        # a symbol would show a symbol's longer bar completed before another's shorter one is told.)
        closed: list[Bar] = []
        for timeframe in self.timeframes:
            for symbol in symbols:
                forming = symbol.forming[timeframe.name]
                if forming is None or forming.bounds.end_ns != end_ns:
                    continue
                bar = _completed(symbol.name, timeframe, forming)
                symbol.forming[timeframe.name] = None
                symbol.last_end_ns[timeframe.name] = end_ns
                symbol.bars[timeframe.name] = (*symbol.bars[timeframe.name], bar)[-self.history :]
                closed.append(bar)
        for symbol in symbols:
            self._move_clock(symbol, end_ns)
        self.told.extend(closed)
        return Shown(self.seq, event, True, end_ns, tuple(closed), "", dict(self._states))

    # Bars

    def _apply(
        self, symbol: _Symbol, timeframe: Timeframe, ts_ns: int, price: float, volume: float, *, is_late: bool
    ) -> None:
        bounds = self.bounds(timeframe, ts_ns)
        assert bounds.start_ns <= ts_ns < bounds.end_ns
        forming = symbol.forming[timeframe.name]
        if forming is None:
            assert not is_late
            assert symbol.first_tick_ns is not None
            last_end_ns = symbol.last_end_ns.get(timeframe.name)
            symbol.forming[timeframe.name] = _Forming(
                bounds=bounds,
                first=last_end_ns is None,
                # CHOICE: counted from the symbol's own first accepted tick, of whichever kind. Clock events do not
                # count: with and without them the bars are the same.
                incomplete=last_end_ns is None and symbol.first_tick_ns > bounds.start_ns,
                day_incomplete=symbol.first_tick_ns > bounds.day_start_ns,
                gap=None if last_end_ns is None else self.gap(last_end_ns, bounds.start_ns),
                open=price,
                high=price,
                low=price,
                close=price,
                volume=volume,
                ticks=1,
            )
            return
        assert forming.bounds == bounds, f"{timeframe}: the bar under way is not the one that the tick lies in"
        forming.high = max(forming.high, price)
        forming.low = min(forming.low, price)
        if not is_late:
            forming.close = price
        forming.volume += volume
        forming.ticks += 1

    def bounds(self, timeframe: Timeframe, ts_ns: int) -> _Bounds:
        """Return where the bar that *ts_ns* lies in starts and ends, its date, and whether it is off session."""
        day = self._day(ts_ns)
        if timeframe.intraday:
            start_ns = day.start_ns + (ts_ns - day.start_ns) // timeframe.length_ns * timeframe.length_ns
            end_ns = min(start_ns + timeframe.length_ns, day.end_ns)
            return _Bounds(start_ns, end_ns, day.date, day.off_session, day.start_ns)
        if timeframe.kind == DAY:
            return _Bounds(day.start_ns, day.end_ns, day.date, day.off_session, day.start_ns)
        return self._period(day, timeframe.kind)

    def _period(self, day: Day, kind: int) -> _Bounds:
        """Return the week or month that *day* is in: all from its first trading day's start to its last one's end."""
        if day.off_session:
            # CHOICE: an off-session day between two trading days of one week or month lies in that week or month
            # (a bar of its own would overlap it); one between two of them is in neither, and is a bar of its own.
            before = self._trading_day(self._day(day.start_ns - 1), forward=False)
            after = self._trading_day(self._day(day.end_ns), forward=True)
            if _number(before, kind) != _number(after, kind):
                return _Bounds(day.start_ns, day.end_ns, day.date, True, day.start_ns)
            day = before
        first = last = day
        while _number(day, kind) == _number(
            before := self._trading_day(self._day(first.start_ns - 1), forward=False), kind
        ):
            first = before
        while _number(day, kind) == _number(after := self._trading_day(self._day(last.end_ns), forward=True), kind):
            last = after
        # CHOICE: a week and a month are dated by their last trading day.
        return _Bounds(first.start_ns, last.end_ns, last.date, False, first.start_ns)

    def _trading_day(self, day: Day, *, forward: bool) -> Day:
        """Return *day*, or the nearest trading day after (or before) it."""
        for _ in range(DAYS_WALKED_MAX):
            if not day.off_session:
                return day
            day = self._day(day.end_ns if forward else day.start_ns - 1)
        raise AssertionError("the calendar has no trading day in sight")

    def gap(self, from_ns: int, to_ns: int) -> Gap | None:
        """Return what lies between two bars by reason, None where they touch."""
        assert from_ns <= to_ns, "a bar starts before the end of the one before it"
        if from_ns == to_ns:
            return None
        lengths = {OPEN: 0, CLOSED: 0, HOLIDAY: 0, BREAK: 0}
        at_ns = from_ns
        while at_ns < to_ns:
            span = self.calendar.span_at(at_ns)
            lengths[span.state] += min(span.end_ns, to_ns) - at_ns
            at_ns = span.end_ns
        return Gap(
            closed_ns=lengths[CLOSED],
            holiday_ns=lengths[HOLIDAY],
            break_ns=lengths[BREAK],
            silence_ns=lengths[OPEN],
        )

    def _day(self, ts_ns: int) -> Day:
        return self.calendar.span_at(ts_ns).day

    # What is shown

    def _shown(self, event: Event, verdict: str) -> Shown:
        return Shown(self.seq, event, False, event.ts_ns, (), verdict, dict(self._states))

    def _refresh(self, symbol: _Symbol) -> None:
        partial: dict[str, PartialBar | None] = {}
        for timeframe in self.timeframes:
            forming = symbol.forming[timeframe.name]
            partial[timeframe.name] = None
            if forming is not None:
                assert symbol.clock_ns is not None
                partial[timeframe.name] = _partial(symbol.name, timeframe, forming, symbol.clock_ns)
        self._states[symbol.name] = State(symbol.name, symbol.clock_ns, partial, dict(symbol.bars))


def replay(model: Model, stream: Iterable[Event]) -> list[Shown]:
    """Feed *stream* to *model* and return all that is shown."""
    return [shown for event in stream for shown in model.feed(event)]


def _price_and_volume(tick: Tick, side: str) -> tuple[float, float] | None:
    """Return what *tick* adds to bars made of *side*; None where it has no such price."""
    bid, ask = tick.bid, tick.ask
    if side == "last":
        return None if tick.price is None else (tick.price, tick.size)
    if side == "bid":
        return None if bid is None else (bid, tick.bid_size)
    if side == "ask":
        return None if ask is None else (ask, tick.ask_size)
    # CHOICE: at mid a one-sided quote has no price: the side that it lacks is not taken from an earlier quote.
    if bid is None or ask is None:
        return None
    return (bid + ask) / 2, tick.bid_size + tick.ask_size


def _number(day: Day, kind: int) -> tuple[int, int]:
    """Return the ISO week or the month that the date of *day* is in."""
    if kind == MONTH:
        return day.date.year, day.date.month
    assert kind == WEEK
    year, week, _ = day.date.isocalendar()
    return year, week


def _completed(symbol: str, timeframe: Timeframe, forming: _Forming) -> Bar:
    return Bar(
        symbol=symbol,
        timeframe=timeframe,
        start_ns=forming.bounds.start_ns,
        end_ns=forming.bounds.end_ns,
        open=forming.open,
        high=forming.high,
        low=forming.low,
        close=forming.close,
        volume=forming.volume,
        ticks=forming.ticks,
        trading_day=forming.bounds.date,
        first=forming.first,
        incomplete=forming.incomplete,
        day_incomplete=forming.day_incomplete,
        off_session=forming.bounds.off_session,
        gap=forming.gap,
    )


def _partial(symbol: str, timeframe: Timeframe, forming: _Forming, now_ns: int) -> PartialBar:
    return PartialBar(
        symbol=symbol,
        timeframe=timeframe,
        start_ns=forming.bounds.start_ns,
        end_ns=forming.bounds.end_ns,
        open=forming.open,
        high=forming.high,
        low=forming.low,
        close=forming.close,
        time_ns=now_ns,
        volume=forming.volume,
        ticks=forming.ticks,
        trading_day=forming.bounds.date,
        first=forming.first,
        incomplete=forming.incomplete,
        day_incomplete=forming.day_incomplete,
        off_session=forming.bounds.off_session,
        gap=forming.gap,
    )
