"""`mtf sweep`: what it says before, while and after it runs, and how it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.cli.builders import command, json_of, mtf, process
from tests.cli.terminal import terminal
from tests.processes import gone
from tests.sweep.builders import MODULE, STRATEGIES, eventually, waiting, write_log, write_tokens

pytest.importorskip("arro3.io", reason="results are written as Parquet")

OWN_INDICATOR = """\
import mtf
from mtf.indicators import Declaration, PythonIndicator, Whole, register


@register
class Times(PythonIndicator):
    declares = Declaration(
        name="swept_times", title="Times", group="custom", formula="n closes", source="a test", params=(Whole("n", 5),)
    )

    def step(self, state, bar):
        return self.params["n"] * bar.close


class Newest(mtf.Consumer):
    def on_bar(self, bar, view):
        self.ratio = view[bar.timeframe].completed.values()[0] / bar.close

    def result(self):
        return {"ratio": self.ratio}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a log and consumers."""
    folder = tmp_path_factory.mktemp("cli-sweep")
    write_log(folder / "run", 200)
    (folder / f"{MODULE}.py").write_text(STRATEGIES)
    (folder / "own.py").write_text(OWN_INDICATOR)
    return folder


@pytest.fixture(autouse=True)
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That directory as the working one, in which the command finds consumers."""
    monkeypatch.chdir(made)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield made
    sys.modules.pop(MODULE, None)


SWEEP = ("sweep", "run", "--consumer", f"{MODULE}:Crossings")


def test_it_says_how_many_jobs_there_are_and_then_shows_what_came_of_them(here: Path, tmp_path: Path) -> None:
    """At most eighty columns wide, with what varies and what the consumer returns; run again it says what was done."""
    args = (*SWEEP, "--set", "indicators=sma:{2..3}", "--out", tmp_path / "out")
    done = mtf(*args)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("mtf: 2 jobs: 1 log × 2 values of indicators; 2 to run, ")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["indicators", "crossings", "last", "above"]
    assert [line.split()[0] for line in lines[1:3]] == ["sma:2", "sma:3"]
    assert lines[4].startswith("2 jobs in ")
    assert lines[4].endswith(" s: 2 done, 0 done before, 0 failed")
    assert lines[5] == f"results  {tmp_path / 'out' / 'results.parquet'}"
    assert all(len(line) <= 80 for line in lines[:5])
    again = mtf(*args, "--json")
    assert "; 2 done before, 0 to run, " in again.stderr
    assert orjson.loads(again.stdout) | {"seconds": 0} == {
        "jobs": 2,
        "done": 0,
        "skipped": 2,
        "failed": 0,
        "retried": 0,
        "seconds": 0,
        "out": str(tmp_path / "out" / "results.parquet"),
        "errors": [],
    }


def test_words_that_the_shell_has_expanded_are_values(here: Path, tmp_path: Path) -> None:
    """Without quotes bash turns `--set indicators=sma:{2..3}` into `--set indicators=sma:2 indicators=sma:3`."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    words = " ".join(command(*SWEEP, "--out", tmp_path / "out", "--json"))
    line = f"{words} --with every={{1,2}} --set indicators=sma:{{2..3}}"
    done = subprocess.run([bash, "-c", line], cwd=here, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 jobs: 1 log × 2 values of indicators × 2 values of every; " in done.stderr
    assert orjson.loads(done.stdout)["done"] == 4


def test_best_rows_come_first(here: Path, tmp_path: Path) -> None:
    args = (*SWEEP, "--set", "indicators=sma:2", "--with", "every={1,3,2}", "--out", tmp_path / "out", "--best")
    rows = mtf(*args, "crossings").stdout.splitlines()[1:4]
    assert [row.split()[1] for row in rows] == ["3", "2", "1"]
    done = mtf(*args, "profit")
    assert "mtf: --best profit: there is no such column; there are log, indicators, every, crossings," in done.stderr
    assert [row.split()[1] for row in done.stdout.splitlines()[1:4]] == ["1", "3", "2"]


def test_rows_and_columns_for_which_a_screen_has_no_room_are_counted(here: Path, tmp_path: Path) -> None:
    """A folded table cannot be read. The column of --best stays; and a file has all of them."""
    (here / "sweep_wide.py").write_text(
        "import mtf\n\n\n"
        "class Wide(mtf.Consumer):\n"
        "    def __init__(self, k):\n"
        "        self.k = k\n\n"
        "    def on_stop(self):\n"
        "        pass\n\n"
        "    def result(self):\n"
        "        return {f'column_number_{n}': self.k * n for n in range(9)}\n"
    )
    args = ("sweep", "run", "--consumer", "sweep_wide:Wide", "--with", "k={1,2}", "--out", tmp_path / "out", "-q")
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    words = command(*args, "--best", "column_number_7")
    with terminal(80) as (stdout, seen):
        done = subprocess.run(
            words, cwd=here, env=environment, stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    lines = seen.decode().replace("\r", "").splitlines()
    assert lines[0].split() == ["k", "column_number_7", *(f"column_number_{n}" for n in range(3))]
    assert [line.split() for line in lines[1:3]] == [["2", "14", "0", "2", "4"], ["1", "7", "0", "1", "2"]]
    assert lines[3] == "  ... and 5 more columns"
    assert len(mtf(*args).stdout.splitlines()[0].split()) == 10


def test_job_that_fails_is_named_and_the_exit_code_says_so(here: Path, tmp_path: Path) -> None:
    """The rows of the others are shown."""
    args = ("sweep", "run", "--set", "indicators=sma:{3..4}", "--consumer", f"{MODULE}:Fails", "--out", tmp_path / "o")
    done = mtf(*args)
    assert done.exit_code == 3
    assert "four is not for me" in done.stderr
    assert "mtf: 1 of 2 jobs failed; the column error says why, and they run again next time" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["indicators", "sma:3"]


def test_indicator_of_the_consumers_module_is_known_to_the_jobs(here: Path, tmp_path: Path) -> None:
    args = (
        "sweep",
        "run",
        "--set",
        "indicators=swept_times:{2,3}",
        "--consumer",
        "own:Newest",
        "--out",
        tmp_path / "o",
    )
    done = process(*args, cwd=here)
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()[1:3]] == [["swept_times:2", "2"], ["swept_times:3", "3"]]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--set", "nothing=1"), "NAME is one of timeframes, indicators"),
        (("--set", "indicators=sma:{1..2001}"), "are 2,001 jobs, and the limit is 2,000: "),
        (("--set", "indicators=sma:{1..2001}"), "if that is meant, give --max-jobs 2001"),
        (("--jobs", 2, "--on", "dask://localhost:1"), "--jobs is for this machine"),
        (("--jobs", 0), "jobs must be between 1 and 1000, got 0"),
        (("--with", "every=1"), "arguments every: there is no consumer to take them"),
        (("--consumer", "own"), "invalid --consumer 'own'"),
    ],
)
def test_call_that_makes_no_sense_starts_nothing(
    here: Path, tmp_path: Path, words: tuple[object, ...], why: str
) -> None:
    result = mtf("sweep", here / "run", *words, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert why in result.stderr
    assert not (tmp_path / "out").exists()


def test_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Also one that a shell has not made of braces."""
    for words, what in ((("nowhere",), "nowhere"), (("color=red",), "color=red")):
        result = mtf("sweep", *words, "--out", tmp_path / "out")
        assert (result.exit_code, result.stderr) == (2, f"mtf: {what}: no such directory\n")
    result = mtf("sweep", "indicators=sma:5", "--out", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (2, "mtf: give at least one data directory before the options\n")


def test_consumer_without_result_is_noticed(here: Path, tmp_path: Path) -> None:
    done = mtf("sweep", "run", "--consumer", f"{MODULE}:Silent", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "Silent has no method result()" in done.stderr
    assert done.stdout.splitlines()[0].split() == ["ticks", "bars"]


def test_sweep_that_is_stopped_keeps_what_is_done(here: Path, tmp_path: Path) -> None:
    """No process is left, and the same command goes on."""
    tokens = write_tokens(tmp_path / "tokens", wait="sma_3")
    args = (*SWEEP, "--set", "indicators=sma:{2..3}", "--with", f"tokens={tokens}", "--out", tmp_path / "out")
    running = subprocess.Popen(command(*args, "--jobs", 1), cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    asyncio.run(eventually(lambda: len(waiting(tokens)) == 1 or running.poll() is not None))
    running.send_signal(signal.SIGINT)
    out, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == b""
    assert f"mtf: stopped: 1 of 2 jobs are done and kept in {tmp_path / 'out'}; run it again to go on" in said.decode()
    assert all(map(gone, waiting(tokens)))
    os.unlink(Path(tokens) / "sma_3.wait")
    done = process(*args, "--json", cwd=here)
    assert (orjson.loads(done.stdout)["skipped"], orjson.loads(done.stdout)["done"]) == (1, 1)


def test_progress_is_shown_on_a_terminal(here: Path, tmp_path: Path) -> None:
    """Jobs, not events."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    args = (*SWEEP, "--set", "indicators=sma:2", "--out", tmp_path / "out", "--json")
    with terminal(100) as (stderr, seen):
        done = subprocess.run(
            command(*args), cwd=here, env=environment, stdout=subprocess.PIPE, stderr=stderr, timeout=60, check=False
        )
    assert done.returncode == 0
    assert "1 jobs" in seen.decode()
    assert "100%" in seen.decode()


def test_without_what_writes_parquet_nothing_starts(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of work should not end with that."""
    monkeypatch.setitem(sys.modules, "arro3.core", None)
    result = mtf("sweep", here / "run", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "mtf-engine[arrow]" in result.stderr
    assert not (tmp_path / "out").exists()


def test_report_is_json_of_one_line(here: Path, tmp_path: Path) -> None:
    assert json_of("sweep", here / "run", "--out", tmp_path / "out", "--json")["done"] == 1
