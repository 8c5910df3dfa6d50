"""A file as a source: its place, and going on from it."""

from __future__ import annotations

import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import zstandard

from mtf.errors import SourceError
from mtf.sources import Source, open_source
from tests.sources.builders import Taken, drain, read, written
from tests.sources.test_streams import zipped

QUOTES = b"time,bid,ask\r\n" + b"".join(
    b"bad row\r\n"
    if i % 37 == 5
    else b"2024-03-10 0%d:%02d:%02d,1.%d,1.%d\r\n" % (i // 3600, i // 60 % 60, i % 60, i, i)
    for i in range(400)
)
BARS = b"time,open,high,low,close,volume\n" + b"".join(
    b"2024-01-02 00:%02d,1,2,0.5,%s,3\n" % (i, b"x" if i % 11 == 3 else b"1") for i in range(60)
)
HEAD, TAIL = BARS[: BARS.index(b"\n") + 1], BARS[BARS.index(b"\n") + 1 :]


def folder_of(folder: Path) -> Path:
    written(folder, "d/1.csv.gz", gzip.compress(BARS))
    return written(folder, "d/2.csv", HEAD + TAIL[400:]).parent


MADE: dict[str, Callable[[Path], Path]] = {
    "plain": lambda folder: written(folder, "EURUSD.csv", QUOTES),
    "bars": lambda folder: written(folder, "EURUSD.csv", BARS),
    "gzip": lambda folder: written(folder, "EURUSD.csv.gz", gzip.compress(QUOTES)),
    "xz": lambda folder: written(folder, "EURUSD.csv.xz", lzma.compress(BARS)),
    "zstd": lambda folder: written(folder, "EURUSD.csv.zst", zstandard.compress(QUOTES)),
    "zip": lambda folder: written(folder, "EURUSD.zip", zipped(("1.csv", BARS), ("2.csv", HEAD + TAIL[400:]))),
    "folder": folder_of,
}


def stopped(source: Source, calls: int, limit: int) -> tuple[Taken, dict[str, Any]]:
    """Read *calls* times *limit* rows; return them and the position after them, as JSON keeps it."""
    taken = Taken()
    for _ in range(calls):
        source.fill(taken.builder, limit)
        taken.take()
    position = json.loads(json.dumps(source.position()))
    source.close()
    return taken, position


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize(("calls", "limit"), [(0, 1), (1, 1), (1, 2), (3, 1), (7, 3), (11, 13), (2, 100), (300, 7)])
def test_what_is_read_before_and_after_a_stop_is_what_is_read_at_once(
    tmp_path: Path, kind: str, calls: int, limit: int
) -> None:
    path = MADE[kind](tmp_path)
    whole = read(path, symbol="X")
    taken, position = stopped(open_source(path, symbol="X"), calls, limit)
    source = open_source(path, symbol="X")
    source.seek(position)
    assert source.position() == position
    drain(source, limit=5, into=taken)
    assert taken.digest == whole.digest
    assert taken.refused == whole.refused


def test_seek_goes_back_too(tmp_path: Path) -> None:
    path = MADE["gzip"](tmp_path)
    whole = read(path)
    source = open_source(path)
    drain(source)
    source.seek({})
    assert drain(source).digest == whole.digest


def test_doubled_hour_is_settled_by_the_row_before_the_stop(tmp_path: Path) -> None:
    """Stopped at 01:30 daylight time, 01:10 is an hour later than it says: the position knows the last time."""
    path = written(
        tmp_path, "x.csv", "time,bid,ask\n2014-11-02 01:30:00,1,2\n2014-11-02 01:10:00,3,4\n2014-11-02 02:10:00,3,4\n"
    )
    taken, position = stopped(open_source(path, zone="America/New_York"), 1, 1)
    source = open_source(path, zone="America/New_York")
    source.seek(position)
    drain(source, into=taken)
    assert taken.digest == read(path, zone="America/New_York").digest
    assert [tick.ts_ns // 10**9 for tick in taken.ticks] == [1_414_906_200, 1_414_908_600, 1_414_912_200]


def test_file_that_has_grown_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, "EURUSD.csv", QUOTES[:3000])
    cut = QUOTES.rindex(b"\n", 0, 3000) + 1
    path.write_bytes(QUOTES[:cut])
    source = open_source(path)
    taken = drain(source)
    position = source.position()
    path.write_bytes(QUOTES)
    longer = open_source(path)
    longer.seek(position)
    drain(longer, into=taken)
    assert taken.digest == read(path).digest


def test_folder_that_has_grown_goes_on(tmp_path: Path) -> None:
    folder = written(tmp_path, "d/1.csv", HEAD + TAIL[:400]).parent
    source = open_source(folder, symbol="X", timeframe="1m")
    taken = drain(source)
    position = source.position()
    written(folder, "2.csv", HEAD + TAIL[-400:])
    longer = open_source(folder, symbol="X", timeframe="1m")
    longer.seek(position)
    drain(longer, into=taken)
    assert taken.digest == read(folder, symbol="X", timeframe="1m").digest


def test_an_earlier_file_of_a_folder_that_has_grown_is_told(tmp_path: Path) -> None:
    """Its rows would come after those of the files behind it: never skipped silently."""
    folder = written(tmp_path, "d/1.csv", HEAD + TAIL[:400]).parent
    written(folder, "2.csv", HEAD + TAIL[-400:])
    source = open_source(folder, symbol="X", timeframe="1m")
    drain(source)
    position = source.position()
    with closing(open_source(folder, symbol="X", timeframe="1m")) as same:
        same.seek(position)
    written(folder, "1.csv", HEAD + TAIL[:500])
    with (
        closing(open_source(folder, symbol="X", timeframe="1m")) as longer,
        pytest.raises(SourceError, match=r"a file before '2\.csv', .* has changed its size"),
    ):
        longer.seek(position)


ROWS: Final = b"time,bid,ask\n2024-03-05T10:00:00Z,1.1,1.2\n2024-03-05T10:01:00Z,1.1,1.2"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_last_row_without_its_end_is_read_and_gone_on_behind(tmp_path: Path, end: bytes) -> None:
    """A file whose writer puts line breaks in front: rows and line numbers are those of the whole."""
    path = written(tmp_path, "EURUSD.csv", ROWS)
    source = open_source(path)
    taken = drain(source)
    position = source.position()
    path.write_bytes(ROWS + end + b"no time,1,2\n2024-03-05T10:02:00Z,1.3,1.4\n")
    longer = open_source(path)
    longer.seek(position)
    drain(longer, into=taken)
    whole = read(path)
    assert (taken.digest, taken.refused) == (whole.digest, whole.refused)
    assert taken.lines == [4]


def test_a_row_that_goes_on_after_it_was_read_is_told(tmp_path: Path) -> None:
    """Its price was another one, and it is in the log: reading on cannot fix that."""
    path = written(tmp_path, "EURUSD.csv", ROWS)
    source = open_source(path)
    drain(source)
    path.write_bytes(ROWS + b"004\n2024-03-05T10:02:00Z,1.3,1.4\n")
    with (
        closing(open_source(path)) as longer,
        pytest.raises(SourceError, match=r"EURUSD\.csv:3: this row was incomplete when it was read") as raised,
    ):
        longer.seek(source.position())
    assert raised.value.line == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("cut", range(1, 28))
def test_a_last_line_that_is_being_written_waits_until_it_is_whole(tmp_path: Path, encoding: str, cut: int) -> None:
    """Wherever it was cut: half a price is a price too, and half a time a time."""
    rows = ROWS.decode()
    path = written(tmp_path, "EURUSD.csv", rows[:-cut].encode(encoding))
    source = open_source(path, resumable=True)
    taken = drain(source)
    assert taken.count == 1
    assert "EURUSD.csv:3: the last line has no line break" in source.notes()[0]  # type: ignore[attr-defined]
    path.write_bytes((rows + "\n2024-03-05T10:02:00Z,1.3,1.4\n").encode(encoding))
    longer = open_source(path, resumable=True)
    longer.seek(source.position())
    drain(longer, into=taken)
    assert (taken.digest, taken.refused) == (read(path).digest, [])


def test_a_last_line_that_nothing_is_added_to_is_read_in_files_that_do_not_grow(tmp_path: Path) -> None:
    """A packed file, one of an archive, one of a folder that has another one behind it."""
    packed = written(tmp_path, "a.csv.gz", gzip.compress(ROWS))
    archive = written(tmp_path, "b.zip", zipped(("b.csv", ROWS)))
    folder = written(tmp_path, "c/1.csv", ROWS).parent
    written(folder, "2.csv", ROWS.replace(b"03-05", b"03-06"))
    assert [read(path, symbol="X", resumable=True).count for path in (packed, archive, folder)] == [2, 2, 3]


@pytest.mark.parametrize("kind", ["plain", "bars", "zip", "folder"])
@pytest.mark.parametrize("calls", [1, 7, 10, 11])
def test_rows_before_and_after_a_stop_are_those_of_the_whole(tmp_path: Path, kind: str, calls: int) -> None:
    """A bar that is half handed in is counted where its last event is."""
    path = MADE[kind](tmp_path)
    whole = open_source(path, symbol="X")
    taken = drain(whole)
    first = open_source(path, symbol="X")
    _, position = stopped(first, calls, 7)
    second = open_source(path, symbol="X")
    second.seek(position)
    drain(second)
    rows = [source.rows for source in (whole, first, second)]  # type: ignore[attr-defined]
    assert rows[0] == (rows[1][0] + rows[2][0], rows[1][1] + rows[2][1])
    assert rows[0] == (taken.count // (1 if kind == "plain" else 4) + len(taken.refused), len(taken.refused))


def test_an_archive_that_has_grown_by_a_member_goes_on(tmp_path: Path) -> None:
    """Other members of the file that is being read are not files behind it."""
    rows = [b"time,bid,ask\n2024-03-0%dT10:00:00Z,1.1,1.2\n" % day for day in (5, 6, 7)]
    rows[0] += b"\n" * 70_000  # more than the start that is hashed
    members = [(f"EURUSD_{number}.csv", text) for number, text in enumerate(rows, 1)]
    path = tmp_path / "EURUSD.zip"
    path.write_bytes(zipped(*members[:2], method=zipfile.ZIP_STORED))
    source = open_source(path, symbol="X")
    taken = drain(source)
    position = source.position()
    path.write_bytes(zipped(*members, method=zipfile.ZIP_STORED))
    longer = open_source(path, symbol="X")
    longer.seek(position)
    drain(longer, into=taken)
    assert taken.count == 3


@pytest.mark.parametrize("part", ["the same file", "another file"])
def test_a_second_symbol_is_told_also_after_a_stop(tmp_path: Path, part: str) -> None:
    """One name was given for all rows: the one that they have goes with the position, and from file to file."""
    row = "2024-03-0{}T10:00:00Z,{},1.1,1.2\n"
    folder = written(tmp_path, "d/1.csv", "time,symbol,bid,ask\n" + row.format(5, "AAA")).parent
    source = open_source(folder, symbol="X")
    drain(source)
    if part == "the same file":
        written(folder, "1.csv", "time,symbol,bid,ask\n" + row.format(5, "AAA") + row.format(6, "BBB"))
    else:
        written(folder, "2.csv", "time,symbol,bid,ask\n" + row.format(6, "BBB"))
    with closing(open_source(folder, symbol="X")) as longer:
        longer.seek(source.position())
        with pytest.raises(SourceError, match="the symbol is 'BBB' here and 'AAA' before"):
            drain(longer)


def test_another_file_of_the_same_name_is_told(tmp_path: Path) -> None:
    path = MADE["plain"](tmp_path)
    _, position = stopped(open_source(path), 2, 10)
    path.write_bytes(QUOTES.replace(b"1.9,", b"1.8,"))
    source = open_source(path)
    with pytest.raises(SourceError, match="its beginning has changed"):
        source.seek(position)


def test_file_that_has_shrunk_is_told(tmp_path: Path) -> None:
    """Where it has more than the start that is hashed."""
    long = QUOTES + b"2024-03-11 00:00:00,1.1,1.2\r\n" * 5000
    path = written(tmp_path, "EURUSD.csv", long)
    source = open_source(path)
    drain(source)
    position = source.position()
    path.write_bytes(long[:-5000])
    source = open_source(path)
    with pytest.raises(SourceError, match="ends before byte"):
        source.seek(position)
    source.close()


def test_folder_with_another_file_in_front_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path, "d/2.csv", QUOTES).parent
    _, position = stopped(open_source(folder, symbol="X"), 2, 10)
    written(folder, "1.csv", "time,bid,ask\n2020-01-01,1,2\n2020-01-02,1,2\n")
    source = open_source(folder, symbol="X")
    with pytest.raises(SourceError, match="files before it have been added or removed"):
        source.seek(position)


def test_identity_says_which_data_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "EURUSD.csv", "time,bid,ask\n2020-01-01,1,2\n")
    source = open_source(path)
    assert source.name == "EURUSD.csv"
    identity = source.identity()
    (reading,) = identity.pop("reading")
    assert (reading["format"], reading["symbol"]) == ("csv", "EURUSD")
    assert identity == {
        "name": "EURUSD.csv",
        "format": ["csv"],
        "parts": 1,
        "bytes": 28,
        "head_bytes": 28,
        "head_xxh3": "53b3e55bd40b7b8b",
    }
    assert json.loads(json.dumps(source.identity())) == source.identity()
    assert open_source(path, name="other").name == "other"


@pytest.mark.parametrize("kind", MADE)
def test_progress_goes_from_nothing_to_all(tmp_path: Path, kind: str) -> None:
    source = open_source(MADE[kind](tmp_path), symbol="X")
    taken = Taken()
    shares = [source.progress()]
    while source.fill(taken.builder, 10):
        shares.append(source.progress())
    shares.append(source.progress())
    source.close()
    source.close()
    known = [share for share in shares if share is not None]
    assert known == sorted(known)
    assert (known[0], known[-1], len(known)) == (0.0, 1.0, len(shares))


def test_closed_source_keeps_its_place_and_is_not_read_on_by_mistake(tmp_path: Path) -> None:
    """Reading on would skip the rest of the file silently."""
    path = MADE["plain"](tmp_path)
    source = open_source(path)
    taken = Taken()
    source.fill(taken.builder, 10)
    taken.take()
    source.close()
    with pytest.raises(AssertionError, match="seek first"):
        source.fill(taken.builder, 10)
    source.seek(source.position())
    assert drain(source, into=taken).digest == read(path).digest


def test_file_that_is_gone_says_so(tmp_path: Path) -> None:
    path = MADE["plain"](tmp_path)
    source = open_source(path)
    path.unlink()
    with pytest.raises(SourceError, match="No such file"):
        source.fill(Taken().builder, 10)


@pytest.mark.parametrize("content", ["", "\n\n", "time,bid,ask\n", "# nothing\n"])
def test_file_without_rows_is_a_source_without_rows(tmp_path: Path, content: str) -> None:
    taken = read(written(tmp_path, "x.csv", content), format="csv")
    assert (taken.count, taken.refused) == (0, [])


def test_one_call_is_bounded_even_where_every_row_is_malformed(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask\n2020-01-01,1,2\n" + "bad\n" * 1000)
    source = open_source(path)
    taken = Taken()
    assert source.fill(taken.builder, 11)
    source.close()
    assert len(taken.refused) == 10
