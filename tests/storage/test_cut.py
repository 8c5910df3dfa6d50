"""A log is looked at from any event to any other, wherever its blocks begin and end."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtf
from mtf.errors import DataDirError
from mtf.storage.datadir import DataDir
from mtf.storage.opened import OpenStorage
from mtf.storage.restore import engine_at, logged_blocks

START_NS = 1_709_719_200_000_000_000  # 2024-03-06 10:00 UTC
SECOND_NS = 1_000_000_000


async def fill(data: Path, ticks: list[mtf.Tick]) -> None:
    async with mtf.Pipeline(data=data, clock="ticks", checkpoint_seconds=None, block_events=100) as pipeline:
        await pipeline.run(ticks)


async def test_blocks_are_cut_at_the_events_that_are_asked_for(tmp_path: Path) -> None:
    """The events 50 to 130 lie in two blocks of a hundred, and in neither whole."""
    await fill(tmp_path, [mtf.Tick("X", START_NS + i * SECOND_NS, 1.0, 1.1) for i in range(300)])
    found = list(logged_blocks(tmp_path, 50, 130))
    assert found[0].first_seq == 50
    assert found[-1].last_seq == 130
    assert sum(block.count for block in found) == 81


async def test_a_rejected_event_stamped_later_does_not_end_the_look_back(tmp_path: Path) -> None:
    """The last event of a block, alone after the time asked for, was rejected: the state goes on past it."""
    ticks = [mtf.Tick("X", START_NS + i * SECOND_NS, 1.0, 1.1) for i in range(99)]
    ticks.append(mtf.Tick("X", START_NS + 3_600 * SECOND_NS, -1.0, -1.1))
    ticks += [mtf.Tick("X", START_NS + (100 + i) * SECOND_NS, 1.0, 1.1) for i in range(5)]
    await fill(tmp_path, ticks)
    assert engine_at(tmp_path, time_ns=START_NS + 101 * SECOND_NS).joiner.seq == 102
    assert engine_at(tmp_path, time_ns=START_NS + 98 * SECOND_NS).joiner.seq == 100


def test_a_link_to_nothing_is_no_data_directory(tmp_path: Path) -> None:
    """Making what a link points at would write where nobody looks."""
    link = tmp_path / "data"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataDirError, match="broken link"):
        OpenStorage.open(DataDir(link), mtf.Config.make())
