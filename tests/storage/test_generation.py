"""Another log in place of a directory's own: made in a folder inside, by one at a time, and never half there."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtf
from mtf.errors import DataDirError, LogLocked
from mtf.log.filesystem import OsFileSystem
from mtf.storage.datadir import IMPORTING, LOG, OLD_LOG, DataDir
from mtf.storage.generation import Generation
from tests.builders import ticks

SETTINGS = {"timeframes": "1m", "calendar": "crypto", "clock": "ticks"}


async def made(path: Path, text: str = "10:00@1 10:01@2") -> bytes:
    """Make a data directory of the ticks in *text*; return what tells its log from others."""
    async with mtf.Pipeline(data=path, **SETTINGS) as p:  # type: ignore[arg-type]
        await p.run(ticks(text))
    return DataDir(path).read_log().run_id


async def test_new_log_has_its_own_bars_and_checkpoints_beside_it(tmp_path: Path) -> None:
    await made(tmp_path / "d")
    with Generation(tmp_path / "d") as generation:
        new = await made(generation.folder("new"), "10:00@5 10:01@6 10:02@7")
        generation.replace(generation.folder("new"))
    assert DataDir(tmp_path / "d").read_log().run_id == new
    assert not (tmp_path / "d" / IMPORTING).exists()
    with mtf.open(tmp_path / "d") as data:
        assert [bar.close for bar in data.bars("EURUSD", "1m")] == [5.0, 6.0]
    async with mtf.Pipeline(data=tmp_path / "d", **SETTINGS) as p:  # type: ignore[arg-type]
        await p.drain()
        assert (p.seq, p.skipped_checkpoints) == (3, [])


async def test_one_at_a_time(tmp_path: Path) -> None:
    await made(tmp_path / "d")
    with Generation(tmp_path / "d"):
        with pytest.raises(LogLocked), Generation(tmp_path / "d"):
            pass
        with pytest.raises(LogLocked):
            await made(tmp_path / "d")
    with Generation(tmp_path / "d"):
        pass
    async with mtf.Pipeline(data=tmp_path / "d", **SETTINGS):  # type: ignore[arg-type]
        with pytest.raises(LogLocked), Generation(tmp_path / "d"):
            pass


async def test_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    before = await made(tmp_path / "d")
    (tmp_path / "d" / IMPORTING / "read" / "log").mkdir(parents=True)
    (tmp_path / "d" / IMPORTING / "read" / "log" / "half").write_text("half")
    with Generation(tmp_path / "d") as generation:
        assert not generation.folder("read").exists()
    assert DataDir(tmp_path / "d").read_log().run_id == before


async def test_log_that_was_taken_away_last_is_put_back_by_the_next_run(tmp_path: Path) -> None:
    """Killed between the two renames; readers say what to do, and change nothing."""
    before = await made(tmp_path / "d")
    (tmp_path / "d" / IMPORTING).mkdir()
    (tmp_path / "d" / LOG).rename(tmp_path / "d" / IMPORTING / OLD_LOG)
    with pytest.raises(DataDirError, match="an import was interrupted at its last step"):
        mtf.open(tmp_path / "d")
    async with mtf.Pipeline(data=tmp_path / "d", **SETTINGS) as p:  # type: ignore[arg-type]
        await p.drain()
        assert p.seq == 2
    assert DataDir(tmp_path / "d").read_log().run_id == before


async def test_links_files_and_strays_are_refused_and_left_alone(tmp_path: Path) -> None:
    await made(tmp_path / "other")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / IMPORTING).symlink_to(tmp_path / "other")
    (tmp_path / "b").write_text("a file")
    (tmp_path / "c").symlink_to(tmp_path / "nowhere")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "history.sqlite").write_text("bars of a log that is gone")
    for name, says in (
        ("a", "not a plain directory"),
        ("b", "is a file"),
        ("c", "broken link"),
        ("d", "there is no log"),
    ):
        with pytest.raises(DataDirError, match=says), Generation(tmp_path / name):
            pass
    assert (tmp_path / "d" / "history.sqlite").read_text() == "bars of a log that is gone"
    assert (tmp_path / "other" / LOG).is_dir()


def test_directory_that_was_not_there_is_gone_if_nothing_came_of_it(tmp_path: Path) -> None:
    with Generation(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()


async def test_error_while_replacing_leaves_one_log_or_the_other(tmp_path: Path) -> None:
    """An operation that fails is not a kill: what was begun is taken back at once."""

    class Failing(OsFileSystem):
        left = 0

        def rename(self, old: str, new: str) -> None:
            self.left -= 1
            if not self.left:
                raise OSError(5, "no more")
            super().rename(old, new)

    for number in range(1, 8):
        path = tmp_path / f"{number}"
        before = await made(path)
        failing = Failing()
        after, said = b"", ""
        try:
            with Generation(path, fs=failing) as generation:
                after = await made(generation.folder("new"), "10:00@5")
                failing.left = number
                generation.replace(generation.folder("new"))
        except OSError as error:
            said = str(error)
        assert ("no more" in said) == (number <= 6)
        assert DataDir(path).read_log().run_id == (before if number <= 4 else after)
        assert not (path / IMPORTING).exists()
        async with mtf.Pipeline(data=path, **SETTINGS) as p:  # type: ignore[arg-type]
            await p.drain()
            assert p.seq == (2 if number <= 4 else 1)
