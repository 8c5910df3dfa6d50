"""What the tests of the writer share: blocks to write, and both ways in which a log is synced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.log.builders import blocks
from tests.log.gated_disk import GatedDisk

MADE = blocks(2, 1, 1, 2, 1, 1, 1)

Run = Callable[[Coroutine[Any, Any, None]], None]  # the fixture `run`

either_way = pytest.mark.parametrize("begins", [False, True], ids=["in the thread", "begun"])


async def begun(disk: GatedDisk) -> None:
    """Wait, off the loop, until a sync has begun."""
    assert await asyncio.to_thread(disk.begun.acquire, timeout=60)
