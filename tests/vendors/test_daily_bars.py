"""Vendors' daily bars as input, each by the calendar that its days are of: they come out as they went in.

And hours of an exchange among those out of its session, and weeks and months fed back. Lean's days and hours of
equities are in `test_lean_bars`.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from mtf.bars.bar import Bar
from mtf.calendars import WeeklyCalendar
from tests.vendors.expected import VendorBar, candles, lean_bars
from tests.vendors.runs import Made, run
from tests.vendors.test_lean_bars import FIXED, FIXED_DAYS, NEW_YORK, clock_hours, hourly, regular, spy_minutes, stamped
from tests.vendors.test_metatrader import EET, server_bars

EQUITIES: Final = "lean/equity/usa/daily/spy.zip"
EVERY_DAY: Final = WeeklyCalendar(name="days", zone="UTC", day_close="00:00", hours=["Sun 00:00 - Sat 24:00"])


def day_of(zone: str) -> Callable[[VendorBar], datetime.date]:
    """Return the function that gives the date of a bar that is stamped at midnight in *zone*."""
    return lambda bar: datetime.datetime.fromtimestamp(bar.start_ns // 10**9, ZoneInfo(zone)).date()


def told(made: Made, timeframe: str) -> list[Bar]:
    forming = made.forming[timeframe]
    assert forming is not None
    return [*made.bars[timeframe], forming]


DAILY: Final[list[Any]] = [
    pytest.param(
        "lean/forex/fxcm/daily/nzdusd.zip",
        FIXED_DAYS,
        {"price": "bid"},
        lambda path: lean_bars(path, "bid", zone=FIXED),
        FIXED,
        3_487,
        id="fxcm",
    ),
    pytest.param(
        "lean/forex/oanda/daily/eurusd.zip",
        "crypto",
        {"price": "ask"},
        lambda path: lean_bars(path, "ask"),
        "UTC",
        3_738,
        id="oanda",
    ),
    pytest.param(
        "dukascopy_bi5/EURUSD/2019/BID_candles_day_1.bi5",
        EVERY_DAY,
        {"price": "bid"},
        lambda path: candles(path, datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC)),
        "UTC",
        365,
        id="dukascopy",
    ),
    pytest.param(
        "bars_mt5_eet/GBPUSDd1.csv.gz",
        EET,
        {},
        lambda path: server_bars(path.parents[1], "d1"),
        "Europe/Athens",
        2_400,
        id="metatrader",
    ),
]


@pytest.mark.parametrize(("file", "calendar", "options", "read", "zone", "count"), DAILY)
def test_daily_bars_come_out_as_they_went_in(
    vendor_data: Path,
    file: str,
    calendar: Any,
    options: dict[str, Any],
    read: Callable[[Path], list[VendorBar]],
    zone: str,
    count: int,
) -> None:
    """Every one of them, on its date, to the last digit; through every clock change, holiday and half day there was."""
    source = read(vendor_data / file)
    made = run(vendor_data / file, timeframes=["1d"], calendar=calendar, **options)
    days = told(made, "1d")
    assert (len(source), len(days), made.rejected, made.malformed) == (count, count, {}, 0)
    dates = list(map(day_of(zone), source))
    assert [bar.trading_day for bar in days] == dates
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in days] == [bar[1:5] for bar in source]
    assert [bar.volume for bar in days] == [bar.volume for bar in source]
    assert {(bar.ticks, bar.from_bars, bar.incomplete) for bar in days} == {(4, True, False)}


@pytest.mark.parametrize("timeframe", ["1w", "1mo"])
def test_days_of_equities_make_weeks_and_months_and_these_themselves(
    vendor_data: Path, tmp_path: Path, timeframe: str
) -> None:
    """Twenty-three years: each the union of its days, and fed back as bars of weeks or months the same again."""
    source = lean_bars(vendor_data / EQUITIES, "trade", zone=NEW_YORK)
    made = told(run(vendor_data / EQUITIES, timeframes=["1d", timeframe], calendar="us_equities"), timeframe)
    groups: dict[Any, list[VendorBar]] = {}
    for bar in source:
        date = day_of(NEW_YORK)(bar)
        groups.setdefault(date.isocalendar()[:2] if timeframe == "1w" else (date.year, date.month), []).append(bar)
    expected = [
        (days[0].open, max(day.high for day in days), min(day.low for day in days), days[-1].close)
        for days in groups.values()
    ]
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in made] == expected
    assert [bar.volume for bar in made] == [sum(day.volume for day in days) for days in groups.values()]
    path = tmp_path / "SPY.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "open", "high", "low", "close", "volume"])
        for whole in made:
            dated = whole.trading_day
            assert dated is not None
            # Vendors stamp weeks on Monday and months on the first, trading days or not.
            stamp = dated - datetime.timedelta(dated.weekday()) if timeframe == "1w" else dated.replace(day=1)
            writer.writerow([stamp, whole.open, whole.high, whole.low, whole.close, whole.volume])
    again = run(path, timeframes=[timeframe], calendar="us_equities", timeframe=timeframe)
    assert (again.rejected, again.malformed) == ({}, 0)
    assert [
        (bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in told(again, timeframe)
    ] == [(bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in made]


LEAN_HOURS: Final[dict[str, Any]] = {"calendar": "us_equities", "format": "lean"}


def test_hours_out_of_the_session_are_closed(vendor_data: Path, tmp_path: Path) -> None:
    """With extended hours: a row wholly outside is one closed bar, one that is partly inside counts."""
    minutes = spy_minutes(vendor_data)
    hours = clock_hours(minutes)
    inside = clock_hours([bar for bar in minutes if regular(bar)])
    starts = {bar.start_ns for bar in inside}
    made = run(hourly(tmp_path, stamped(hours)), timeframes=["1h"], anchor="utc", **LEAN_HOURS)
    assert made.rejected == {"closed": sum(bar.start_ns not in starts for bar in hours)}
    assert len(told(made, "1h")) == len(inside)
