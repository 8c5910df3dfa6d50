"""Bars by calendars with nights and auctions: the trading day, week and month that a market means, and the laws."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mtf
import mtf.calendars
from mtf.bars.bar import Bar
from mtf.bars.fill import fill
from mtf.calendars import Calendar, WeeklyCalendar
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from tests.bars.builders import line
from tests.builders import blocks
from tests.calendars.builders import HOUR_NS, SECOND_NS, utc
from tests.calendars.drawn import near_the_exceptions, nightly
from tests.cli.builders import json_of
from tests.cli.builders import mtf as command

MINUTE_NS: Final = HOUR_NS // 60
SHANGHAI: Final = "Asia/Shanghai"
SHFE: Final = """\
name = "shfe_au"
zone = "Asia/Shanghai"
day_close = "15:00"
hours = ["Mon-Fri 09:00-10:15", "Mon-Fri 10:30-11:30", "Mon-Fri 13:30-15:00"]
night = ["Mon-Fri 21:00-02:30"]
"""
GOLD: Final = """\
time,price,size,symbol
2024-05-31 09:00:01+08:00,100,1,au
2024-05-31 14:59:59+08:00,101,1,au
2024-05-31 21:00:01+08:00,110,1,au
2024-06-01 02:29:59+08:00,120,1,au
2024-06-03 09:00:01+08:00,90,1,au
2024-06-03 14:59:59+08:00,95,1,au
2024-06-03 21:00:01+08:00,97,1,au
2024-06-04 14:59:59+08:00,96,1,au
2024-06-04 21:00:01+08:00,99,1,au
2024-06-11 09:00:01+08:00,98,1,au
"""
AUCTION: Final = """\
time,price,size,symbol
2020-08-17 19:59:58Z,135.70,100,WMT
2020-08-17 19:59:59.9Z,135.77,100,WMT
2020-08-17 20:00:00.051Z,135.60,1000000,WMT
2020-08-17 20:00:02Z,135.60,5000,WMT
2020-08-18 13:30:00Z,136,100,WMT
"""


def bars_of(tmp_path: Path, rows: str, calendar: str, timeframes: str) -> dict[str, list[dict[str, Any]]]:
    """Run *rows* by *calendar*, a name or TOML, and return all bars by timeframe, those that form too."""
    (tmp_path / "rows.csv").write_text(rows)
    if "=" in calendar:
        (tmp_path / "mine.toml").write_text(calendar)
        calendar = str(tmp_path / "mine.toml")
    data, symbol = tmp_path / "data", rows.strip().rpartition(",")[2]
    result = command("run", tmp_path / "rows.csv", "--data", data, "--calendar", calendar, "--timeframes", timeframes)
    assert result.exit_code == 0, result.output
    return {
        each: json_of("bars", data, "--symbol", symbol, "--timeframe", each, "--partial", "--format", "json")
        for each in timeframes.split(",")
    }


def row_of(bar: dict[str, Any]) -> tuple[Any, ...]:
    return (bar["trading_day"], bar["open"], bar["high"], bar["low"], bar["close"], bar["volume"])


class TestNight:
    def test_friday_night_is_in_mondays_day_and_the_next_weeks_and_months_bar(self, tmp_path: Path) -> None:
        """Gold in Shanghai: no Saturday comes up, the week's high is Friday's, and June opens with the night."""
        bars = bars_of(tmp_path, GOLD, SHFE, "1h,1d,1w,1mo")
        assert [row_of(bar) for bar in bars["1d"]] == [
            ("2024-05-31", 100.0, 101.0, 100.0, 101.0, 2.0),
            ("2024-06-03", 110.0, 120.0, 90.0, 95.0, 4.0),
            ("2024-06-04", 97.0, 97.0, 96.0, 96.0, 2.0),
            ("2024-06-05", 99.0, 99.0, 99.0, 99.0, 1.0),
            ("2024-06-11", 98.0, 98.0, 98.0, 98.0, 1.0),
        ]
        assert row_of(bars["1w"][0]) == ("2024-05-31", 100.0, 101.0, 100.0, 101.0, 2.0)
        assert row_of(bars["1w"][1])[1:] == (110.0, 120.0, 90.0, 99.0, 7.0)
        assert row_of(bars["1mo"][1])[1:] == (110.0, 120.0, 90.0, 98.0, 8.0)

    def test_built_in_of_the_same_product_has_the_holiday(self, tmp_path: Path) -> None:
        """The 10th of June 2024 was a holiday: Friday the 7th had no night."""
        rows = GOLD.replace("2024-06-11 09:00:01", "2024-06-07 21:00:01")
        (tmp_path / "rows.csv").write_text(rows)
        result = json_of("run", tmp_path / "rows.csv", "--calendar", "cn_futures_0230", "--json")
        assert result["rejected"] == {"closed": 1}

    def test_levels_and_vwap_go_by_the_trading_day(self) -> None:
        """Monday's high is that of Friday's night: Tuesday's pivot is (120 + 90 + 95) / 3. VWAP begins at night."""
        calendar = mtf.calendars.get("cn_futures_0230")
        config = mtf.Config.make(calendar=calendar, timeframes=["1h"], indicators=["pivots", "vwap"])
        engine = Kernel(config)
        rows = [line.split(",") for line in GOLD.splitlines()[1:8]]
        stamps = [datetime.datetime.fromisoformat(row[0]) for row in rows]
        made = [
            Tick("au", int(stamp.timestamp()) * SECOND_NS, price=float(row[1]), size=1.0)
            for stamp, row in zip(stamps, rows, strict=True)
        ]
        for block in blocks(made):
            engine.step(block)
        live = engine.snapshot(0)["1h"].live  # after Monday 21:00:01, which is Tuesday
        assert live["pivots"] == pytest.approx((120 + 90 + 95) / 3)
        assert live["vwap"] == 97.0

    def test_gap_over_a_weekend_within_a_day_is_a_break(self) -> None:
        """From Saturday 02:30 to Monday 09:00 nothing is off session."""
        calendar = WeeklyCalendar(
            name="x", zone=SHANGHAI, day_close="15:00", hours=["Mon-Fri 09:00-15:00"], night=["Mon-Fri 21:00-02:30"]
        )
        ran = engine_bars(calendar, ["2024-05-31 18:29", "2024-06-03 01:00", "2024-06-03 01:01"], ["1m"])
        assert ran["1m"] == [
            "1m 2024-06-01T02:29 1 1 1 1 v1 n1 first",
            "1m 2024-06-03T09:00 1 1 1 1 v1 n1 gap break 54h30m",
        ]

    def test_flat_bars_fill_sessions_and_nothing_between_them(self) -> None:
        """Silence in the night and in the morning, not the weekend; the bar over the weekend's edge counts once."""
        calendar = WeeklyCalendar(
            name="x", zone=SHANGHAI, day_close="15:00", hours=["Mon-Fri 09:00-15:00"], night=["Mon-Fri 21:00-23:00"]
        )
        first, last = (
            closed(calendar, [f"{at}:00", f"{at}:59:59"], "1h")[0] for at in ("2024-05-31 13", "2024-06-03 02")
        )
        assert [line(bar, zone=SHANGHAI) for bar in fill(first, last, calendar)] == [
            "1h 2024-05-31T22:00 1 1 1 1 v0 n0 filled",
            "1h 2024-06-03T09:00 1 1 1 1 v0 n0 filled gap break 58h",
        ]


class TestAuction:
    def test_prints_of_the_closing_auction_are_in_the_last_bars(self, tmp_path: Path) -> None:
        """The day closes at the auction's price, with its volume, at 16:05; the last minute is one bar until then."""
        toml = 'name = "us_equities_with_auctions"\nbase = "us_equities"\nauctions = ["16:00-16:05 into last"]\n'
        bars = bars_of(tmp_path, AUCTION, toml, "1m,1d")
        assert row_of(bars["1d"][0]) == ("2020-08-17", 135.70, 135.77, 135.60, 135.60, 1_005_200.0)
        assert bars["1m"][0]["end_ns"] == bars["1d"][0]["end_ns"] == utc("2020-08-17 20:05")
        assert row_of(bars["1m"][0])[1:] == (135.70, 135.77, 135.60, 135.60, 1_005_200.0)

    def test_without_auctions_they_are_rejected_and_a_note_says_so(self, tmp_path: Path) -> None:
        """What is lost is named, with the edge that it is beside, and what to write."""
        (tmp_path / "rows.csv").write_text(AUCTION)
        result = command("run", tmp_path / "rows.csv", "--calendar", "us_equities", "--timeframes", "1m,1d")
        assert result.exit_code == 0
        assert (
            "2 ticks within five minutes after the close at 16:00 (America/New_York) were rejected as closed: "
            "a calendar with auctions = ['16:00-16:05 into last'] includes"
        ) in result.stderr

    def test_auction_closes_a_bar_by_time_and_not_before(self) -> None:
        """At 16:05, by the tick of the next day as by a clock event; until then it is a partial bar."""
        calendar = mtf.calendars.from_dict(
            mtf.calendars.get("us_equities").to_dict() | {"auctions": ["16:00-16:05 into last"]}
        )
        engine = Kernel(mtf.Config.make(calendar=calendar, timeframes=["1m", "1d"]))
        stamps = [utc("2020-08-17 19:59:58"), utc("2020-08-17 20:04:59.999999999"), utc("2020-08-18 13:30")]
        ends = []
        for block in blocks([Tick("X", ts_ns, price=1.0, size=1.0) for ts_ns in stamps], size=1):
            ends.append([int(closing.bar.end_ns) for closing in engine.step(block).closings])
        assert ends == [[], [], [utc("2020-08-17 20:05")] * 2]

    def test_restart_in_the_auction_changes_nothing(self) -> None:
        """A state that is saved between the close and the end of the window goes on to the same digest."""
        calendar = mtf.calendars.from_dict(
            mtf.calendars.get("us_equities").to_dict() | {"auctions": ["16:00-16:05 into last"]}
        )
        config = mtf.Config.make(calendar=calendar, timeframes=["1m", "1h", "1d", "1w"], indicators="ema:3")
        stamps = ["2020-08-17 19:59:58", "2020-08-17 20:01", "2020-08-17 20:04:59", "2020-08-18 13:30:30"]
        cut = blocks([Tick("X", utc(stamp), price=1.0 + at, size=1.0) for at, stamp in enumerate(stamps)], size=1)
        whole, before, after = Kernel(config), Kernel(config), Kernel(config)
        for block in cut:
            whole.step(block)
        for block in cut[:2]:
            before.step(block)
        after.load(before.save())
        for block in cut[2:]:
            after.step(block)
        assert after.digest.value() == whole.digest.value()
        assert after.snapshot(0)["1d"].bars[-1].end_ns == utc("2020-08-17 20:05")


class TestLateEdges:
    def rejected(self, calendar: Calendar, *stamps: str) -> list[str]:
        engine = Kernel(mtf.Config.make(calendar=calendar, timeframes=["1m"]))
        for block in blocks([Tick("X", utc(stamp), price=1.0, size=1.0) for stamp in stamps]):
            engine.step(block)
        return [
            f"{edge.local} {'last' if edge.last else 'first'} {edge.on_edge} {edge.near} {edge.far}"
            for edge in engine.gate.edges()
        ]

    def test_ticks_beside_a_session_are_counted_by_its_edge(self) -> None:
        """On the end, within five minutes of it, within ten; before the open; not farther away, and not at midnight."""
        calendar = mtf.calendars.get("us_equities")
        assert self.rejected(
            calendar,
            "2020-08-17 13:19:59",
            "2020-08-17 13:20:00",
            "2020-08-17 13:29:59",
            "2020-08-17 20:00",
            "2020-08-17 20:05",
            "2020-08-17 20:10",
            "2020-08-17 20:10:01",
            "2020-08-18 20:00",
            "2020-08-22 20:00",  # Saturday, where two off-session days meet
        ) == ["09:30 first 0 1 1", "16:00 last 2 1 1"]

    def test_short_days_and_breaks_have_edges_of_their_own(self) -> None:
        """13:00 on a half day; 10:15 within a day in Shanghai."""
        assert self.rejected(mtf.calendars.get("us_equities"), "2024-11-29 18:00:01") == ["13:00 last 0 1 0"]
        assert self.rejected(mtf.calendars.get("cn_futures_2300"), "2024-06-04 02:15", "2024-06-04 15:00") == [
            "10:15 last 1 0 0",
            "23:00 last 1 0 0",
        ]

    def test_kept_ticks_are_not_rejected(self, tmp_path: Path) -> None:
        """With closed="keep" there is nothing to say."""
        (tmp_path / "rows.csv").write_text(AUCTION)
        result = command("run", tmp_path / "rows.csv", "--calendar", "us_equities", "--closed", "keep")
        assert "rejected as closed" not in result.stderr

    def test_stamp_on_the_end_names_the_option_for_it(self, tmp_path: Path) -> None:
        """Shanghai's last ticks."""
        rows = "time,price,size,symbol\n2024-06-04 14:59:59+08:00,1,1,au\n2024-06-04 15:00:00+08:00,1,1,au\n"
        (tmp_path / "rows.csv").write_text(rows)
        result = command("run", tmp_path / "rows.csv", "--calendar", "cn_futures_2300")
        assert (
            "1 tick stamped exactly on the close at 15:00 (Asia/Shanghai) was rejected as closed: "
            "a calendar with inclusive_ends = true"
        ) in result.stderr


def closed(calendar: Calendar, stamps: Sequence[str], timeframe: str) -> list[Bar]:
    """Return the completed bars of ticks at *stamps*, in UTC, at price and size 1; the last one ends them all."""
    engine = Kernel(mtf.Config.make(calendar=calendar, timeframes=[timeframe]))
    last_ns = calendar.day_at(utc(stamps[-1])).end_ns + 30 * 24 * HOUR_NS
    made = [Tick("X", utc(stamp), price=1.0, size=1.0) for stamp in stamps]
    while not calendar.span_at(last_ns).open:
        last_ns = calendar.span_at(last_ns).end_ns
    made.append(Tick("X", last_ns, price=1.0, size=1.0))
    return [closing.bar for block in blocks(made) for closing in engine.step(block).closings]


def engine_bars(calendar: Calendar, stamps: Sequence[str], timeframes: Sequence[str]) -> dict[str, list[str]]:
    """Return the completed bars of ticks at *stamps* as lines in Shanghai's time."""
    engine = Kernel(mtf.Config.make(calendar=calendar, timeframes=timeframes))
    found: dict[str, list[str]] = {name: [] for name in timeframes}
    for block in blocks([Tick("X", utc(stamp), price=1.0, size=1.0) for stamp in stamps]):
        for closing in engine.step(block).closings:
            found[closing.bar.timeframe.name].append(line(closing.bar, zone=SHANGHAI))
    return found


@given(nightly(), near_the_exceptions, st.integers(1, 12 * 24 * 60), st.sampled_from(["5m", "1h", "1d"]))
def test_flat_bars_and_real_ones_leave_no_open_silence(
    calendar: Calendar, start_ns: int, minutes: int, timeframe: str
) -> None:
    """Every open instant between two bars is in exactly one flat bar, and no flat bar is without an open instant."""
    stamps = []
    for at in (start_ns, start_ns + minutes * MINUTE_NS):
        span = calendar.span_at(at)
        while not span.open:
            span = calendar.span_at(span.end_ns)
        stamps.append(max(at, int(span.start_ns)))
    engine = Kernel(mtf.Config.make(calendar=calendar, timeframes=[timeframe]))
    ends_ns = calendar.day_at(stamps[1]).end_ns + 20 * 24 * HOUR_NS
    while not calendar.span_at(ends_ns).open:
        ends_ns = calendar.span_at(ends_ns).end_ns
    made = [Tick("X", ts_ns, price=1.0) for ts_ns in (*stamps, ends_ns)]
    bars = [closing.bar for block in blocks(made) for closing in engine.step(block).closings]
    if len(bars) < 2:
        return  # both ticks in one bar
    flat = list(fill(bars[0], bars[1], calendar))
    silent = [
        (max(span.start_ns, bars[0].end_ns), min(span.end_ns, bars[1].start_ns))
        for span in calendar.spans(bars[0].end_ns, bars[1].start_ns)
        if span.open
    ]
    open_ns = sum(end - start for start, end in silent)
    covered = [sum(max(0, min(end, bar.end_ns) - max(start, bar.start_ns)) for start, end in silent) for bar in flat]
    assert sum(covered) == open_ns
    assert all(covered)


NAMES: Final = ("5m", "15m", "1h", "4h", "1d", "1w", "1mo")


@given(
    nightly(),
    near_the_exceptions,
    st.lists(st.integers(1, 40 * 60), min_size=1, max_size=60),
    st.sampled_from(["day", "utc"]),
)
def test_bars_nest_and_none_is_without_a_tick(
    calendar: Calendar, start_ns: int, minutes: list[int], anchor: str
) -> None:
    """Ticks through some weeks of nights, holidays and auctions, and past their end.

    Each tick in open market is in one bar of each timeframe, none else is in any; each bar is the merge of the finer
    bars in it, which lie in it as a whole; and what is between two bars is the calendar's gap.
    """
    stamps = [start_ns + at * MINUTE_NS for at in itertools.accumulate(minutes)]
    made = [Tick("X", ts_ns, price=1.0 + number % 7, size=1.0) for number, ts_ns in enumerate(stamps)]
    opens = [(tick.ts_ns, tick.price or 0.0) for tick in made if calendar.span_at(tick.ts_ns).open]
    end_ns = stamps[-1] + 100 * 24 * HOUR_NS
    while not calendar.span_at(end_ns).open:
        end_ns = calendar.span_at(end_ns).end_ns
    made.append(Tick("X", end_ns, price=1.0, size=1.0))  # closes everything before it
    bars: dict[str, list[Bar]] = {name: [] for name in NAMES}
    engine = Kernel(mtf.Config.make(calendar=calendar, timeframes=NAMES, anchor=anchor))
    for block in blocks(made):
        for closing in engine.step(block).closings:
            bars[closing.bar.timeframe.name].append(closing.bar)
    for name, row in bars.items():
        inside = [
            [price for ts_ns, price in opens if bar.start_ns <= ts_ns < bar.end_ns]  # each bar by itself
            for bar in row
        ]
        assert [(bar.ticks, bar.open, bar.high, bar.low, bar.close) for bar in row] == [
            (len(prices), prices[0], max(prices), min(prices), prices[-1]) for prices in inside
        ], name
        assert sum(bar.ticks for bar in row) == len(opens)
        for before, after in itertools.pairwise(row):
            assert before.end_ns <= after.start_ns
            lies = Calendar.gap(calendar, before.end_ns, after.start_ns)
            assert after.gap == (lies if lies.total_ns else None)
    for finer, coarser in itertools.pairwise(NAMES):
        for bar in bars[coarser]:
            parts = [part for part in bars[finer] if part.start_ns < bar.end_ns and part.end_ns > bar.start_ns]
            if coarser == "1mo":  # a week may lie in two months
                continue
            assert bar.start_ns <= parts[0].start_ns
            assert parts[-1].end_ns <= bar.end_ns
            assert sum(part.ticks for part in parts) == bar.ticks
