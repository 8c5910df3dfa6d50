"""Tables are Arrow, polars, pandas and DuckDB to the bit, as often as they are asked, and a batch at a time."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mtf
from mtf.data.batches import Batch, Column, Kind
from mtf.errors import CorruptLog, MissingPackage
from tests.data.recorded import Recorder, recorded
from tests.storage.builders import SYMBOLS, market

Whole = tuple[Path, Recorder]

FLOATS = ("open", "high", "low", "close", "volume", "bid", "ask", "bid_size", "ask_size", "price", "size")


def bits(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its floats as bits."""
    return {
        name: struct.pack("<d", value) if name in FLOATS and value is not None else value for name, value in row.items()
    }


def ns(value: Any) -> Any:
    return None if value is None or value is pd.NaT else int(pd.Timestamp(value).value)


def from_polars(frame: pl.DataFrame, times: tuple[str, ...]) -> list[dict[str, Any]]:
    return (
        frame.with_columns(pl.col(name).dt.epoch("ns") for name in times)
        .rename({t: f"{t}_ns" for t in times})
        .to_dicts()
    )


def from_arrow(table: pa.Table, times: tuple[str, ...]) -> list[dict[str, Any]]:
    for name in times:
        table = table.set_column(table.column_names.index(name), f"{name}_ns", table[name].cast(pa.int64()))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def from_pandas(frame: pd.DataFrame, times: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for row in frame.to_dict("records"):
        made: dict[Any, Any] = {}
        for name, value in row.items():
            if name in times:
                made[f"{name}_ns"] = ns(value)
            elif name == "trading_day":
                made[name] = value.date()
            else:
                made[name] = None if isinstance(value, float) and math.isnan(value) else value
        rows.append(made)
    return rows


def check(table: mtf.Table[Any], times: tuple[str, ...]) -> None:
    """Have every reader of *table* read the same rows, to the bit."""
    wanted = [bits(row) for row in table.to_dicts()]
    assert len(wanted) > 20
    assert [bits(row) for row in from_polars(table.to_polars(), times)] == wanted
    assert [bits(row) for row in from_polars(pl.DataFrame(table), times)] == wanted
    assert [bits(row) for row in from_arrow(pa.table(table), times)] == wanted
    assert [bits(row) for row in from_pandas(table.to_pandas(), times)] == wanted
    asked = table  # by its name in SQL; DuckDB asks for the stream more than once
    names = ", ".join(f'epoch_ns("{name}") AS {name}_ns' if name in times else f'"{name}"' for name in table.columns)
    found = duckdb.connect().sql(f"SELECT {names} FROM asked").fetchall()
    assert [bits(dict(zip(wanted[0], row, strict=True))) for row in found] == wanted
    assert asked is table


def test_bars_are_the_same_to_every_reader(whole: Whole) -> None:
    with mtf.open(whole[0]) as data:
        check(data.bars(SYMBOLS, ["1m", "1h", "2h"]), ("start", "end"))


def test_ticks_are_the_same_to_every_reader(whole: Whole) -> None:
    """Quotes and trades, one-sided ones, with and without ids: what a row does not have is null."""
    with mtf.open(whole[0]) as data:
        check(data.ticks(), ("time", "received"))
        check(data.rejects(), ("time", "received"))


def test_a_directory_that_a_kill_left_is_read_to_the_bit(whole: Whole, tmp_path: Path) -> None:
    """A history that is behind, and a log whose last frame was cut: all that the log still has."""
    path = tmp_path / "run"
    recorded(path, market(6, 1_500)[:1_200])
    (segment,) = (path / "log").glob("*.log")
    data = segment.read_bytes()
    for cut in (1, 77, 200, 1_000, 5_000):
        segment.write_bytes(data[:-cut])
        with mtf.open(path) as reader:
            seq = reader.seq
            assert seq <= 1_200
            bars = list(reader.bars("EURUSD", "1m"))
            assert bars == [
                bar for at, bar in whole[1].seen if bar.symbol == "EURUSD" and bar.timeframe == "1m" and at <= seq
            ]
            check(reader.bars("EURUSD", "1m"), ("start", "end"))


def test_types_are_those_of_the_documentation(whole: Whole) -> None:
    with mtf.open(whole[0]) as data:
        schema = pa.table(data.bars("EURUSD", "1m")).schema
    word = pa.dictionary(pa.int32(), pa.string())
    moment = pa.timestamp("ns", "UTC")
    assert list(zip(schema.names, schema.types, strict=True)) == [
        ("symbol", word), ("timeframe", word), ("start", moment), ("end", moment), ("open", pa.float64()),
        ("high", pa.float64()), ("low", pa.float64()), ("close", pa.float64()), ("volume", pa.float64()),
        ("ticks", pa.int64()), ("trading_day", pa.date32()), ("flags", word), ("seq", pa.int64()),
    ]  # fmt: skip


def table_of(pages: list[list[float]], made: list[int], error: Exception | None = None) -> mtf.Table[float]:
    """Return a table of one column that notes which pages were made, and fails after them with *error*."""

    def read() -> Iterator[list[float]]:
        for number, page in enumerate(pages):
            made.append(number)
            yield page
        if error is not None:
            raise error

    column = Column("value", Kind.FLOAT)
    return mtf.Table("numbers", [column], read, batch_of=lambda page: Batch(len(page), [list(page)]), values_of=iter)


def test_a_batch_is_made_when_it_is_asked_for() -> None:
    """No query holds all of its answer, unless it is asked for all of it."""
    made: list[int] = []
    stream = pa.RecordBatchReader.from_stream(table_of([[1.0], [2.0], [3.0]], made))
    assert made == []
    assert stream.read_next_batch().to_pylist() == [{"value": 1.0}]
    assert made == [0]
    assert stream.read_next_batch().to_pylist() == [{"value": 2.0}]
    assert made == [0, 1]


def test_each_stream_is_a_new_one() -> None:
    made: list[int] = []
    table = table_of([[1.0], [2.0]], made)
    assert [pa.table(table).num_rows, pa.table(table).num_rows] == [2, 2]
    assert made == [0, 1, 0, 1]


def test_an_error_half_way_is_told_with_its_text() -> None:
    """mtf's own methods raise it as it is, others as theirs."""
    error = CorruptLog("the log is damaged at seq 5", seq=5)
    for ask in (mtf.Table.to_polars, mtf.Table.to_pandas, mtf.Table.to_dicts, list):
        with pytest.raises(CorruptLog, match="damaged at seq 5") as raised:
            ask(table_of([[1.0]], [], error))
        assert raised.value.seq == 5
    with pytest.raises(pa.ArrowInvalid, match="damaged at seq 5"):
        pa.table(table_of([[1.0]], [], error))
    with pytest.raises(pl.exceptions.ComputeError, match="damaged at seq 5"):
        pl.DataFrame(table_of([[1.0]], [], error))


def test_nothing_optional_is_loaded_before_it_is_needed(whole: Whole) -> None:
    """Nor is it needed for values: `import mtf`, iteration and dicts work without any of it."""
    script = (
        f"import sys\nimport mtf\nwith mtf.open({str(whole[0])!r}) as data:\n"
        "    assert list(data.bars('EURUSD', '1m')) and data.ticks('EURUSD').to_dicts()\n"
        "print([name for name in ('arro3', 'numpy', 'pandas', 'polars', 'pyarrow', 'duckdb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("arro3.core", "polars", "pandas"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "mtf.data.arrow", raising=False)
    monkeypatch.delitem(sys.modules, "mtf.data.frames", raising=False)
    table = table_of([[1.0]], [])
    with pytest.raises(MissingPackage, match=r"this needs arro3-core: pip install 'mtf-engine\[arrow\]'"):
        table.__arrow_c_stream__()
    with pytest.raises(MissingPackage, match="this needs polars: pip install polars"):
        table.to_polars()
    with pytest.raises(MissingPackage, match="this needs pandas: pip install pandas"):
        table.to_pandas()
    assert table.to_dicts() == [{"value": 1.0}]


def test_a_stream_that_is_alive_when_python_ends_does_no_harm(whole: Whole) -> None:
    """Its memory is freed by whoever holds it last."""
    script = (
        f"import mtf, polars\ndata = mtf.open({str(whole[0])!r})\ntable = data.bars('EURUSD', '1m')\n"
        "capsule = table.__arrow_c_stream__()\nframe = table.to_polars()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
