"""Parquet, Feather and Arrow IPC files as sources: alone, in folders, grown, damaged, and made to do harm."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import mtf
from mtf.errors import ConfigError, MissingPackage, MtfError, OptionNeeded, SourceError
from mtf.sources import arrow_files, open_source
from tests.sources.builders import Taken, drain

T: Final = 1_709_683_200_000_000_000
ROWS: Final = 3_000
TICKS: Final = pl.DataFrame(
    {
        "ts_ns": [T + i * 1_000_000_000 for i in range(ROWS)],
        "symbol": ["EURUSD"] * ROWS,
        "bid": [1.0 + i / 100_000 for i in range(ROWS)],
        "ask": [1.1 + i / 100_000 for i in range(ROWS)],
    }
)


def parquet(frame: pl.DataFrame, **options: Any) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out, **options)
    return out.getvalue()


def feather(frame: pl.DataFrame, compression: Any = "lz4") -> bytes:
    out = io.BytesIO()
    frame.write_ipc(out, compression=compression)
    return out.getvalue()


def stream(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_ipc_stream(out, compression="zstd")
    return out.getvalue()


def by_pyarrow(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(frame.to_arrow(), out, compression="zstd", row_group_size=700)
    return out.getvalue()


def feather_by_pyarrow(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    pyarrow.feather.write_feather(frame.to_arrow(), out, chunksize=700)
    return out.getvalue()


FILES: Final[dict[str, Callable[[pl.DataFrame], bytes]]] = {
    "parquet": parquet,
    "feather": feather,
    "stream": stream,
    "parquet of pyarrow": by_pyarrow,
    "feather of pyarrow": feather_by_pyarrow,
}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def expected() -> Taken:
    return drain(open_source(TICKS))


@pytest.mark.parametrize("kind", FILES)
def test_file_is_known_by_its_first_bytes_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    source = open_source(written(tmp_path / "ticks.dat", FILES[kind](TICKS)))
    assert drain(source).digest == expected().digest
    assert source.identity()["format"] == ["parquet" if kind.startswith("parquet") else "arrow"]


@pytest.mark.parametrize("kind", FILES)
def test_position_of_a_file_is_a_row(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "ticks.dat", FILES[kind](TICKS))
    for rows in (1, 699, 700, 2_999, 3_000):
        source, into = open_source(path), Taken()
        source.fill(into.builder, rows)
        into.take()
        assert into.count == rows
        again = open_source(path)
        again.seek(source.position())
        assert drain(again, into=into).digest == expected().digest
        source.close()


def test_symbol_comes_from_the_name_of_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "GBPUSD_ticks_2024-03.parquet", parquet(TICKS.drop("symbol")))
    assert {tick.symbol for tick in drain(open_source(path)).ticks} == {"GBPUSD"}


def test_files_of_a_folder_follow_each_other_and_text_among_them(tmp_path: Path) -> None:
    """In order of their first rows, as files of text do."""
    written(tmp_path / "EURUSD-c.parquet", parquet(TICKS[:1_000]))
    TICKS[1_000:2_000].write_csv(tmp_path / "EURUSD-b.csv")
    written(tmp_path / "EURUSD-a.feather", feather(TICKS[2_000:]))
    source = open_source(tmp_path)
    assert drain(source).digest == expected().digest
    assert len(open_source(tmp_path, pattern="*.parquet").identity()["format"]) == 1


async def test_file_that_has_grown_is_continued(tmp_path: Path) -> None:
    """Its bytes are other ones then: its rows are the same."""
    path = tmp_path / "EURUSD.parquet"
    digests = []
    for rows in (2_500, 2_500, 3_000):
        written(path, parquet(TICKS[:rows]))
        async with mtf.Pipeline(data=tmp_path / "run", calendar="crypto", timeframes="1m") as pipeline:
            summary = await pipeline.run(path)
        assert summary.events == rows
        digests.append(summary.digest)
    async with mtf.Pipeline(calendar="crypto", timeframes="1m") as pipeline:
        assert (await pipeline.run(TICKS)).digest == digests[-1]


async def test_another_file_of_the_same_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "EURUSD.parquet", parquet(TICKS))
    async with mtf.Pipeline(data=tmp_path / "run", calendar="crypto", timeframes="1m") as pipeline:
        await pipeline.run(path)
    written(path, parquet(TICKS.with_columns(pl.col("ask") + 1)))
    async with mtf.Pipeline(data=tmp_path / "run", calendar="crypto", timeframes="1m") as pipeline:
        with pytest.raises(SourceError, match="its beginning has changed"):
            await pipeline.run(path)


async def test_rows_newest_first_are_sorted(tmp_path: Path) -> None:
    path = written(tmp_path / "EURUSD.parquet", parquet(TICKS.reverse()))
    with pytest.raises(OptionNeeded, match=r"newest first, .*: put them in order with sort=True"):
        open_source(path)
    with pytest.raises(SourceError, match="from its start: sort them with sort=True"):
        drain(open_source(path, reverse=True))
    async with mtf.Pipeline(calendar="crypto", timeframes="1m") as pipeline:
        assert (await pipeline.run(path, sort=True)).ticks == ROWS


@pytest.mark.parametrize("kind", FILES)
def test_file_without_rows_has_none(tmp_path: Path, kind: str) -> None:
    assert drain(open_source(written(tmp_path / "EURUSD.x", FILES[kind](TICKS[:0])))).count == 0


@pytest.mark.parametrize("kind", FILES)
def test_file_that_is_cut_is_an_error(tmp_path: Path, kind: str) -> None:
    """Wherever it is cut, also behind a whole batch: never a shorter history."""
    data = FILES[kind](TICKS)
    for size in {8, 12, 100, len(data) // 2, len(data) - 500, len(data) - 9, len(data) - 8, len(data) - 1}:
        with pytest.raises(SourceError, match=r"cannot be read as an? (Parquet|Arrow) file .*get a new copy"):
            drain(open_source(written(tmp_path / "EURUSD.x", data[:size])))


@pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
def test_damage_is_an_error_or_changes_a_value_and_never_ends_the_process(tmp_path: Path, kind: str) -> None:
    """Some of these files make the library that reads them abort; a stream, and any file, is the next one's start."""
    data = FILES[kind](TICKS[:400])
    pick = random.Random(7)
    failed = whole = 0
    for _ in range(120):
        damaged = bytearray(data)
        for _ in range(pick.choice([1, 2, 5])):
            near_metadata = (
                range(min(1_500, len(data))) if kind == "stream" else range(max(0, len(data) - 1_500), len(data))
            )
            damaged[pick.choice([pick.choice(near_metadata), pick.randrange(len(data))])] = pick.randrange(256)
        path = written(tmp_path / "EURUSD.x", bytes(damaged))
        try:
            taken = drain(open_source(path))
        except MtfError as error:
            failed += str(error).startswith(str(path)) and "panicked" not in str(error)
        else:
            whole += taken.count + len(taken.refused) == 400
    assert failed + whole == 120
    assert failed > 30


def test_file_that_ends_the_process_that_reads_it_is_named_and_others_are_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = open_source(written(tmp_path / "GOOD.parquet", parquet(TICKS, row_group_size=500)))
    into = Taken()
    monkeypatch.setattr(arrow_files, "SCRIPT", written(tmp_path / "w.py", worker_that_dies()))
    arrow_files.stop_worker()
    good.fill(into.builder, 10)
    with pytest.raises(SourceError, match=r"BAD\.parquet.*it crashed the process that read it"):
        open_source(written(tmp_path / "BAD.parquet", parquet(TICKS)))
    into.take()
    assert drain(good, into=into).digest == expected().digest
    arrow_files.stop_worker()


def worker_that_dies() -> bytes:
    """The worker, in batches of 500 rows; asked for the second batch of a file called BAD.parquet it aborts."""
    text = arrow_files.SCRIPT.read_text()
    text = text.replace("BATCH_ROWS = 65_536", "BATCH_ROWS = 500")
    found = "    batch = next(opened.batches, None)\n"
    assert found in text
    dies = (
        "    opened.asked = getattr(opened, 'asked', 0) + 1\n    if 'BAD' in opened.file.name and opened.asked > 1:\n"
    )
    return text.replace(found, f"{dies}        import os\n        os.abort()\n{found}").encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PARE" + bytes(100), "an encrypted Parquet file: decrypt it"),
        (b"FEA1" + bytes(100), "a Feather file of version 1: save it as version 2"),
        (b"PAR1", "cannot be read as a Parquet file"),
        (b"PAR1" + bytes(100) + b"PAR1", "cannot be read as a Parquet file"),
        (b"ARROW1\0\0", "cannot be read as an Arrow file"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f", "cannot be read as an Arrow file"),
        (b"\xff\xff\xff\xff\x00\x00\x00\x00", "cannot be read as an Arrow file|has no columns"),
    ],
    ids=str,
)
def test_foreign_file_says_what_it_is(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(MtfError, match=says):
        drain(open_source(written(tmp_path / "EURUSD.x", data)))


def test_member_of_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("EURUSD.parquet", parquet(TICKS))
    with pytest.raises(SourceError, match="a Parquet file: decompress it"):
        open_source(tmp_path / "x.zip")


def test_format_that_a_file_is_not_of_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "EURUSD.parquet", parquet(TICKS))
    assert drain(open_source(path, format="parquet")).count == ROWS
    with pytest.raises(ConfigError, match="not binance, but parquet"):
        open_source(path, format="binance")
    TICKS.write_csv(tmp_path / "EURUSD.csv")
    with pytest.raises(ConfigError, match="not a file in columns"):
        open_source(tmp_path / "EURUSD.csv", format="arrow")


def test_file_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "EURUSD.parquet", parquet(TICKS))
    monkeypatch.setitem(__import__("sys").modules, "mtf.sources.arrow_files", None)
    with pytest.raises(MissingPackage, match=r"pip install 'mtf-engine\[arrow\]'"):
        open_source(path)


def test_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    path = written(tmp_path / "EURUSD.parquet", parquet(TICKS))
    source = open_source(path)
    path.unlink()
    with pytest.raises(SourceError, match="No such file"):
        drain(source)


def test_columns_of_nested_types_are_left_out(tmp_path: Path) -> None:
    frame = TICKS.with_columns(pl.concat_list("bid", "ask").alias("book"), pl.lit(b"x").alias("raw"))
    assert drain(open_source(written(tmp_path / "EURUSD.x", parquet(frame)))).digest == expected().digest


def test_arrow_schema_of_any_writer_is_read(tmp_path: Path) -> None:
    table = TICKS.to_arrow()
    table = table.set_column(0, "timestamp", table["ts_ns"].cast(pa.timestamp("ns", "UTC")))
    table = table.set_column(1, "symbol", table["symbol"].dictionary_encode())
    out = io.BytesIO()
    pyarrow.parquet.write_table(
        table, out, version="1.0", use_dictionary=False
    )  # times in µs, as old readers want them
    assert drain(open_source(written(tmp_path / "EURUSD.x", out.getvalue()))).digest == expected().digest
