"""Stored bars are read a page at a time, each in a transaction of its own, also at the moment a writer begins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mtf.errors import CorruptHistory
from mtf.storage.datadir import history_of
from mtf.storage.history import store
from mtf.storage.history.schema import COLUMNS
from tests.data.recorded import recorded
from tests.storage.builders import market, rewind_history

START = COLUMNS.index("start_ns")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("pages") / "run"
    recorded(found, market(6, 1_500))
    return found


def starts(path: Path, **limits: int) -> list[int]:
    return [row[START] for page in history_of(path).pages("EURUSD", "1m", **limits) for row in page]


@pytest.mark.parametrize("rows", [1, 2, 7, 10_000])
def test_pages_are_of_no_consequence(path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Of whatever length: all bars, in their order, each once."""
    whole = starts(path)
    assert len(whole) > 50
    monkeypatch.setattr(store, "PAGE_ROWS", rows)
    monkeypatch.setattr(store, "PAGE_ROWS_MAX", max(rows, 3))
    assert starts(path) == whole
    assert starts(path, start_ns=whole[5], end_ns=whole[40]) == whole[5:40]
    assert starts(path, last=9) == whole[-9:]
    assert starts(path, end_ns=whole[40], last=9) == whole[31:40]
    assert starts(path, last=len(whole) + 1) == whole


def test_a_bar_that_is_missing_between_two_pages_is_missed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of a page names the last of the one before."""
    monkeypatch.setattr(store, "PAGE_ROWS", 5)
    monkeypatch.setattr(store, "PAGE_ROWS_MAX", 5)
    whole = starts(path)
    for gone in (whole[4], whole[5], whole[-1]):
        copy = tmp_path / str(gone)
        copy.mkdir()
        (copy / "history.sqlite").write_bytes((path / "history.sqlite").read_bytes())
        with closing(sqlite3.connect(copy / "history.sqlite")) as connection, connection:
            connection.execute(
                "DELETE FROM bars WHERE symbol = 'EURUSD' AND timeframe = '1m' AND start_ns = ?", (gone,)
            )
        with pytest.raises(CorruptHistory, match="missing"):
            starts(copy)


def test_a_history_that_was_put_back_meanwhile_is_named(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for is as of an event that it does not have any more."""
    monkeypatch.setattr(store, "PAGE_ROWS", 5)
    copy = tmp_path / "run"
    copy.mkdir()
    (copy / "history.sqlite").write_bytes((path / "history.sqlite").read_bytes())
    pages = history_of(copy).pages("EURUSD", "1m", last_seq=1_400)
    next(pages)
    rewind_history(copy, 300)
    with pytest.raises(CorruptHistory, match="it was replaced while it was being read"):
        list(pages)


@pytest.mark.parametrize("fails", [True, False])
def test_what_was_read_while_a_writer_began_is_read_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """Before it there was no write-ahead log, and the file was read as one that stands still."""
    copy = tmp_path / "run"
    copy.mkdir()
    (copy / "history.sqlite").write_bytes((path / "history.sqlite").read_bytes())
    whole, read_stored = starts(path), store.read_stored
    writers: list[sqlite3.Connection] = []

    def begin(path: Path, connection: sqlite3.Connection) -> store.Stored:
        if not writers:
            writer = sqlite3.connect(path, isolation_level=None)
            writers.append(writer)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE position SET seq = seq")
            if fails:
                raise CorruptHistory("what was read is of two transactions")
        return read_stored(path, connection)

    monkeypatch.setattr(store, "read_stored", begin)
    try:
        assert starts(copy) == whole
    finally:
        for writer in writers:
            writer.close()


def test_damage_of_a_file_that_nobody_writes_is_told_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it again would give the same."""
    reads = 0

    def damaged(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
        nonlocal reads
        reads += 1
        raise CorruptHistory("damaged")

    monkeypatch.setattr(store, "read_stored", damaged)
    with pytest.raises(CorruptHistory, match="damaged"):
        starts(path)
    assert reads == 1
