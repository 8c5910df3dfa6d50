"""A thread of one consumer's own: calls what it is given, one after the other, and gives the answer to the loop.

A callback that never returns keeps its thread, and nothing else: the thread is a daemon, which no process waits for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

__all__ = ["OwnThread"]


class OwnThread:
    """Begins with the first call, and ends after the call under way once it is closed."""

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self._jobs: Final[SimpleQueue[Callable[[], None] | None]] = SimpleQueue()  # None: end
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    async def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *work* returns in the thread, or raise what it raises; a cancelled caller leaves it at work."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def answer(result: Any, error: BaseException | None) -> None:
            if not done.done():
                done.set_result((result, error))

        def job() -> None:
            result, error = None, None
            try:
                result = work(*arguments)
            except BaseException as raised:  # noqa: BLE001 - whatever it is, it is raised where the answer is waited for
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
        """Call nothing more."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
