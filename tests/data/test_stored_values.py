"""Completed indicator values come out of a data directory as a consumer was shown them, to the bit, or as null."""

from __future__ import annotations

import asyncio
import math
import shutil
import struct
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow
import pytest

import mtf
from mtf.cli.stored import compare_bars
from mtf.errors import ConfigError, UnknownIndicator
from mtf.storage.history.gather import FIXED
from mtf.storage.history.packs import Pack
from tests.storage.builders import Crashed, alter_packs, bits, feed, history_rows, market, rewind_history, until_crash

Shown = dict[tuple[str, str], list[tuple[int, dict[str, float]]]]

EVENTS = market(6, 1_500)
SPECS = ["sma:3", "rsi:5", "macd:2,4,3", "swings:2"]
SETTINGS: dict[str, Any] = {
    "clock": "ticks",
    "checkpoint_seconds": None,
    "timeframes": "1m,5m,1h,1d",
    "indicators": SPECS,
}


class Watcher(mtf.Consumer):
    """Keeps start and completed values of each bar, as its view has them."""

    name = "watcher"

    def __init__(self) -> None:
        self.shown: Shown = {}

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        values = view.of(bar.symbol)[bar.timeframe].completed
        self.shown.setdefault((bar.symbol, bar.timeframe.name), []).append((bar.start_ns, values.to_dict()))


async def watched(path: Path, **settings: Any) -> Shown:
    watcher = Watcher()
    async with mtf.Pipeline(data=path, **{**SETTINGS, **settings}) as pipeline:
        pipeline.add(watcher)
        await feed(pipeline, EVENTS[:700])
        await pipeline.checkpoint()
        await feed(pipeline, EVENTS[700:])
        await pipeline.drain()
    return watcher.shown


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shown]:
    """Return a directory, and what was shown while it was made; not to be written to."""
    path = tmp_path_factory.mktemp("values") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtf.storage.history.writer.ROWS_MAX", 50)  # so that runs are merged
        patch.setattr("mtf.storage.history.writer.BEHIND_MAX", 0)
        patch.setattr("mtf.storage.history.rewriting.PACK_BARS", 64)
        return path, asyncio.run(watched(path))


def as_bits(values: dict[str, float]) -> list[bytes]:
    return [bits(value) if value == value else b"none" for value in values.values()]


def check(path: Path, shown: Shown) -> None:
    """Compare everything that the tables of *path* have with what was *shown*."""
    with mtf.open(path) as data:
        for (symbol, timeframe), wanted in shown.items():
            for row, (start_ns, values) in zip(
                data.bars(symbol, timeframe, indicators=True).to_dicts(), wanted, strict=True
            ):
                found = {name: math.nan if row[name] is None else row[name] for name in values}
                assert row["start_ns"] == start_ns
                assert as_bits(found) == as_bits(values), (symbol, timeframe, start_ns)


def test_values_are_those_that_on_bar_was_shown(whole: tuple[Path, Shown]) -> None:
    assert sum(map(len, whole[1].values())) > 300
    check(*whole)


@pytest.mark.parametrize("stored", [0, 1, 699, 700, 1_100, 1_499])
def test_values_that_are_not_stored_yet_come_of_the_log(whole: tuple[Path, Shown], tmp_path: Path, stored: int) -> None:
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    rewind_history(path, stored)
    check(path, whole[1])


async def test_workers_values_are_stored_too(whole: tuple[Path, Shown], tmp_path: Path) -> None:
    """They are computed in another process."""
    await watched(tmp_path / "run", workers=2)
    check(tmp_path / "run", whole[1])
    assert history_rows(tmp_path / "run") == history_rows(whole[0])


@pytest.mark.parametrize("at", [1, 320, 700, 901])
async def test_a_crash_leaves_no_value_and_no_reject_out_and_none_twice(
    whole: tuple[Path, Shown], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The next start makes the history whole from the log."""
    monkeypatch.setattr("mtf.storage.history.writer.ROWS_MAX", 30)
    monkeypatch.setattr("mtf.storage.history.writer.BEHIND_MAX", 0)
    path = tmp_path / "run"
    with until_crash():
        async with mtf.Pipeline(data=path, **SETTINGS) as pipeline:
            await feed(pipeline, EVENTS[:at])
            raise Crashed
    async with mtf.Pipeline(data=path, **SETTINGS) as pipeline:
        await pipeline.drain()
        await feed(pipeline, EVENTS[pipeline.seq :])
        await pipeline.drain()
    assert history_rows(path) == history_rows(whole[0])
    check(path, whole[1])


def test_a_value_that_was_not_ready_is_null_everywhere(whole: tuple[Path, Shown]) -> None:
    """And NaN in pandas, which has nothing else."""
    with mtf.open(whole[0]) as data:
        table = data.bars("EURUSD", "1m", indicators=["rsi_5", "sma_3"])
        assert table.columns[-3:] == ["seq", "rsi_5", "sma_3"]
        wanted = [row["rsi_5"] for row in table.to_dicts()]
        assert wanted[:5] == [None] * 5
        assert None not in wanted[5:]
        assert polars.DataFrame(table)["rsi_5"].to_list() == wanted
        assert polars.DataFrame(table)["rsi_5"].null_count() == 5
        asked = pyarrow.table(table)
        assert asked["rsi_5"].to_pylist() == wanted
        found = duckdb.sql("SELECT rsi_5 FROM asked ORDER BY start")
        assert found is not None
        assert [value for (value,) in found.fetchall()] == wanted
        frame = table.to_pandas()
        assert frame["rsi_5"].isna().tolist() == [value is None for value in wanted]
        assert frame["sma_3"].dtype == "float64"


def test_values_of_several_timeframes_stand_side_by_side(whole: tuple[Path, Shown]) -> None:
    with mtf.open(whole[0]) as data:
        rows = data.bars(["EURUSD", "USDJPY"], ["1m", "5m"], indicators="sma_3").to_dicts()
        assert {(row["symbol"], row["timeframe"]) for row in rows if row["sma_3"] is not None} == {
            (symbol, timeframe) for symbol in ("EURUSD", "USDJPY") for timeframe in ("1m", "5m")
        }


def test_a_timeframe_that_was_not_run_has_no_values(whole: tuple[Path, Shown]) -> None:
    """They are not those of another one; beside one that was run its values are null."""
    with mtf.open(whole[0]) as data:
        assert "sma_3" not in data.bars("EURUSD", "2m", indicators=True).columns
        rows = data.bars("EURUSD", ["2m", "5m"], indicators=True).to_dicts()
        assert {row["sma_3"] for row in rows if row["timeframe"] == "2m"} == {None}
        assert len({row["sma_3"] for row in rows if row["timeframe"] == "5m"}) > 5


@pytest.mark.parametrize("asked", ["rsi_14", ["sma_3", "x'; DROP TABLE packs; --"]])
def test_a_value_that_was_not_run_is_an_error_that_names_those_that_were(
    whole: tuple[Path, Shown], asked: str | list[str]
) -> None:
    with (
        mtf.open(whole[0]) as data,
        pytest.raises(UnknownIndicator, match=r"was run .* for these timeframes; choose from sma_3, rsi_5, macd"),
    ):
        data.bars("EURUSD", "1m", indicators=asked)


async def test_values_can_be_left_out(whole: tuple[Path, Shown], tmp_path: Path) -> None:
    """A history without them takes less; they are null then, until a run stores them again."""
    path = tmp_path / "run"
    async with mtf.Pipeline(data=path, history_values=False, **SETTINGS) as pipeline:
        await feed(pipeline, EVENTS[:900])
    async with mtf.Pipeline(data=path, **SETTINGS) as pipeline:
        await pipeline.drain()
        await feed(pipeline, EVENTS[900:])
    with mtf.open(path) as data:
        for timeframe in ("1m", "5m"):
            wanted = dict(whole[1]["EURUSD", timeframe])
            for row in data.bars("EURUSD", timeframe, indicators=True).to_dicts():
                value = None if row["seq"] <= 900 else wanted[row["start_ns"]]["sma_3"]
                assert row["sma_3"] == value
    with pytest.raises(ConfigError, match="history_values must be True or False, got 'no'"):
        mtf.Pipeline(data=path, history_values="no")  # type: ignore[arg-type]


async def test_values_of_another_formula_are_null(
    whole: tuple[Path, Shown], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release may change one: what was stored before is not what the indicator gives now."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    monkeypatch.setattr("mtf.data.data_reader.versions_of", lambda config: {"sma": 2})
    with mtf.open(path) as data:
        assert {row["sma_3"] for row in data.bars("EURUSD", "1m", indicators=True).to_dicts()} == {None}


def test_verify_compares_stored_values_with_those_of_the_log(whole: tuple[Path, Shown], tmp_path: Path) -> None:
    """What was altered with all its sums, only a replay can find."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    assert compare_bars(path) == []

    def alter(data: bytearray, pack: Pack) -> None:
        place = FIXED * 8 * pack.bars + (pack.bars - 1) * 8
        struct.pack_into("<d", data, place, 7.0)

    alter_packs(path, alter)
    assert compare_bars(path) != []
