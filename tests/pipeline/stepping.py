"""Interference at every step: counts the steps that the tasks of a loop take, and cancels after one of them.

A step is what a task does between two of its waits. A call that is cancelled after the first, second, third ... step of
whatever runs meanwhile, until it is over before that comes, has been cancelled at every await in it.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Final

import anyio
import pytest

from tests.processes import children

__all__ = ["KINDS", "Interrupt", "cancel_everywhere"]

KINDS: Final = ("once", "twice", "anyio")  # how a call is cancelled; `all` cancels every task of the loop with it
PATIENCE_S: Final = 20.0  # a call that is not over by then hangs
Call = Coroutine[Any, Any, Any]
Interrupt = Callable[[Call], Awaitable[None]]  # awaits a call, and cancels it when its step has come


def cancel_everywhere(
    work: Callable[[Interrupt], Coroutine[Any, Any, None]],
    kind: str,
    loop: str = "asyncio",
    *,
    first: int = 0,
    stride: int = 1,
) -> int:
    """Run *work*, which interrupts one call, again and again until that call is over first; return how often.

    The call is cancelled after the step *first*, then each time *stride* steps later. AssertionError if it ends in
    anything but its cancellation, or *work* leaves a task, a thread or a process behind.
    """
    factory = None if loop == "asyncio" else pytest.importorskip(loop).new_event_loop
    processes = children()
    after = first
    while True:
        threads = set(threading.enumerate())
        steps = _Steps(kind, after)
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_main(work, steps))
        _check_gone(threads, processes, f"cancelled after step {after}")
        if steps.left >= 0:
            break
        after += stride
    gc.collect()  # what was not closed warns now, and not in another test
    return (after - first) // stride


class _Steps:
    """Cancels a call in the loop's turn after the step number *after*, counted from when the call begins."""

    def __init__(self, kind: str, after: int) -> None:
        self.left = after
        self._kind: Final = kind
        self._act: Callable[[], object] | None = None  # set while the call runs

    def make(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **settings: Any) -> asyncio.Task[Any]:
        """Make a task, as the task factory of a loop."""
        return asyncio.Task(_Counted(coroutine, self), loop=loop, **settings)

    def count(self) -> None:
        if self._act is not None:
            self.left -= 1
            if self.left == -1:
                asyncio.get_running_loop().call_soon(self._act)

    async def interrupt(self, call: Call) -> None:
        if self._kind == "anyio":
            async with anyio.create_task_group() as group:
                self._act = group.cancel_scope.cancel
                group.start_soon(lambda: call)
            self._act = None
            return
        loop = asyncio.get_running_loop()
        before = asyncio.all_tasks()
        task = loop.create_task(call)

        def cancel() -> None:
            task.cancel()
            if self._kind == "twice":
                loop.call_soon(task.cancel)
            elif self._kind == "all":
                loop.call_soon(lambda: [each.cancel() for each in asyncio.all_tasks() - before])

        self._act = cancel
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
        self._act = None
        assert done, f"hangs: {asyncio.all_tasks()}"
        if not task.cancelled():
            await task  # over before it was cancelled, or too far on; or it raises what came in place of that


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are counted."""

    def __init__(self, coroutine: Call, steps: _Steps) -> None:
        self._coroutine: Final = coroutine
        self._steps: Final = steps

    def send(self, value: Any) -> Any:
        try:
            return self._coroutine.send(value)
        finally:
            self._steps.count()

    def throw(self, kind: Any, value: object = None, trace: TracebackType | None = None) -> Any:
        try:
            return self._coroutine.throw(kind)
        finally:
            self._steps.count()

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise AssertionError("only a task runs it")


async def _main(work: Callable[[Interrupt], Coroutine[Any, Any, None]], steps: _Steps) -> None:
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    before = asyncio.all_tasks()
    loop.set_task_factory(steps.make)
    await work(steps.interrupt)
    left = {task.get_name() for task in asyncio.all_tasks() - before}
    assert not left, f"tasks live on: {left}"
    assert not complaints


def _check_gone(threads: set[threading.Thread], processes: set[int], when: str) -> None:
    """Check that there are no more threads than *threads*, and no more child processes than *processes*."""
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), f"{when}: {thread.name} lives on"
    left = children() - processes
    assert not left, f"{when}: processes live on: {left}"
