"""Futures that resolve when a seq is reached, or fail when the pipeline stops."""

from __future__ import annotations

import asyncio

__all__ = ["Waiters"]


class Waiters:
    """Tasks that wait for a seq to be reached. The seqs only grow."""

    __slots__ = ("_failure", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []  # seq that is waited for
        self._failure: BaseException | None = None  # why no seq is reached any more

    def wait(self, seq: int) -> asyncio.Future[None]:
        """Return what is done once *seq* is reached; raises what `fail` was given."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)  # else it would grow with each raise
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
        """Fail everyone who waits, now or later: the seq will not come."""
        self._failure = error
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # perhaps nobody waits any more: then it is nobody's error
