"""Pipes: read once, from front to end, whatever is in them."""

from __future__ import annotations

import gzip
import lzma
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import zstandard

from mtf.errors import SourceError
from mtf.sources import open_source
from mtf.sources.pipes import is_pipe
from tests.sources.builders import Taken, drain, read, written
from tests.sources.test_files import BARS, QUOTES
from tests.sources.test_streams import zipped

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "utf-16": lambda data: data.decode().encode("utf-16"),
}


@contextmanager
def pipe_of(folder: Path, data: bytes, *, piece: int = 1 << 16, name: str = "X.csv") -> Iterator[Path]:
    """A FIFO through which *data* comes, *piece* bytes at a time."""
    path = folder / name
    os.mkfifo(path)

    def write() -> None:
        try:
            with path.open("wb", buffering=0) as file:
                for start in range(0, len(data), piece):
                    file.write(data[start : start + piece])
        except BrokenPipeError:
            pass

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    yield path
    writer.join(10)
    assert not writer.is_alive()


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("piece", [7, 1 << 16])
@pytest.mark.parametrize("content", [QUOTES, BARS], ids=["quotes", "bars"])
def test_what_comes_through_a_pipe_is_read_as_a_file_is(
    tmp_path: Path, packer: str, piece: int, content: bytes
) -> None:
    """Its format is recognized from what has come so far, even if that comes in small pieces."""
    file = read(written(tmp_path, "file.csv", content), symbol="X")
    with pipe_of(tmp_path, PACKERS[packer](content), piece=piece) as path:
        piped = read(path, symbol="X")
    assert piped.rows == file.rows
    assert piped.lines == file.lines


def test_more_than_is_kept_of_the_start_comes_once(tmp_path: Path) -> None:
    rows = b"".join(b"2024-03-06 00:00:00.%09d,1.%d,1.%d\n" % (i, i, i) for i in range(60_000))
    content = b"time,bid,ask\n" + rows
    for pack in (bytes, gzip.compress):
        with pipe_of(tmp_path, pack(content), name=f"{pack.__name__}.csv") as path:
            assert read(path, symbol="X").count == 60_000


def test_a_last_line_without_its_line_break_is_whole(tmp_path: Path) -> None:
    """The writer has ended: nothing more comes."""
    with pipe_of(tmp_path, QUOTES + b"2024-03-10 01:00:00,1,2") as path:
        assert read(path, resumable=True).ticks[-1].bid == 1.0


def test_rows_are_read_while_the_pipe_stays_open(tmp_path: Path) -> None:
    """A feed that pauses: what has come is handed in, and the rest when it comes."""
    path = tmp_path / "X.csv"
    os.mkfifo(path)
    begun, go = threading.Event(), threading.Event()

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            file.write(b"time,bid,ask\n2024-03-06,1,2\n")
            begun.set()
            assert go.wait(10)
            file.write(b"2024-03-07,3,4\n")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    source = open_source(path)
    taken = Taken()
    assert begun.wait(10)
    assert source.fill(taken.builder, 100)
    taken.take()
    assert [tick.bid for tick in taken.ticks] == [1.0]
    go.set()
    drain(source, into=taken)
    writer.join(10)
    assert [tick.bid for tick in taken.ticks] == [1.0, 3.0]
    assert source.progress() is None


def test_a_pipe_is_gone_on_with_where_the_same_comes_again(tmp_path: Path) -> None:
    """`zcat file.gz | mtf run - --data run/`, again after more rows have come."""
    with pipe_of(tmp_path, QUOTES[:3000], name="a") as path:
        source = open_source(path, name="quotes", symbol="X")
        taken = drain(source)
        position = source.position()
    with pipe_of(tmp_path, QUOTES, name="b") as path:
        longer = open_source(path, name="quotes", symbol="X")
        position["name"] = longer.parts[0].part.name  # type: ignore[attr-defined]
        position["offset"] = QUOTES.rindex(b"\n", 0, 3000) + 1
        position["open"] = False
        longer.seek(position)
        drain(longer, into=taken)
    assert taken.count >= read(written(tmp_path, "c", QUOTES), symbol="X").count
    with pipe_of(tmp_path, QUOTES.replace(b",1.1,", b",1.0,"), name="d") as path:
        other = open_source(path, name="quotes", symbol="X")
        position["name"] = other.parts[0].part.name  # type: ignore[attr-defined]
        with closing(other), pytest.raises(SourceError, match="its beginning has changed"):
            other.seek(position)


def test_a_pipe_is_not_read_twice(tmp_path: Path) -> None:
    with pipe_of(tmp_path, QUOTES) as path:
        source = open_source(path)
        drain(source)
        source.seek({})
        with pytest.raises(SourceError, match="a pipe can only be read once"):
            drain(source)


def test_a_zip_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with (
        pipe_of(tmp_path, zipped(("x.csv", QUOTES))) as path,
        pytest.raises(SourceError, match="a zip file has its directory at the end"),
    ):
        open_source(path)


def test_a_cut_pipe_is_damaged_only_if_it_is_packed(tmp_path: Path) -> None:
    with pipe_of(tmp_path, gzip.compress(QUOTES)[:-20], name="a") as path, pytest.raises(SourceError, match="damaged"):
        read(path)


def test_an_empty_pipe_is_an_error() -> None:
    with pytest.raises(SourceError, match="/dev/null: empty file"):
        open_source("/dev/null")


def test_newest_first_is_read_from_its_end(tmp_path: Path) -> None:
    rows = [b"2024-03-06 00:00:%02d,1.%d,1.%d\n" % (i, i, i) for i in range(50)]
    with pipe_of(tmp_path, b"time,bid,ask\n" + b"".join(reversed(rows))) as path:
        assert [tick.bid for tick in read(path, reverse=True).ticks] == [float(f"1.{i}") for i in range(50)]


def test_what_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert all(is_pipe(path) for path in ("-", "/dev/stdin", "/dev/null", tmp_path / "fifo"))
    assert not any(is_pipe(path) for path in (tmp_path, written(tmp_path, "x", b""), tmp_path / "nothing", "x\x00"))
