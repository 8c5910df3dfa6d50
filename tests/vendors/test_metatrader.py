"""A broker's GBPUSD on the clock of Athens, h1 to h4 to d1, by a calendar of the user's own."""

from __future__ import annotations

import csv
import datetime
import gzip
import itertools
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mtf.calendars import WeeklyCalendar
from tests.vendors.expected import HOUR_NS, NY_CLOSE, VendorBar, differences, local_ns, merged, text
from tests.vendors.runs import run, whole

ATHENS = ZoneInfo("Europe/Athens")
EET = WeeklyCalendar(name="eet", zone="Europe/Athens", day_close="00:00", hours=["Mon 00:00 - Fri 24:00"])
CHAIN = [("h1", "h4"), ("h4", "d1"), ("h1", "d1")]
OURS = {"h1": "1h", "h4": "4h", "d1": "1d"}


def server_bars(data: Path, timeframe: str) -> list[VendorBar]:
    """Return the bars of a file: points with the noise of a float, on the server's clock."""
    made = []
    with gzip.open(data / "bars_mt5_eet" / f"GBPUSD{timeframe}.csv.gz", "rt", encoding="ascii", newline="") as file:
        for row in csv.reader(file):
            if row[0] == "Date":
                continue
            points = [Decimal(price).quantize(Decimal(1), ROUND_HALF_EVEN) for price in row[1:5]]
            moment = datetime.datetime.fromisoformat(row[0])
            prices = (float(price.scaleb(-5)) for price in points)
            made.append(VendorBar(local_ns(moment, ATHENS), *prices, float(row[5])))  # type: ignore[call-arg]
    return made


def check(data: Path, lower: str, higher: str, events: int | None = None) -> int:
    """Assert that the bars of *lower* make those of *higher*, and return how many."""
    path = data / "bars_mt5_eet" / f"GBPUSD{lower}.csv.gz"
    made = run(path, timeframes=[OURS[lower], OURS[higher]], calendar=EET, events=events)
    assert (made.rejected, made.malformed) == ({}, 0)
    source = server_bars(data, lower)
    assert differences(made.bars[OURS[lower]], source[: len(made.bars[OURS[lower]])]) == []
    theirs = {bar.start_ns: bar for bar in server_bars(data, higher)}
    begun_ns = max(min(theirs), made.bars[OURS[higher]][1].start_ns)  # our first one began before its file did
    ours = [bar for bar in made.bars[OURS[higher]] if bar.start_ns >= begun_ns]
    assert differences(ours, [bar for bar in theirs.values() if begun_ns <= bar.start_ns <= ours[-1].start_ns]) == []
    assert not any(bar.off_session for bar in ours)
    return len(ours)


@pytest.mark.parametrize(("lower", "higher"), CHAIN)
def test_two_years_of_the_servers_bars_nest(vendor_data: Path, lower: str, higher: str) -> None:
    """The first 24,000 ticks of bars: with h1 a year and its two clock changes in Europe and in America."""
    assert check(vendor_data, lower, higher, events=24_000) > 200


@whole
@pytest.mark.parametrize(("lower", "higher", "count"), [("h1", "h4", 14_399), ("h4", "d1", 2_399), ("h1", "d1", 2_399)])
def test_all_of_the_servers_bars_nest(vendor_data: Path, lower: str, higher: str, count: int) -> None:
    """57,600 hours from 2012 to 2022: the vendor's h4 and d1, through eighteen clock changes."""
    assert check(vendor_data, lower, higher) == count


def test_the_new_york_close_is_another_day_in_the_gap_weeks(vendor_data: Path) -> None:
    """Where America has changed its clock and Europe not, server midnight is 18:00 in New York: fx days differ there.

    So days cut at 17:00 in New York are not the broker's in those weeks, and in all others are.
    """
    hours = server_bars(vendor_data, "h1")
    theirs = {bar.start_ns for bar in server_bars(vendor_data, "d1")}
    ours = [bar.start_ns for bar in merged(hours, lambda ts_ns: NY_CLOSE.start(ts_ns, "1d"))]
    odd = [start_ns for start_ns in ours if start_ns >= min(theirs) and start_ns not in theirs]
    # But for one Friday, whose last hour is beyond the close: a bar of the weekend where days are New York's.
    assert [text(start_ns) for start_ns in odd if start_ns + HOUR_NS not in theirs] == ["2018-03-16 21:00:00"]
    days = {datetime.datetime.fromtimestamp(start_ns // 10**9, ZoneInfo("America/New_York")).date() for start_ns in odd}
    months = {date.month for date in days}
    assert months == {3, 10, 11}


def test_the_server_has_no_bar_out_of_its_hours(vendor_data: Path) -> None:
    """Each of the 57,600 hours starts in an open one: the Sunday hour of the gap weeks is not in the file."""
    hours = server_bars(vendor_data, "h1")
    assert len(hours) == 57_600
    assert all(EET.span_at(bar.start_ns).open for bar in hours)
    assert all(before.start_ns < after.start_ns for before, after in itertools.pairwise(hours))
