"""A data directory of which old events were removed: every command works from the first event that is kept."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf as library
from mtf.log import first_logged_seq, retain
from mtf.sources import SyntheticMarket
from tests.cli.builders import json_of, mtf

EVENTS = 3_000


def make(path: Path, block_events: int, **keep: int) -> tuple[str, int]:
    """Make a directory that keeps the last 500 events and a few more; return the run's digest and the first event."""
    kept: dict[str, Any] = keep or {"keep_events": 500}

    async def run() -> str:
        source: dict[str, Any] = {"seed": 5, "symbols": ["EURUSD"], "start": "2024-03-07", "pace_ms": 2_000}
        settings: dict[str, Any] = {"clock": "ticks", "checkpoint_seconds": None, "block_events": block_events}
        async with library.Pipeline(data=path, **kept, **settings) as pipeline:
            for events in range(500, EVENTS + 1, 500):
                await pipeline.run(SyntheticMarket(events=events, **source))
                await pipeline.checkpoint()
            return pipeline.digest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 20_000)
        digest = asyncio.run(run())
    first_seq = first_logged_seq(path / "log")
    assert 1 < first_seq < EVENTS - 500
    return digest, first_seq


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a directory, of which no checkpoint is as old as its first event."""
    path = tmp_path_factory.mktemp("kept") / "run"
    make(path, 70)
    return path


@pytest.fixture(scope="module")
def first_seq(kept: Path) -> int:
    return first_logged_seq(kept / "log")


def test_inspect_says_what_is_kept(kept: Path, first_seq: int) -> None:
    found = json_of("inspect", kept, "--json")["log"]
    assert (found["first_seq"], found["last_seq"], found["events"]) == (first_seq, EVENTS, EVENTS + 1 - first_seq)
    first_ns = json_of("ticks", kept, "--symbol", "EURUSD", "--format", "json")[0]["ts_ns"]
    assert found["first_event_ns"] == first_ns
    assert mtf("inspect", kept).exit_code == 0


@pytest.mark.parametrize("words", [("inspect",), ("prune", "--log-max-size", "1GB")])
def test_a_file_that_is_gone_by_the_time_it_is_looked_at_counts_as_nothing(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A run renames and removes files of its directory while others look."""
    path = shutil.copytree(kept, tmp_path / "run")
    command, *options = words

    def with_one_more(look: Callable[..., Iterator[Path]]) -> Callable[..., Iterator[Path]]:
        return lambda folder, *pattern: itertools.chain(look(folder, *pattern), [folder / "gone.log"])

    for name in ("glob", "iterdir"):
        monkeypatch.setattr(Path, name, with_one_more(getattr(Path, name)))
    found = mtf(command, path, *options)
    assert found.exit_code == 0, found.output


def test_ticks_begin_with_the_first_that_is_kept(kept: Path, first_seq: int) -> None:
    seqs = [row["seq"] for row in json_of("ticks", kept, "--symbol", "EURUSD", "--format", "json")]
    assert (seqs[0], seqs[-1]) == (first_seq, EVENTS)


def test_sweep_begins_with_the_first_event_that_is_kept_and_says_so(kept: Path, first_seq: int, tmp_path: Path) -> None:
    """Its digest is that of a replay of what is there."""
    pytest.importorskip("arro3.io", reason="results are written as Parquet")
    change = ("--set", "timeframes=1m")
    result = mtf("sweep", kept, *change, "--out", tmp_path / "out", "--json")
    assert f"{kept}: the log begins at seq {first_seq}, and earlier events were removed: its replays" in result.stderr
    assert orjson.loads(result.stdout)["errors"] == []
    line = orjson.loads((tmp_path / "out" / "jobs.jsonl").read_bytes())
    assert line["summary"]["digest"] == json_of("replay", kept, *change, "--json")["digest"]
    assert (line["first_seq"], line["last_seq"]) == (first_seq, EVENTS)


@pytest.mark.parametrize("args", [(), ("--start", "1"), ("--start", "2000-01-01T00:00Z")])
def test_replay_plays_what_is_kept_and_says_that_it_is_not_all(
    kept: Path, first_seq: int, args: tuple[str, ...]
) -> None:
    result = mtf("replay", kept, "--json", *args)
    assert result.exit_code == 0, result.output
    assert f"the log begins at seq {first_seq}, and earlier events were removed" in result.stderr
    found = orjson.loads(result.stdout)
    assert (found["first_seq"], found["seq"], found["new_events"]) == (first_seq, EVENTS, EVENTS + 1 - first_seq)


def test_replay_from_a_checkpoint_on_has_the_digest_of_the_run(kept: Path) -> None:
    verified = json_of("verify", kept, "--replay", "--json")
    assert verified["clean"]
    oldest = min(verified["checkpoints"]["seqs"])
    found = json_of("replay", kept, "--start", oldest + 1, "--json")
    assert found["digest"] == verified["replay"]["digest"]


def test_a_seq_before_the_first_that_is_kept_is_named(kept: Path, first_seq: int) -> None:
    """What is asked for was there once; the message says where the log begins now."""
    for args in (("state", kept, "--at", 5), ("replay", kept, "--start", 5)):
        result = mtf(*args)
        assert result.exit_code == 2
        assert f"the log begins at seq {first_seq}, and earlier events were removed" in result.stderr
    with library.open(kept) as data, pytest.raises(library.errors.ConfigError, match="choose a seq from there on"):
        data.state("EURUSD", at=first_seq - 5)


def test_a_state_that_lacks_its_past_says_so(kept: Path, first_seq: int) -> None:
    """No checkpoint is that old: indicators and bars are of what is kept."""
    result = mtf("state", kept, "--at", first_seq + 1, "--json")
    assert result.exit_code == 0
    assert "does not include the earlier events" in result.stderr
    assert "knows nothing" not in mtf("state", kept, "--json").stderr


def test_a_kept_log_is_a_source_from_its_first_event_on(kept: Path, first_seq: int, tmp_path: Path) -> None:
    found = json_of("run", kept, "--data", tmp_path / "again", "--json")
    assert found["events"] == EVENTS + 1 - first_seq


def test_a_checkpoint_whose_next_event_is_gone_is_not_started_from(kept: Path, tmp_path: Path) -> None:
    """Segments were removed beyond it, by hand or by a prune that was asked for."""
    shutil.copytree(kept, tmp_path / "run")
    seqs = sorted(int(path.stem.split("-")[1]) for path in (tmp_path / "run" / "checkpoints").glob("checkpoint-*"))
    (tmp_path / "run" / "checkpoints" / f"checkpoint-{seqs[-1]:019d}.mtf").unlink()
    retain(tmp_path / "run" / "log", EVENTS)
    first_seq = first_logged_seq(tmp_path / "run" / "log")
    assert seqs[0] < first_seq - 1
    assert json_of("state", tmp_path / "run", "--json")["seq"] == EVENTS
    assert json_of("verify", tmp_path / "run", "--replay", "--json")["replay"]["seq"] == EVENTS
    with library.open(tmp_path / "run") as data:
        assert next(iter(data.ticks())).seq == first_seq


def test_a_log_that_begins_after_a_checkpoint_lacks_nothing(tmp_path: Path) -> None:
    """The checkpoint stands for all that was removed."""
    digest, first_seq = make(tmp_path / "run", 100)
    assert first_seq - 1 in json_of("verify", tmp_path / "run", "--json")["checkpoints"]["seqs"]
    result = mtf("replay", tmp_path / "run", "--json")
    assert (orjson.loads(result.stdout)["digest"], result.stderr) == (digest, "")
    assert json_of("state", tmp_path / "run", "--at", first_seq - 1, "--json")["seq"] == first_seq - 1


def test_old_events_go_by_age_as_soon_as_nobody_needs_them(tmp_path: Path) -> None:
    """What stays is what was asked for, what a checkpoint needs, and no more than a segment beyond that."""
    first_seq = make(tmp_path / "run", 100, keep_log_ns=600_000_000_000)[1]
    checkpoints = json_of("verify", tmp_path / "run", "--replay", "--json")["checkpoints"]["seqs"]
    assert min(checkpoints) + 1 - 450 < first_seq <= min(checkpoints) + 1


def test_old_events_go_by_size_as_soon_as_nobody_needs_them(tmp_path: Path) -> None:
    make(tmp_path / "run", 100, keep_log_bytes=60_000)
    assert sum(path.stat().st_size for path in (tmp_path / "run" / "log").iterdir()) < 60_000 + 25_000
    assert json_of("verify", tmp_path / "run", "--replay", "--json")["clean"]


def whole_log(path: Path) -> Path:
    """Make a directory of several segments, with checkpoints, of which nothing has gone."""

    async def run() -> None:
        source: dict[str, Any] = {"seed": 5, "symbols": ["EURUSD"], "start": "2024-03-07", "pace_ms": 2_000}
        async with library.Pipeline(data=path, clock="ticks", checkpoint_seconds=None, block_events=100) as pipeline:
            for events in range(1_000, EVENTS + 1, 1_000):
                await pipeline.run(SyntheticMarket(events=events, **source))
                await pipeline.checkpoint()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 20_000)
        asyncio.run(run())
    return path


def test_prune_removes_of_the_log_what_nobody_needs(tmp_path: Path) -> None:
    """By age and by size; bars stay, and so does what the oldest checkpoint needs: a note says so."""
    path = whole_log(tmp_path / "run")
    bars = json_of("bars", path, "--symbol", "EURUSD", "-t", "1m", "--format", "json")
    assert (found := json_of("prune", path, "--log-older-than", "400d", "--json"))["log"]["segments"] == 0, found
    stamps = [each["ts_ns"] for each in json_of("ticks", path, "--symbol", "EURUSD", "--format", "json")]
    age = f"{(stamps[-1] - stamps[700]) // 1_000_000_000}s"
    found = json_of("prune", path, "--log-older-than", age, "--json")["log"]
    assert found["segments"] > 0
    assert 300 < found["first_seq"] <= 701
    assert found["held"] is None
    result = mtf("prune", path, "--log-max-size", "1kB")
    oldest = json_of("verify", path, "--json")["checkpoints"]["seqs"][0]
    assert first_logged_seq(path / "log") <= oldest + 1 < EVENTS
    assert f"a start may need the events after the checkpoint of seq {oldest}" in result.stderr
    assert json_of("bars", path, "--symbol", "EURUSD", "-t", "1m", "--format", "json") == bars
    assert json_of("verify", path, "--replay", "--json")["clean"]


def test_prune_leaves_a_log_that_a_start_needs_from_its_beginning(tmp_path: Path) -> None:
    path = whole_log(tmp_path / "run")
    shutil.rmtree(path / "checkpoints")
    result = mtf("prune", path, "--log-max-size", "1kB")
    assert (result.exit_code, result.stdout) == (0, "nothing to remove from the log\n")
    assert "there is no checkpoint, so a start needs the whole log" in result.stderr


def test_compact_makes_a_log_small_and_nothing_else(tmp_path: Path) -> None:
    args = ("run", "synthetic", "--events", 5000, "--timeframes", "1m", "--data", tmp_path / "run", "--no-compress")
    assert mtf(*args).exit_code == 0
    before = json_of("ticks", tmp_path / "run", "--symbol", "EURUSD", "--format", "json")
    found = json_of("compact", tmp_path / "run", "--json")
    assert (found["segments"], found["events"]) == (1, 5000)
    assert found["bytes_after"] < found["bytes_before"] / 2
    assert json_of("ticks", tmp_path / "run", "--symbol", "EURUSD", "--format", "json") == before
    assert json_of("verify", tmp_path / "run", "--replay", "--json")["clean"]
    assert "compressed already" in mtf("compact", tmp_path / "run").stdout
