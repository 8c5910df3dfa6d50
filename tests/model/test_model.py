"""The oracle itself, held to the rules by expectations that are written out.

What the engine is compared with must be right on its own: each test states one rule of the design, with literal bars.
"""

from __future__ import annotations

import datetime
import itertools

from hypothesis import given
from hypothesis import strategies as st

from mtf.bars.bar import Bar, PartialBar
from mtf.calendars.day import Gap
from tests.builders import HOUR_NS, NEW_YORK, Clock, Event, Input, at
from tests.model.builders import (
    ALL,
    clock_of,
    clock_text,
    fed,
    instants,
    line,
    lines,
    verdicts,
)
from tests.model.grids import CalendarLike, CryptoGrid, FxGrid, OfficeGrid
from tests.model.model import Model, replay
from tests.streams import mixed_streams, streams

CALENDARS: list[CalendarLike] = [CryptoGrid(), FxGrid(), OfficeGrid(holidays=["2024-03-06", "2024-11-01"])]


def test_single_tick_forms_every_bar_and_closes_none() -> None:
    model, shown = fed("10:00:00.5@1/1.5x2")
    assert verdicts(shown) == ["ok"]
    assert instants(shown) == []
    partials = [model.partial("X", name) for name in ALL]
    assert [line(partial) for partial in partials] == [
        "1m 03-06 10:00..03-06 10:01 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "5m 03-06 10:00..03-06 10:05 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "15m 03-06 10:00..03-06 10:15 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "1h 03-06 10:00..03-06 11:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "4h 03-06 08:00..03-06 12:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "1d 03-06 00:00..03-07 00:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
    ]
    assert {partial.time_ns for partial in partials if partial} == {at("10:00:00.5")}
    assert {partial.trading_day for partial in partials if partial} == {datetime.date(2024, 3, 6)}
    assert model.bars("X", "1m") == []


def test_values_are_those_of_the_library() -> None:
    """The oracle answers with `Bar` and `PartialBar`, every field filled, so that `==` is the comparison."""
    model, _ = fed("10:00@=1.5x2 10:01:10@=1.25x4 10:01:20@=1.75x1", "1m")
    assert model.bars("X", "1m") == [
        Bar(
            symbol="X",
            timeframe=model.timeframes[0],
            start_ns=at("10:00"),
            end_ns=at("10:01"),
            open=1.5,
            high=1.5,
            low=1.5,
            close=1.5,
            volume=2.0,
            ticks=1,
            trading_day=datetime.date(2024, 3, 6),
            first=True,
            day_incomplete=True,
        )
    ]
    assert model.partial("X", "1m") == PartialBar(
        symbol="X",
        timeframe=model.timeframes[0],
        start_ns=at("10:01"),
        end_ns=at("10:02"),
        open=1.25,
        high=1.75,
        low=1.25,
        close=1.75,
        time_ns=at("10:01:20"),
        volume=5.0,
        ticks=2,
        trading_day=datetime.date(2024, 3, 6),
        day_incomplete=True,
    )


def test_closing_instant_shows_nothing_of_the_tick_that_revealed_it() -> None:
    """All bars with one end close together; longer ones still form, as of that end, without the new tick."""
    _, shown = fed("10:00@1 10:03@2 10:05:30@9", "1m", "5m", "15m")
    assert [(one.closing, one.seq, clock_text(one.time_ns), lines(one.bars)) for one in shown[3:]] == [
        (True, 3, "03-06 10:04", ["1m 03-06 10:03..03-06 10:04 2.0 2.0 2.0 2.0 v0.0 n1"]),
        (True, 3, "03-06 10:05", ["5m 03-06 10:00..03-06 10:05 1.0 2.0 1.0 2.0 v0.0 n2 first"]),
        (False, 3, "03-06 10:05:30", []),
    ]
    closing = shown[-2].states["X"]
    assert closing.clock_ns == at("10:05")
    assert closing.partial["1m"] is None
    assert closing.partial["5m"] is None
    assert line(closing.partial["15m"]) == "15m 03-06 10:00..03-06 10:15 1.0 2.0 1.0 2.0 v0.0 n2 first"
    forming = closing.partial["15m"]
    assert forming is not None
    assert forming.time_ns == at("10:05")
    after = shown[-1].states["X"].partial["15m"]
    assert line(after) == "15m 03-06 10:00..03-06 10:15 1.0 9.0 1.0 9.0 v0.0 n3 first"


def test_bars_with_one_end_close_in_one_instant_shorter_first() -> None:
    _, shown = fed("11:59@1 12:00@2")
    assert instants(shown) == [("03-06 12:00", ["X 1m", "X 5m", "X 15m", "X 1h", "X 4h"])]
    assert [name for name, partial in shown[-2].states["X"].partial.items() if partial] == ["1d"]


def test_different_ends_close_in_order_of_time() -> None:
    _, shown = fed("10:00@1 14:30@2")
    assert instants(shown) == [
        ("03-06 10:01", ["X 1m"]),
        ("03-06 10:05", ["X 5m"]),
        ("03-06 10:15", ["X 15m"]),
        ("03-06 11:00", ["X 1h"]),
        ("03-06 12:00", ["X 4h"]),
    ]


def test_clock_event_closes_for_every_symbol_by_end_timeframe_appearance() -> None:
    """Rule 3's order: not all bars of one symbol first, nor all of one timeframe."""
    model, shown = fed("B:10:00@1 A:10:04@2 B:10:04:30@3 !10:06", "1m", "5m")
    assert instants(shown) == [
        ("03-06 10:01", ["B 1m"]),
        ("03-06 10:05", ["B 1m", "A 1m", "B 5m", "A 5m"]),
    ]
    assert [bar.symbol + bar.timeframe.name for bar in model.delivered] == ["B1m", "B1m", "A1m", "B5m", "A5m"]


def test_closing_instant_of_a_clock_event_shows_every_symbol_at_that_end() -> None:
    """Whoever is not further on stands at the end that closes, with nothing of the time after it."""
    _, shown = fed("A:10:00@1 B:10:03@2 C:10:06@3 !10:07", "1m", "15m")
    first, second, last = [one.states for one in shown if one.closing]
    assert instants(shown) == [("03-06 10:01", ["A 1m"]), ("03-06 10:04", ["B 1m"]), ("03-06 10:07", ["C 1m"])]
    assert [clock_of(states) for states in (first, second, last)] == [
        {"A": "03-06 10:01", "B": "03-06 10:03", "C": "03-06 10:06"},
        {"A": "03-06 10:04", "B": "03-06 10:04", "C": "03-06 10:06"},
        {"A": "03-06 10:07", "B": "03-06 10:07", "C": "03-06 10:07"},
    ]
    assert [line(first[name].partial["1m"]) for name in "ABC"] == [
        "none",
        "1m 03-06 10:03..03-06 10:04 2.0 2.0 2.0 2.0 v0.0 n1 first",
        "1m 03-06 10:06..03-06 10:07 3.0 3.0 3.0 3.0 v0.0 n1 first",
    ]
    assert [line(last[name].partial["15m"]) for name in "ABC"] == [
        "15m 03-06 10:00..03-06 10:15 1.0 1.0 1.0 1.0 v0.0 n1 first",
        "15m 03-06 10:00..03-06 10:15 2.0 2.0 2.0 2.0 v0.0 n1 first incomplete",
        "15m 03-06 10:00..03-06 10:15 3.0 3.0 3.0 3.0 v0.0 n1 first incomplete",
    ]


def test_weekend_of_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    """17:00 stays 17:00 in New York: the 4h grid moves with it in UTC."""
    for friday, sunday, hours, start in (
        ("2024-03-08", "2024-03-10", 47, "03-10 21:00..03-11 01:00"),
        ("2024-11-01", "2024-11-03", 49, "11-03 22:00..11-04 02:00"),
        ("2024-03-29", "2024-03-31", 48, "03-31 21:00..04-01 01:00"),  # only Europe changes
    ):
        model, _ = fed(f"{friday} 16:59@1 {sunday} 18:00@2", "4h", "1d", calendar=FxGrid(), zone=NEW_YORK)
        partial = model.partial("X", "4h")
        assert partial is not None
        assert partial.gap == Gap(closed_ns=hours * HOUR_NS)
        assert line(partial) == f"4h {start} 2.0 2.0 2.0 2.0 v0.0 n1"


def test_days_of_23_and_25_hours_end_with_a_short_bar() -> None:
    """The 4h bars count elapsed time: a seventh of one hour on the long day, a sixth of three on the short one."""
    short, _ = fed(
        "2024-03-09 17:00@1 21:00@1 2024-03-10 02:00@1 06:00@1 10:00@1 14:00@1 17:00@1",
        "4h",
        calendar=FxGrid(),
        zone=NEW_YORK,
        closed="keep",
    )
    assert [(bar.end_ns - bar.start_ns) / HOUR_NS for bar in short.bars("X", "4h")] == [4, 4, 4, 4, 4, 3]
    assert [clock_text(bar.end_ns) for bar in short.bars("X", "4h")][-1] == "03-10 21:00"
    long, _ = fed(
        "2024-11-02 17:00@1 21:00@1 2024-11-03 01:00@1 04:00@1 08:00@1 12:00@1 16:00@1 17:00@1",
        "4h",
        calendar=FxGrid(),
        zone=NEW_YORK,
        closed="keep",
    )
    assert [(bar.end_ns - bar.start_ns) / HOUR_NS for bar in long.bars("X", "4h")] == [4, 4, 4, 4, 4, 4, 1]


def test_week_and_month_are_unions_of_trading_days() -> None:
    """They start with their first trading day and close with their last, whatever the date in UTC."""
    text = "2024-02-29 16:59@1 17:00@2 2024-03-01 16:59@3 2024-03-03 17:00@4 2024-03-29 16:59@5 2024-03-31 17:00@6"
    model, _ = fed(text, "1d", "1w", "1mo", calendar=FxGrid(), zone=NEW_YORK)
    assert lines(model.bars("X", "1mo")) == [
        "1mo 01-31 22:00..02-29 22:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete",
        "1mo 02-29 22:00..03-29 21:00 2.0 5.0 2.0 5.0 v0.0 n4",
    ]
    assert [str(bar.trading_day) for bar in model.bars("X", "1mo")] == ["2024-02-29", "2024-03-29"]
    assert lines(model.bars("X", "1w")) == [
        "1w 02-25 22:00..03-01 22:00 1.0 3.0 1.0 3.0 v0.0 n3 first incomplete",
        "1w 03-03 22:00..03-08 22:00 4.0 4.0 4.0 4.0 v0.0 n1",
        "1w 03-24 21:00..03-29 21:00 5.0 5.0 5.0 5.0 v0.0 n1",
    ]
    week = model.bars("X", "1w")[2]
    # Two whole weeks of silence, three weekends, one of them an hour shorter.
    assert week.gap == Gap(silence_ns=240 * HOUR_NS, closed_ns=(47 + 48 + 48) * HOUR_NS)


def test_closed_day_between_trading_days_of_a_period_belongs_to_it() -> None:
    """A kept tick on a Saturday in mid-month is in the month's bar, which would overlap one of its own."""
    text = "2024-03-09 12:00@1 2024-03-11 12:00@2 2024-03-13 12:00@3 2024-03-14 12:00@4"
    calendar = OfficeGrid(holidays=["2024-03-13"])
    model, _ = fed(text, "1d", "1w", "1mo", calendar=calendar, closed="keep")
    assert line(model.partial("X", "1mo")) == "1mo 03-01 00:00..03-30 00:00 1.0 4.0 1.0 4.0 v0.0 n4 first incomplete"
    assert lines(model.bars("X", "1w")) == [
        "1w 03-09 00:00..03-10 00:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete off_session"
    ]
    assert line(model.partial("X", "1w")) == "1w 03-11 00:00..03-16 00:00 2.0 4.0 2.0 4.0 v0.0 n3"
    assert [bar.off_session for bar in model.bars("X", "1d")] == [True, False, True]


def test_gap_tells_break_holiday_weekend_and_silence_apart() -> None:
    """A break cuts no bar; the 1h grid goes on through it."""
    calendar = OfficeGrid(holidays=["2024-03-07"])
    model, shown = fed("11:30@1 12:30@9 13:15@2 2024-03-08 00:00@3", "1h", calendar=calendar)
    assert verdicts(shown) == ["ok", "closed", "ok", "ok"]
    assert [bar.gap for bar in model.bars("X", "1h")] == [None, Gap(break_ns=HOUR_NS)]
    partial = model.partial("X", "1h")
    assert partial is not None
    assert partial.gap == Gap(silence_ns=10 * HOUR_NS, holiday_ns=24 * HOUR_NS)


def test_incomplete_marks_a_first_bar_of_which_the_beginning_was_not_seen() -> None:
    """What was seen began with the first accepted tick, also one of the other kind; a clock event is not a tick."""
    model, _ = fed("!09:00 10:00:30@=5 10:05:10@1/3 10:06@1/3", "1m", "5m", "1h", price="mid")
    assert line(model.bars("X", "1m")[0]) == "1m 03-06 10:05..03-06 10:06 2.0 2.0 2.0 2.0 v0.0 n1 first"
    assert line(model.partial("X", "1m")) == "1m 03-06 10:06..03-06 10:07 2.0 2.0 2.0 2.0 v0.0 n1"
    assert line(model.partial("X", "5m")) == "5m 03-06 10:05..03-06 10:10 2.0 2.0 2.0 2.0 v0.0 n2 first"
    assert line(model.partial("X", "1h")) == "1h 03-06 10:00..03-06 11:00 2.0 2.0 2.0 2.0 v0.0 n2 first incomplete"


def test_history_is_the_last_n_as_of_the_row() -> None:
    model, shown = fed("10:00@1 10:01@2 10:02@3 10:03@4", "1m", history=2)
    assert [bar.open for bar in model.bars("X", "1m")] == [2.0, 3.0]
    assert [[bar.open for bar in one.states["X"].bars["1m"]] for one in shown] == [
        [],
        [1.0],
        [1.0],
        [1.0, 2.0],
        [1.0, 2.0],
        [2.0, 3.0],
        [2.0, 3.0],
    ]
    assert [bar.open for bar in model.delivered] == [1.0, 2.0, 3.0]


@given(stream=streams(), calendar=st.sampled_from(CALENDARS), closed=st.sampled_from(("reject", "keep")))
def test_coarser_bars_are_the_merge_of_finer_ones(stream: list[Event], calendar: CalendarLike, closed: str) -> None:
    """Nesting, also of the weeks and months, and of the bars that still form."""
    model = Model((*ALL, "1w", "1mo"), calendar, closed=closed)
    replay(model, stream)
    for symbol in model.symbols:
        for finer, coarser in itertools.pairwise(model.timeframes):
            if coarser.name == "1mo":
                finer = model.timeframes.items[-3]  # days: a week may lie in two months
            parts = every_bar(model, symbol, finer.name)
            for whole in every_bar(model, symbol, coarser.name):
                inside = [part for part in parts if whole.start_ns <= part.start_ns < whole.end_ns]
                assert all(part.end_ns <= whole.end_ns for part in inside)
                assert whole.open == inside[0].open
                assert whole.close == inside[-1].close
                assert whole.high == max(part.high for part in inside)
                assert whole.low == min(part.low for part in inside)
                assert whole.ticks == sum(part.ticks for part in inside)
                assert whole.volume == sum(part.volume for part in inside)


@given(stream=streams(clocks=False), every=st.integers(1, 3), calendar=st.sampled_from(CALENDARS))
def test_clock_events_between_change_no_completed_bar(stream: list[Event], every: int, calendar: CalendarLike) -> None:
    """The law of rule 2, with a clock event of the newest time that makes no tick late before every few ticks."""
    plain = Model(ALL, calendar)
    accepted = [event for event in stream if plain.feed(event)[-1].verdict == "ok"]
    alone = Model(ALL, calendar)
    replay(alone, accepted)
    with_clock = Model(ALL, calendar)
    for position, event in enumerate(accepted):
        if position % every == 0:
            with_clock.feed(Clock(min(later.ts_ns for later in accepted[position:])))
        with_clock.feed(event)
    for model in (alone, with_clock):
        model.feed(Clock(max((event.ts_ns for event in accepted), default=0) + 2 * 24 * HOUR_NS))
    for symbol in alone.symbols:
        for name in ALL:
            assert with_clock.bars(symbol, name) == alone.bars(symbol, name)
    assert len(with_clock.delivered) == len(alone.delivered)


@given(stream=mixed_streams(), calendar=st.sampled_from(CALENDARS), late=st.sampled_from(("reject", "accept")))
def test_every_instant_is_consistent(stream: list[Input], calendar: CalendarLike, late: str) -> None:
    """In every instant that is shown, each forming bar holds its clock, none is due, and the windows end before it."""
    model = Model((*ALL, "1w"), calendar, closed="keep", late=late)
    delivered: list[Bar] = []
    for event in stream:
        at_ns = event.ts_ns if isinstance(event, Clock) else None
        shown = model.feed(event)
        for _, rows in itertools.groupby(shown, lambda one: one.seq):
            of_event = list(rows)
            assert [one.closing for one in of_event] == [True] * (len(of_event) - 1) + [False]
            times = [one.time_ns or 0 for one in of_event if one.closing]
            assert times == sorted(set(times))
            assert all(time_ns <= of_event[-1].event.ts_ns for time_ns in times)
        assert at_ns is None or shown[-1].event == event
        for one in shown:
            delivered.extend(one.bars)
            for state in one.states.values():
                for name, partial in state.partial.items():
                    window = state.bars[name]
                    assert all(left.end_ns <= right.start_ns for left, right in itertools.pairwise(window))
                    if partial is not None:
                        assert partial.time_ns == state.clock_ns
                        assert partial.low <= min(partial.open, partial.close)
                        assert max(partial.open, partial.close) <= partial.high
                        assert not window or window[-1].end_ns <= partial.start_ns
    assert delivered == model.delivered


def every_bar(model: Model, symbol: str, name: str) -> list[Bar]:
    partial = model.partial(symbol, name)
    return [*model.bars(symbol, name), *([partial] if partial is not None else [])]
