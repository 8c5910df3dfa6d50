"""Pruning removes the oldest bars and rejects, and nothing else, at run and by command."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.bars.bar import Bar
from mtf.errors import CorruptHistory, DataDirError
from mtf.storage.datadir import history_of
from mtf.storage.history.pruning import Keep, prune_history
from tests.builders import SECOND_NS
from tests.cli.builders import json_of
from tests.cli.builders import mtf as run_mtf
from tests.storage.builders import feed, history_rows, market

EVENTS = market(6, 1_500)
KEYS = [(symbol, timeframe) for symbol in ("EURUSD", "USDJPY", "XAUUSD") for timeframe in ("1m", "5m", "1h", "1d")]
SETTINGS: dict[str, Any] = {
    "clock": "ticks",
    "checkpoint_seconds": None,
    "timeframes": "1m,5m,1h,1d",
    "indicators": "sma:3",
}
HOUR_NS = 3_600 * SECOND_NS


async def run(path: Path, **settings: Any) -> mtf.Pipeline:
    async with mtf.Pipeline(data=path, **SETTINGS, **settings) as pipeline:
        await feed(pipeline, EVENTS[pipeline.seq :])
    return pipeline


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pruning") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtf.storage.history.writer.ROWS_MAX", 40)
        patch.setattr("mtf.storage.history.writer.BEHIND_MAX", 0)
        asyncio.run(run(path))
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def bars(path: Path) -> list[Bar]:
    with mtf.open(path) as data:
        return [bar for key in KEYS for bar in data.bars(*key)]


@pytest.mark.parametrize("hours", [0, 1, 20, 60])
def test_bars_older_than_an_age_before_the_newest_go(copy: Path, hours: int) -> None:
    """Whole packs and parts of packs; what stays is as it was, with its values."""
    before, rows = bars(copy), history_rows(copy)
    from_ns = max(bar.start_ns for bar in before) - hours * HOUR_NS
    found = json_of("prune", copy, "--older-than", f"{hours}h", "--json")
    kept = [bar for bar in before if bar.start_ns >= from_ns]
    assert 0 < len(kept) < len(before)
    assert found["bars"] == len(before) - len(kept)
    assert found["from_ns"] == from_ns
    assert bars(copy) == kept
    assert set(history_rows(copy)[:-1]) <= set(rows)
    with mtf.open(copy) as data:
        assert all(each.tick.ts_ns >= from_ns for each in data.rejects())
        rejected = [each for each in data.ticks() if each.verdict not in ("accepted", "late_accepted")]
    assert found["rejects"] == sum(each.tick.ts_ns < from_ns for each in rejected)
    assert run_mtf("verify", copy, "--replay").exit_code == 0


def test_bars_go_until_the_rest_is_small_enough(copy: Path) -> None:
    """The oldest first, and the file is shorter."""
    before = bars(copy)
    size = (copy / "history.sqlite").stat().st_size
    result = run_mtf("prune", copy, "--max-size", "20kB")
    assert result.exit_code == 0, result.output
    assert "removed" in result.stdout
    kept = bars(copy)
    assert 0 < len(kept) < len(before)
    with closing(sqlite3.connect(copy / "history.sqlite")) as connection:
        (stored,) = connection.execute("SELECT sum(length(data)) FROM packs").fetchone()
    assert stored <= 20_000
    oldest_ns = min(bar.start_ns for bar in kept)
    assert all(bar in kept for bar in before if bar.start_ns > oldest_ns)
    assert (copy / "history.sqlite").stat().st_size < size
    assert run_mtf("verify", copy, "--replay").exit_code == 0


async def test_a_run_goes_on_after_pruning_and_brings_nothing_back(whole: Path, tmp_path: Path) -> None:
    """As if it had not been; also after another start."""
    path = tmp_path / "run"
    async with mtf.Pipeline(data=path, **SETTINGS) as pipeline:
        await feed(pipeline, EVENTS[:900])
    prune_history(path / "history.sqlite", Keep(age_ns=HOUR_NS))
    from_ns = history_of(path).stored().pruned_ns
    await run(path)
    assert bars(path) == [bar for bar in bars(whole) if bar.start_ns >= from_ns]


async def test_a_setting_prunes_at_run(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then: what has to be kept is there, and little more."""
    monkeypatch.setattr("mtf.storage.history.writer.ROWS_MAX", 20)
    monkeypatch.setattr("mtf.storage.history.writer.BEHIND_MAX", 0)
    await run(tmp_path / "age", keep_history_ns=2 * HOUR_NS)
    await run(tmp_path / "age", keep_history_ns=2 * HOUR_NS)
    every, left = bars(whole), bars(tmp_path / "age")
    newest_ns = max(bar.start_ns for bar in every)
    assert [bar for bar in left if bar.start_ns >= newest_ns - 2 * HOUR_NS] == [
        bar for bar in every if bar.start_ns >= newest_ns - 2 * HOUR_NS
    ]
    assert len(left) < len(every) / 2
    await run(tmp_path / "size", keep_history_bytes=20_000)
    with closing(sqlite3.connect(tmp_path / "size" / "history.sqlite")) as connection:
        (stored,) = connection.execute("SELECT sum(length(data)) FROM packs").fetchone()
    assert stored < 40_000
    for name in ("age", "size"):
        assert run_mtf("verify", tmp_path / name, "--replay").exit_code == 0


def test_pruning_that_fails_leaves_all(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one transaction."""
    before = history_rows(copy)
    with monkeypatch.context() as patch:
        patch.setattr("mtf.storage.history.book.SET_POSITION", "INSERT INTO position (one) VALUES (?, ?)")
        with pytest.raises(DataDirError):
            prune_history(copy / "history.sqlite", Keep(age_ns=0))
    assert history_rows(copy) == before
    assert prune_history(copy / "history.sqlite", Keep(age_ns=0)).bars > 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((), 2, "nothing to do: give --older-than or --max-size"),
        (("--older-than", "tomorrow"), 2, "'tomorrow' is not a valid duration"),
        (("--max-size", "much"), 2, "'much' is not a valid size: use the form 500MB, 2GB or 1.5GiB"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(copy: Path, options: tuple[str, ...], code: int, says: str) -> None:
    before = history_rows(copy)
    result = run_mtf("prune", copy, *options)
    assert result.exit_code == code
    assert says in result.stderr
    assert history_rows(copy) == before


def test_nothing_to_remove_is_said_so(copy: Path) -> None:
    result = run_mtf("prune", copy, "--older-than", "4000d", "--max-size", "1GB")
    assert (result.exit_code, result.stdout) == (0, "nothing to remove\n")


async def test_a_directory_that_a_run_has_open_is_refused(tmp_path: Path) -> None:
    async with mtf.Pipeline(data=tmp_path / "run", **SETTINGS) as pipeline:
        await feed(pipeline, EVENTS[:200])
        result = await asyncio.to_thread(run_mtf, "prune", tmp_path / "run", "--older-than", "0")
        assert result.exit_code == 2
        assert "lock" in result.stderr


def test_a_damaged_history_is_left_as_it_is(copy: Path) -> None:
    (copy / "history.sqlite").write_bytes(b"garbage" * 1000)
    result = run_mtf("prune", copy, "--older-than", "0")
    assert result.exit_code == 1
    assert "the history cannot be read" in result.stderr
    assert (copy / "history.sqlite").read_bytes() == b"garbage" * 1000


def test_bars_pruned_while_they_are_read_are_missed(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is whole or an error."""
    monkeypatch.setattr("mtf.storage.history.store.PAGE_ROWS", 1)
    pages = history_of(copy).pages("EURUSD", "1m")
    next(pages)
    prune_history(copy / "history.sqlite", Keep(age_ns=0))
    with pytest.raises(CorruptHistory, match="bars were pruned while they were being read"):
        list(pages)
