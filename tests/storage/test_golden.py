"""A data directory of format version 1, written once and never again: what could be continued still can."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from mtf.errors import CorruptHistory
from mtf.pipeline import Pipeline
from mtf.storage.datadir import checkpoints_of, history_of, logged_config
from mtf.storage.restore import verify_replay
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
