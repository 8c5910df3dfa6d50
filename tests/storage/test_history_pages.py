"""Stored bars are read a page at a time, each in a transaction of its own, also at the moment a writer begins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mtf.errors import CorruptHistory
from mtf.storage.datadir import history_of
from mtf.storage.history import contents, store, writer
from mtf.storage.history.contents import Contents, Known
from mtf.storage.history.schema import COLUMNS
from tests.data.recorded import recorded
from tests.storage.builders import history_rows, market, rewind_history

START = COLUMNS.index("start_ns")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("pages") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "ROWS_MAX", 40)
        patch.setattr(writer, "BEHIND_MAX", 0)
        recorded(found, market(6, 1_500))
    return found


def starts(path: Path, **limits: int) -> list[int]:
    return [row[START] for page in history_of(path).pages("EURUSD", "1m", **limits) for row in page]


@pytest.fixture(autouse=True)
def in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have packs, and what is merged, be small."""
    monkeypatch.setattr("mtf.storage.history.rewriting.PACK_BARS", 16)
    monkeypatch.setattr("mtf.storage.history.rewriting.MIXED_BARS", 8)


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


def test_a_pack_that_is_missing_is_missed(path: Path, tmp_path: Path) -> None:
    """Each by its number, and a whole run by the sum over all."""
    with closing(sqlite3.connect(path / "history.sqlite")) as connection:
        numbers = [number for (number,) in connection.execute("SELECT id FROM packs")]
    assert len(numbers) > 2
    for gone in ("DELETE FROM runs", *(f"DELETE FROM packs WHERE id = {number}" for number in numbers)):
        copy = tmp_path / f"{hash(gone)}"
        copy.mkdir()
        (copy / "history.sqlite").write_bytes((path / "history.sqlite").read_bytes())
        with closing(sqlite3.connect(copy / "history.sqlite")) as connection, connection:
            connection.execute(gone)
        with pytest.raises(CorruptHistory, match="missing"):
            history_rows(copy)


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
    whole, read_contents = starts(path), contents.read_contents
    writers: list[sqlite3.Connection] = []

    def begin(path: Path, connection: sqlite3.Connection, known: Known | None) -> tuple[Contents | None, Known | None]:
        if not writers:
            writer = sqlite3.connect(path, isolation_level=None)
            writers.append(writer)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE position SET seq = seq")
            if fails:
                raise CorruptHistory("what was read is of two transactions")
        return read_contents(path, connection, known)

    monkeypatch.setattr(store, "read_contents", begin)
    try:
        assert starts(copy) == whole
    finally:
        for writer in writers:
            writer.close()


def test_damage_of_a_file_that_nobody_writes_is_told_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it again would give the same."""
    reads = 0

    def damaged(path: Path, connection: sqlite3.Connection, known: object) -> Iterator[None]:
        nonlocal reads
        reads += 1
        raise CorruptHistory("damaged")

    monkeypatch.setattr(store, "read_contents", damaged)
    with pytest.raises(CorruptHistory, match="damaged"):
        starts(path)
    assert reads == 1
