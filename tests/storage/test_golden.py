"""A data directory of format version 1, written once and never again: what could be continued still can."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import zstandard

from mtf.engine import Engine
from mtf.errors import CorruptHistory
from mtf.pipeline import Pipeline
from mtf.storage.datadir import checkpoints_of, history_of, logged_config
from mtf.storage.restore import engine_at, verify_replay
from tests.builders import give
from tests.storage.builders import feed, market

GOLDEN = Path(__file__).parents[1] / "data" / "checkpoint-v1"
EXPECTED: dict[str, Any] = orjson.loads((GOLDEN / "expected.json").read_bytes())
EVENTS = market(17, 160)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Opening takes a lock: work on a copy."""
    shutil.copytree(GOLDEN / "data", tmp_path / "data")
    return tmp_path / "data"


# Its sizes are drawn from [0, 1): their sums are not exact, and volumes are added up with compensation now.
DIGEST_130: Final = "e16c0ab0ea3390f36d80feadd2712d5b"


async def test_checkpoint_of_version_1_is_passed_over_and_the_log_played(data: Path) -> None:
    """Three symbols, twenty indicators: what it holds are results of then."""
    async with Pipeline(data=data, config=logged_config(data), clock="ticks", checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
        assert [Path(each.path).name for each in pipeline.skipped_checkpoints] == ["checkpoint-0000000000000000100.mtf"]
        assert (pipeline.seq, pipeline.digest) == (130, DIGEST_130)
        assert EXPECTED["digests"]["130"] != DIGEST_130


async def test_directory_of_version_1_goes_on(data: Path) -> None:
    """Over a restart, from a checkpoint of its own, to the digest of a replay."""
    config = logged_config(data)
    async with Pipeline(data=data, config=config, clock="ticks", checkpoint_seconds=None) as pipeline:
        await feed(pipeline, EVENTS[130:150])
        assert await pipeline.checkpoint() == 150
    async with Pipeline(data=data, config=config, clock="ticks", checkpoint_seconds=None) as pipeline:
        assert pipeline.skipped_checkpoints == []
        await feed(pipeline, EVENTS[150:])
        await pipeline.drain()
        digest = pipeline.digest
    replayed = verify_replay(data)
    assert replayed == (160, digest, [150], [])


def test_checkpoint_of_version_1_is_no_damage(data: Path) -> None:
    """It was right when it was made."""
    assert checkpoints_of(data, logged_config(data)).list() == [100]
    assert verify_replay(data) == (130, DIGEST_130, [], [])


async def test_history_of_version_1_is_kept_and_another_made(data: Path) -> None:
    before = (data / "history.sqlite").read_bytes()
    with pytest.raises(CorruptHistory, match="made by an earlier mtf; the next run on the directory rebuilds it"):
        history_of(data).position()
    async with Pipeline(data=data, config=logged_config(data), clock="ticks", checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
    assert (data / "history-before-1.sqlite").read_bytes() == before
    store = history_of(data)
    assert store.position() == EXPECTED["history_seq"]
    bars = [list(row) for page in store.pages("EURUSD", "1m") for row in page]
    assert [bar[:8] for bar in bars] == [bar[:8] for bar in EXPECTED["bars"]]
    assert [bar[9] for bar in bars] == [bar[9] for bar in EXPECTED["bars"]]
    assert [bar[8] for bar in bars] == pytest.approx([bar[8] for bar in EXPECTED["bars"]], rel=1e-12)


# Directories with the results of today. In the first, a checkpoint has one piece a part, and bars and values with the
# state of their symbol; in the second, pieces, and completed bars and values as columns; in the third, these are in
# files beside it.
STATES: Final = {name: Path(__file__).parents[1] / "data" / name for name in ("state-v1", "state-v2", "state-v3")}
STATE_EVENTS: Final = market(23, 220)


@pytest.mark.parametrize("name", STATES)
async def test_a_checkpoint_of_each_version_is_started_from(name: str, tmp_path: Path) -> None:
    """Bars of time, ticks and volume, twenty indicators: the state is that of a replay, to the bit."""
    data = tmp_path / "data"
    shutil.copytree(STATES[name] / "data", data)
    expected = orjson.loads((STATES[name] / "expected.json").read_bytes())
    assert verify_replay(data) == (180, expected["digest_180"], [150], [])
    config = logged_config(data)
    async with Pipeline(data=data, config=config, clock="ticks", checkpoint_seconds=None) as pipeline:
        assert pipeline.skipped_checkpoints == []
        await pipeline.drain()
        assert (pipeline.seq, pipeline.digest) == (180, expected["digest_180"])
        await feed(pipeline, STATE_EVENTS[180:])
        await pipeline.drain()
        digest = pipeline.digest
        states = {symbol: orjson.dumps(pipeline.snapshot(symbol).to_dict(20)) for symbol in pipeline.symbols}
    assert verify_replay(data).digest == digest
    engine = engine_at(data)
    again = {symbol: engine.snapshot(engine.number_of(symbol)) for symbol in engine.symbols()}
    assert {symbol: orjson.dumps(each.to_dict(20)) for symbol, each in again.items()} == states


@pytest.mark.parametrize("name", STATES)
def test_an_engine_of_each_version_goes_on(name: str) -> None:
    config = logged_config(STATES[name] / "data")
    expected = orjson.loads((STATES[name] / "expected.json").read_bytes())
    engine, beside = Engine(config), Engine(config)
    engine.load(zstandard.ZstdDecompressor().decompress((STATES[name] / "engine.zst").read_bytes()))
    assert (engine.seq, engine.digest) == (150, expected["engine_150"])
    for each, events in ((engine, STATE_EVENTS[150:]), (beside, STATE_EVENTS)):
        for event in events:
            give(each, event)
    assert engine.digest == beside.digest
    assert engine.save() == beside.save()
