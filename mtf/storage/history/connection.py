"""The writer's connection to the history: how it is opened, and closed whatever was begun on it.

Its thread is one that a process does not wait for, even if the run was never ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread

import aiosqlite

__all__ = ["connect", "disconnect"]


async def connect(path: Path, busy_ms: int) -> aiosqlite.Connection:
    """Open the history at *path*; statements wait up to *busy_ms* for a lock that another program holds."""
    made: list[aiosqlite.Connection] = []
    connecting = partial(aiosqlite.connect, path, timeout=busy_ms / 1000, isolation_level=None)
    maker = Thread(target=lambda: made.append(connecting()), daemon=True)  # so that the thread it creates is one, too
    maker.start()
    maker.join()
    return await made[0]


async def disconnect(
    opening: asyncio.Future[aiosqlite.Connection], begun: list[asyncio.Task[None]], thread: ThreadPoolExecutor
) -> None:
    """Close the connection that *opening* opens, once *begun* have ended and *thread* has nothing more to do."""
    await asyncio.wait([opening])
    if begun:
        await asyncio.wait(begun)
    thread.shutdown()  # idle, except for work begun by a cancelled start
    if opening.cancelled() or opening.exception() is not None:
        return  # the caller that opened it gets the error
    connection = opening.result()
    with contextlib.suppress(sqlite3.Error):
        await connection.rollback()  # closed with a statement still open, it would keep its lock
    await connection.close()
