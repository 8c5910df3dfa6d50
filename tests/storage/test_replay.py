"""A replay of the log comes to what the run came to, at each checkpoint and at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.config import Config
from mtf.errors import CorruptLog
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import encode_checkpoint
from mtf.storage.restore import engine_at, verify_replay
from tests.storage.builders import feed, market

EVENTS = market(41, 150)
CONFIG = Config.make(indicators="core", timeframes=["1m", "15m"], history=15)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A run with three checkpoints, a restart among them."""
    done = 0
    for ends in ((40,), (90, 150)):
        async with Pipeline(data=tmp_path, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
            for end in ends:
                await feed(pipeline, EVENTS[done:end])
                assert await pipeline.checkpoint() == end
                done = end
    return tmp_path


async def test_digest_of_each_checkpoint_and_of_the_end_is_that_of_a_replay(data: Path) -> None:
    """Same log, same result, wherever the run was stopped and whatever blocks its events went in."""
    replayed = verify_replay(data)
    assert (replayed.seq, replayed.agreed, replayed.damage) == (150, [40, 90, 150], [])
    assert replayed.digest == engine_at(data).digest.value()
    async with Pipeline(config=CONFIG, clock="ticks", block_events=64) as pipeline:
        assert (await pipeline.replay(data)).digest == replayed.digest


def forged(data: Path, seq: int, *, digest: str = "", part: str = "") -> None:
    found = FileCheckpointStore(data / "checkpoints").read(seq)
    parts = dict(found.parts)
    if part:
        parts[part] = parts[part][:-1] + bytes([parts[part][-1] ^ 1])
    meta = {**found.meta, **({"digest": digest} if digest else {})}
    Path(found.path).write_bytes(encode_checkpoint(seq, meta, parts))


def test_checkpoint_that_says_something_else_is_told(data: Path) -> None:
    """Sound files with another digest or another state, and one cut short: each is reported, and the rest agrees."""
    forged(data, 40, digest="0" * 32)
    forged(data, 90, part="joiner")
    replayed = verify_replay(data)
    assert replayed.agreed == [150]
    assert [reason.reason.partition(",")[0] for reason in replayed.damage] == [
        f"its digest is {'0' * 32}",
        "the saved state of joiner is invalid: saved state: 72057594037927936 at byte 96 is not in 0..1",
    ]
    path = data / "checkpoints" / f"checkpoint-{150:019d}.mtf"
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut short" in verify_replay(data).damage[-1].reason


def test_damaged_log_is_no_digest(data: Path) -> None:
    """A replay never goes around damage."""
    path = max((data / "log").glob("*.log"))
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CorruptLog):
        verify_replay(data)
