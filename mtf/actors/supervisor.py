"""The supervisor: owns the tasks of all actors, and ends them together, in order or at the first failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from mtf.actors.actor import Actor
from mtf.errors import ActorFailed, LogWriteFailed, PipelineStopped

__all__ = ["Supervisor"]


class Supervisor:
    """Runs actors until `stop`, or until one fails; *on_failure* is called once, with the reason."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self.failure: BaseException | None = None  # why it ended, if not by its owner
        self._on_failure: Final = on_failure
        self._stopping: Final = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None  # while tasks run
        self._tasks: Final[list[asyncio.Task[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the group in which actors run."""
        started = asyncio.Event()
        self._task = asyncio.create_task(self._supervise(started), name="mtf supervisor")
        await started.wait()

    def launch(self, actor: Actor) -> None:
        """Run *actor* in a task of its own."""
        assert self._group is not None, "actors run between start and stop"
        actor.on_failure = self.fail
        self._tasks.append(self._group.create_task(self._run(actor), name=f"mtf {actor.name}"))

    def fail(self, actor: Actor | None, error: BaseException) -> None:
        """End everything because of *error*, in *actor* where it is known."""
        if self.failure is None:
            if actor is None or isinstance(error, PipelineStopped | LogWriteFailed):
                self.failure = error
            else:
                failed = ActorFailed(f"{actor.name} failed: {error!r}", actor=actor.name)
                failed.__cause__ = error
                self.failure = failed
            self._on_failure(self.reason())
        self._stopping.set()

    def reason(self) -> PipelineStopped:
        """Return what to raise now that nothing runs."""
        failure = self.failure
        if failure is None:
            return PipelineStopped("the pipeline does not run: use it inside `async with`")
        if isinstance(failure, PipelineStopped):
            return failure
        stopped = PipelineStopped(f"the pipeline has stopped: {failure}")
        stopped.__cause__ = failure
        return stopped

    async def stop(self) -> None:
        """End all tasks and wait for them."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _supervise(self, started: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                started.set()
                await self._stopping.wait()
                for task in self._tasks:
                    task.cancel()
        finally:
            self._group = None

    async def _run(self, actor: Actor) -> None:
        try:
            await actor.run()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # not asked to end: it awaited something that was cancelled
                self.fail(actor, error)
            raise
        except Exception as error:  # noqa: BLE001 - whatever an actor raises ends the pipeline with that reason
            self.fail(actor, error)
