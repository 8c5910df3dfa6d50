"""A data directory of format version 1, written once and never again: what could be gone on with still can."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from mtf.datadir import history_of, logged_config
from mtf.log import CheckpointStore
from mtf.pipeline import Pipeline
from mtf.recovery import engine_at, verify_replay
from tests.recovery.builders import feed, market

GOLDEN = Path(__file__).parents[1] / "data" / "checkpoint-v1"
EXPECTED: dict[str, Any] = orjson.loads((GOLDEN / "expected.json").read_bytes())
EVENTS = market(17, 160)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Opening takes a lock: work on a copy."""
    shutil.copytree(GOLDEN / "data", tmp_path / "data")
    return tmp_path / "data"


async def test_checkpoint_of_version_1_is_started_from_and_the_run_goes_on(data: Path) -> None:
    """Three symbols, twenty indicators: the state of then, and the events after it, come to the digest of then."""
    async with Pipeline(data=data, config=logged_config(data), clock="ticks", checkpoint_seconds=None) as pipeline:
        await pipeline.drain()
        assert pipeline.skipped_checkpoints == []
        assert (pipeline.seq, pipeline.digest) == (130, EXPECTED["digests"]["130"])
        await feed(pipeline, EVENTS[130:])
        await pipeline.drain()
        assert pipeline.digest == EXPECTED["digests"]["160"]


def test_log_of_version_1_comes_to_the_checkpoint_and_the_digests_of_then(data: Path) -> None:
    """To the bit: what a replay saves is the file's content."""
    assert CheckpointStore(data / "checkpoints").list() == [100]
    replayed = verify_replay(data)
    assert replayed == (130, EXPECTED["digests"]["130"], [100], [])
    assert engine_at(data, seq=100).digest.value() == EXPECTED["digests"]["100"]


def test_history_of_version_1_is_read_as_ever(data: Path) -> None:
    store = history_of(data)
    assert store.position() == EXPECTED["history_seq"]
    assert [list(row.values()) for row in store.bars("EURUSD", "1m")] == EXPECTED["bars"]
