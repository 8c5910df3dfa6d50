"""Checkpoints: one at a time, whoever gives up waiting for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf import saved_parts
from mtf.actors.actor import Marker, MarkerKind
from mtf.actors.barriers import Answers
from mtf.image import Image
from mtf.pipeline.run import Run
from mtf.saved_parts import Part
from mtf.storage import checkpointer
from mtf.storage.checkpoint_files import FileCheckpointStore
from tests.actors.loops import LOOPS, on_loop
from tests.builders import ticks
from tests.storage.builders import FakeWall

TICKS = ticks("10:00:01@1.5 10:00:20@1.75 10:01:05@1.25 10:02:05@1.25")


class SlowDisk:
    """Holds up each checkpoint until `go_on` is set, and sees that no two are written at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = threading.Event()
        self.written: list[int] = []
        self.began = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._writing = threading.Lock()
        save = FileCheckpointStore.save

        def slowly(store: FileCheckpointStore, seq: int, meta: dict[str, Any], parts: Mapping[str, bytes]) -> Path:
            assert self._writing.acquire(blocking=False), "two at once"
            self._loop.call_soon_threadsafe(self.began.set)
            try:
                assert self.go_on.wait(20)
                return save(store, seq, meta, parts)
            finally:
                self.written.append(seq)
                self._writing.release()

        monkeypatch.setattr(FileCheckpointStore, "save", slowly)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_checkpoint_that_is_given_up_is_written_before_the_next(
    loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is cancelled ends the wait, and not the writing."""
    wall = FakeWall()

    async def life() -> list[int]:
        disk = SlowDisk(monkeypatch)
        async with mtf.Pipeline(data=tmp_path / "run", calendar="crypto", clock="ticks", wall=wall) as p:
            await p.push(TICKS[0])
            given_up = asyncio.create_task(p.checkpoint())
            await disk.began.wait()
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            await p.push(TICKS[1])
            second = asyncio.create_task(p.checkpoint())
            wall.advance(61)  # and one is due by the clock
            await p.push(TICKS[2])
            third = asyncio.create_task(p.checkpoint())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(third, 0.01)
            assert disk.written == []
            disk.go_on.set()
            assert await second >= 2
            await p.push(TICKS[3])
        return disk.written

    written = on_loop(loop, life)
    assert written[0] == 1
    assert written == sorted(set(written))
    assert written[-1] == 4
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("checkpoint-*"))
    assert [int(name[len("checkpoint-") : -len(".mtf")]) for name in names] == written[-3:]


async def test_what_was_written_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A market's state takes hundreds of megabytes, and the marker that gathered it stays with the actors."""
    images: list[Image] = []
    markers: list[Marker] = []
    mark = Run.mark

    def parts_of(found: Mapping[str, Image], others: Mapping[str, bytes]) -> dict[str, Part]:
        images.extend(found.values())
        return saved_parts.parts_of(found, others)

    async def marked(run: Run, kind: MarkerKind, timeout_ns: int | None = None) -> tuple[Marker, Answers]:
        marker, answers = await mark(run, kind, timeout_ns)
        markers.append(marker)
        assert marker.images or kind is not MarkerKind.CHECKPOINT
        return marker, answers

    monkeypatch.setattr(checkpointer, "parts_of", parts_of)
    monkeypatch.setattr(Run, "mark", marked)
    async with mtf.Pipeline(data=tmp_path / "run", calendar="crypto", clock="ticks", indicators=["ema:2"]) as p:
        for tick in TICKS:
            await p.push(tick)
        await p.checkpoint()
        assert len(images) == 1 + 3 * 6  # the gate, and of each timeframe bars, indicators and values
        assert all(image.is_complete() and not image.windows for image in images)
        assert [len(marker.images) for marker in markers] == [0]
