"""Where a bar given as input lies: each rule of days, spans, grids and timeframes, in literal cases."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import mtf
from mtf.bars.placement import MarketBarClock
from mtf.calendars import WeeklyCalendar
from mtf.errors import ConfigError, StraddlingBar
from mtf.events.bar_rows import length_code
from mtf.timeframe import Timeframe
from tests.builders import at, clock_of_bars

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
BERLIN = WeeklyCalendar(name="berlin", zone="Europe/Berlin", hours=["Mon 00:00 - Sun 24:00"])


def text(ts_ns: int) -> str:
    moment = EPOCH + datetime.timedelta(seconds=ts_ns // 10**9)
    return f"{moment:%m-%d %H:%M}" if ts_ns % 10**9 == 0 else f"{moment:%m-%d %H:%M:%S}.{ts_ns % 10**9:09}"


def placed(when: str, length: str, *timeframes: str, **settings: Any) -> tuple[str, str, str]:
    """Return start, end and last instant of the bar of *length* that begins at *when*, or is of that date (UTC)."""
    clock = clock_of_bars(mtf.Config.make(timeframes=timeframes or (length,), **settings))
    dated = len(when) == 10
    date = datetime.date.fromisoformat(when).toordinal() if dated else 0
    clock.place("X", length_code(Timeframe(length)), 0 if dated else at(when), date)
    return text(clock.start_ns), text(clock.end_ns), text(clock.last_ns)


@pytest.mark.parametrize(
    ("calendar", "length", "when", "start", "end"),
    [
        pytest.param("fx", "1d", "2024-03-11", "03-10 21:00", "03-11 21:00", id="a date is that trading day's"),
        pytest.param(
            "fx", "1d", "2024-03-03 22:00", "03-03 22:00", "03-04 22:00", id="an instant on Sunday is Monday's"
        ),
        pytest.param("fx", "1d", "2024-03-10 22:00", "03-10 21:00", "03-11 21:00", id="an instant within a day"),
        pytest.param("us_equities", "1d", "2024-11-29", "11-29 14:30", "11-29 18:00", id="a half day is a short one"),
        pytest.param("us_equities", "1d", "2024-03-06 05:00", "03-06 14:30", "03-06 21:00", id="off session before"),
        pytest.param("fx", "1w", "2024-03-06", "03-03 22:00", "03-08 22:00", id="a week by any of its days"),
        pytest.param("fx", "1w", "2024-03-09", "03-10 21:00", "03-15 21:00", id="a Saturday is of the coming week"),
        pytest.param("fx", "1w", "2024-03-10", "03-10 21:00", "03-15 21:00", id="a Sunday is of the coming week"),
        pytest.param("us_equities", "1w", "2024-01-15", "01-16 14:30", "01-19 21:00", id="a holiday begins the week"),
        pytest.param("us_equities", "1w", "2024-03-29", "03-25 13:30", "03-28 20:00", id="a holiday ends the week"),
        pytest.param("crypto", "1w", "2024-03-09", "03-04 00:00", "03-11 00:00", id="a weekend that trades is its own"),
        pytest.param("us_equities", "1mo", "2024-06-01", "06-03 13:30", "06-28 20:00", id="a month by a Saturday"),
        pytest.param("us_equities", "1mo", "2024-01-01", "01-02 14:30", "01-31 21:00", id="a month by a holiday"),
    ],
)
def test_a_day_week_or_month_is_that_of_its_date(calendar: str, length: str, when: str, start: str, end: str) -> None:
    """As a whole, known at the last nanosecond of it."""
    before_ns = at(f"2024-{end}") - 1
    assert placed(when, length, calendar=calendar) == (start, end, text(before_ns))


@pytest.mark.parametrize(("calendar", "date"), [("us_equities", "2024-01-15"), ("us_equities", "2024-03-09")])
def test_a_day_without_a_session_lies_where_the_market_is_closed(calendar: str, date: str) -> None:
    """A holiday, a Saturday: the gate rejects the bar, as one."""
    *_, last = placed(date, "1d", calendar=calendar)
    assert not mtf.calendars.get(calendar).span_at(at(f"2024-{last}")).open


@pytest.mark.parametrize(
    ("when", "length", "settings", "end", "last"),
    [
        pytest.param("2024-03-06 15:30", "1h", {}, "03-06 16:30", "03-06 16:29:59.999999999", id="in session"),
        pytest.param("2024-03-06 20:30", "1h", {}, "03-06 21:00", "03-06 20:59:59.999999999", id="the last of a day"),
        pytest.param("2024-11-29 17:30", "1h", {}, "11-29 18:00", "11-29 17:59:59.999999999", id="of a half day"),
        pytest.param(
            *("2024-03-06 14:00", "1h", {"anchor": "utc"}, "03-06 15:00", "03-06 14:59:59.999999999"),
            id="one that begins before the open",
        ),
        pytest.param("2024-03-06 14:00", "1h", {}, "03-06 15:00", "03-06 14:59:59.999999999", id="also by its day"),
        pytest.param(
            *("2024-11-29 18:00", "1h", {"anchor": "utc"}, "11-29 19:00", "11-29 18:59:59.999999999"),
            id="one that is closed as a whole",
        ),
        pytest.param("2024-03-08 21:30", "1h", {"calendar": "fx"}, "03-08 22:30", "03-08 21:59:59.999999999", id="fx"),
        pytest.param(
            *("2024-03-06 22:00", "1h", {"closed": "keep"}, "03-06 23:00", "03-06 22:59:59.999999999"),
            id="closed hours that are kept are as open",
        ),
        pytest.param(
            *("2024-10-27 22:00", "4h", {"calendar": BERLIN}, "10-27 23:00", "10-27 22:59:59.999999999"),
            id="the seventh 4h bar of 25 hours lasts one",
        ),
        pytest.param(
            *("2024-03-31 19:00", "4h", {"calendar": BERLIN}, "03-31 22:00", "03-31 21:59:59.999999999"),
            id="the sixth of 23 hours lasts three",
        ),
    ],
)
def test_a_shorter_bar_is_known_at_its_last_open_instant(
    when: str, length: str, settings: dict[str, Any], end: str, last: str
) -> None:
    """It ends early if the grid's bar that begins with it does."""
    assert placed(when, length, **{"calendar": "us_equities", **settings}) == (when[5:], end, last)


STRADDLING = [
    pytest.param(
        *("2024-03-06 10:10", "10m", ("15m",), {"calendar": "crypto"}),
        "X: the bar 2024-03-06 10:10 to 2024-03-06 10:20 UTC lies in two bars of 15m (bars of 15m begin at :15) and "
        "cannot be split: use timeframes of which 10m is a divisor",
        id="10m in 15m",
    ),
    pytest.param(
        *("2024-03-06 03:45", "1h", ("1h",), {"calendar": "fx"}),
        "X: the bar 2024-03-06 03:45 to 2024-03-06 04:45 UTC lies in two bars of 1h (bars of 1h begin at :00) and "
        "cannot be split: use a calendar whose trading day begins at :45 past the hour, or leave out 1h",
        id="off the grid",
    ),
    pytest.param(
        *("2024-03-31 16:00", "4h", ("4h",), {"calendar": BERLIN}),
        "X: the bar 2024-03-31 16:00 to 2024-03-31 20:00 UTC lies in two bars of 4h (one begins at 2024-03-31 19:00 "
        "UTC) and cannot be split: use the anchor utc (--anchor utc)",
        id="off the grid by hours",
    ),
    pytest.param(
        *("2024-03-31 18:00", "4h", ("4h",), {"calendar": BERLIN}),
        "X: the bar 2024-03-31 18:00 to 2024-03-31 22:00 UTC lies in two bars of 4h (one begins at 2024-03-31 19:00 "
        "UTC) and cannot be split: use a calendar whose trading day begins whole bars of 4h before it, or leave out 4h",
        id="off any grid by hours",
    ),
    pytest.param(
        *("2024-03-06 16:00", "1h", ("1h",), {"calendar": "us_equities"}),
        "X: the bar 2024-03-06 16:00 to 2024-03-06 17:00 UTC lies in two bars of 1h (bars of 1h begin at :30) and "
        "cannot be split: use the anchor utc (--anchor utc)",
        id="on the hour, where the day begins at half past",
    ),
    pytest.param(
        *("2024-03-06 23:30", "1h", ("1d",), {"calendar": "crypto"}),
        "X: the bar 2024-03-06 23:30 to 2024-03-07 00:30 UTC lies in two trading days (2024-03-07 begins at 2024-03-07 "
        "00:00 UTC) and cannot be split: use a calendar whose trading day does not begin inside it",
        id="in two days",
    ),
    pytest.param(
        *("2024-02-28", "1w", ("1w", "1mo"), {"calendar": "fx"}),
        "X: the weekly bar 2024-02-25 22:00 to 2024-03-01 22:00 UTC lies in two bars of 1mo and cannot be split: leave "
        "out 1mo, or read daily bars",
        id="a week in two months",
    ),
]


@pytest.mark.parametrize(("when", "length", "timeframes", "settings", "message"), STRADDLING)
def test_a_bar_in_two_bars_of_a_timeframe_is_an_error(
    when: str, length: str, timeframes: tuple[str, ...], settings: dict[str, Any], message: str
) -> None:
    """That names the bar and the grid, and says what would fit."""
    with pytest.raises(StraddlingBar) as raised:
        placed(when, length, *timeframes, **settings)
    assert str(raised.value) == message


def test_a_bar_that_is_closed_on_one_side_of_an_edge_does_not_straddle_it() -> None:
    """21:30 to 22:30 of a Friday of fx: its second half is of the weekend."""
    assert placed("2024-03-08 21:30", "1h", "1d", calendar="fx")[2] == "03-08 21:59:59.999999999"
    with pytest.raises(StraddlingBar, match="two trading days"):
        placed("2024-03-07 21:30", "1h", "1d", calendar="fx")


def test_a_week_within_a_month_goes_into_it() -> None:
    assert placed("2024-03-06", "1w", "1w", "1mo", calendar="fx")[:2] == ("03-03 22:00", "03-08 22:00")


def clock_of(*timeframes: str) -> tuple[MarketBarClock, list[str]]:
    noted: list[str] = []
    fx = mtf.calendars.get("fx")
    return MarketBarClock(lambda _: fx, [Timeframe(name) for name in timeframes], noted=noted.append), noted


def test_timeframes_that_stay_empty_are_noted_once_for_each_length() -> None:
    clock, noted = clock_of("1m", "5m", "1h", "4h", "1d")
    for when in ("2024-03-06 10:00", "2024-03-06 11:00"):
        clock.place("X", length_code(Timeframe("1h")), at(when), 0)
        clock.place("Y", length_code(Timeframe("1h")), at(when), 0)
        clock.place("X", length_code(Timeframe("5m")), at(when), 0)
        clock.place("X", length_code(Timeframe("1m")), at(when), 0)
    assert noted == [
        "the source has bars of 1h: 1m to 5m get no bars from it",
        "the source has bars of 5m: 1m get no bars from it",
    ]


def test_timeframes_asked_for_by_name_are_an_error_where_they_are_too_short() -> None:
    """Each time, and not once: nothing has been placed."""
    clock, noted = clock_of("1m", "1h", "1d")
    clock.strict = True
    for _ in range(2):
        with pytest.raises(
            ConfigError, match="bars last 1d: no bar of 1m, 1h can be made of them; ask for timeframes of 1d"
        ):
            clock.place("X", length_code(Timeframe("1d")), 0, datetime.date(2024, 3, 6).toordinal())
    clock.place("X", length_code(Timeframe("1m")), at("10:00"), 0)
    assert noted == []
