"""The progress bar: there on a terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import orjson
import pytest

from tests.cli.builders import command, process
from tests.cli.terminal import terminal

RUN = ("run", "synthetic", "--events", 20_000, "--timeframes", "1m", "--json")


def test_bar_is_shown_on_a_terminal_and_taken_away(tmp_path: Path) -> None:
    """stderr is the terminal: the share, events and their rate; stdout holds the result and nothing else."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with terminal(100) as (stderr, seen):
        done = subprocess.run(
            command(*RUN),
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0
    assert orjson.loads(done.stdout)["events"] == 20_000
    text = seen.decode()
    assert "synthetic" in text
    assert " events" in text
    assert text.rstrip().endswith("\x1b[2K"), "the line is cleared at the end"


def test_no_bar_without_a_terminal(tmp_path: Path) -> None:
    """Logs of cron jobs are not for animation."""
    assert process(*RUN, cwd=tmp_path).stderr == ""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a log of a few segments' worth of work."""
    folder = tmp_path_factory.mktemp("progress")
    process(*RUN, "--data", "run", cwd=folder)
    return folder


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("verify", "run", "--replay", "--json"), ["reading run", "replaying run", "100%", "20,000 events"]),
        (("compact", "run", "--json"), ["indexing run"]),
        (("salvage", "run", "copy", "--json"), ["reading run", "%", "20,000 events"]),
        (("export", "run", "bars.csv", "--timeframe", "1m"), ["writing bars.csv", "100%", " rows"]),
        (("export", "run", "ticks.parquet", "--ticks"), ["writing ticks.parquet", "100%", "20,000 rows"]),
        (("replay", "run", "--json"), ["replay of run", "100%", "20,000 events"]),
    ],
    ids=lambda words: words[0],
)
def test_what_takes_long_says_how_far_it_is(kept: Path, words: tuple[str, ...], shown: list[str]) -> None:
    """On a terminal: what is done, the share if it is known, and how many so far; and it is taken away in the end."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with terminal(120) as (stderr, seen):
        done = subprocess.run(
            command(*words), cwd=kept, env=environment, stdout=subprocess.PIPE, stderr=stderr, timeout=60, check=False
        )
    assert done.returncode == 0
    text = seen.decode()
    for each in shown:
        assert each in text
    assert "\x1b[2K" in text
    if words[-1] == "--json":
        orjson.loads(done.stdout)


def test_a_replay_may_be_quiet(kept: Path) -> None:
    environment = {**os.environ, "TERM": "xterm-256color"}
    with terminal(120) as (stderr, seen):
        done = subprocess.run(
            command("replay", "run", "--quiet"), cwd=kept, env=environment, stdout=subprocess.PIPE, stderr=stderr,
            timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, seen.decode()) == (0, "")
    assert b"digest" in done.stdout


@pytest.mark.parametrize("words", [("verify", "run", "--replay"), ("export", "run", "quiet.csv", "--ticks")])
def test_work_says_nothing_of_it_without_a_terminal(kept: Path, words: tuple[str, ...]) -> None:
    assert "\x1b" not in process(*words, cwd=kept).stderr
