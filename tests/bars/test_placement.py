"""Bars as input among nights, breaks and holidays, and where the model has them; `test_bar_places` has each rule."""

from __future__ import annotations

import datetime
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.bars.placement import MarketBarClock
from mtf.calendars import WeeklyCalendar
from mtf.config import Config
from mtf.errors import StraddlingBar
from mtf.events.bar_rows import length_code
from mtf.timeframe import Timeframe
from tests.builders import NEW_YORK, SECOND_NS, BarRow, at, clock_of_bars
from tests.model.days import Days

DAY: Final = "2024-03-06"
OFFICE: Final = WeeklyCalendar(
    name="office", zone="UTC", hours=["Mon-Fri 09:00-12:00", "Mon-Fri 13:00-17:00"], holidays=["2024-03-06"]
)
NIGHT: Final = WeeklyCalendar(
    name="night", zone="Asia/Shanghai", hours=["Mon-Fri 09:00-15:00"], night=["Mon-Fri 21:00-02:30"]
)


def clock(*timeframes: str, calendar: Any = "crypto", **options: Any) -> MarketBarClock:
    return clock_of_bars(Config.make(timeframes=timeframes or ("1m", "1d", "1w", "1mo"), calendar=calendar, **options))


def placed(
    of: MarketBarClock, timeframe: str, start: str = "", *, date: str = "", zone: str = "UTC"
) -> tuple[int, ...]:
    """Place a bar that begins at *start*, or is of *date*; return its start, its end and the instant of its close."""
    number = ordinal(date) if date else 0
    of.place("X", length_code(Timeframe(timeframe)), at(start, zone=zone) if start else 0, number)
    return of.start_ns, of.end_ns, of.last_ns


def ordinal(text: str) -> int:
    return datetime.date.fromisoformat(text).toordinal()


def instants(*texts: str, zone: str = "UTC") -> tuple[int, ...]:
    """Return start, end, and the last nanosecond before the third."""
    start, end, after = (at(text, zone=zone) for text in texts)
    return start, end, after - 1


def test_bar_of_a_day_is_the_trading_day_of_its_date() -> None:
    """Whatever its hours: fx's Wednesday begins on Tuesday evening, equities' at half past nine."""
    assert placed(clock(calendar="crypto"), "1d", date=DAY) == instants(
        "2024-03-06 00:00", "2024-03-07 00:00", "2024-03-07 00:00"
    )
    assert placed(clock(calendar="fx"), "1d", date=DAY) == instants(
        "2024-03-05 17:00", "2024-03-06 17:00", "2024-03-06 17:00", zone=NEW_YORK
    )
    assert placed(clock(calendar="us_equities"), "1d", date=DAY) == instants(
        "2024-03-06 09:30", "2024-03-06 16:00", "2024-03-06 16:00", zone=NEW_YORK
    )


def test_bar_of_a_day_with_a_night_session_is_known_at_the_close_of_its_hours() -> None:
    """Friday's night session is Monday's."""
    assert placed(clock(calendar=NIGHT), "1d", date="2024-06-03") == instants(
        "2024-05-31 21:00", "2024-06-03 15:00", "2024-06-03 15:00", zone="Asia/Shanghai"
    )


def test_instant_in_a_trading_day_is_of_that_day() -> None:
    """An fx day that is stamped Sunday 22:00Z is Monday's."""
    of = clock(calendar="fx")
    monday = instants("2024-03-03 22:00", "2024-03-04 22:00", "2024-03-04 22:00")
    assert placed(of, "1d", "2024-03-03 22:00") == monday
    assert placed(of, "1d", "2024-03-04 05:00") == monday
    assert placed(of, "1d", "2024-03-04 21:59:59.999999999") == monday


def test_instant_off_session_is_of_the_date_that_it_has() -> None:
    """A day stamped at four in the morning, before equities open."""
    of = clock(calendar="us_equities")
    assert placed(of, "1d", "2024-03-06 04:00", zone=NEW_YORK) == placed(of, "1d", date=DAY)


@pytest.mark.parametrize("date", ["2024-03-09", "2024-03-10", "2024-03-29"])
def test_bar_of_a_date_that_does_not_trade_stands_in_a_closed_market(date: str) -> None:
    """A weekend, Good Friday: the gate then rejects it, as one bar."""
    of = clock(calendar="us_equities")
    start_ns, end_ns, last_ns = placed(of, "1d", date=date)
    assert start_ns <= last_ns < end_ns
    assert not mtf.calendars.get("us_equities").span_at(last_ns).open


@pytest.mark.parametrize(
    ("date", "first", "last"),
    [
        ("2024-03-04", "2024-03-04", "2024-03-08"),  # its Monday
        ("2024-03-06", "2024-03-04", "2024-03-08"),  # any other day, a holiday too
        ("2024-03-08", "2024-03-04", "2024-03-08"),
        ("2024-03-09", "2024-03-11", "2024-03-15"),  # a weekend: the coming week
        ("2024-03-10", "2024-03-11", "2024-03-15"),
        ("2024-03-11", "2024-03-11", "2024-03-15"),
    ],
)
def test_bar_of_a_week_is_of_the_week_of_its_date(date: str, first: str, last: str) -> None:
    """Stamps of weeks need not be trading days, nor the first of them."""
    assert placed(clock(calendar=OFFICE), "1w", date=date) == instants(
        f"{first} 09:00", f"{last} 17:00", f"{last} 17:00"
    )


def test_shorter_bar_is_known_at_the_last_open_instant_of_its_span() -> None:
    of = clock("1h", calendar=OFFICE)
    whole = instants("2024-03-05 10:00", "2024-03-05 11:00", "2024-03-05 11:00")
    assert placed(of, "1h", "2024-03-05 10:00") == whole
    # Half of it lies in the break of noon, or before the open.
    assert placed(of, "1h", "2024-03-05 11:30") == instants("2024-03-05 11:30", "2024-03-05 12:30", "2024-03-05 12:00")
    half = clock("1h", calendar="us_equities", anchor="utc")
    assert placed(half, "1h", "2024-03-05 14:00") == instants(
        "2024-03-05 14:00", "2024-03-05 15:00", "2024-03-05 15:00"
    )


def test_shorter_bar_of_a_closed_market_stands_at_its_end() -> None:
    of = clock("1h", calendar=OFFICE)
    assert placed(of, "1h", "2024-03-05 12:00") == instants("2024-03-05 12:00", "2024-03-05 13:00", "2024-03-05 13:00")
    assert placed(of, "30m", "2024-03-09 10:00")[2] == at("2024-03-09 10:30") - 1


def test_with_closed_keep_every_instant_is_open() -> None:
    of = clock("1h", calendar=OFFICE, closed="keep")
    assert placed(of, "1h", "2024-03-05 12:00")[2] == at("2024-03-05 13:00") - 1
    assert placed(of, "1d", date=DAY)[2] == at("2024-03-07 00:00") - 1


def test_bar_fits_into_what_it_does_not_lie_in_two_of() -> None:
    """What is shorter than it gets nothing of it, so nothing is split."""
    of = clock("1m", "20m", "1h")
    assert placed(of, "10m", "10:10")[2] == at("10:20") - 1
    assert placed(of, "20m", "10:20")[2] == at("10:40") - 1
    assert placed(clock("1mo"), "1h", "23:30")[2] == at("2024-03-07 00:30") - 1
    assert placed(clock("1w"), "1h", "23:30")[2] == at("2024-03-07 00:30") - 1
    with pytest.raises(StraddlingBar, match="in two trading days"):
        placed(clock("1w"), "1h", "2024-03-10 23:30")
    with pytest.raises(StraddlingBar, match="in two trading days"):
        placed(clock("1d", "1w"), "1h", "23:30")


def test_what_is_closed_is_of_no_bar_and_straddles_nothing() -> None:
    """The hour from nine to ten in New York, of which half an hour is open, lies in the first hour of the day."""
    of = clock("1h", calendar="us_equities", anchor="utc")
    assert placed(of, "1h", "14:00") == instants("2024-03-06 14:00", "2024-03-06 15:00", "2024-03-06 15:00")
    over_night = clock("4h", "1d", calendar="us_equities", anchor="utc")
    assert placed(over_night, "4h", "20:00")[2] == at("2024-03-06 21:00") - 1


def test_symbols_have_calendars_of_their_own() -> None:
    of = clock("1d", calendar={"BTC*": "crypto", "*": "us_equities"})
    for symbol, end in (("BTCUSD", "2024-03-07 00:00"), ("SPY", "2024-03-06 21:00"), ("BTCUSD", "2024-03-07 00:00")):
        of.place(symbol, length_code(Timeframe("1d")), 0, ordinal(DAY))
        assert of.last_ns == at(end) - 1


@given(
    start_s=st.integers(at("2024-01-01 00:00") // SECOND_NS, at("2025-01-01 00:00") // SECOND_NS),
    name=st.sampled_from(("1s", "7m", "10m", "1h", "4h", "1d", "1w", "1mo")),
    calendar=st.sampled_from(("fx", "crypto", "us_equities", "us_futures")),
    dated=st.booleans(),
    keep=st.booleans(),
    anchor=st.sampled_from(("day", "utc")),
    timeframes=st.sampled_from((("1m", "5m", "1h", "1d"), ("15m", "4h"), ("1w", "1mo"))),
)
@settings(max_examples=200)
def test_bars_lie_where_the_model_has_them(
    start_s: int, name: str, calendar: str, dated: bool, keep: bool, anchor: str, timeframes: tuple[str, ...]
) -> None:
    """Worked out from spans alone, the slow way; and whatever straddles there is an error here."""
    closed = "keep" if keep else "reject"
    config = Config.make(timeframes=timeframes, calendar=calendar, closed=closed, anchor=anchor)
    timeframe = Timeframe(name)
    date = datetime.date(1970, 1, 1) + datetime.timedelta(seconds=start_s) if dated and not timeframe.intraday else None
    row = BarRow("X", name, start_s * SECOND_NS, date)
    days = Days(config.calendars.calendar_of("X"), keep=keep, utc=anchor == "utc")
    expected = days.place(row, list(config.timeframes))
    of = clock_of_bars(config)
    try:
        of.place("X", length_code(timeframe), row.start_ns, 0 if date is None else date.toordinal())
    except StraddlingBar:
        assert expected.straddles
    else:
        assert not expected.straddles
        assert (of.start_ns, of.end_ns, of.last_ns) == (expected.start_ns, expected.end_ns, expected.last_ns)
