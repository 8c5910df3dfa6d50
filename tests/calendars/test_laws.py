"""Laws that hold for every calendar and every instant: nothing lies in two spans, and nothing in none."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

import mtf.calendars
from mtf.calendars import BREAK, CLOSED, OPEN, Calendar, WeeklyCalendar
from mtf.calendars.grid import DAY_START, bar_bounds
from tests.calendars.builders import HOUR_NS, SECOND_NS
from tests.calendars.drawn import (
    LAST_NS,
    WEEKDAYS,
    calendars,
    drawn_or_built_in,
    instants,
    near_the_exceptions,
    nightly,
    recurring,
    somewhere,
)

MINUTE_NS: Final = 60 * SECOND_NS


@given(drawn_or_built_in, somewhere)
def test_every_instant_lies_in_one_span_of_one_day(calendar: Calendar, ts_ns: int) -> None:
    """Half-open spans and days without a hole or an overlap, over a few days before and after any instant."""
    span = calendar.span_at(ts_ns)
    assert span.start_ns <= ts_ns < span.end_ns
    for _ in range(12):
        assert span.day.start_ns <= span.start_ns < span.end_ns <= span.day.end_ns
        assert calendar.span_at(span.start_ns) is span
        assert calendar.span_at(span.end_ns - 1) is span
        following = calendar.span_at(span.end_ns)
        assert following.start_ns == span.end_ns
        if following.day is span.day:
            assert following.state != span.state
        else:
            assert following.day.start_ns == span.day.end_ns == span.end_ns
            assert following.day.date >= span.day.date
        assert calendar.span_at(span.start_ns - 1).end_ns == span.start_ns
        span = following


@given(drawn_or_built_in, somewhere)
def test_trading_days_begin_and_end_open_and_the_rest_never_is(calendar: Calendar, ts_ns: int) -> None:
    """A day's first and last instant trade; off session nothing does, and nothing there is a mere pause."""
    for day in calendar.days(ts_ns, min(LAST_NS, ts_ns + 14 * 24 * HOUR_NS)):
        states = [int(span.state) for span in calendar.spans(day.start_ns, day.end_ns)]
        if day.off_session:
            assert OPEN not in states
            assert BREAK not in states
        else:
            assert (states[0], states[-1]) == (OPEN, OPEN)
            assert CLOSED not in states


@given(calendars(exceptions=False), instants)
def test_open_is_what_the_clock_on_the_wall_says(calendar: WeeklyCalendar, ts_ns: int) -> None:
    """The slow, obvious way: read the local clock and look whether the hours hold then."""
    local = datetime.datetime.fromtimestamp(ts_ns // SECOND_NS, zoneinfo.ZoneInfo(calendar.zone))
    assume(
        local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset()
    )  # an hour that comes twice: see the rule
    second = local.weekday() * 86_400 + local.hour * 3600 + local.minute * 60 + local.second
    hours = [written(text) for text in calendar.to_dict()["hours"]]
    expected = any((second - start) % 604_800 < length for start, length in hours)
    assert calendar.span_at(ts_ns).open == expected


def written(text: str) -> tuple[int, int]:
    """Return start and length, in seconds, of `Mon 09:00 - Fri 17:00`."""
    start, end = (
        WEEKDAYS.index(part[:3]) * 86_400 + int(part[4:6]) * 3600 + int(part[7:9]) * 60 for part in text.split(" - ")
    )
    return start, (end - start - 1) % 604_800 + 1


@given(drawn_or_built_in, near_the_exceptions, st.lists(st.integers(0, 40 * 24 * 60), min_size=2, max_size=2))
def test_gap_is_the_sum_of_its_parts(calendar: Calendar, start_ns: int, minutes: list[int]) -> None:
    """Closed, holiday, break and silence make up the whole, and a gap cut in two is the two."""
    middle_ns, end_ns = (start_ns + minute * MINUTE_NS for minute in sorted(minutes))
    whole = calendar.gap(start_ns, end_ns)
    assert whole.total_ns == end_ns - start_ns
    parts = calendar.gap(start_ns, middle_ns), calendar.gap(middle_ns, end_ns)
    assert whole.silence_ns == parts[0].silence_ns + parts[1].silence_ns
    assert whole.closed_ns == parts[0].closed_ns + parts[1].closed_ns
    assert whole.holiday_ns == parts[0].holiday_ns + parts[1].holiday_ns
    assert whole.break_ns == parts[0].break_ns + parts[1].break_ns


@given(drawn_or_built_in, somewhere)
def test_weeks_and_months_are_unions_of_days(calendar: Calendar, ts_ns: int) -> None:
    """A day lies in its week as a whole, and every instant of a week has that same week; months alike."""
    day = calendar.day_at(ts_ns)
    for period_at in (calendar.week_at, calendar.month_at):
        period = period_at(ts_ns)
        assert period.start_ns <= day.start_ns < day.end_ns <= period.end_ns
        for inside in calendar.days(period.start_ns, period.end_ns):
            found = period_at(inside.start_ns)
            assert (found.start_ns, found.end_ns, found.date) == (period.start_ns, period.end_ns, period.date)


@given(drawn_or_built_in, somewhere, st.integers(0, 3000 * 24 * HOUR_NS))
def test_gap_is_what_a_walk_through_the_spans_comes_to(calendar: Calendar, start_ns: int, length_ns: int) -> None:
    """Arithmetic on whole weeks and years, exactly: over years, exceptions, clock changes and the edges of time."""
    end_ns = min(LAST_NS, start_ns + length_ns)
    assert calendar.gap(start_ns, end_ns) == Calendar.gap(calendar, start_ns, end_ns)


@given(recurring(), st.integers(0, 90 * 7), st.integers(15, 400))
def test_gap_is_that_walk_where_settings_say_the_same_again(calendar: Calendar, start: int, days: int) -> None:
    """What was worked out for some dates is used for others only if the same comes of them."""
    start_ns = (946_684_800 + start * 86_400) * SECOND_NS  # from 2000 on
    end_ns = start_ns + days * 24 * HOUR_NS
    assert calendar.gap(start_ns, end_ns) == Calendar.gap(calendar, start_ns, end_ns)


@given(st.one_of(calendars(), nightly()), st.integers(-1_262_304_000, 2_524_608_000), st.integers(15, 400))
def test_gap_is_that_walk_whichever_clocks_are_changed(calendar: Calendar, start_s: int, days: int) -> None:
    """In a session, in a pause, on an edge or beside an auction, in the years from 1930 to 2050 and every zone."""
    end_ns = (start_s + days * 86_400) * SECOND_NS
    assert calendar.gap(start_s * SECOND_NS, end_ns) == Calendar.gap(calendar, start_s * SECOND_NS, end_ns)


@given(drawn_or_built_in)
def test_value_makes_an_equal_calendar(calendar: WeeklyCalendar) -> None:
    """What a log keeps is enough."""
    assert mtf.calendars.from_dict(calendar.to_dict()) == calendar


@given(
    drawn_or_built_in,
    somewhere,
    st.sampled_from([1, 5, 15, 60, 90, 240]),
    st.sampled_from([1, 2, 3, 4, 12]),
    st.one_of(st.just(DAY_START), st.integers(0, 100 * 24 * HOUR_NS)),
)
def test_bars_tile_their_day_and_nest(
    calendar: Calendar, ts_ns: int, minutes: int, times_longer: int, anchor_ns: int
) -> None:
    """Each bar is exactly a union of the bars of every shorter length that divides its own, whatever the anchor."""
    day = calendar.day_at(ts_ns)
    shorter, longer = minutes * MINUTE_NS, minutes * times_longer * MINUTE_NS
    start, end = bar_bounds(day, ts_ns, longer, anchor_ns)
    assert day.start_ns <= start <= ts_ns < end <= day.end_ns
    assert end - start <= longer or day.grid is not None  # only an auction makes a bar longer
    if start > day.start_ns:
        assert bar_bounds(day, start - 1, longer, anchor_ns)[1] == start
    if end < day.end_ns:
        assert bar_bounds(day, end, longer, anchor_ns)[0] == end
    assert bar_bounds(day, start, longer, anchor_ns) == (start, end)
    assert bar_bounds(day, end - 1, longer, anchor_ns) == (start, end)
    inner = bar_bounds(day, ts_ns, shorter, anchor_ns)
    assert start <= inner[0] < inner[1] <= end
    assert bar_bounds(day, start, shorter, anchor_ns)[0] == start
    assert bar_bounds(day, end - 1, shorter, anchor_ns)[1] == end
