"""Files that have the newest row first: they are asked about, and read from their end in bounded memory."""

from __future__ import annotations

import gzip
import itertools
from contextlib import closing
from pathlib import Path

import pytest

from mtf.errors import HostileFile, OptionNeeded, SourceError
from mtf.sources import Limits, open_source
from mtf.sources.backward import BLOCK_BYTES
from tests.sources.builders import drain, read, written
from tests.sources.test_files import stopped

HEAD = "time,bid,ask\n"
ROWS = [f"2024-03-06 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02},1.{i},1.{i}5\n" for i in range(300)]
FORWARD = HEAD + "".join(ROWS)
BACKWARD = HEAD + "".join(reversed(ROWS))


def test_newest_first_is_asked_about(tmp_path: Path) -> None:
    """Read from top to bottom, all rows but one would be late."""
    path = written(tmp_path, "x.csv", BACKWARD)
    with pytest.raises(OptionNeeded, match=r"x\.csv: the rows are newest first: give reverse=True"):
        read(path)
    assert read(path, reverse=False).count == 300


@pytest.mark.parametrize(
    "rows",
    [
        "2024-03-06 10:01:00,1.2,1.3\n2024-03-06 10:00:00,1.1,1.2\n",
        "".join(ROWS[i] for i in (9, 8, 7, 6, 5, 6, 4, 3, 2, 1, 0, 0)),
        "bad\n2024-03-06 10:01:00,1.2,1.3\nno time,1,2\n2024-03-06 10:00:00,1.1,1.2\n",
    ],
)
def test_a_few_rows_out_of_order_or_broken_change_nothing_about_that(tmp_path: Path, rows: str) -> None:
    with pytest.raises(OptionNeeded, match="newest first"):
        read(written(tmp_path, "x.csv", HEAD + rows))


def test_newest_first_is_the_reason_also_where_a_later_stage_would_find_another(tmp_path: Path) -> None:
    """How long the bars last would not be clear either."""
    path = written(tmp_path, "x.csv", "time,open,high,low,close\n2024-03-06 10:01,1,1,1,1\n2024-03-06 10:00,1,1,1,1\n")
    with pytest.raises(OptionNeeded, match="newest first"):
        read(path)
    assert [tick.ts_ns for tick in read(path, reverse=True, timeframe="1m").ticks] == sorted(
        tick.ts_ns for tick in read(path, reverse=False, timeframe="1m").ticks
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_reversed_rows_are_those_of_the_file_the_other_way_round(tmp_path: Path, packed: bool, end: str) -> None:
    """Whatever ends the lines; without a line break at the end too."""
    text = BACKWARD.replace("\n", end) if end else BACKWARD[:-1]
    path = written(tmp_path, "x.csv", gzip.compress(text.encode()) if packed else text)
    assert read(path, reverse=True).rows == read(written(tmp_path, "y.csv", FORWARD)).rows


def test_a_file_that_is_oldest_first_is_read_as_it_stands_all_the_same(tmp_path: Path) -> None:
    """The option goes for those files of a folder that need it."""
    path = written(tmp_path, "x.csv", FORWARD)
    assert read(path, reverse=True).rows == read(path).rows


def test_malformed_rows_have_the_lines_of_the_file(tmp_path: Path) -> None:
    text = BACKWARD.replace(ROWS[7], "bad row\n").replace(ROWS[200], "\nworse\n")
    lines = text.splitlines()
    taken = read(written(tmp_path, "x.csv", "a title\n" + text), reverse=True)
    assert taken.lines == [lines.index("bad row") + 2, lines.index("worse") + 2]
    assert [raw for *_, raw in taken.refused] == ["bad row", "worse"]


def test_lines_over_the_edges_of_blocks_are_whole(tmp_path: Path) -> None:
    """More than two blocks of lines of many lengths."""
    rows = [f"2024-03-06 00:00:00.{i:09},1.{i},1.{i}5,{'n' * (i * 7 % 900)}\n" for i in range(6_000)]
    text = "time,bid,ask,note\n" + "".join(reversed(rows))
    assert len(text) > 2 * BLOCK_BYTES
    forward = read(written(tmp_path, "y.csv", "time,bid,ask,note\n" + "".join(rows)), symbol="X")
    assert read(written(tmp_path, "x.csv", text), reverse=True, symbol="X").rows == forward.rows


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", BACKWARD + "1" * (2 * BLOCK_BYTES) + "\n")
    with pytest.raises(HostileFile, match=r"a line longer than 65536 bytes .* raise Limits\.line_bytes"):
        read(path, reverse=True)
    with closing(open_source(path, reverse=True, limits=Limits(line_bytes=4 * BLOCK_BYTES))) as source:
        assert drain(source).count == 300


@pytest.mark.parametrize(("calls", "limit"), [(1, 1), (3, 7), (2, 100), (400, 1)])
def test_reading_on_from_a_position(tmp_path: Path, calls: int, limit: int) -> None:
    path = written(tmp_path, "x.csv", BACKWARD)
    whole = read(path, reverse=True)
    taken, position = stopped(open_source(path, reverse=True), calls, limit)
    source = open_source(path, reverse=True)
    source.seek(position)
    assert drain(source, into=taken).digest == whole.digest


def test_what_is_added_on_top_is_read_on_the_next_time(tmp_path: Path) -> None:
    """Such a file grows at its start: its end, where reading begins, stays."""
    path = written(tmp_path, "x.csv", HEAD + "".join(reversed(ROWS[:200])))
    source = open_source(path, reverse=True)
    taken = drain(source)
    position = source.position()
    path.write_text(BACKWARD)
    longer = open_source(path, reverse=True)
    longer.seek(position)
    assert drain(longer, into=taken).digest == read(path, reverse=True).digest


def test_another_file_is_recognized_by_its_end(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", BACKWARD)
    _, position = stopped(open_source(path, reverse=True), 2, 10)
    path.write_text(HEAD + "".join(reversed(ROWS[1:])))
    with closing(open_source(path, reverse=True)) as source, pytest.raises(SourceError, match="now a different file"):
        source.seek(position)


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    source = open_source(written(tmp_path, "x.csv", BACKWARD), reverse=True)
    shares = [source.progress()]
    taken = drain(source)
    shares.append(source.progress())
    assert (shares, taken.count) == ([0.0, 1.0], 300)


def test_bars_of_a_doubled_hour_are_in_order_read_backward(tmp_path: Path) -> None:
    stamps = ["2014-11-02 00:00", "2014-11-02 01:00", "2014-11-02 01:00", "2014-11-02 02:00"]
    rows = "".join(f"{stamp},10,12,9,11\n" for stamp in reversed(stamps))
    path = written(tmp_path, "x.csv", "time,open,high,low,close\n" + rows)
    ticks = read(path, timeframe="1h", zone="America/New_York", reverse=True).ticks
    assert {b.ts_ns - a.ts_ns for a, b in itertools.pairwise(ticks[::4])} == {3600 * 10**9}
