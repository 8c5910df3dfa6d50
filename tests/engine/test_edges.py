"""The instants that go wrong first, each by name, with the values written out."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import mtf
from mtf.config import Config
from mtf.kernel import Kernel
from tests.builders import NEW_YORK, Event, at, blocks, events
from tests.engine.follower import counted

HOUR_NS = 3_600_000_000_000
DEFAULT = ("1m", "5m", "15m", "1h", "4h", "1d")


def fed(text: str, *timeframes: str, size: int = 1024, zone: str = "UTC", **settings: Any) -> Kernel:
    """Return an engine that was fed *text*, on the calendar of crypto unless *settings* name another."""
    return fed_with(events(text, symbol="X", zone=zone), *timeframes, size=size, **settings)


def fed_with(stream: list[Event], *timeframes: str, size: int = 1024, **settings: Any) -> Kernel:
    config = Config.make(**{"calendar": "crypto", "timeframes": timeframes or DEFAULT, **settings})
    engine = Kernel(config)
    for block in blocks(stream, size=size):
        engine.step(block)
    return engine


def snapshot(engine: Kernel, symbol: str = "X") -> mtf.Snapshot:
    return engine.snapshot(engine.number_of(symbol))


def line(bar: mtf.Bar | None) -> str:
    """Return a bar in a line: `10:00-10:01 1.0 1.2 1.0 1.1 v0.0 n3 first`."""
    if bar is None:
        return "none"
    flags = "".join(f" {name}" for name in ("first", "incomplete", "off_session") if getattr(bar, name))
    times = f"{clock(bar.start_ns)}-{clock(bar.end_ns)}"
    return f"{times} {bar.open} {bar.high} {bar.low} {bar.close} v{bar.volume} n{bar.ticks}{flags}"


def clock(ts_ns: int) -> str:
    moment = datetime.datetime.fromtimestamp(ts_ns // 1_000_000_000, datetime.UTC)
    return moment.strftime("%H:%M" if ts_ns % 60_000_000_000 == 0 else "%H:%M:%S")


def bars(engine: Kernel, timeframe: str, symbol: str = "X") -> list[str]:
    return [line(bar) for bar in snapshot(engine, symbol)[timeframe].bars]


def partial(engine: Kernel, timeframe: str, symbol: str = "X") -> str:
    return line(snapshot(engine, symbol)[timeframe].partial)


def test_single_tick_forms_every_bar_and_closes_none() -> None:
    engine = fed("10:00:30@1/1.5x2")
    assert [partial(engine, name) for name in DEFAULT] == [
        "10:00-10:01 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "10:00-10:05 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "10:00-10:15 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "10:00-11:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "08:00-12:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
        "00:00-00:00 1.25 1.25 1.25 1.25 v2.0 n1 first incomplete",
    ]
    found = snapshot(engine)
    assert [len(state.bars) for state in found] == [0] * 6
    assert (found.seq, found.time_ns, found["1m"].time_ns) == (1, at("10:00:30"), at("10:00:30"))
    first = found["1m"].partial
    assert first is not None
    assert (first.elapsed_ns, first.remaining_ns, first.progress) == (30_000_000_000, 30_000_000_000, 0.5)
    assert first.trading_day == datetime.date(2024, 3, 6)
    assert not first.completed


def test_first_bar_is_marked_and_incomplete_only_where_its_beginning_was_not_seen() -> None:
    engine = fed("10:00@1 10:01@2 10:02@3", "1m", "5m")
    assert bars(engine, "1m") == ["10:00-10:01 1.0 1.0 1.0 1.0 v0.0 n1 first", "10:01-10:02 2.0 2.0 2.0 2.0 v0.0 n1"]
    assert partial(engine, "5m") == "10:00-10:05 1.0 3.0 1.0 3.0 v0.0 n3 first"
    assert bars(fed("10:00:00.000000001@1 10:01@2", "1m"), "1m") == [
        "10:00-10:01 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete"
    ]


def test_equal_stamps_are_in_time_and_keep_their_order() -> None:
    """The last of them is the close: order is the log's, not the clock's."""
    engine = fed("10:00@1 10:00@3 10:00@2 10:00@2", "1m")
    assert partial(engine, "1m") == "10:00-10:01 1.0 3.0 1.0 2.0 v0.0 n4 first"
    assert snapshot(engine).counts.rejected == {}


def test_late_tick_is_logged_counted_and_changes_nothing() -> None:
    engine = fed("10:00@1x1 10:00:30@2x1 10:00:29.999999999@9x9 10:00:30@3x1", "1m")
    assert partial(engine, "1m") == "10:00-10:01 1.0 3.0 1.0 3.0 v6.0 n3 first"
    assert counted(snapshot(engine).counts) == {"ok": 3, "late": 1, "locked": 3}
    assert snapshot(engine).seq == 4


def test_late_tick_that_is_accepted_stretches_the_open_bars_and_nothing_else() -> None:
    engine = fed("10:00:10@5x1 10:00:30@5x1 10:00:20@9x1 10:00:05@1x1 09:59:59@7x1", "1m", "1h", late="accept")
    assert partial(engine, "1m") == "10:00-10:01 5.0 9.0 1.0 5.0 v8.0 n4 first incomplete"
    assert counted(snapshot(engine).counts) == {"ok": 2, "late_ok": 2, "late": 1, "locked": 4}
    assert snapshot(engine).time_ns == at("10:00:30")


def test_tick_on_the_boundary_opens_the_next_bar() -> None:
    engine = fed("10:00@1 10:04:59.999999999@3 10:05@2", "1m", "5m")
    assert bars(engine, "5m") == ["10:00-10:05 1.0 3.0 1.0 3.0 v0.0 n2 first"]
    assert bars(engine, "1m") == ["10:00-10:01 1.0 1.0 1.0 1.0 v0.0 n1 first", "10:04-10:05 3.0 3.0 3.0 3.0 v0.0 n1"]
    assert partial(engine, "5m") == "10:05-10:10 2.0 2.0 2.0 2.0 v0.0 n1"


def test_clock_event_on_the_end_closes_and_the_tick_on_it_is_in_time() -> None:
    engine = fed("10:00@1 !10:00:59.999999999", "1m")
    assert bars(engine, "1m") == []
    engine = fed("10:00@1 !10:01", "1m", "5m")
    assert bars(engine, "1m") == ["10:00-10:01 1.0 1.0 1.0 1.0 v0.0 n1 first"]
    assert (partial(engine, "1m"), snapshot(engine).time_ns) == ("none", at("10:01"))
    assert partial(engine, "5m") == "10:00-10:05 1.0 1.0 1.0 1.0 v0.0 n1 first"
    engine = fed("10:00@1 !10:01 10:01@2 10:00:59@3", "1m")
    assert partial(engine, "1m") == "10:01-10:02 2.0 2.0 2.0 2.0 v0.0 n1"
    assert snapshot(engine).counts.rejected == {"late": 1}


def test_hour_of_silence_leaves_no_bars_and_a_mark_on_the_next() -> None:
    """Never a price that nobody quoted."""
    engine = fed("10:00:30@1 11:00:30@2 11:01@3", "1m", "1h")
    assert bars(engine, "1m") == [
        "10:00-10:01 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete",
        "11:00-11:01 2.0 2.0 2.0 2.0 v0.0 n1",
    ]
    assert [bar.gap for bar in snapshot(engine)["1m"].bars] == [None, mtf.Gap(silence_ns=59 * 60_000_000_000)]
    hour = snapshot(engine)["1h"].partial
    assert hour is not None
    assert hour.gap is None


@pytest.mark.parametrize("size", [1, 1024])
def test_weekend_leaves_nothing_and_is_marked_as_closed(size: int) -> None:
    """Friday 17:00 to Sunday 17:00 in New York; the last minutes of silence before and after are not the weekend's."""
    engine = fed(
        "2024-02-02 16:50@1 16:59:59.999999999@2 17:00@3 2024-02-03 12:00@4 2024-02-04 16:59:59@5 17:00@6 17:01@7",
        *("1m", "4h", "1d", "1w"),
        size=size,
        zone=NEW_YORK,
        calendar="fx",
    )
    assert bars(engine, "1m") == [
        "21:50-21:51 1.0 1.0 1.0 1.0 v0.0 n1 first",
        "21:59-22:00 2.0 2.0 2.0 2.0 v0.0 n1",
        "22:00-22:01 6.0 6.0 6.0 6.0 v0.0 n1",
    ]
    assert [bar.gap for bar in snapshot(engine)["1m"].bars] == [
        None,
        mtf.Gap(silence_ns=8 * 60_000_000_000),
        mtf.Gap(closed_ns=48 * HOUR_NS),
    ]
    assert snapshot(engine).counts.rejected == {"closed": 3}
    assert [bar.trading_day for bar in snapshot(engine)["1d"].bars] == [datetime.date(2024, 2, 2)]
    assert bars(engine, "4h") == ["18:00-22:00 1.0 2.0 1.0 2.0 v0.0 n2 first incomplete"]
    monday = snapshot(engine)["1d"].partial
    week = snapshot(engine)["1w"].partial
    assert monday is not None
    assert week is not None
    assert monday.trading_day == datetime.date(2024, 2, 5)
    assert week.start_ns == monday.start_ns == at("2024-02-04 17:00", zone=NEW_YORK)


def test_closed_market_is_kept_on_request_in_days_of_its_own() -> None:
    engine = fed("2024-02-03 12:00@4 17:00@5", "1h", "1d", zone=NEW_YORK, calendar="fx", closed="keep")
    assert bars(engine, "1h") == ["17:00-18:00 4.0 4.0 4.0 4.0 v0.0 n1 first off_session"]
    assert [(bar.trading_day, bar.off_session) for bar in snapshot(engine)["1d"].bars] == [
        (datetime.date(2024, 2, 3), True)
    ]
    assert snapshot(engine).counts.rejected == {}


@pytest.mark.parametrize(
    ("days", "lengths", "zones"),
    [
        (["2024-03-08", "2024-03-10", "2024-03-11"], [24, 24, 24], "the change falls into the weekend"),
        (["2024-11-01", "2024-11-03", "2024-11-04"], [24, 24, 24], "and back again"),
    ],
)
def test_weeks_of_a_clock_change_keep_days_from_close_to_close(days: list[str], lengths: list[int], zones: str) -> None:
    """17:00 in New York is an hour earlier in UTC after the spring change, an hour later after the autumn one."""
    text = " ".join(f"{day}T17:30@{k + 1}" for k, day in enumerate(days[1:], start=1))
    first = f"{days[0]}T16:30@1"
    engine = fed(f"{first} {text} {days[2]}T23:00@9", "4h", "1d", zone=NEW_YORK, calendar="fx")
    closed = list(snapshot(engine)["1d"].bars)
    assert [(bar.end_ns - bar.start_ns) // HOUR_NS for bar in closed] == lengths[:2]
    assert [bar.start_ns for bar in closed] == [
        at(f"{shifted(days[0], -1)} 17:00", zone=NEW_YORK),
        at(f"{days[1]} 17:00", zone=NEW_YORK),
    ]
    gap = closed[1].gap
    assert gap is not None
    hours = 47 if days[0] == "2024-03-08" else 49
    assert gap == mtf.Gap(closed_ns=hours * HOUR_NS)


def shifted(day: str, days: int) -> str:
    return str(datetime.date.fromisoformat(day) + datetime.timedelta(days=days))


@pytest.mark.parametrize(
    ("day", "hours", "last_bar"),
    [("2024-03-10", 23, 3), ("2024-11-03", 25, 1), ("2024-03-11", 24, 4)],
)
def test_days_of_23_and_25_hours_end_with_a_short_bar(day: str, hours: int, last_bar: int) -> None:
    """On a market that is open through the change: six 4h bars, the sixth of three hours; or seven, the last of one."""
    calendar = mtf.calendars.WeeklyCalendar(name="always", zone=NEW_YORK, hours=["Mon-Sun 00:00-24:00"])
    start_ns = at(f"{day} 00:00", zone=NEW_YORK)
    stream: list[Event] = [mtf.Tick("X", start_ns + k * HOUR_NS // 2, 1.0, 1.0) for k in range(2 * hours + 1)]
    engine = fed_with(stream, "1h", "4h", "1d", calendar=calendar)
    fours = list(snapshot(engine)["4h"].bars)
    assert [(bar.end_ns - bar.start_ns) // HOUR_NS for bar in fours] == [4] * (hours // 4 - (last_bar == 4)) + [
        last_bar
    ]
    (whole,) = snapshot(engine)["1d"].bars
    assert (whole.end_ns - whole.start_ns, whole.ticks) == (hours * HOUR_NS, 2 * hours)
    assert len(snapshot(engine)["1h"].bars) == hours


@pytest.mark.parametrize("size", [1, 2, 3, 1024])
def test_two_symbols_interleaved_have_clocks_and_bars_of_their_own(size: int) -> None:
    """B is behind A and not late: a tick moves its own symbol's clock."""
    engine = fed("A:10:00@1 B:09:00@10 A:10:01@2 B:09:00:30@11 A:10:02@3 B:09:01@12 A:10:02:01@4", "1m", size=size)
    assert bars(engine, "1m", "A") == [
        "10:00-10:01 1.0 1.0 1.0 1.0 v0.0 n1 first",
        "10:01-10:02 2.0 2.0 2.0 2.0 v0.0 n1",
    ]
    assert bars(engine, "1m", "B") == ["09:00-09:01 10.0 11.0 10.0 11.0 v0.0 n2 first"]
    assert (snapshot(engine, "A").time_ns, snapshot(engine, "B").time_ns) == (at("10:02:01"), at("09:01"))
    assert snapshot(engine, "A").seq == snapshot(engine, "B").seq == 7
    assert snapshot(engine, "B").counts.rejected == {}


def test_idle_symbol_keeps_its_forming_bar_until_a_clock_event_or_a_tick_of_its_own() -> None:
    """Nothing is delivered for a symbol that nobody quoted; the clock of another is not its own."""
    stream = "IDLE:10:00@5 " + " ".join(f"BUSY:10:{minute:02}@1" for minute in range(30))
    engine = fed(stream, "1m")
    assert bars(engine, "1m", "IDLE") == []
    assert partial(engine, "1m", "IDLE") == "10:00-10:01 5.0 5.0 5.0 5.0 v0.0 n1 first"
    assert snapshot(engine, "IDLE").seq == 31
    engine = fed(f"{stream} !10:29:30", "1m")
    assert bars(engine, "1m", "IDLE") == ["10:00-10:01 5.0 5.0 5.0 5.0 v0.0 n1 first"]
    assert snapshot(engine, "IDLE").time_ns == at("10:29:30")


def test_bars_of_several_symbols_close_by_end_then_timeframe_then_appearance() -> None:
    """Rule 3, order of delivery: a clock event that closes nine bars delivers them in one order only."""
    config = Config.make(calendar="crypto", timeframes=("1m", "5m"))
    engine = Kernel(config)
    made = blocks(events("B:10:00@1 A:10:00@2 C:10:04@3 !10:05"), size=1024)
    frame = engine.step(made[0])
    assert [
        f"{closing.bar.symbol} {closing.bar.timeframe} {clock(closing.bar.end_ns)}" for closing in frame.closings
    ] == [
        *("B 1m 10:01", "A 1m 10:01"),
        *("C 1m 10:05", "B 5m 10:05", "A 5m 10:05", "C 5m 10:05"),
    ]


def test_trade_and_quote_sides() -> None:
    """The first accepted tick decides at `auto`; a tick of the other kind moves the clock and changes no bar."""
    engine = fed("10:00@=5x2 10:00:30@1/2x9 10:00:40@=6x1", "1m")
    assert partial(engine, "1m") == "10:00-10:01 5.0 6.0 5.0 6.0 v3.0 n2 first"
    engine = fed("10:00@1x3/2x4 10:00:30@=5x2", "1m")
    assert partial(engine, "1m") == "10:00-10:01 1.5 1.5 1.5 1.5 v7.0 n1 first"
    assert snapshot(engine).time_ns == at("10:00:30")
    for price, expected in (("bid", "1.0 1.0 1.0 1.0 v3.0 n1"), ("ask", "2.0 2.0 2.0 2.0 v4.0 n1")):
        assert expected in partial(fed("10:00@1x3/2x4", "1m", price=price), "1m")
    assert partial(fed("10:00@1x3/2x4", "1m", price="last"), "1m") == "none"


def test_duplicates_are_counted_before_all_else() -> None:
    """They come again as they were, by now late; another tick with the id of one is a different tick."""
    engine = fed("10:00@1#a 10:00:01@2#b 10:00@1#a 10:00:01@2#b 09:00@0#a 10:00:02@3#b", "1m")
    assert snapshot(engine).counts.rejected == {"duplicate": 2, "price": 1}
    assert snapshot(engine).counts.id_reused == 1
    assert partial(engine, "1m") == "10:00-10:01 1.0 3.0 1.0 3.0 v0.0 n3 first"


def test_ids_are_remembered_for_4096_ticks_through_a_saved_state() -> None:
    """The window is bounded, and a restart inside of it forgets nothing."""
    stream: list[Event] = [mtf.Tick("X", at("10:00"), 1.0, 1.0, id=str(k)) for k in range(4097)]
    repeats = [stream[k] for k in (1, 4096, 0)]
    config = Config.make(calendar="crypto", timeframes=["1m"])
    made = blocks([*stream, *repeats], size=4097)
    whole, loaded = Kernel(config), Kernel(config)
    whole.step(made[0])
    loaded.load(whole.save())
    for engine in (whole, loaded):
        engine.step(made[1])
        assert counted(engine.gate.counts()[0]) == {"ok": 4098, "duplicate": 2, "locked": 4098}


def test_history_is_bounded_by_its_limit_and_always_the_newest() -> None:
    engine = fed(" ".join(f"10:{minute:02}@{minute + 1}" for minute in range(40)), "1m", history=3, size=1)
    assert [bar.close for bar in snapshot(engine)["1m"].bars] == [37.0, 38.0, 39.0]


def test_intraday_bars_can_count_from_midnight_utc() -> None:
    """`anchor="utc"`: 4h bars as exchanges of crypto and most charts have them, whatever the trading day."""
    engine = fed("2024-02-05 12:30@1 16:10@2", "4h", calendar="fx", anchor="utc")
    assert bars(engine, "4h") == ["12:00-16:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete"]
    engine = fed("2024-02-05 12:30@1 14:10@2", "4h", calendar="fx")
    assert bars(engine, "4h") == ["10:00-14:00 1.0 1.0 1.0 1.0 v0.0 n1 first incomplete"]
