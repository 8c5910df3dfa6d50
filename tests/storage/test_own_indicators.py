"""Indicators of users over a restart: their state is carried on to the bit, and a changed formula is noticed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.indicators import BarNow, Declaration, PythonIndicator, register
from mtf.storage.datadir import checkpoints_of, logged_config
from mtf.storage.restore import engine_at, verify_replay
from tests.storage.builders import feed, market

EVENTS: Final = market(5, 160)
CHECKPOINT: Final = 120


class Streak(PythonIndicator):
    """How many bars in a row closed higher, and a checksum of all closes that no float could hold."""

    declares = Declaration(name="streak", title="x", group="custom", formula="x", source="x", outputs=("", "sum"))

    def step(self, state: list[Any], bar: BarNow) -> tuple[float, ...]:
        if not state:
            state.append({"last": None, "streak": 0, "sum": 2**53})
        kept = state[0]
        rose = kept["last"] is not None and bar.close > kept["last"]
        kept["streak"] = kept["streak"] + 1 if rose else 0
        kept["last"] = bar.close
        kept["sum"] += 1 + int(bar.close * 1e5) % 2
        return float(kept["streak"]), float(kept["sum"] % 1_000)


class StreakOf2(Streak):
    """The same under the same name, with another formula."""

    declares = Declaration(
        name="streak", title="x", group="custom", formula="y", source="x", outputs=("", "sum"), version=2
    )

    def step(self, state: list[Any], bar: BarNow) -> tuple[float, ...]:
        first, second = super().step(state, bar)
        return -first, second


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})
    register(Streak)


def install(cls: type[PythonIndicator]) -> None:
    """Have *cls* be the installed `streak`, as after an update of its package."""
    sys.modules[register.__module__]._REGISTERED.clear()
    register(cls)


def pipeline_on(data: Path) -> mtf.Pipeline:
    return mtf.Pipeline(
        data=data,
        timeframes=["1m", "5m"],
        indicators=["streak", "ema:3@streak"],
        clock="ticks",
        checkpoint_seconds=None,
    )


async def fed(data: Path, first: int, last: int, *, checkpoint: bool = False) -> str:
    """Feed the events from *first* to *last* and return the digest of everything."""
    async with pipeline_on(data) as pipeline:
        await feed(pipeline, EVENTS[first:last])
        if checkpoint:
            assert await pipeline.checkpoint() == last
        await pipeline.drain()
        return pipeline.digest


def completed_values(data: Path) -> list[str]:
    """Return the completed values of all symbols and timeframes as text, in which NaN equals NaN."""
    engine = engine_at(data)
    return [repr(state.completed.values()) for number in range(3) for state in engine.snapshot(number)]


async def test_a_restart_carries_on_what_a_users_indicator_remembers(tmp_path: Path) -> None:
    """Ints of any size, None and dicts: the run with a restart is the run without one."""
    await fed(tmp_path / "two", 0, CHECKPOINT, checkpoint=True)
    async with pipeline_on(tmp_path / "two") as pipeline:
        assert pipeline.skipped_checkpoints == []
        await feed(pipeline, EVENTS[CHECKPOINT:])
        await pipeline.drain()
        digest = pipeline.digest
    assert digest == await fed(tmp_path / "one", 0, len(EVENTS))
    assert verify_replay(tmp_path / "two") == (len(EVENTS), digest, [CHECKPOINT], [])


async def test_a_checkpoint_of_another_version_of_a_formula_is_not_used_and_a_note_says_so(tmp_path: Path) -> None:
    """Half of a state by the old formula and half by the new one would be the state of none."""
    data = tmp_path / "run"
    await fed(data, 0, CHECKPOINT, checkpoint=True)
    install(StreakOf2)
    async with pipeline_on(data) as pipeline:
        (skipped,) = pipeline.skipped_checkpoints
        assert skipped.reason.endswith(
            "made with version 1 of the indicator streak, and version 2 is installed: the log is replayed instead"
        )
        (note,) = [note for note in pipeline.notes if "version" in note]
        assert "began with version 1 of the indicator streak, and version 2 is installed" in note
        await feed(pipeline, EVENTS[CHECKPOINT:])
        await pipeline.drain()
        digest = pipeline.digest
    whole = tmp_path / "whole"
    assert digest == await fed(whole, 0, len(EVENTS))
    assert completed_values(data) == completed_values(whole)


async def test_a_directory_goes_on_with_checkpoints_of_the_new_version(tmp_path: Path) -> None:
    """The log still says what it was begun with: that is no reason to play it at each start."""
    data = tmp_path / "run"
    await fed(data, 0, 60, checkpoint=True)
    install(StreakOf2)
    digest = await fed(data, 60, CHECKPOINT, checkpoint=True)
    async with pipeline_on(data) as pipeline:
        assert pipeline.skipped_checkpoints == []
        await pipeline.drain()
        assert pipeline.digest == digest
    assert verify_replay(data) == (CHECKPOINT, digest, [CHECKPOINT], [])
    install(Streak)  # and back: neither is this a state of the first version
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        assert [Path(each.path).name for each in pipeline.skipped_checkpoints] == [f"checkpoint-{CHECKPOINT:019d}.mtf"]
        assert pipeline.digest == await fed(tmp_path / "whole", 0, CHECKPOINT)


async def test_a_configuration_says_the_versions_of_its_formulas_but_for_first_ones(tmp_path: Path) -> None:
    """Directories of before have the bytes that they had; what a log began with is known from it alone."""
    first = mtf.Config.make(indicators=["streak", "rsi:14"])
    assert b"versions" not in first.to_json()
    install(StreakOf2)
    second = mtf.Config.make(indicators=["ema:3@streak", "rsi:14"])
    assert second.versions == (("streak", 2),)
    assert mtf.Config.from_json(second.to_json()) == second
    await fed(tmp_path, 0, 10, checkpoint=True)
    assert logged_config(tmp_path).versions == (("streak", 2),)
    checkpoint = checkpoints_of(tmp_path, logged_config(tmp_path)).read(10)
    assert checkpoint.meta["versions"] == {"streak": 2}
    async with pipeline_on(tmp_path) as pipeline:
        assert [note for note in pipeline.notes if "version" in note] == []


@pytest.mark.parametrize("versions", [[], {"streak": "2"}, "x"], ids=repr)
async def test_versions_that_are_none_make_a_checkpoint_of_no_use(tmp_path: Path, versions: Any) -> None:
    """A checkpoint may come from a stranger."""
    digest = await fed(tmp_path, 0, 20, checkpoint=True)
    store = checkpoints_of(tmp_path, logged_config(tmp_path))
    found = store.read(20)
    store.save(20, {**found.meta, "versions": versions}, found.parts)
    async with pipeline_on(tmp_path) as pipeline:
        (skipped,) = pipeline.skipped_checkpoints
        assert skipped.reason == "its metadata is incomplete"
        await pipeline.drain()
        assert pipeline.digest == digest
