"""The builders of events: the line of text says what it seems to say, and the streams are as awkward as they claim."""

from __future__ import annotations

import datetime
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import mtf
from mtf.events.block import SymbolTable, tick_at
from mtf.events.tick import Tick
from tests.builders import (
    BY_FEED,
    BY_IMPORT,
    BY_TIMER,
    BY_USER,
    NEW_YORK,
    BarRow,
    Clock,
    Event,
    Input,
    Sent,
    at,
    blocks,
    events,
    inputs,
    ticks,
)
from tests.model.grids import FxGrid
from tests.model.model import Model, replay
from tests.streams import mixed_streams, streams

TEN_NS = 1_709_719_200_000_000_000  # 2024-03-06 10:00 UTC


def test_words_of_a_line() -> None:
    text = (
        "10:00@1.1 10:00:00.000000001@1.1/1.2 10:00@1.1x3 10:00@1.1x3/1.2x4 10:00@1.1x2/ 10:00@/1.2x2 10:00@=1.1x3#a7"
    )
    assert ticks(text) == [
        Tick("EURUSD", TEN_NS, 1.1, 1.1),
        Tick("EURUSD", TEN_NS + 1, 1.1, 1.2),
        Tick("EURUSD", TEN_NS, 1.1, 1.1, 3.0, 3.0),
        Tick("EURUSD", TEN_NS, 1.1, 1.2, 3.0, 4.0),
        Tick("EURUSD", TEN_NS, 1.1, None, 2.0),
        Tick("EURUSD", TEN_NS, None, 1.2, 0.0, 2.0),
        Tick("EURUSD", TEN_NS, price=1.1, size=3.0, id="a7"),
    ]


def test_symbols_days_and_clock_events_of_a_line() -> None:
    assert events("A:10:00@1 2024-03-07 B.x:10:00@-1#1 2024-03-06T10:00:01.5@2 !10:00") == [
        Tick("A", TEN_NS, 1.0, 1.0),
        Tick("B.x", TEN_NS + 86_400_000_000_000, -1.0, -1.0, id="1"),
        Tick("EURUSD", TEN_NS + 1_500_000_000, 2.0, 2.0),
        Clock(TEN_NS + 86_400_000_000_000),
    ]


def test_bars_and_how_things_came_of_a_line() -> None:
    tick = Tick("A", TEN_NS, 1.0, 1.0)
    assert inputs("10:00~5m@1/4/0.5/2x7 B:2024-03-05~1d@1/4/0.5/2? >A:10:00@1 *A:10:00@1 *>A:10:00@1 *!10:00") == [
        BarRow("EURUSD", "5m", TEN_NS, trades=(1.0, 4.0, 0.5, 2.0), size=7.0),
        BarRow("B", "1d", 0, datetime.date(2024, 3, 5), trades=(1.0, 4.0, 0.5, 2.0), forming=True),
        Sent(tick, ordered=True),
        Sent(tick, live=True),
        Sent(tick, ordered=True, live=True),
        Clock(TEN_NS, BY_TIMER),
    ]
    with pytest.raises(ValueError, match="no event"):
        events("10:00~5m@1/4/0.5/2")


def test_times_are_of_the_zone() -> None:
    assert at("2024-03-06 05:00", zone=NEW_YORK) == TEN_NS
    assert at("2024-03-10 17:00", zone=NEW_YORK) - at("2024-03-09 17:00", zone=NEW_YORK) == 23 * 3_600_000_000_000


@pytest.mark.parametrize("text", ["10:00", "10:00@", "1000@1", "10:00@1.1y3", "10:00@=", "10:00@1/2/3"])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid (tick|price|time)|too many"):
        events(text)


def test_ticks_refuse_a_clock_event() -> None:
    with pytest.raises(ValueError, match="invalid tick '!10:01'"):
        ticks("10:00@1 !10:01")


def test_blocks_hold_the_events_in_order() -> None:
    stream = events("A:10:00@1.1/1.2x3 !10:01 B:10:02@=5x6")
    cut = blocks(stream, size=2)
    assert [(block.first_seq, block.count) for block in cut] == [(1, 2), (3, 1)]
    symbols = SymbolTable()
    for block in cut:
        symbols.learn(block)
    assert symbols.names == ["A", "B"]
    assert tick_at(cut[0].rows, 0, "A") == stream[0]
    assert tick_at(cut[1].rows, 0, "B") == stream[2]
    whole = blocks(stream)
    assert b"".join(block.rows for block in cut) == whole[0].rows
    assert b"".join(block.heap for block in cut) == whole[0].heap


MANY = settings(
    max_examples=1500,  # the rarest case is in one stream of a hundred
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


compiled_only = pytest.mark.skipif(not mtf.COMPILED, reason="streams are the same in both builds, and take a minute")


@compiled_only
def test_streams_reach_every_case_they_claim() -> None:
    """A law that is only tried on tame streams says little."""
    seen: Counter[str] = Counter()

    @MANY
    @given(stream=streams())
    def look(stream: list[Event]) -> None:
        blocks(stream, size=7)  # every event is well-formed
        calendar = FxGrid()
        model = Model(["1m", "5m", "15m", "1h", "4h", "1d"], calendar, late="accept")
        for shown in replay(model, stream):
            event = shown.event
            if shown.closing:
                seen["closing, several bars"] += len(shown.bars) > 1
                seen["closing, all timeframes"] += len({bar.timeframe for bar in shown.bars}) == 6
                seen["closing, several symbols"] += len({bar.symbol for bar in shown.bars}) > 1
                seen["closing by a clock event"] += isinstance(event, Clock)
                seen["closing on the exact end"] += shown.time_ns == event.ts_ns
                continue
            seen[shown.verdict] += 1
            if isinstance(event, Clock):
                continue
            partials = shown.states[event.symbol].partial.values()
            for gap in [partial.gap for partial in partials if partial is not None and partial.gap is not None]:
                seen["gap of silence"] += gap.silence_ns > 0
                for hours in (47, 48, 49):
                    seen[f"weekend of {hours} hours"] += gap.closed_ns == hours * 3_600_000_000_000
            span = calendar.span_at(event.ts_ns)
            seen["first nanosecond of a day"] += event.ts_ns == span.day.start_ns
            seen["last nanosecond of a day"] += event.ts_ns == span.day.end_ns - 1
            seen["crossed"] += event.bid is not None and event.ask is not None and event.bid > event.ask
            seen["one-sided"] += not event.is_trade and event.mid is None
            seen["trade"] += event.is_trade
        for name in model.symbols:
            seen.update({word: model.state(name).counts.get(word, 0) for word in ("bad_sides", "id_reused", "locked")})
        seen["three symbols"] += len(model.symbols) == 3
        stamps = [event.ts_ns for event in stream]
        seen["equal stamps"] += len(set(stamps)) < len(stamps)

    look()
    missing = {
        *("ok", "late_ok", "late", "price", "duplicate", "closed", "crossed", "one-sided", "trade", "three symbols"),
        *("bad_sides", "id_reused", "locked"),
        *("equal stamps", "closing, several bars", "closing, all timeframes", "closing, several symbols"),
        *("closing by a clock event", "closing on the exact end", "gap of silence"),
        *("weekend of 47 hours", "weekend of 48 hours", "weekend of 49 hours"),
        *("first nanosecond of a day", "last nanosecond of a day"),
    } - {case for case, count in seen.items() if count > 0}
    assert not missing, seen


def forming(model: Model) -> dict[tuple[str, str, int], bool]:
    """Return whether each bar that forms is marked as incomplete, by symbol, timeframe and start."""
    return {
        (name, timeframe, bar.start_ns): bar.incomplete
        for name in model.symbols
        for timeframe, bar in model.state(name).partial.items()
        if bar is not None
    }


@compiled_only
def test_mixed_streams_reach_every_case_they_claim() -> None:
    """Bars of every kind and fate, runs that close bars of others, timers that move some symbols and not all."""
    seen: Counter[str] = Counter()

    @MANY
    @given(stream=mixed_streams())
    def look(stream: list[Input]) -> None:
        calendar = FxGrid()
        model = Model(
            ["1m", "15m", "1h", "1d", "1w"],
            calendar,
            late="accept",
            delay_of=lambda symbol: 10_000_000_000 if symbol == "USDJPY" else 0,
        )
        for event in stream:
            before = forming(model)
            shown = model.feed(event)
            for bar, is_marked in forming(model).items():
                seen["unfinished bar leaves a mark"] += is_marked and not before.get(bar, True)
                seen["mark is taken back"] += not is_marked and before.get(bar, False)
            sent = event.event if isinstance(event, Sent) else event
            if not shown:
                seen["bar in two bars"] += 1
                continue
            closing = [one for one in shown if one.closing]
            clocks = {state.clock_ns for one in closing for state in one.states.values()}
            if isinstance(sent, Clock):
                seen[f"clock event of {sent.maker}"] += 1
                seen["timer closes bars"] += sent.maker == BY_TIMER and bool(closing)
                seen["end of history closes bars"] += sent.maker == BY_IMPORT and bool(closing)
                seen["timer leaves a symbol behind"] += sent.maker == BY_TIMER and len(clocks) > 1
                continue
            others = any(bar.symbol != sent.symbol for one in closing for bar in one.bars)
            seen["run closes another symbol's bars"] += others
            seen["live"] += isinstance(event, Sent) and event.live
            if isinstance(sent, Tick):
                seen[f"tick {shown[-1].verdict}"] += 1
                continue
            verdict = shown[-1].verdict
            seen[f"bar {verdict}"] += 1
            seen[f"{sent.timeframe} bar"] += verdict == "ok"
            seen["bar of both sides"] += verdict == "ok" and bool(sent.bids and sent.asks)
            seen["bar of a date"] += verdict == "ok" and sent.date is not None
            seen["bar with an empty timeframe"] += verdict == "ok" and sent.timeframe == "1h"
            partials = shown[-1].states[sent.symbol].partial.values()
            seen["bars and ticks in one bar"] += any(bar.from_bars and bar.ticks % 4 for bar in partials if bar)

    look()
    missing = {
        *(
            "bar in two bars",
            "timer closes bars",
            "timer leaves a symbol behind",
            "end of history closes bars",
            "run closes another symbol's bars",
        ),
        *(f"clock event of {maker}" for maker in (BY_USER, BY_TIMER, BY_FEED, BY_IMPORT)),
        *(f"bar {verdict}" for verdict in ("ok", "duplicate", "price", "closed", "late", "unfinished")),
        *(f"tick {verdict}" for verdict in ("ok", "late_ok", "duplicate", "price", "closed", "late")),
        *(f"{timeframe} bar" for timeframe in ("30s", "1m", "5m", "10m", "15m", "1h", "4h", "1d", "1w", "1mo")),
        *("bar of both sides", "bar of a date", "bar with an empty timeframe", "bars and ticks in one bar", "live"),
        *("unfinished bar leaves a mark", "mark is taken back"),
    } - {case for case, count in seen.items() if count > 0}
    assert not missing, seen
