"""The law of frames: the same rows as CSV and in columns have the same verdicts, reasons, row numbers and digest."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any, Final

import hypothesis.strategies as st
import polars as pl
from hypothesis import HealthCheck, assume, given, settings

from mtf.errors import MtfError
from mtf.sources import open_source
from mtf.sources.arrow_files import ArrowFile
from tests.sources.builders import Taken, drain

SECOND: Final = 1_000_000_000
START: Final = 1_709_683_200 * SECOND  # 2024-03-06
TIMES: Final = {
    "ns": pl.Datetime("ns"),
    "us": pl.Datetime("us"),
    "ms": pl.Datetime("ms"),
    "utc": pl.Datetime("ns", "UTC"),
}
HEADER: Final = 1  # line that CSV has, and a table has not

numbers = st.one_of(
    st.floats(0.5, 200.0).map(lambda value: round(value, 5)),
    st.floats(0.5, 200.0),
    st.sampled_from([None, math.nan, 0.0, -1.0, 1e300, 1e-300, math.inf, -math.inf, 12345678901234567.0]),
)
texts = st.sampled_from(["EURUSD", "GBPUSD", "X", " Y ", "Ünï"])
names = st.one_of(texts, texts, texts, st.sampled_from([None, "a\x07", "Z" * 300]))
ids = st.one_of(st.none(), st.text("abc019", min_size=1, max_size=5), st.just("i" * 300))
bad_steps = st.sampled_from([None, -130 * 366 * 86_400 * 1000])
steps = st.one_of(st.integers(0, 3_000), st.integers(0, 3_000), st.integers(-2_000, 100_000), bad_steps)


@st.composite
def frames(draw: st.DrawFn, kind: str) -> pl.DataFrame:
    """A frame of quotes, trades or bars, with something wrong in some of its rows."""
    count = draw(st.integers(1, 30))
    columns: dict[str, Any] = {}
    stamps: list[int | None] = []
    at = START
    for step in draw(st.lists(steps, min_size=count, max_size=count)):
        if step is None or step < -1_000_000:
            stamps.append(None if step is None else at + step * 1_000_000)
        else:
            at += step * 1_000_000
            stamps.append(at)
    assume(stamps[0] is not None and stamps[0] >= START - 86_400 * SECOND)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    written = draw(st.sampled_from(["number", *TIMES]))
    if written == "number":
        columns["ts_ns"] = pl.Series(stamps, dtype=pl.Int64)
    else:
        columns["time"] = (
            pl.Series(stamps, dtype=pl.Int64)
            .cast(pl.Datetime("ns"))
            .cast(TIMES[written].base_type()(TIMES[written].time_unit))
        )
        if written == "utc":
            columns["time"] = columns["time"].dt.replace_time_zone("UTC")
    if draw(st.booleans()):
        columns["symbol"] = pl.Series(column(names), dtype=draw(st.sampled_from([pl.String, pl.Categorical])))
    floats = draw(st.sampled_from([pl.Float64, pl.Float64, pl.String]))
    roles = {
        "quotes": ["bid", "ask", "bid_size", "ask_size"],
        "trades": ["price", "size"],
        "bars": ["open", "high", "low", "close", "volume"],
    }[kind]
    there = draw(st.booleans())  # each row has all numbers, as most frames do
    for role in roles:
        values = numbers.filter(lambda value: value is not None) if there else numbers
        columns[role] = pl.Series(column(values), dtype=pl.Float64).cast(floats)
    if kind == "bars" and draw(st.booleans()):  # mostly bars that do not contradict themselves
        prices = [columns[role].cast(pl.Float64).fill_nan(None) for role in roles[:4]]
        high, low = pl.DataFrame(prices).max_horizontal(), pl.DataFrame(prices).min_horizontal()
        columns["high"], columns["low"] = high.cast(floats), low.cast(floats)
    if kind != "bars" and draw(st.booleans()):
        columns["id"] = pl.Series(column(ids), dtype=pl.String)
    return pl.DataFrame(columns)


def outcome(thing: Any, **options: Any) -> tuple[Any, ...]:
    """What came of the rows: digest, and the number, reason and place of each that was refused; or the error."""
    try:
        taken: Taken = drain(open_source(thing, **options), limit=7)
    except MtfError as error:
        return (type(error), str(error).partition(": ")[2].replace("the file", "the table"))
    shift = HEADER if isinstance(thing, Path) and thing.suffix == ".csv" else 0
    return taken.digest, [(line - shift, reason) for _, line, reason, _ in taken.refused]


def check(frame: pl.DataFrame, **options: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder, "X.csv")
        frame.write_csv(csv)
        expected = outcome(csv, **options)
        if isinstance(expected[0], str):
            options.setdefault("symbol", None if "symbol" in frame.columns else "X")
            assert outcome(frame, **options) == expected
            assert outcome(frame.to_arrow().to_reader(max_chunksize=3), **options) == expected
            parquet = Path(folder, "X.parquet")
            frame.write_parquet(parquet, row_group_size=11)
            assert outcome(parquet, **options) == expected
            if not any(math.isnan(value) for each in frame.select(pl.col(pl.Float64)) for value in each.drop_nulls()):
                assert outcome(frame.to_dict(as_series=False), **options) == expected
            if frame["ts_ns" if "ts_ns" in frame.columns else "time"].null_count() == 0:
                frame = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
                frame.write_csv(csv)
                options["symbol"] = None if "symbol" in frame.columns else "X"
                assert outcome(frame.to_pandas(), **options)[1:] == outcome(csv, **options)[1:]


LAW: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@LAW
@given(frames("quotes"), st.sampled_from([None, "unchanged"]))
def test_quotes_in_columns_are_read_as_from_csv(frame: pl.DataFrame, blank: str | None) -> None:
    check(frame, blank=blank)


@LAW
@given(frames("trades"), st.sampled_from([None, 0.001]))
def test_trades_in_columns_are_read_as_from_csv(frame: pl.DataFrame, point: float | None) -> None:
    check(frame, point=point)


@LAW
@given(
    frames("bars"),
    st.sampled_from(["1s", "1m", "1d"]),
    st.sampled_from(["open", "close"]),
    st.sampled_from([None, "bid"]),
    st.sampled_from(["UTC", "America/New_York"]),
)
def test_bars_in_columns_are_read_as_from_csv(
    frame: pl.DataFrame, timeframe: str, stamp: str, side: str | None, zone: str
) -> None:
    check(frame, timeframe=timeframe, stamp=stamp, side=side, zone=zone)


def test_row_with_a_time_out_of_range_is_typical_all_the_same() -> None:
    """What a time looks like decides with others which rows are, and so whether ids that repeat are ids."""
    stamps = [START, START + SECOND, START + 2 * SECOND, -2_400_000_000_000_000_000]
    frame = pl.DataFrame({"time": stamps, "price": [1.0, 2.0, 3.0, 4.0], "id": ["a", "a", None, "b"]})
    check(frame.with_columns(pl.from_epoch("time", time_unit="ns").cast(pl.Datetime("us"))))


def test_law_reads_files(tmp_path: Path) -> None:
    """Otherwise it would say nothing of them."""
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    assert ArrowFile(tmp_path / "a.parquet", "parquet").names == ["a"]
