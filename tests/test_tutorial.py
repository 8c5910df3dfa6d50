"""docs/tutorial.md, typed from top to bottom, does what stands there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
import venv
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import mtf

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "tutorial.md"
BLOCKS: Final = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
SERVE: Final = "mtf serve run/"
LIVE_URL: Final = "wss://stream.binance.com:9443/ws/btcusdt@trade"
MINUTE_MS: Final = 60_000


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which `python` and `mtf` are those under test."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, arguments in (("python", ""), ("mtf", " -m mtf")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "110"}


def settled(text: str) -> str:
    """Return *text* without what differs from run to run: the time that it took."""
    text = re.sub(r"in [\d.,]+ m?s( \([\d,]+/s\))?", "in some time", text)
    return "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())


def served(folder: Path, environ: dict[str, str]) -> str:
    """Run `mtf serve` until it says that it serves, stop it as Ctrl-C does, and return what it said."""
    command = ["mtf", "serve", "run/", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    return re.sub(r":\d+/", ":8765/", line)


def output(command: str, folder: Path, environ: dict[str, str]) -> str:
    """Return what a shell shows of *command*, which must succeed."""
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def type_everything(folder: Path, environ: dict[str, str]) -> None:
    """Save programs under the name in their first line, and run commands, in the order of the page."""
    ran = 0
    for kind, block in BLOCKS:
        if kind == "python":
            (folder / block.split()[1]).write_text(block)
        elif kind == "pycon":
            (folder / "session.txt").write_text(block)
            assert output("python -m doctest session.txt", folder, environ) == ""
        elif kind == "console":
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, shown = step.partition("\n")
                printed = served(folder, environ) if command == SERVE else output(command, folder, environ)
                assert settled(printed) == settled(shown), command
                ran += 1
    assert ran > 10


def test_everything_can_be_typed_and_shows_what_stands_there(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="mtf serve needs the extra web")
    type_everything(tmp_path, environment(tmp_path))


@pytest.mark.slow
def test_everything_can_be_typed_in_a_fresh_environment(tmp_path: Path) -> None:
    """With nothing installed but what the page installs, by its own command: no requirement is missing."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for part in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md", "MANIFEST.in"):
        shutil.copy(ROOT / part, checkout)
    for part in ("mtf", "scripts"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(tmp_path / "venv", with_pip=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ |= {"PATH": f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "110"}
    (install,) = re.findall(r"^pip install .*$", dict(BLOCKS)["sh"], re.MULTILINE)
    done = subprocess.run(
        install, shell=True, cwd=checkout, env={**environ, "MTF_PURE": "1"}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "work").mkdir()
    type_everything(tmp_path / "work", environ)


def test_extras_to_install_exist() -> None:
    (extras,) = re.findall(r"^pip install '\.\[(.*)\]'$", dict(BLOCKS)["sh"], re.MULTILINE)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= set(known)


def test_live_program_prints_bars_until_it_is_stopped_and_goes_on(tmp_path: Path) -> None:
    """On a server that sends what Binance sends; stopped by Ctrl-C, and started again, its log has each trade once."""
    server = pytest.importorskip("websockets.sync.server", reason="the program needs the extra live")
    start_ms = 1_709_719_200_000
    over = threading.Event()
    sent = iter([range(3), range(1, 5)])  # by connection: the numbers of the trades, some of them again

    def send(connection: Any) -> None:
        for k in next(sent):
            trade = {"e": "trade", "s": "BTCUSDT", "t": 100 + k, "p": f"{60000 + k}.5", "q": "0.1"}
            connection.send(orjson.dumps({**trade, "T": start_ms + k * MINUTE_MS}).decode())
        over.wait(60)

    program = {block.split()[1]: block for kind, block in BLOCKS if kind == "python"}["live.py"]
    assert program.count(LIVE_URL) == 1
    with server.serve(send, "127.0.0.1", 0) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            port = listening.socket.getsockname()[1]
            (tmp_path / "live.py").write_text(program.replace(LIVE_URL, f"ws://127.0.0.1:{port}"))
            first, second = printed(tmp_path, lines=2), printed(tmp_path, lines=2)
        finally:
            over.set()
            listening.shutdown()
            thread.join()
    assert first == ["BTCUSDT 1m 60000.5\n", "BTCUSDT 1m 60001.5\n"]
    assert second == ["BTCUSDT 1m 60002.5\n", "BTCUSDT 1m 60003.5\n"]
    prices = [logged.tick.price for logged in mtf.open(tmp_path / "live").ticks("BTCUSDT")]
    assert prices == [60000.5, 60001.5, 60002.5, 60003.5, 60004.5]


def printed(folder: Path, *, lines: int) -> list[str]:
    """Run live.py until it has printed some lines, stop it as Ctrl-C does, and return them."""
    command = [sys.executable, "live.py"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        found = [run.stdout.readline() for _ in range(lines)]
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    return found
