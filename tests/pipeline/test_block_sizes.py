"""How many events of a source go through the actors at once, and that others get their turn in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.log import read_log
from mtf.pipeline import reading
from mtf.storage.datadir import LOG

START_NS = 1_710_000_000 * 10**9
SYMBOLS = 1_000
EVENTS = 3 * SYMBOLS
WITHOUT: dict[str, Any] = {}
WITH: dict[str, Any] = {"indicators": "sma:2"}


def ticks() -> list[mtf.Tick]:
    """Return three ticks of each symbol, a minute apart, all symbols in turn."""
    step_ns = 60 * 10**9 // SYMBOLS
    return [
        mtf.Tick(f"S{i % SYMBOLS:04}", START_NS + i * step_ns, 1.0 + i % 7, 1.5 + i % 7, 1.0, 1.0)
        for i in range(EVENTS)
    ]


async def logged(data: Path, **settings: Any) -> tuple[list[int], str]:
    """Return the sizes of the blocks in the log of a run, and its digest."""
    async with mtf.Pipeline(data=data, calendar="crypto", timeframes="1m", clock="ticks", **settings) as p:
        digest = (await p.run(ticks())).digest
    return [each.block.count for each in read_log(data / LOG)], digest


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (WITHOUT, [1_024, 1_976]),  # up to three events of each symbol, once they are known
        (WITH, [1_024, 1_024, 952]),
        (WITHOUT | {"block_events": 1_500}, [1_500, 1_500]),
        (WITH | {"block_events": 1_500}, [1_500, 1_500]),
    ],
)
async def test_blocks_of_a_source_grow_with_its_symbols(
    tmp_path: Path, settings: dict[str, Any], expected: list[int]
) -> None:
    sizes, digest = await logged(tmp_path / "data", **settings)
    assert sizes == expected
    assert (await logged(tmp_path / "single", **settings | {"block_events": 1}))[1] == digest


@pytest.mark.parametrize("settings", [WITHOUT, {"block_events": 700}, WITH])
async def test_replay_of_large_blocks(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A log has the blocks of the pipeline that wrote it; another one cuts them to its own size."""
    await logged(tmp_path / "data")
    async with mtf.Pipeline(calendar="crypto", timeframes="1m", clock="ticks", **settings) as p:
        found = (await p.replay(tmp_path / "data", changed=settings is WITH)).digest
    assert found == (await logged(tmp_path / "direct", **settings))[1]


async def test_a_task_that_a_callback_wakes_gets_its_turn_after_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that sleeps: the loop's next turn wakes it, and it goes on in the one after."""
    monkeypatch.setattr(reading, "YIELD_EVERY_S", -1.0)
    blocks, turns = 30, 0

    async def other() -> None:
        nonlocal turns
        loop = asyncio.get_running_loop()
        while True:
            woken = loop.create_future()
            loop.call_soon(woken.set_result, None)
            await woken
            turns += 1

    async with mtf.Pipeline(calendar="crypto", timeframes="1m", clock="ticks", block_events=EVENTS // blocks) as p:
        beside = asyncio.create_task(other())
        before = turns
        await p.run(ticks())
        during = turns - before
        beside.cancel()
    assert during >= blocks - 1
