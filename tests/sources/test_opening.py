"""A path becomes a source: format detected or named, folders in order of time, columns guessed or given."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path
from typing import Any

import pytest

from mtf.errors import ConfigError, HostileFile, SourceError
from mtf.sources import FORMATS, Limits, Source, open_source
from mtf.sources.file_format import Format, FormatOptions, Plan
from mtf.sources.input_files import GLANCE_BYTES, InputFile, input_files_of
from mtf.sources.merge import MergedSource
from mtf.sources.natural import natural_key
from mtf.sources.opening import _plan as plan_of
from tests.sources.builders import brief, drain, read, written
from tests.sources.layouts import lean
from tests.sources.test_streams import zipped

ROW = "2014-05-01 00:00:00"
AT = 1_398_902_400


def first(path: Path, **options: Any) -> str:
    return brief(read(path, **options).ticks[0])


def test_column_given_by_a_name_with_a_comma(tmp_path: Path) -> None:
    """In one text, as on the command line: a comma that is not followed by `ROLE=` belongs to the name."""
    path = written(tmp_path, "X.csv", f'"Date, UTC","Bid, EUR","Ask","Last, if any"\n{ROW},1,2,3\n')
    assert first(path, columns="time=Date, UTC,bid=Bid, EUR,ask=Ask") == f"X {AT} 1.0/2.0 0.0x0.0"
    assert first(path, columns="time=Date, UTC, price=Last, if any") == f"X {AT} 3.0x0.0"
    with pytest.raises(ConfigError, match="unknown column role 'bdi'"):
        read(path, columns="time=Date, UTC,bdi=Bid, EUR")


def test_what_is_opened_is_a_source(tmp_path: Path) -> None:
    assert isinstance(open_source(written(tmp_path, "x.csv", f"time,bid,ask\n{ROW},1,2\n")), Source)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("timestamp,bid,ask", f"{ROW},1,2"),
        ("Time;Ask;Bid", f"{ROW};2;1"),
        ("Gmt time\tBid\tAsk", f"{ROW}\t1\t2"),
        ("date|time|bid price|ask price", "2014.05.01|00:00|1|2"),
        ("note,Bid_Price,AskPrice,ts_event", f'"a,b",1,2,{AT}000000000'),
        ('"time","bid","ask"', f'"{ROW}","1","2"'),
        ("symbol,time,bid,ask", f"X,{ROW},1,2"),
    ],
)
def test_columns_are_told_by_their_header(tmp_path: Path, header: str, row: str) -> None:
    assert first(written(tmp_path, "x.csv", f"{header}\n{row}\n")) == f"X {AT} 1.0/2.0 0.0x0.0"


@pytest.mark.parametrize(
    ("row", "tick"),
    [
        (f"{ROW},1.10,1.11", f"X {AT} 1.1/1.11 0.0x0.0"),
        (f"{ROW},1.11,1.10", f"X {AT} 1.1/1.11 0.0x0.0"),
        (f"{ROW},1.10,1.11,5,6", f"X {AT} 1.1/1.11 5.0x6.0"),
        (f"{AT},500,0.25", f"X {AT} 500.0x0.25"),
        (f"{AT},500", f"X {AT} 500.0x0.0"),
        ("2014-05-01,00:00,1,3,0.5,2,9\n2014-05-01,00:01,1,3,0.5,2,9", f"X {AT + 59}.999999996 1.0x0.0 b"),
    ],
)
def test_without_a_header_columns_are_told_by_what_is_in_them(tmp_path: Path, row: str, tick: str) -> None:
    assert first(written(tmp_path, "x.csv", row + "\n")) == tick


def test_columns_may_be_named_numbered_or_listed(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", f"when,a,b,c\n{ROW},9,1,2\n")
    for columns in (
        {"time": "when", "bid": "b", "ask": 3},
        "time,_,bid,ask",
        ["time", "", "bid", "ask"],
        "time=when,bid=b,ask=3",
    ):
        assert first(path, columns=columns) == f"X {AT} 1.0/2.0 0.0x0.0"


def test_header_can_be_said_to_be_or_not_to_be(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", f"1,2,3\n{ROW},1,2\n")
    taken = read(path, header=True, columns="time,bid,ask")
    assert (taken.count, taken.refused) == (1, [])
    taken = read(path, header=False, columns="time,bid,ask", time_format="ymd")
    assert (taken.count, taken.lines) == (1, [1])


@pytest.mark.parametrize(
    ("cell", "time_format"),
    [
        (f"{AT}", None),
        (f"{AT}.0", None),
        (f"{AT}000", None),
        (f"{AT}000000", None),
        (f"{AT}000000000", None),
        ("20140501", None),
        ("20140501000000", None),
        ("20140501 000000000", None),
        ("01.05.2014 00:00:00.000", None),
        ("01/05/2014 00:00", "dmy"),
        ("05/01/2014 00:00", "mdy"),
        ("5/1/14 00:00", "mdy"),
        (f"{AT * 1000}", "ms"),
    ],
)
def test_time_format_is_told_or_given(tmp_path: Path, cell: str, time_format: str | None) -> None:
    path = written(tmp_path, "x.csv", f"time,bid,ask\n{cell},1,2\n")
    assert first(path, time_format=time_format) == f"X {AT} 1.0/2.0 0.0x0.0"


def test_a_day_past_the_twelfth_settles_which_comes_first(tmp_path: Path) -> None:
    for cells in (["01/05/2014", "13/05/2014"], ["05/01/2014", "05/13/2014"]):
        rows = "".join(f"{cell},1,2\n" for cell in cells)
        assert first(written(tmp_path, "x.csv", f"time,bid,ask\n{rows}")) == f"X {AT} 1.0/2.0 0.0x0.0"


def test_naive_times_are_in_the_zone_that_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", f"time,bid,ask\n{ROW},1,2\n")
    assert first(path, zone="America/New_York").startswith(f"X {AT + 4 * 3600} ")
    assert first(path, zone="UTC-05:00").startswith(f"X {AT + 5 * 3600} ")


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("time,bid,ask\n01/02/2014,1,2\n", {}, "does the day or the month come first"),
        ("time,bid,ask\n24-01-25,1,2\n", {}, "does the day or the year come first"),
        ("time,bid,ask\n10:00:00,1,2\n", {}, "a time of day, and no column has dates"),
        ("time,open,high,low,close\n2014-05-01,1,1,1,1\n", {}, "give timeframe='1m'"),
        ("time,foo,bar\n2014-05-01,1,1\n", {}, "no column is a price"),
        ("when,bid,ask\n2014-05-01,1,1\n", {}, "no column is the time"),
        ("when,open,high,low,close\n2014-05-01,1,1,1,1\n", {}, "no column is the time"),
        ("2014-05-01,1,1,7,a\n", {}, "there is no header"),
        ("time,bid,ask\nsoon,1,1\n", {}, "cannot be read as a time"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"zone": "Nowhere"}, "unknown time zone"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"time_format": "iso8601"}, "time_format must be one of"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"columns": {"time": "date", "bid": 1}}, "no column 'date'"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"columns": {"time": 0, "bid": 7}}, "no column 7"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"columns": {"time": 0, "bit": 1}}, "unknown column role 'bit'"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"kind": "candles"}, "got 'candles'"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"kind": "trades"}, "no column is the price"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"format": "cvs"}, "unknown format 'cvs'"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"stamp": "end"}, "'open' or 'close'"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"side": "both"}, "side must be one of"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"point": 0.02}, "must be a power of ten"),
        ("time,bid,ask\n2014-05-01,1,1\n", {"delimiter": ",,"}, "invalid delimiter"),
    ],
)
def test_what_has_to_be_said_first_is_asked_for(
    tmp_path: Path, content: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        read(written(tmp_path, "x.csv", content), **options)


def test_malformed_rows_at_the_start_do_not_hide_what_the_others_are(tmp_path: Path) -> None:
    """The first time is not one, and a lone carriage return is not a line break."""
    content = f"time,bid,ask\nsoon,1,2\na\rb,1,2\n{ROW},1,2\n13.05.2014,1,2\n"
    taken = read(written(tmp_path, "x.csv", content))
    assert (taken.count, taken.lines) == (1, [2, 3, 5])


def test_content_that_no_format_knows_is_told_with_the_formats(tmp_path: Path) -> None:
    for content in (b"hello world\n", bytes(range(256)), b"{}", b"\x00" * 100, b"Lorem, ipsum\ndolor, sit\n"):
        with pytest.raises(SourceError, match="name one of parquet, arrow, lean"):
            open_source(written(tmp_path, "x.csv", content))


def test_synthetic_market_is_opened_by_name() -> None:
    assert open_source("synthetic").identity()["events"] == 1_000_000
    source = open_source("synthetic:seed=3,symbols=A+B,start=2024-05-01,end=2024-05-02,pace_ms=50", name="made")
    assert source.identity() == {
        "name": "made",
        "format": ["synthetic"],
        "version": 1,
        "seed": 3,
        "symbols": ["A", "B"],
        "start": "2024-05-01",
        "end": "2024-05-02",
        "events": None,
        "pace_ms": 50,
    }
    with pytest.raises(ConfigError, match="unknown synthetic option"):
        open_source("synthetic:sede=3")


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        open_source(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("EURUSD.csv", "EURUSD"),
        ("eur_usd_ticks_2014.csv.gz", "EURUSD"),
        ("GBPUSDh1.csv", "GBPUSD"),
        ("usdjpy-ticks.csv", "USDJPY"),
        ("kraken_BCHEUR_q2.csv", "BCHEUR"),
        ("BTCUSDT-trades-2021.csv", "BTCUSDT"),
        ("XBT-USD.csv", "XBTUSD"),
        ("spy.csv.gz", "SPY"),
        ("my data.csv", "MY DATA"),
    ],
)
def test_symbol_is_told_by_the_name(tmp_path: Path, name: str, symbol: str) -> None:
    content = f"time,bid,ask\n{ROW},1,2\n".encode()
    path = written(tmp_path, name, gzip.compress(content) if name.endswith("gz") else content)
    assert read(path).symbols.names == [symbol]


def test_folder_is_read_in_order_of_time(tmp_path: Path) -> None:
    """By the first row of each file, whatever their names and packing; hidden files are skipped."""
    written(tmp_path, "d/a/late.csv", "time,bid,ask\n2014-05-03,3,3\n")
    written(tmp_path, "d/b.csv.gz", gzip.compress(b"time,bid,ask\nx,1,1\n2014-05-01,1,1\n"))
    written(tmp_path, "d/c.csv", "time;ask;bid\n02.05.2014 01:00;2;2\n")
    written(tmp_path, "d/.hidden.csv", "time,bid,ask\n2014-05-09,9,9\n")
    written(tmp_path, "d/empty.csv", "")
    taken = read(tmp_path / "d", symbol="X", pattern="*")
    assert [tick.bid for tick in taken.ticks] == [1.0, 2.0, 3.0]


def test_files_of_a_folder_that_no_format_takes_are_named(tmp_path: Path) -> None:
    written(tmp_path, "d/x.csv", "time,bid,ask\n2014-05-03,3,3\n")
    written(tmp_path, "d/README.md", "# About\n\nSome words.\n")
    source = open_source(tmp_path / "d", symbol="X")
    assert source.identity()["skipped"] == ["README.md"]


def test_same_market_told_twice_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "d/ticks.csv", "time,bid,ask\n2014-05-03,3,3\n")
    written(tmp_path, "d/bars.csv", "time,open,high,low,close\n2014-05-03,3,3,3,3\n2014-05-04,3,3,3,3\n")
    with pytest.raises(ConfigError, match="has bars 1d and quotes of X: choose one with"):
        open_source(tmp_path / "d", symbol="X")
    assert read(tmp_path / "d", symbol="X", pattern="t*.csv").count == 1


def test_empty_folder_is_a_source_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path).count == 0


def test_hidden_files_and_linked_folders_are_passed_over_and_linked_files_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for name in ("B.csv", "sub/A.csv", ".hidden.csv", ".git/C.csv"):
        written(folder, name, f"time,bid,ask\n{ROW},1,2\n")
    elsewhere = written(tmp_path, "elsewhere/E.csv", f"time,bid,ask\n{ROW},1,2\n")
    (folder / "D.csv").symlink_to(elsewhere)
    (folder / "all").symlink_to(elsewhere.parent)
    (folder / "F.csv").symlink_to(tmp_path / "missing.csv")
    found = [part.name for part in input_files_of(folder, Limits())]
    assert found == sorted(["B.csv", "D.csv", "sub/A.csv"], key=natural_key)


def test_a_file_of_a_folder_is_opened_once_if_its_path_says_how_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first bytes tell what it is, a zip file or a table in columns, and nothing else of it is needed."""
    for hour in range(5):
        written(tmp_path, f"EURUSD/2024/02/06/{hour:02}h_ticks.bi5", b"")
    opened: list[str] = []
    plainly = Path.open

    def noted(path: Path, *given: Any, **more: Any) -> Any:
        opened.append(path.name)
        return plainly(path, *given, **more)

    monkeypatch.setattr(Path, "open", noted)
    open_source(tmp_path / "EURUSD")
    assert sorted(opened) == [f"{hour:02}h_ticks.bi5" for hour in range(5)]


def test_a_file_whose_path_says_how_it_is_read_is_planned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if its layout is unlike that of any other, as each of these has a day of its own."""
    for day in range(3, 8):
        lean(
            tmp_path,
            f"crypto/coinbase/minute/btcusd/2024030{day}_trade.zip",
            {f"2024030{day}_btcusd_minute_trade.csv": "0,1,2,1,2,5\n"},
        )
    planned: list[str] = []

    def noted(found: Format, part: InputFile, options: FormatOptions) -> Plan:
        planned.append(part.path.name)
        return plan_of(found, part, options)

    monkeypatch.setattr("mtf.sources.opening._plan", noted)
    assert len(read(tmp_path / "crypto").ticks) == 5 * 4
    assert planned == [f"2024030{day}_trade.zip" for day in range(3, 8)]


def test_folder_with_too_many_files_is_refused(tmp_path: Path) -> None:
    for i in range(4):
        written(tmp_path, f"d/{i}.csv", "time,bid,ask\n2014-05-03,3,3\n")
    with pytest.raises(HostileFile, match=r"raise Limits\.members"):
        open_source(tmp_path / "d", symbol="X", limits=Limits(members=3))


def test_natural_order_counts_numbers_as_numbers() -> None:
    names = ["b", "a10", "a9", "a", "a09", "2", "10"]
    assert sorted(names, key=natural_key) == ["2", "10", "a", "a09", "a9", "a10", "b"]


def test_formats_have_names_of_their_own_and_say_what_they_are() -> None:
    names = [each.name for each in FORMATS]
    assert len(set(names)) == len(names)
    assert all(each.description for each in FORMATS)


def test_a_symbol_that_is_said_names_all_rows(tmp_path: Path) -> None:
    """Whatever a column calls it, as long as it is one."""
    path = written(tmp_path, "x.csv", f"time,symbol,bid,ask\n{ROW},a,1,2\n{ROW},a,1,2\n")
    ticks = read(path, symbol="B").ticks
    assert [tick.symbol for tick in ticks] == ["B", "B"]


def test_several_symbols_are_never_made_one(tmp_path: Path) -> None:
    """Bars of two markets under one name are worse than none; the row is named."""
    path = written(tmp_path, "x.csv", f"time,symbol,bid,ask\n{ROW},a,1,2\n{ROW},b,1,2\n")
    with pytest.raises(SourceError, match=r"x\.csv:3: the symbol is 'b' here and 'a' before") as raised:
        read(path, symbol="B")
    assert raised.value.line == 3


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    """It says nothing, not even that there were no ticks."""
    with pytest.raises(SourceError, match=r"x\.csv: empty file"):
        open_source(written(tmp_path, "x.csv", ""))


@pytest.mark.parametrize("sizes", ["1,1", "0.5,1.0", "0,0", "3,3", "1000000,1000000"])
def test_quotes_with_the_same_sizes_throughout_are_no_bars(tmp_path: Path, sizes: str) -> None:
    """1.0850,1.0851,1,1 could be open, high, low and close: but the next row opens far from that close."""
    lines = [
        f"2014-05-01 00:00:{second:02},{1.085 + second % 9 / 1e5:.5f},{1.0851 + second % 9 / 1e5:.5f},{sizes}"
        for second in range(40)
    ]
    tick = read(written(tmp_path, "x.csv", "\n".join(lines) + "\n")).ticks[1]
    assert (tick.bid, tick.ask, tick.from_bar) == (1.08501, 1.08511, False)
    assert [tick.bid_size, tick.ask_size] == [float(size) for size in sizes.split(",")]


def test_bars_without_a_header_are_bars(tmp_path: Path) -> None:
    """Each opens about where the one before closed, gaps, flat ones and all."""
    closes = [100.0, 100.5, 100.5, 103.0, 102.0, 102.0, 101.0]
    lines = [
        f"2014-05-0{day + 1},{before},{max(before, after) + 0.5},{min(before, after) - 0.25},{after}"
        for day, (before, after) in enumerate(itertools.pairwise(closes))
    ]
    assert all(tick.from_bar for tick in read(written(tmp_path, "x.csv", "\n".join(lines) + "\n")).ticks)


@pytest.mark.parametrize("torn", [f"{AT + 9},1.1", "garbage", "9.1,1.2,x", ",,,,,"])
def test_a_broken_first_row_does_not_say_what_the_others_are(tmp_path: Path, torn: str) -> None:
    """The tail of a file often begins in the middle of a row: it is one malformed row."""
    lines = [torn, *(f"{AT + second},1.1,1.2" for second in range(10, 20))]
    taken = read(written(tmp_path, "x.csv", "\n".join(lines) + "\n"))
    assert taken.count == 10
    assert taken.lines == [1]


def test_an_empty_id_is_none(tmp_path: Path) -> None:
    """Or every quote after the first would be its duplicate."""
    path = written(tmp_path, "x.csv", f"time,id,bid,ask\n{ROW},,1,2\n{ROW},7,1,2\n")
    assert read(path).heap == b"\x01\x00X" + b"\x01\x007"  # the name at the first row, an id at the second


def test_milliseconds_of_a_day_are_not_taken_for_1970(tmp_path: Path) -> None:
    """Some vendors' files have the day in their name only: better asked than half a century off."""
    path = written(tmp_path, "x.csv", "34200000,1.1,1.2\n34200500,1.1,1.2\n")
    with pytest.raises(ConfigError, match="is before 1974"):
        open_source(path)
    assert read(path, time_format="s", columns="time,bid,ask").count == 2


@pytest.mark.parametrize(("name", "symbol"), [("trades-eur-2013.csv", "BTCEUR"), ("trades-2013.csv", "BTCUSD")])
def test_mt_gox_was_paid_in_what_the_name_says(tmp_path: Path, name: str, symbol: str) -> None:
    """Bitcoin, always; in dollars unless the file says otherwise."""
    path = written(tmp_path, name, "id,price,amount,type\n1357000000000000,13.5,1,buy\n")
    assert read(path).symbols.names == [symbol]


def quotes(*seconds: int, symbol: str = "") -> str:
    column, cell = (",symbol", f",{symbol}") if symbol else ("", "")
    return f"time{column},bid,ask\n" + "".join(f"{AT + second}{cell},1,2\n" for second in seconds)


def labels(source: Source) -> list[str]:
    assert isinstance(source, MergedSource), "a folder is merged"
    return [(part.key or "").partition("\0")[2] for part in source.parts]


def test_a_folder_is_merged_by_symbol(tmp_path: Path) -> None:
    """Days of one symbol follow each other; the name says it or a column does, and a file of several stands alone."""
    written(tmp_path, "d/EURUSD-2014-05-02.csv", quotes(100, 110))
    written(tmp_path, "d/EURUSD-2014-05-01.csv", quotes(0, 10))
    written(tmp_path, "d/other.csv", quotes(5, 105, symbol="GBPUSD"))
    written(tmp_path, "d/all.csv", "time,symbol,bid,ask\n" + f"{AT + 7},AAA,1,2\n{AT + 108},BBB,1,2\n")
    source = open_source(tmp_path / "d")
    assert labels(source) == ["EURUSD", "/all.csv", "GBPUSD"]
    taken = drain(source)
    assert [(tick.symbol, tick.ts_ns // 10**9 - AT) for tick in taken.ticks] == [
        *[("EURUSD", 0), ("GBPUSD", 5), ("AAA", 7), ("EURUSD", 10)],
        *[("EURUSD", 100), ("GBPUSD", 105), ("BBB", 108), ("EURUSD", 110)],
    ]


def test_an_archive_of_several_symbols_is_merged_too(tmp_path: Path) -> None:
    members = [("EURUSD.csv", quotes(0, 2).encode()), ("GBPUSD.csv", quotes(1, 3).encode())]
    taken = read(written(tmp_path, "fx.zip", zipped(*members)))
    assert [tick.symbol for tick in taken.ticks] == ["EURUSD", "GBPUSD", "EURUSD", "GBPUSD"]


@pytest.mark.parametrize(
    ("other", "options"),
    [
        ("time,ask,bid\n" + "".join(f"{AT + n},2,1\n" for n in range(60)), {}),  # the columns are in another order
        ("time,bid,ask\n" + "".join(f"2014-05-01 00:00:{n:02},1,2\n" for n in range(60)), {}),  # times are
        ("time,bid,ask\n" + "".join(f"{AT + n}000,1,2\n" for n in range(60)), {}),  # their unit is
        ("time;bid;ask\n" + "".join(f"{AT + n};1,0;2,0\n" for n in range(60)), {}),  # written elsewhere
        (f"a title\n{quotes(*range(60))}", {}),
        (quotes(*range(60)), {}),
    ],
)
def test_a_file_is_not_read_as_another_that_it_only_stands_beside(
    tmp_path: Path, other: str, options: dict[str, Any]
) -> None:
    """A short look at it has to find what a long look found in the other."""
    written(tmp_path, "d/AUDUSD.csv", quotes(*range(60)))
    written(tmp_path, "d/EURUSD.csv", other)
    alone = read(written(tmp_path, "EURUSD.csv", other), **options)
    both = read(tmp_path / "d", **options)
    assert [brief(tick) for tick in both.ticks if tick.symbol == "EURUSD"] == [brief(tick) for tick in alone.ticks]
    assert alone.count == 60


def test_a_file_that_is_newest_first_is_not_taken_to_begin_with_its_newest_row(tmp_path: Path) -> None:
    """Of several symbols, so that it is read beside the others."""
    for name, seconds in (("one", (0, 10, 20)), ("two", (5, 15, 25))):
        rows = [f"{AT + second},{name[:1].upper() * 3}{second % 2},1,2\n" for second in seconds]
        written(tmp_path, f"d/{name}.csv", "time,symbol,bid,ask\n" + "".join(reversed(rows)))
    taken = read(tmp_path / "d", reverse=True)
    assert [tick.ts_ns // 10**9 - AT for tick in taken.ticks] == [0, 5, 10, 15, 20, 25]


def test_files_that_look_alike_are_read_however_their_lines_end(tmp_path: Path) -> None:
    """A short look at a file does not say that a carriage return alone ends its lines."""
    for number, end in enumerate(("\n", "\r", "\r\n", "\r")):
        written(tmp_path, f"d/{'ABCD'[number]}USD.csv", quotes(*range(200)).replace("\n", end))
    assert len(read(tmp_path / "d").ticks) == 800


def test_many_files_that_look_alike_are_looked_at_for_a_moment_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one of a thousand a long look is taken."""
    looks: list[int] = []

    def lines(part: InputFile) -> list[str]:
        looks.append(len(part.head))
        return part.head.decode().split("\n")[:-1]

    for number in range(20):
        written(tmp_path, f"d/{number:02}USD.csv", quotes(*range(200)))
    monkeypatch.setattr(InputFile, "lines", property(lines))
    assert len(labels(open_source(tmp_path / "d"))) == 20
    assert sorted(set(looks)) == [GLANCE_BYTES, len(quotes(*range(200)))]
    assert sum(1 for size in looks if size > GLANCE_BYTES) < 20
