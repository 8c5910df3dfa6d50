"""The broker for plain calls: its connection has an event loop of its own, in a thread.

So a storage on a broker can be called from any thread, as one on a disk. Every call waits for its answer, but for
`post`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from mtf.cluster.broker import PATIENCE_S, Broker
from mtf.errors import BrokerDown
from mtf.tasks import ended

__all__ = ["Caller", "Link", "LoopCaller"]

CLOSE_S: Final = 10.0

Answer = TypeVar("Answer")


class Caller(Protocol):
    """A broker that plain calls can reach."""

    @property
    def urls(self) -> str: ...

    @property
    def broker(self) -> Broker: ...

    def call(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Return what *work* returns, done on the connection's loop; not to be called there."""
        ...

    def post(self, work: Callable[..., object], *arguments: Any) -> None:
        """Have *work* done on the connection's loop, after what was posted before."""
        ...


class LoopCaller:
    """*broker*, whose loop is the running one, for calls from other threads."""

    def __init__(self, broker: Broker) -> None:
        self.broker: Final = broker
        self.urls: Final = broker.urls
        self._loop: Final = asyncio.get_running_loop()

    def call(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def post(self, work: Callable[..., object], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(work, *arguments)


class Link:
    """A connection to one of *urls* and the thread that it lives in, until `close`; BrokerDown if none answers."""

    def __init__(self, urls: str, *, name: str = "mtf", patience_s: float = PATIENCE_S) -> None:
        self.urls: Final = urls
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._run, name="mtf-broker", daemon=True)
        self._closed = False
        self._thread.start()
        try:
            self.broker: Final = self.call(Broker.connect(urls, name=name, patience_s=patience_s))
        except BaseException:
            self._end()
            raise

    def call(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Return what *work* returns, done on the connection's loop; not to be called there."""
        if self._closed:
            work.close()
            raise BrokerDown(f"the connection to {self.urls} is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def post(self, work: Callable[..., object], *arguments: Any) -> None:
        """Have *work* done on the connection's loop, after what was posted before."""
        if self._closed:
            raise BrokerDown(f"the connection to {self.urls} is closed")
        self._loop.call_soon_threadsafe(work, *arguments)

    def close(self) -> None:
        """End the connection and the thread. Safe to call twice."""
        if not self._closed:
            self.call(self.broker.close())
            self._end()

    def _end(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(_end_tasks())
        self._loop.close()


async def _end_tasks() -> None:
    """End the tasks that are left, so that nothing of them is reported when the loop is gone."""
    await ended(*(asyncio.all_tasks() - {asyncio.current_task()}))
