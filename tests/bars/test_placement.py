"""Where a bar as input lies: each rule of days, spans, grids and timeframes, in literal cases, and beside the model."""

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
from mtf.errors import ConfigError, StraddlingBar
from mtf.events.bar_rows import length_code
from mtf.timeframe import Timeframe
from tests.builders import NEW_YORK, SECOND_NS, BarRow, at, clock_of_bars
from tests.model.builders import clock_text
from tests.model.days import Days

DAY: Final = "2024-03-06"
OFFICE: Final = WeeklyCalendar(
    name="office", zone="UTC", hours=["Mon-Fri 09:00-12:00", "Mon-Fri 13:00-17:00"], holidays=["2024-03-06"]
)
BERLIN: Final = WeeklyCalendar(name="berlin", zone="Europe/Berlin", hours=["Mon 00:00 - Sun 24:00"])
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


def shown(when: str, length: str, *timeframes: str, **settings: Any) -> tuple[str, str, str]:
    """Place a bar of *length* that begins at *when*, or is of that date (UTC); return the same three times in words."""
    of = clock(*(timeframes or (length,)), **settings)
    start, date = ("", when) if len(when) == 10 else (when, "")
    start_ns, end_ns, last_ns = placed(of, length, start, date=date)
    return clock_text(start_ns), clock_text(end_ns), clock_text(last_ns)


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


@pytest.mark.parametrize("date", ["2024-01-15", "2024-03-09", "2024-03-10", "2024-03-29"])
def test_bar_of_a_date_that_does_not_trade_stands_in_a_closed_market(date: str) -> None:
    """A holiday, a weekend, Good Friday: the gate then rejects it, as one bar."""
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
    assert shown(when, length, calendar=calendar) == (start, end, clock_text(before_ns))


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
    assert shown(when, length, **{"calendar": "us_equities", **settings}) == (when[5:], end, last)


STRADDLING = [
    pytest.param(
        *("2024-03-06 10:10", "10m", ("15m",), {"calendar": "crypto"}),
        "X: the bar 2024-03-06 10:10 to 2024-03-06 10:20 UTC lies in two bars of 15m (bars of 15m begin at :15) and "
        "cannot be split: use timeframes that are multiples of 10m",
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
        shown(when, length, *timeframes, **settings)
    assert str(raised.value) == message


def test_a_bar_that_is_closed_on_one_side_of_an_edge_does_not_straddle_it() -> None:
    """21:30 to 22:30 of a Friday of fx: its second half is of the weekend."""
    assert shown("2024-03-08 21:30", "1h", "1d", calendar="fx")[2] == "03-08 21:59:59.999999999"
    with pytest.raises(StraddlingBar, match="two trading days"):
        shown("2024-03-07 21:30", "1h", "1d", calendar="fx")


def test_a_week_within_a_month_goes_into_it() -> None:
    assert shown("2024-03-06", "1w", "1w", "1mo", calendar="fx")[:2] == ("03-03 22:00", "03-08 22:00")


def noting(*timeframes: str) -> tuple[MarketBarClock, list[str]]:
    noted: list[str] = []
    fx = mtf.calendars.get("fx")
    return MarketBarClock(lambda _: fx, [Timeframe(name) for name in timeframes], noted=noted.append), noted


def test_timeframes_that_stay_empty_are_noted_once_for_each_length() -> None:
    of, noted = noting("1m", "5m", "1h", "4h", "1d")
    for when in ("2024-03-06 10:00", "2024-03-06 11:00"):
        of.place("X", length_code(Timeframe("1h")), at(when), 0)
        of.place("Y", length_code(Timeframe("1h")), at(when), 0)
        of.place("X", length_code(Timeframe("5m")), at(when), 0)
        of.place("X", length_code(Timeframe("1m")), at(when), 0)
    assert noted == [
        "the source has bars of 1h: 1m to 5m get no bars from it",
        "the source has bars of 5m: 1m get no bars from it",
    ]


def test_timeframes_asked_for_by_name_are_an_error_where_they_are_too_short() -> None:
    """Each time, and not once: nothing has been placed."""
    of, noted = noting("1m", "1h", "1d")
    of.strict = True
    for _ in range(2):
        with pytest.raises(
            ConfigError, match="bars last 1d: no bars of 1m, 1h can be built from them; use timeframes of 1d"
        ):
            of.place("X", length_code(Timeframe("1d")), 0, datetime.date(2024, 3, 6).toordinal())
    of.place("X", length_code(Timeframe("1m")), at("10:00"), 0)
    assert noted == []


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


def test_bars_of_symbols_in_turn_lie_where_they_lie_alone() -> None:
    """What is known of one calendar is not taken for another's."""
    calendar = {"A": OFFICE, "B": BERLIN}
    both = MarketBarClock(calendar.__getitem__, [Timeframe("1m"), Timeframe("1h")])
    for start in ("2024-03-05 11:59", "2024-03-05 12:00", "2024-03-05 23:30"):
        for symbol in ("A", "B", "A"):
            alone = MarketBarClock(calendar.__getitem__, [Timeframe("1m"), Timeframe("1h")])
            for of in (both, alone):
                of.place(symbol, length_code(Timeframe("1m")), at(start), 0)
            assert (both.start_ns, both.end_ns, both.last_ns) == (alone.start_ns, alone.end_ns, alone.last_ns)
