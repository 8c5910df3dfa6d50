"""Archives that reach out of themselves, or hold what they should not, are refused whole."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from mtf.errors import HostileFile, SourceError
from mtf.sources import Limits, open_source
from tests.sources.builders import brief, read, written
from tests.sources.test_streams import TEXT, zipped


def test_members_are_read_in_order_of_time_and_named_in_the_place(tmp_path: Path) -> None:
    late = b"time,bid,ask\n1970-01-03,3,3\n"
    early = b"time,bid,ask\n1970-01-02,2,2\n1970-01-02,x,2\n"
    path = written(tmp_path, "EURUSD.zip", zipped(("a.csv", late), ("b.csv", early)))
    taken = read(path, symbol="EURUSD")
    assert [brief(tick)[:17] for tick in taken.ticks] == ["EURUSD 86400 2.0/", "EURUSD 172800 3.0"]
    assert taken.refused == [(f"{path}!b.csv", 3, "bid is not a number", "1970-01-02,x,2")]


def test_folders_inside_an_archive_are_fine(tmp_path: Path) -> None:
    path = written(tmp_path, "x.zip", zipped(("in/", b""), ("in/x.csv", TEXT)))
    assert read(path).count == 3000


def test_directory_is_read_no_more_often_for_more_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time that it takes to open an archive grows with the square of its members."""
    opened: list[Path] = []

    class Counted(zipfile.ZipFile):
        def __init__(self, file: Path) -> None:
            opened.append(file)
            super().__init__(file)

    path = written(tmp_path, "x.zip", zipped(*((f"{number:02}USD.csv", TEXT) for number in range(20))))
    monkeypatch.setattr("mtf.sources.zipped.zipfile.ZipFile", Counted)
    open_source(path)
    assert opened == [path, path]  # to check it, and to look at its members


@pytest.mark.parametrize("name", ["/etc/x.csv", "../x.csv", "a/../../x.csv", "C:/x.csv", "..\\x.csv", "\\x.csv"])
def test_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, "x.zip", zipped(("good.csv", TEXT), (name, TEXT)))
    with pytest.raises(HostileFile, match="is outside of the archive"):
        open_source(path)


def test_nothing_is_ever_extracted(tmp_path: Path) -> None:
    path = written(tmp_path, "x.zip", zipped(("sub/x.csv", TEXT)))
    read(path)
    assert [found.name for found in tmp_path.iterdir()] == ["x.zip"]


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(("x.csv", TEXT)))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + flags] |= 1
    with pytest.raises(HostileFile, match="encrypted"):
        open_source(written(tmp_path, "x.zip", bytes(data)))


def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(("x.csv", TEXT), ("x.csv", TEXT))
    with pytest.raises(HostileFile, match="twice"):
        open_source(written(tmp_path, "x.zip", data))


def test_too_many_members_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    path = written(tmp_path, "x.zip", zipped(*((f"{i}.csv", b"") for i in range(20))))
    with pytest.raises(HostileFile, match="20 members"):
        open_source(path, limits=Limits(members=19))


def test_promised_sizes_are_looked_at_before_anything_is_read(tmp_path: Path) -> None:
    """Overlapping members can promise terabytes in a small file."""
    data = bytearray(zipped(("x.csv", TEXT)))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 0xF0000000)
    with pytest.raises(HostileFile, match="a decompression bomb"):
        open_source(written(tmp_path, "x.zip", bytes(data)))


def test_method_with_unbounded_output_is_not_read(tmp_path: Path) -> None:
    """Python's zipfile expands bzip2 and lzma members without a bound."""
    data = zipped(("x.csv", TEXT), method=zipfile.ZIP_BZIP2)
    with pytest.raises(SourceError, match="use deflate"):
        open_source(written(tmp_path, "x.zip", data))


@pytest.mark.parametrize("cut", [30, 200, -10])
def test_damaged_archive_says_so(tmp_path: Path, cut: int) -> None:
    with pytest.raises(SourceError):
        read(written(tmp_path, "x.zip", zipped(("x.csv", TEXT))[:cut]))


def test_archive_with_a_directory_that_lies_about_its_place(tmp_path: Path) -> None:
    out = io.BytesIO(zipped(("x.csv", TEXT)))
    data = bytearray(out.getvalue())
    at = data.rindex(b"PK\x05\x06")
    data[at + 16 : at + 20] = struct.pack("<I", 0xFFFFFF)
    with pytest.raises(SourceError):
        open_source(written(tmp_path, "x.zip", bytes(data)))
