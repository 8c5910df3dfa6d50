"""One reader beside a writer: each answer is that of a reader opened just then, and costs only what came since."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

import mtf
from mtf.data import newest
from mtf.data.newest import Newest
from mtf.events.block import Block
from mtf.storage.datadir import DataDir, storage_of
from mtf.storage.restore import closed_between, engine_at, engine_before, entries_of
from tests.builders import SECOND_NS, at
from tests.fake_clock import FakeClock

SYMBOLS = ("A", "B", "C")
SETTINGS: dict[str, Any] = {
    "timeframes": "1m,5m",
    "calendar": "crypto",
    "clock": "ticks",
    "indicators": ["sma:3", "rsi:5"],
    "checkpoint_seconds": None,
}


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log in segments of few events, so that retention removes some."""
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 2_000)


def writer(data: Path, **more: Any) -> mtf.Pipeline:
    return mtf.Pipeline(data=data, wall=FakeClock(at("10:00")), **SETTINGS, **more)


def stream(random: Random, count: int) -> Iterator[mtf.Tick]:
    """Ticks of which one in five is rejected as late, and one symbol comes later."""
    now_ns = at("10:00")
    for number in range(count):
        now_ns += random.randrange(40) * SECOND_NS
        symbol = random.choice(SYMBOLS[: 2 if number < count // 2 else 3])
        late_ns = random.choice((0, 0, 0, 0, 600 * SECOND_NS))
        price = 100 + random.randrange(64) / 64
        yield mtf.Tick(symbol, now_ns - late_ns, price, price + 0.5)


def answers(reader: mtf.DataReader) -> list[str]:
    """What a reader says of everything, as text."""
    tables = (
        reader.bars(reader.symbols[0], "1m"),
        reader.bars(reader.symbols, ["5m", "10m"], indicators=True),
        reader.bars(reader.symbols[-1], "1m", last=2, indicators="sma_3"),
    )
    states = reader.states()
    return [
        *(repr((table.columns, [row for page in table.pages() for row in page])) for table in tables),
        repr([reader.state(symbol) for symbol in states.symbols]),
        repr(states),
    ]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "limits", [(1 << 16, 1 << 18), (40, 1 << 18), (1 << 16, 3)], ids=["", "few events", "few bars"]
)
async def test_answers_are_those_of_a_reader_opened_just_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], seed: int
) -> None:
    monkeypatch.setattr(newest, "EVENTS_MAX", limits[0])
    monkeypatch.setattr(newest, "CLOSED_MAX", limits[1])
    random = Random(seed)
    data = tmp_path / "run"
    async with writer(data) as pipeline:
        events = stream(random, 250)
        await pipeline.push(next(events))
        with mtf.open(data) as reader:
            follower, place = Newest(storage_of(data)), DataDir(data)
            for event in events:
                await pipeline.push(event)
                if random.random() < 0.02:
                    await pipeline.checkpoint()
                if random.random() > 0.05:
                    continue
                with mtf.open(data) as fresh:
                    assert answers(reader) == answers(fresh)
                last_seq = random.randint(max(1, pipeline.seq - 60), pipeline.seq)
                after_seq, bars_only = random.randint(0, last_seq), random.random() < 0.5
                found = list(follower.closed_between(after_seq, last_seq, bars_only=bars_only))
                expected = list(closed_between(place, after_seq, last_seq, bars_only=bars_only))
                assert [each[:2] for each in found] == [each[:2] for each in expected]
                if not bars_only:
                    assert repr(found) == repr(expected)


async def test_the_market_is_restored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again only if indicators are asked for, which it was restored without."""
    restored: list[bool] = []

    def counted(*arguments: Any, bars_only: bool) -> Any:
        restored.append(bars_only)
        return engine_before(*arguments, bars_only=bars_only)

    monkeypatch.setattr("mtf.data.newest.engine_before", counted)
    async with writer(tmp_path / "run") as pipeline:
        events = stream(Random(1), 60)
        await pipeline.push(next(events))
        with mtf.open(tmp_path / "run") as reader:
            for event in events:
                await pipeline.push(event)
                _ = list(reader.bars("A", "1m"))
            assert restored == [True]
            for _ in range(3):
                assert reader.state("A").seq == pipeline.seq
                _ = list(reader.bars("A", "1m"))
                _ = list(reader.bars("A", "1m", indicators=True))
            assert restored == [True, False]
            table = reader.bars("A", "1m")
        assert len(list(table)) > 2, "a table can be read once its reader is closed"
        assert reader._newest._engine is None


async def test_tables_of_one_reader_can_be_read_in_several_threads(tmp_path: Path) -> None:
    async with writer(tmp_path / "run") as pipeline:
        events = list(stream(Random(1), 390))
        await pipeline.push_many(events[:300])
        with mtf.open(tmp_path / "run") as reader:
            for k in range(300, 390, 30):
                await pipeline.push_many(events[k : k + 30])
                tables = [reader.bars(symbol, "1m") for symbol in ("A", "B", "A", "B")]
                reads = [asyncio.to_thread(list, table) for table in tables]
                found = await asyncio.gather(*reads, asyncio.to_thread(reader.state, "A"))
                with mtf.open(tmp_path / "run") as fresh:
                    assert found[:4] == [list(fresh.bars(symbol, "1m")) for symbol in ("A", "B", "A", "B")]
                    assert repr(found[4]) == repr(fresh.state("A"))


async def test_questions_about_states_hold_few_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may ask for them."""
    monkeypatch.setattr(newest, "IDLE_MAX", 20)
    async with writer(tmp_path / "run") as pipeline:
        follower = Newest(storage_of(tmp_path / "run"))
        for event in stream(Random(1), 300):
            await pipeline.push(event)
            with follower.engine(pipeline.seq) as engine:
                assert engine.joiner.seq == pipeline.seq
            assert len(follower._closed) <= 20
        expected = list(closed_between(tmp_path / "run", 250, 300))
        assert len(expected) > 20
        assert repr(follower.closed_between(250, 300, bars_only=False)) == repr(expected)


@pytest.mark.usefixtures("small_segments")
async def test_a_state_is_not_that_of_an_engine_without_the_past(tmp_path: Path) -> None:
    """Bars may have to be computed from the log's new beginning on; states are those after a checkpoint."""
    data = tmp_path / "run"
    async with writer(data, keep_events=10) as pipeline:
        events = list(stream(Random(1), 400))
        for k in range(0, 400, 40):
            await pipeline.push_many(events[k : k + 40])
            await pipeline.checkpoint()
    with mtf.open(data) as reader:
        first_seq, last_seq = reader.first_seq, reader.seq
    for path in sorted((data / "checkpoints").glob("checkpoint-*.mtf"))[:-1]:
        path.unlink()
    follower = Newest(storage_of(data))
    _ = follower.closed_between(first_seq, last_seq, bars_only=False)
    with follower.engine(last_seq) as engine:
        number = engine.number_of("A")
        assert repr(engine.snapshot(number)) == repr(engine_at(data).snapshot(number))


@pytest.mark.usefixtures("small_segments")
async def test_a_reader_that_slept_while_events_were_removed_is_right(tmp_path: Path) -> None:
    """What it would have to continue over is no longer in the log: it restores the market again."""
    data = tmp_path / "run"
    async with writer(data, keep_events=10) as pipeline:
        events = list(stream(Random(1), 400))
        await pipeline.push_many(events[:100])
        with mtf.open(data) as reader:
            _ = answers(reader)
            for k in range(100, 380, 20):
                await pipeline.push_many(events[k : k + 20])
                await pipeline.checkpoint()
            await pipeline.push_many(events[380:])
            assert reader.first_seq > 110
            with mtf.open(data) as fresh:
                assert answers(reader) == answers(fresh)


async def test_an_engine_that_was_interrupted_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Iterator[tuple[Block, Any]]:
        yield next(entries_of(*arguments, **options))
        raise KeyboardInterrupt

    async with writer(tmp_path / "run") as pipeline:
        await pipeline.push_many(stream(Random(1), 60))
        with mtf.open(tmp_path / "run") as reader, mtf.open(tmp_path / "run") as fresh:
            with monkeypatch.context() as patched:
                patched.setattr("mtf.data.newest.entries_of", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    _ = list(reader.bars("A", "1m"))
            assert answers(reader) == answers(fresh)
