"""Laws of bars over thirty years of clock changes, over shuffled and delayed streams, and with and without a clock."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.bars.bar import Bar
from mtf.bars.gate import Gate
from mtf.bars.verdicts import LATE_ACCEPTED
from mtf.calendars import WeeklyCalendar
from mtf.events.tick import Tick
from tests.bars.builders import run_events
from tests.builders import Clock, Event, blocks
from tests.streams import streams

HOUR_NS = 3600 * 10**9
QUARTER_NS = HOUR_NS // 4
DAY_NS = 24 * HOUR_NS
YEARS = range(1995, 2025)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
SIX = ("15m", "1h", "4h", "1d", "1w")


def changes(zone: str) -> list[int]:
    """Return the hours, in nanoseconds, in which the clock of *zone* changed in thirty years; found by looking."""
    tz = ZoneInfo(zone)
    found = []
    at = datetime.datetime(YEARS[0], 1, 1, tzinfo=datetime.UTC)
    end = datetime.datetime(YEARS[-1] + 1, 1, 1, tzinfo=datetime.UTC)
    before = at.astimezone(tz).utcoffset()
    while at < end:
        at += datetime.timedelta(hours=24)
        offset = at.astimezone(tz).utcoffset()
        if offset != before:
            found.append((at - EPOCH) // datetime.timedelta(seconds=1) * 10**9)
            before = offset
    return found


def around(changed_ns: Sequence[int], calendar: mtf.Calendar) -> list[Tick]:
    """Return a quote each quarter of an hour of the days around each change, whole days of *calendar*."""
    made = []
    for changed in changed_ns:
        start_ns, end_ns = calendar.day_at(changed - 2 * DAY_NS).start_ns, calendar.day_at(changed + DAY_NS).end_ns
        made += [Tick("EURUSD", ts_ns, 1.0, 1.0) for ts_ns in range(start_ns, end_ns, QUARTER_NS)]
    return made


def assert_whole(ticks: list[Tick], bars: list[Bar], calendar: mtf.Calendar) -> dict[str, list[Bar]]:
    """Assert that no bar is listed twice, none is missing, and all are nested; return them by timeframe."""
    by_name: dict[str, list[Bar]] = {}
    for bar in bars:
        by_name.setdefault(bar.timeframe.name, []).append(bar)
    for name, row in by_name.items():
        for before, after in itertools.pairwise(row):
            assert before.end_ns <= after.start_ns, f"{name}: twice, or one over the other"
            lies = calendar.gap(before.end_ns, after.start_ns)
            assert after.gap == (lies if lies.total_ns else None)
    stamps = [tick.ts_ns for tick in ticks if calendar.span_at(tick.ts_ns).open]
    for name, row in by_name.items():
        assert sum(bar.ticks for bar in row) == sum(ts_ns < row[-1].end_ns for ts_ns in stamps), (
            f"{name}: one is missing"
        )
    for finer, coarser in itertools.pairwise(by_name):
        parts: dict[int, list[Bar]] = {}
        starts = [bar.start_ns for bar in by_name[coarser]]
        at = 0
        for bar in by_name[finer]:
            while at + 1 < len(starts) and starts[at + 1] <= bar.start_ns:
                at += 1
            parts.setdefault(starts[at], []).append(bar)
        for whole in by_name[coarser]:
            inside = [bar for bar in parts[whole.start_ns] if bar.start_ns < whole.end_ns]
            assert all(whole.start_ns <= bar.start_ns and bar.end_ns <= whole.end_ns for bar in inside), coarser
            assert sum(bar.ticks for bar in inside) == whole.ticks
    return by_name


@pytest.mark.parametrize(
    ("zone", "count"),
    [
        ("America/New_York", 60),
        ("Europe/London", 60),
        ("Australia/Sydney", 60),
        ("America/Santiago", 58),
        ("Pacific/Auckland", 60),
    ],
)
def test_thirty_years_of_clock_changes_on_a_market_that_never_closes(zone: str, count: int) -> None:
    """Both hemispheres: each change makes a day of 23 or of 25 hours, and every quarter of an hour has its bar."""
    changed = changes(zone)
    assert len(changed) == count
    calendar = WeeklyCalendar(name=zone, zone=zone, hours=["Mon 00:00 - Sun 24:00"])
    ticks = around(changed, calendar)
    ran = run_events(ticks, SIX[:-1], calendar=calendar)
    made = assert_whole(ticks, ran.bars, calendar)
    lengths = [(bar.end_ns - bar.start_ns) // HOUR_NS for bar in made["1d"]]
    assert [bar.ticks for bar in made["1d"]] == [4 * hours for hours in lengths]
    assert lengths.count(23) + lengths.count(25) == count
    assert lengths.count(23) == lengths.count(25)
    assert set(lengths) == {23, 24, 25}
    last_of_day = [bar for bar in made["4h"] if (bar.end_ns - bar.start_ns) != 4 * HOUR_NS]
    assert {(bar.end_ns - bar.start_ns) // HOUR_NS for bar in last_of_day} == {1, 3}


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Sydney"])
def test_thirty_years_of_clock_changes_on_fx(zone: str) -> None:
    """New York's own changes, Europe's, the weeks between, and those of the south: fx goes by New York alone."""
    fx = mtf.calendars.get("fx")
    ticks = around(changes(zone), fx)
    ran = run_events(ticks, SIX, calendar="fx")
    made = assert_whole(ticks, ran.bars, fx)
    new_york = ZoneInfo("America/New_York")
    for name, hours in (("4h", {17, 21, 1, 5, 9, 13}), ("1d", {17}), ("1w", {17})):
        assert {
            datetime.datetime.fromtimestamp(float(bar.start_ns // 10**9), new_york).hour for bar in made[name]
        } == hours
    assert {(bar.end_ns - bar.start_ns) // HOUR_NS for bar in made["1d"]} == {24}
    assert {(bar.end_ns - bar.start_ns) // HOUR_NS for bar in made["1w"]} == {120}
    assert ran.rejected() == {"closed": sum(not fx.span_at(tick.ts_ns).open for tick in ticks)}


def accepted(stream: list[Event]) -> list[Event]:
    """Return the ticks of a stream of one symbol that are accepted and not late, in the order of arrival."""
    clock = -1
    kept: list[Event] = []
    for event in stream:
        assert isinstance(event, Tick)
        if event.ts_ns >= clock and mtf.calendars.get("fx").span_at(event.ts_ns).open:
            clock = event.ts_ns
            kept.append(event)
    return kept


PLAIN = streams(symbols_max=1, clocks=False, late=False, ids=False, bad_prices=False)


@given(stream=PLAIN, data=st.data())
def test_a_shuffled_stream_makes_the_bars_of_its_accepted_ticks(stream: list[Event], data: st.DataObject) -> None:
    """With late="reject": whatever comes out of order is as if it never came."""
    shuffled = data.draw(st.permutations(stream))
    ran = run_events(shuffled, ("1m", "5m", "1h", "1d"))
    clean = run_events(accepted(shuffled), ("1m", "5m", "1h", "1d"))
    assert ran.lines == clean.lines


@given(stream=PLAIN, delays=st.lists(st.integers(0, 5), min_size=40, max_size=40))
def test_a_delayed_stream_makes_the_bars_of_its_accepted_ticks(stream: list[Event], delays: list[int]) -> None:
    """Each event some places later than its time: the same law, on the disorder that feeds have."""
    order = sorted(range(len(stream)), key=lambda i: (i + delays[i % len(delays)], i))
    delayed = [stream[i] for i in order]
    ran = run_events(delayed, ("1m", "5m", "1h", "1d"))
    assert ran.lines == run_events(accepted(delayed), ("1m", "5m", "1h", "1d")).lines


@given(
    minutes=st.lists(
        st.lists(st.tuples(st.integers(0, 59), st.integers(1, 2_000), st.integers(0, 4_096)), min_size=1, max_size=6),
        min_size=1,
        max_size=5,
    ),
    data=st.data(),
)
def test_late_ticks_accepted_in_any_order_make_the_same_range(
    minutes: list[list[tuple[int, int, int]]], data: st.DataObject
) -> None:
    """With late="accept": shuffled within their minutes, the same ticks make the same high, low, volume and count."""
    base = 1_709_719_200 * 10**9  # 2024-03-06 10:00 UTC

    def tick(minute: int, row: tuple[int, int, int]) -> Tick:
        second, price, size = row
        return Tick("EURUSD", base + (60 * minute + second) * 10**9, price=price / 1000, size=size / 1024)

    ordered: list[Event] = []
    shuffled: list[Event] = []
    for minute, rows in enumerate(minutes):
        ordered += [tick(minute, row) for row in sorted(rows, key=lambda row: row[0])]
        shuffled += [tick(minute, row) for row in data.draw(st.permutations(rows))]
    end = Clock(base + 3600 * 10**9)
    first = run_events([*ordered, end], ("1m", "5m"), late="accept")
    second = run_events([*shuffled, end], ("1m", "5m"), late="accept")
    assert second.rejected() == {}

    def ranges(bars: list[Bar]) -> list[tuple[object, ...]]:
        return [(bar.timeframe, bar.start_ns, bar.end_ns, bar.high, bar.low, bar.volume, bar.ticks) for bar in bars]

    assert ranges(first.bars) == ranges(second.bars)


@pytest.mark.parametrize("late", ["reject", "accept"])
@given(stream=streams(symbols_max=2, clocks=False), data=st.data())
def test_clock_events_between_accepted_ticks_change_no_bar(late: str, stream: list[Event], data: st.DataObject) -> None:
    """The law of rule 2: clock events that make no tick late change nothing but how early a bar is delivered."""
    names = ("1m", "15m", "4h", "1d", "1w")
    ordered = sorted(stream, key=lambda event: event.ts_ns)
    told: list[Event] = []
    for before, after in itertools.pairwise(ordered):
        told.append(before)
        if data.draw(st.booleans()):
            told.append(Clock(data.draw(st.integers(before.ts_ns, after.ts_ns))))
    told += ordered[-1:]
    bare = run_events(ordered, names, late=late)
    clocked = run_events(told, names, late=late)
    end_ns = ordered[-1].ts_ns
    for symbol in {event.symbol for event in ordered if isinstance(event, Tick)}:
        for name in names:
            # Without a clock a bar of a symbol waits for its next tick: give the end to both.
            first = run_events([*ordered, Clock(end_ns)], names, late=late).only(name, symbol)
            second = run_events([*told, Clock(end_ns)], names, late=late).only(name, symbol)
            assert first == second
    assert set(bare.lines) <= set(clocked.lines)


@pytest.mark.parametrize("late", ["reject", "accept"])
@given(
    stream=streams(events_max=60),
    calendar=st.sampled_from(("fx", "crypto")),
    names=st.sampled_from((("1m", "15m", "1d"), ("5m", "1h"), ("1h",))),
)
@settings(max_examples=60)
def test_the_same_accepted_ticks_make_the_same_bars_without_the_clock_events(
    late: str, stream: list[Event], calendar: str, names: tuple[str, ...]
) -> None:
    """Wherever clock events stand: what they let through makes the bars that it makes without them."""
    kept: dict[str, Any] = {"late": late, "calendar": calendar}
    with_clock = run_events(stream, names, **kept)
    gate = Gate(
        with_clock.engine.config.calendars.calendar_of,
        list(with_clock.engine.config.timeframes),
        accept_late=late == "accept",
    )
    verdicts = [verdict for block in blocks(stream) for verdict in gate.judge(block).verdicts]
    accepted: list[Event] = [
        event
        for event, verdict in zip(stream, verdicts, strict=True)
        if isinstance(event, Tick) and verdict <= LATE_ACCEPTED
    ]
    end = Clock(max(event.ts_ns for event in stream) + 40 * 86_400 * 10**9)
    clocked = run_events([*stream, end], names, **kept)
    plain = run_events([*accepted, end], names, **kept)
    assert sum(counts.ticks for counts in plain.engine.gate.counts()) == len(accepted)
    for symbol in {event.symbol for event in accepted if isinstance(event, Tick)}:
        for name in names:
            assert plain.only(name, symbol) == clocked.only(name, symbol)


@given(stream=streams(), size=st.sampled_from((1, 7, 1024)))
def test_a_prefix_makes_a_prefix_of_the_bars(stream: list[Event], size: int) -> None:
    """What is delivered for the first events does not depend on any later one, nor on how they are put into blocks."""
    names = ("1m", "1h", "1d")
    whole = run_events(stream, names, size=size)
    told = list(zip(whole.bars, whole.seqs, strict=True))
    for length in range(1, len(stream), 7):
        part = run_events(stream[:length], names)
        assert list(zip(part.bars, part.seqs, strict=True)) == [row for row in told if row[1] <= length]
