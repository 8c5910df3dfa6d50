"""Rows of delimited text: what is taken, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import HostileFile, SourceError
from mtf.events.door import Door
from mtf.sources import Limits, open_source
from tests.sources.builders import Taken, brief, drain, read, written


def test_quotes_with_sizes(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "EURUSD.csv",
        "time,bid,ask,bid_size,ask_size\n1970-01-01T00:00:01Z,1.1,1.2,3,4.5\n1970-01-01T00:00:02.5Z,1.1,1.3,,\n",
    )
    assert [brief(tick) for tick in read(path).ticks] == [
        "EURUSD 1 1.1/1.2 3.0x4.5",
        "EURUSD 2.5 1.1/1.3 0.0x0.0",
    ]


def test_quote_with_an_empty_cell_is_one_sided(tmp_path: Path) -> None:
    path = written(
        tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2\n1970-01-02,,1.3\n1970-01-02,1.2,\n1970-01-02,,\n"
    )
    taken = read(path)
    assert [(tick.bid, tick.ask) for tick in taken.ticks] == [(1.1, 1.2), (None, 1.3), (1.2, None)]
    assert taken.refused == [(str(path), 5, "a price is missing", "1970-01-02,,")]


def test_trades_with_ids_of_many_symbols(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "x.csv",
        'symbol;timestamp;price;amount;id\nA;1000000000;5;1;x1\nB;1000000001;7;;\n"C;D";1000000002;8;2;"i""1"\n',
    )
    taken = read(path)
    assert [brief(tick) for tick in taken.ticks] == [
        "A 1000000000 5.0x1.0",
        "B 1000000001 7.0x0.0",
        "C;D 1000000002 8.0x2.0",
    ]
    assert taken.heap == b'\x01\x00A\x02\x00x1\x01\x00B\x03\x00C;D\x03\x00i"1'


def test_bar_is_four_ticks_with_its_volume_on_the_last(tmp_path: Path) -> None:
    """At its start and one, two and three fifths of its length after, rounded down to the nanosecond."""
    path = written(tmp_path, "x.csv", "time,open,high,low,close,volume\n1970-01-01 00:01,10,12,9,11,7\n")
    assert [brief(tick) for tick in read(path, timeframe="1m").ticks] == [
        "X 60 10.0x0.0 b",
        "X 72 12.0x0.0 b",
        "X 84 9.0x0.0 b",
        "X 96 11.0x7.0 b",
    ]


def test_bar_stamped_at_its_close_starts_its_length_earlier(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,open,high,low,close\n1970-01-01 00:01,10,12,9,11\n")
    assert [tick.ts_ns // 10**9 for tick in read(path, timeframe="1m", stamp="close").ticks] == [0, 12, 24, 36]


def test_bar_of_the_bid_is_one_sided_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,open,high,low,close,volume\n1970-01-01 00:01,10,12,9,11,7\n")
    assert brief(read(path, timeframe="1m", side="bid").ticks[3]) == "X 96 11.0/None 7.0x0.0 b"
    assert brief(read(path, timeframe="1m", side="ask").ticks[3]) == "X 96 None/11.0 0.0x7.0 b"


def test_bar_of_bid_and_ask_is_four_quotes_with_sizes_on_the_last(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "x.csv",
        "time,bidopen,bidhigh,bidlow,bidclose,bidsize,askopen,askhigh,asklow,askclose,asksize\n"
        "1970-01-01 00:01,10,12,9,11,5,20,22,19,21,6\n"
        "1970-01-01 00:02,,,,,,20,22,19,21,6\n"
        "1970-01-01 00:03,10,,9,11,5,20,22,19,21,6\n",
    )
    taken = read(path, timeframe="1m")
    assert [brief(tick) for tick in taken.ticks] == [
        "X 60 10.0/20.0 0.0x0.0 b",
        "X 72 12.0/22.0 0.0x0.0 b",
        "X 84 9.0/19.0 0.0x0.0 b",
        "X 96 11.0/21.0 5.0x6.0 b",
        "X 120 None/20.0 0.0x0.0 b",
        "X 132 None/22.0 0.0x0.0 b",
        "X 144 None/19.0 0.0x0.0 b",
        "X 156 None/21.0 0.0x6.0 b",
    ]
    assert (taken.lines, taken.reasons) == ([4], ["a price is missing"])


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 1000])
def test_limit_may_cut_a_bar_anywhere(tmp_path: Path, limit: int) -> None:
    path = written(
        tmp_path,
        "x.csv",
        "time,open,high,low,close,volume\n" + "".join(f"1970-01-01 00:{m:02},10,12,9,{m},7\n" for m in range(1, 40)),
    )
    assert read(path, limit=limit).digest == read(path).digest


MALFORMED = [
    ("1970-01-02", "1 fields where there should be 3"),
    ("1970-01-02,1.1,1.2,1.3", "4 fields where there should be 3"),
    ("1970-13-02,1.1,1.2", "the time cannot be read"),
    ("1970-01-02,x,1.2", "bid is not a number"),
    ("1970-01-02,nan,1.2", "bid is not a number"),
    ("1970-01-02,1.1,1e999", "ask is not a number"),
    ("1970-01-02,inf,1.2", "bid is not a number"),
    ("1969-12-31,1.1,1.2", "time is before 1970 or after 2200"),
    ('1970-01-02,"1.1,1.2', "a quoted field has no end, or something behind it"),
    ('1970-01-02,"1.1"x,1.2', "a quoted field has no end, or something behind it"),
    ("\x00\x00\x00", "1 fields where there should be 3"),
    ("time,bid,ask", "the time cannot be read"),
]


@pytest.mark.parametrize(("row", "reason"), MALFORMED)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_malformed_row_is_kept_aside_with_its_line_and_the_run_goes_on(
    tmp_path: Path, row: str, reason: str, end: str
) -> None:
    good = "1970-01-02,1.1,1.2"
    path = written(tmp_path, "x.csv", end.join(["time,bid,ask", good, "", row, good, ""]))
    taken = read(path)
    assert taken.count == 2
    assert taken.refused == [(str(path), 4, reason, row)]


def test_bar_with_a_bad_field_is_refused_whole(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "x.csv",
        "time,open,high,low,close,volume\n1970-01-01 00:01,1,1,1,1,1\n1970-01-01 00:02,1,1,1,x,1\n"
        "1970-01-01 00:03,1,1,1,1,-1\n1970-01-01 00:04,1,1,1,1,1\n",
    )
    taken = read(path)
    assert (taken.count, taken.lines) == (8, [3, 4])
    assert taken.reasons == ["close is not a number", "a size is negative"]


def test_strict_stops_at_the_first_malformed_row(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2\n1970-01-02,x,1.2\n")
    taken = Taken()
    source = open_source(path)
    with pytest.raises(SourceError, match=r"x\.csv:3: bid is not a number") as caught:
        drain(source, into=_strict(taken))
    source.close()
    assert caught.value.line == 3


def _strict(taken: Taken) -> Taken:
    taken.door = Door(taken.symbols, strict=True)
    return taken


def test_last_line_needs_no_line_break(tmp_path: Path) -> None:
    assert read(written(tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2")).count == 1


def test_byte_order_mark_and_comments_in_front_are_no_rows(tmp_path: Path) -> None:
    text = "\ufeff# made by hand\n\ntime,bid,ask\n1970-01-02,1.1,1.2\n"
    taken = read(written(tmp_path, "x.csv", text))
    assert (taken.count, taken.refused) == (1, [])


def test_utf16_is_read(tmp_path: Path) -> None:
    """MetaTrader writes its exports so."""
    text = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\r\n2014.07.01\t12:00:00\t1\t3\t1\t2\t9\r\n"
    for encoding in ("utf-16", "utf-16-be"):
        data = text.encode(encoding) if encoding == "utf-16" else b"\xfe\xff" + text.encode(encoding)
        taken = read(written(tmp_path, "EURUSD.csv", data), timeframe="1h")
        assert brief(taken.ticks[0]) == "EURUSD 1404205200 1.0x0.0 b"


def test_line_without_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2\n" + "1" * 100_000)
    taken = Taken()
    source = open_source(path)
    with pytest.raises(HostileFile, match=r"x\.csv:3: a line longer than 65536 bytes"):
        drain(source, into=taken)
    source.close()


def test_line_limit_is_exact_and_can_be_raised(tmp_path: Path) -> None:
    head = "time,bid,ask,note\n1970-01-02,1.1,1.2,\n"
    path = written(tmp_path, "x.csv", head + "1970-01-02,1.1,1.2," + "n" * 181 + "\n")
    assert read(path, limits=Limits(line_bytes=200)).count == 2
    source = open_source(path, limits=Limits(line_bytes=199))
    with pytest.raises(HostileFile, match=r"raise Limits\.line_bytes"):
        drain(source)
    source.close()
