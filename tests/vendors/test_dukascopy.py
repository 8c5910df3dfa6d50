"""Dukascopy's ticks, binary and CSV, to bars: equal to its own candles, but for those that it invented."""

from __future__ import annotations

import csv
import datetime
import gzip
import math
import shutil
from pathlib import Path

import pytest

import mtf
from tests.vendors.expected import (
    DAY_NS,
    HOUR_NS,
    NY_CLOSE,
    UTC_MIDNIGHT,
    VendorBar,
    candles,
    differences,
    gap_free,
    grid_differences,
    local_ns,
    merged,
    minutes_of,
    records,
    text,
)
from tests.vendors.runs import Made, run, whole

FEBRUARY = "EURUSD/2019/01"  # months count from zero
MONDAY = datetime.datetime(2019, 2, 4, tzinfo=datetime.UTC)


def hourly_ticks(folder: Path, start: datetime.datetime, points: float) -> list[tuple[int, float, float, float, float]]:
    """Return (time, bid, ask, bid volume, ask volume) of the files of a day."""
    made = []
    for hour in range(24):
        start_ns = local_ns(start) + hour * HOUR_NS
        path = folder / f"{hour:02}h_ticks.bi5"
        for ms, ask, bid, ask_volume, bid_volume in records(path, ">IIIff") if path.exists() else ():
            made.append((start_ns + ms * 1_000_000, bid / points, ask / points, bid_volume, ask_volume))
    return made


def volumes_differ(made: Made, timeframe: str, expected: list[VendorBar]) -> list[str]:
    """Return where the volume is not the candle's, which has 24 bits of it and was added up in an order of its own."""
    theirs = {bar.start_ns: bar.volume for bar in expected}
    return [
        f"{text(bar.start_ns)} {bar.volume} {theirs[bar.start_ns]}"
        for bar in made.bars[timeframe]
        if abs(bar.volume - theirs[bar.start_ns]) > 2e-6 * theirs[bar.start_ns]
    ]


def cadjpy_minutes(data: Path) -> list[VendorBar]:
    """Return the vendor's minutes: of the mid, with five decimals."""
    made = []
    with gzip.open(data / "dukascopy_csv" / "cadjpy_m1.csv.gz", "rt", encoding="ascii", newline="") as file:
        for row in csv.reader(file):
            moment = datetime.datetime.strptime(f"{row[0]} {row[1]}", "%Y.%m.%d %H:%M").replace(tzinfo=datetime.UTC)
            made.append(VendorBar(local_ns(moment), *(float(price) for price in row[2:6]), float(row[6])))  # type: ignore[call-arg]
    return made


def check_minutes(made: Made, minutes: list[VendorBar]) -> None:
    assert differences(made.bars["1m"], minutes[: len(made.bars["1m"])], volume=False) == []
    assert volumes_differ(made, "1m", minutes) == []


def test_hours_of_ticks_equal_the_minute_candles(vendor_data: Path) -> None:
    """The first 40,000 ticks of a Monday: bid prices exact, volumes the sums of the bid's."""
    folder = vendor_data / "dukascopy_bi5" / FEBRUARY
    made = run(folder / "04", format="dukascopy-bi5", events=20_000, price="bid")
    minutes = candles(folder / "04" / "BID_candles_min_1.bi5", MONDAY)
    assert len(made.bars["1m"]) > 150
    check_minutes(made, minutes)
    assert grid_differences(made.bars, NY_CLOSE) == []


@whole
def test_two_days_of_ticks_equal_minute_hour_and_day_candles(vendor_data: Path) -> None:
    """266,219 ticks: 2,880 minutes, 48 hours and two UTC days, prices and volumes; the last of each forms."""
    folder = vendor_data / "dukascopy_bi5" / FEBRUARY
    made = run(folder, format="dukascopy-bi5", price="bid", calendar="crypto")
    assert (made.events, made.rejected) == (266_219, {})
    minutes = candles(folder / "04" / "BID_candles_min_1.bi5", MONDAY)
    minutes += candles(folder / "05" / "BID_candles_min_1.bi5", MONDAY + datetime.timedelta(days=1))
    assert (len(minutes), len(made.bars["1m"])) == (2_880, 2_879)
    check_minutes(made, minutes)
    hours = candles(folder / "BID_candles_hour_1.bi5", datetime.datetime(2019, 2, 1, tzinfo=datetime.UTC))
    days = candles(folder.parent / "BID_candles_day_1.bi5", datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC))
    for timeframe, theirs, count in (("1h", hours, 47), ("1d", days, 1)):
        wanted = {bar.start_ns for bar in made.bars[timeframe]}
        assert len(wanted) == count
        assert differences(made.bars[timeframe], [b for b in theirs if b.start_ns in wanted], volume=False) == []
        assert volumes_differ(made, timeframe, theirs) == []
        forming = made.forming[timeframe]
        assert forming is not None
        assert differences([forming], [b for b in theirs if b.start_ns == forming.start_ns], volume=False) == []
    assert grid_differences(made.bars, UTC_MIDNIGHT) == []


def test_hour_candles_of_weekends_are_phantoms(vendor_data: Path) -> None:
    """192 of 672 hours are flat with volume 0, and just those lie in closed hours of fx: as input they are rejected."""
    path = vendor_data / "dukascopy_bi5" / FEBRUARY / "BID_candles_hour_1.bi5"
    hours = candles(path, datetime.datetime(2019, 2, 1, tzinfo=datetime.UTC))
    flat = [bar for bar in hours if bar.volume == 0.0 and bar.open == bar.high == bar.low == bar.close]
    assert (len(hours), len(flat)) == (672, 192)
    fx = mtf.calendars.get("fx")
    assert [bar.start_ns for bar in flat] == [bar.start_ns for bar in hours if not fx.span_at(bar.start_ns).open]
    made = run(path, timeframes=["1h", "4h", "1d"], price="bid")
    assert (made.events, made.rejected) == (4 * 672, {"closed": 192})
    real = [bar for bar in hours if bar not in flat]
    assert differences(made.bars["1h"], real[:-1]) == []
    assert grid_differences(made.bars, NY_CLOSE) == []
    gaps = [bar for bar in made.bars["1h"] if bar.gap is not None]
    assert [(text(bar.start_ns), bar.gap and bar.gap.closed_ns) for bar in gaps] == [
        ("2019-02-03 22:00:00", 48 * HOUR_NS),
        ("2019-02-10 22:00:00", 48 * HOUR_NS),
        ("2019-02-17 22:00:00", 48 * HOUR_NS),
        ("2019-02-24 22:00:00", 48 * HOUR_NS),
    ]


def test_day_candles_of_saturdays_are_phantoms(vendor_data: Path) -> None:
    """52 of 365 days are flat with volume 0, each a Saturday; ours of the hours have no Saturday at all."""
    days = candles(
        vendor_data / "dukascopy_bi5" / "EURUSD/2019" / "BID_candles_day_1.bi5",
        datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC),
    )
    flat = [bar for bar in days if bar.volume == 0.0 and bar.open == bar.high == bar.low == bar.close]
    assert (len(days), len(flat)) == (365, 52)
    assert {(bar.start_ns // DAY_NS + 3) % 7 for bar in flat} == {5}
    calendar = mtf.calendars.WeeklyCalendar(
        name="utc days", zone="UTC", day_close="00:00", hours=["Sun 22:00 - Fri 22:00"]
    )
    hours = vendor_data / "dukascopy_bi5" / FEBRUARY / "BID_candles_hour_1.bi5"
    made = run(hours, timeframes=["1h", "1d"], calendar=calendar, price="bid")
    ours = merged(made.bars["1d"], lambda ts_ns: ts_ns - ts_ns % DAY_NS)  # a Sunday of ours starts at 22:00
    february = [bar for bar in days if bar not in flat and ours[0].start_ns <= bar.start_ns <= ours[-1].start_ns]
    assert len(ours) == len(february) == 23
    assert differences(ours, february, volume=False) == []


def test_gbpjpy_weekend_has_no_bars(vendor_data: Path, tmp_path: Path) -> None:
    """From Friday 21:59:59.988 to Sunday 22:00:16.632 nothing traded: the gap is on the next bar, 48 hours closed."""
    folder = vendor_data / "dukascopy_bi5" / "GBPJPY/2012/11"
    around = tmp_path / "GBPJPY/2012/11"
    shutil.copytree(folder / "08", around / "08")  # Saturday: 24 empty files
    for name in ("07/20h", "07/21h", "09/22h", "09/23h"):
        target = around / f"{name}_ticks.bi5"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / f"{name}_ticks.bi5", target)
    made = run(around, format="dukascopy-bi5", price="bid")
    ticks = [
        tick
        for day in (7, 8, 9)
        for tick in hourly_ticks(around / f"{day:02}", datetime.datetime(2012, 12, day, tzinfo=datetime.UTC), 1e3)
    ]
    minutes = minutes_of((ts_ns, bid, volume) for ts_ns, bid, _, volume, _ in ticks)
    assert differences(made.bars["1m"], minutes[:-1]) == []
    saturday = local_ns(datetime.datetime(2012, 12, 8, tzinfo=datetime.UTC))
    first = next(bar for bar in made.bars["1m"] if bar.start_ns >= saturday)
    assert text(first.start_ns) == "2012-12-09 22:00:00"
    assert first.gap == mtf.Gap(closed_ns=48 * HOUR_NS)
    assert [str(bar.trading_day) for bar in made.bars["1d"]] == ["2012-12-07"]
    assert grid_differences(made.bars, NY_CLOSE) == []


@whole
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_gbpjpy_whole_equals_its_ticks(vendor_data: Path, side: str) -> None:
    """112,785 ticks of Friday to Monday by an independent reader, both sides with their volumes."""
    folder = vendor_data / "dukascopy_bi5" / "GBPJPY/2012/11"
    made = run(folder, format="dukascopy-bi5", price=side)
    assert (made.events, made.rejected) == (112_785, {})
    ticks = [
        tick
        for day in (7, 8, 9, 10)
        for tick in hourly_ticks(folder / f"{day:02}", datetime.datetime(2012, 12, day, tzinfo=datetime.UTC), 1e3)
    ]
    at = 1 if side == "bid" else 2
    minutes = minutes_of((tick[0], tick[at], tick[at + 2]) for tick in ticks)
    assert differences(made.bars["1m"], minutes[:-1]) == []
    assert grid_differences(made.bars, NY_CLOSE) == []
    assert all(gap_free(bars) for bars in made.bars.values())


def test_cadjpy_csv_mid_equals_the_vendors_minutes(vendor_data: Path) -> None:
    """52,948 ticks, ask before bid, days first: mid bars to the vendor's last digit, all 1,440 minutes of the day."""
    folder = vendor_data / "dukascopy_csv"
    made = run(folder / "CADJPY_tick.csv.gz", format="dukascopy-csv", symbol="CADJPY", price="mid")
    assert (made.events, made.rejected, made.malformed) == (52_948, {}, 0)
    minutes = cadjpy_minutes(vendor_data)
    assert (len(minutes), len(made.bars["1m"])) == (1_440, 1_439)
    ours = [VendorBar(bar.start_ns, *(round(price, 5) for price in prices(bar)), 0.0) for bar in made.bars["1m"]]  # type: ignore[call-arg]
    assert differences(ours, minutes[:-1], volume=False) == []
    forming = made.forming["1m"]
    assert forming is not None
    assert tuple(round(price, 5) for price in prices(forming)) == minutes[-1][1:5]
    sizes: dict[int, list[float]] = {}
    with gzip.open(folder / "CADJPY_tick.csv.gz", "rt", encoding="ascii", newline="") as file:
        for tick in csv.DictReader(file):
            minute = datetime.datetime.strptime(tick["Time"][:16], "%d.%m.%Y %H:%M").replace(tzinfo=datetime.UTC)
            start_ns = local_ns(minute)
            sizes.setdefault(start_ns, []).append(float(tick["BidVolume"]) + float(tick["AskVolume"]))
    assert [bar.volume for bar in made.bars["1m"]] == [math.fsum(sizes[bar.start_ns]) for bar in made.bars["1m"]]
    assert grid_differences(made.bars, NY_CLOSE) == []


def prices(bar: mtf.Bar) -> tuple[float, float, float, float]:
    return bar.open, bar.high, bar.low, bar.close
