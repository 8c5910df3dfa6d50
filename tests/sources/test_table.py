"""Rows of delimited text: what is taken, what is refused and why."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from mtf.errors import HostileFile, SourceError
from mtf.events.block_builder import BlockBuilder
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


def test_bar_is_four_events_at_its_end_with_its_volume_on_the_last(tmp_path: Path) -> None:
    """A bar is known at its end: open, high, low and close take its last four nanoseconds."""
    path = written(tmp_path, "x.csv", "time,open,high,low,close,volume\n1970-01-01 00:01,10,12,9,11,7\n")
    taken = read(path, timeframe="1m")
    assert [brief(tick) for tick in taken.ticks] == [
        "X 119.999999996 10.0x0.0 b",
        "X 119.999999997 12.0x0.0 b",
        "X 119.999999998 9.0x0.0 b",
        "X 119.999999999 11.0x7.0 b",
    ]
    assert taken.starts == [60 * 10**9]


def test_bar_stamped_at_its_close_starts_its_length_earlier(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,open,high,low,close\n1970-01-01 00:01,10,12,9,11\n")
    taken = read(path, timeframe="1m", stamp="close")
    assert taken.starts == [0]
    assert taken.ticks[-1].ts_ns == 60 * 10**9 - 1


def test_bar_of_a_day_is_of_the_date_that_is_midnight_in_its_zone(tmp_path: Path) -> None:
    """Any other time of day is an instant; with `stamp="close"` a midnight ends the day before."""
    day_ns = 86_400 * 10**9
    header, prices = "time,open,high,low,close\n", ",10,12,9,11\n"
    midnight = written(tmp_path, "x.csv", f"{header}1970-01-03{prices}")
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 2 * day_ns),
        ({"zone": "America/New_York"}, 2 * day_ns),
        ({"stamp": "close"}, day_ns),
        ({"zone": "Asia/Tokyo", "stamp": "close"}, day_ns),
    ]
    for options, start_ns in cases:
        assert read(midnight, timeframe="1d", **options).starts == [start_ns]
    instant = written(tmp_path, "y.csv", f"{header}1970-01-02T22:00:00Z{prices}")
    assert read(instant, timeframe="1d").starts == [2 * day_ns - 7200 * 10**9]
    assert read(instant, timeframe="1d", stamp="close").starts == [2 * day_ns - 7200 * 10**9 - 1]


def test_bar_of_the_bid_is_one_sided_quotes(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,open,high,low,close,volume\n1970-01-01 00:01,10,12,9,11,7\n")
    assert brief(read(path, timeframe="1m", side="bid").ticks[3]) == "X 119.999999999 11.0/None 7.0x0.0 b"
    assert brief(read(path, timeframe="1m", side="ask").ticks[3]) == "X 119.999999999 None/11.0 0.0x7.0 b"


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
        "X 119.999999996 10.0/20.0 0.0x0.0 b",
        "X 119.999999997 12.0/22.0 0.0x0.0 b",
        "X 119.999999998 9.0/19.0 0.0x0.0 b",
        "X 119.999999999 11.0/21.0 5.0x6.0 b",
        "X 179.999999996 None/20.0 0.0x0.0 b",
        "X 179.999999997 None/22.0 0.0x0.0 b",
        "X 179.999999998 None/19.0 0.0x0.0 b",
        "X 179.999999999 None/21.0 0.0x6.0 b",
    ]
    assert (taken.lines, taken.reasons) == ([4], ["a price is missing"])


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 1000])
def test_limit_never_parts_a_bar(tmp_path: Path, limit: int) -> None:
    """Its four events have consecutive seqs, whatever is merged with them."""
    path = written(
        tmp_path,
        "x.csv",
        "time,open,high,low,close,volume\n"
        + "".join(f"1970-01-01 00:{m:02},{m},{m + 2},{m - 1},{m + 1},7\n" for m in range(1, 40)),
    )
    source = open_source(path)
    taken = Taken()
    more = True
    while more:
        more = source.fill(taken.builder, limit)
        assert taken.builder.count % 4 == 0
        assert more == (taken.builder.count >= limit)
        taken.take()
    source.close()
    assert (taken.count, taken.digest) == (4 * 39, read(path).digest)


MALFORMED = [
    ("1970-01-02", "expected 3 fields, got 1"),
    ("1970-01-02,1.1,1.2,1.3", "expected 3 fields, got 4"),
    ("1970-01-02,1.1,1.2,,1.3", "expected 3 fields, got 5"),
    ("1970-13-02,1.1,1.2", "the time cannot be read"),
    ("1970-01-02,x,1.2", "bid is not a number"),
    ("1970-01-02,1.1,1.2.3", "ask is not a number"),
    ("1600-12-31,1.1,1.2", "the time cannot be read"),
    ("2200-01-02,1.1,1.2", "the time is before 1678 or after 2200"),
    ('1970-01-02,"1.1,1.2', "a quoted field is not closed, or is followed by text"),
    ('1970-01-02,"1.1"x,1.2', "a quoted field is not closed, or is followed by text"),
    ("\x00\x00\x00", "expected 3 fields, got 1"),
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
    taken.builder = BlockBuilder(taken.symbols, strict=True)
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
        assert brief(taken.ticks[0]) == "EURUSD 1404208799.999999996 1.0x0.0 b"


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


def test_empty_fields_at_the_end_that_no_column_has_are_none(tmp_path: Path) -> None:
    """A comma behind each row is common; something behind it is another matter."""
    path = written(
        tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2,\n1970-01-02,1.1,1.3, ,\r\n1970-01-02,1.1,1.4,7\n"
    )
    taken = read(path)
    assert [tick.ask for tick in taken.ticks] == [1.2, 1.3]
    assert taken.refused == [(str(path), 4, "expected 3 fields, got 4", "1970-01-02,1.1,1.4,7")]


def test_a_header_may_end_with_an_empty_name_that_rows_do_not_have(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask,\n1970-01-02,1.1,1.2\n1970-01-02,1.1,1.3,\n")
    assert read(path).count == 2


def test_rows_of_which_none_has_the_fields_of_the_header_are_all_refused(tmp_path: Path) -> None:
    """Nobody knows which of them goes with which name; none is skipped silently."""
    path = written(tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2,3\n1970-01-02,1.1\n")
    taken = read(path)
    assert (taken.count, taken.lines) == (0, [2, 3])
    assert taken.reasons == ["expected 3 fields, got 4", "expected 3 fields, got 2"]


def test_a_row_that_fits_behind_many_that_do_not_is_not_guessed_at(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask\n" + "1970-01-02,1.1,1.2,3\n" * 3_000 + "1970-01-02,1.1,1.2\n")
    taken = read(path)
    assert (taken.count, len(taken.refused)) == (0, 3_001)
    assert taken.reasons[-1] == "no row at the start of the file has 3 fields, so their meaning is not known"


@pytest.mark.parametrize("row", ["1970-01-02 , 1.1 ,\t1.2", ' "1970-01-02" , "1.1" , "1.2" ', "1970-01-02,1.1 ,1.2"])
def test_space_around_fields_is_not_data(tmp_path: Path, row: str) -> None:
    path = written(tmp_path, "x.csv", f" time , bid, ask\n1970-01-02, , 1.3\n{row}\n")
    assert [(tick.bid, tick.ask) for tick in read(path).ticks] == [(None, 1.3), (1.1, 1.2)]


def test_space_around_a_date_beside_a_time_of_day_is_not_data(tmp_path: Path) -> None:
    path = written(tmp_path, "X.csv", "Date, Time, bid, ask\n1970/1/2, 0:00:01, 1, 2\n 1970/1/2 , 0:00:02 , 1, 2\n")
    assert [brief(tick) for tick in read(path).ticks] == ["X 86401 1.0/2.0 0.0x0.0", "X 86402 1.0/2.0 0.0x0.0"]


def test_lines_with_nothing_but_space_are_no_rows(tmp_path: Path) -> None:
    taken = read(written(tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1.1,1.2\n  \n\t\r\n\n"))
    assert (taken.count, taken.refused) == (1, [])


CONTRADICTIONS = [
    ("10,9,11,10", "the high, 9.0, is below the low, 11.0"),
    ("0,12,9,11", "the open, 0.0, is not between the low, 9.0, and the high, 12.0"),
    ("13,12,9,11", "the open, 13.0, is not between the low, 9.0, and the high, 12.0"),
    ("10,12,9,8", "the close, 8.0, is not between the low, 9.0, and the high, 12.0"),
]


@pytest.mark.parametrize(("prices", "reason"), CONTRADICTIONS)
def test_a_bar_that_contradicts_itself_is_malformed(tmp_path: Path, prices: str, reason: str) -> None:
    """With its reason and line, and never put right silently."""
    path = written(tmp_path, "x.csv", f"time,open,high,low,close\n1970-01-02,{prices}\n1970-01-03,10,12,9,11\n")
    taken = read(path, timeframe="1d")
    assert taken.count == 4
    assert taken.refused == [(str(path), 2, reason, f"1970-01-02,{prices}")]


@pytest.mark.parametrize(("prices", "reason"), CONTRADICTIONS)
def test_one_side_of_a_quote_bar_that_contradicts_itself_is_malformed(tmp_path: Path, prices: str, reason: str) -> None:
    header = ",".join(f"{side}{price}" for side in ("bid", "ask") for price in ("open", "high", "low", "close"))
    path = written(tmp_path, "x.csv", f"time,{header}\n1970-01-02,20,22,19,21,{prices}\n")
    assert read(path, timeframe="1d").reasons == [reason]


@pytest.mark.parametrize("side", ["nan", "NaN", "inf", "-Infinity", "1e999"])
def test_a_side_that_is_not_finite_is_not_the_readers_to_judge(tmp_path: Path, side: str) -> None:
    """It is handed in as it stands; a word that says nothing is malformed here."""
    path = written(tmp_path, "x.csv", f"time,bid,ask\n1970-01-02,1.1,1.2\n1970-01-02,1.1,{side}\n1970-01-02,1.1,word\n")
    assert "ask is not a number" not in read(path).reasons[:-1]
    assert read(path).reasons[-1] == "ask is not a number"


def test_a_row_that_is_handed_in_again_with_space_is_counted_once(tmp_path: Path) -> None:
    """The first row has no space around its fields, the second shows that there is some."""
    path = written(tmp_path, "x.csv", "time,bid,ask\n1970-01-02,1,2\n1970-01-02, 1 ,2\n1970-01-02, ,2\n")
    source = open_source(path)
    taken = drain(source)
    assert (taken.count, taken.refused) == (3, [])
    assert source.rows == (3, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["Größe", "\u4e0a\u8bc1"])
def test_two_names_in_an_old_encoding_stay_two(tmp_path: Path, name: str) -> None:
    """Bytes that are not UTF-8 are no reason to mix markets."""
    encoding = "latin-1" if name == "Größe" else "gbk"
    other = name[:-1] + ("f" if encoding == "latin-1" else "\u6df1")
    text = f"symbol,time,bid,ask\n{name},1970-01-02,1,2\n{other},1970-01-02,1,2\n"
    assert len(read(written(tmp_path, "x.csv", text.encode(encoding))).symbols.names) == 2


def test_a_symbol_with_a_nul_character_is_none(tmp_path: Path) -> None:
    taken = read(written(tmp_path, "x.csv", "symbol,time,bid,ask\nA,1970-01-02,1,2\nA\x00,1970-01-02,1,2\n"))
    assert (taken.count, taken.lines) == (1, [3])


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_hour_bars_of_a_doubled_hour_are_two_for_each_symbol(tmp_path: Path, zone: str) -> None:
    """The clock showed one hour twice: the second bar with that stamp is the later one, of each symbol."""
    day, hour = ("2014-11-02", 1) if zone == "America/New_York" else ("2014-10-26", 2)
    stamps = [f"{day} {each:02}:00" for each in (hour - 1, hour, hour, hour + 1)]
    alone = "".join(f"{stamp},10,12,9,11\n" for stamp in stamps)
    path = written(tmp_path, "x.csv", "time,open,high,low,close\n" + alone)
    for stamp in ("open", "close"):
        ticks = read(path, timeframe="1h", zone=zone, stamp=stamp).ticks
        assert {b.ts_ns - a.ts_ns for a, b in zip(ticks[::4], ticks[4::4], strict=False)} == {3600 * 10**9}
    both = "".join(f"{stamp},{symbol},10,12,9,11\n" for stamp in stamps for symbol in "AB")
    path = written(tmp_path, "y.csv", "time,symbol,open,high,low,close\n" + both)
    ticks = read(path, timeframe="1h", zone=zone).ticks
    for symbol in "AB":
        own = [tick for tick in ticks if tick.symbol == symbol][::4]
        assert {b.ts_ns - a.ts_ns for a, b in itertools.pairwise(own)} == {3600 * 10**9}


def test_a_day_whose_midnight_the_clock_skipped_is_a_day(tmp_path: Path) -> None:
    """In Sao Paulo summer began at midnight: the bar of that date has a stamp that no clock showed."""
    rows = "".join(f"2018-11-0{day},10,12,9,11\n" for day in (3, 4, 5))
    path = written(tmp_path, "x.csv", "date,open,high,low,close\n" + rows)
    taken = read(path, timeframe="1d", zone="America/Sao_Paulo")
    assert (taken.count, taken.refused) == (12, [])
    hours = "".join(f"2018-11-04 0{hour}:00,10,12,9,11\n" for hour in (0, 1, 2))
    taken = read(written(tmp_path, "y.csv", "date,open,high,low,close\n" + hours), zone="America/Sao_Paulo")
    assert taken.reasons == ["the time does not exist: the clock of the zone went forward over it"]
