"""`mtf run --follow`: files and pipes as live feeds, until a signal."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import mtf as library
from tests.cli.builders import command, mtf

SETTINGS = ("--calendar", "crypto", "--timeframes", "1s,1m", "--json")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def line(price: float, symbol: str = "X") -> str:
    return f'{{"symbol": "{symbol}", "ts_ns": {time.time_ns()}, "price": {price}}}\n'


def add(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(lines)


@contextlib.contextmanager
def following(folder: Path, *sources: object, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    args = ("run", *sources, "--follow", "--data", folder / "run", *SETTINGS)
    running = subprocess.Popen(command(*args), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload]
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def until_logged(folder: Path, prices: list[float], running: subprocess.Popen[bytes]) -> None:
    """Return once these are the prices in the log, and no others."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(library.MtfError), library.open(folder / "run") as reader:
            if [each.tick.price for each in reader.ticks()] == prices:
                return
        assert time.monotonic() < deadline, "the rows do not come"
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)


def test_a_file_is_followed_until_a_signal_and_the_same_command_goes_on_at_its_byte(tmp_path: Path) -> None:
    """Also after SIGKILL: what is in the log by then is not read again, and everything else is."""
    path = tmp_path / "ticks.ndjson"
    with following(tmp_path, path.name) as running:
        add(path, line(1), line(2))
        until_logged(tmp_path, [1, 2], running)
        add(path, line(3)[:30])
        running.send_signal(signal.SIGINT)
        out, said = running.communicate(timeout=60)
    assert running.returncode == 130
    summary = orjson.loads(out)
    assert (summary["ticks"], summary["rejected"], summary["interrupted"]) == (2, {}, True)
    assert b"run the same command again to resume" in said
    with path.open("r+b") as file:
        file.seek(-30, os.SEEK_END)
        file.truncate()
    add(path, line(3))
    with following(tmp_path, path.name) as running:
        until_logged(tmp_path, [1, 2, 3], running)
        running.kill()
        running.wait(60)
    add(path, line(4), "nonsense\n")
    with following(tmp_path, path.name) as running:
        until_logged(tmp_path, [1, 2, 3, 4], running)
        running.send_signal(signal.SIGTERM)
        out, said = running.communicate(timeout=60)
    assert running.returncode == 143
    assert orjson.loads(out)["rejected"] == {"malformed": 1}
    assert b"ticks.ndjson:5: not a JSON object: 'nonsense'" in said


def test_several_files_are_followed_at_once(tmp_path: Path) -> None:
    """Each is known by its own name, and logged as it comes."""
    paths = [tmp_path / name for name in ("a.ndjson", "b.ndjson")]
    for path in paths:
        add(path, line(1, path.stem.upper()), line(1, path.stem.upper()))
    with following(tmp_path, *paths) as running:
        until_logged(tmp_path, [1, 1, 1, 1], running)
        add(paths[1], line(2, "B"))
        until_logged(tmp_path, [1, 1, 1, 1, 2], running)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
    assert {name: counts["ticks"] for name, counts in orjson.loads(out)["symbols"].items()} == {"A": 2, "B": 3}


@pytest.mark.parametrize("header", ["", "symbol,ts_ns,price\n"], ids=["ndjson", "csv"])
def test_a_pipe_is_live_until_its_writer_ends(tmp_path: Path, header: str) -> None:
    """Its bars are closed by the clock while it is silent; its end is the end of the run, with exit code 0."""
    with following(tmp_path, "-", stdin=subprocess.PIPE) as running:
        assert running.stdin is not None
        rows = [f"X,{time.time_ns()},{price}\n" if header else line(price) for price in (1, 2)]
        running.stdin.write((header + "".join(rows)).encode())
        running.stdin.flush()
        until_logged(tmp_path, [1, 2], running)
        count, sent_s = 2, -math.inf
        deadline = time.monotonic() + 60
        while True:
            with library.open(tmp_path / "run") as reader:
                if reader.seq > count:  # a clock event
                    break
            assert time.monotonic() < deadline, "the clock closes nothing"
            if time.monotonic() > sent_s + 3:  # one that is read too long after its stamp is not live
                count, sent_s = count + 1, time.monotonic()
                running.stdin.write((f"X,{time.time_ns()},{count}\n" if header else line(count)).encode())
                running.stdin.flush()
            time.sleep(0.01)
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert orjson.loads(out)["clocks"] >= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "--sort"], "--sort: not supported with --follow; omit it"),
        (["a.csv", "--reorder", "1s", "--order", "log"], "--reorder, --order: not supported with --follow; omit it"),
        (["a.csv", "--seed", "3"], "--seed: not supported for a file; omit it"),
        (["synthetic"], "a synthetic market does not grow: omit --follow"),
        (["."], ".: only files can be followed: name the file, or omit --follow"),
        (["a.csv", "b.csv", "--source-name", "x"], "--source-name needs a single source"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = mtf("run", *words, "--follow")
    assert result.exit_code == 2
    assert message in result.stderr
    assert os.listdir(tmp_path) == []
