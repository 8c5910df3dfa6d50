"""The progress bar: there on a terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import orjson

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
