"""OANDA's candles, step by step: those of one length as input give those of the next, time, prices and volume.

Its days and 4h bars count from 17:00 in New York through every clock change, as ours do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest

import mtf.calendars
from tests.vendors.expected import NY_CLOSE, VendorBar, differences, oanda_bars, text
from tests.vendors.runs import run, whole

PAIRS = ("EUR_USD", pytest.param("USD_JPY", marks=whole), pytest.param("AUD_USD", marks=whole))
NAMES = {"M1": "1m", "M5": "5m", "M30": "30m", "H1": "1h", "H4": "4h", "D": "1d"}
CHAIN = [*itertools.pairwise(NAMES), ("H1", "D"), ("M1", "H4"), ("M1", "D")]
FX = mtf.calendars.get("fx")


def changes(bars: Iterable[VendorBar]) -> int:
    """Return how many times the offset of New York changed within *bars*."""
    hours = [NY_CLOSE.day(bar.start_ns)[0] % (24 * 3600 * 10**9) for bar in bars]
    return sum(before != after for before, after in itertools.pairwise(hours))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("lower", "higher"), CHAIN)
def test_candles_of_one_length_make_those_of_the_next(vendor_data: Path, pair: str, lower: str, higher: str) -> None:
    """5,000 candles in, and each bar that was seen from its start is the vendor's own; the last one forms."""
    folder = vendor_data / "bars_oanda_v20"
    path = folder / f"{pair}_{lower}.csv.gz"
    source = oanda_bars(path)
    assert len(source) == 5_000
    made = run(path, timeframes=[NAMES[lower], NAMES[higher]], closed="keep")
    assert (made.events, made.rejected, made.malformed) == (20_000, {}, 0)
    assert differences(made.bars[NAMES[lower]], source[:-1]) == []
    ours = made.bars[NAMES[higher]]
    assert [bar.first for bar in ours] == [True, *[False] * (len(ours) - 1)][: len(ours)]
    theirs = {bar.start_ns: bar for bar in oanda_bars(folder / f"{pair}_{higher}.csv.gz")}
    seen = ours[1:]  # the first began before the file did, or may have
    assert differences(seen, [theirs[bar.start_ns] for bar in seen]) == []
    between = [start_ns for start_ns in theirs if seen and seen[0].start_ns <= start_ns <= seen[-1].start_ns]
    assert len(between) == len(seen)
    assert sum(bar.ticks for bar in ours) + (forming.ticks if (forming := made.forming[NAMES[higher]]) else 0) == 20_000


@pytest.mark.parametrize(("lower", "count"), [("H1", 1), ("H4", 6), ("D", 33)])
def test_the_files_cross_clock_changes(vendor_data: Path, lower: str, count: int) -> None:
    """What the chain shows holds through the changes of 2020, of 2017 to 2020, and of 2004 to 2020."""
    assert changes(oanda_bars(vendor_data / "bars_oanda_v20" / f"EUR_USD_{lower}.csv.gz")) == count


@pytest.mark.parametrize(
    ("pair", "closed"),
    [("EUR_USD", 3), pytest.param("USD_JPY", 19, marks=whole), pytest.param("AUD_USD", 2, marks=whole)],
)
def test_4h_candles_in_closed_hours_are_absent_and_counted(vendor_data: Path, pair: str, closed: int) -> None:
    """A tick stamped at Friday's very close made a candle of the weekend; rejected by default, and a day of its own."""
    path = vendor_data / "bars_oanda_v20" / f"{pair}_H4.csv.gz"
    source = oanda_bars(path)
    shut = [bar for bar in source if not FX.span_at(bar.start_ns).open]
    assert len(shut) == closed
    assert {text(bar.start_ns)[11:] for bar in shut} <= {"21:00:00", "22:00:00"}
    made = run(path, timeframes=["4h", "1d"])
    assert made.rejected == {"closed": closed}
    assert differences(made.bars["4h"], [bar for bar in source[:-1] if bar not in shut]) == []
    kept = run(path, timeframes=["4h", "1d"], closed="keep")
    assert differences([bar for bar in kept.bars["4h"] if bar.off_session], shut) == []
    assert differences([bar for bar in kept.bars["1d"] if bar.off_session], shut) == []
    open_days = [bar for bar in kept.bars["1d"] if not bar.off_session]
    assert differences(open_days, made.bars["1d"]) == []


@pytest.mark.parametrize(
    ("pair", "weekend"),
    [("EUR_USD", 711), pytest.param("USD_JPY", 718, marks=whole), pytest.param("AUD_USD", 673, marks=whole)],
)
def test_daily_candles_of_weekends_are_absent_and_counted(vendor_data: Path, pair: str, weekend: int) -> None:
    """Until 2013 the vendor made days of weekend indications; ours come back as they went in, each with its date."""
    path = vendor_data / "bars_oanda_v20" / f"{pair}_D.csv.gz"
    source = oanda_bars(path)
    shut = [bar for bar in source if not FX.span_at(bar.start_ns).open]
    assert len(shut) == weekend
    made = run(path, timeframes=["1d", "1w"])
    assert made.rejected == {"closed": weekend}
    assert differences(made.bars["1d"], [bar for bar in source[:-1] if bar not in shut]) == []
    assert {bar.trading_day.weekday() for bar in made.bars["1d"] if bar.trading_day} == {0, 1, 2, 3, 4}
    kept = run(path, timeframes=["1d", "1w"], closed="keep")
    assert differences(kept.bars["1d"], source[:-1]) == []
    assert differences([bar for bar in kept.bars["1d"] if bar.off_session], shut) == []
    # A week is its trading days: what is off session is not in it, kept or not.
    assert differences([bar for bar in kept.bars["1w"] if not bar.off_session], made.bars["1w"]) == []


@pytest.mark.parametrize("pair", PAIRS)
def test_minutes_without_ticks_have_no_bar(vendor_data: Path, pair: str) -> None:
    """The vendor leaves them out too: a bar after one says how long the silence was."""
    path = vendor_data / "bars_oanda_v20" / f"{pair}_M1.csv.gz"
    source = oanda_bars(path)
    made = run(path)
    silent = {bar.start_ns: bar.gap.silence_ns for bar in made.bars["1m"] if bar.gap is not None}
    minute = 60 * 10**9
    missing = {
        after.start_ns: after.start_ns - before.start_ns - minute
        for before, after in itertools.pairwise(source[:-1])
        if after.start_ns - before.start_ns > minute
    }
    assert silent == missing
    if pair == "EUR_USD":
        assert (sum(missing.values()) // minute, max(missing.values()) // minute) == (157, 21)
