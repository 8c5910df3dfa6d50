"""`mtf verify`, `mtf salvage`, `mtf inspect` and `mtf tail`: what is on disk, good or not."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import struct
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from xxhash import xxh3_64_intdigest

from mtf.storage.checkpoint_store import HEADER_BYTES, VERSION
from mtf.storage.history.packs import Pack
from tests.cli.builders import SETTINGS, command, json_of, mtf, write_market
from tests.storage.builders import alter_packs


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A data directory whose log has many blocks."""
    args = ("run", "synthetic", "--events", 5000, "--timeframes", "1m", "--data", tmp_path / "run")
    assert mtf(*args).exit_code == 0
    return tmp_path / "run"


def flip(path: Path, offset: int) -> None:
    """Turn one bit of the byte at *offset*."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.chmod(0o600)
    path.write_bytes(data)


def test_a_good_directory_is_clean(market: Path) -> None:
    """Log, checkpoints, history and, on request, what comes of the log."""
    found = json_of("verify", market, "--replay", "--json")
    assert found["clean"] is True
    assert (found["log"]["events"], found["log"]["safe"], found["log"]["sealed"]) == (8, [[1, 8]], True)
    assert found["checkpoints"]["seqs"] == [8]
    assert found["history"]["seq"] == 8
    assert found["replay"]["agreed"] == [8]
    assert found["replay"]["digest"] == json_of("replay", market, "--json")["digest"]
    lines = mtf("verify", market, "--replay").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["log", "clean"], ["checkpoints", "clean"], ["history", "clean"], ["replay", "clean"],
    ]  # fmt: skip


def test_a_damaged_log_is_told_with_the_safe_seqs(long: Path) -> None:
    """Exit code 1; the rest can be read by other means."""
    (segment,) = (long / "log").glob("*.log")
    flip(segment, segment.stat().st_size // 2)
    result = mtf("verify", long)
    assert result.exit_code == 1
    assert "log           damaged" in result.stdout
    assert f"{segment}, byte " in result.stdout
    assert "safe seqs: 1 to " in result.stdout
    found = orjson.loads(mtf("verify", long, "--json").stdout)
    assert found["clean"] is False
    assert len(found["log"]["safe"]) == 2


def test_salvage_copies_what_is_before_the_damage(long: Path, tmp_path: Path) -> None:
    """The copy is a data directory like any other, and the old one is as it was."""
    (segment,) = (long / "log").glob("*.log")
    flip(segment, segment.stat().st_size // 2)
    before = segment.read_bytes()
    found = json_of("salvage", long, tmp_path / "rescued", "--before-damage", "--json")
    assert 0 < found["last_seq"] == found["events"] == found["same_seq"] < 5000
    assert found["moved"] == []
    assert segment.read_bytes() == before
    assert json_of("verify", tmp_path / "rescued", "--json")["log"]["last_seq"] == found["last_seq"]
    args = ("run", "synthetic", "--events", 5000, "--timeframes", "1m", "--json")
    again = json_of(*args, "--data", tmp_path / "rescued")
    assert (again["resumed_seq"], again["events"]) == (found["last_seq"], 5000)
    assert again["digest"] == json_of(*args)["digest"]


def test_salvage_goes_on_after_the_damage(long: Path, tmp_path: Path) -> None:
    """One flipped byte in the first block, which names the symbols: the rest is saved, and there is one complaint."""
    (segment,) = (long / "log").glob("*.log")
    shutil.copytree(long, tmp_path / "good")
    flip(segment, segment.read_bytes().index(b"EURUSD", 3000) - 1000)
    verified = json_of_damaged("verify", long, "--json")
    (first,) = verified["log"]["safe"]
    assert (len(verified["log"]["damage"]), first[1]) == (1, 5000)
    found = json_of("salvage", long, tmp_path / "rescued", "--json")
    assert found["events"] == found["last_seq"] == 5001 - first[0] > 3900
    assert found["moved"] == [{"first_seq": first[0], "last_seq": 5000, "now_seq": 1}]
    assert json_of("verify", tmp_path / "rescued", "--replay", "--json")["clean"]
    good, rescued = (
        json_lines("tail", path, "-n", 3000, "--json") for path in (tmp_path / "good", tmp_path / "rescued")
    )
    for row in good:
        row["seq"] -= first[0] - 1
    assert rescued == good


def json_lines(*args: object) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in mtf(*args).stdout.splitlines()]


def json_of_damaged(*args: object) -> dict[str, Any]:
    result = mtf(*args)
    assert result.exit_code == 1, result.output
    found: dict[str, Any] = orjson.loads(result.stdout)
    return found


def test_salvage_writes_to_a_new_directory_only(market: Path, copy: Path) -> None:
    """What is there already may be the only copy."""
    result = mtf("salvage", market, copy)
    assert result.exit_code == 2
    assert "already exists" in result.stderr


def test_a_damaged_checkpoint_is_told(copy: Path) -> None:
    """The pipeline would start from the log; but somebody should look at the disk."""
    (checkpoint,) = (copy / "checkpoints").glob("checkpoint-*")
    flip(checkpoint, 200)
    result = mtf("verify", copy)
    assert result.exit_code == 1
    assert "checkpoints   damaged" in result.stdout


def test_a_run_says_which_checkpoint_it_passed_over(copy: Path, tmp_path: Path) -> None:
    """Recovery from the log's start takes longer, and why is no secret."""
    (checkpoint,) = (copy / "checkpoints").glob("checkpoint-*")
    flip(checkpoint, 200)
    result = mtf("run", write_market(tmp_path / "market.csv"), "--data", copy, *SETTINGS, "--json")
    assert result.exit_code == 0, result.output
    assert "checkpoint skipped" in result.stderr


def test_a_stored_bar_that_was_changed_is_neither_printed_nor_clean(copy: Path) -> None:
    """SQLite cannot know that a good row holds a wrong price; the pack's own sum does."""
    with closing(sqlite3.connect(copy / "history.sqlite")) as connection:
        connection.execute("UPDATE packs SET data = CAST(x'72' || x'07' || substr(data, 3) AS BLOB)")
        connection.commit()
    result = mtf("verify", copy)
    assert result.exit_code == 1
    assert "pack 1 was altered" in result.stdout
    result = mtf("bars", copy, "--symbol", "EURUSD", "-t", "1m", "--format", "csv")
    assert result.exit_code == 1
    assert "pack 1 was altered" in result.stderr
    assert len(result.stdout.splitlines()) <= 2


@pytest.mark.parametrize("gone", ["packs", "runs", "series"])
def test_stored_bars_that_are_gone_are_missed(copy: Path, gone: str) -> None:
    """In a part of the time too."""
    bars = mtf("bars", copy, "--symbol", "EURUSD", "-t", "1m", "--format", "csv").stdout.splitlines()[1:]
    starts = [int(line.split(",")[2]) for line in bars]
    assert len(starts) == 3
    with closing(sqlite3.connect(copy / "history.sqlite")) as connection:
        connection.execute(f"DELETE FROM {gone}")
        connection.commit()
    assert mtf("verify", copy).exit_code == 1
    for span in ((), ("--start", starts[0]), ("--start", starts[1], "--end", starts[1] + 1)):
        result = mtf("bars", copy, "--symbol", "EURUSD", "-t", "1m", *span)
        assert result.exit_code == 1, result.output
        assert "missing" in result.stderr


def test_a_checkpoint_of_a_newer_mtf_is_no_damage(copy: Path) -> None:
    """Who goes back to an earlier mtf keeps a directory that is whole; the log is played in its place."""
    (path,) = (copy / "checkpoints").glob("checkpoint-*")
    data = bytearray(path.read_bytes())
    data[8:10] = (VERSION + 1).to_bytes(2, "little")
    data[HEADER_BYTES - 8 : HEADER_BYTES] = xxh3_64_intdigest(data[: HEADER_BYTES - 8]).to_bytes(8, "little")
    path.write_bytes(data)
    for options in ((), ("--replay",)):
        result = mtf("verify", copy, *options)
        assert result.exit_code == 0, result.output
        assert f"written by a newer mtf (format version {VERSION + 1}" in result.stdout
        assert "damaged" not in result.stdout


def test_a_stored_bar_that_was_summed_again_is_found_by_replay(copy: Path) -> None:
    """What was altered on purpose, only the log can tell."""

    def raise_high(data: bytearray, pack: Pack) -> None:
        (price,) = struct.unpack_from("<d", data, 3 * 8 * pack.bars)
        struct.pack_into("<d", data, 3 * 8 * pack.bars, price + 1.0)

    alter_packs(copy, raise_high)
    assert mtf("verify", copy).exit_code == 0
    result = mtf("verify", copy, "--replay")
    assert result.exit_code == 1
    assert "stored 1m bars of EURUSD differ from those of the log" in result.stdout


def test_a_damaged_history_is_told(copy: Path) -> None:
    """A file that is not a database is damage, not an internal failure."""
    (copy / "history.sqlite").write_bytes(b"x" * 4096)
    result = mtf("verify", copy)
    assert result.exit_code == 1
    assert "history       damaged" in result.stdout


def test_what_cannot_be_opened_is_exit_code_2(tmp_path: Path) -> None:
    """No directory, or one of something else."""
    assert mtf("verify", tmp_path / "nowhere").exit_code == 2
    assert mtf("verify", tmp_path).exit_code == 2


def test_inspect_says_what_is_in_there(market: Path) -> None:
    """For programs all of it, for people the essence."""
    found = json_of("inspect", market, "--json")
    assert found["log"]["symbols"] == ["EURUSD", "GBPUSD"]
    assert (found["log"]["events"], found["log"]["first_seq"], found["log"]["last_seq"]) == (8, 1, 8)
    assert list(found["log"]["sources"]) == ["market.csv"]
    assert found["history"] == {"seq": 8, "bars": {"EURUSD": {"1m": 3}, "GBPUSD": {"1m": 1}}}
    assert (found["checkpoints"], found["malformed"]) == ([8], 0)
    lines = mtf("inspect", market).stdout.splitlines()
    assert "events        8, seq 1 to 8" in lines
    assert "timeframes    1m 5m" in lines


def test_tail_shows_the_newest_events(market: Path) -> None:
    """The last ones, in their order."""
    rows = [orjson.loads(line) for line in mtf("tail", market, "-n", 2, "--json").stdout.splitlines()]
    assert [(row["seq"], row["symbol"], row["bid"]) for row in rows] == [(7, "EURUSD", 9.0), (8, "EURUSD", 1.0)]
    line = mtf("tail", market, "-n", 1).stdout
    assert line == "         8  2024-03-06 10:03:05Z      EURUSD      quote 1 × 4 / 1.25 × 4\n"
    assert mtf("tail", market, "-n", 0).stdout == ""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_tail_follows_another_process(tmp_path: Path) -> None:
    """Events show as they are written, and Ctrl-C is the way to end it."""
    path = write_market(tmp_path / "market.csv")
    args = ("run", path, "--data", tmp_path / "run", *SETTINGS)
    assert mtf(*args).exit_code == 0
    with subprocess.Popen(
        command("tail", tmp_path / "run", "-f", "-n", 1, "--json"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as following:
        try:
            assert following.stdout is not None
            assert orjson.loads(following.stdout.readline())["seq"] == 8
            with path.open("a") as file:
                file.write("2024-03-06T10:04:00Z,EURUSD,1.0,1.25,4,4\n")
            assert mtf(*args).exit_code == 0
            assert orjson.loads(following.stdout.readline())["seq"] == 9
            following.send_signal(signal.SIGINT)
            _, err = following.communicate(timeout=30)
        finally:
            following.kill()
    assert (following.returncode, err) == (0, b"")
