"""What goes out comes in again: ticks and bars as frames, Parquet and CSV give the same bars, to the bit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from polars.testing import assert_frame_equal

import mtf
from tests.data.recorded import Recorder, recorded
from tests.storage.builders import SYMBOLS, market

SETTINGS: Final[dict[str, Any]] = {"calendar": "fx", "timeframes": "1m,5m,1h,1d", "indicators": ["sma:3"]}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("round") / "run"
    recorded(path, market(3, 3_000), **{**SETTINGS, "calendar": "crypto"})
    return path


def ran(source: Any, **options: Any) -> tuple[mtf.Summary, Recorder]:
    """Run *source* on no disk; return the summary, and what a consumer was shown."""

    async def run() -> tuple[mtf.Summary, Recorder]:
        recorder = Recorder()
        async with mtf.Pipeline(**{**SETTINGS, "calendar": "crypto"}, clock="ticks") as pipeline:
            pipeline.add(recorder)
            return await pipeline.run(source, **options), recorder

    return asyncio.run(run())


def quotes(directory: Path) -> pl.DataFrame:
    """The ticks of a directory in order of time, with what mtf says of them."""
    with mtf.open(directory) as data:
        return pl.concat([data.ticks(symbol).to_polars() for symbol in SYMBOLS]).sort("time", "seq")


def test_ticks_that_were_read_out_give_the_same_bars_from_a_frame_parquet_and_csv(
    directory: Path, tmp_path: Path
) -> None:
    frame = quotes(directory).select("symbol", "time", "bid", "ask", "bid_size", "ask_size", "price", "size")
    frame = frame.filter(pl.col("bid").is_not_null() | pl.col("ask").is_not_null()).drop("price", "size")
    frame.write_parquet(tmp_path / "ticks.parquet")
    frame.write_csv(tmp_path / "ticks.csv")
    summary, recorder = ran(frame)
    assert summary.ticks > 1_000
    assert len(recorder.seen) > 100
    for source in (tmp_path / "ticks.parquet", tmp_path / "ticks.csv", frame.to_arrow(), frame.to_pandas()):
        other, shown = ran(source)
        assert other.digest == summary.digest
        assert shown.seen == recorder.seen
        assert other.rows == summary.rows


def test_bars_that_were_read_out_are_read_in_again(directory: Path, tmp_path: Path) -> None:
    """A table of mtf is a source as it is; minutes make the same five minutes as the ticks did."""
    with mtf.open(directory) as data:
        minutes = data.bars(SYMBOLS[0], "1m")
        fives = data.bars(SYMBOLS[0], "5m").to_polars()
        minutes.to_polars().write_parquet(tmp_path / "minutes.parquet")
        summary, recorder = ran(minutes, timeframe="1m")
        other, shown = ran(tmp_path / "minutes.parquet", timeframe="1m")
    assert shown.seen == recorder.seen
    assert summary.digest == other.digest
    made = [bar for _, bar in recorder.seen if bar.timeframe == "5m"]
    columns = ["open", "high", "low", "close"]
    got = pl.DataFrame([{name: getattr(bar, name) for name in columns} for bar in made])
    assert len(made) > 10
    assert_frame_equal(got, fives.select(columns)[: len(made)], check_exact=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 90_000), st.floats(0.5, 2.0), st.floats(0, 5)), min_size=1, max_size=60))
def test_any_floats_survive_parquet_and_csv_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float, float]]
) -> None:
    at, stamps = 1_709_683_200_000_000_000, []
    for step, _, _ in rows:
        at += step * 1_000_000
        stamps.append(at)
    frame = pl.DataFrame({"ts_ns": stamps, "price": [row[1] for row in rows], "size": [row[2] for row in rows]})
    folder = tmp_path_factory.mktemp("floats")
    frame.write_parquet(folder / "X.parquet")
    frame.write_csv(folder / "X.csv")
    summary, recorder = ran(frame, symbol="X")
    for path in (folder / "X.parquet", folder / "X.csv"):
        other, shown = ran(path)
        assert other.digest == summary.digest
        assert shown.seen == recorder.seen
