"""The start of a table: what parts its columns, which line is its header, and that one broken row changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import ConfigError, MtfError
from mtf.sources import Limits, open_source
from mtf.sources.input_files import InputFile
from mtf.sources.sniffing import look
from tests.sources.builders import drain, read, written

ROWS = "2024-03-06 10:00:00,1.1,1.2\n2024-03-06 10:00:01,1.1,1.3\n2024-03-06 10:00:02,1.1,1.4\n"
HEADED = "time,bid,ask\n" + ROWS


def notes_of(path: Path, **options: object) -> list[str]:
    """What a user is shown of how *path* was read."""
    source = open_source(path, **options)  # type: ignore[arg-type]
    drain(source)
    return source.notes()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("before", "header", "passed"),
    [
        ("https://www.example.com/data\n", 2, "line 1 is skipped"),
        ("EURUSD, quotes of March\n\n", 3, "line 1 is skipped"),
        ("# made by hand\n# on Wednesday\n", 3, "lines 1, 2 are skipped"),
        ('"Symbol: EURUSD"\nFrom 2024-03-06 to 2024-03-07\n', 3, "lines 1, 2 are skipped"),
    ],
)
def test_titles_before_the_header_are_passed_over_and_named(
    tmp_path: Path, before: str, header: int, passed: str
) -> None:
    """The lines of rows stay those of the file."""
    path = written(tmp_path, "x.csv", before + HEADED + "x,1,2\n")
    taken = read(path)
    assert (taken.count, taken.lines) == (3, [header + 4])
    assert notes_of(path) == [f"{path}: line {header} is taken as the header, and {passed}"]


@pytest.mark.parametrize("separator", ["sep=;", '"sep=;"', "SEP=;", "sep=;\r"])
def test_the_line_that_tells_a_spreadsheet_what_parts_columns_is_no_row(tmp_path: Path, separator: str) -> None:
    path = written(tmp_path, "x.csv", separator + "\n" + HEADED.replace(",", ";"))
    assert read(path).count == 3
    assert notes_of(path) == [f"{path}: line 2 is taken as the header, and line 1 is skipped"]


def test_the_separator_that_is_said_counts_where_others_are_as_frequent(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "sep=|\ntime|bid|ask|a,b,c,d\n2024-03-06|1|2|a,b,c,d\n")
    assert read(path).count == 1


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("2024-03-06 10:00:00,1.1,a b", ["2024-03-06 10:00:00", "1.1", "a b"]),  # space within a cell is of it
        ("2024-03-06 10:00:00, 1.1,x", ["2024-03-06 10:00:00", "1.1", "x"]),
        ("2024-03-06 10:00:00,1.1\t,x", ["2024-03-06 10:00:00", "1.1", "x"]),
        (" 2024-03-06 10:00:00,1.1,x ", ["2024-03-06 10:00:00", "1.1", "x"]),
        ("2024-03-06 10:00:00,1.1,\u00a0x", ["2024-03-06 10:00:00", "1.1", "x"]),
        ('2024-03-06 10:00:00,"1.1","x, y"', ["2024-03-06 10:00:00", "1.1", "x, y"]),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_space_around_cells_is_dropped_in_whichever_row_it_is(
    tmp_path: Path, line: str, cells: list[str], place: int
) -> None:
    """Rows that have none are cut as they stand, all at once; one that has some is not to be missed among them."""
    rows = ["2024-03-06 10:00:00,1.1,x"] * 3
    rows.insert(place, line)
    path = written(tmp_path, "x.csv", "time,price,comment\n" + "\n".join(rows) + "\n")
    table = look(InputFile(path, path, Limits()))
    assert table is not None
    assert table.fitted[place] == cells
    assert table.column(1) == ["1.1"] * 4
    assert table.written(1) == ["0.0"] * 4


@pytest.mark.parametrize(
    "head",
    [
        "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n",
        "Attributes,Close,High,Low,Open,Volume\nSymbols,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n",
        "Ticker,AAPL,AAPL,AAPL,AAPL,AAPL\nPrice,Close,High,Low,Open,Volume\nDate,,,,,\n",
        "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\n",
    ],
)
def test_several_rows_of_headings_are_read_together(tmp_path: Path, head: str) -> None:
    """One says what the columns are, another the symbol, a third what the first column is."""
    rows = "2024-01-02,185.64,188.44,183.89,187.15,82488700\n2024-01-03,184.25,185.88,183.43,184.22,58414500\n"
    ticks = read(written(tmp_path, "x.csv", head + rows), timeframe="1d").ticks
    assert [(tick.symbol, tick.price) for tick in ticks[:4]] == [
        ("AAPL", 187.15),
        ("AAPL", 188.44),
        ("AAPL", 183.89),
        ("AAPL", 185.64),
    ]
    assert ticks[3].size == 82488700.0


def test_two_rows_of_headings_may_make_one_name(tmp_path: Path) -> None:
    head = "time,bid,bid,bid,bid,ask,ask,ask,ask\n,open,high,low,close,open,high,low,close\n"
    ticks = read(written(tmp_path, "x.csv", head + "2024-03-06,1,3,1,2,2,4,2,3\n"), timeframe="1d").ticks
    assert [(tick.bid, tick.ask) for tick in ticks] == [(1, 2), (3, 4), (1, 2), (2, 3)]


def test_several_symbols_side_by_side_are_asked_about(tmp_path: Path) -> None:
    """The first of two closes is not the close of both."""
    head = "Price,Close,Close,Open,Open,High,High,Low,Low\nTicker,A,B,A,B,A,B,A,B\nDate,,,,,,,,\n"
    path = written(tmp_path, "x.csv", head + "2024-03-06,1,2,1,2,1,2,1,2\n2024-03-07,1,2,1,2,1,2,1,2\n")
    with pytest.raises(MtfError, match=r"side by side|both called 'Close'"):
        read(path)
    path = written(tmp_path, "x.csv", head.replace("Price", "Attributes") + "2024-03-06,1,2,1,2,1,2,1,2\n")
    with pytest.raises(ConfigError, match=r"both called 'Close': name the right one with columns='close=1'"):
        read(path)
    taken = read(path, columns="time=0,close=1,open=3,high=5,low=7", symbol="A", timeframe="1d")
    assert [(tick.symbol, tick.price) for tick in taken.ticks] == [("A", 1.0)] * 4


def test_a_header_of_unknown_names_is_one(tmp_path: Path) -> None:
    """It is shown to the user, who is asked what the names mean."""
    path = written(tmp_path, "x.csv", HEADED.replace("time,bid,ask", "wann,geld,brief"))
    with pytest.raises(ConfigError, match=r"no column is a price: .* the file has 'wann', 'geld', 'brief'"):
        read(path)
    assert read(path, columns="time=wann,bid=geld,ask=brief").count == 3


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize(
    "broken",
    [
        "2024-03-06 10:00:09,1.1",
        "2024-03-06 10:00:09,1.1,1.2,1.3",
        "2024-03-06 10:00:09;1.1;1.2",
        "garbage",
        "a,b,c",
        ",,",
        "06.03.2024 10:00,1.1,1.2",
        "1709719200,1.1,1.2",
        '2024-03-06 10:00:09,"1.1,1.2',
        '2024-03-06 10:00:09,"1,1",1.2',
        "2024-03-06 10:00:09,\x00,1.2",
        "\x00\x00\x00\x00",
        "time,bid,ask",
        "2024-03-06 10:00:09 AM,one,two",
    ],
)
@pytest.mark.parametrize("header", ["", "time,bid,ask\n"])
def test_one_broken_row_in_the_first_ten_changes_nothing_for_the_others(
    tmp_path: Path, header: str, broken: str, place: int
) -> None:
    """The nine others are read as they are without it, and it is named with its line."""
    if not header and place == 0 and broken in ("time,bid,ask", "a,b,c"):
        pytest.skip("that is a header")
    rows = [f"2024-03-06 10:00:0{i},1.{i},1.{i}5" for i in range(9)]
    alone = read(written(tmp_path, "x.csv", header + "\n".join(rows) + "\n"))
    assert (alone.count, alone.refused) == (9, [])
    rows.insert(place, broken)
    taken = read(written(tmp_path, "x.csv", header + "\n".join(rows) + "\n"))
    line = place + 1 + bool(header)
    if broken == "1709719200,1.1,1.2":
        assert taken.reasons == ["the time cannot be read"]
    assert taken.lines == [line]
    assert taken.rows == alone.rows


def test_one_broken_row_changes_nothing_for_bars(tmp_path: Path) -> None:
    """Not what the columns are without a header, not how long the bars last."""
    rows = [f"2024-03-06 10:0{i}:00;{100 + i};{103 + i};{99 + i};{101 + i};7" for i in range(9)]
    alone = read(written(tmp_path, "x.csv", "\n".join(rows) + "\n"))
    for broken in ("2024-03-06 10:09:00;1;2;3;4;7", "2024-03-06 10:09:00;100;103;99;x;7"):
        taken = read(written(tmp_path, "x.csv", "\n".join([*rows[:4], broken, *rows[4:]]) + "\n"))
        assert (taken.rows, taken.lines) == (alone.rows, [5])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_parts_columns_is_what_leaves_whole_pieces(tmp_path: Path, delimiter: str) -> None:
    """Decimal commas are as frequent as semicolons, and pieces of dates as frequent as fields."""
    row = delimiter.join(['"2024-03-06, 10:00:00"', '"1,15"', '"1,16"']) + "\n"
    taken = read(written(tmp_path, "x.csv", row * 3))
    assert [(tick.bid, tick.ask) for tick in taken.ticks] == [(1.15, 1.16)] * 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_text_in_other_encodings_is_read_with_or_without_its_mark(tmp_path: Path, encoding: str) -> None:
    assert (
        read(written(tmp_path, "x.csv", HEADED.encode(encoding))).rows == read(written(tmp_path, "x.csv", HEADED)).rows
    )


def test_lines_may_end_with_a_carriage_return_alone(tmp_path: Path) -> None:
    """As old spreadsheets write them; also if the file is longer than the part that is looked at."""
    text = HEADED + ROWS * 2_000 + "x,1,2\n"
    taken = read(written(tmp_path, "x.csv", text.replace("\n", "\r")))
    assert (taken.count, taken.lines) == (6_003, [6_005])


@pytest.mark.parametrize("rows", [",,\n,,\n", "soon,x,y\n", "2024-03-06\n"])
def test_rows_of_which_nothing_can_be_read_are_not_taken_for_none(tmp_path: Path, rows: str) -> None:
    """A header, and below it nothing but rows that are broken: each is refused."""
    count = rows.count("\n")
    try:
        taken = read(written(tmp_path, "x.csv", "time,bid,ask\n" + rows))
    except ConfigError as error:
        assert "'soon' cannot be read as a time" in str(error)  # noqa: PT017
    else:
        assert (taken.count, len(taken.refused)) == (0, count)


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        ("20221125 09:3{}:00 US/Estern", "the time has an unknown zone"),
        ("2022-11-25 25:3{}:00", "the time cannot be read"),
        ("13/25/2022 09:3{}", "the time cannot be read"),
    ],
)
def test_times_that_cannot_be_read_are_the_reason_also_of_bars(tmp_path: Path, stamp: str, reason: str) -> None:
    """Not that it is unclear how long the bars last, which nobody can know then."""
    rows = "".join(f"{stamp.format(minute)},10,12,9,11\n" for minute in range(3))
    path = written(tmp_path, "x.csv", "date,open,high,low,close\n" + rows)
    taken = read(path, time_format="mdy" if "/25/" in stamp else None)
    assert (taken.count, taken.reasons) == (0, [reason] * 3)


def test_a_file_with_a_header_only_is_no_error_in_a_folder(tmp_path: Path) -> None:
    """A day without trades; it is read as a source without rows."""
    written(tmp_path, "d/x.csv", HEADED)
    written(tmp_path, "d/y.csv", "time,bid,ask\n")
    written(tmp_path, "d/z.csv", "wann,geld,brief\n")
    source = open_source(tmp_path / "d", symbol="X")
    assert drain(source).count == 3
    assert source.identity()["skipped"] == ["z.csv"]


@pytest.mark.parametrize("space", ["", " ", "\t", "\u00a0"])
@pytest.mark.parametrize("head", ["time,bid,ask\n", "# bids\ntime,bid,ask\n", "###\ntime,bid,ask\n", ""])
def test_quotation_marks_around_fields_change_nothing(tmp_path: Path, head: str, space: str) -> None:
    """A table without any is cut in a simpler way."""
    rows = [f"2024-03-06 10:00:{k:02},{space}1.{k:02}{space},1.{k + 1:02}" for k in range(20)]
    quoted = [",".join(f'"{field}"' for field in row.split(",")) for row in rows]
    plain = read(written(tmp_path, "plain.csv", head + "\n".join(rows) + "\n"))
    marked = read(written(tmp_path, "marked.csv", head + "\n".join(quoted) + "\n"))
    assert (plain.count, plain.rows) == (marked.count, marked.rows) == (20, plain.rows)
