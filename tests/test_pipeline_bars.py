"""Bars that users hand in: pushed as an exchange sends its klines, and as iterables, by the rules of those of files."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.errors import ConfigError, KindChanged, MalformedEvent, StraddlingBar
from mtf.storage.datadir import history_of
from mtf.storage.history.schema import COLUMNS
from tests.builders import MINUTE_NS, at
from tests.fake_clock import FakeClock

LIVE: Final[dict[str, Any]] = {"calendar": "crypto", "timeframes": ["1m", "5m"]}


def kline(
    start: str, prices: str = "1/4/0.5/2", volume: float = 7.0, *, timeframe: str = "1m", **fields: Any
) -> mtf.Bar:
    """Return the bar that begins at *start*."""
    length = mtf.Timeframe(timeframe)
    open, high, low, close = map(float, prices.split("/"))
    start_ns = at(start)
    return mtf.Bar(
        symbol="X",
        timeframe=length,
        start_ns=start_ns,
        end_ns=start_ns + length.length_ns,
        open=open,
        high=high,
        low=low,
        close=close,
        volume=volume,
        **fields,
    )


def lines(p: mtf.Pipeline, timeframe: str = "1m") -> list[str]:
    """Return the bars of X in words, the one that forms too."""
    state = p.snapshot("X")[timeframe]
    bars = [*state.bars, *([state.partial] if state.partial is not None else [])]
    return [
        f"{(bar.start_ns - at('10:00')) // MINUTE_NS} "
        f"{bar.open:g}/{bar.high:g}/{bar.low:g}/{bar.close:g} v{bar.volume:g}"
        + (" incomplete" if bar.incomplete else "")
        + (" from_bars" if bar.from_bars else "")
        for bar in bars
    ]


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_pushed_bar_is_logged_as_four_events_and_answered_with_the_seq_of_its_close() -> None:
    async with mtf.Pipeline(**LIVE, clock="ticks") as p:
        assert await p.push(kline("10:00")) == 4
        assert await p.push(kline("10:01", "2/2/2/2")) == 8
        await p.applied(8)
        assert lines(p) == ["0 1/4/0.5/2 v7 from_bars", "1 2/2/2/2 v7 from_bars"]
        assert lines(p, "5m") == ["0 1/4/0.5/2 v14 from_bars"]
        assert (p.seq, p.summary().ticks) == (8, 8)


async def test_iterables_hold_bars_and_ticks_alike() -> None:
    """A history of klines, then trades."""
    stream: list[mtf.Tick | mtf.Bar] = [kline("10:00"), kline("10:01"), mtf.Tick("X", at("10:02"), price=3.0, size=1.0)]
    async with mtf.Pipeline(**LIVE, clock="ticks") as p:
        summary = await p.run(stream)
        assert (summary.events, summary.ticks) == (9, 9)
        assert lines(p) == ["0 1/4/0.5/2 v7 from_bars", "1 1/4/0.5/2 v7 from_bars", "2 3/3/3/3 v1"]


async def test_pushed_and_read_bars_are_the_same_log() -> None:
    stream = [kline("10:00"), kline("10:01"), kline("10:01"), kline("10:00", "1/5/1/1")]
    async with mtf.Pipeline(**LIVE, clock="ticks") as pushed, mtf.Pipeline(**LIVE, clock="ticks") as read:
        for bar in stream:
            await pushed.push(bar)
        await pushed.drain()
        await read.run(stream)
        assert pushed.digest == read.digest
        assert pushed.summary().rejected == read.summary().rejected == {"duplicate": 1, "late": 1}


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"start": "2024-03-06 00:00"}, datetime.date(2024, 3, 6)),  # midnight UTC is a date
        ({"start": "2024-03-05 22:00"}, datetime.date(2024, 3, 6)),  # any other start an instant
        ({"start": "2024-03-05 21:59"}, datetime.date(2024, 3, 5)),
        ({"start": "2024-03-05 10:00", "trading_day": datetime.date(2024, 3, 7)}, datetime.date(2024, 3, 7)),
        ({"start": "2024-03-06 00:00", "trading_day": datetime.date(2024, 3, 7)}, datetime.date(2024, 3, 7)),
    ],
)
async def test_day_bar_belongs_to_its_trading_day_or_date_or_instant(
    fields: dict[str, Any], day: datetime.date
) -> None:
    async with mtf.Pipeline(calendar="fx", timeframes=["1d"], clock="ticks") as p:
        await p.applied(await p.push(kline(timeframe="1d", **fields)))
        partial = p.snapshot("X")["1d"].partial
        assert partial is not None
        assert partial.trading_day == day


async def test_bars_of_mtf_can_be_fed_back() -> None:
    """What one pipeline completed is another's input: days of fx, that begin the evening before."""
    ticks = [mtf.Tick("X", at(f"2024-03-{day:02} 12:00"), 1.0 + day, 1.0 + day) for day in (4, 5, 6, 7, 8, 11)]
    async with mtf.Pipeline(calendar="fx", timeframes=["1d", "1w"], clock="ticks") as first:
        await first.run(ticks)
        days = list(first.snapshot("X")["1d"].bars)
        weeks = list(first.snapshot("X")["1w"].bars)
    assert (len(days), len(weeks)) == (5, 1)
    async with mtf.Pipeline(calendar="fx", timeframes=["1d", "1w"], clock="ticks") as second:
        await second.run(days)
        await second.clock(at("2024-03-09 12:00"))
        await second.drain()
        made = [*second.snapshot("X")["1d"].bars, *second.snapshot("X")["1w"].bars]
    assert [(bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close) for bar in made] == [
        (bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close) for bar in [*days, *weeks]
    ]


REFUSED: Final[list[tuple[Any, str]]] = [
    (kline("10:00", volume=float("inf")), "a number is NaN or infinite"),
    (
        mtf.PartialBar(
            symbol="X",
            timeframe=mtf.Timeframe("1m"),
            start_ns=0,
            end_ns=MINUTE_NS,
            open=1.0,
            high=1.0,
            low=1.0,
            close=1.0,
            time_ns=5,
        ),
        "PartialBar is not an event",
    ),
    ("a bar", "str is not an event"),
]


@pytest.mark.parametrize(("event", "reason"), REFUSED)
async def test_bar_that_cannot_be_is_refused_and_has_no_seq(event: Any, reason: str) -> None:
    """Counted as one malformed row, not as four."""
    async with mtf.Pipeline(**LIVE, clock="ticks") as p:
        with pytest.raises(MalformedEvent, match=reason):
            await p.push(event)
        assert p.logged_seq == 0
        assert p.summary().rejected == {"malformed": 1}
        assert await p.push(kline("10:00")) == 4


async def test_straddling_bar_raises_and_the_pipeline_goes_on() -> None:
    async with mtf.Pipeline(calendar="crypto", timeframes=["15m"], clock="ticks") as p:
        with pytest.raises(
            StraddlingBar, match="X: the bar 2024-03-06 10:10 to 2024-03-06 10:20 UTC lies in two bars of 15m"
        ):
            await p.push(kline("10:10", timeframe="10m"))
        assert await p.push(kline("10:00", timeframe="10m")) == 4


async def test_timeframe_that_was_asked_for_and_gets_nothing_is_an_error() -> None:
    async with mtf.Pipeline(calendar="crypto", timeframes=["1m", "1h"], clock="ticks") as p:
        with pytest.raises(ConfigError, match="the bars last 1h: no bars of 1m can be built from them"):
            await p.push(kline("10:00", timeframe="1h"))
        assert p.logged_seq == 0


async def test_default_timeframe_that_gets_nothing_is_a_note() -> None:
    async with mtf.Pipeline(calendar="crypto", clock="ticks") as p:
        for hour in range(10, 13):
            await p.push(kline(f"{hour}:00", timeframe="1h"))
        await p.drain()
        assert [note for note in p.notes if "1h" in note] == [
            "the source has bars of 1h: 1m to 15m get no bars from it"
        ]
        assert p.snapshot("X")["1m"].partial is None
        assert len(p.snapshot("X")["1h"].bars) == 2


async def test_further_source_of_a_directory_may_leave_a_timeframe_empty(tmp_path: Path) -> None:
    """Asked for when it was made; now a source of hours comes beside one of minutes: a note."""
    settings: dict[str, Any] = {"calendar": "crypto", "timeframes": ["1m", "1h"], "clock": "ticks"}
    async with mtf.Pipeline(data=tmp_path / "data", **settings) as p:
        await p.run([kline("10:00")], name="minutes")
    async with mtf.Pipeline(data=tmp_path / "data", **settings) as p:
        await p.run([kline("11:00", timeframe="1h")], name="hours")
        assert [note for note in p.notes if "1h" in note] == ["the source has bars of 1h: 1m get no bars from it"]
        assert p.summary().rejected == {}


async def test_kline_that_still_forms_is_no_bar_and_trades_after_it_fill_its_own() -> None:
    """At 10:30:20 an exchange sends the present minute as the last row: no trade behind it is late."""
    wall = FakeClock(at("10:30:20"))
    async with mtf.Pipeline(**LIVE, wall=wall) as p:
        for start in ("10:28", "10:29", "10:30"):
            await p.push(kline(start, volume=20.0))
        for second in range(20, 60):
            wall.go_to(at(f"10:30:{second}"))
            await p.push(mtf.Tick("X", at(f"10:30:{second}"), price=3.0, size=1.0))
        wall.go_to(at("10:31"))
        await p.applied(await p.push(mtf.Tick("X", at("10:31"), price=3.0, size=1.0)))
        assert lines(p) == [
            "28 1/4/0.5/2 v20 from_bars",
            "29 1/4/0.5/2 v20 from_bars",
            "30 3/3/3/3 v40 incomplete",
            "31 3/3/3/3 v1",
        ]
        assert p.summary().rejected == {"unfinished": 1}


async def test_klines_that_are_asked_for_again_and_again_make_whole_bars() -> None:
    """The last two every 20 seconds: what forms is logged and counts for nothing, what is complete leaves no mark."""
    wall = FakeClock(at("10:00"))
    async with mtf.Pipeline(**LIVE, wall=wall) as p:
        for k in range(18):
            minute = k // 3
            wall.go_to(at(f"10:{minute:02}:{20 * (k % 3) + 10}"))
            if minute:
                await p.push(kline(f"10:{minute - 1:02}", f"{minute}/{minute}/{minute}/{minute}", 40.0))
            await p.push(kline(f"10:{minute:02}", "9/9/9/9", float(k)))
        await p.drain()
        assert lines(p) == [f"{minute - 1} {minute}/{minute}/{minute}/{minute} v40 from_bars" for minute in range(1, 6)]
        assert lines(p, "5m") == ["0 1/5/1/5 v200 from_bars"]
        assert p.summary().rejected == {"duplicate": 10, "unfinished": 18}


async def test_complete_kline_closes_at_its_end_in_live_use() -> None:
    """It comes within moments of its end: the timer closes what is due a grace later, with no further event."""
    wall = FakeClock(at("10:01:00.2"))
    async with mtf.Pipeline(**LIVE, wall=wall) as p:
        await p.push(kline("10:00"))
        await settle()
        assert len(p.snapshot("X")["1m"].bars) == 0
        wall.go_to(at("10:01:00.5"))
        await settle()
        assert len(p.snapshot("X")["1m"].bars) == 1
        assert p.snapshot("X").time_ns == at("10:01")


async def test_ticks_of_another_kind_than_the_bars_are_refused_at_price_auto() -> None:
    """Quotes behind bars of trades would move time and change nothing, for ever and silently."""
    async with mtf.Pipeline(**LIVE, clock="ticks") as p:
        await p.push(kline("10:00"))
        with pytest.raises(KindChanged, match=r"X: its bars are made of trades.*choose which prices count"):
            await p.push(mtf.Tick("X", at("10:01"), 1.0, 1.0))
        await p.push(mtf.Tick("X", at("10:01"), price=1.0))
        await p.push(mtf.Tick("Y", at("10:01"), 1.0, 1.0))
    async with mtf.Pipeline(**LIVE, clock="ticks", price="last") as p:
        await p.push(kline("10:00"))
        assert await p.push(mtf.Tick("X", at("10:01"), 1.0, 1.0)) == 5


@pytest.mark.parametrize("checkpoint", [False, True])
async def test_restart_remembers_bars_what_is_unfinished_and_what_decided(tmp_path: Path, checkpoint: bool) -> None:
    """From the log as from a checkpoint: what comes again is a duplicate, and what was missing is."""
    settings: dict[str, Any] = {**LIVE, "checkpoint_seconds": None}
    wall = FakeClock(at("10:02:10"))
    async with mtf.Pipeline(data=tmp_path / "data", wall=wall, **settings) as p:
        for start in ("10:00", "10:01", "10:02"):
            await p.push(kline(start))
        if checkpoint:
            await p.checkpoint()
    async with mtf.Pipeline(data=tmp_path / "data", wall=wall, **settings) as p:
        await p.push(kline("10:01"))
        with pytest.raises(KindChanged):
            await p.push(mtf.Tick("X", at("10:02:10"), 1.0, 1.0))
        await p.applied(await p.push(mtf.Tick("X", at("10:02:10"), price=3.0)))
        assert lines(p)[1:] == ["1 1/4/0.5/2 v7 from_bars", "2 3/3/3/3 v0 incomplete"]
        assert p.summary().rejected == {"unfinished": 1, "duplicate": 1}


async def test_bars_survive_the_history_with_their_flag(tmp_path: Path) -> None:
    """CSV, JSON and SQLite say of a bar that it is made of bars."""
    async with mtf.Pipeline(data=tmp_path / "data", **LIVE, clock="ticks") as p:
        await p.run([kline("10:00"), mtf.Tick("X", at("10:01"), price=3.0), mtf.Tick("X", at("10:02"), price=3.0)])
    (page,) = history_of(tmp_path / "data").pages("X", "1m")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in page]
    assert [(row["open"], row["ticks"], row["from_bars"]) for row in rows] == [(1.0, 4, 1), (3.0, 1, 0)]


@pytest.mark.parametrize("block_events", [1, 3, 4, 5])
async def test_bar_is_never_parted_by_what_is_pushed_at_the_same_time(block_events: int) -> None:
    """Its events have consecutive seqs, whatever else comes and however small blocks are."""
    seen: list[tuple[str, float | None]] = []

    class Seen(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            seen.append((tick.symbol, tick.price))

    async with mtf.Pipeline(calendar="crypto", timeframes=["1m"], clock="ticks", block_events=block_events) as p:
        p.add(Seen())
        await asyncio.gather(
            *(p.push(kline(f"10:{minute:02}")) for minute in range(6)),
            *(p.push(mtf.Tick("Y", at("10:00") + k, price=9.0)) for k in range(6)),
        )
        await p.drain()
    starts = [k for k, (symbol, price) in enumerate(seen) if symbol == "X" and price == 1.0]
    assert len(starts) == 6
    for start in starts:
        assert seen[start : start + 4] == [("X", 1.0), ("X", 4.0), ("X", 0.5), ("X", 2.0)]
