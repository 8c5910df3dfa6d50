"""A history of the former version is read as it is, and converted by the next run, at once or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import mtf
from mtf.errors import CorruptHistory
from mtf.storage.datadir import history_of, logged_config
from mtf.storage.history import conversion
from mtf.storage.history.schema import FORMER_VERSION, TABLES, VERSION
from tests.cli.builders import mtf as run_mtf
from tests.storage.builders import feed
from tests.storage.test_v01 import event_of

DATA: Final = Path(__file__).parents[1] / "data"
GOLDEN: Final = DATA / "history-v2"
EXPECTED: Final = orjson.loads((GOLDEN / "expected.json").read_bytes())
EVENTS: Final = [event_of(fields) for fields in orjson.loads((DATA / "v01" / "events.json").read_bytes())]
LOGGED: Final = 180
KEYS: Final = sorted({(bar[1], bar[2]) for bar in EXPECTED["bars"]})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN / "data", tmp_path / "data"))


def pipeline_on(data: Path, **settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(data=data, config=logged_config(data), clock="ticks", checkpoint_seconds=None, **settings)


def version_of(data: Path) -> int:
    with closing(sqlite3.connect(data / "history.sqlite")) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def bars_in(data: Path) -> list[list[Any]]:
    """Return what a reader has of all bars, in the order of `EXPECTED`: by seq, then as they were shown."""
    with mtf.open(data) as reader:
        rows = [row for key in KEYS for row in reader.bars(*key).to_dicts()]
    names = ("seq", "symbol", "timeframe", "start_ns", "open", "high", "low", "close", "volume")
    return sorted([row[name] for name in names] for row in rows)


def test_a_reader_takes_it_as_it_is_and_changes_nothing(data: Path) -> None:
    before = (data / "history.sqlite").read_bytes()
    assert bars_in(data) == sorted(EXPECTED["bars"])
    with mtf.open(data) as reader:
        for key in KEYS:
            whole = [row["start_ns"] for row in reader.bars(*key).to_dicts()]
            assert [row["start_ns"] for row in reader.bars(*key, last=3).to_dicts()] == whole[-3:]
            assert {row["sma_3"] for row in reader.bars(*key, indicators=True).to_dicts()} == {None}
        assert [each.seq for each in reader.rejects()] == [
            each.seq for each in reader.ticks() if each.verdict not in ("accepted", "late_accepted")
        ]
    for options in ((), ("--replay",)):
        assert run_mtf("verify", data, *options).exit_code == 0
    assert (data / "history.sqlite").read_bytes() == before


async def test_a_run_converts_it_and_says_so_once(data: Path) -> None:
    """With all its bars, and goes on with values."""
    assert version_of(data) == FORMER_VERSION
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        (note,) = [note for note in pipeline.notes if "history" in note]
        assert "had an earlier version and was converted; its 121 bars have no indicator values" in note
        assert pipeline.digest == EXPECTED["digest"]
    assert version_of(data) == VERSION
    assert bars_in(data) == sorted(EXPECTED["bars"])
    assert not (data / "history-before-1.sqlite").exists()
    async with pipeline_on(data) as pipeline:
        await feed(pipeline, EVENTS[LOGGED:])
        await pipeline.drain()
        assert not [note for note in pipeline.notes if "history" in note]
    for options in ((), ("--replay",)):
        found = run_mtf("verify", data, *options)
        assert found.exit_code == 0, found.output
    with mtf.open(data) as reader:
        rows = reader.bars("EURUSD", "1m", indicators=True).to_dicts()
        assert {row["sma_3"] for row in rows if row["seq"] <= LOGGED} == {None}
        assert None not in {row["sma_3"] for row in rows if row["seq"] > LOGGED}
        assert [each.seq for each in reader.rejects()] == [
            each.seq for each in reader.ticks() if each.verdict not in ("accepted", "late_accepted")
        ]


@pytest.mark.parametrize("table", ["packs", "position", "series"])
async def test_a_conversion_that_fails_leaves_the_former_one(
    data: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """And is tried again, here by the next start."""
    before = bars_in(data)
    tables = {**TABLES, table: "CREATE TABLE nonsense ("}
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "TABLES", tables)
        with (
            closing(sqlite3.connect(data / "history.sqlite", isolation_level=None)) as connection,
            pytest.raises(sqlite3.OperationalError),
        ):
            conversion.convert(data / "history.sqlite", connection)
    assert version_of(data) == FORMER_VERSION
    assert bars_in(data) == before
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
    assert bars_in(data) == before


async def test_a_reader_in_a_transaction_puts_the_conversion_off_and_loses_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on meanwhile."""
    monkeypatch.setattr("mtf.storage.history.writer.BUSY_MS", 1)
    monkeypatch.setattr("mtf.storage.history.writer.STOP_MS", 1)
    with closing(sqlite3.connect(data / "history.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with pipeline_on(data) as pipeline:
            await feed(pipeline, EVENTS[LOGGED:])
            await pipeline.drain()
            assert ["bars cannot be stored now" in note for note in pipeline.notes if "history" in note] == [True]
        other.execute("ROLLBACK")
    assert version_of(data) == FORMER_VERSION
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
    assert version_of(data) == VERSION
    assert run_mtf("verify", data, "--replay").exit_code == 0


def test_a_page_is_not_mixed_of_both_versions(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that has read half of it when it is converted reads it again."""
    monkeypatch.setattr("mtf.storage.history.former.PAGE_ROWS", 2)
    pages = history_of(data).pages("EURUSD", "1m")
    next(pages)
    with closing(sqlite3.connect(data / "history.sqlite", isolation_level=None)) as connection:
        conversion.convert(data / "history.sqlite", connection)
    with pytest.raises(CorruptHistory, match="a run converted it while it was being read: read it again"):
        list(pages)
