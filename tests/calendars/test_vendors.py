"""Calendars against the bars of vendors, who never saw them: each bar must start where a day, or a bar of it, does."""

from __future__ import annotations

import csv
import datetime
import gzip
import zipfile
import zoneinfo
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtf.calendars
from mtf.calendars import CLOSED, OPEN, WeeklyCalendar
from mtf.calendars.grid import bar_bounds
from tests.calendars.builders import HOUR_NS, SECOND_NS, text, utc

FX = mtf.calendars.get("fx")
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
ATHENS = zoneinfo.ZoneInfo("Europe/Athens")
PAIRS = ("EUR_USD", "USD_JPY", "AUD_USD")


def column(path: Path, name: str) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row[name]


def oanda(data: Path, pair: str, timeframe: str) -> list[int]:
    """Return the opens of the bars of a pair, in nanoseconds; the file says 2004-02-26T22:00:00.000000000Z."""
    stamps = column(data / "bars_oanda_v20" / f"{pair}_{timeframe}.csv.gz", "time")
    return [utc(stamp.removesuffix("Z").replace("T", " ")) for stamp in stamps]


def server_clock(data: Path, timeframe: str) -> list[datetime.datetime]:
    """Return the opens of GBPUSD bars as the broker's clock, which is that of Athens, shows them."""
    stamps = column(data / "bars_mt5_eet" / f"GBPUSD{timeframe}.csv.gz", "Date")
    return [datetime.datetime.fromisoformat(stamp) for stamp in stamps]


def metatrader() -> WeeklyCalendar:
    return WeeklyCalendar(name="eet", zone="Europe/Athens", day_close="00:00", hours=["Mon 00:00 - Fri 24:00"])


@pytest.mark.parametrize(("pair", "weekend"), [("EUR_USD", 711), ("USD_JPY", 718), ("AUD_USD", 673)])
def test_oanda_daily_bars_are_the_days_of_fx(vendor_data: Path, pair: str, weekend: int) -> None:
    """5,000 daily bars over 33 clock changes: each opens with a day; those of weekends are the off-session ones.

    Until about 2013 the vendor made bars of weekend indications; since then, of a tick stamped at Friday's very close.
    """
    opens = oanda(vendor_data, pair, "D")
    assert len(opens) == 5_000
    off = Counter[int]()
    for ts_ns in opens:
        day = FX.day_at(ts_ns)
        assert day.start_ns == ts_ns, text(ts_ns)
        off[day.date.weekday()] += day.off_session
        assert day.off_session == (day.date.weekday() >= 5)
    assert off.total() == weekend


@pytest.mark.parametrize(("pair", "closed"), [("EUR_USD", 3), ("USD_JPY", 19), ("AUD_USD", 2)])
def test_oanda_4h_bars_are_those_of_the_day(vendor_data: Path, pair: str, closed: int) -> None:
    """5,000 4h bars over six clock changes open at 17, 21, 01, 05, 09 and 13 in New York, as ours do.

    The few in closed hours are of a tick stamped at Friday's very close, which is the weekend's first instant.
    """
    hours = Counter[int]()
    off = 0
    for ts_ns in oanda(vendor_data, pair, "H4"):
        span = FX.span_at(ts_ns)
        assert bar_bounds(span.day, ts_ns, 4 * HOUR_NS) == (ts_ns, ts_ns + 4 * HOUR_NS), text(ts_ns)
        local = datetime.datetime.fromtimestamp(ts_ns // SECOND_NS, NEW_YORK)
        hours[local.hour] += 1
        if not span.open:
            assert (local.weekday(), local.hour) == (4, 17), text(ts_ns)
            off += 1
    assert set(hours) == {17, 21, 1, 5, 9, 13}
    assert off == closed


@pytest.mark.parametrize("timeframe", ["M1", "M5", "M30", "H1"])
@pytest.mark.parametrize("pair", PAIRS)
def test_oanda_intraday_bars_lie_in_open_hours(vendor_data: Path, pair: str, timeframe: str) -> None:
    """No bar of recent years opens while fx is closed."""
    for ts_ns in oanda(vendor_data, pair, timeframe):
        assert FX.span_at(ts_ns).open, text(ts_ns)


def test_metatrader_daily_bars_are_the_days_of_athens(vendor_data: Path) -> None:
    """A broker's own day, midnight to midnight in Athens, by a calendar of one line."""
    eet = metatrader()
    stamps = server_clock(vendor_data, "d1")
    assert len(stamps) == 2_400
    for stamp in stamps:
        day = eet.day_at(int(stamp.replace(tzinfo=ATHENS).timestamp()) * SECOND_NS)
        assert (day.date, day.off_session) == (stamp.date(), False)
        assert day.start_ns == int(stamp.replace(tzinfo=ATHENS).timestamp()) * SECOND_NS


@pytest.mark.parametrize(("timeframe", "hours", "count"), [("h4", 4, 14_400), ("h1", 1, 57_600)])
def test_metatrader_intraday_bars_are_those_of_the_day(
    vendor_data: Path, timeframe: str, hours: int, count: int
) -> None:
    """Every one of them, over eighteen American clock changes and as many European ones."""
    eet = metatrader()
    stamps = server_clock(vendor_data, timeframe)
    assert len(stamps) == count
    for stamp in stamps:
        ts_ns = int(stamp.replace(tzinfo=ATHENS).timestamp()) * SECOND_NS
        span = eet.span_at(ts_ns)
        assert span.open, str(stamp)
        assert bar_bounds(span.day, ts_ns, hours * HOUR_NS) == (ts_ns, ts_ns + hours * HOUR_NS), str(stamp)


def test_spy_traded_on_the_trading_days_of_us_equities(vendor_data: Path) -> None:
    """From 1998 to March 2021: every date of the file, and no other."""
    with zipfile.ZipFile(vendor_data / "lean" / "equity" / "usa" / "daily" / "spy.zip") as archive:
        rows = archive.read(archive.namelist()[0]).decode("ascii").splitlines()
    dates = [datetime.date.fromisoformat(row[:8]) for row in rows]
    assert len(dates) == 5_849
    equities = mtf.calendars.get("us_equities")
    days = equities.days(utc("1998-01-01 00:00"), utc("2021-04-01 00:00"))
    assert [day.date for day in days if not day.off_session] == dates


def test_oanda_ticks_end_and_begin_with_the_week(vendor_data: Path) -> None:
    """The last tick of Friday 2014-05-02 and the first of Sunday 2014-05-04 are inside, the hours between are not."""
    folder = vendor_data / "lean" / "forex" / "oanda" / "tick" / "eurusd"
    ends = {}
    for name in ("20140502", "20140504"):
        with zipfile.ZipFile(folder / f"{name}_quote.zip") as archive:
            rows = archive.read(archive.namelist()[0]).decode("ascii").splitlines()
        ends[name] = [int(row.partition(",")[0]) * 1_000_000 for row in (rows[0], rows[-1])]
    friday = utc("2014-05-02 00:00") + ends["20140502"][1]
    sunday = utc("2014-05-04 00:00") + ends["20140504"][0]
    assert (friday, sunday) == (utc("2014-05-02 20:59:58.557"), utc("2014-05-04 21:00:00.462"))
    assert (FX.span_at(friday).state, FX.span_at(sunday).state) == (OPEN, OPEN)
    assert (FX.span_at(friday + 2 * SECOND_NS).state, FX.span_at(sunday - SECOND_NS).state) == (CLOSED, CLOSED)
