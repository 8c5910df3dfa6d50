"""The progress bar: there on a terminal, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import orjson
import pytest

from tests.cli.builders import command, process

pty = pytest.importorskip("pty", reason="terminals of POSIX")

RUN = ("run", "synthetic", "--events", 20_000, "--timeframes", "1m", "--json")


def test_bar_is_shown_on_a_terminal_and_taken_away(tmp_path: Path) -> None:
    """stderr is the terminal: the share, events and their rate; stdout holds the result and nothing else."""
    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while data := os.read(ours, 65_536):
                seen.extend(data)
        except OSError:
            pass  # the other side is closed

    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        command(*RUN), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs
    ) as running:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        assert running.stdout is not None
        out = running.stdout.read()
        running.wait(timeout=60)
    reader.join(timeout=60)
    os.close(ours)
    assert running.returncode == 0
    assert orjson.loads(out)["events"] == 20_000
    text = seen.decode()
    assert "synthetic" in text
    assert " events" in text
    assert text.rstrip().endswith("\x1b[2K"), "the line is cleared at the end"


def test_no_bar_without_a_terminal(tmp_path: Path) -> None:
    """Logs of cron jobs are not for animation."""
    assert process(*RUN, cwd=tmp_path).stderr == ""
