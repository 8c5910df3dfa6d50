"""A sweep gives what serial replays give, whoever is killed on the way, and does nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import mtf
from mtf.errors import ConfigError, DataDirError
from mtf.sweep import SweepReport, sweep
from mtf.sweep.on_processes import OnProcesses
from mtf.sweep.plan import plan_of
from mtf.sweep.sweeper import Sweep
from tests.cli.builders import command
from tests.processes import gone
from tests.sweep.builders import (
    MODULE,
    check_hundred_jobs,
    check_serial,
    eventually,
    serial,
    waiting,
    write_log,
    write_tokens,
)

pytest.importorskip("arro3.io", reason="results are written as Parquet")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals of POSIX")

PERIODS: Final = (2, 3, 4, 5)
SPECS: Final = [f"sma:{period}" for period in PERIODS]
TIMED: Final = ("seconds", "attempts", "tokens")  # what kills may change


def outcomes(report: SweepReport) -> list[dict[str, Any]]:
    """Return the rows without what depends on time and on kills."""
    return [{name: value for name, value in row.items() if name not in TIMED} for row in report.rows]


@pytest.fixture(scope="module")
def untouched(log: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SweepReport:
    """The report of a sweep in which nothing happens."""
    out = tmp_path_factory.mktemp("untouched") / "sweep"
    sys.path.insert(0, str(folder))
    try:
        import sweep_strategies  # type: ignore[import-not-found]

        return asyncio.run(
            sweep(log, settings={"indicators": SPECS}, consumer=sweep_strategies.Crossings, out=out, jobs=2)
        )
    finally:
        sys.path.remove(str(folder))
        del sys.modules[MODULE]


async def test_results_are_those_of_serial_replays(untouched: SweepReport, log: Path, strategies: ModuleType) -> None:
    """Digest and result of each job; what a consumer prints, and the order in which jobs end, change nothing."""
    assert (untouched.jobs, untouched.done, untouched.failed, untouched.skipped) == (4, 4, 0, 0)
    assert [row["indicators"] for row in untouched.rows] == SPECS
    await check_serial(untouched, SPECS, log, strategies.Crossings)
    assert len({row["digest"] for row in untouched.rows}) == 4
    assert len({row["crossings"] for row in untouched.rows}) > 1


async def test_job_whose_process_is_killed_is_run_again_and_nothing_else_is_lost(
    untouched: SweepReport, log: Path, strategies: ModuleType, tmp_path: Path
) -> None:
    """Two kills of one job, three of another: that one is given up, as a row with its error."""
    tokens = write_tokens(tmp_path / "tokens", "sma_3", "sma_3", "sma_4", "sma_4", "sma_4")
    settings, options = {"indicators": SPECS}, {"tokens": [tokens]}
    report = await sweep(log, settings=settings, consumer=strategies.Crossings, options=options, out=tmp_path / "out")
    assert os.listdir(tokens) == []
    assert [row["attempts"] for row in report.rows] == [1, 3, 3, 1]
    assert [row["error"] for row in report.rows] == [None, None, "its process ended each of 3 times: SIGKILL", None]
    assert (report.done, report.failed, report.retried) == (3, 1, 1)
    expected = outcomes(untouched)
    assert [row for k, row in enumerate(outcomes(report)) if k != 2] == [*expected[:2], expected[3]]

    again = await sweep(log, settings=settings, consumer=strategies.Crossings, options=options, out=tmp_path / "out")
    assert (again.done, again.failed, again.skipped) == (1, 0, 3), "what failed is run again, and nothing else"
    assert outcomes(again) == expected


async def test_sweep_that_is_done_runs_nothing(
    untouched: SweepReport, log: Path, strategies: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again it gives the same table, and starts no process: there is nothing that could."""
    before = untouched.out.read_bytes()
    kept = (untouched.out.parent / "jobs.jsonl").read_bytes()
    monkeypatch.setattr(subprocess, "Popen", None)
    again = await sweep(log, settings={"indicators": SPECS}, consumer=strategies.Crossings, out=untouched.out.parent)
    assert (again.done, again.skipped) == (0, 4)
    assert again.rows == untouched.rows
    assert untouched.out.read_bytes() == before
    assert (untouched.out.parent / "jobs.jsonl").read_bytes() == kept


async def test_copy_of_a_log_at_another_place_is_the_same_log(
    untouched: SweepReport, log: Path, strategies: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log is known by its run id; the table names the place of now."""
    shutil.copytree(log, tmp_path / "moved")
    monkeypatch.setattr(subprocess, "Popen", None)
    out = tmp_path / "out"
    shutil.copytree(untouched.out.parent, out)
    again = await sweep(
        [tmp_path / "moved", log], settings={"indicators": SPECS}, consumer=strategies.Crossings, out=out
    )
    assert (again.jobs, again.skipped) == (4, 4)
    assert {row["log"] for row in again.rows} == {str(tmp_path / "moved")}


async def test_job_that_fails_is_a_row_and_the_others_go_on(log: Path, strategies: ModuleType, tmp_path: Path) -> None:
    """An error of a consumer would come again: it is not tried twice."""
    report = await sweep(log, settings={"indicators": SPECS}, consumer=strategies.Fails, out=tmp_path / "out")
    assert [row["attempts"] for row in report.rows] == [1, 1, 1, 1]
    assert [row["error"] is None for row in report.rows] == [True, True, False, True]
    assert "four is not for me" in str(report.rows[2]["error"])
    assert (report.done, report.failed) == (3, 1)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Wrong", "result()['bars'] must be a number, a text, True, False or None, got [1, 2]"),
        ("Collides", "result(): digest is the name of another column of the table: choose another name"),
    ],
)
async def test_result_that_fits_no_table_is_the_error_of_its_job(
    log: Path, strategies: ModuleType, tmp_path: Path, name: str, error: str
) -> None:
    report = await sweep(log, consumer=getattr(strategies, name), out=tmp_path / "out")
    assert report.errors == [error]
    assert (tmp_path / "out" / "jobs.jsonl").read_bytes() == b""


async def test_table_is_a_parquet_file_with_a_column_for_each_setting_argument_and_result(
    log: Path, strategies: ModuleType, tmp_path: Path
) -> None:
    """True and False are 1 and 0; a job that failed has null."""
    polars = pytest.importorskip("polars")
    report = await sweep(
        log,
        settings={"indicators": ["sma:2", "sma:0"]},
        consumer=strategies.Crossings,
        options={"every": [1, 2]},
        out=tmp_path / "out",
    )
    table = polars.read_parquet(tmp_path / "out" / "results.parquet")
    assert table.columns == report.table.columns
    assert table.columns[:6] == ["log", "indicators", "every", "crossings", "last", "above"]
    assert table.select("indicators", "every").rows() == [("sma:2", 1), ("sma:2", 2), ("sma:0", 1), ("sma:0", 2)]
    crossings = table["crossings"].to_list()
    assert crossings[1] == 2 * crossings[0] > 0
    assert crossings[2:] == [None, None]
    assert table["above"].dtype == polars.Int64
    assert table["error"].to_list()[2] == "sma: period must be between 1 and 10000, got 0"
    assert table["events"].to_list() == [400, 400, None, None]


class TestStopped:
    """A sweep that is stopped, or killed, leaves nothing running and keeps what is done."""

    async def test_cancelled_sweep_ends_its_processes(self, log: Path, strategies: ModuleType, tmp_path: Path) -> None:
        tokens = write_tokens(tmp_path / "tokens", wait="sma_2")
        options: dict[str, list[Any]] = {"tokens": [tokens], "every": [1, 2]}
        plan = plan_of([log], {"indicators": ["sma:2"]}, strategies.Crossings, options, 100)
        runner = OnProcesses(2)
        with Sweep(plan, tmp_path / "out") as run:
            playing = asyncio.create_task(run.play(runner))
            await eventually(lambda: len(waiting(tokens)) == 2)
            pids = runner.processes.pids
            assert sorted(pids) == waiting(tokens)
            playing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await playing
        assert all(map(gone, pids))
        assert runner.processes.pids == []
        assert (tmp_path / "out" / "results.parquet").exists()

    def test_killed_sweep_leaves_no_process_and_goes_on_where_it_was(
        self, untouched: SweepReport, log: Path, folder: Path, tmp_path: Path
    ) -> None:
        """SIGKILL of the sweep itself, with two jobs done and the third one running."""
        tokens = write_tokens(tmp_path / "tokens", wait="sma_4")
        args = ["sweep", log, "--set", "indicators=sma:{2..5}", "--consumer", f"{MODULE}:Crossings", "--json"]
        args += ["--with", f"tokens={tokens}", "--out", tmp_path / "out", "--jobs", 1]
        running = subprocess.Popen(command(*args), cwd=folder)
        try:
            asyncio.run(eventually(lambda: len(waiting(tokens)) == 1))
        finally:
            running.kill()
            running.wait()
        (pid,) = waiting(tokens)
        asyncio.run(eventually(lambda: gone(pid)))

        shutil.rmtree(tokens)
        write_tokens(Path(tokens))
        done = subprocess.run(command(*args), cwd=folder, capture_output=True, timeout=120, check=True)
        said = json.loads(done.stdout)
        assert (said["jobs"], said["skipped"], said["done"], said["failed"]) == (4, 2, 2, 0)
        polars = pytest.importorskip("polars")
        table, expected = (polars.read_parquet(each) for each in (tmp_path / "out" / "results.parquet", untouched.out))
        left_out = (*TIMED, "log")
        assert table.drop(left_out).equals(expected.drop(left_out, strict=False))


class TestKept:
    """The file of finished jobs."""

    @pytest.fixture
    def copied(self, untouched: SweepReport, tmp_path: Path) -> Path:
        shutil.copytree(untouched.out.parent, tmp_path / "out")
        return tmp_path / "out"

    async def test_line_that_a_crash_has_cut_off_is_run_again(
        self, copied: Path, untouched: SweepReport, log: Path, strategies: ModuleType
    ) -> None:
        path = copied / "jobs.jsonl"
        path.write_bytes(path.read_bytes()[:-5])
        settings = {"indicators": SPECS}
        report = await sweep(log, settings=settings, consumer=strategies.Crossings, out=copied)
        assert (report.done, report.skipped) == (1, 3)
        assert outcomes(report) == outcomes(untouched)
        assert (await sweep(log, settings=settings, consumer=strategies.Crossings, out=copied)).skipped == 4

    @pytest.mark.parametrize("line", [b"{}", b"[]", b"\xff", b'{"key": "x", "summary": {}}', b"nothing"])
    async def test_any_other_damage_is_an_error_that_names_the_line(
        self, copied: Path, log: Path, strategies: ModuleType, line: bytes
    ) -> None:
        path = copied / "jobs.jsonl"
        lines = path.read_bytes().splitlines()
        path.write_bytes(b"\n".join([lines[0], line, *lines[2:]]) + b"\n")
        with pytest.raises(DataDirError, match=r"jobs\.jsonl: line 2 is damaged: remove the line"):
            await sweep(log, settings={"indicators": SPECS}, consumer=strategies.Crossings, out=copied)

    async def test_two_sweeps_cannot_write_at_once(self, copied: Path, log: Path, strategies: ModuleType) -> None:
        plan = plan_of([log], {}, strategies.Silent, {}, 100)
        with Sweep(plan, copied), pytest.raises(ConfigError, match="another sweep is writing there"):
            await sweep(log, consumer=strategies.Silent, out=copied)

    async def test_data_directory_or_file_is_no_place_for_results(self, log: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="is a data directory"):
            await sweep(log, out=log)
        with pytest.raises(ConfigError, match="is a file"):
            await sweep(log, out=tmp_path / "file")


def test_log_that_grows_meanwhile_is_replayed_to_the_end_that_it_had(strategies: ModuleType, tmp_path: Path) -> None:
    """All jobs of a sweep see the same events, also of a log that a live pipeline writes."""
    growing = write_log(tmp_path / "growing", 100)
    expected, _ = asyncio.run(serial(growing, strategies.Crossings))
    plan = plan_of([growing], {}, strategies.Crossings, {}, 100)
    write_log(growing, 150)
    with Sweep(plan, tmp_path / "out") as run:
        report = asyncio.run(run.play(OnProcesses(1)))
    assert (report.rows[0]["events"], report.rows[0]["digest"]) == (100, expected)


class TestPlan:
    """Which jobs there are, and when two are the same."""

    def keys(self, log: Path, consumer: type[mtf.Consumer] | None = None, **settings: list[Any]) -> list[str]:
        return [job.key for job in plan_of([log], settings, consumer, {}, 1_000).jobs]

    def test_combinations_come_in_order_and_the_same_one_once(self, log: Path) -> None:
        """`sma:2` written in two ways is one configuration."""
        plan = plan_of([log], {"timeframes": ["1m", "1m,5m"], "indicators": ["sma:2", "sma:3", "SMA:2"]}, None, {}, 99)
        assert [tuple(job.settings.values()) for job in plan.jobs] == [
            ("1m", "sma:2"),
            ("1m", "sma:3"),
            ("1m,5m", "sma:2"),
            ("1m,5m", "sma:3"),
        ]
        assert plan.words() == (
            "4 jobs: 1 log × 2 values of timeframes × 3 values of indicators, less 2 that would come twice"
        )

    def test_more_jobs_than_the_limit_are_refused_before_anything_starts(self, log: Path) -> None:
        with pytest.raises(ConfigError, match=r"1 log × 101 values of history are 101 jobs.*give max_jobs=101"):
            plan_of([log], {"history": range(1, 102)}, None, {}, 100)

    def test_sweep_of_which_nothing_is_valid_is_refused(self, log: Path) -> None:
        """A misspelt indicator is no reason to start."""
        with pytest.raises(ConfigError, match="smaa"):
            plan_of([log], {"indicators": ["smaa:2", "smaa:3"]}, None, {}, 100)

    def test_key_follows_what_the_outcome_depends_on(
        self, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The log's end, the configuration, the consumer and its source."""
        grown = tmp_path / "grown"
        write_log(grown, 100)
        short = self.keys(grown)
        write_log(grown, 200)
        assert self.keys(grown) != short
        assert self.keys(log) != self.keys(log, history=[7])
        module = tmp_path / "sweep_edited.py"
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        module.write_text("import mtf\n\n\nclass Own(mtf.Consumer):\n    pass\n")
        import sweep_edited  # type: ignore[import-not-found]

        first = self.keys(log, sweep_edited.Own)
        assert first == self.keys(log, sweep_edited.Own) != self.keys(log)
        module.write_text(module.read_text() + "    step = 2\n")
        assert self.keys(log, sweep_edited.Own) != first

    @pytest.mark.parametrize(
        ("settings", "options", "why"),
        [
            ({"digest": ["x"]}, {}, "digest"),
            ({"nothing": ["x"]}, {}, "unknown setting nothing"),
            ({"indicators": []}, {}, "there is no value of indicators"),
            ({}, {"period": [1]}, "cannot be called with period"),
            ({}, {"log": [1]}, "log is the name of another column"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, log: Path, strategies: ModuleType, settings: dict[str, Any], options: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(ConfigError, match=why):
            plan_of([log], settings, strategies.Crossings, options, 100)

    def test_consumer_that_no_other_process_can_import_is_refused(self, log: Path) -> None:
        class Here(mtf.Consumer):
            pass

        with pytest.raises(ConfigError, match="define it at the top level of a module"):
            plan_of([log], {}, Here, {}, 100)

    def test_log_without_events_is_refused(self, tmp_path: Path) -> None:
        write_log(tmp_path / "empty", 0)
        with pytest.raises(ConfigError, match="the log has no events"):
            plan_of([tmp_path / "empty"], {}, None, {}, 100)


def test_mtf_loads_no_sweep_and_the_command_line_no_dask() -> None:
    """What is optional costs nothing until it is used."""
    code = "import sys, {}; print(sorted(n for n in sys.modules if n in ('mtf.sweep', 'distributed', 'dask')))"
    for module, loaded in (("mtf", "[]"), ("mtf.cli", "['mtf.sweep']")):
        done = subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == loaded


async def test_process_that_ends_without_an_answer_is_reported_with_its_last_words(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends by itself, without an answer, says what its stderr ended with."""
    (tmp_path / "sweep_ends.py").write_text(
        "import os, sys\nimport mtf\n\n\n"
        "class Ends(mtf.Consumer):\n"
        "    def on_start(self):\n"
        "        print('no more licences', file=sys.stderr, flush=True)\n"
        "        os._exit(7)\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    import sweep_ends  # type: ignore[import-not-found]

    report = await sweep(log, consumer=sweep_ends.Ends, out=tmp_path / "out")
    assert report.errors == ["its process ended each of 3 times: exit code 7 (no more licences)"]


@pytest.mark.slow
async def test_hundred_jobs_with_five_kills_give_what_serial_replays_give(
    log: Path, strategies: ModuleType, tmp_path: Path
) -> None:
    """And run again, nothing is computed."""
    await check_hundred_jobs(log, strategies.Crossings, tmp_path, jobs=2)
