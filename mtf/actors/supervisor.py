"""The supervisor: owns the tasks of all actors, and ends them together, at an orderly stop or the first failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from mtf.actors.actor import Supervised
from mtf.actors.consumers import ConsumerActor
from mtf.errors import ActorFailed, LogWriteFailed, PipelineStopped
from mtf.loggers import report

__all__ = ["NOT_RUNNING", "Supervisor", "failure_of", "seen", "was_interrupted"]

NOT_RUNNING: Final = "the pipeline is not running: use it inside `async with`"
ENDING_S: Final = 2.0  # how long cancelled tasks may take to end before they are abandoned


class Supervisor:
    """Runs actors until `stop`, or until one fails.

    *failed* is called once, with the actor, if known, and the reason; its result is awaited before the tasks of the
    other actors are cancelled.
    """

    def __init__(self, failed: Callable[[Supervised | None, PipelineStopped], Awaitable[None]]) -> None:
        self.failure: BaseException | None = None  # why it ended, unless its owner stopped it
        self.spares: Callable[[Supervised, BaseException], bool] = _spares_nobody  # whether to continue without one
        self._failed: Final = failed
        self._tasks: Final[dict[asyncio.Task[None], Supervised]] = {}
        self._leaving: Final[set[asyncio.Task[None]]] = set()  # of actors that may end on their own
        self._ending: asyncio.Task[None] | None = None  # cancels the tasks
        self._ends = False  # tasks are being cancelled

    def launch(self, actor: Supervised) -> None:
        """Run *actor* in its own task."""
        actor.on_failure = self.fail
        task = asyncio.create_task(self._run(actor), name=f"mtf {actor.name}")
        self._tasks[task] = actor
        task.add_done_callback(self._forget)

    def let_end(self, actor: Supervised) -> None:
        """Allow the task of *actor* to be cancelled without that being a failure: its work is done."""
        task = self._task_of(actor)
        if task is not None:
            self._leaving.add(task)

    def ended(self, actor: Supervised) -> asyncio.Future[None]:
        """Return a future that resolves once the task of *actor* has ended."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._task_of(actor)
        if task is None:
            done.set_result(None)
        else:
            task.add_done_callback(lambda _: None if done.done() else done.set_result(None))
        return done

    def cancel(self, actor: Supervised) -> None:
        """Cancel the task of *actor*, which hangs, and continue without it."""
        task = self._task_of(actor)
        if task is not None:
            task.cancel()

    def fail(self, actor: Supervised | None, error: BaseException) -> None:
        """End everything because of *error*, in *actor* if known."""
        if self.failure is not None or (actor is not None and self.spares(actor, error)):
            return
        names_itself = isinstance(error, PipelineStopped | LogWriteFailed) and not isinstance(actor, ConsumerActor)
        if actor is not None and not names_itself:
            error = failure_of(actor.name, error)
        self.failure = error
        before = self._failed(actor, self.reason())
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(before), name="mtf supervisor")

    def reason(self) -> PipelineStopped:
        """Return the error to raise now that nothing is running."""
        failure = self.failure
        if failure is None:
            return PipelineStopped(NOT_RUNNING)
        if isinstance(failure, PipelineStopped):
            return failure.with_traceback(None)  # which would grow with each raise
        stopped = PipelineStopped(f"the pipeline has stopped: {failure}")
        stopped.__cause__ = failure
        return stopped

    async def stop(self) -> None:
        """End all tasks and wait for them."""
        if self._ending is None or self._ending.cancelled():
            self._ending = asyncio.create_task(self._end(None), name="mtf supervisor")
        await asyncio.wait([self._ending])

    async def _end(self, before: Awaitable[None] | None) -> None:
        if before is not None:
            await before
        self._ends = True
        tasks = dict(self._tasks)
        for task, actor in tasks.items():
            actor.leave()
            task.cancel()
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=ENDING_S)
        for task in pending:
            name = tasks[task].name
            report("task_left", f"{name} did not end when it was cancelled: it is abandoned", actor=name)
            asyncio.tasks._unregister_task(task)  # or closing the loop would wait for it forever

    def _task_of(self, actor: Supervised) -> asyncio.Task[None] | None:
        return next((task for task, each in self._tasks.items() if each is actor), None)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._leaving.discard(task)

    async def _run(self, actor: Supervised) -> None:
        try:
            await actor.run()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self._ends or task in self._leaving:
                raise
            self.fail(actor, error)  # not cancelled by its owner: something it awaited was cancelled
        except GeneratorExit as error:
            if _loop_has_gone():
                raise  # the task is discarded with its loop
            self.fail(actor, error)
        except BaseException as error:  # noqa: BLE001 - whatever an actor raises stops the pipeline with that reason
            self.fail(actor, error)


def failure_of(name: str, error: BaseException) -> ActorFailed:
    """Return the error that reports that the actor *name* failed, with *error* as its cause."""
    try:
        shown = repr(error)
    except Exception:  # noqa: BLE001 - an error that cannot be formatted is still the reason
        shown = type(error).__name__
    failed = ActorFailed(f"{name} failed: {shown}", actor=name)
    failed.__cause__ = error
    return failed


def was_interrupted(task: asyncio.Task[None]) -> bool:
    """Return whether *task* did not finish because its loop ended, which cancels all of its tasks."""
    return task.cancelled() or isinstance(task.exception(), KeyboardInterrupt | SystemExit)


def seen(task: asyncio.Task[None]) -> None:
    """Mark the error of *task* as retrieved, so that asyncio does not report it if nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


def _spares_nobody(actor: Supervised, error: BaseException) -> bool:
    return False


def _loop_has_gone() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False
