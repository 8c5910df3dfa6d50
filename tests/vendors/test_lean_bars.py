"""Lean's bars as input: SPY minutes to days of the exchange, FXCM and OANDA hours to days on two other midnights."""

from __future__ import annotations

import datetime
import itertools
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import mtf
from mtf.calendars import WeeklyCalendar
from mtf.errors import StraddlingBar
from tests.vendors.expected import HOUR_NS, MINUTE_NS, Grid, VendorBar, differences, lean_bars, merged, text
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
    assert made.rejected == {"closed": len(outside)}
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


def test_spy_days_are_the_exchanges_days(vendor_data: Path) -> None:
    """23 years of daily rows under the exchange's calendar: each is its date's day; weeks and months are of them."""
    path = vendor_data / "lean" / "equity" / "usa" / "daily" / "spy.zip"
    made = run(path, timeframes=["1d", "1w", "1mo"], calendar="us_equities")
    assert (made.rejected, made.malformed, made.events) == ({}, 0, 4 * 5_849)
    days = {text(bar.start_ns)[:10]: tuple(bar)[1:] for bar in lean_bars(path, "trade")}
    ours = {name: [*bars, made.forming[name]] for name, bars in made.bars.items()}
    assert {str(bar.trading_day): told(bar) for bar in ours["1d"] if bar} == days
    for name, begins in (
        ("1w", lambda date: date - datetime.timedelta(days=date.weekday())),
        ("1mo", lambda date: date.replace(day=1)),
    ):
        dated = [VendorBar(datetime.date.fromisoformat(date).toordinal(), *day) for date, day in days.items()]
        want = merged(dated, lambda ordinal, begins=begins: begins(datetime.date.fromordinal(ordinal)).toordinal())  # type: ignore[misc]
        assert [told(bar) for bar in ours[name] if bar] == [tuple(bar)[1:] for bar in want]


def hourly(folder: Path, rows: list[tuple[str, VendorBar]]) -> Path:
    """Write *rows*, each with its stamp in New York, as Lean keeps hours."""
    path = folder / "equity" / "usa" / "hour" / "spy.zip"
    path.parent.mkdir(parents=True)
    lines = [
        ",".join([stamp, *(f"{price * 10_000:.0f}" for price in tuple(bar)[1:5]), f"{bar.volume:.0f}"])
        for stamp, bar in rows
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("spy.csv", "\n".join(lines))
    return path


def clock_hours(minutes: Iterable[VendorBar]) -> list[VendorBar]:
    """Return the hours of the clock that *minutes* make, as Lean has them: 9:00 holds what is from 9:30 on."""
    return merged(minutes, lambda ts_ns: ts_ns - ts_ns % HOUR_NS)


def stamped(hours: Iterable[VendorBar]) -> list[tuple[str, VendorBar]]:
    """Return each of *hours* with its stamp in New York."""
    zone = ZoneInfo(NEW_YORK)
    return [(f"{datetime.datetime.fromtimestamp(hour.start_ns // 10**9, zone):%Y%m%d %H:%M}", hour) for hour in hours]


def on_the_hour(data: Path) -> list[tuple[str, VendorBar]]:
    """Return the vendor's regular minutes as the hours that Lean makes, with their stamps."""
    return stamped(clock_hours(bar for bar in spy_minutes(data) if regular(bar)))


def test_spy_hours_on_the_hour_fit_the_anchor_utc(vendor_data: Path, tmp_path: Path) -> None:
    """The first of a day is clipped to the open at 09:30; the days are those of the minutes."""
    rows = on_the_hour(vendor_data)
    assert len(rows) == 6 * 7
    settings: dict[str, Any] = {"timeframes": ["1h", "1d"], "calendar": "us_equities", "anchor": "utc"}
    made = run(hourly(tmp_path, rows), **settings)
    assert (made.rejected, made.malformed) == ({}, 0)
    want = [
        bar._replace(start_ns=bar.start_ns + 30 * MINUTE_NS) if stamp.endswith("09:00") else bar for stamp, bar in rows
    ]
    forming = made.forming["1h"]
    assert forming is not None
    assert differences([*made.bars["1h"], forming], want) == []
    assert {bar.end_ns - bar.start_ns for bar in made.bars["1h"]} == {HOUR_NS, HOUR_NS // 2}
    minutes = run(vendor_data / "lean" / "equity" / "usa" / "minute" / "spy", **settings)
    assert differences(made.bars["1h"], minutes.bars["1h"]) == []
    assert differences(made.bars["1d"], minutes.bars["1d"]) == []
    assert len(made.bars["1d"]) == 5


def test_hours_after_a_half_day_are_closed(tmp_path: Path) -> None:
    """29 November 2013 ends at 13:00: the rows from then on are rejected, each once."""
    rows = [
        (f"20131129 {hour:02}:00", VendorBar(0, 180.0 + hour, 181.0 + hour, 179.0 + hour, 180.5 + hour, 100.0))
        for hour in range(9, 16)
    ]
    made = run(hourly(tmp_path, rows), timeframes=["1h", "1d"], calendar="us_equities", anchor="utc")
    assert made.rejected == {"closed": 3}
    day = made.forming["1d"]
    assert day is not None
    assert told(day) == (189.0, 193.0, 188.0, 192.5, 400.0)
    assert text(day.end_ns) == "2013-11-29 18:00:00"


def test_spy_hours_on_the_hour_straddle_hours_from_the_open(vendor_data: Path, tmp_path: Path) -> None:
    """09:00 to 10:00 has nothing before the open and fits; 10:00 to 11:00 lies in two."""
    path = hourly(tmp_path, on_the_hour(vendor_data))
    with pytest.raises(StraddlingBar, match=r"2013-10-04 14:00 to 2013-10-04 15:00 UTC .*--anchor utc"):
        run(path, timeframes=["1h", "1d"], calendar="us_equities")
    days = run(path, timeframes=["1d"], calendar="us_equities")
    assert (days.rejected, len(days.bars["1d"])) == ({}, 5)


def told(bar: mtf.Bar | mtf.PartialBar) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume


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
