"""Syncs that a thread of the C library carries out: they end, and say how."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtf.log import library_sync
from mtf.log.library_sync import begin_library_sync

pytestmark = pytest.mark.skipif(sys.platform != "linux" or sys.maxsize < 1 << 32, reason="only 64-bit Linux has them")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    number = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    yield number
    os.close(number)


def test_it_ends_without_anybody_waiting(file: int) -> None:
    for _ in range(20):
        os.write(file, b"x" * 10_000)
        sync = begin_library_sync(file)
        assert sync is not None
        while not sync.ended():
            time.sleep(0.0001)
        sync.wait()
        sync.wait()
        assert sync.ended()


def test_wait_returns_once_it_has_ended(file: int) -> None:
    syncs = []
    for _ in range(20):
        os.write(file, b"x" * 10_000)
        sync = begin_library_sync(file)
        assert sync is not None
        syncs.append(sync)
    for sync in syncs:
        sync.wait()
        assert sync.ended()


def test_error_is_raised_once() -> None:
    reading, writing = os.pipe()
    try:
        sync = begin_library_sync(writing)
        assert sync is not None
        with pytest.raises(OSError, match="Invalid argument") as caught:
            sync.wait()
        assert caught.value.errno == errno.EINVAL
        sync.wait()
    finally:
        os.close(reading)
        os.close(writing)


def test_file_that_is_not_open_is_left_to_an_ordinary_sync(file: int) -> None:
    assert begin_library_sync(file + 1_000) is None


def test_other_systems_have_none(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    library_sync.load_library.cache_clear()
    try:
        monkeypatch.setattr(sys, "platform", "darwin")
        assert begin_library_sync(file) is None
    finally:
        library_sync.load_library.cache_clear()


def test_python_without_ctypes_has_none(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    library_sync.load_library.cache_clear()
    try:
        monkeypatch.setitem(sys.modules, "ctypes", None)
        assert begin_library_sync(file) is None
    finally:
        library_sync.load_library.cache_clear()


FORKED = """
import os, sys
from mtf.log.library_sync import begin_library_sync

file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
os.write(file, b"x")
first = begin_library_sync(file)
first.wait()
again = begin_library_sync(file)
if not os.fork():
    assert begin_library_sync(file) is None
    assert again.ended()
    try:
        again.wait()
    except OSError as error:
        os._exit(0 if "parent" in str(error) else 1)
    os._exit(2)
again.wait()
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_forked_child_has_none(tmp_path: Path) -> None:
    """The C library counts on a thread that the child does not have: a sync would never end there."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(tmp_path / "file")], timeout=60, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
