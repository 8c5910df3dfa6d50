"""The model: what every timeframe of every symbol is after each event, worked out the slow and obvious way.

It is the oracle that the engine is compared with. It is written from the rules of the design alone and shares nothing
with the engine but the values `Tick`, `Bar`, `PartialBar`, `Gap` and the words of calendars: no blocks, no columns, no
caches, one event at a time, with the complete state of every symbol at every instant that may be shown.

    model = Model(["1m", "5m", "1d"], calendar)
    for shown in model.feed(event):      # closing instants first, then the event itself; of a bar four events
        shown.closing, shown.time_ns, shown.bars, shown.verdict, shown.states["EURUSD"].partial["5m"]
    model.bars("EURUSD", "1m"), model.partial("EURUSD", "1m"), model.delivered

Where the rules leave a choice, a comment that begins with CHOICE says which one is made here and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mtf.bars.bar import Bar, PartialBar
from mtf.events.tick import Tick
from mtf.timeframe import Timeframe, TimeframeSet
from tests.builders import BY_FEED, BY_IMPORT, BY_USER, BarRow, Clock, Event, Input, Sent
from tests.model.activity import Activity, partial_now
from tests.model.days import Days
from tests.model.grids import CalendarLike
from tests.model.judge import LATE, LATE_OK, OK, PRICE_MAX, UNFINISHED, Judge
from tests.model.rows import content, content_of_bar, of_bar, price_and_volume, with_sides
from tests.model.state import BarBuilder, Shown, State, Symbol, completed, is_incomplete, partial_bar

__all__ = ["Model", "replay"]


class Model:
    """Keeps every timeframe of every symbol, one event at a time.

    *calendar* is anything that answers `span_at`. *price* is auto, mid, bid, ask or last; *closed* reject or keep;
    *late* reject or accept; *anchor* day or utc; *prices* positive or any; *history* the number of completed bars kept
    a symbol and timeframe; *delay_of* how much later than its stamp an event of a symbol's feed arrives.
    """

    def __init__(
        self,
        timeframes: Iterable[str | Timeframe],
        calendar: CalendarLike,
        *,
        price: str = "auto",
        closed: str = "reject",
        late: str = "reject",
        anchor: str = "day",
        prices: str = "positive",
        price_max: float = PRICE_MAX,
        history: int = 1000,
        delay_of: Callable[[str], int] | None = None,
        overfill: str = "split",
        overnight: str = "close",
    ) -> None:
        assert price in ("auto", "mid", "bid", "ask", "last")
        assert closed in ("reject", "keep")
        assert anchor in ("day", "utc")
        assert overfill in ("split", "whole")
        assert overnight in ("close", "carry")
        self.timeframes: Final = TimeframeSet(timeframes)
        self.days: Final = Days(calendar, keep=closed == "keep", utc=anchor == "utc")
        self.activity: Final = Activity(self.days, split=overfill == "split", daily=overnight == "close")
        self.price: Final = price
        self.history: Final = history
        self.seq = 0  # of the newest event
        self.delivered: list[Bar] = []  # every completed bar, in the order in which they are reported
        self.straddling: list[BarRow] = []  # bars that lie in two of a timeframe: no events
        self._judge: Final = Judge(self.days, self.timeframes[0], late=late, prices=prices, price_max=price_max)
        self._delay_of: Final = delay_of
        self._symbols: dict[str, Symbol] = {}  # in order of appearance
        self._clock_ns: int | None = None  # the newest clock event of a user
        self._run_ns: int | None = None  # the newest accepted tick of runs in order of time
        self._alone_in_run = False  # the newest tick of the only symbol was of a run in order of time
        self._states: dict[str, State] = {}  # as of now, by symbol

    def feed(self, event: Input) -> list[Shown]:
        """Take the next event and return what is shown because of it, in order; of a bar, that of all its four."""
        if isinstance(event, Clock):
            self.seq += 1
            return self._feed_clock(event)
        sent = event if isinstance(event, Sent) else Sent(event)
        if isinstance(sent.event, Tick):
            self.seq += 1
            return self._feed_tick(sent.event, sent)
        return self._feed_bar(sent.event, sent)

    @property
    def symbols(self) -> list[str]:
        """The symbols known so far, in order of appearance."""
        return list(self._symbols)

    def state(self, symbol: str) -> State:
        """Return the state of *symbol* after the newest event; KeyError if it has not appeared."""
        return self._states[symbol]

    def bars(self, symbol: str, timeframe: str | Timeframe) -> list[Bar]:
        """Return the last completed bars, oldest first."""
        return list(self.state(symbol).bars[Timeframe(timeframe).name])

    def partial(self, symbol: str, timeframe: str | Timeframe) -> PartialBar | None:
        """Return the bar that is forming, None if there is none."""
        return self.state(symbol).partial[Timeframe(timeframe).name]

    # Events

    def _feed_clock(self, event: Clock) -> list[Shown]:
        if event.maker == BY_FEED:  # it says that a feed was down, and moves nothing
            return [self._shown(event, OK)]
        if event.maker == BY_IMPORT:
            return self._feed_end_of_history(event)
        if event.maker != BY_USER:
            return self._feed_timer(event)
        # CHOICE: a clock event that is older than the newest clock event is late, as any event is that is older than
        # what moved every clock; it moves nothing. One that is older than the clocks of some symbols is in order: there
        # is a clock for each symbol, and it moves those that it is ahead of.
        if self._clock_ns is not None and event.ts_ns < self._clock_ns:
            return [self._shown(event, LATE)]
        shown = self._close_due(event, dict.fromkeys(self._symbols, event.ts_ns))
        for symbol in self._symbols.values():
            self._move_clock(symbol, event.ts_ns)
        self._clock_ns = event.ts_ns
        shown.append(self._shown(event, OK))
        return shown

    def _feed_timer(self, event: Clock) -> list[Shown]:
        """Move each live symbol to the event's stamp minus the delay of its feed."""
        targets = {symbol.name: event.ts_ns - symbol.delay_ns for symbol in self._symbols.values() if symbol.live}
        shown = self._close_due(event, targets)
        for name, target_ns in targets.items():
            self._move_clock(self._symbols[name], target_ns)
        shown.append(self._shown(event, OK))
        return shown

    def _feed_end_of_history(self, event: Clock) -> list[Shown]:
        """Move the clock of the event's symbol alone: what is stamped before it is history, and known."""
        symbol = self._symbols.get(event.symbol)
        if symbol is None or (symbol.clock_ns is not None and event.ts_ns <= symbol.clock_ns):
            return [self._shown(event, OK)]
        shown = self._close_due(event, {symbol.name: event.ts_ns})
        self._move_clock(symbol, event.ts_ns)
        # CHOICE: the end counts as an event of the symbol: what is stamped before it is late, also in a bar that goes
        # on behind it, and what is stamped after it is newer than anything that the symbol has had.
        symbol.history_end_ns = symbol.newest_ns = event.ts_ns
        shown.append(self._shown(event, OK))
        return shown

    def _feed_tick(self, tick: Tick, sent: Sent) -> list[Shown]:
        symbol = self._met(tick.symbol, sent)
        sides = self._judge.sides(tick)
        verdict = self._judge.tick(symbol, tick, sides)
        if verdict not in (OK, LATE_OK):
            symbol.counts[verdict] += 1
            return [self._shown(tick, verdict)]

        newest = symbol.newest_ns is None or tick.ts_ns >= symbol.newest_ns
        shown = self._accept(symbol, tick, sent) if verdict == OK else []
        symbol.counts[verdict] += 1
        if newest:
            symbol.newest_ns = tick.ts_ns
        self._decide(symbol, tick, tick.ts_ns)
        self._remember(symbol, tick)
        self._count_quote(symbol, tick, sides)
        traded = price_and_volume(tick, sides, symbol.side)
        filled: list[Bar] = []
        if traded is not None:
            for timeframe in self.timeframes:
                if timeframe.timed:
                    self._apply(symbol, timeframe, tick.ts_ns, traded, is_late=not newest)
                    continue
                assert symbol.clock_ns is not None
                for bar in self.activity.apply(symbol, timeframe, symbol.clock_ns, traded, is_late=not newest):
                    symbol.bars[timeframe.name] = (*symbol.bars[timeframe.name], bar)[-self.history :]
                    filled.append(bar)
        self.delivered.extend(filled)
        shown.append(self._shown(with_sides(tick, sides), verdict, filled))
        return shown

    def _feed_bar(self, row: BarRow, sent: Sent) -> list[Shown]:
        """Take a bar: one verdict for its open, high, low and close, which are the last four instants of its span."""
        placed = self.days.place(row, self.timeframes.timed)
        if placed.straddles:
            self.straddling.append(row)
            return []
        symbol = self._met(row.symbol, sent)
        bids, asks = self._judge.usable(row.trades or row.bids), self._judge.usable(row.asks)
        verdict = self._judge.bar(symbol, row, placed, bids or asks)
        if verdict == OK:
            symbol.rows.add(content_of_bar(row, placed))
        else:
            symbol.counts[verdict] += 1  # one bar is one row that is rejected
        shown: list[Shown] = []
        for place in range(4):
            self.seq += 1
            tick = of_bar(row, place, placed.last_ns)
            if verdict != OK:
                if place == 0 and verdict == UNFINISHED:
                    self._tear(symbol, placed.start_ns)
                shown.append(self._shown(tick, verdict))
                continue
            shown += self._accept(symbol, tick, sent)
            if symbol.torn_ns is not None and place == 0 and placed.start_ns <= symbol.torn_ns <= tick.ts_ns:
                symbol.torn_ns = None
            symbol.counts[OK] += 1
            if place == 0 and (bids < (row.bids is not None) or asks < (row.asks is not None)):
                symbol.counts["bad_sides"] += 1
            symbol.newest_ns = tick.ts_ns
            self._decide(symbol, tick, placed.start_ns)
            sides = (bids and row.trades is None, asks)
            traded = price_and_volume(tick, sides, symbol.side)
            for timeframe in self.timeframes:
                # It goes into timeframes at least as long as itself.
                length_ns = Timeframe(row.timeframe).length_ns
                if traded is not None and timeframe.timed and timeframe.length_ns >= length_ns:
                    self._apply(symbol, timeframe, tick.ts_ns, traded, is_late=False, from_bar=True)
            shown.append(self._shown(with_sides(tick, sides), OK))
        return shown

    def _accept(self, symbol: Symbol, tick: Tick, sent: Sent) -> list[Shown]:
        """Move the clocks that an accepted tick moves."""
        targets = {symbol.name: tick.ts_ns}
        ordered = (
            sent.ordered and len(self._symbols) > 1
        )  # one symbol alone is not a run: there is nothing else to close
        if ordered:
            # In a run of finite sources in order of time the stamp is the time at which a thing was known: what is due
            # closes in every symbol of the run.
            targets |= {other.name: tick.ts_ns for other in self._symbols.values() if other.in_run}
        shown = self._close_due(tick, targets, of_run=ordered)
        self._move_clock(symbol, tick.ts_ns)
        if ordered:
            self._run_ns = _later(self._run_ns, tick.ts_ns)
        # CHOICE: a symbol that leaves the run has its own clock again, which may lie before the run's.
        symbol.in_run = ordered
        symbol.live = sent.live
        return shown

    def _decide(self, symbol: Symbol, tick: Tick, start_ns: int) -> None:
        """Have the first accepted tick say what bars are made of, and from when on the symbol is known."""
        if symbol.first_tick_ns is None:
            symbol.first_tick_ns = start_ns
            # CHOICE: the first *accepted* tick decides, and a one-sided quote is a quote.
            symbol.side = self.price if self.price != "auto" else "last" if tick.is_trade else "mid"

    # Symbols

    def _met(self, name: str, sent: Sent) -> Symbol:
        """Return the symbol of an event, which appears with its first well-formed one."""
        # CHOICE: be it rejected: numbers are given at intake.
        known = self._symbols.get(name)
        if known is None:
            # A symbol that is alone closes bars by its own ticks in any case. It joins the run as the second appears.
            if len(self._symbols) == 1 and sent.ordered and self._alone_in_run:
                next(iter(self._symbols.values())).in_run = True
            known = self._symbols[name] = Symbol(
                name,
                0 if self._delay_of is None else self._delay_of(name),
                self._clock_ns,  # a clock event moves every symbol's clock, also of those that come later
                {timeframe.name: None for timeframe in self.timeframes},
                {timeframe.name: () for timeframe in self.timeframes},
            )
        if len(self._symbols) == 1:
            self._alone_in_run = sent.ordered
        return known

    def _remember(self, symbol: Symbol, tick: Tick) -> None:
        """Remember the id of an accepted tick; the window is the last 4,096 of them."""
        if tick.id is None:
            return
        if any(id == tick.id for id, _ in symbol.accepted):
            symbol.counts["id_reused"] += 1
        symbol.accepted.append((tick.id, content(tick)))

    def _count_quote(self, symbol: Symbol, tick: Tick, sides: tuple[bool, bool]) -> None:
        # CHOICE: counted where accepted; a rejected one is counted under its reason alone.
        if tick.is_trade:
            return
        if sides != (tick.bid is not None, tick.ask is not None):
            symbol.counts["bad_sides"] += 1
        elif tick.bid is not None and tick.ask is not None and tick.bid >= tick.ask:
            symbol.counts["crossed" if tick.bid > tick.ask else "locked"] += 1

    # Time

    def _move_clock(self, symbol: Symbol, now_ns: int) -> None:
        symbol.clock_ns = _later(symbol.clock_ns, now_ns)

    def _close_due(self, event: Event, targets: Mapping[str, int], *, of_run: bool = False) -> list[Shown]:
        """Close each bar of the symbols of *targets* that ends by the time that is given there, an instant an end."""
        shown: list[Shown] = []
        while True:
            ends = [
                forming.bounds.end_ns
                for name, target_ns in targets.items()
                for forming in self._symbols[name].forming.values()
                if forming is not None and forming.bounds.end_ns <= target_ns
            ]
            if not ends:
                return shown
            shown.append(self._close_at(event, min(ends), targets, of_run=of_run))

    def _close_at(self, event: Event, end_ns: int, targets: Mapping[str, int], *, of_run: bool) -> Shown:
        """Close each bar of *targets* that ends at *end_ns*: shorter timeframes first, then in order of appearance."""
        # CHOICE: the bars of several symbols that one event closes at the same end close in one instant, reported
        # timeframe by timeframe (rule 3's order), and in it the clock of each symbol that the event moves, and that is
        # not further on, stands at that end. (Rule 2 says it of the bars of one symbol; rule 3 mixes symbols within an
        # end, so that an instant a symbol would show a symbol's longer bar completed before another's shorter one.)
        closed: list[Bar] = []
        moved = [symbol for name, symbol in self._symbols.items() if name in targets]
        for timeframe in self.timeframes:
            for symbol in moved:
                forming = symbol.forming[timeframe.name]
                if forming is None or forming.bounds.end_ns != end_ns or targets[symbol.name] < end_ns:
                    continue
                bar = completed(symbol, timeframe, forming)
                symbol.forming[timeframe.name] = None
                symbol.last_end_ns[timeframe.name] = end_ns
                symbol.bars[timeframe.name] = (*symbol.bars[timeframe.name], bar)[-self.history :]
                closed.append(bar)
        own = event.symbol if isinstance(event, Tick) else ""
        for symbol in moved:
            # CHOICE: of the other symbols of a run only what has closed is over for good: one of their events that
            # comes out of order, and lies in no completed bar, is not late. What is shown of them is as of the run.
            if not of_run or symbol.name == own or any(bar.symbol == symbol.name for bar in closed):
                self._move_clock(symbol, min(end_ns, targets[symbol.name]))
        if of_run:
            self._run_ns = _later(self._run_ns, end_ns)
        self._refresh_all()
        self.delivered.extend(closed)
        return Shown(self.seq, event, True, end_ns, tuple(closed), "", dict(self._states))

    def _tear(self, symbol: Symbol, start_ns: int) -> None:
        """Have the bars that hold *start_ns*, where an unfinished bar began, be incomplete until it has come whole."""
        # CHOICE: the newest one counts. What an older one stood for stays missing from the bars that form.
        if symbol.torn_ns == start_ns:
            return
        for forming in symbol.forming.values():
            if forming is not None:
                forming.incomplete = is_incomplete(forming, symbol)
        symbol.torn_ns = start_ns

    # Bars

    def _apply(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        ts_ns: int,
        traded: tuple[float, float],
        *,
        is_late: bool,
        from_bar: bool = False,
    ) -> None:
        price, volume = traded
        bounds = self.days.bounds(timeframe, ts_ns)
        assert bounds.start_ns <= ts_ns < bounds.end_ns
        forming = symbol.forming[timeframe.name]
        if forming is None:
            assert not is_late
            assert symbol.first_tick_ns is not None
            last_end_ns = symbol.last_end_ns.get(timeframe.name)
            symbol.forming[timeframe.name] = BarBuilder(
                bounds=bounds,
                first=last_end_ns is None,
                # CHOICE: counted from the symbol's own first accepted tick, of whichever kind. Clock events do not
                # count: with and without them the bars are the same.
                incomplete=last_end_ns is None and symbol.first_tick_ns > bounds.start_ns,
                day_incomplete=symbol.first_tick_ns > bounds.day_start_ns,
                gap=None if last_end_ns is None else self.days.gap(last_end_ns, bounds.start_ns),
                open=price,
                high=price,
                low=price,
                close=price,
                volume=volume,
                ticks=1,
                from_bars=from_bar,
            )
            return
        assert forming.bounds == bounds, f"{timeframe}: the forming bar is not the one that the tick lies in"
        forming.take_price(price, is_late=is_late)
        forming.volume += volume
        forming.ticks += 1
        forming.from_bars |= from_bar

    # What is shown

    def _shown(self, event: Event, verdict: str, filled: Iterable[Bar] = ()) -> Shown:
        if isinstance(event, Tick):
            self._symbols[event.symbol].seen = True
        self._refresh_all()
        if isinstance(event, Tick):
            time_ns = self._states[event.symbol].clock_ns
        elif verdict == OK:
            time_ns = _later(self._clock_ns, event.ts_ns)
        else:
            time_ns = self._clock_ns
        return Shown(self.seq, event, False, time_ns, tuple(filled), verdict, dict(self._states))

    def _refresh_all(self) -> None:
        for symbol in self._symbols.values():
            if symbol.seen:
                self._refresh(symbol)

    def _refresh(self, symbol: Symbol) -> None:
        clock_ns = symbol.clock_ns
        if symbol.in_run and self._run_ns is not None:
            clock_ns = _later(clock_ns, self._run_ns)
        partial: dict[str, PartialBar | None] = {}
        for timeframe in self.timeframes:
            forming = symbol.forming[timeframe.name]
            partial[timeframe.name] = None
            if forming is not None:
                assert clock_ns is not None
                if timeframe.timed:
                    partial[timeframe.name] = partial_bar(symbol, timeframe, forming, clock_ns)
                else:
                    share = self.activity.share(symbol, timeframe)
                    partial[timeframe.name] = partial_now(symbol, timeframe, forming, clock_ns, share)
        self._states[symbol.name] = State(symbol.name, clock_ns, partial, dict(symbol.bars), dict(symbol.counts))


def replay(model: Model, stream: Iterable[Input]) -> list[Shown]:
    """Feed *stream* to *model* and return all that is shown."""
    return [shown for event in stream for shown in model.feed(event)]


def _later(known_ns: int | None, ns: int) -> int:
    return ns if known_ns is None or known_ns < ns else known_ns
