"""Calendars of exchanges, taken from `exchange_calendars`: equal to it, session by session."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import json
import sys
from typing import Any, Final

import pytest

import mtf.calendars
from mtf.calendars import Calendar
from mtf.errors import ConfigError
from tests.calendars.builders import SECOND_NS, day_text, stretches, utc

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("exchange_calendars") is None, reason="exchange_calendars is not installed"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own, about the pandas that it runs on

TWENTY_YEARS: Final = (datetime.date(2006, 1, 1), datetime.date(2025, 12, 31))
FEWEST: Final = 60  # exchanges that the package can make, whatever pandas it runs on


def schedule(code: str, first: str, last: str) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(code, start=first, end=last).schedule


def trading_days(calendar: Calendar, first: str, last: str) -> list[tuple[str, int, int]]:
    return [
        (str(day.date), int(day.start_ns), int(day.end_ns))
        for day in calendar.days(utc(f"{first} 00:00"), utc(f"{last} 23:59"))
        if not day.off_session and first <= str(day.date) <= last
    ]


def whole_days(code: str, first: str, last: str) -> list[tuple[str, int, int]]:
    return [
        (str(row.Index.date()), int(row.open.timestamp()) * SECOND_NS, int(row.close.timestamp()) * SECOND_NS)
        for row in schedule(code, first, last).itertuples()
    ]


def our_sessions(calendar: Calendar, first: datetime.date, last: datetime.date) -> list[tuple[str, int, int]]:
    """Return every stretch of open market, with the date of its trading day; asked for date by date."""
    found = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = calendar.day_of(ordinal)
        if day is not None and not day.off_session:
            spans = calendar.spans(day.start_ns, day.end_ns)
            found += [(str(day.date), int(span.start_ns), int(span.end_ns)) for span in spans if span.open]
    return found


def their_sessions(code: str, first: datetime.date, last: datetime.date) -> list[tuple[str, int, int]]:
    """Return the same by the package: a session, or the two parts that its break leaves."""
    found = []
    for row in schedule(code, first.isoformat(), last.isoformat()).itertuples():
        edges = [row.open, row.close]
        if row.break_start == row.break_start:  # a time: there is a break
            edges[1:1] = [row.break_start, row.break_end]
        instants = [int(edge.timestamp()) * SECOND_NS for edge in edges]
        found += [(str(row.Index.date()), *pair) for pair in zip(instants[::2], instants[1::2], strict=True)]
    return found


@needs_package
def test_us_equities_equal_the_packages_new_york_from_1990_to_2060() -> None:
    """Two lists made apart from each other: every date, open and close, half days too."""
    ours = trading_days(mtf.calendars.get("us_equities"), "1990-01-01", "2060-12-31")
    assert len(ours) == 17_854
    assert ours == whole_days("XNYS", "1990-01-01", "2060-12-31")


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
    theirs = whole_days(code, first, "2030-12-31")
    assert ours == theirs
    assert len(theirs) == pytest.approx(days, abs=30)  # later releases learn of more holidays


def of_twenty_years(code: str) -> tuple[list[tuple[str, int, int]], list[tuple[str, int, int]]]:
    """Return the sessions of twenty years, as far as the package knows them: ours and theirs."""
    import exchange_calendars

    known = exchange_calendars.get_calendar(code)
    start, end = known.bound_min(), known.bound_max()
    first = max(TWENTY_YEARS[0], datetime.date.min if start is None else start.date())
    last = min(TWENTY_YEARS[1], datetime.date.max if end is None else end.date())
    return our_sessions(mtf.calendars.get(f"exchange:{code}"), first, last), their_sessions(code, first, last)


@needs_package
@pytest.mark.parametrize("code", ["XHKG", "XTKS", "XSAU", "us_futures"])
def test_sessions_breaks_and_half_days_equal_the_packages(code: str) -> None:
    """Each stretch of open market in twenty years, by date."""
    ours, theirs = of_twenty_years(code)
    assert ours == theirs
    assert len(theirs) > 1000


@needs_package
@pytest.mark.slow
def test_every_exchange_that_can_be_made_equals_the_package() -> None:
    """Some 60 exchanges and 300,000 sessions; what the package itself cannot make says so, and is left out."""
    import exchange_calendars

    made = []
    for code in exchange_calendars.get_calendar_names(include_aliases=False):
        with contextlib.suppress(ConfigError):
            mtf.calendars.get(f"exchange:{code}")
            made.append(code)
    assert len(made) >= FEWEST
    for code in made:
        ours, theirs = of_twenty_years(code)
        assert ours == theirs, code


@needs_package
def test_week_begins_where_the_exchanges_does() -> None:
    """Riyadh trades from Sunday to Thursday: one week, and the weekend belongs to the next."""
    riyadh = mtf.calendars.get("exchange:XSAU")
    assert riyadh.to_dict()["week"] == "sunday"
    assert day_text(riyadh.week_at(utc("2024-03-05 09:00"))) == "2024-03-03 07:00 .. 2024-03-07 12:00 2024-03-07"
    assert "week" not in mtf.calendars.get("exchange:XTKS").to_dict()


@needs_package
def test_holidays_of_china_and_japan_equal_the_packages() -> None:
    """Chinese futures trade on the days of the Shanghai stock exchange, and Osaka's holidays are Tokyo's."""
    shanghai = {date for date, _, _ in whole_days("XSHG", "2013-01-01", "2026-12-31")}
    ours = trading_days(mtf.calendars.get("cn_futures"), "2013-01-01", "2026-12-31")
    assert {date for date, _, _ in ours} == shanghai
    tokyo = {date for date, _, _ in whole_days("XTKS", "2007-01-01", "2040-12-31")}
    tokyo.add("2020-10-01")  # Tokyo's systems failed, Osaka's did not
    ours = trading_days(mtf.calendars.get("ose_futures"), "2007-01-01", "2040-12-31")
    assert {date for date, _, _ in ours} == tokyo


@needs_package
def test_taifex_nights_belong_to_the_next_trading_day() -> None:
    """The last night before the Lunar New Year of 2024 is that of the 5th of February, and belongs to the 15th."""
    taipei = mtf.calendars.get("taifex_futures")
    assert day_text(taipei.day_at(utc("2024-02-05 08:00"))) == "2024-02-05 07:00 .. 2024-02-15 05:45 2024-02-15"
    assert not taipei.span_at(utc("2024-02-06 08:00")).open
    assert day_text(taipei.day_at(utc("2024-02-16 01:00"))) == "2024-02-15 07:00 .. 2024-02-16 05:45 2024-02-16"


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
    """It looks like a code, and is not one."""
    with pytest.raises(ConfigError, match="has no exchange 'ABCD': write its MIC, as in exchange:XNYS"):
        mtf.calendars.get("ABCD")


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra, asked for by name."""
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(ConfigError, match=r"pip install 'mtf-engine\[exchanges\]'"):
        mtf.calendars.get("exchange:XNYS")
