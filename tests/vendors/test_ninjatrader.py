"""NinjaTrader's SPY minutes, stamped at their close: each bar of ours starts a minute before its stamp."""

from __future__ import annotations

import datetime
import gzip
from pathlib import Path

from mtf.calendars import WeeklyCalendar
from tests.vendors.expected import MINUTE_NS, VendorBar, differences, local_ns, text
from tests.vendors.runs import run

EXTENDED = WeeklyCalendar(
    name="extended",
    zone="America/New_York",
    day_close="20:00",
    hours=["Mon-Fri 04:00-20:00"],
    holidays=[datetime.date(2011, 1, 17)],
)
FILE = "ninjatrader/nt-spy-minute-2011.csv.gz"


def closing_bars(data: Path) -> list[VendorBar]:
    made = []
    with gzip.open(data / FILE, "rt", encoding="ascii") as file:
        for line in file:
            stamp, *numbers = line.strip().split(";")
            closed_ns = local_ns(datetime.datetime.strptime(stamp, "%Y%m%d %H%M%S").replace(tzinfo=datetime.UTC))
            made.append(VendorBar(closed_ns - MINUTE_NS, *map(float, numbers)))
    return made


def test_a_stamp_at_the_close_is_the_end_of_the_bar(vendor_data: Path) -> None:
    """14,180 minutes of January 2011 with extended hours: the same bars, each a minute before its stamp."""
    source = closing_bars(vendor_data)
    made = run(vendor_data / FILE, calendar=EXTENDED)
    assert (len(source), made.events, made.rejected) == (14_180, 56_720, {})
    assert differences(made.bars["1m"], source[:-1]) == []
    assert text(made.bars["1m"][0].end_ns) == "2011-01-03 09:01:00"
