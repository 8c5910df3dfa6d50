"""Futures that resolve when a seq is reached, or fail when the pipeline stops."""

from __future__ import annotations

import asyncio

__all__ = ["Waiters"]


class Waiters:
    """Tasks that wait for a seq to be reached. Seqs only increase."""

    __slots__ = ("_failure", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []  # each with its seq
        self._failure: BaseException | None = None  # why no further seq will be reached

    def wait(self, seq: int) -> asyncio.Future[None]:
        """Return a future that resolves once *seq* is reached; raises the error of `fail`."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # which would grow with each raise
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, waiter))
        return waiter

    def reached(self, seq: int) -> None:
        """Release everyone who waits for *seq* or an earlier one."""
        if not self._waiting:
            return
        waiting = self._waiting
        self._waiting = [entry for entry in waiting if entry[0] > seq]
        for wanted, waiter in waiting:
            if wanted <= seq and not waiter.done():
                waiter.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Fail everyone who waits, now or later: no further seq will be reached."""
        self._failure = error
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # retrieved, since nobody may be waiting any more
