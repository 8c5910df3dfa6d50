"""A thread for one consumer: makes calls one after the other, and returns their results to the loop.

A callback that never returns blocks only its thread: it is a daemon thread, which the process does not wait for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

__all__ = ["OwnThread"]


class OwnThread:
    """Starts with the first call; once closed, it ends after the current call."""

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self._jobs: Final[SimpleQueue[Callable[[], None] | None]] = SimpleQueue()  # None: end
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    async def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run *work* in the thread and return its result or raise its error; cancelling the caller does not stop it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def answer(result: Any, error: BaseException | None) -> None:
            if not done.done():
                done.set_result((result, error))

        def job() -> None:
            result, error = None, None
            try:
                result = work(*arguments)
            except BaseException as raised:  # noqa: BLE001 - whatever it is, it is raised in the caller of `call`
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(answer, result, error)

        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)
        result, error = await done
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """Make no more calls."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
