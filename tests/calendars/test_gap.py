"""What lies between two bars, by reason."""

from __future__ import annotations

from typing import Any

import pytest

import mtf
import mtf.calendars
from mtf.calendars import Gap, WeeklyCalendar, totals
from mtf.calendars.timeline import Timeline
from mtf.kernel import Kernel
from tests.calendars.builders import HOUR_NS, utc

MINUTE_NS = HOUR_NS // 60


def test_weekend_is_closed_market() -> None:
    """Friday 16:58 to Sunday 17:05 New York in January: 48 hours closed, seven minutes of silence."""
    fx = mtf.calendars.get("fx")
    assert fx.gap(utc("2024-01-12 21:58"), utc("2024-01-14 22:05")) == Gap(
        closed_ns=48 * HOUR_NS, silence_ns=7 * MINUTE_NS
    )


def test_weekend_of_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    """47 hours in March, 49 in November."""
    fx = mtf.calendars.get("fx")
    assert fx.gap(utc("2024-03-08 22:00"), utc("2024-03-10 21:00")) == Gap(closed_ns=47 * HOUR_NS)
    assert fx.gap(utc("2024-11-01 21:00"), utc("2024-11-03 22:00")) == Gap(closed_ns=49 * HOUR_NS)


def test_night_and_holiday_are_told_apart() -> None:
    """From the close before Thanksgiving 2024 to the open after: two nights of 17.5 hours, 6.5 hours of holiday."""
    equities = mtf.calendars.get("us_equities")
    assert equities.gap(utc("2024-11-27 21:00"), utc("2024-11-29 14:30")) == Gap(
        closed_ns=35 * HOUR_NS, holiday_ns=6 * HOUR_NS + 30 * MINUTE_NS
    )


def test_break_is_told_apart_from_silence() -> None:
    """11:20 to 12:40 over an hour's pause: ten minutes of silence on either side."""
    calendar = WeeklyCalendar(name="x", zone="UTC", hours=["Mon-Fri 09:00-15:00"], breaks=["Mon-Fri 11:30-12:30"])
    assert calendar.gap(utc("2024-01-09 11:20"), utc("2024-01-09 12:40")) == Gap(
        break_ns=60 * MINUTE_NS, silence_ns=20 * MINUTE_NS
    )


def test_early_close_is_closed_not_silent() -> None:
    """A half day's afternoon: from 13:00 on Friday 2024-11-29 to Monday's open at 09:30, 68.5 hours."""
    equities = mtf.calendars.get("us_equities")
    assert equities.gap(utc("2024-11-29 18:00"), utc("2024-12-02 14:30")) == Gap(
        closed_ns=68 * HOUR_NS + 30 * MINUTE_NS
    )


def test_empty_gap_is_nothing() -> None:
    """Two bars that touch."""
    assert mtf.calendars.get("crypto").gap(utc("2024-01-09 11:00"), utc("2024-01-09 11:00")) == Gap()


@pytest.mark.parametrize("name", ["fx", "crypto", "us_futures", "us_equities", "cn_futures_0230", "ose_futures"])
def test_ten_years_are_there_once_an_engine_is_set_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick after ten years must not keep the loop: no day is made but the two at the ends, no clock is looked at."""
    calendar = WeeklyCalendar.from_dict(mtf.calendars.get(name).to_dict())  # one that has been asked nothing
    Kernel(mtf.Config.make(calendar=calendar))
    made: list[int] = []
    schedule_of = Timeline._schedule

    def counted(timeline: Any, ordinal: int) -> Any:
        made.append(ordinal)
        return schedule_of(timeline, ordinal)

    monkeypatch.setattr(Timeline, "_schedule", counted)
    monkeypatch.setattr(totals, "changes_between", None)
    gap = calendar.gap(utc("2014-05-13 15:00"), utc("2024-05-13 15:00"))
    assert gap.total_ns == 3653 * 24 * HOUR_NS
    assert len(made) <= 3


def test_ten_years_of_a_market_are_those_of_its_schedule() -> None:
    """XNYS of exchange_calendars has 2,518 sessions of 16,307 hours in all, on 2,610 weekdays; cut here at 17:00."""
    equities = mtf.calendars.get("us_equities")
    gap = equities.gap(utc("2014-05-13 17:00"), utc("2024-05-13 17:00"))
    assert gap.silence_ns == (16_307 - 3) * HOUR_NS - 210 * MINUTE_NS
    assert (gap.holiday_ns, gap.break_ns) == (92 * 390 * MINUTE_NS, 0)


def test_nanoseconds_are_counted() -> None:
    """One before the close is silence, one after is closed."""
    fx = mtf.calendars.get("fx")
    assert fx.gap(utc("2024-01-12 21:59:59.999999999"), utc("2024-01-12 22:00") + 1) == Gap(closed_ns=1, silence_ns=1)
