"""A history that is put back beside the write-ahead log of another copy of it is found out, and no other is."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Final

import pytest

from mtf.config import Config
from mtf.errors import CorruptHistory
from mtf.pipeline import Pipeline
from mtf.storage.datadir import history_of
from mtf.storage.history import writer
from mtf.storage.history.pair import has_foreign_log
from mtf.storage.history.store import HistoryStore
from tests.builders import copy_if_there
from tests.cli.builders import mtf
from tests.storage.builders import feed, history_rows, market

EVENTS: Final = market(3, 400)
CONFIG: Final = Config.make(timeframes=["1m", "5m"], history=20)
FILES: Final = ("history.sqlite", "history.sqlite-wal")


def pipeline_on(data: Path) -> Pipeline:
    return Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None)


def pictured(data: Path, into: Path) -> Path:
    """Copy the history and its log as they are, as a crash, or a backup, would leave them."""
    into.mkdir(parents=True)
    for name in FILES:
        if (data / name).exists():
            shutil.copy(data / name, into / name)
    return into


async def stored(pipeline: Pipeline, first: int, last: int) -> None:
    """Feed some events and have their bars be in the history, in a transaction of their own."""
    await feed(pipeline, EVENTS[first:last])
    await pipeline.checkpoint()


async def crashed(data: Path, backup: Path) -> None:
    """Make *data* as a crash left it at the last event, with a log beside its history; *backup* is of the middle."""
    async with pipeline_on(data) as pipeline:
        await stored(pipeline, 0, 150)
    pictured(data, backup)
    async with pipeline_on(data) as pipeline:
        await stored(pipeline, 150, 250)
    async with pipeline_on(data) as pipeline:
        await stored(pipeline, 250, 300)
        await stored(pipeline, 300, 400)
        shutil.copytree(data, data.with_name("crashed"), copy_function=copy_if_there)
    shutil.rmtree(data)
    data.with_name("crashed").rename(data)


async def test_a_history_put_back_beside_a_later_log_is_set_aside_and_rebuilt(tmp_path: Path) -> None:
    """SQLite would take the pages of both for one database, at the position of the later."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    await crashed(data, backup)
    assert not has_foreign_log(data / "history.sqlite")
    expected = history_rows(pictured(data, tmp_path / "expected"))
    shutil.copy(backup / "history.sqlite", data / "history.sqlite")
    (data / "history.sqlite-shm").unlink(missing_ok=True)
    assert has_foreign_log(data / "history.sqlite")
    with pytest.raises(CorruptHistory, match=r"the history\.sqlite-wal beside it belongs to another copy; move it"):
        history_of(data).position()
    for command in (("verify", data), ("bars", data, "--symbol", "EURUSD", "--timeframe", "1m")):
        shown = mtf(*command)
        assert "belongs to another copy" in shown.output + shown.stderr
        assert shown.exit_code != 0
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        (note,) = [note for note in pipeline.notes if "history" in note]
        assert "it is rebuilt from the log, and kept as history-damaged-1.sqlite" in note
        assert "the history.sqlite-wal beside it belongs to another copy" in note
    assert history_rows(data) == expected
    assert (data / "history-damaged-1.sqlite-wal").exists()


async def test_no_crash_makes_a_pair_that_does_not_belong_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it comes, and however often the log has been emptied; of other pairs, each that can do harm is."""
    monkeypatch.setattr(writer, "WAL_BYTES", 30_000)
    random = Random(11)
    data = tmp_path / "data"
    pictures: list[Path] = []
    seq = 0
    emptied = 0
    while seq < len(EVENTS):
        async with pipeline_on(data) as pipeline:
            for _ in range(random.randrange(1, 12)):
                step = random.randrange(1, 9)
                await stored(pipeline, seq, seq + step)
                seq = min(seq + step, len(EVENTS))
                pictures.append(pictured(data, tmp_path / f"picture-{len(pictures)}"))
                assert not has_foreign_log(pictures[-1] / "history.sqlite"), seq
            assert pipeline.notes == [] or all("history" not in note for note in pipeline.notes)
            sizes = [(each / "history.sqlite-wal").stat().st_size for each in pictures[-2:]]
            emptied += sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 2
        if random.random() < 0.5:  # a crash: the next start is on what the last picture has
            for name in FILES:
                shutil.copy(pictures[-1] / name, data / name)
    assert emptied > 0
    positions = [alone(each / "history.sqlite") for each in pictures]
    found = 0
    for _ in range(300):
        one, other = random.randrange(len(pictures)), random.randrange(len(pictures))
        if positions[one] == positions[other]:
            continue
        mixed = tmp_path / "mixed"
        shutil.rmtree(mixed, ignore_errors=True)
        mixed.mkdir()
        shutil.copy(pictures[one] / "history.sqlite", mixed)
        shutil.copy(pictures[other] / "history.sqlite-wal", mixed)
        if has_foreign_log(mixed / "history.sqlite") or not is_readable(mixed / "history.sqlite"):
            found += 1
        else:  # the whole of a log, beside the database that it had been copied into
            assert HistoryStore(mixed / "history.sqlite").damage() == [], (positions[one], positions[other])
    assert found > 100


def is_readable(path: Path) -> bool:
    """Return whether SQLite can make anything of both: pages of two databases need not be one."""
    try:
        HistoryStore(path).position()
    except CorruptHistory:
        return False
    return True


def alone(path: Path) -> int:
    """Return the position of the database without its log; 0 if it has no tables there yet."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return 0
        (seq,) = connection.execute("SELECT changes FROM position").fetchone()
        return int(seq)
