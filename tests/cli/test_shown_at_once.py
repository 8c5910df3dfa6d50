"""`mtf demo` and `mtf serve FILE`: one command, nothing to configure, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.builders import command, json_of, mtf
from tests.cli.terminal import Session

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

PATIENCE_S = 90


class Shown:
    """A command that serves, as a process; its notes are read as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.notes: list[str] = []

    def note(self, pattern: str) -> re.Match[str]:
        """Return what matched in the next note that has *pattern*."""
        assert self.process.stderr is not None, "it is piped"
        for line in self.process.stderr:
            self.notes.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern!r} in {self.notes}")

    def ask(self, url: str) -> Any:
        """Return what the API answers, once it has loaded what it is asked for."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(url, timeout=30) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in (404, 503) or time.monotonic() > until_s:
                        raise

    def stop(self) -> str:
        """Press Ctrl-C; return the rest of the notes. It must end by itself, and well."""
        self.process.send_signal(signal.SIGINT)
        _, rest = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        return rest


@contextlib.contextmanager
def started(*args: object, cwd: Path) -> Iterator[Shown]:
    process = subprocess.Popen(
        command(*args),
        cwd=cwd,
        env={**os.environ, "TMPDIR": str(cwd)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shown = Shown(process)
    try:
        yield shown
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_demo_is_live_in_a_browser_and_leaves_nothing(tmp_path: Path) -> None:
    with started("demo", "--port", 0, "--rate", 50, cwd=tmp_path) as shown:
        url = shown.note(r"a simulated market, live on (http://127\.0\.0\.1:\d+/)  \(Ctrl-C ends it\)")[1]
        first = shown.ask(f"{url}api/v1/charts/EURUSD")
        assert {name: len(chart["bars"]) > 10 for name, chart in first["charts"].items()} == dict.fromkeys(
            ("1m", "5m", "15m", "1h", "4h", "1d"), True
        )
        assert first["charts"]["1h"]["values"]["sma_20"][-1] is not None
        while shown.ask(f"{url}api/v1/state/EURUSD")["seq"] <= first["state"]["seq"]:
            pass  # it goes on
        rest = shown.stop()
    assert re.search(r"ended after [\d,]+ events, which were deleted; to keep them: .* demo DIR", rest)
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_kept_goes_on_where_it_was(tmp_path: Path) -> None:
    seqs: list[int] = []
    prices: list[float] = []
    for _ in range(2):
        with started("demo", "kept", "--port", 0, "--rate", 50, cwd=tmp_path) as shown:
            url = shown.note(r"a simulated market, live on (http://127\.0\.0\.1:\d+/)")[1]
            while shown.ask(f"{url}api/v1/state/EURUSD")["seq"] <= max(seqs, default=0):
                pass  # it trades
            rest = shown.stop()
        assert "serve kept/" in rest
        state = json_of("state", str(tmp_path / "kept"), "--symbol", "EURUSD", "--json", "--bars", "1")
        seqs.append(state["seq"])
        part = state["symbols"]["EURUSD"]["timeframes"]["1d"]
        prices.append(part["partial"]["close"])
    assert seqs[0] < seqs[1] < seqs[0] + 5_000, "the past is made up once"
    assert prices[1] == pytest.approx(prices[0], rel=0.01)
    assert mtf("verify", tmp_path / "kept").exit_code == 0


def test_the_demo_takes_another_port_if_its_own_is_taken_unless_it_was_asked_for(tmp_path: Path) -> None:
    with started("demo", "--port", 0, cwd=tmp_path) as first:
        port = int(first.note(r"live on http://127\.0\.0\.1:(\d+)/")[1])
        refused = subprocess.run(
            command("demo", "--port", port),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert refused.returncode == 2
    assert "choose another port" in refused.stderr


def test_on_a_terminal_the_demo_is_on_its_screen_too(tmp_path: Path) -> None:
    with Session(command("demo", "--port", 0), tmp_path, 120, 32) as session:
        at = session.see("http://127.0.0.1:")
        at = session.see("all six at seq", at)
        session.see("EURUSD", at)
        session.press("q")
        code, err, modes = session.end()
        assert code == 0
        assert "simulating two months of trading" in err
        assert modes == session.modes_before


def test_a_file_is_run_and_shown_until_ctrl_c(tmp_path: Path) -> None:
    rows = "".join(f"2024-03-06 10:{k // 6:02}:{k % 6 * 10:02},1.{1000 + k},1.{1002 + k}\n" for k in range(300))
    (tmp_path / "eurusd.csv").write_text("time,bid,ask\n" + rows)
    with started("serve", "eurusd.csv", "--port", 0, "--indicators", "ema:5", cwd=tmp_path) as shown:
        url = shown.note(r"serving eurusd\.csv on (http://\S+)")[1]
        shown.note(r"eurusd\.csv: 300 events; mtf run eurusd\.csv --data DIR keeps them")
        charts = shown.ask(f"{url}api/v1/charts/EURUSD")
        while charts["state"]["seq"] < 300:
            charts = shown.ask(f"{url}api/v1/charts/EURUSD")
        shown.stop()
    assert len(charts["charts"]["1m"]["bars"]) == 49
    assert charts["charts"]["1m"]["values"]["ema_5"][-1] is not None
    assert [path.name for path in tmp_path.iterdir()] == ["eurusd.csv"]


def test_ctrl_c_ends_it_well_as_soon_as_its_address_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mtf("run", "synthetic", "--events", 10, "--data", tmp_path / "run")
    monkeypatch.setattr("mtf.cli.serve_command.note", lambda _: signal.raise_signal(signal.SIGINT))
    assert mtf("serve", tmp_path / "run", "--port", 0).exit_code == 0


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    empty = mtf("serve", tmp_path / "empty.csv", "--port", 0)
    assert empty.exit_code != 0
    assert "empty.csv" in empty.stderr
    mtf("run", "synthetic", "--events", 10, "--data", tmp_path / "run")
    other = mtf("serve", tmp_path / "run", "--calendar", "crypto")
    assert (other.exit_code, "only supported for a file" in other.stderr) == (2, True)
    demo = mtf("demo", tmp_path / "run", "--port", 0)
    assert demo.exit_code == 2
    assert "run" in demo.stderr
