"""Lean's bars as input: SPY minutes to days of the exchange, FXCM and OANDA hours to days on two other midnights."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mtf.calendars import WeeklyCalendar
from tests.vendors.expected import HOUR_NS, MINUTE_NS, Grid, VendorBar, differences, lean_bars, text
from tests.vendors.runs import run, whole

NEW_YORK = "America/New_York"
FIXED = "Etc/GMT+5"  # UTC-5 all year
FIXED_DAYS = WeeklyCalendar(name="fxcm", zone=FIXED, day_close="00:00", hours=["Sun 00:00 - Sat 24:00"])
SPY_DAYS = ("20131004", "20131007", "20131008", "20131009", "20131010", "20131011")


def spy_minutes(data: Path) -> list[VendorBar]:
    folder = data / "lean" / "equity" / "usa" / "minute" / "spy"
    return [bar for day in SPY_DAYS for bar in lean_bars(folder / f"{day}_trade.zip", "trade", zone=NEW_YORK)]


def regular(bar: VendorBar) -> bool:
    local = datetime.datetime.fromtimestamp(bar.start_ns // 10**9, ZoneInfo(NEW_YORK))
    return datetime.time(9, 30) <= local.time() < datetime.time(16)


def test_spy_minutes_make_the_exchanges_days(vendor_data: Path) -> None:
    """Regular hours alone count: five of six days are the vendor's, and one low is a cent off."""
    made = run(vendor_data / "lean" / "equity" / "usa" / "minute" / "spy", calendar="us_equities")
    minutes = spy_minutes(vendor_data)
    outside = [bar for bar in minutes if not regular(bar)]
    assert (len(minutes), made.events) == (4_839, 4 * 4_839)
    assert made.rejected == {"closed": 4 * len(outside)}
    inside = [bar for bar in minutes if regular(bar)]
    assert len(inside) == 6 * 390
    assert differences(made.bars["1m"], inside[:-1]) == []
    days = {
        text(bar.start_ns)[:10]: bar
        for bar in lean_bars(vendor_data / "lean" / "equity" / "usa" / "daily" / "spy.zip", "trade")
    }
    forming = made.forming["1d"]
    assert forming is not None
    odd = {}
    for bar in [*made.bars["1d"], forming]:
        assert (bar.end_ns - bar.start_ns) == 390 * MINUTE_NS
        theirs = days[str(bar.trading_day)]
        mine = (bar.open, bar.high, bar.low, bar.close)
        if mine != theirs[1:5]:
            odd[str(bar.trading_day)] = (mine, theirs[1:5])
    assert len(made.bars["1d"]) == 5
    # The low of 8 October is a minute's of the vendor's own, which its day leaves out.
    assert odd == {"2013-10-08": ((167.45, 167.62, 165.36, 165.48), (167.45, 167.62, 165.37, 165.48))}


def test_spy_hours_count_from_the_open(vendor_data: Path) -> None:
    """Seven 1h bars a day at half past, the last of 30 minutes; two 4h bars, the second of 2h30."""
    made = run(vendor_data / "lean" / "equity" / "usa" / "minute" / "spy", calendar="us_equities")
    hours = [bar for bar in made.bars["1h"] if str(bar.trading_day) == "2013-10-04"]
    assert [text(bar.start_ns)[11:16] for bar in hours] == [
        "13:30",
        "14:30",
        "15:30",
        "16:30",
        "17:30",
        "18:30",
        "19:30",
    ]
    assert {bar.end_ns - bar.start_ns for bar in hours[:-1]} == {HOUR_NS}
    assert hours[-1].end_ns - hours[-1].start_ns == HOUR_NS // 2
    fours = [bar for bar in made.bars["4h"] if str(bar.trading_day) == "2013-10-04"]
    assert [(bar.end_ns - bar.start_ns) // MINUTE_NS for bar in fours] == [240, 150]


def check_days(path: Path, daily: Path, side: str, zone: str, calendar: object, events: int | None = None) -> int:
    """Assert that hours of *path* make the days of *daily*, and return how many."""
    made = run(path, timeframes=["1h", "1d"], calendar=calendar, price=side, events=events)
    assert (made.rejected, made.malformed) == ({}, 0)
    hours = lean_bars(path, side, zone=zone)
    assert differences(made.bars["1h"], hours[: len(made.bars["1h"])]) == []
    days = lean_bars(daily, side, zone=zone)
    assert differences(made.bars["1d"], days[: len(made.bars["1d"])]) == []
    forming = made.forming["1d"]
    assert forming is not None
    if events is None:
        assert differences([forming], days[-1:]) == []
    return len(made.bars["1d"]) + 1


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_year_of_fxcm_hours_makes_its_days(vendor_data: Path, side: str) -> None:
    """By a calendar whose midnight is that of UTC-5 all year; Sundays are short days of their own."""
    folder = vendor_data / "lean" / "forex" / "fxcm"
    count = check_days(folder / "hour/nzdusd.zip", folder / "daily/nzdusd.zip", side, FIXED, FIXED_DAYS, 20_000)
    assert count > 200


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_year_of_oanda_hours_makes_its_days(vendor_data: Path, side: str) -> None:
    """By UTC midnight, with a short Sunday."""
    folder = vendor_data / "lean" / "forex" / "oanda"
    count = check_days(folder / "hour/eurusd.zip", folder / "daily/eurusd.zip", side, "UTC", "crypto", 20_000)
    assert count > 200


@whole
@pytest.mark.parametrize("side", ["bid", "ask"])
@pytest.mark.parametrize(
    ("market", "pair", "zone", "count"), [("fxcm", "nzdusd", FIXED, 3_487), ("oanda", "eurusd", "UTC", 3_738)]
)
def test_all_hours_make_all_days(vendor_data: Path, market: str, pair: str, zone: str, count: int, side: str) -> None:
    """Eleven years of FXCM, twelve of OANDA: every daily bar of Lean's."""
    folder = vendor_data / "lean" / "forex" / market
    calendar = FIXED_DAYS if market == "fxcm" else "crypto"
    assert check_days(folder / f"hour/{pair}.zip", folder / f"daily/{pair}.zip", side, zone, calendar) == count


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_fxcm_minutes_make_its_hours(vendor_data: Path, side: str) -> None:
    """Six days of May 2014 in minutes, the Sunday from two hours before the nominal open on."""
    folder = vendor_data / "lean" / "forex" / "fxcm"
    made = run(folder / "minute/nzdusd", price=side, timeframes=["1m", "1h"], closed="keep", events=16_000)
    hours = {bar.start_ns: bar for bar in lean_bars(folder / "hour/nzdusd.zip", side, zone=FIXED)}
    ours = made.bars["1h"]
    assert len(ours) > 50
    assert differences(ours, [hours[bar.start_ns] for bar in ours]) == []


def test_oanda_hours_open_where_the_last_closed(vendor_data: Path) -> None:
    """The vendor's own rule: an hour's open is the close before it, so of minutes made into hours only closes agree."""
    folder = vendor_data / "lean" / "forex" / "oanda"
    made = run(folder / "minute/eurusd", price="bid", timeframes=["1m", "1h"], events=16_000)
    hours = lean_bars(folder / "hour/eurusd.zip", "bid")
    theirs = {bar.start_ns: bar for bar in hours}
    before = {bar.start_ns: previous for previous, bar in itertools.pairwise(hours)}
    ours = made.bars["1h"]
    assert len(ours) > 50
    assert [bar.close for bar in ours] == [theirs[bar.start_ns].close for bar in ours]
    for bar in ours:
        vendor, opened = theirs[bar.start_ns], before[bar.start_ns].close
        assert vendor.open == opened
        assert (vendor.high, vendor.low) == (max(bar.high, opened), min(bar.low, opened))


def test_days_cut_at_utc_midnight_are_not_fx_days(vendor_data: Path) -> None:
    """What the vendor calls Sunday is the first hours of fx's Monday: five fx days a week, where it has six."""
    folder = vendor_data / "lean" / "forex" / "oanda"
    made = run(folder / "hour/eurusd.zip", timeframes=["1h", "1d"], price="bid", events=4 * 24 * 30)
    weekdays = {bar.trading_day.weekday() for bar in made.bars["1d"] if bar.trading_day}
    assert weekdays <= {0, 1, 2, 3, 4}
    grid = Grid(NEW_YORK, 17)
    assert all(grid.day(bar.start_ns) == (bar.start_ns, bar.end_ns) for bar in made.bars["1d"])
