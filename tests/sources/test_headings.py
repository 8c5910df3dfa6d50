"""What a column means: by its name, beside the others, or asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.errors import ConfigError, OptionNeeded
from mtf.events.tick import Tick
from tests.sources.builders import brief, read, written
from tests.sources.test_look import notes_of


def bar(folder: Path, header: str, row: str, name: str = "X.csv", **options: object) -> tuple[float | None, ...]:
    """Open, high, low, close and volume of a file with one bar of a day."""
    path = written(folder, name, f"{header}\n{row}\n")
    ticks: list[Tick] = read(path, timeframe="1d", **options).ticks  # type: ignore[arg-type]
    return (*(tick.price for tick in ticks), ticks[-1].size)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Date,Open,High,Low,Last,Volume", "2024-03-06,10,12,9,11,7"),
        ('"Date","Price","Open","High","Low","Vol.","Change %"', '"03/16/2024","11","10","12","9","0.007K","1%"'),
        ("Date,Close/Last,Volume,Open,High,Low", "03/16/2024,$11,7,$10,$12,$9"),
        ("Date, Open, High, Low, Last, Volume, Bid Volume, Ask Volume", "2024-03-06, 10, 12, 9, 11, 7, 3, 4"),
        ("Date,Open,High,Low,Settle,Volume", "2024-03-06,10,12,9,11,7"),
        ("Date,Open,High,Low,Close,Adj Close,Volume", "2024-03-06,10,12,9,11,5,7"),
        ("time,1. open,2. high,3. low,4. close,5. volume", "2024-03-06,10,12,9,11,7"),
        ("Date,Open (USD),High (USD),Low (USD),Close (USD),Volume", "2024-03-06,10,12,9,11,7"),
        ("Date,Open_AAPL,High_AAPL,Low_AAPL,Close_AAPL,Volume_AAPL", "2024-03-06,10,12,9,11,7"),
        (",Open,High,Low,Close,Volume", "2024-03-06,10,12,9,11,7"),
        ("Unnamed: 0,Open,High,Low,Close,Volume", "20240306,10,12,9,11,7"),
        ("[Date],[Open],[High],[Low],[Close],[Vol]", "20240306,10,12,9,11,7"),
    ],
)
def test_bars_are_found_by_what_their_columns_are_called(tmp_path: Path, header: str, row: str) -> None:
    """The last price beside open, high and low is the close; an adjusted close is not."""
    assert bar(tmp_path, header, row) == (10, 12, 9, 11, 7)


def test_a_close_that_nobody_can_name_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "Date,Open,High,Low,Adj Close\n2024-03-06,10,12,9,11\n")
    with pytest.raises(OptionNeeded, match=r"no column is the close of the bars: name it with columns='close=NAME'"):
        read(path, timeframe="1d")
    assert read(path, timeframe="1d", columns={"close": "Adj Close"}).ticks[3].price == 11


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Date,Open,High,Low,Close,Up,Down", "2024-03-06,10,12,9,11,3,4"),
        ("Date,Open,High,Low,Close,Bid Volume,Ask Volume", "2024-03-06,10,12,9,11,3,4"),
        ("Date,Open,High,Low,Close,UpVol,DownVol", "2024-03-06,10,12,9,11,3,4"),
        ("Date,Open,High,Low,Close,Buy Volume,Sell Volume", "2024-03-06,10,12,9,11,3,4"),
        ("Date,Open,High,Low,Close,Bid Volume,Ask Volume,Volume", "2024-03-06,10,12,9,11,1,2,7"),
        ("date,symbol,open,high,low,close,Volume BTC,Volume USD", "2024-03-06,BTC/USD,10,12,9,11,7,77"),
        ("date,symbol,open,high,low,close,Volume USDT,Volume BTC", "2024-03-06,BTC/USDT,10,12,9,11,77,7"),
        ("Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency)", "1709683200,10,12,9,11,7,77"),
        ("open_time,open,high,low,close,volume,quote_volume,taker_buy_volume", "1709683200000,10,12,9,11,7,77,3"),
    ],
)
def test_the_volume_is_of_what_was_traded_all_of_it(tmp_path: Path, header: str, row: str) -> None:
    """Two halves are added if there is no whole; what was paid is not the volume."""
    assert bar(tmp_path, header, row)[4] == 7


def test_an_unnamed_first_column_of_numbers_is_no_time(tmp_path: Path) -> None:
    """A data frame's index counts rows; the date stands beside it."""
    assert bar(tmp_path, ",date,open,high,low,close", "0,2024-03-06,10,12,9,11") == (10, 12, 9, 11, 0)


def test_a_column_of_dates_with_another_name_is_not_taken_for_the_time(tmp_path: Path) -> None:
    """An option's expiry is a date too."""
    path = written(tmp_path, "x.csv", "expiry,bid,ask\n2024-03-06,1,2\n")
    with pytest.raises(OptionNeeded, match="no column is the time: name it with columns='time=NAME'"):
        read(path)
    assert read(path, columns="time=expiry").count == 1


def test_a_column_that_is_named_leaves_the_others_to_their_names(tmp_path: Path) -> None:
    """Who is asked for one column does not have to name all of them."""
    path = written(tmp_path, "x.csv", "date,open,high,low,close,volume,Name\n2024-03-06,10,12,9,11,7,AAL\n")
    assert brief(read(path, timeframe="1d", columns="symbol=Name").ticks[3]).startswith("AAL ")


def test_columns_of_one_name_are_asked_about_unless_they_are_equal(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask,ask\n2024-03-06,1,2,3\n")
    with pytest.raises(OptionNeeded, match="columns 2 and 3 are both called 'ask'"):
        read(path)
    assert read(path, columns="ask=3").ticks[0].ask == 3
    assert read(written(tmp_path, "x.csv", "time,bid,ask,ask\n2024-03-06,1,2,2\n")).ticks[0].ask == 2


def test_bars_of_several_markets_side_by_side_are_asked_about(tmp_path: Path) -> None:
    names = [f"{price}_{symbol}" for symbol in "AB" for price in ("Open", "High", "Low", "Close")]
    path = written(tmp_path, "x.csv", f"Date,{','.join(names)}\n2024-03-06,1,1,1,1,2,2,2,2\n")
    with pytest.raises(OptionNeeded, match="2 markets side by side, with their open in columns 1, 5"):
        read(path, timeframe="1d")


def test_the_same_id_again_and_again_is_no_trade_id(tmp_path: Path) -> None:
    """A market's number, or a venue's: as an id it would make every trade a duplicate of the first."""
    path = written(
        tmp_path, "x.csv", "time,id,price,size\n" + "".join(f"2024-03-0{d},7,1.{d},1\n" for d in range(1, 4))
    )
    taken = read(path)
    assert (taken.count, taken.heap) == (3, b"\x01\x00X")
    assert notes_of(path) == [f"{path}: column 'id' has the same value in many rows: it is not read as a trade's id"]
    assert read(path, columns="time=time,id=id,price=price,size=size").heap.count(b"7") == 3


def test_ids_that_come_again_with_their_rows_are_ids(tmp_path: Path) -> None:
    """A venue that sends each trade twice: the second one is a duplicate."""
    rows = "".join(f"2024-03-0{day},{day},1.{day},1\n" * 2 for day in range(1, 4))
    assert read(written(tmp_path, "x.csv", "time,id,price,size\n" + rows)).heap.count(b"\x01\x00") == 7


@pytest.mark.parametrize(("header", "unused"), [("volume", "'volume'"), ("last,volume", "'volume', 'last'")])
def test_what_stands_beside_bid_and_ask_and_is_not_used_is_named(tmp_path: Path, header: str, unused: str) -> None:
    more = ",3" * (header.count(",") + 1)
    path = written(tmp_path, "x.csv", f"time,bid,ask,{header}\n2024-03-06,1,2{more}\n")
    assert notes_of(path) == [f"{path}: not used beside bid and ask: {unused}"]


NAMES = ["AAL", "AAPL", "MSFT"]
ALL = "date,open,high,low,close,volume,Name\n"


def test_a_column_of_words_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    """Three markets would become one."""
    rows = "".join(f"2024-03-0{day},10,12,9,11,7,{name}\n" for name in NAMES for day in range(1, 6))
    path = written(tmp_path, "all.csv", ALL + rows)
    with pytest.raises(OptionNeeded, match=r"column 'Name' has 'AAPL' and 'AAL': .* give columns='symbol=Name'; .*"):
        read(path)
    assert read(path, columns="symbol=Name").symbols.names == NAMES
    assert read(path, symbol="ALL").symbols.names == ["ALL"]


def test_a_second_market_far_down_a_file_is_found_when_it_comes(tmp_path: Path) -> None:
    """The first one has more rows than are looked at: the run stops at the row, rather than mix them."""
    day = "2024-03-06 {:02}:{:02}:{:02},1.1,1.2,{}\n"
    rows = "".join(day.format(i // 3600, i // 60 % 60, i % 60, "AAL" if i < 4_000 else "AAPL") for i in range(4_010))
    path = written(tmp_path, "x.csv", "time,bid,ask,Name\n" + rows)
    with pytest.raises(OptionNeeded, match=r"x\.csv:4002: column 'Name' has 'AAPL' and 'AAL'"):
        read(path)
    assert read(path, columns="symbol=Name").symbols.names == ["AAL", "AAPL"]


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("side", ("buy", "sell")),
        ("whatever", ("B", "S")),
        ("exchange", ("N", "Q", "P")),
        ("cond", ("@F", "@", "@FT")),
        ("whatever", ("true", "false")),
        ("trade ref", ("no 8f3e-1a!", "no 77aa-9c!", "no 1b2c-3d!")),
    ],
)
def test_words_that_tell_no_markets_apart_are_passed_over(tmp_path: Path, heading: str, words: tuple[str, ...]) -> None:
    """Sides, venues, conditions, and what is different in every row."""
    rows = "".join(f"2024-03-06 10:00:0{i},1.1,1,{words[i % len(words)]}\n" for i in range(3))
    assert read(written(tmp_path, "x.csv", f"time,price,size,{heading}\n{rows}")).count == 3


def test_one_day_of_many_markets_is_asked_about_too(tmp_path: Path) -> None:
    """Each name once, but names they are."""
    rows = "".join(f"2024-03-06,10,12,9,11,7,{name}\n" for name in NAMES)
    with pytest.raises(OptionNeeded, match="column 'Name'"):
        read(written(tmp_path, "all.csv", ALL + rows), timeframe="1d")


@pytest.mark.parametrize(
    ("heading", "values"),
    [("code", ("600000", "600001")), ("exchange", ("N", "Q")), ("expiry", ("2024-06", "2024-09"))],
)
@pytest.mark.parametrize("by_time", [True, False])
def test_rows_whose_times_go_on_by_the_values_of_a_column_are_of_several_markets(
    tmp_path: Path, heading: str, values: tuple[str, str], by_time: bool
) -> None:
    """Numbers, venues and months of delivery too: two bars of one minute are not of one market."""
    rows = [f"2024-03-06 10:0{minute}:00,10,12,9,11,7,{value}\n" for minute in range(5) for value in values]
    rows.sort(key=lambda row: row if by_time else row.split(",")[-1])
    path = written(tmp_path, "x.csv", f"time,open,high,low,close,volume,{heading}\n" + "".join(rows))
    with pytest.raises(OptionNeeded, match=f"column '{heading}' has .* columns='symbol={heading}'"):
        read(path)
    assert len(read(path, columns={"symbol": heading}).symbols.names) == 2


def test_trades_of_one_market_at_several_venues_stay_together(tmp_path: Path) -> None:
    """Each venue's are in order, all of them are not: that is what a reorder window is for."""
    rows = "".join(f"2024-03-06 10:00:{second:02},1.1,1,{venue}\n" for venue in "NQ" for second in range(5))
    assert read(written(tmp_path, "x.csv", f"time,price,size,exchange\n{rows}")).count == 10


def test_values_that_come_again_in_order_of_time_are_no_markets(tmp_path: Path) -> None:
    """A spread, a count of trades, a session's number."""
    rows = "".join(f"2024-03-06 10:0{i}:00,10,12,9,11,7,{i // 3}\n" for i in range(9))
    assert read(written(tmp_path, "x.csv", f"time,open,high,low,close,volume,session id\n{rows}")).count == 36


@pytest.mark.parametrize(
    ("rows", "prices"),
    [
        ("2024-03-06;1,0850;1,0851", (1.085, 1.0851)),
        ("2024-03-06;1.085,25;1.085,50", (1085.25, 1085.5)),
        ('2024-03-06;"1,085.25";"1,085.50"', (1085.25, 1085.5)),
        ("2024-03-06;1 085,25;1 085,50", (1085.25, 1085.5)),
        ("2024-03-06;1'085.25;1'085.50", (1085.25, 1085.5)),
        ("2024-03-06;151.123;151.125", (151.123, 151.125)),
        ("2024-03-06;1085;1086", (1085.0, 1086.0)),
        ("2024-03-06;1,5;1,25", (1.5, 1.25)),
        ("2024-03-06;0,125;0,126", (0.125, 0.126)),
        ("2024-03-06;12345,678;12345,679", (12345.678, 12345.679)),
    ],
)
def test_numbers_are_read_as_most_of_them_are_written(tmp_path: Path, rows: str, prices: tuple[float, float]) -> None:
    tick = read(written(tmp_path, "x.csv", f"time;bid;ask\n{rows}\n")).ticks[0]
    assert (tick.bid, tick.ask) == prices


def test_a_comma_that_could_be_either_is_asked_about(tmp_path: Path) -> None:
    """1,085 is more than a thousand, or little more than one."""
    path = written(tmp_path, "x.csv", "time;bid;ask\n2024-03-06;1,085;1,086\n")
    with pytest.raises(OptionNeeded, match=r"'1,08[56]': the comma could be a decimal comma .* with decimal=','"):
        read(path)
    assert read(path, decimal=",").ticks[0].bid == 1.085
    assert read(path, decimal=".").ticks[0].bid == 1085.0
    with pytest.raises(ConfigError, match=r"decimal must be '\.' or ','"):
        read(path, decimal=";")


def test_a_comma_that_comes_later_and_could_be_either_is_malformed(tmp_path: Path) -> None:
    """No number at the start of the file says what a comma means."""
    text = "time;bid;ask\n" + "2024-03-06;1085;1086\n" * 3_000 + "2024-03-06;1,085;1086\n2024-03-06;1,085.5;1086\n"
    taken = read(written(tmp_path, "x.csv", text))
    assert (taken.count, taken.lines) == (3_001, [3_002])
    assert taken.reasons == ["bid is 1,085, whose comma could be a decimal comma or a thousands separator"]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (("01/02/2024", "02/02/2024", "03/02/2024"), "does the day or the month come first"),
        (("1/2/24", "2/2/24"), "does the day or the month come first"),
        (("24-01-25", "24-01-26"), ""),
        (("25-01-24", "26-01-24"), ""),
        (("13/01/2024", "01/13/2024"), "does the day or the month come first"),
    ],
)
def test_dates_that_could_be_two_are_asked_about(tmp_path: Path, cells: tuple[str, ...], says: str) -> None:
    path = written(tmp_path, "x.csv", "time,bid,ask\n" + "".join(f"{cell},1,2\n" for cell in cells))
    if says:
        with pytest.raises(OptionNeeded, match=f"{says}.* time_format='dmy', or mdy"):
            read(path)
    else:
        assert [tick.ts_ns // 10**9 for tick in read(path).ticks] == [1_706_140_800, 1_706_227_200]
