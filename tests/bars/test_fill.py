"""Filled bars: flat ones for silence in an open market, on request, and for nothing else."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtf
from mtf.bars.bar import Bar
from mtf.bars.fill import fill
from mtf.calendars import WeeklyCalendar
from mtf.calendars.grid import UTC_GRID
from mtf.timeframe import Timeframe
from tests.bars.builders import DAY, NEW_YORK, line, run_events
from tests.builders import at, events, ticks
from tests.streams import streams

FX = mtf.calendars.get("fx")


def bar(timeframe: str, start: str, end: str, close: float = 1.25, *, zone: str = "UTC", day: str = DAY) -> Bar:
    return Bar(
        symbol="EURUSD",
        timeframe=Timeframe(timeframe),
        start_ns=at(start, day=day, zone=zone),
        end_ns=at(end, day=day, zone=zone),
        open=1.0,
        high=2.0,
        low=0.5,
        close=close,
        volume=7.0,
        ticks=3,
    )


def filled(previous: Bar, next_bar: Bar, calendar: mtf.Calendar = FX, zone: str = "UTC", day: str = DAY) -> list[str]:
    return [line(each, day, zone) for each in fill(previous, next_bar, calendar)]


def test_silent_minutes_are_flat_at_the_close_before() -> None:
    """All four prices are the close before, nothing traded, and the bar says that it was invented."""
    assert filled(bar("1m", "10:00", "10:01", 1.5), bar("1m", "10:04", "10:05")) == [
        "1m 10:01 1.5 1.5 1.5 1.5 v0 n0 filled",
        "1m 10:02 1.5 1.5 1.5 1.5 v0 n0 filled",
        "1m 10:03 1.5 1.5 1.5 1.5 v0 n0 filled",
    ]


def test_neighbours_have_nothing_between() -> None:
    """No silence, no filling."""
    assert filled(bar("1m", "10:00", "10:01"), bar("1m", "10:01", "10:02")) == []


def test_a_weekend_is_never_filled() -> None:
    """Friday's last minutes and Sunday's first are; the first after the weekend has the closed hours as its gap."""
    previous = bar("1m", "2024-03-01 16:57", "2024-03-01 16:58", zone=NEW_YORK)
    following = bar("1m", "2024-03-03 17:02", "2024-03-03 17:03", zone=NEW_YORK)
    assert filled(previous, following, zone=NEW_YORK, day="2024-03-01") == [
        "1m 16:58 1.25 1.25 1.25 1.25 v0 n0 filled",
        "1m 16:59 1.25 1.25 1.25 1.25 v0 n0 filled",
        "1m 2024-03-03T17:00 1.25 1.25 1.25 1.25 v0 n0 filled gap closed 48h",
        "1m 2024-03-03T17:01 1.25 1.25 1.25 1.25 v0 n0 filled",
    ]


def test_a_silent_day_is_one_filled_day() -> None:
    """A fx Christmas on which nothing was quoted: the market counts as open, and the day is flat."""
    previous = bar("1d", "2023-12-21 17:00", "2023-12-22 17:00", zone=NEW_YORK)
    following = bar("1d", "2023-12-25 17:00", "2023-12-26 17:00", zone=NEW_YORK)
    assert filled(previous, following, zone=NEW_YORK) == [
        "1d 2023-12-24T17:00 1.25 1.25 1.25 1.25 v0 n0 filled gap closed 48h"
    ]


def test_a_holiday_is_never_filled() -> None:
    """Between Thursday and the Tuesday after Easter's Friday there is one Monday."""
    equities = mtf.calendars.get("us_equities")
    previous = bar("1d", "2024-03-28 09:30", "2024-03-28 16:00", zone=NEW_YORK)
    following = bar("1d", "2024-04-02 09:30", "2024-04-02 16:00", zone=NEW_YORK)
    (monday,) = fill(previous, following, equities)
    assert monday.trading_day == datetime.date(2024, 4, 1)
    assert monday.gap == mtf.Gap(
        closed_ns=at("2024-04-01 09:30") - at("2024-03-28 16:00") - 23_400 * 10**9, holiday_ns=23_400 * 10**9
    )


def test_a_break_is_never_filled_and_a_bar_half_in_it_is() -> None:
    """Lunch from 11:30 to 12:30: the half-open hours are filled, quarters of an hour within the pause are not."""
    lunch = WeeklyCalendar(
        name="lunch", zone="UTC", day_close="00:00", hours=["Mon-Fri 09:00-15:00"], breaks=["Mon-Fri 11:30-12:30"]
    )
    assert filled(bar("1h", "09:00", "10:00"), bar("1h", "14:00", "15:00"), lunch) == [
        "1h 10:00 1.25 1.25 1.25 1.25 v0 n0 filled",
        "1h 11:00 1.25 1.25 1.25 1.25 v0 n0 filled",
        "1h 12:00 1.25 1.25 1.25 1.25 v0 n0 filled",
        "1h 13:00 1.25 1.25 1.25 1.25 v0 n0 filled",
    ]
    assert filled(bar("15m", "11:00", "11:15"), bar("15m", "12:45", "13:00"), lunch) == [
        "15m 11:15 1.25 1.25 1.25 1.25 v0 n0 filled",
        "15m 12:30 1.25 1.25 1.25 1.25 v0 n0 filled gap break 1h",
    ]


def test_a_25_hour_day_has_its_short_seventh_bar() -> None:
    """The clock goes back on a market that never closes: six 4h bars, and one of an hour."""
    berlin = WeeklyCalendar(name="berlin", zone="Europe/Berlin", hours=["Mon 00:00 - Sun 24:00"])
    previous = bar("4h", "2024-10-26 18:00", "2024-10-26 22:00")
    following = bar("4h", "2024-10-27 23:00", "2024-10-28 03:00")
    made = list(fill(previous, following, berlin))
    assert [(each.end_ns - each.start_ns) // (3600 * 10**9) for each in made] == [4, 4, 4, 4, 4, 4, 1]
    assert (made[0].start_ns, made[-1].end_ns) == (previous.end_ns, following.start_ns)


def test_the_utc_grid_is_filled_by_its_own_cuts() -> None:
    """Anchored in UTC, a day that starts at 22:00 begins with a bar of two hours."""
    previous = bar("4h", "2024-03-05 20:00", "2024-03-05 22:00")
    following = bar("4h", "2024-03-06 08:00", "2024-03-06 12:00")
    assert [line(each) for each in fill(previous, following, FX, UTC_GRID)] == [
        "4h 2024-03-05T22:00 1.25 1.25 1.25 1.25 v0 n0 long 2h filled",
        "4h 00:00 1.25 1.25 1.25 1.25 v0 n0 filled",
        "4h 04:00 1.25 1.25 1.25 1.25 v0 n0 filled",
    ]


@pytest.mark.parametrize(
    ("timeframe", "previous", "following", "count"),
    [
        ("1w", ("2024-02-25 17:00", "2024-03-01 17:00"), ("2024-03-17 17:00", "2024-03-22 17:00"), 2),
        ("1mo", ("2023-12-31 17:00", "2024-01-31 17:00"), ("2024-03-31 17:00", "2024-04-30 17:00"), 2),
    ],
)
def test_silent_weeks_and_months_are_filled(
    timeframe: str, previous: tuple[str, str], following: tuple[str, str], count: int
) -> None:
    """They are the calendar's, from their first trading day to their last."""
    made = list(fill(bar(timeframe, *previous, zone=NEW_YORK), bar(timeframe, *following, zone=NEW_YORK), FX))
    assert len(made) == count
    assert all(each.filled and each.ticks == 0 for each in made)


def test_ten_years_of_silence_are_made_one_by_one() -> None:
    """A filling is lazy: the first of five million bars costs no more than that of two."""
    made = fill(
        bar("1m", "2014-03-03 10:00", "2014-03-03 10:01"), bar("1m", "2024-03-04 10:00", "2024-03-04 10:01"), FX
    )
    assert isinstance(made, Iterator)
    assert [line(each, "2014-03-03") for each in itertools.islice(made, 2)] == [
        "1m 10:01 1.25 1.25 1.25 1.25 v0 n0 filled",
        "1m 10:02 1.25 1.25 1.25 1.25 v0 n0 filled",
    ]


def test_an_off_session_bar_is_followed_by_open_hours_alone() -> None:
    """A kept weekend tick is no reason to fill the weekend."""
    previous = bar("1h", "2024-03-02 12:00", "2024-03-02 13:00", zone=NEW_YORK)
    following = bar("1h", "2024-03-03 19:00", "2024-03-03 20:00", zone=NEW_YORK)
    assert filled(previous, following, zone=NEW_YORK, day="2024-03-03") == [
        "1h 17:00 1.25 1.25 1.25 1.25 v0 n0 filled gap closed 28h",
        "1h 18:00 1.25 1.25 1.25 1.25 v0 n0 filled",
    ]


@pytest.mark.parametrize("anchor", ["day", "utc"])
@given(stream=streams(symbols_max=1, clocks=False), timeframe=st.sampled_from(("15m", "1h", "4h", "1d", "1w")))
def test_filled_and_real_bars_leave_no_open_silence(anchor: str, stream: list[mtf.Tick], timeframe: str) -> None:
    """With its filling, a stream's bars have closed time alone between them, each starts where the one before ended."""
    ran = run_events(stream, [timeframe], anchor=anchor)
    for before, after in itertools.pairwise(ran.bars):
        row = [before, *fill(before, after, FX, ran.engine.config.anchor_ns), after]
        for left, right in itertools.pairwise(row):
            between = FX.gap(left.end_ns, right.start_ns)
            assert between.silence_ns == 0
            assert right is after or right.gap == (between if between.total_ns else None)
        for flat in row[1:-1]:
            assert flat.filled
            assert {flat.open, flat.high, flat.low, flat.close} == {before.close}
            assert flat.volume == flat.ticks == 0
            assert FX.gap(flat.start_ns, flat.end_ns).silence_ns > 0
            assert not FX.day_at(flat.start_ns).off_session


async def test_a_pipeline_fills_where_it_is_asked_to() -> None:
    """The same stream twice: the plain one has the real bars, the other the flat ones between them too."""
    made: dict[bool, list[str]] = {}
    async with mtf.Pipeline(timeframes=["1m"], clock="ticks") as pipeline:
        readers = {asked: pipeline.bars("1m", symbol="EURUSD", fill=asked) for asked in (False, True)}
        await pipeline.run(ticks("10:00@1.25 GBPUSD:10:00:10@2 10:00:30@1.5 10:03@1.75 GBPUSD:10:03@2 10:04@2"))
    for asked, reader in readers.items():
        made[asked] = [line(each) async for each in reader]
    assert made[False] == [
        "1m 10:00 1.25 1.5 1.25 1.5 v0 n2 first",
        "1m 10:03 1.75 1.75 1.75 1.75 v0 n1 gap silence 2m",
    ]
    assert made[True] == [
        "1m 10:00 1.25 1.5 1.25 1.5 v0 n2 first",
        "1m 10:01 1.5 1.5 1.5 1.5 v0 n0 filled",
        "1m 10:02 1.5 1.5 1.5 1.5 v0 n0 filled",
        "1m 10:03 1.75 1.75 1.75 1.75 v0 n1 gap silence 2m",
    ]


async def test_filled_bars_wait_for_a_slow_reader() -> None:
    """Two hours of silence through a stream that holds two bars: all of them, and never more than two at once."""
    async with mtf.Pipeline(timeframes=["1m"], clock="ticks") as pipeline:
        reader = pipeline.bars("1m", limit=2, fill=True)
        for tick in ticks("10:00@1.25 12:00@1.5 12:01@1.75"):
            await pipeline.push(tick)
        made = [await anext(reader) for _ in range(121)]
    assert [each.filled for each in made] == [False, *[True] * 119, False]
    assert {each.close for each in made[1:120]} == {1.25}


def test_filled_bars_are_in_no_count() -> None:
    """The aggregator makes none: what is delivered, counted, kept and in the digest is what traded."""
    ran = run_events(events("10:00@1.25 10:05@1.5 10:06@1.5"))
    assert [each.filled for each in ran.bars] == [False, False]
    assert ran.engine.aggregators[0].completed == 2


def test_what_is_filled_is_of_the_day_that_it_lies_in() -> None:
    """The rest of a day that was not seen from its beginning is no better; the next day is."""
    ran = run_events(ticks("10:00@1 22:02@2"), ("4h",))
    previous, following = ran.bars[0], bar("4h", "22:00", "22:00:01")
    assert [each.day_incomplete for each in fill(previous, following, FX)] == [True] * 2
