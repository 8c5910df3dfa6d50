"""What `mtf bars`, `mtf ticks` and `mtf export` write as files of tables: read back, it is what `mtf.open` gives."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import orjson
import polars
import pyarrow.feather
import pyarrow.parquet
import pytest

import mtf
from mtf.data.table_files import whole_file
from mtf.errors import ConfigError
from tests.cli.builders import json_of
from tests.cli.builders import mtf as run_mtf

RUN = ("--timeframes", "1m,5m", "--indicators", "sma:3,rsi:2")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    result = run_mtf("run", "synthetic", "--events", 4_000, "--data", folder / "run", *RUN)
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_parquet_and_arrow_have_the_very_bars(run: Path, tmp_path: Path) -> None:
    """To the bit, with the values of indicators, and a value that was not ready is null."""
    for format, read in (("parquet", pyarrow.parquet.read_table), ("arrow", pyarrow.feather.read_table)):
        out = tmp_path / f"bars.{format}"
        args = ("--symbol", "EURUSD", "-t", "1m", "--indicators", "all", "--format", format, "--out", out)
        result = run_mtf("bars", run, *args)
        assert (result.exit_code, result.stdout) == (0, ""), result.output
        with mtf.open(run) as data:
            table = data.bars("EURUSD", "1m", indicators=True)
            found, asked = polars.DataFrame(read(out)), table.to_polars()
            assert found.columns == table.columns
            assert found.select(asked.columns[2:]).equals(asked.select(asked.columns[2:]))
            assert found["sma_3"].null_count() == 2
            assert list(tmp_path.iterdir()) == [out]
            out.unlink()


def test_stdout_takes_a_file_too(run: Path) -> None:
    """A pipe is a stream without an end to seek from."""
    result = run_mtf("bars", run, "--symbol", "EURUSD", "-t", "5m", "--format", "parquet")
    rows = pyarrow.parquet.read_table(io.BytesIO(result.stdout_bytes)).num_rows
    assert rows == len(json_of("bars", run, "--symbol", "EURUSD", "-t", "5m", "--format", "json"))


def test_last_is_the_newest_and_indicators_are_columns(run: Path) -> None:
    args = ("bars", run, "--symbol", "EURUSD", "-t", "1m", "--indicators", "rsi_2,sma_3", "--format")
    whole = json_of(*args, "json")
    last = json_of(*args, "json", "--last", 2)
    assert last == whole[-2:]
    assert list(last[0])[-4:] == ["completed", "imported", "rsi_2", "sma_3"]
    assert whole[0]["sma_3"] is None
    with mtf.open(run) as data:
        expected = data.bars("EURUSD", "1m", indicators=["rsi_2", "sma_3"]).to_dicts()
    assert [(row["rsi_2"], row["sma_3"]) for row in whole] == [(row["rsi_2"], row["sma_3"]) for row in expected]


def test_the_forming_bar_has_live_values(run: Path) -> None:
    """As if it closed now; they are those of the state."""
    (*_, forming) = json_of(
        "bars", run, "--symbol", "EURUSD", "-t", "5m", "--indicators", "all", "--partial", "--format", "json"
    )
    with mtf.open(run) as data:
        live = data.state("EURUSD")["5m"].live
    assert not forming["completed"]
    assert (forming["sma_3"], forming["rsi_2"]) == (live["sma_3"], live["rsi_2"])


def test_ndjson_is_an_object_a_line(run: Path) -> None:
    args = ("bars", run, "--symbol", "EURUSD", "-t", "1m", "--format")
    lines = run_mtf(*args, "ndjson").stdout_bytes.splitlines()
    assert [orjson.loads(line) for line in lines] == json_of(*args, "json")


def test_rejected_ticks_only(run: Path, tmp_path: Path) -> None:
    """As text and as columns."""
    source = tmp_path / "x.csv"
    source.write_text(
        "time,symbol,bid,ask\n2024-03-06T10:00Z,X,1,1.5\n2024-03-06T10:09Z,X,2,2.5\n2024-03-06T10:01Z,X,3,3.5\n"
    )
    assert run_mtf("run", source, "--data", tmp_path / "run").exit_code == 0
    (late,) = json_of("ticks", tmp_path / "run", "--symbol", "X", "--rejected", "--format", "json")
    assert (late["bid"], late["rejected"], late["seq"]) == (3.0, "late", 3)
    out = tmp_path / "late.parquet"
    args = ("ticks", tmp_path / "run", "--symbol", "X", "--rejected", "--format", "parquet", "--out", out)
    assert run_mtf(*args).exit_code == 0
    assert pyarrow.parquet.read_table(out).to_pylist()[0]["verdict"] == "late"


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "csv", "ndjson", "jsonl"])
def test_export_has_all_symbols_and_timeframes(run: Path, tmp_path: Path, suffix: str) -> None:
    """One that was not run too, whose bars have no values."""
    out = tmp_path / f"bars.{suffix}"
    result = run_mtf("export", run, out, "--indicators", "all", "-t", "1m", "-t", "10m")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    if suffix == "parquet":
        closes = pyarrow.parquet.read_table(out)["close"].to_pylist()
    elif suffix in ("arrow", "feather"):
        closes = pyarrow.feather.read_table(out)["close"].to_pylist()
    elif suffix == "csv":
        closes = [float(row["close"]) for row in csv.DictReader(io.StringIO(out.read_text()))]
    else:
        closes = [orjson.loads(line)["close"] for line in out.read_bytes().splitlines()]
    with mtf.open(run) as data:
        expected = [bar.close for bar in data.bars(data.symbols, ["1m", "10m"])]
    assert closes == expected


def test_export_of_ticks_is_read_again_as_a_source(run: Path, tmp_path: Path) -> None:
    """The same ticks give the same bars."""
    out = tmp_path / "ticks.parquet"
    assert run_mtf("export", run, out, "--ticks").exit_code == 0
    result = run_mtf("run", out, "--data", tmp_path / "again", "--timeframes", "1m,5m", "--json")
    assert result.exit_code == 0, result.output
    columns = ["start", "end", "open", "high", "low", "close", "volume", "ticks"]
    with mtf.open(run) as data, mtf.open(tmp_path / "again") as copied:
        for symbol in data.symbols:
            first, again = (each.bars(symbol, "5m").to_polars().select(columns) for each in (data, copied))
            assert first.equals(again)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("x.xlsx",), "the name must end in one of .parquet, .arrow"),
        (("x.parquet", "--ticks", "-t", "1m"), "omit --timeframe and --indicators"),
        (("nowhere/x.parquet",), "directory nowhere does not exist"),
        (("x.csv", "--symbol", "ABC"), "no event of 'ABC'"),
    ],
)
def test_what_cannot_be_exported_says_why(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_mtf("export", run, *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    out.write_bytes(b"before")
    with suppress(InterruptedError), whole_file(out) as stream:
        stream.write(b"half")
        raise InterruptedError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.parquet", b"before")]
    with whole_file(out) as stream:
        stream.write(b"after")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.parquet", b"after")]
    with pytest.raises(ConfigError, match="is a directory"), whole_file(tmp_path):
        pass
