"""The sweeper: runs the jobs of a plan that are not done yet, keeps each outcome as it comes, and writes the table."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import attrs

from mtf.actors.consumer import Consumer
from mtf.data.needed import needs
from mtf.data.table import Table
from mtf.data.table_files import binary_writer
from mtf.errors import ConfigError
from mtf.sweep.finished import Finished
from mtf.sweep.on_processes import OnProcesses
from mtf.sweep.outcomes import OWN, Row, row_of, table_of
from mtf.sweep.plan import FIXED, JOBS_MAX, Job, Plan, plan_of
from mtf.sweep.scalars import check_names

__all__ = ["Runner", "Sweep", "SweepReport", "runner_of", "sweep"]

TABLE: Final = "results.parquet"


class Runner(Protocol):
    """Where jobs run, inside `async with`; leaving it ends those that are still running."""

    @property
    def width(self) -> int:
        """How many jobs it takes at once."""
        ...

    @property
    def words(self) -> str:
        """Where that is, for people."""
        ...

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of *task*."""
        ...


@attrs.frozen(kw_only=True)
class SweepReport:
    """The outcome of a sweep. Each job is in one of `done`, `skipped` and `failed`, unless the sweep was stopped."""

    jobs: int
    done: int  # now
    skipped: int  # done by an earlier sweep, and not run again
    failed: int
    retried: int  # done now, after a process or more was killed
    seconds: float
    out: Path  # the Parquet file
    varied: tuple[str, ...]  # the columns of settings and arguments
    rows: tuple[Row, ...] = attrs.field(repr=False)  # in the order of the plan

    @property
    def table(self) -> Table[Row]:
        """The rows as a table, as the Parquet file has them."""
        return table_of(self.rows)

    @property
    def results(self) -> list[str]:
        """The columns that the consumer's `result` has given, of any job."""
        own = {*FIXED, *OWN, *self.varied}
        return [name for name in dict.fromkeys(name for row in self.rows for name in row) if name not in own]

    @property
    def errors(self) -> list[str]:
        """What went wrong, of each job that failed."""
        return [str(row["error"]) for row in self.rows if row["error"] is not None]

    def to_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        counts = {name: getattr(self, name) for name in ("jobs", "done", "skipped", "failed", "retried", "seconds")}
        return {**counts, "out": str(self.out), "errors": self.errors}


class Sweep:
    """A sweep of *plan* with its results in the directory *out*, in `with`: `play` runs what is not done yet.

    ConfigError if another sweep writes there; MissingPackage if nothing can write Parquet.
    """

    def __init__(self, plan: Plan, out: str | os.PathLike[str]) -> None:
        self.plan: Final = plan
        self._out: Final = Path(out)
        self._finished: Finished | None = None
        self._outcomes: Final[dict[str, dict[str, Any]]] = {}  # by key, of every job that has one
        self.todo: Final[list[Job]] = []
        self.skipped = 0
        self.done = 0
        self.retried = 0
        self._seconds = 0.0

    def __enter__(self) -> Sweep:
        with needs("arro3-core", "'mtf-engine[arrow]'"):
            import arro3.core  # noqa: F401 - hours of work should not end with this
        binary_writer("parquet")
        self._finished = Finished(self._out)
        for job in self.plan.jobs:
            found = None if job.invalid else self._finished.get(job.key)
            if found is not None:
                self._outcomes[job.key] = found
                self.skipped += 1
            elif job.invalid:
                self._outcomes[job.key] = {"error": job.invalid}
            else:
                self.todo.append(job)
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._finished is not None, "it was entered"
        self._finished.close()

    @property
    def ended(self) -> int:
        """How many jobs of `todo` have an outcome, be it an error."""
        return len(self._outcomes) - (len(self.plan.jobs) - len(self.todo))

    async def play(self, runner: Runner) -> SweepReport:
        """Run the jobs, and write the table, also if it is cancelled: then of the jobs that have an outcome."""
        begun = time.perf_counter()
        rest = iter(self.todo)
        try:
            async with runner, asyncio.TaskGroup() as tasks:
                for _ in range(min(runner.width, len(self.todo))):
                    tasks.create_task(self._work(rest, runner))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._seconds = time.perf_counter() - begun
            self.report().table.to_parquet(self._out / TABLE)
        return self.report()

    def report(self) -> SweepReport:
        """Return the outcome so far."""
        rows = [row_of(job, self._outcomes[job.key]) for job in self.plan.jobs if job.key in self._outcomes]
        return SweepReport(
            jobs=len(self.plan.jobs),
            done=self.done,
            skipped=self.skipped,
            failed=sum(row["error"] is not None for row in rows),
            retried=self.retried,
            seconds=round(self._seconds, 3),
            out=self._out / TABLE,
            varied=self.plan.varied,
            rows=tuple(rows),
        )

    async def _work(self, rest: Iterator[Job], runner: Runner) -> None:
        """Run one of the *rest* after the other."""
        for job in rest:
            self._take(job, await runner.run(job.task()))

    def _take(self, job: Job, answer: dict[str, Any]) -> None:
        assert self._finished is not None, "it was entered"
        if "error" not in answer:
            try:
                check_names(answer["result"], [*job.columns(), *OWN], "result()")
            except ConfigError as error:
                answer = {"error": str(error), "attempts": answer["attempts"]}
        if "error" not in answer:
            self._finished.add(job.key, {**job.columns(), **answer})
            self.done += 1
            self.retried += answer["attempts"] > 1
        self._outcomes[job.key] = answer


def runner_of(jobs: int | None, on: str | None) -> Runner:
    """Return what runs *jobs* at once on this machine, or runs them on the Dask cluster *on*.

    MissingPackage if that needs distributed, which is not installed.
    """
    if on is None:
        return OnProcesses(jobs)
    if jobs is not None:
        raise ConfigError("jobs is for this machine: on Dask, the threads of its workers say how many run at once")
    with needs("distributed", "'mtf-engine[sweep]'"):
        from mtf.sweep.on_dask import OnDask
    return OnDask(on)


async def sweep(
    logs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    settings: Mapping[str, Sequence[Any]] | None = None,
    consumer: type[Consumer] | None = None,
    options: Mapping[str, Sequence[Any]] | None = None,
    out: str | os.PathLike[str],
    jobs: int | None = None,
    on: str | None = None,
    max_jobs: int = JOBS_MAX,
) -> SweepReport:
    """Replay the *logs* of data directories under every combination of *settings*, and return the outcome.

    *settings* has, by the name of an argument of `mtf.Config.make`, the values to be tried, and *options* has those of
    arguments of *consumer*, a class that other processes can import. A new consumer of it is shown each replay; what
    its method `result` returns, a dict of numbers and texts, becomes columns beside the summary and the digest.

    Each job runs in a process of its own, *jobs* of them at once, by default one a processor; or, with
    `on="dask://host:port"`, on the workers of that cluster. A process that is killed is started again, at most twice;
    a job that fails is a row with its error. The directory *out* keeps every outcome as it comes, so that a sweep that
    was stopped or killed goes on when it is run again, and gets the table as `results.parquet`: exactly the jobs of
    this call. ConfigError for more than *max_jobs*, or if no combination is valid.
    """
    places = [logs] if isinstance(logs, str | os.PathLike) else list(logs)
    plan = plan_of(places, settings or {}, consumer, options or {}, max_jobs)
    runner = runner_of(jobs, on)
    with Sweep(plan, out) as run:
        return await run.play(runner)
