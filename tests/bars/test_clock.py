"""Closing by the clock: clock events on, before and after ends, and stamps from the far future."""

from __future__ import annotations

import pytest

import mtf
from mtf.errors import MalformedEvent
from tests.bars.builders import Run
from tests.bars.builders import run as run_engine
from tests.builders import at, ticks

SIX = ("1m", "5m", "15m", "1h", "4h", "1d")


def test_a_clock_event_exactly_on_the_end_closes(run: Run) -> None:
    """`end <= T`: it is 10:01 now, and 10:00's minute is over."""
    ran = run("10:00@1 !10:01")
    assert (ran.lines, ran.seqs) == (["1m 10:00 1 1 1 1 v0 n1 first"], [2])
    in_time = run("10:00@1 !10:01 10:01@2")
    assert (in_time.rejected(), in_time.partial("1m")) == ({}, "1m 10:01 2 2 2 2 v0 n1")


def test_a_clock_event_a_nanosecond_before_the_end_closes_nothing(run: Run) -> None:
    """The minute is not over."""
    assert run("10:00@1 !10:00:59.999999999").lines == []


def test_a_clock_event_closes_every_symbol(run: Run) -> None:
    """In order of appearance, whoever ticked last."""
    ran = run("B:10:00@2 A:10:00@1 !10:01")
    assert ran.lines == ["B 1m 10:00 2 2 2 2 v0 n1 first", "A 1m 10:00 1 1 1 1 v0 n1 first"]


def test_a_clock_event_makes_no_bar_of_silence(run: Run) -> None:
    """A quarter of an hour of clock events, minute by minute: one bar, the one that traded."""
    ran = run("10:00@1 " + " ".join(f"!10:{minute:02}" for minute in range(1, 16)))
    assert ran.lines == ["1m 10:00 1 1 1 1 v0 n1 first"]


def test_a_clock_event_before_a_newer_one_is_late_and_counted() -> None:
    """Time does not go back."""
    ran = run_engine("10:00@1 !10:00:30 !10:00:10")
    assert (ran.engine.gate.clocks, ran.engine.gate.late_clocks) == (2, 1)


def test_a_clock_event_makes_older_ticks_late(run: Run) -> None:
    """Of every symbol, also of one whose own last tick is older."""
    ran = run("10:00@1 !10:00:30 10:00:29@9 10:00:30@2 10:01@1")
    assert ran.lines == ["1m 10:00 1 2 1 2 v0 n2 first"]
    assert ran.rejected() == {"late": 1}


def test_the_first_tick_of_a_symbol_may_be_late(run: Run) -> None:
    """A clock event before it has given the time."""
    ran = run("EURUSD:10:00@1 !10:05 GBPUSD:10:04@2 GBPUSD:10:05@2")
    assert ran.rejected("GBPUSD") == {"late": 1}
    assert ran.partial("1m", "GBPUSD") == "1m 10:05 2 2 2 2 v0 n1 first"


def test_with_and_without_clock_events_the_bars_are_the_same(run: Run) -> None:
    """The law, on a stream with a silence, a weekend and two symbols."""
    plain = "A:10:00@1 B:10:00:30@2 A:10:02@3 2024-03-08 A:21:59@4 2024-03-10 B:21:00@5 A:21:01@6 A:21:30@7"
    told = (
        "A:10:00@1 B:10:00:30@2 !10:01 A:10:02@3 !10:02:30 !10:03 2024-03-08 A:21:59@4 !22:00 2024-03-09 !12:00 "
        "2024-03-10 B:21:00@5 !21:01 A:21:01@6 A:21:30@7"
    )
    bare = run(plain, SIX)
    with_clock = run(told, SIX)
    for symbol in ("A", "B"):
        for timeframe in SIX:
            of_plain = bare.only(timeframe, symbol)
            assert with_clock.only(timeframe, symbol)[: len(of_plain)] == of_plain
    assert set(bare.lines) <= set(with_clock.lines)


def test_the_end_of_a_source_closes_nothing(run: Run) -> None:
    """What forms at the end goes on forming: the file may be continued tomorrow."""
    ran = run("10:00@1 10:00:59.999999999@2", SIX)
    assert ran.lines == []
    assert ran.partial("1m") == "1m 10:00 1 2 1 2 v0 n2 first"


async def test_the_bar_that_forms_at_the_end_is_marked_last() -> None:
    """A snapshot after the run says so; before the end it did not."""
    async with mtf.Pipeline(timeframes=["1m"], clock="ticks") as pipeline:
        await pipeline.run(ticks("10:00@1 10:00:30@2"))
        partial = pipeline.snapshot("EURUSD")["1m"].partial
        assert partial is not None
        assert partial.last
        await pipeline.push(ticks("10:00:40@3")[0])
        partial = pipeline.snapshot("EURUSD")["1m"].partial
        assert partial is not None
        assert (partial.last, partial.close) == (False, 3.0)


def test_a_tick_stamped_in_2050_is_taken_from_a_file(run: Run) -> None:
    """A file has its own time: the stamp is what it says, and everything after it is late."""
    ran = run("10:00@1 2050-03-07T10:00@2 2024-03-06T10:01@3", SIX)
    assert ran.only("1d") == ["1d 2024-03-05T22:00 1 1 1 1 v0 n1 first incomplete"]
    assert ran.rejected() == {"late": 1}
    assert ran.partial("1d") is not None


async def test_a_tick_stamped_in_2050_is_refused_when_live() -> None:
    """More than `max_ahead` after its arrival is malformed: one bad stamp would make the whole market late."""
    async with mtf.Pipeline(timeframes=["1m"]) as pipeline:
        with pytest.raises(MalformedEvent):
            await pipeline.push(ticks("2050-03-07T10:00@2")[0])
        assert pipeline.seq == 0


def test_a_stamp_of_the_year_2150_finds_its_day(run: Run) -> None:
    """Calendars go on to 2200, with the rules that the tz database has for the years to come."""
    ran = run("2150-03-05T10:00@1 2150-03-05T10:01@2")
    assert ran.lines == ["1m 2150-03-05T10:00 1 1 1 1 v0 n1 first"]
    assert str(ran.bars[0].trading_day) == "2150-03-05"


def test_a_clock_event_in_a_closed_market_closes_what_is_due(run: Run) -> None:
    """Friday's last bars close on Saturday's first clock event, at Friday's end."""
    ran = run("2024-03-08T21:59:30@1 2024-03-09T10:00@5 !2024-03-09T10:00", SIX)
    assert [bar.timeframe.name for bar in ran.bars] == list(SIX)
    assert {bar.end_ns for bar in ran.bars} == {at("2024-03-08 22:00")}
    assert ran.rejected() == {"closed": 1}


def test_a_rejected_tick_closes_nothing(run: Run) -> None:
    """Only accepted ticks move a clock."""
    ran = run("2024-03-08T21:59:30@1 2024-03-09T10:00@5")
    assert ran.lines == []


def test_a_clock_event_in_the_past_moves_nothing(run: Run) -> None:
    """Neither the clock of a symbol that is further on, nor that which a newer clock event has given the others."""
    ran = run("A:10:05@1 B:10:01@1 !10:03 A:10:04@1 B:10:02@1 !10:02 B:10:02:59@2", ("5m",))
    assert (ran.rejected("A"), ran.rejected("B")) == ({"late": 1}, {"late": 2})
    assert (ran.time_ns("A"), ran.time_ns("B")) == (at("10:05"), at("10:03"))
