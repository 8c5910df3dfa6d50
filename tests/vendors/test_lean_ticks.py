"""Lean's ticks of OANDA and FXCM to minutes: equal to Lean's own minute bars, bid and ask, value for value."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vendors.expected import (
    MINUTE_NS,
    NY_CLOSE,
    VendorBar,
    differences,
    grid_differences,
    lean_bars,
    lean_ticks,
    minutes_of,
    text,
)
from tests.vendors.runs import Made, run, whole

FIXED = "Etc/GMT+5"  # UTC-5 all year


def bars_of_days(folder: Path, days: tuple[str, ...], side: str, zone: str) -> list[VendorBar]:
    return [bar for day in days for bar in lean_bars(folder / f"{day}_quote.zip", side, zone=zone)]


def check(made: Made, minutes: list[VendorBar]) -> None:
    """Assert that *made* has *minutes*, the last of which forms, and in the other timeframes their merger."""
    assert differences(made.bars["1m"], minutes[:-1]) == []
    assert len(made.bars["1m"]) == len(minutes) - 1
    forming = made.forming["1m"]
    assert forming is not None
    assert differences([forming], minutes[-1:]) == []
    assert grid_differences(made.bars, NY_CLOSE) == []
    assert list(made.bars) == ["1m", "5m", "15m", "1h", "4h", "1d"]


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_oanda_weekend_equals_leans_minutes(vendor_data: Path, side: str) -> None:
    """Friday's last hours, two closed days, Sunday's first hours: a bar a minute that traded, and no other."""
    days = ("20140502", "20140504")
    folder = vendor_data / "lean" / "forex" / "oanda"
    made = run(folder / "tick" / "eurusd", pattern="2014050[24]_quote.zip", price=side)
    assert (made.events, made.rejected) == (50_505, {})
    check(made, bars_of_days(folder / "minute" / "eurusd", days, side, "UTC"))


@whole
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_oanda_week_equals_leans_minutes(vendor_data: Path, side: str) -> None:
    """All 273,925 ticks and 8,306 minutes of 1 to 8 May 2014."""
    days = ("20140501", "20140502", "20140504", "20140505", "20140506", "20140507", "20140508")
    folder = vendor_data / "lean" / "forex" / "oanda"
    made = run(folder / "tick" / "eurusd", price=side)
    assert (made.events, made.rejected, made.crossed) == (273_925, {}, 0)
    minutes = bars_of_days(folder / "minute" / "eurusd", days, side, "UTC")
    assert len(minutes) == 8_306
    check(made, minutes)


def test_oanda_mid_follows_from_both_sides(vendor_data: Path) -> None:
    """Open and close of a mid bar are the mids of the vendor's bid and ask; its high and low no mid can be beyond."""
    folder = vendor_data / "lean" / "forex" / "oanda"
    made = run(folder / "tick" / "eurusd" / "20140501_quote.zip", price="mid")
    minute = folder / "minute" / "eurusd" / "20140501_quote.zip"
    pairs = list(zip(lean_bars(minute, "bid"), lean_bars(minute, "ask"), strict=True))
    assert len(made.bars["1m"]) == len(pairs) - 1 == 1_362
    for bar, (bid, ask) in zip(made.bars["1m"], pairs, strict=False):
        assert bar.start_ns == bid.start_ns
        assert (bar.open, bar.close) == ((bid.open + ask.open) * 0.5, (bid.close + ask.close) * 0.5)
        assert (bid.low + ask.low) * 0.5 <= bar.low <= bar.high <= (bid.high + ask.high) * 0.5
    ticks = lean_ticks(folder / "tick" / "eurusd" / "20140501_quote.zip")
    mids = minutes_of((ts_ns, (bid + ask) * 0.5, 0.0) for ts_ns, bid, ask in ticks)
    check(made, mids)


def test_a_tick_on_the_minute_opens_it(vendor_data: Path) -> None:
    """The one tick of OANDA's week that is stamped on a whole minute is the open of the minute that it begins."""
    folder = vendor_data / "lean" / "forex" / "oanda"
    on_minute = [
        (ts_ns, bid)
        for path in sorted((folder / "tick" / "eurusd").glob("*_quote.zip"))
        for ts_ns, bid, _ in lean_ticks(path)
        if ts_ns % MINUTE_NS == 0
    ]
    assert [(text(ts_ns), bid) for ts_ns, bid in on_minute] == [("2014-05-01 01:51:00", 1.38691)]
    opens = {bar.start_ns: bar.open for bar in lean_bars(folder / "minute" / "eurusd" / "20140501_quote.zip", "bid")}
    assert opens[on_minute[0][0]] == 1.38691
    made = run(folder / "tick" / "eurusd" / "20140501_quote.zip", events=6_000, timeframes=["1m"], price="bid")
    assert [bar.open for bar in made.bars["1m"] if bar.start_ns == on_minute[0][0]] == [1.38691]


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_fxcm_sunday_equals_leans_minutes(vendor_data: Path, side: str) -> None:
    """Times in UTC-5 all year, two hours before the market opens, quotes that cross: kept, and the vendor's minutes."""
    folder = vendor_data / "lean" / "forex" / "fxcm"
    made = run(folder / "tick" / "nzdusd" / "20140504_quote.zip", price=side, closed="keep")
    assert made.rejected == {}
    check(made, lean_bars(folder / "minute" / "nzdusd" / "20140504_quote.zip", side, zone=FIXED))
    assert [bar.off_session for bar in made.bars["1d"]] == [True]
    assert sum(bar.off_session for bar in made.bars["1m"]) == 84


@whole
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_fxcm_days_equal_leans_minutes(vendor_data: Path, side: str) -> None:
    """All 338,963 ticks of 1 to 6 May 2014, 7,925 crossed and 5,163 locked quotes among them."""
    days = ("20140501", "20140502", "20140504", "20140505", "20140506")
    folder = vendor_data / "lean" / "forex" / "fxcm"
    made = run(folder / "tick" / "nzdusd", price=side, closed="keep")
    assert (made.events, made.rejected) == (338_963, {})
    assert (made.crossed, made.locked) == (7_925, 5_163)
    check(made, bars_of_days(folder / "minute" / "nzdusd", days, side, FIXED))


def test_fxcm_before_the_open_is_rejected_by_default(vendor_data: Path) -> None:
    """With closed="reject" the Sunday begins at 17:00 in New York, and what came before is counted."""
    folder = vendor_data / "lean" / "forex" / "fxcm"
    made = run(folder / "tick" / "nzdusd" / "20140504_quote.zip", price="bid")
    kept = run(folder / "tick" / "nzdusd" / "20140504_quote.zip", price="bid", closed="keep")
    minutes = lean_bars(folder / "minute" / "nzdusd" / "20140504_quote.zip", "bid", zone=FIXED)
    opening_ns = NY_CLOSE.day(minutes[-1].start_ns)[0]
    assert text(opening_ns) == "2014-05-04 21:00:00"
    early = [bar for bar in kept.bars["1m"] if bar.start_ns < opening_ns]
    assert made.rejected == {"closed": sum(bar.ticks for bar in early)}
    assert differences(made.bars["1m"], [bar for bar in minutes[:-1] if bar.start_ns >= opening_ns]) == []
