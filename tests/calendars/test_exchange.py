"""Calendars of exchanges, taken from `exchange_calendars`: equal to it, session by session."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

import pytest

import mtf.calendars
from mtf.calendars import Calendar
from mtf.errors import ConfigError
from tests.calendars.builders import SECOND_NS, day_text, stretches, utc

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("exchange_calendars") is None, reason="exchange_calendars is not installed"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, about the pandas that it runs on


def schedule(code: str, first: str, last: str) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(code, start=first, end=last).schedule


def trading_days(calendar: Calendar, first: str, last: str) -> list[tuple[str, int, int]]:
    return [
        (str(day.date), int(day.start_ns), int(day.end_ns))
        for day in calendar.days(utc(f"{first} 00:00"), utc(f"{last} 23:59"))
        if not day.off_session and first <= str(day.date) <= last
    ]


def sessions(code: str, first: str, last: str) -> list[tuple[str, int, int]]:
    return [
        (str(row.Index.date()), int(row.open.timestamp()) * SECOND_NS, int(row.close.timestamp()) * SECOND_NS)
        for row in schedule(code, first, last).itertuples()
    ]


@needs_package
def test_us_equities_equal_the_packages_new_york_from_1990_to_2060() -> None:
    """Two lists made apart from each other: every date, open and close, half days too."""
    ours = trading_days(mtf.calendars.get("us_equities"), "1990-01-01", "2060-12-31")
    assert len(ours) == 17_854
    assert ours == sessions("XNYS", "1990-01-01", "2060-12-31")


@needs_package
@pytest.mark.parametrize(
    ("code", "first", "days"),
    [
        ("XNYS", "1990-01-01", 10_322),
        ("XLON", "1990-01-01", 10_362),
        ("XTKS", "1997-01-01", 8_328),  # a pause at noon, moved in 2011, and a later close since 2024
        ("XHKG", "1990-01-01", 10_115),  # half days that end before the pause, and hours that changed twice
        ("CMES", "1990-01-01", 10_575),  # from the evening before
    ],
)
def test_exchange_equals_the_package_session_by_session(code: str, first: str, days: int) -> None:
    """What is taken by value loses nothing."""
    ours = trading_days(mtf.calendars.get(f"exchange:{code}"), first, "2030-12-31")
    theirs = sessions(code, first, "2030-12-31")
    assert ours == theirs
    assert len(theirs) == pytest.approx(days, abs=30)  # later releases learn of more holidays


@needs_package
def test_exchange_may_be_named_by_its_code_alone_and_is_a_value() -> None:
    """Four letters are a market identifier; nothing of the package is left in what comes of it."""
    calendar = mtf.calendars.get("XTKS")
    assert calendar.name == "XTKS"
    assert calendar == mtf.calendars.get("exchange:XTKS")
    assert mtf.calendars.from_dict(json.loads(json.dumps(calendar.to_dict()))) == calendar
    assert stretches(calendar, "2024-06-03 00:00", "2024-06-03 06:00") == [
        "2024-06-03 00:00 .. 2024-06-03 02:30 open 2024-06-03",
        "2024-06-03 02:30 .. 2024-06-03 03:30 break 2024-06-03",
        "2024-06-03 03:30 .. 2024-06-03 06:00 open 2024-06-03",
    ]


@needs_package
def test_a_holiday_before_the_first_session_is_known() -> None:
    """1990-01-01 is covered, although the first session is on the 2nd."""
    calendar = mtf.calendars.get("XNYS")
    assert calendar.day_at(utc("1990-01-01 15:00")).off_session
    assert day_text(calendar.day_at(utc("1990-01-02 15:00"))) == "1990-01-02 14:30 .. 1990-01-02 21:00 1990-01-02"


@needs_package
def test_unknown_exchange_says_what_to_write() -> None:
    """A code that looks like one and is none."""
    with pytest.raises(ConfigError, match="knows no exchange 'ABCD': write its MIC, as exchange:XNYS"):
        mtf.calendars.get("ABCD")


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra, asked for by name."""
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(ConfigError, match=r"pip install 'mtf\[exchanges\]'"):
        mtf.calendars.get("exchange:XNYS")
