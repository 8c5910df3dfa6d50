"""Closing: whatever goes wrong in one step of it, the others are done, and the error goes on."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.actors.supervisor import Supervisor
from mtf.errors import PipelineStopped
from mtf.log import FileLog, Writer
from mtf.pipeline.wiring import Wiring
from mtf.storage.checkpointer import Checkpointer
from mtf.storage.history.writer import HistoryWriter
from mtf.storage.malformed_rows import Aside
from tests.actors.loops import LOOPS, on_loop
from tests.builders import ticks

TICKS = ticks("10:00:01@1.5 10:00:20@1.75 10:01:05@1.25 10:02:05@1.25")
STEPS: list[tuple[type, str]] = [
    (Supervisor, "stop"),
    (Wiring, "close"),
    (Checkpointer, "stop"),
    (Writer, "close"),
    (Aside, "close"),
    (HistoryWriter, "close"),
]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("how", ["orderly", "raises", "cancelled"])
@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[f"{owner.__name__}.{step}" for owner, step in STEPS])
def test_a_step_that_fails_keeps_none_of_the_others_from_being_done(
    owner: type, step: str, how: str, loop: str, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is free, the history's thread is gone, and nobody waits who waited."""
    done = getattr(owner, step)

    async def fails_async(*args: Any) -> None:
        await done(*args)
        raise ZeroDivisionError

    def fails(*args: Any) -> None:
        done(*args)
        raise ZeroDivisionError

    monkeypatch.setattr(owner, step, fails if owner is Aside else fails_async)
    threads = set(threading.enumerate())
    p = mtf.Pipeline(data=disk / "run", calendar="crypto", clock="ticks", timeframes=["1m"], durability="os")
    waiting: list[asyncio.Task[None]] = []
    began = asyncio.Event()

    async def life() -> None:
        async with p:
            await p.run(TICKS)
            waiting.append(asyncio.create_task(p.applied(99)))
            await asyncio.sleep(0)
            began.set()
            if how == "raises":
                raise KeyError
            if how == "cancelled":
                await asyncio.sleep(3600)

    async def main() -> None:
        living = asyncio.create_task(life())
        await began.wait()
        if how == "cancelled":
            living.cancel()
        await asyncio.wait([living], timeout=20)
        with pytest.raises((ZeroDivisionError, asyncio.CancelledError)):
            await living
        with pytest.raises(PipelineStopped):
            await asyncio.wait_for(waiting[0], 20)

    on_loop(loop, main)
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
        assert not thread.is_alive(), thread.name
    log = FileLog.open(disk / "run" / "log", config=None)
    assert log.last_seq == 4
    log.close()
