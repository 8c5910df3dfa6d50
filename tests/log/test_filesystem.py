"""The operating system's files, as the log uses them; and the simulated disk, which must be as strict."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from mtf.errors import DataDirError, LogLocked
from mtf.log import FileSystem, OsFileSystem
from mtf.log.filesystem import join
from tests.log.disk import Disk


@pytest.fixture(params=["os", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[FileSystem, str]:
    if request.param == "os":
        return OsFileSystem(), str(tmp_path)
    disk = Disk()
    disk.directories.add("place")
    return disk, "place"


def test_file_is_read_as_written(place: tuple[FileSystem, str]) -> None:
    fs, directory = place
    path = join(directory, "a")
    file = fs.open(path, "create")
    assert fs.write(file, b"hello") == 5
    assert fs.write_at(file, b"J", 0) == 1
    assert fs.write(file, b" world") == 6
    fs.sync(file)
    assert (fs.size(file), fs.read(file, 100, 0), fs.read(file, 2, 4)) == (11, b"Jello world", b"o ")
    fs.close(file)
    file = fs.open(path, "append")
    fs.truncate(file, 5)
    fs.write(file, b"!")
    fs.close(file)
    file = fs.open(path, "read")
    assert fs.read(file, 100, 0) == b"Jello!"
    fs.close(file)


def test_names_come_and_go(place: tuple[FileSystem, str]) -> None:
    fs, directory = place
    inner = join(directory, "inner")
    fs.make_directory(inner)
    fs.close(fs.open(join(inner, "a"), "create"))
    with pytest.raises(FileExistsError):
        fs.open(join(inner, "a"), "create")
    fs.rename(join(inner, "a"), join(inner, "b"))
    assert fs.names(inner) == ["b"]
    assert (fs.kind(inner), fs.kind(join(inner, "a")), fs.kind(join(inner, "b"))) == ("directory", "nothing", "file")
    fs.sync_directory(inner)
    fs.remove(join(inner, "b"))
    assert fs.names(inner) == []
    with pytest.raises(FileNotFoundError):
        fs.open(join(inner, "b"), "append")


def test_lock_is_held_until_it_is_closed(place: tuple[FileSystem, str]) -> None:
    fs, directory = place
    lock = fs.lock(join(directory, "lock"))
    with pytest.raises(LogLocked, match=r"the process with pid [0-9]+ is writing"):
        fs.lock(join(directory, "lock"))
    fs.close(lock)
    fs.close(fs.lock(join(directory, "lock")))


def test_links_and_devices_are_told_apart(tmp_path: Path) -> None:
    fs = OsFileSystem()
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert fs.kind(str(tmp_path / "link")) == "link"
    assert fs.kind(str(tmp_path / "pipe")) == "other"
    with pytest.raises(OSError, match="not a plain file; links, folders, pipes and devices are refused"):
        fs.open(str(tmp_path / "link"), "read")
    with pytest.raises(FileExistsError):
        fs.open(str(tmp_path / "link"), "create")


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/etc/passwd", "a/b", "a\\b", "a\0", ".hidden"])
def test_name_that_could_lead_out_is_refused(name: str) -> None:
    with pytest.raises(DataDirError, match="not a valid name for a file"):
        join("log", name)


class TestDisk:
    """What a test of power loss relies on."""

    def test_synced_bytes_survive_and_others_may_not(self) -> None:
        outcomes = set()
        for seed in range(200):
            disk = Disk()
            file = disk.open("d/a", "create")
            disk.write(file, b"a" * 700)
            disk.sync(file)
            disk.sync_directory("d")
            disk.write(file, b"b" * 700)
            disk.write(disk.open("d/b", "create"), b"c")
            disk.lose_power(Random(seed))
            seen = bytes(disk.inodes["d/a"].seen)
            assert seen[:700] == b"a" * 700
            outcomes.add((seen, "d/b" in disk.inodes))
        assert (b"a" * 700, False) in outcomes
        assert (b"a" * 700 + b"b" * 700, True) in outcomes
        assert any(b"\0" in seen and b"b" in seen for seen, _ in outcomes)  # torn by sectors

    def test_cut_that_was_not_synced_may_come_back(self) -> None:
        lengths = set()
        for seed in range(50):
            disk = Disk()
            file = disk.open("d/a", "create")
            disk.write(file, b"abc")
            disk.sync(file)
            disk.sync_directory("d")
            disk.truncate(file, 1)
            disk.lose_power(Random(seed))
            lengths.add(len(disk.inodes["d/a"].seen))
        assert lengths == {1, 3}

    def test_sync_that_failed_leaves_its_bytes_looking_clean(self) -> None:
        disk = Disk(fail_at=3)
        file = disk.open("d/a", "create")
        disk.write(file, b"abc")
        with pytest.raises(OSError, match="failed in sync"):
            disk.sync(file)
        disk.sync(file)
        assert disk.inodes["d/a"].durable == b""
        disk.write_at(file, b"abc", 0)
        disk.sync(file)
        assert disk.inodes["d/a"].durable == b"abc"
