"""A replay is a beginning: what is pushed after it continues from there, and no clock of today has a say in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.actors.timer import GRACE_NS
from mtf.errors import ConfigError, OutOfOrder, UnknownSymbol
from mtf.storage.restore import engine_at
from tests.alive import run_of
from tests.builders import SECOND_NS, at, events
from tests.fake_clock import FakeClock
from tests.storage.builders import feed, market, row_bits

EVENTS: Final = market(31, 300)
CUT: Final = 180


def pipeline(data: Path | None = None, **options: Any) -> mtf.Pipeline:
    return mtf.Pipeline(data=data, clock="ticks", **{"checkpoint_seconds": None, **options})


async def logged(data: Path, count: int = CUT) -> Path:
    async with pipeline(data) as p:
        await feed(p, EVENTS[:count])
    return data


def all_bits(p: mtf.Pipeline) -> dict[str, Any]:
    return {symbol: row_bits(p.snapshot(symbol)) for symbol in p.symbols}


class Bars(mtf.Consumer):
    name = "bars"

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.told.append((view.seq, bar.symbol, bar.timeframe.name, bar.start_ns, bar.close, bar.ticks))


@pytest.mark.parametrize("workers", [0, 2])
async def test_pushes_after_a_replay_go_on_as_one_run_over_both(tmp_path: Path, workers: int) -> None:
    """Warm up from a log, then live: the same bars, seqs and digest, new symbols too."""
    whole, parted = Bars(), Bars()
    async with pipeline(indicators=["sma:3", "rsi:4"]) as p:
        p.add(whole)
        await feed(p, EVENTS)
        await p.drain()
        expected = (p.seq, p.digest, p.symbols, all_bits(p), p.summary().rejected)
    log = tmp_path / "log"
    async with pipeline(log, indicators=["sma:3", "rsi:4"]) as p:
        await feed(p, EVENTS[:CUT])
    async with pipeline(indicators=["sma:3", "rsi:4"], workers=workers) as p:
        p.add(parted)
        summary = await p.replay(log)
        assert (summary.events, summary.new_events) == (CUT, CUT)
        assert await feed(p, EVENTS[CUT:]) == len(EVENTS)
        await p.drain()
        assert (p.seq, p.digest, p.symbols, all_bits(p), p.summary().rejected) == expected
    assert parted.told == whole.told


@pytest.mark.parametrize("until", [1, 2, 50, CUT, CUT + 100])
@pytest.mark.parametrize("start", [1, 30])
async def test_pushes_after_a_part_of_a_log_go_on_from_its_end(tmp_path: Path, start: int, until: int) -> None:
    """With `until` and `start` alike: the state is that of the events up to there."""
    if until < start:
        return
    await logged(tmp_path)
    end = min(until, CUT)
    async with pipeline() as p:
        await feed(p, [*EVENTS[:end], *EVENTS[CUT:]])
        await p.drain()
        expected = (p.seq, p.digest, all_bits(p))
    async with pipeline() as p:
        await p.replay(tmp_path, start=start, until=until)
        assert p.seq == end
        await feed(p, EVENTS[CUT:])
        await p.drain()
        assert (p.seq, p.digest, all_bits(p)) == expected


@pytest.mark.parametrize("workers", [0, 1, 3])
async def test_pushes_after_a_replay_up_to_a_time_go_on_from_each_symbols_state_then(
    tmp_path: Path, workers: int
) -> None:
    """What was stamped later is as if it had not come: the bars are those of the events before and the pushed ones."""
    stream = events("A:10:00:10@1 B:10:00:20@5 A:10:01:30@2 B:10:02:10@6 A:10:03@3 C:10:04@7")
    later = events("A:10:02:30@4 B:10:02:20@8 C:10:05@9 A:10:06@5 B:10:06@6 C:10:07@7")
    settings: dict[str, Any] = {"calendar": "crypto", "timeframes": ["1m"], "indicators": ["sma:2"]}

    def said(p: Any) -> dict[str, list[Any]]:
        states = {name: p.snapshot(name)["1m"] for name in "ABC"}
        return {
            name: [[(bar.start_ns, bar.close) for bar in state.bars], list(state.history("sma_2"))[1:], f"{state.live}"]
            for name, state in states.items()
        }

    async with pipeline(tmp_path, **settings) as p:
        await feed(p, stream)
    async with pipeline(**settings) as p:
        await feed(p, [event for event in stream if event.ts_ns <= at("10:02:15")])
        await feed(p, later)
        await p.drain()
        expected = said(p)
    async with pipeline(**settings, workers=workers) as p:
        await p.replay(tmp_path, until_ns=at("10:02:15"))
        with pytest.raises(UnknownSymbol):
            p.snapshot("C")
        await feed(p, later)
        await p.drain()
        found = said(p)
        assert p.summary().rejected == {}
    assert found == expected


async def test_pushes_beside_a_replay_wait_for_its_end(tmp_path: Path) -> None:
    """They are not in the middle of it, and keep the order of their calls."""
    await logged(tmp_path)
    async with pipeline() as p:
        await feed(p, EVENTS)
        await p.drain()
        expected = p.digest
    async with pipeline(block_events=7) as p:
        replaying = asyncio.create_task(p.replay(tmp_path))
        await asyncio.sleep(0)
        pushes = [asyncio.create_task(feed(p, [event])) for event in EVENTS[CUT:]]
        assert await asyncio.gather(*pushes) == list(range(CUT + 1, len(EVENTS) + 1))
        assert (await replaying).events == CUT
        await p.drain()
        assert p.digest == expected


@pytest.mark.parametrize("kind", ["replay", "run"])
async def test_nothing_else_is_read_beside_a_replay(tmp_path: Path, kind: str) -> None:
    """Two logs, or a log and a file, at once would be one in no order."""
    await logged(tmp_path)
    async with pipeline(block_events=7) as p:
        replaying = asyncio.create_task(p.replay(tmp_path))
        while not p.seq:  # noqa: ASYNC110 - it has begun
            await asyncio.sleep(0)
        if kind == "replay":
            with pytest.raises(ConfigError, match="a replay needs a new pipeline"):
                await p.replay(tmp_path)
        else:
            with pytest.raises(OutOfOrder, match="another source is being read"):
                await p.run([event for event in EVENTS[CUT:] if isinstance(event, mtf.Tick)])
        assert (await replaying).events == CUT


@pytest.mark.parametrize("block_events", [1, 7])
async def test_replay_that_is_given_up_leaves_a_whole_state_to_go_on_from(tmp_path: Path, block_events: int) -> None:
    """At whatever moment: the block that is in progress goes through, and pushes follow it."""
    await logged(tmp_path)

    class Slow(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)

    for turns in (1, 10, 60, 200):
        async with pipeline(block_events=block_events) as p:
            p.add(Slow())
            replaying = asyncio.create_task(p.replay(tmp_path))
            while p.seq < 1:  # noqa: ASYNC110 - it has begun
                await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            replaying.cancel()
            await asyncio.wait([replaying])
            at_seq = p.logged_seq
            await p.drain()
            assert p.seq == at_seq
            assert p.digest == engine_at(tmp_path, seq=at_seq).digest.value()
            assert await feed(p, EVENTS[CUT : CUT + 20]) == at_seq + 20
            await p.drain()


# Clocks


LIVE: Final[dict[str, Any]] = {"calendar": "crypto", "timeframes": ["1m", "5m"], "clock": "both"}


async def live_log(data: Path) -> mtf.Summary:
    """Log live ticks of two symbols, and the clock events that the timer makes for them."""
    wall = FakeClock(at("10:00"))
    async with mtf.Pipeline(data=data, wall=wall, checkpoint_seconds=None, **LIVE) as p:
        for second in range(0, 200, 7):
            wall.go_to(at("10:00") + second * SECOND_NS)
            await p.push(mtf.Tick("AB"[second % 2], at("10:00") + second * SECOND_NS, price=1.0 + second))
            await p.drain()
        return p.summary()


async def test_timer_makes_no_event_while_a_log_with_live_ticks_is_replayed_nor_after_it(tmp_path: Path) -> None:
    """Its own are in it, and what it left open is over only once something comes: the digest stays that of the run."""
    original = await live_log(tmp_path)
    assert original.clocks > 0
    wall = FakeClock(at("2024-06-01 10:00"))
    async with mtf.Pipeline(wall=wall, block_events=1, **LIVE) as p:
        summary = await p.replay(tmp_path)
        assert (summary.digest, summary.clocks) == (original.digest, original.clocks)
        for _ in range(20):
            wall.pass_ns(SECOND_NS)
            await asyncio.sleep(0)
        assert (p.digest, p.seq) == (original.digest, original.seq)
        now_ns = wall.now_ns()
        await p.push(mtf.Tick("A", now_ns, price=9.0))  # live again: what is due closes by the clock
        await p.drain()
        wall.pass_ns(400 * SECOND_NS)
        for _ in range(20):
            wall.pass_ns(1)
            await asyncio.sleep(0)
        await p.drain()
        assert p.snapshot("A")["5m"].partial is None
        assert p.summary().clocks > original.clocks


async def test_timer_makes_no_event_while_a_log_with_live_ticks_is_recovered(tmp_path: Path) -> None:
    """Nor after it, until something is pushed: ticks that were missed meanwhile may come first, and are not late."""
    original = await live_log(tmp_path)
    wall = FakeClock(at("2024-06-01 10:00"))
    seen: list[tuple[int, bool]] = []

    class Watching(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            wall.pass_ns(SECOND_NS)
            await asyncio.sleep(0)

        async def on_clock(self, ts_ns: int, view: mtf.View) -> None:
            seen.append((view.seq, view.recovering))

    async with mtf.Pipeline(data=tmp_path, wall=wall, checkpoint_seconds=None, block_events=1, **LIVE) as p:
        p.add(Watching())
        await run_of(p).ready()
        assert (p.seq, p.digest) == (original.seq, original.digest)
        assert len(seen) == original.clocks
        assert all(recovering for _, recovering in seen)
        for _ in range(5):
            wall.pass_ns(GRACE_NS)
            await p.drain()
        assert p.snapshot("A")["5m"].partial is not None
        assert p.summary().clocks == original.clocks


# What cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 10, "until": 5}, "start=10, until=5: start must be 1 or more, and not after until"),
        ({"start": 0}, "start must be 1 or more"),
        ({"start": -1, "until": 3}, "start must be 1 or more"),
        ({"until": 0}, "not after until"),
        ({"speed": 0}, "speed must be above 0 and finite, .* got 0"),
        ({"speed": float("nan")}, "speed must be above 0 and finite, .* got nan"),
        ({"speed": float("inf")}, "speed must be above 0 and finite, .* got inf"),
        ({"start": CUT + 2}, f"the log ends at seq {CUT}"),
        ({"start": 2.5}, "start must be an int"),
        ({"until": True}, "until must be an int"),
        ({"until_ns": "10:00"}, "until_ns must be an int"),
    ],
)
async def test_replay_that_cannot_be_is_refused_and_the_pipeline_stays_as_it_was(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    await logged(tmp_path)
    async with pipeline() as p:
        with pytest.raises(ConfigError, match=message):
            await p.replay(tmp_path, **options)
        assert p.seq == 0
        assert (await p.replay(tmp_path)).events == CUT


@pytest.mark.parametrize("start", [1, 30])
async def test_replay_may_begin_after_consumers_have(tmp_path: Path, start: int) -> None:
    """`drain` starts them, and shows them nothing: they begin where the replay does."""
    await logged(tmp_path)
    bars = Bars()
    async with pipeline() as p:
        p.add(bars)
        await p.drain()
        await p.replay(tmp_path, start=start)
        assert bars.told
        assert all(seq >= start for seq, *_ in bars.told)
