"""What a command meets around it: paths that are not files, a machine short of something, names from strangers."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mtf.cli.exits import exit_code
from mtf.cli.output import OutputColumn, write_rows
from mtf.errors import DataDirError, LogLocked
from mtf.log import FileLog
from tests.cli.builders import SETTINGS, command, json_of, write_market
from tests.cli.builders import mtf as run_mtf

pty = pytest.importorskip("pty", reason="pipes and terminals of POSIX")

FILES = [
    "malformed.jsonl",
    "history.sqlite",
    "history.sqlite-wal",
    "history.sqlite-shm",
    "history.sqlite-journal",
    "log/writer.lock",
    "log/retained",
    "log/{segment}",
    "checkpoints/{checkpoint}",
]


def named(data: Path, name: str) -> Path:
    segment = next((data / "log").glob("*.log")).name
    checkpoint = next((data / "checkpoints").glob("checkpoint-*")).name
    return data / name.format(segment=segment, checkpoint=checkpoint)


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_place_of_a_file_holds_nothing_up(copy: Path, tmp_path: Path, name: str) -> None:
    """Opening one waits for whoever is at its other end: nobody. It is refused, or a checkpoint skipped."""
    path = named(copy, name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    source = write_market(tmp_path / "market.csv")
    for args in (("run", source, "--data", copy, *SETTINGS, "--json"), ("verify", copy), ("inspect", copy)):
        done = subprocess.run(command(*args), capture_output=True, text=True, timeout=60, check=False)
        said = done.stdout + done.stderr
        if args[0] == "run":
            assert "not a plain file" in said
            assert done.returncode == (0 if name.startswith("checkpoints/") else 2), said
        assert done.returncode in (0, 1, 2), said
        assert "Traceback" not in said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.EDQUOT])
def test_a_machine_that_is_short_of_something_is_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Neither the call nor the data is at fault: the same call will do, once there is room."""

    def short(*args: Any, **kwargs: Any) -> FileLog:
        raise DataDirError(f"{args[0]}: cannot be opened") from OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLog, "open", short)
    result = run_mtf("run", "synthetic", "--events", 10, "--data", tmp_path / "run")
    assert (result.exit_code, result.stdout) == (3, "")
    assert exit_code(DataDirError("there is none")) == 2


def test_too_many_open_files_at_the_start_are_code_3(tmp_path: Path) -> None:
    """As the system says it."""
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2); "
    run = "sys.argv[1:] = sys.argv[2:]; import mtf.cli; mtf.cli.main()"
    args = ("run", "synthetic", "--events", "10", "--data", str(tmp_path / "run"))
    codes = set()
    for limit in range(10, 22, 2):
        whole = [sys.executable, "-c", limited + run, str(limit), *args]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)
        if "mtf: " in done.stderr:  # before that Python itself could not import
            codes.add(done.returncode)
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
    assert 3 in codes
    assert codes <= {0, 3}  # one fewer, and only the history has to wait


def test_brackets_without_end_are_the_files_fault(tmp_path: Path) -> None:
    """A recursive parser has its limit: reaching it is not an internal failure."""
    path = tmp_path / "deep.toml"
    path.write_text("x = " + "[" * 100_000)
    result = run_mtf("run", "synthetic", "--events", 10, "--calendar", path)
    assert result.exit_code == 2
    assert "brackets are nested too deeply" in result.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
def test_forked_child_holds_no_lock(tmp_path: Path) -> None:
    """A process that outlives its parent, a daemon that a consumer began, must not keep the log locked."""
    log = FileLog.open(tmp_path / "log", config=b"{}")
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - in another process
        os.close(from_parent)
        os.write(from_child, b"!")
        os.read(to_child, 1)
        os._exit(0)
    os.close(to_child)
    os.read(to_parent, 1)  # the child runs
    try:
        with pytest.raises(LogLocked):
            FileLog.open(tmp_path / "log", config=b"{}")
        log.close()
        FileLog.open(tmp_path / "log", config=b"{}").close()
    finally:
        os.close(from_parent)
        os.waitpid(child, 0)
        os.close(to_parent)
        os.close(from_child)


@pytest.mark.parametrize("symbol", ["  ", "EUR\x00USD", "\x1b[31mEUR", "\x07", "a\x85b"])
def test_symbols_that_cannot_be_printed_are_malformed(tmp_path: Path, symbol: str) -> None:
    """Nobody can tell them apart, and some are commands to a terminal."""
    path = tmp_path / "market.csv"
    path.write_text(f'time,symbol,bid,ask\n2024-03-06T10:00:00Z,EURUSD,1,2\n2024-03-06T10:00:01Z,"{symbol}",1,2\n')
    found = json_of("run", path, "--json")
    assert found["rejected"] == {"malformed": 1}
    assert list(found["symbols"]) == ["EURUSD"]


def test_csv_on_a_terminal_shows_no_escape_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log may be a stranger's, and of a version that took such names; in a pipe the bytes are what they are."""
    columns = [OutputColumn("symbol", "text"), OutputColumn("close", "price")]
    for is_terminal, shown in ((True, "\ufffd[31mEUR"), (False, "\x1b[31mEUR")):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(stdout, "isatty", lambda answer=is_terminal: answer)
        monkeypatch.setattr("sys.stdout", stdout)
        write_rows([{"symbol": "\x1b[31mEUR", "close": 1.5}], columns, "csv", stdout.buffer)
        monkeypatch.undo()
        stdout.seek(0)
        assert stdout.read() == f"symbol,close\n{shown},1.5\n"


def test_a_copy_that_was_taken_of_a_running_directory_is_clean_with_notes(tmp_path: Path) -> None:
    """Its parts are of different moments: a note says what a start would make of them, and it is not damage."""
    args = ("run", "synthetic", "--events", 3000, "--timeframes", "1m", "--data", tmp_path / "run")
    assert run_mtf(*args).exit_code == 0
    segment = next((tmp_path / "run" / "log").glob("*.log"))
    os.truncate(segment, segment.stat().st_size // 2)
    result = run_mtf("verify", tmp_path / "run")
    assert result.exit_code == 0, result.stdout
    assert "torn tail: " in result.stdout
    assert "the checkpoint of seq 3000 is ahead of the log: the next start discards it" in result.stdout
    assert "bars are stored up to seq 3000: the next start removes those after" in result.stdout
    assert run_mtf(*args).exit_code == 0
    found = json_of("verify", tmp_path / "run", "--replay", "--json")
    assert (found["clean"], found["history"]["notes"], found["checkpoints"]["notes"]) == (True, [], [])
