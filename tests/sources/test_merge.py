"""Several sources as one: order, ties, positions, what is malformed, and memory and files that stay bounded."""

from __future__ import annotations

import gc
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.errors import ConfigError, SourceError
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.sources import IterSource, Source, feed, open_source
from mtf.sources.chunk import ChunkRows, chunk_of
from mtf.sources.merge import MergedSource
from mtf.sources.reorder_window import ReorderWindow
from tests.sources.builders import Taken, drain
from tests.sources.merging import START_NS, Row, file_of, files, ids, merged, read_in_parts, reading_ahead, windowed

STOPS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5)), max_size=3)  # calls, and rows read ahead


def opened(folder: Path, lanes: list[list[Row]]) -> list[Source]:
    return opened_as_csv(*(file_of(folder / f"{number}.csv", rows) for number, rows in enumerate(lanes)))


def refused_lines(lanes: list[list[Row]]) -> list[tuple[str, int]]:
    return sorted(
        (f"{number}.csv", line)
        for number, rows in enumerate(lanes)
        for line, row in enumerate(rows, 2)
        if row.malformed
    )


def lines_of(taken: Taken) -> list[tuple[str, int]]:
    return sorted((Path(place).name, line) for place, line, _, _ in taken.refused)


@given(lanes=files(), limit=st.integers(1, 7), stops=STOPS)
def test_rows_come_in_order_of_time_wherever_it_was_stopped(
    lanes: list[list[Row]], limit: int, stops: list[tuple[int, int]]
) -> None:
    """Each source in its own order, ties by the order in which the sources are named; malformed rows once each."""
    with tempfile.TemporaryDirectory() as folder:
        taken = Taken()
        read_in_parts(lambda: opened(Path(folder), lanes), stops, limit, taken)
    assert ids(taken) == [row.id for row in merged(lanes)]
    assert lines_of(taken) == refused_lines(lanes)


@given(
    lanes=files(files_max=3),
    seconds=st.integers(1, 4),
    limit=st.integers(1, 7),
    stops=STOPS,
)
def test_a_window_belongs_to_each_source_wherever_it_was_stopped(
    lanes: list[list[Row]], seconds: int, limit: int, stops: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        taken = Taken()
        read_in_parts(lambda: opened(Path(folder), lanes), stops, limit, taken, reorder_ns=seconds * 10**9)
    assert ids(taken) == [row.id for row in merged([windowed(rows, seconds) for rows in lanes])]
    assert lines_of(taken) == refused_lines(lanes)


@given(lanes=files(files_max=3), limit=st.integers(1, 7), stops=STOPS)
def test_sorted_sources_are_sorted_wherever_it_was_stopped(
    lanes: list[list[Row]], limit: int, stops: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        taken = Taken()
        read_in_parts(lambda: opened(Path(folder), lanes), stops, limit, taken, sort=True)
    assert ids(taken) == [row.id for row in merged([sorted(rows, key=lambda row: row.second) for rows in lanes])]
    assert lines_of(taken) == refused_lines(lanes)


def many(folder: Path, count: int, *, packed: bool = False, rows: int = 8) -> list[Path]:
    """Write *count* files of a symbol each, the rows of which take turns."""
    folder.mkdir()
    paths = []
    for number in range(count):
        text = "".join(Row(second * count + number, f"S{number}", f"{number}.{second}").line for second in range(rows))
        content = f"time,symbol,price,id\n{text}".encode()
        path = folder / (f"{number:03}.csv.gz" if packed else f"{number:03}.csv")
        path.write_bytes(gzip.compress(content) if packed else content)
        paths.append(path)
    return paths


def in_turns(count: int, rows: int = 8) -> list[str]:
    return [f"{number}.{second}" for second in range(rows) for number in range(count)]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("packed", [False, True])
def test_no_more_files_are_open_than_may(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain file is closed and read on later; of packed ones the rest is put aside, in one file."""
    monkeypatch.setattr(feed, "_files_max", lambda: 16)
    monkeypatch.setattr(feed, "PACKED_MAX", 4)
    paths = many(tmp_path / "d", 40, packed=packed)
    gc.collect()
    before = open_files()
    with reading_ahead(3):
        source = MergedSource([open_source(path) for path in paths])
        taken, most, more = Taken(), 0, True
        while more:
            more = source.fill(taken.builder, 5)
            taken.take()
            most = max(most, open_files() - before)
        source.close()
    assert ids(taken) == in_turns(40)
    assert most <= 16 + 1
    assert open_files() == before


@pytest.mark.parametrize("calls", [1, 7, 30])
def test_packed_files_that_were_put_aside_go_on_from_their_exact_row(
    tmp_path: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PACKED_MAX", 2)
    paths = many(tmp_path / "d", 10, packed=True)
    taken = Taken()
    read_in_parts(lambda: [open_source(path) for path in paths], [(calls, 2), (calls, 3)], 2, taken)
    assert ids(taken) == in_turns(10)


def test_a_file_is_opened_when_its_time_has_come(tmp_path: Path) -> None:
    """Files of a day each are read one after the other, however many there are."""
    folder = tmp_path / "d"
    folder.mkdir()
    for day in range(30):
        file_of(folder / f"{day:02}.csv", [Row(100 * day + n, f"S{n % 3}", f"{day}.{n}") for n in range(9)])
    source = open_source(folder)
    gc.collect()
    before, most, more, taken = open_files(), 0, True, Taken()
    while more:
        more = source.fill(taken.builder, 4)
        taken.take()
        most = max(most, open_files() - before)
    assert ids(taken) == [f"{day}.{n}" for day in range(30) for n in range(9)]
    assert most <= 2


@pytest.mark.parametrize("options", [{}, {"reorder_ns": 5 * 10**9}, {"sort": True}])
@pytest.mark.parametrize("limit", [1, 2, 5, 64])
def test_a_bar_is_never_parted(tmp_path: Path, limit: int, options: dict[str, Any]) -> None:
    """Two symbols' bars end together, and ticks of a third fall between their four rows."""
    bars = "time,open,high,low,close,volume\n" + "".join(f"{START_NS // 10**9 + 60 * n},1,4,1,2,5\n" for n in range(9))
    for name in ("EURUSD", "GBPUSD"):
        (tmp_path / f"{name}.csv").write_text(bars)
    last_ns = START_NS + 60 * 10**9 - 1
    (tmp_path / "USDJPY.csv").write_text(
        "time,bid,ask\n" + "".join(f"{last_ns + 60 * 10**9 * n - k},1,2\n" for n in range(9) for k in (2, 1))
    )
    names = ("EURUSD", "GBPUSD", "USDJPY")
    with reading_ahead(5):
        source = MergedSource([open_source(tmp_path / f"{name}.csv") for name in names], **options)
        taken, more = Taken(), True
        while more:
            more = source.fill(taken.builder, limit)
            assert taken.builder.count <= max(limit, 4)
            taken.take()
    source.close()
    rows = [(tick.symbol, tick.ts_ns) for tick in taken.ticks]
    minute = [("EURUSD", last_ns - 3 + k) for k in range(4)] + [("GBPUSD", last_ns - 3 + k) for k in range(4)]
    expected = [*minute, ("USDJPY", last_ns - 2), ("USDJPY", last_ns - 1)]
    assert rows == [(name, ts_ns + 60 * 10**9 * n) for n in range(9) for name, ts_ns in expected]


def test_a_window_holds_no_more_rows_than_it_may() -> None:
    """A stamp of next year would be held for ever, and all that comes after it looked at again after each stop."""
    window, given = ReorderWindow(10**9, 4), ChunkRows()
    stamps = [START_NS, START_NS + 10**18, *(START_NS + n * 10**6 for n in range(1, 12))]
    builder = BlockBuilder(SymbolTable())
    for stamp in stamps:
        assert not builder.trade("X", stamp, 1.0)
    chunk = chunk_of(builder.take(1), [])
    window.add(chunk)
    window.read(chunk.count, given, b"")
    rows = given.block().rows
    order = [int.from_bytes(rows[at : at + 8], "little") for at in range(0, len(rows), 48)]
    assert order == [START_NS, *stamps[2:6], stamps[1], *stamps[6:]]
    assert window.chunks == 0


def test_only_what_was_put_in_its_place_counts_as_reordered(tmp_path: Path) -> None:
    """Not what comes in order, nor what comes too late to be put anywhere."""
    seconds = (0, 5, 3, 6, 4, 9, 1, 10)
    path = file_of(tmp_path / "x.csv", [Row(second, "X", f"{second}") for second in seconds])
    source = MergedSource([open_source(path)], reorder_ns=3 * 10**9)
    assert ids(drain(source)) == ["0", "3", "4", "5", "6", "1", "9", "10"]
    assert source.reordered == 2


def test_a_sorted_source_that_has_grown_goes_on_with_what_is_new(tmp_path: Path) -> None:
    """In order among itself, behind what was given out: a sort cannot know the future either."""
    first = [Row(second, "X", f"{second}") for second in (5, 2, 9, 4)]
    path = file_of(tmp_path / "x.csv", first)
    source = MergedSource([open_source(path)], sort=True)
    taken = drain(source)
    file_of(path, [*first, *(Row(second, "X", f"{second}") for second in (12, 3, 11))])
    for calls in (1, 99):
        longer = MergedSource([open_source(path)], sort=True)
        longer.seek(json.loads(json.dumps(source.position())))
        for _ in range(calls):
            longer.fill(taken.builder, 2)
            taken.take()
        longer.close()
        source = longer
    assert ids(taken) == ["2", "4", "5", "9", "3", "11", "12"]


@pytest.mark.parametrize(("before", "after"), [({"sort": True}, {}), ({"sort": True}, {"reorder_ns": 1})])
def test_what_was_being_sorted_is_sorted_again(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The rest of it is not the rest of the file."""
    path = file_of(tmp_path / "x.csv", [Row(second, "X", f"{second}") for second in (5, 2, 9, 4)])
    source = MergedSource([open_source(path)], **before)
    taken = Taken()
    while not taken.builder.count:
        source.fill(taken.builder, 2)
    other = MergedSource([open_source(path)], **after)
    with pytest.raises(ConfigError, match="sorted, stopped in the middle of it: use the same setting again"):
        other.seek(source.position())
    source.close()
    other.close()


@pytest.mark.parametrize("options", [{}, {"reorder_ns": 10**9}])
def test_a_window_that_was_stopped_in_goes_on_to_the_end(tmp_path: Path, options: dict[str, Any]) -> None:
    """What it held back is read again, and what it gave out is not; another window is for the next time."""
    path = file_of(tmp_path / "x.csv", [Row(second, "X", f"{second}") for second in (0, 5, 3, 7, 6, 9)])
    taken = Taken()
    with reading_ahead(3):
        source = MergedSource([open_source(path)], reorder_ns=3 * 10**9)
        while taken.builder.count < 2:
            source.fill(taken.builder, 2)
        taken.take()
        other = MergedSource([open_source(path)], **options)
        other.seek(source.position())
        source.close()
        drain(other, 2, taken)
    assert ids(taken) == ["0", "3", "5", "6", "7", "9"]


def test_a_part_that_is_gone_is_an_error(tmp_path: Path) -> None:
    for name in ("EURUSD", "GBPUSD"):
        file_of(tmp_path / f"{name}.csv", [Row(second, name, f"{name}{second}") for second in range(4)])
    source = open_source(tmp_path)
    drain(source)
    (tmp_path / "GBPUSD.csv").unlink()
    with pytest.raises(SourceError, match="GBPUSD' was a part of it and is now missing"):
        open_source(tmp_path).seek(source.position())


def test_the_first_row_of_a_part_is_known_before_it_is_read(tmp_path: Path) -> None:
    """And is read all the same."""
    paths = [file_of(tmp_path / f"{n}.csv", [Row(n, f"S{n}", f"{n}")]) for n in range(2)]
    empty = file_of(tmp_path / "2.csv", [Row(0, "X", "0", malformed=True)])
    source = MergedSource([*(open_source(path) for path in paths), *opened_as_csv(empty)])
    taken = Taken()
    assert [source.first(n, taken.builder) for n in range(3)] == [("S0", START_NS), ("S1", START_NS + 10**9), None]
    drain(source, into=taken)
    assert (ids(taken), len(taken.refused)) == (["0", "1"], 1)


def opened_as_csv(*paths: Path) -> list[Source]:
    said: dict[str, Any] = {"columns": "time,symbol,price,id", "header": True, "time_format": "ns", "reverse": False}
    return [open_source(path, format="csv", **said) for path in paths]


def test_the_progress_of_many_goes_from_nothing_to_all(tmp_path: Path) -> None:
    paths = many(tmp_path / "d", 300, rows=2)
    source = MergedSource([open_source(path) for path in paths])
    shares, taken = [source.progress()], Taken()
    while source.fill(taken.builder, 50):
        shares.append(source.progress())
    shares.append(source.progress())
    known = [share for share in shares if share is not None]
    assert known == sorted(known)
    assert (known[0], known[-1], len(known)) == (0.0, 1.0, len(shares))
    assert MergedSource([IterSource([])]).progress() is None


@pytest.mark.parametrize("limit", [2, 100])
def test_rows_are_counted_on_after_a_seek(tmp_path: Path, limit: int) -> None:
    """Also of a file that is read straight through, which counts by itself and begins again with a seek."""
    rows = [Row(second, "A", str(second), malformed=second == 1) for second in range(5)]
    source = MergedSource([open_source(file_of(tmp_path / "a.csv", rows))])
    taken = Taken()
    source.fill(taken.builder, limit)
    taken.take()
    read = min(limit, 5)
    assert source.rows == (read, 1)
    source.seek({})
    drain(source, into=taken)
    assert source.rows == (read + 5, 2)
