"""A lease: a key that its holder renews, and that another process may take once it has not been renewed for its time.

Time is measured by one's own clock between two looks at the revision, never by another's. A lease saves double
work; the truth is guarded by the numbers of a stream's messages, so that two holders for a moment do no harm.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from typing import Any, Final

import orjson

from mtf.cluster.keys import Key, Keys
from mtf.errors import BrokerDown, LogLocked
from mtf.tasks import ended

__all__ = ["Lease", "LeaseWatch", "holder_name", "holder_of", "is_free"]

LOOKS: Final = 10  # at a lease that another process has, within its time


def holder_name() -> str:
    """Return who this is, for people: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def holder_of(key: Key) -> str | None:
    """Return who holds a lease, as `holder_name` says it; None if nobody does."""
    holder: str | None = orjson.loads(key.value or b"{}").get("holder")
    return holder


def is_free(key: Key) -> bool:
    """Whether nobody holds a lease."""
    return holder_of(key) is None


class LeaseWatch:
    """Which keys have not changed for *time_s*, by the clock of *now*."""

    def __init__(self, time_s: float, now: Callable[[], float]) -> None:
        self._time_s: Final = time_s
        self._now: Final = now
        self._seen: Final[dict[str, tuple[int, float]]] = {}  # by key: its revision, and when that was new to us

    def is_stale(self, name: str, key: Key) -> bool:
        """Note *key*, and return whether it was the same for the whole time."""
        revision, since = self._seen.get(name, (-1, 0.0))
        if revision != key.revision:
            self._seen[name] = (key.revision, self._now())
            return False
        return self._now() - since >= self._time_s


class Lease:
    """The lease *key*, held by this process from `take` to `release`; renewed by a task meanwhile.

    *facts* are in its value, for people. *lost* is called once if another process has taken it.
    """

    def __init__(
        self, keys: Keys, key: str, time_s: float, revision: int, value: dict[str, Any], lost: Callable[[], object]
    ) -> None:
        self._keys: Final = keys
        self._key: Final = key
        self._time_s: Final = time_s
        self._revision = revision
        self._value: Final = value
        self._lost: Final = lost
        self.is_lost = False  # another process has it
        self._task: Final = asyncio.create_task(self._renew(), name=f"mtf lease {key}")

    @classmethod
    async def take(
        cls,
        keys: Keys,
        key: str,
        time_s: float,
        *,
        lost: Callable[[], object],
        what: str,
        waits: Callable[[], bool] = lambda: False,
        **facts: Any,
    ) -> Lease:
        """Take the lease, at once if it is free, else once it is stale.

        LogLocked if another process holds *what*, and *waits* does not say that its end is waited for.
        """
        loop = asyncio.get_running_loop()
        watch = LeaseWatch(time_s, loop.time)
        first: int | None = None
        while True:
            found = await keys.get(key)
            if is_free(found) or watch.is_stale(key, found):
                taken = await cls.try_take(keys, key, time_s, found, lost=lost, **facts)
                if taken is not None:
                    return taken
            elif first is None:
                first = found.revision
            elif found.revision != first and not waits():
                holder = holder_of(found)
                raise LogLocked(f"{what} is written by {holder}: stop that first, or wait {time_s:g} s after its end")
            await asyncio.sleep(time_s / LOOKS)

    @classmethod
    async def try_take(
        cls, keys: Keys, key: str, time_s: float, found: Key, *, lost: Callable[[], object], **facts: Any
    ) -> Lease | None:
        """Take the lease, which was *found* free or stale; None if another process was faster."""
        value = {"holder": holder_name(), "token": secrets.token_hex(8), **facts}
        revision = await keys.change(key, orjson.dumps(value), found.revision)
        return None if revision is None else cls(keys, key, time_s, revision, value, lost)

    async def release(self) -> None:
        """Give it back. Safe to call twice."""
        await ended(self._task)
        if not self.is_lost:
            self.is_lost = True
            await self._keys.change(self._key, b"{}", self._revision)

    def abandon(self) -> None:
        """Renew it no more, without giving it back: it ends by itself."""
        self._task.cancel()

    async def _renew(self) -> None:
        beat = 0
        while True:
            await asyncio.sleep(self._time_s / 3)
            beat += 1
            try:
                found = await self._keys.change(self._key, orjson.dumps(self._value | {"beat": beat}), self._revision)
            except BrokerDown:
                continue  # then no other process can take it either
            if found is None:
                self.is_lost = True
                self._lost()
                return
            self._revision = found
