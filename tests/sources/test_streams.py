"""Packed files are read through, in bounded memory, and what is hostile is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from mtf.errors import HostileFile, SourceError
from mtf.sources import Limits
from tests.sources.builders import read, written

TEXT = b"time,bid,ask\n" + b"".join(
    b"1970-01-02 00:%02d:%02d,1.%d,1.%d\n" % (i // 60 % 60, i % 60, i, i + 1) for i in range(3000)
)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": zstandard.ZstdCompressor().compress,
    "zip": lambda data: zipped(("x.csv", data)),
    "zip, stored": lambda data: zipped(("x.csv", data), method=zipfile.ZIP_STORED),
    "gzip, two of them": lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]),
    "xz, two of them": lambda data: lzma.compress(data[:5000]) + lzma.compress(data[5000:]),
    "zstd, two of them": lambda data: (
        zstandard.ZstdCompressor().compress(data[:5000]) + zstandard.ZstdCompressor().compress(data[5000:])
    ),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_file_gives_the_rows_of_the_plain_one(tmp_path: Path, packer: str) -> None:
    """Recognized by its first bytes: the name says nothing."""
    plain = read(written(tmp_path, "x.csv", TEXT), symbol="X")
    packed = read(written(tmp_path, "packed.dat", PACKERS[packer](TEXT)), symbol="X")
    assert plain.count == 3000
    assert packed.digest == plain.digest


@pytest.mark.parametrize("packer", ["gzip", "xz", "lzma", "zstd", "zip"])
def test_cut_file_gives_what_is_there_and_then_says_that_it_is_damaged(tmp_path: Path, packer: str) -> None:
    noisy = TEXT * 12
    data = PACKERS[packer](noisy)
    path = written(tmp_path, "x.dat", data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"damaged|the end of the zip file is missing"):
        read(path)


def test_changed_byte_is_damage(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(TEXT * 10))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(SourceError, match="damaged"):
        read(written(tmp_path, "x.gz", bytes(data)))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bzip2", bz2.compress(TEXT)),
        ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(60)),
        ("rar", b"Rar!\x1a\x07\x01\x00" + bytes(60)),
    ],
)
def test_packing_that_is_not_read_says_which_ones_are(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(SourceError, match=f"{name} is not supported: decompress it, or use gzip"):
        read(written(tmp_path, "x.csv", data))


@pytest.mark.parametrize("inner", ["gzip", "xz", "zstd", "zip"])
def test_packed_inside_packed_is_refused(tmp_path: Path, inner: str) -> None:
    data = PACKERS[inner](TEXT)
    with pytest.raises(HostileFile, match="decompress it first"):
        read(written(tmp_path, "x.csv.gz", gzip.compress(data)))
    with pytest.raises(HostileFile, match="inside an archive"):
        read(written(tmp_path, "x.zip", zipped(("x.csv", data))))


def bomb_of_rows(packed: str) -> bytes:
    """8 MiB of one good row again and again: it has to be read to be seen through."""
    row = b"1970-01-02,1.1,1.2\n"
    chunk = row * 50_000
    count = 8 * 1024 * 1024 // len(chunk) + 1
    if packed == "zip":
        out = io.BytesIO()
        with (
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("x.csv", "w") as member,
        ):
            member.write(b"time,bid,ask\n")
            for _ in range(count):
                member.write(chunk)
        return out.getvalue()
    if packed == "gzip":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        pieces = [packer.compress(b"time,bid,ask\n"), *(packer.compress(chunk) for _ in range(count)), packer.flush()]
        return b"".join(pieces)
    if packed == "zstd":
        return zstandard.ZstdCompressor().compress(b"time,bid,ask\n" + chunk * count)
    return lzma.compress(b"time,bid,ask\n" + chunk * count, preset=0)


@pytest.mark.parametrize("packed", ["gzip", "zip", "zstd", "xz"])
def test_bomb_is_refused_before_it_has_gone_off(tmp_path: Path, packed: str) -> None:
    """A limit lower than the one in force, so that it shows without half a gigabyte of rows."""
    path = written(tmp_path, "x.dat", bomb_of_rows(packed))
    limits = Limits(ratio=50, ratio_from_bytes=1024 * 1024)
    with pytest.raises(HostileFile, match="a decompression bomb") as caught:
        read(path, limits=limits)
    assert "raise Limits.ratio" in str(caught.value)


def test_expanded_size_has_a_limit_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv.gz", gzip.compress(TEXT))
    with pytest.raises(HostileFile, match=r"raise Limits\.expanded_bytes"):
        read(path, limits=Limits(expanded_bytes=20_000))


def test_window_of_a_decompressor_is_bounded(tmp_path: Path) -> None:
    """The header of an lzma file may ask for 4 GiB of window."""
    data = bytearray(lzma.compress(TEXT, lzma.FORMAT_ALONE))
    data[1:5] = struct.pack("<I", 0xF0000000)
    data[0:1] = b"\x5d"
    path = written(tmp_path, "x.csv", bytes(data))
    with pytest.raises(SourceError, match="damaged"):
        read(path)


MEMORY = """
import resource, sys
from mtf.errors import HostileFile
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.sources import open_source
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
builder = BlockBuilder(SymbolTable())
count = 0
try:
    source = open_source(sys.argv[1], symbol="X")
    while source.fill(builder, 5000):
        count += builder.take(1).count
except HostileFile as error:
    print("hostile", str(error)[-60:])
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)
"""


def memory_of(path: Path) -> tuple[list[str], int]:
    """Read *path* in a process of its own; return what it said, and the MiB that reading took at its peak."""
    found = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
    lines = found.stdout.splitlines()
    return lines, int(lines[-1].split()[-1])


def test_line_of_two_gigabytes_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    """Packed it is 2 MB; plain it is a sparse file. Either way it ends at the 64 KiB that a line may have."""
    sparse = tmp_path / "sparse.csv"
    with sparse.open("wb") as file:
        file.write(b"time,bid,ask\n1970-01-02,1.1,1.2\n1970-01-02,")
        file.truncate(2 * 1024**3)
    packed = tmp_path / "packed.csv.gz"
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with packed.open("wb") as file:
        file.write(packer.compress(b"time,bid,ask\n1970-01-02,1.1,1.2\n1970-01-02,"))
        for _ in range(128):
            file.write(packer.compress(b"1" * 1024**2))
        file.write(packer.flush())
    for path in (sparse, packed):
        said, mib = memory_of(path)
        assert said[0].startswith("hostile")
        assert mib < 16


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small = written(tmp_path, "small.csv.gz", gzip.compress(b"time,bid,ask\n" + b"1970-01-02,1.1,1.2\n" * 10_000))
    large = written(tmp_path, "large.csv.gz", gzip.compress(b"time,bid,ask\n" + b"1970-01-02,1.1,1.2\n" * 100_000))
    assert abs(memory_of(large)[1] - memory_of(small)[1]) < 4
