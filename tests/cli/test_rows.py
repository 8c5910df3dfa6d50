"""`mtf run` on files as people have them: every row counted, the reason given, and the option that would help named."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.builders import command, json_of, mtf
from tests.sources.builders import written

QUOTES = "time,bid,ask\n2024-03-06 10:00:00,1.1,1.2\n2024-03-06 10:00:01,1.1,1.2\n"
BARS = "time,open,high,low,close,volume\n2024-03-06 10:00:00,10,12,9,11,5\n2024-03-06 10:01:00,11,12,9,11,5\n"
CRYPTO = ("--calendar", "crypto", "--timeframes", "1m")


def rows_of(*args: object) -> dict[str, int]:
    """The rows of a summary."""
    found: dict[str, int] = json_of("run", *args, "--json")["rows"]
    return found


def test_each_row_is_accepted_rejected_or_malformed(tmp_path: Path) -> None:
    """The third is late, the fourth cannot be read."""
    more = "2024-03-06 09:00:00,1.1,1.2\n2024-03-06 10:00:02,1.1\n2024-03-06 10:00:03,1.1,1.2\n"
    path = written(tmp_path, "x.csv", QUOTES + more)
    assert rows_of(path) == {"read": 5, "accepted": 3, "rejected": 1, "malformed": 1}


def test_a_bar_is_one_row(tmp_path: Path) -> None:
    """Although it becomes four events."""
    path = written(tmp_path, "x.csv", BARS)
    summary = json_of("run", path, *CRYPTO, "--json")
    assert summary["rows"] == {"read": 2, "accepted": 2, "rejected": 0, "malformed": 0}
    assert summary["events"] == 8


def test_rows_of_other_sources_are_their_events() -> None:
    assert rows_of("synthetic", "--events", 500)["read"] == 500


def test_rows_are_those_that_this_run_read(tmp_path: Path) -> None:
    """What was read before is in the log, and counted as events."""
    path = written(tmp_path, "x.csv", QUOTES)
    assert rows_of(path, "--data", tmp_path / "run")["read"] == 2
    with path.open("a") as file:
        file.write("2024-03-06 10:00:02,1.1,1.2\nbad\n")
    assert rows_of(path, "--data", tmp_path / "run") == {"read": 2, "accepted": 1, "rejected": 0, "malformed": 1}


@pytest.mark.parametrize("strict", [False, True])
def test_a_source_of_which_no_row_could_be_read_is_the_datas_fault(tmp_path: Path, strict: bool) -> None:
    """Each of its rows is counted, and the first ones are shown with their reasons."""
    path = written(tmp_path, "x.csv", "time,bid,ask\n2024-03-06 10:00:00,1.1,1.2,1\n2024-03-06 10:00:01,1.1,1.2,1\n")
    result = mtf("run", path, "--json", *(["--strict"] if strict else []))
    assert result.exit_code == 1
    assert f"{path}:2: expected 3 fields, got 4" in result.stderr
    if strict:
        assert (result.stdout, f"{path}:3" in result.stderr) == ("", False)
    else:
        assert orjson.loads(result.stdout)["rows"] == {"read": 2, "accepted": 0, "rejected": 0, "malformed": 2}
        assert f"{path}: none of its 2 rows could be read" in result.stderr
        assert f"{path}:3: expected 3 fields, got 4" in result.stderr


def test_no_new_row_that_can_be_read_is_no_such_source(tmp_path: Path) -> None:
    """Its first rows could be read, in the run before."""
    path = written(tmp_path, "x.csv", QUOTES)
    args = ("run", path, "--data", tmp_path / "run")
    assert mtf(*args).exit_code == 0
    with path.open("a") as file:
        file.write("bad\n")
    assert mtf(*args).exit_code == 0


def test_a_file_of_a_folder_of_which_no_row_could_be_read_is_named(tmp_path: Path) -> None:
    written(tmp_path, "d/1.csv", QUOTES)
    bad = written(tmp_path, "d/2.csv", QUOTES.replace(",1.2", ",1.2,x"))
    written(tmp_path, "d/README.md", "# Words\n")
    result = mtf("run", tmp_path / "d", "--symbol", "X", "--json")
    assert result.exit_code == 0
    assert f"{bad}: none of its 2 rows could be read" in result.stderr
    summary = orjson.loads(result.stdout)
    assert summary["skipped_files"] == ["README.md"]
    assert summary["rows"] == {"read": 4, "accepted": 2, "rejected": 0, "malformed": 2}


def test_rows_are_in_the_summary_for_people(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", QUOTES + "bad\n")
    assert "rows       3 read: 2 accepted, 0 rejected, 1 malformed" in mtf("run", path).stdout.splitlines()


ASKED: list[tuple[str, tuple[str, ...], str]] = [
    ("when,bid,ask\n2014-05-01,1,1\n", (), "--columns time=NAME"),
    ("time,foo,bar\n2014-05-01,1,1\n", (), "--columns time=NAME,bid=NAME,ask=NAME"),
    ("Date,Open,High,Low,Adj Close\n2014-05-01,1,1,1,1\n", (), "--columns close=NAME"),
    ("time,bid,ask\n01/02/2014,1,2\n", (), "--time-format dmy"),
    ("time,bid,ask\nsoon,1,2\n", (), "--time-format dmy"),
    ("time,open,high,low,close\n2014-05-01,1,1,1,1\n", (), "--bar-timeframe 1m"),
    ("time;bid;ask\n2014-05-01;1,085;1,086\n", (), "--decimal ,"),
    ("time,bid,ask\n2014-05-02,1,2\n2014-05-01,1,2\n", (), "give --reverse"),
    ("time,bid,ask,Full Name\n" + "2014-05-01,1,2,A\n2014-05-01,1,2,B\n" * 3, (), "--columns 'symbol=Full Name'"),
    (
        "time,bid,ask,Name\n" + "2014-05-01,1,2,A\n2014-05-01,1,2,B\n" * 3,
        (),
        "if all rows belong to one, give --symbol",
    ),
    ("2014-05-01,1,1,7,a\n", (), "--columns time=0,bid=1,ask=2"),
]


@pytest.mark.parametrize(("content", "options", "says"), ASKED)
def test_what_has_to_be_given_is_named_as_the_command_line_has_it(
    tmp_path: Path, content: str, options: tuple[str, ...], says: str
) -> None:
    """Exit code 2, one line, the file and the option; never an argument of Python."""
    path = written(tmp_path, "x.csv", content)
    result = mtf("run", path, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert str(path) in result.stderr
    for name in ("columns=", "time_format=", "timeframe=", "symbol='", "reverse=", "decimal="):
        assert name not in result.stderr


def test_a_limit_is_named_and_can_be_raised(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask,note\n2014-05-01,1,2,\n2014-05-01,1,2," + "n" * 70_000 + "\n")
    result = mtf("run", path, "--symbol", "X")
    assert result.exit_code == 1
    assert "if this one is, raise --limit line_bytes=N" in result.stderr
    assert rows_of(path, "--symbol", "X", "--limit", "line_bytes=100000")["accepted"] == 2
    for wrong in ("line_bytes", "lines=7", "ratio=x"):
        result = mtf("run", path, "--limit", wrong)
        assert result.exit_code == 2
        assert f"--limit {wrong}: write it as NAME=N" in result.stderr


def test_newest_first_is_read_backward_on_request(tmp_path: Path) -> None:
    lines = BARS.splitlines()
    path = written(tmp_path, "X.csv", "\n".join(["a title", lines[0], lines[2], lines[1], ""]))
    args = (*CRYPTO, "--bar-timeframe", "1m")
    assert "newest first" in mtf("run", path, *args).stderr
    result = mtf("run", path, *args, "--reverse", "--json")
    assert f"{path}: line 2 is taken as the header, and line 1 is skipped" in result.stderr
    forward = json_of("run", written(tmp_path, "y/X.csv", BARS), *args, "--json")
    assert orjson.loads(result.stdout)["digest"] == forward["digest"]


def test_sorting_reads_newest_first_too(tmp_path: Path) -> None:
    """Sorted rows have no direction: nothing has to be asked."""
    lines = QUOTES.splitlines()
    path = written(tmp_path, "X.csv", "\n".join([lines[0], lines[2], lines[1], ""]))
    assert rows_of(path, "--sort") == {"read": 2, "accepted": 2, "rejected": 0, "malformed": 0}


def test_bars_that_contradict_themselves_are_malformed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "x.csv",
        "time,open,high,low,close,volume\n2024-03-06 10:00:00,10,9,11,10,5\n"
        "2024-03-06 10:01:00,0,12,9,11,5\n2024-03-06 10:02:00,10,12,9,11,5\n",
    )
    result = mtf("run", path, *CRYPTO, "--json")
    assert orjson.loads(result.stdout)["rows"] == {"read": 3, "accepted": 1, "rejected": 0, "malformed": 2}
    assert f"{path}:2: the high, 9.0, is below the low, 11.0" in result.stderr
    assert f"{path}:3: the open, 0.0, is not between the low, 9.0, and the high, 12.0" in result.stderr
    strict = mtf("run", path, *CRYPTO, "--strict")
    assert (strict.exit_code, f"{path}:2: the high" in strict.stderr) == (1, True)


def test_a_last_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    """1.2 is a price, and 1.2345 is the one that was meant."""
    path = written(tmp_path, "x.csv", QUOTES + "2024-03-06 10:00:02,1.1,1.2")
    args = ("run", path, "--data", tmp_path / "run", "--json")
    first = mtf(*args)
    assert orjson.loads(first.stdout)["events"] == 2
    assert f"{path}:4: the last line has no line break, so it may be incomplete" in first.stderr
    with path.open("a") as file:
        file.write("345\n2024-03-06 10:00:03,1.1,1.2\n")
    again = json_of(*args)
    assert (again["events"], again["new_events"]) == (4, 2)
    assert again["digest"] == json_of("run", path, "--json")["digest"]


def test_without_a_directory_a_last_line_is_read_as_it_stands(tmp_path: Path) -> None:
    """Many files have no line break at their end, and there is no next run that could read it."""
    assert rows_of(written(tmp_path, "x.csv", QUOTES[:-1]))["accepted"] == 2


def piped(data: bytes, *args: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command with *data* on its standard input, through a pipe."""
    return subprocess.run(command(*args), input=data, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("source", ["-", "/dev/stdin"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_a_source(source: str, pack: Any) -> None:
    """Plain or packed; which market the rows are of cannot be known from it, and a note says so."""
    done = piped(pack(QUOTES.encode()), "run", source, "--json")
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["rows"]["accepted"] == 2
    assert b"its rows have the symbol STDIN" in done.stderr
    named = piped(pack(QUOTES.encode()), "run", source, "--json", "--symbol", "X")
    assert (list(orjson.loads(named.stdout)["symbols"]), named.stderr) == (["X"], b"")


def test_standard_input_may_be_a_file(tmp_path: Path) -> None:
    with written(tmp_path, "x.csv", QUOTES).open("rb") as file:
        done = subprocess.run(command("run", "-", "--json"), stdin=file, capture_output=True, timeout=60, check=False)
    assert orjson.loads(done.stdout)["rows"]["accepted"] == 2


def test_a_pipe_of_the_shell_is_a_source(tmp_path: Path) -> None:
    """`mtf run <(zcat f.gz)`: read once, never opened twice."""
    (tmp_path / "f.gz").write_bytes(gzip.compress(QUOTES.encode()))
    words = " ".join(command("run", "<(gzip -dc f.gz)", "--json", "--symbol", "X"))
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["rows"]["accepted"] == 2


def test_the_same_through_a_pipe_again_goes_on(tmp_path: Path) -> None:
    args = ("run", "-", "--data", tmp_path / "run", "--json", "--symbol", "X")
    assert orjson.loads(piped(QUOTES.encode(), *args).stdout)["new_events"] == 2
    assert orjson.loads(piped(QUOTES.encode(), *args).stdout)["new_events"] == 0
    more = QUOTES.encode() + b"2024-03-06 10:00:02,1.1,1.2\n"
    assert orjson.loads(piped(more, *args).stdout)["new_events"] == 1
    other = piped(QUOTES.replace("1.1", "1.0").encode(), *args)
    assert (other.returncode, b"its beginning has changed" in other.stderr) == (1, True)


def test_an_empty_pipe_is_the_datas_fault() -> None:
    done = piped(b"", "run", "-")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"mtf: stdin: empty file\n")


def test_a_pipe_that_is_silent_can_be_stopped(tmp_path: Path) -> None:
    """Ctrl-C is heard while nothing comes; what came is in the log, and in the summary."""
    reader, writer = os.pipe()
    with subprocess.Popen(
        command("run", "-", "--data", tmp_path / "run", "--json", "--symbol", "X"),
        stdin=reader,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        os.close(reader)
        os.write(writer, QUOTES.encode() + b"bad\n")
        while not (tmp_path / "run" / "malformed.jsonl").exists():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        os.close(writer)
    assert running.returncode == 130, err
    assert orjson.loads(out)["events"] == 2
