"""Slow, silent and forgetful consumers: a checkpoint leaves them out or waits, and none of them misses an event."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mtf.actors.consumer import Consumer
from mtf.errors import PipelineStopped
from mtf.frames.frame import Frame
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from tests.alive import checkpointer_of
from tests.storage.builders import Crashed, FakeWall, at_rest, feed, market, until_crash

EVENTS = market(5, 200)


def pipeline_of(data: Path, **options: Any) -> Pipeline:
    return Pipeline(data=data, clock="ticks", **{"checkpoint_seconds": None, **options})


class Counting(Consumer):
    """Counts rows; its save and its work go on only while the gates are open."""

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.seqs: list[int] = []
        self.loaded = 0  # seq that it had when it was saved
        self.working = asyncio.Event()
        self.saving = asyncio.Event()
        self.working.set()
        self.saving.set()

    async def on_frame(self, frame: Frame) -> None:
        await self.working.wait()
        self.seqs += range(frame.first_seq, frame.last_seq + 1)

    async def save(self) -> bytes:
        await self.saving.wait()
        return str(self.seqs[-1] if self.seqs else self.loaded).encode()

    def load(self, state: bytes) -> None:
        self.loaded = int(state)


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_checkpoint_waits_for_a_consumer_that_is_behind(tmp_path: Path) -> None:
    """The state it then saves is as of the marker, not as of the newest event."""
    with until_crash():
        async with pipeline_of(tmp_path) as pipeline:
            slow = Counting()
            pipeline.add(slow)
            await feed(pipeline, EVENTS[:3])
            slow.working.clear()
            await feed(pipeline, EVENTS[3:6])
            taking = asyncio.create_task(pipeline.checkpoint())
            await turns()
            assert not taking.done()
            await feed(pipeline, EVENTS[6:8])
            slow.working.set()
            assert await taking == 6
            raise Crashed
    again = Counting()
    async with pipeline_of(tmp_path) as pipeline:
        pipeline.add(again)
    assert (again.loaded, again.seqs) == (6, [7, 8])


async def test_consumer_that_does_not_answer_is_left_out_after_ten_seconds_and_misses_nothing(tmp_path: Path) -> None:
    """Where it takes part again, that checkpoint is not started from; where it does not, it is."""
    wall = FakeWall()
    with until_crash():
        async with pipeline_of(tmp_path, wall=wall) as pipeline:
            silent = Counting("silent")
            pipeline.add(silent)
            await feed(pipeline, EVENTS[:5])
            assert await pipeline.checkpoint() == 5
            await feed(pipeline, EVENTS[5:9])
            await at_rest(pipeline)
            silent.saving.clear()
            taking = asyncio.create_task(pipeline.checkpoint())
            await turns()
            wall.advance(9.99)
            await turns()
            assert not taking.done()
            wall.advance(0.02)
            assert await taking == 9
            silent.saving.set()  # answers late, into nothing
            await turns()
            raise Crashed
    found = FileCheckpointStore(tmp_path / "checkpoints").read(9)
    assert found.meta["left_out"] == ["silent"]
    assert "consumer:silent" not in found.parts
    assert ["the checkpoint of seq 9 does not include silent" in note for note in pipeline.notes] == [True]
    with until_crash():
        async with pipeline_of(tmp_path) as pipeline:
            again = Counting("silent")
            pipeline.add(again)
            await pipeline.drain()
            assert [skipped.reason for skipped in pipeline.skipped_checkpoints] == ["a consumer has not reached it yet"]
            raise Crashed
    assert (again.loaded, again.seqs) == (5, [6, 7, 8, 9])
    async with pipeline_of(tmp_path) as pipeline:
        other = Counting("other")
        pipeline.add(other)
    assert other.seqs == []


async def test_ten_seconds_count_from_when_the_cores_are_done(tmp_path: Path) -> None:
    """A marker that waits behind blocks has not the cores' state: a checkpoint without it would be none."""
    wall = FakeWall()
    with until_crash():
        async with pipeline_of(tmp_path, wall=wall) as pipeline:
            slow = Counting()
            pipeline.add(slow)
            await feed(pipeline, EVENTS[:1])
            slow.working.clear()
            pushing = asyncio.create_task(feed(pipeline, EVENTS[1:60]))
            await turns(200)
            assert not pushing.done()  # every mailbox is full
            taking = asyncio.create_task(pipeline.checkpoint())
            await turns(200)
            wall.advance(11)
            await turns(200)
            assert not taking.done()
            slow.working.set()
            seq = await taking
            assert await pushing == 60
            raise Crashed
    again = Counting()
    async with pipeline_of(tmp_path) as pipeline:
        pipeline.add(again)
        await pipeline.drain()
        assert pipeline.skipped_checkpoints == []
    assert (again.loaded, again.seqs) == (seq, list(range(seq + 1, 61)))


class Keeping(Counting):
    """Knows by itself how far it has come."""

    def __init__(self, kept_seq: int | None) -> None:
        super().__init__("keeping")
        self.kept_seq = kept_seq

    def committed_seq(self) -> int | None:
        return self.kept_seq


@pytest.mark.parametrize(("position", "from_seq"), [(None, 121), (150, 121), (120, 121), (119, 81), (40, 41), (0, 1)])
async def test_recovery_starts_no_later_than_the_position_of_any_consumer(
    tmp_path: Path, position: int | None, from_seq: int
) -> None:
    """It has its effects up to there only; what comes after is shown to it again, marked recovering."""
    async with pipeline_of(tmp_path) as pipeline:
        for end in (40, 80, 120):
            await feed(pipeline, EVENTS[end - 40 : end])
            await pipeline.checkpoint()
        await feed(pipeline, EVENTS[120:150])
        checkpointer_of(pipeline).seq = 150  # no checkpoint at the end
    keeping, plain = Keeping(position), Counting("plain")
    async with pipeline_of(tmp_path) as pipeline:
        pipeline.add(keeping)
        pipeline.add(plain)
        assert await feed(pipeline, EVENTS[150:155]) == 155
        await pipeline.drain()
        assert keeping.seqs == plain.seqs == list(range(from_seq, 156))


async def test_periodic_checkpoints_come_by_the_wall_clock_and_by_the_count(tmp_path: Path) -> None:
    """Only if there is something new."""
    wall = FakeWall()
    store = FileCheckpointStore(tmp_path / "checkpoints")
    async with pipeline_of(tmp_path, wall=wall, checkpoint_seconds=60, checkpoint_events=20) as pipeline:
        await feed(pipeline, EVENTS[:5])
        for seconds, expected in ((59.9, []), (0.2, [5]), (60, [5]), (60, [5])):
            wall.advance(seconds)
            await settled(pipeline)
            assert store.list() == expected
        await feed(pipeline, EVENTS[5:24])
        await settled(pipeline)
        assert store.list() == [5]
        await feed(pipeline, EVENTS[24:25])
        await settled(pipeline)
        assert store.list() == [5, 25]
        await feed(pipeline, EVENTS[25:27])
        wall.advance(60)
        await settled(pipeline)
        assert store.list() == [5, 25, 27]
    assert store.list() == [5, 25, 27]
    assert wall.timers == []


async def settled(pipeline: Pipeline) -> None:
    """Wait for the checkpoint that is being taken, if any."""
    await turns()
    task = checkpointer_of(pipeline)._due_task
    if task is not None:
        await task


async def test_failed_checkpoint_is_a_warning_and_the_pipeline_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock, once a turn: the log is good, and the next start goes on."""
    wall = FakeWall()
    failed = asyncio.Event()

    def full(self: FileCheckpointStore, *arguments: object) -> None:
        loop.call_soon_threadsafe(failed.set)
        raise OSError(28, "No space left on device")

    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(FileCheckpointStore, "save", full)
        async with pipeline_of(tmp_path, wall=wall, checkpoint_seconds=1) as pipeline:
            await feed(pipeline, EVENTS[:5])
            wall.advance(1)
            await asyncio.wait_for(failed.wait(), 60)
            await feed(pipeline, EVENTS[5:6])
            assert pipeline.seq == 6
    assert ["No space left" in note for note in pipeline.notes] == [True]
    async with pipeline_of(tmp_path) as pipeline:
        await pipeline.drain()
        assert pipeline.seq == 6


async def test_checkpoint_that_waits_its_turn_when_the_pipeline_fails_lets_it_stop(tmp_path: Path) -> None:
    """A marker sent to actors that have ended would be waited for for ever."""
    with until_crash():
        async with pipeline_of(tmp_path) as pipeline:
            silent = Counting()
            pipeline.add(silent)
            await feed(pipeline, EVENTS[:5])
            silent.saving.clear()
            tasks = [asyncio.create_task(pipeline.checkpoint()) for _ in range(2)]
            await turns()
            raise Crashed
    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
    assert all(isinstance(answer, PipelineStopped) for answer in answers)
