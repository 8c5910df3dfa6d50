"""Frames and dicts of columns as sources: which things are tables, and what their cells mean."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mtf
from mtf.errors import ConfigError, MissingPackage, OptionNeeded, SourceError
from mtf.events.tick import Tick
from mtf.sources import in_memory, open_source
from mtf.sources.read_as import reading_text
from tests.sources.builders import Taken, drain

T: Final = 1_709_683_200_000_000_000  # 2024-03-06 00:00
MINUTE: Final = 60_000_000_000
FRAME: Final = pl.DataFrame(
    {
        "symbol": ["EURUSD", "GBPUSD", "EURUSD", "EURUSD"],
        "ts_ns": [T, T + 1, T + MINUTE, T + 2 * MINUTE],
        "bid": [1.1, 1.25, None, 1.3],
        "ask": [1.2, 1.5, 1.25, None],
        "bid_size": [1.0, 2.0, None, 3.0],
    }
)
TICKS: Final = [
    Tick("EURUSD", T, 1.1, 1.2, 1.0),
    Tick("GBPUSD", T + 1, 1.25, 1.5, 2.0),
    Tick("EURUSD", T + MINUTE, None, 1.25),
    Tick("EURUSD", T + 2 * MINUTE, 1.3, None, 3.0),
]


def read(thing: Any, **options: Any) -> list[Tick]:
    """The ticks of a table in which no row is malformed."""
    taken = drain(open_source(thing, **options))
    assert not taken.refused
    return taken.ticks


def stamps(values: Any, **options: Any) -> list[int]:
    """The times of trades at *values*."""
    prices = [100.0] * len(values)
    return [tick.ts_ns for tick in read({"time": values, "price": prices}, symbol="X", **options)]


FORMS: Final[dict[str, Callable[[], Any]]] = {
    "polars": lambda: FRAME,
    "polars, lazy": FRAME.lazy,
    "polars, several chunks": lambda: pl.concat([FRAME[:1], FRAME[1:3], FRAME[3:]], rechunk=False),
    "polars, sliced": lambda: pl.concat([FRAME, FRAME]).slice(4, 4),
    "polars, categories": lambda: FRAME.with_columns(pl.col("symbol").cast(pl.Categorical)),
    "polars, enumeration": lambda: FRAME.with_columns(pl.col("symbol").cast(pl.Enum(["GBPUSD", "EURUSD"]))),
    "polars, decimals": lambda: FRAME.with_columns(pl.col("bid", "ask").cast(pl.Decimal(18, 6))),
    "polars, texts": lambda: FRAME.with_columns(pl.col("bid", "ask", "ts_ns").cast(pl.String)),
    "polars, times": lambda: FRAME.with_columns(pl.from_epoch("ts_ns", time_unit="ns")),
    "pandas": FRAME.to_pandas,
    "pandas, index of times": lambda: times_of(FRAME).set_index("time"),
    "pandas, index without a name": lambda: times_of(FRAME).set_index("time").rename_axis(None),
    "pandas, two indices": lambda: times_of(FRAME).set_index(["symbol", "time"]),
    "pandas, categories": lambda: FRAME.to_pandas().astype({"symbol": "category"}),
    "pandas, nullable": lambda: FRAME.to_pandas().astype({"bid": "Float64", "ts_ns": "Int64", "symbol": "string"}),
    "pandas, arrow": lambda: FRAME.to_pandas(use_pyarrow_extension_array=True),
    "pandas, objects": lambda: FRAME.to_pandas().astype({"symbol": object, "bid": object}),
    "pyarrow": FRAME.to_arrow,
    "pyarrow, large texts": lambda: FRAME.to_arrow().cast(large(FRAME.to_arrow().schema)),
    "pyarrow, dictionary": lambda: FRAME.to_arrow().set_column(0, "symbol", coded(FRAME)),
    "pyarrow, sliced": lambda: pa.concat_tables([FRAME.to_arrow(), FRAME.to_arrow()]).slice(4, 4),
    "pyarrow, batch": lambda: FRAME.to_arrow().combine_chunks().to_batches()[0],
    "pyarrow, stream": lambda: FRAME.to_arrow().to_reader(),
    "duckdb": lambda: duckdb.from_arrow(FRAME.to_arrow()),
    "numpy": lambda: {name: FRAME[name].to_numpy() for name in FRAME.columns},
    "numpy, text": lambda: {**FORMS["numpy"](), "symbol": FRAME["symbol"].to_numpy().astype("U")},
    "numpy, strided": lambda: {name: np.repeat(FRAME[name].to_numpy(), 2)[::2] for name in FRAME.columns},
    "numpy, records": lambda: FRAME.to_pandas().astype({"symbol": object}).to_records(index=False),
    "lists": lambda: FRAME.to_dict(as_series=False),
    "series": FRAME.to_dict,
    "arrays of pyarrow": lambda: dict(zip(FRAME.columns, FRAME.to_arrow().columns, strict=True)),
}


def times_of(frame: pl.DataFrame) -> pd.DataFrame:
    """The frame as one of pandas, with times of that library."""
    return frame.with_columns(pl.from_epoch("ts_ns", time_unit="ns")).rename({"ts_ns": "time"}).to_pandas()


def large(schema: pa.Schema) -> pa.Schema:
    return pa.schema([(each.name, pa.large_string() if each.name == "symbol" else each.type) for each in schema])


def coded(frame: pl.DataFrame) -> Any:
    """The symbols as a dictionary with one that does not occur."""
    names = pa.array(["USDJPY", "EURUSD", "GBPUSD"])
    return pa.DictionaryArray.from_arrays(pa.array([1, 2, 1, 1], pa.int8()), names)


@pytest.mark.parametrize("form", FORMS)
def test_same_rows_are_same_ticks_whatever_holds_them(form: str) -> None:
    assert read(FORMS[form]()) == TICKS


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("form", ["polars", "pandas", "numpy", "lists"])
def test_table_of_few_rows_has_as_many_ticks(form: str, rows: int) -> None:
    whole = FORMS[form]()
    part = {name: values[:rows] for name, values in whole.items()} if isinstance(whole, dict) else whole[:rows]
    assert read(part) == TICKS[:rows]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int16", "uint8", "uint64"])
def test_numbers_of_any_type_are_what_they_are(dtype: str) -> None:
    """A float32 is widened as it is: 1.1 in it is not the 1.1 of a float64."""
    prices = np.array([1.1, 2.0, 100.0], dtype)
    times = [T, T + 1, T + 2]
    for table in ({"time": times, "price": prices}, pl.DataFrame({"time": times, "price": prices})):
        assert [tick.price for tick in read(table, symbol="X")] == [float(price) for price in prices]


def test_decimals_are_rounded_once() -> None:
    """Through text: a decimal of more digits than a float has would otherwise be rounded twice."""
    text = "1.00000000000000011102230246251566"
    exact = pa.array([decimal.Decimal(text)], pa.decimal128(38, 32))
    table = pa.table({"time": pa.array([T]), "price": exact})
    assert [tick.price for tick in read(table, symbol="X")] == [float(text)] == [1.0000000000000002]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_any_unit_are_the_same_instants(unit: str) -> None:
    want = [T, T + MINUTE]
    local = [datetime.datetime(2024, 3, 6), datetime.datetime(2024, 3, 6, 0, 1)]  # noqa: DTZ001 - which is the point
    for zone in (None, "UTC", "Europe/Athens", "+02:00"):
        array = (
            pa.array(local, pa.timestamp(unit)).cast(pa.timestamp(unit, zone))
            if zone
            else pa.array(local, pa.timestamp(unit))
        )
        table = pa.table({"time": array, "price": [100.0, 100.0]})
        assert [tick.ts_ns for tick in read(table, symbol="X")] == want, zone
    assert stamps(np.array(local, f"datetime64[{unit}]")) == want


def test_times_without_a_zone_are_in_the_one_asked_for_and_those_with_one_keep_theirs() -> None:
    naive = np.array(["2024-03-06T02:00", "2024-03-06T02:01"], "datetime64[s]")
    assert stamps(naive) == [T + 120 * MINUTE, T + 121 * MINUTE]
    assert stamps(naive, zone="Europe/Athens") == [T, T + MINUTE]
    aware = pd.Series(naive).dt.tz_localize("Europe/Athens")
    assert stamps(aware, zone="Asia/Tokyo") == [T, T + MINUTE]
    assert stamps(list(aware)) == [T, T + MINUTE]


def test_any_unit_of_numpy_is_read() -> None:
    assert stamps(np.array(["2024-03-06", "2024-03-07"], "datetime64[12h]")) == [T, T + 1440 * MINUTE]
    assert stamps(np.array(["2024-02-29", "2024-03-07"], "datetime64[W]")) == [T - 6 * 1440 * MINUTE, T + 1440 * MINUTE]


def test_hour_that_a_clock_has_twice_is_read_in_order() -> None:
    """As from CSV: the first of the two, unless that would be before the row above."""
    times = ["2024-10-27T03:30", "2024-10-27T03:45", "2024-10-27T03:15", "2024-10-27T04:00"]
    found = stamps(np.array(times, "datetime64[m]"), zone="Europe/Athens")
    assert [ns // MINUTE - found[0] // MINUTE for ns in found] == [0, 15, 45, 90]
    assert found == stamps(times, zone="Europe/Athens")


@pytest.mark.parametrize(
    "values",
    [
        [datetime.date(2024, 3, 6), datetime.date(2024, 3, 7)],
        ["2024-03-06", "2024-03-07"],
        [20240306, 20240307],
        [1709683200.0, 1709769600.0],
        [1709683200000.0, 1709769600000.0],
        [1709683200, 1709769600],
        np.array(["2024-03-06", "2024-03-07"], "datetime64[D]"),
        np.array([1709683200000, 1709769600000], "uint64"),
        np.array([1709683200, 1709769600], "int32"),
        pd.Series(pd.to_datetime(["2024-03-06", "2024-03-07"], utc=True)),
        pl.Series([datetime.date(2024, 3, 6), datetime.date(2024, 3, 7)]),
        (datetime.datetime(2024, 3, 6, tzinfo=datetime.UTC), "2024-03-07T00:00Z"),
    ],
    ids=str,
)
def test_times_are_known_by_their_type_or_their_digits(values: Any) -> None:
    day = 1440 * MINUTE
    assert stamps(values) == [T, T + day]
    if not isinstance(values, tuple):
        frame = pl.DataFrame({"time": values, "price": [1.0, 2.0]})
        assert [tick.ts_ns for tick in read(frame, symbol="X")] == [T, T + day]


def test_date_and_time_of_day_in_two_columns_are_one_time() -> None:
    clock = [datetime.time(10, 0), datetime.time(10, 0, 0, 250_000)]
    frame = pl.DataFrame({"date": [datetime.date(2024, 3, 6)] * 2, "time": clock, "price": [1.0, 2.0]})
    want = [T + 600 * MINUTE, T + 600 * MINUTE + 250_000_000]
    assert [tick.ts_ns for tick in read(frame, symbol="X")] == want
    assert [tick.ts_ns for tick in read(frame.to_dict(as_series=False), symbol="X")] == want


def test_nan_is_missing_where_a_library_has_no_null_and_a_bad_price_where_it_has() -> None:
    """So a frame of pandas is read as its `to_csv` would be, and one of polars as its `write_csv`."""
    columns = {"time": [T], "bid": [math.nan], "ask": [1.5]}
    assert read(pd.DataFrame(columns), symbol="X") == [Tick("X", T, None, 1.5)]
    assert read({name: np.array(values) for name, values in columns.items()}, symbol="X") == [Tick("X", T, None, 1.5)]
    bid = read(pl.DataFrame(columns), symbol="X")[0].bid
    assert bid is not None
    assert math.isnan(bid)


def test_empty_side_means_unchanged_also_after_rows_that_have_both() -> None:
    columns: dict[str, list[Any]] = {"ts_ns": [T, T + 1, T + 2], "bid": [1.0, 1.5, None], "ask": [2.0, None, 3.0]}
    for table in (columns, pl.DataFrame(columns), pl.DataFrame(columns).to_arrow().to_reader(max_chunksize=1)):
        found = drain(open_source(table, symbol="X", blank="unchanged")).ticks
        assert [(tick.bid, tick.ask) for tick in found] == [(1.0, 2.0), (1.5, 2.0), (1.5, 3.0)]


@pytest.mark.parametrize("names", [["A", "A", "A"], ["A", "B", "A"], ["B", "", "B"], [7, 7, 1]], ids=str)
def test_names_in_an_array_are_those_in_a_list(names: list[Any]) -> None:
    """Whether an array has one name, or several."""
    columns: dict[str, Any] = {"ts_ns": [T, T + 1, T + 2], "price": [1.0, 1.5, 2.0]}
    in_list = drain(open_source({**columns, "symbol": names}))
    assert [tick.symbol for tick in in_list.ticks] == [str(name) for name in names if name != ""]
    for table in ({**columns, "symbol": np.array(names)}, {**columns, "symbol": np.array(names).astype("U8")}):
        found = drain(open_source(table))
        assert (found.ticks, found.refused) == (in_list.ticks, in_list.refused)


def test_masked_name_is_none_and_blanks_belong_to_a_name() -> None:
    """Which comparing arrays of these types does not show."""
    columns: dict[str, Any] = {"ts_ns": [T, T + 1, T + 2], "price": [1.0, 1.5, 2.0]}
    masked = drain(open_source({**columns, "symbol": np.ma.array(["A", "A", "A"], mask=[False, True, False])}))
    assert [tick.symbol for tick in masked.ticks] == ["A", "A"]
    assert [row for _, row, *_ in masked.refused] == [2]
    found = open_source({**columns, "symbol": np.char.array(["A", "B ", "B"])})
    assert [tick.symbol for tick in drain(found).ticks] == ["A", "B", "B"]


def test_numbers_of_numpy_in_a_list_are_numbers() -> None:
    seconds = [np.float64(T / 1e9), np.float64(T / 1e9 + 60)]
    assert stamps(seconds) == [T, T + MINUTE]


def test_number_in_a_list_that_is_too_large_for_a_float_is_no_price() -> None:
    columns: dict[str, Any] = {"ts_ns": [T, T + 1, T + 2], "symbol": ["A"] * 3}
    for prices in ([1, 10**400, 2], [1, 10**400, None], [1.5, -(10**400), 2]):
        taken = drain(open_source({**columns, "price": prices}))
        assert [tick.price for tick in taken.ticks] == [float(each) for each in prices if each in (1, 1.5, 2)]
        assert {row for _, row, *_ in taken.refused} == {2} | {3 for each in prices if each is None}


@pytest.mark.parametrize("names", [[None, "A", None], ["A", None, "A"], ["", "A", ""]])
def test_cell_without_a_name_does_not_contradict_the_symbol(names: list[str | None], tmp_path: Path) -> None:
    """All rows are to be of one symbol: those that do not say which one, too."""
    frame = pl.DataFrame({"ts_ns": [T, T + 1, T + 2], "symbol": names, "bid": [1.0, 1.5, 1.0], "ask": [2.0, 2.0, 3.0]})
    frame.write_csv(tmp_path / "m.csv")
    for table in (frame, frame.to_dict(as_series=False), tmp_path / "m.csv"):
        assert [tick.symbol for tick in read(table, symbol="X")] == ["X"] * 3


def test_malformed_rows_have_their_number_and_what_is_in_them() -> None:
    """Numbers count rows from 1: a table has no header line."""
    frame = pl.DataFrame(
        {
            "ts_ns": [T, None, T + 2, T + 3],
            "symbol": ["X", "X", None, "X"],
            "bid": [1.5, 1.5, 1.5, None],
            "ask": [2.0, 2.0, 2.0, None],
            "note": ["not", "read", "at", "all"],
        }
    )
    taken: Taken = drain(open_source(frame, columns={"time": "ts_ns", "symbol": "symbol", "bid": "bid", "ask": "ask"}))
    assert [(line, reason.partition(",")[0], raw) for _, line, reason, raw in taken.refused] == [
        (2, "the time cannot be read", ",X,1.5,2"),
        (3, "the symbol is blank", f"{T + 2},,1.5,2"),
        (4, "a price is missing", f"{T + 3},X,,"),
    ]
    assert {place for place, *_ in taken.refused} == {"frame"}


def test_columns_can_be_named_and_others_are_left_out() -> None:
    frame = FRAME.rename({"ts_ns": "when", "bid": "b1"}).with_columns(venue=pl.lit("LMAX"), depth=1)
    names = {"time": "when", "bid": "b1", "symbol": "symbol", "ask": "ask", "bid_size": "bid_size"}
    source = open_source(frame, columns=names)
    assert drain(source).ticks == TICKS
    reading = source.identity()["reading"][0]
    assert reading["columns"] == names
    assert reading["ignored"] == "venue depth"
    assert reading_text(reading).endswith("bid_size=bid_size, not read: venue depth")


def test_text_of_several_lines_in_a_cell_is_one_cell() -> None:
    notes = ["a note\nof two lines", "", "another\0one", "a third\nof\nthree"]
    assert read(FRAME.with_columns(remarks=pl.Series(notes))) == TICKS


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"time": [T], "x": [1.0]}, r"no column is a price: .*; the table has 'time', 'x'"),
        ({"when": [T], "bid": [1.0]}, "no column is the time: name it with columns="),
        ({"time": [T], "bid": [1.0]}, "neither a column nor the file's name has the symbol: give symbol="),
        ({"time": [T, T + 1], "bid": [1.0]}, "the columns differ in length: 'time' has 2, 'bid' has 1"),
        (
            {"time": 5, "bid": 1.0},
            "column 'time' is 5: give an array .*; a list of dicts is read as rows",
        ),
        ({"time": [T], "bid": np.array([[1.0]])}, "column 'bid' has 2 dimensions"),
        ({}, "it has no columns"),
        (pl.Series([1.0]), "a Series is one column, not a table"),
        (pa.chunked_array([[1.0]]), "a ChunkedArray is one column"),
        (pa.array([1.0]), "a DoubleArray is one column"),
        (np.array([[1.0, 2.0]]), "an object of type ndarray is not a table"),
        (42, "an object of type int is not a table"),
        (
            FRAME.with_columns(pl.concat_list("bid")),
            r"column 'bid', the bid, contains LargeList\(Float64\): give a column of numbers",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_read_says_why(table: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        open_source(table)


@pytest.mark.parametrize("option", ["header", "delimiter", "format", "pattern"])
def test_options_for_text_and_files_are_refused(option: str) -> None:
    value: Any = {"header": True, "delimiter": ";", "format": "csv", "pattern": "*.csv"}[option]
    with pytest.raises(ConfigError, match=option):
        open_source(FRAME, **{option: value})


def test_newest_first_is_read_from_the_end() -> None:
    frame = FRAME.reverse()
    with pytest.raises(OptionNeeded, match="newest first"):
        open_source(frame)
    for table in (frame, frame.to_pandas(), frame.to_dict(as_series=False)):
        assert read(table, reverse=True) == TICKS
    with pytest.raises(SourceError, match=r"can only be read from its start: sort them with sort=True"):
        drain(open_source(frame.to_arrow().to_reader(), reverse=True))


def test_malformed_row_that_is_read_backward_has_its_own_number() -> None:
    frame = FRAME.with_columns(ask=pl.when(pl.col("ts_ns") == T + MINUTE).then(None).otherwise("ask")).reverse()
    assert drain(open_source(frame, reverse=True)).lines == [2]


def test_stream_is_read_once_and_says_so() -> None:
    source = open_source(FRAME.to_arrow().to_reader())
    assert drain(source).ticks == TICKS
    source.seek({})
    with pytest.raises(SourceError, match="a stream, which can only be read once"):
        drain(source)


def test_bars_have_length_stamp_and_side_as_in_csv() -> None:
    frame = pl.DataFrame(
        {
            "time": [T, T + MINUTE],
            "open": [1.0, 2],
            "high": [2.0, 3],
            "low": [0.5, 1],
            "close": [1.5, 2],
            "volume": [7, 8],
        }
    )
    taken = drain(open_source(frame, symbol="X"))
    assert taken.starts == [T, T + MINUTE]
    assert [tick.price for tick in taken.ticks[:4]] == [1.0, 2.0, 0.5, 1.5]
    assert taken.ticks[3].size == 7.0
    assert drain(open_source(frame, symbol="X", stamp="close")).starts == [T - MINUTE, T]
    assert [tick.bid for tick in drain(open_source(frame, symbol="X", side="bid")).ticks[:4]] == [1.0, 2.0, 0.5, 1.5]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_days_are_those_of_the_clock_that_the_times_are_written_by(zone: str) -> None:
    """Midnight in New York is a date, whatever the instant is in UTC."""
    days = [datetime.datetime(2024, 3, day, tzinfo=ZoneInfo(zone)) for day in (6, 7, 8)]
    bars = {"open": [1.0] * 3, "high": [2.0] * 3, "low": [0.5] * 3, "close": [1.5] * 3}
    dates = {"time": [day.date() for day in days], **bars}
    want = drain(open_source(dates, symbol="X")).digest
    polars = pl.DataFrame({"time": pl.Series(days).dt.convert_time_zone(zone), **bars})
    for table in (polars, pd.DataFrame({"time": days, **bars}), pd.DataFrame(bars, pd.DatetimeIndex(days))):
        assert drain(open_source(table, symbol="X")).digest == want


def test_lookup_of_position_skips_rows() -> None:
    """A frame of which a part was read goes on behind it, also if it has grown."""
    for form in ("polars", "pandas", "lists"):
        source = open_source(FORMS[form](), name="ticks")
        into = Taken()
        assert source.fill(into.builder, 3)
        into.take()
        again = open_source(FORMS[form](), name="ticks")
        again.seek(source.position())
        assert into.ticks == TICKS[:3]
        assert drain(again, into=into).ticks == TICKS


def test_another_frame_under_the_same_name_is_recognized() -> None:
    source = open_source(FRAME, name="ticks")
    drain(source)
    other = open_source(FRAME.with_columns(pl.col("ask") + 1), name="ticks")
    with pytest.raises(SourceError, match="its beginning has changed"):
        other.seek(source.position())


async def test_frame_with_a_name_goes_on_after_a_restart(tmp_path: Any) -> None:
    """One without a name is another one each time, as a list of ticks is."""
    for rows, events in ((2, 2), (4, 4), (4, 4)):
        async with mtf.Pipeline(data=tmp_path, calendar="crypto", timeframes="1m") as pipeline:
            summary = await pipeline.run(FRAME[:rows], name="ticks")
            assert summary.events == events


def test_frame_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mtf.sources.arrow_table", None)
    with pytest.raises(MissingPackage, match=r"pip install 'mtf-engine\[arrow\]'"):
        open_source(FRAME)
    assert read(FRAME.to_dict(as_series=False)) == TICKS
    assert read(FRAME.to_pandas()) == TICKS
    assert in_memory.is_table(FRAME)
