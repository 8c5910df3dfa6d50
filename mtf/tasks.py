"""Tasks of asyncio: ending one from outside."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

__all__ = ["cancelled", "ended"]

AGAIN_S: Final = 0.5


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel *task*, and return once it has ended; an error of its own is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel *tasks* until they have ended, whatever with; for those that wait in a library that loses cancellations.

    One that comes in the same turn as an answer is lost in `asyncio.wait_for` before Python 3.12.
    """
    left = [task for task in tasks if not task.done()]
    while left:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_S)
        left = [task for task in left if not task.done()]
