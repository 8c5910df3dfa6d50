"""An executor that does work at once, in the turn of the loop that asked: how many turns a run takes is fixed then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["Inline"]


class Inline(ThreadPoolExecutor):
    """For `loop.set_default_executor`, which takes nothing but an executor of threads."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it goes to who waits
            done.set_exception(error)
        return done
