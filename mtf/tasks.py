"""Tasks of asyncio: ending one from outside."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

__all__ = ["cancelled"]


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel *task*, and return once it has ended; an error of its own is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
