"""Whatever a start finds, changes or skips, it says: as a warning, in a property, and on the command line."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from mtf.config import Config
from mtf.errors import MalformedEvent
from mtf.events.tick import Tick
from mtf.log import FileLog, kept_tails
from mtf.pipeline import Pipeline
from tests.builders import copy_if_there
from tests.cli.builders import json_of, mtf
from tests.storage.builders import FRIDAY, feed, market

EVENTS = market(9, 60)
CONFIG = Config.make(history=20)


def pipeline_on(data: Path, **settings: Any) -> Pipeline:
    return Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None, **settings)


async def left_by_a_crash(data: Path, running: Path) -> Path:
    """Make *data* as a kill leaves it: the segment has no seal, and a checkpoint of seq 40 is there."""
    async with pipeline_on(running) as pipeline:
        await feed(pipeline, EVENTS[:40])
        await pipeline.checkpoint()
        await feed(pipeline, EVENTS[40:])
        await pipeline.durable(60)
        shutil.copytree(running, data, copy_function=copy_if_there)
    return next((data / "log").glob("*.log"))


async def test_a_log_that_was_cut_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Events that were there are no more: a warning, a property, and the file that has them."""
    segment = await left_by_a_crash(tmp_path / "data", tmp_path / "running")
    os.truncate(segment, segment.stat().st_size - 5)
    with caplog.at_level(logging.WARNING, "mtf"):
        async with pipeline_on(tmp_path / "data") as pipeline:
            assert pipeline.torn_tail is not None
            assert (pipeline.torn_tail.seq, pipeline.logged_seq) == (60, 59)
            (sentence,) = pipeline.notes
    assert "from seq 60 on, were cut off and are kept as log/torn-" in sentence
    assert sentence in caplog.messages
    (tail,) = kept_tails(tmp_path / "data" / "log")
    assert (tail.events, tail.first_seq, tail.last_seq) == (1, 60, 60)


async def test_a_good_start_has_nothing_to_say(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A warning that always comes is read by nobody."""
    await left_by_a_crash(tmp_path / "data", tmp_path / "running")
    async with pipeline_on(tmp_path / "data") as pipeline:
        await pipeline.drain()
        assert (pipeline.torn_tail, pipeline.notes, pipeline.skipped_checkpoints) == (None, [], [])
    assert [record for record in caplog.records if record.name.startswith("mtf")] == []


async def test_damage_in_an_unsealed_segment_is_listed_with_all_that_it_cost(tmp_path: Path) -> None:
    """One bit can take out many events: `inspect` and `verify` say which, as long as the file is kept."""
    segment = await left_by_a_crash(tmp_path / "data", tmp_path / "running")
    data = bytearray(segment.read_bytes())
    data[-20 * 112] ^= 1
    segment.write_bytes(data)
    log = FileLog.open(tmp_path / "data" / "log", config=None)
    torn, last_seq = log.torn, log.last_seq
    log.close()
    assert torn is not None
    assert torn.seq == last_seq + 1 < 60
    name = Path(torn.kept).name
    for command in ("verify", "inspect"):
        (listed,) = json_of(command, tmp_path / "data", "--json")["log"]["torn"]
        assert (Path(listed["path"]).name, listed["bytes"]) == (name, torn.bytes)
        assert listed["last_seq"] == 60
        shown = mtf(command, tmp_path / "data")
        assert f"kept aside: {name}" in shown.stdout
        assert "to 60 of the log before the cut" in shown.stdout


async def test_a_tail_in_which_nothing_can_be_made_out_is_listed_too(tmp_path: Path) -> None:
    """A header that was cut short says nothing; the bytes are there all the same."""
    segment = await left_by_a_crash(tmp_path / "data", tmp_path / "running")
    with segment.open("ab") as file:
        file.write(b"\xf7\xb1half a header")
    async with pipeline_on(tmp_path / "data") as pipeline:
        assert pipeline.logged_seq == 60
    (tail,) = kept_tails(tmp_path / "data" / "log")
    assert (tail.bytes, tail.events, tail.first_seq) == (15, 0, 0)
    assert "with no readable event" in mtf("inspect", tmp_path / "data").stdout


async def test_skipped_checkpoints_are_known_before_anything_is_drained(tmp_path: Path) -> None:
    """Who looks right after the start sees what it will skip."""
    await left_by_a_crash(tmp_path / "data", tmp_path / "running")
    (checkpoint,) = (tmp_path / "data" / "checkpoints").glob("checkpoint-*")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    async with pipeline_on(tmp_path / "data") as pipeline:
        first = [each.reason for each in pipeline.skipped_checkpoints]
        await pipeline.drain()
        assert [each.reason for each in pipeline.skipped_checkpoints] == first
    assert [str(checkpoint) in reason for reason in first] == [True]


async def test_malformed_rows_are_counted_over_all_runs(tmp_path: Path) -> None:
    """The log does not have them, so the file that keeps them aside counts."""
    bad = Tick("", FRIDAY, 1.0, 1.1)
    for run in range(1, 3):
        async with pipeline_on(tmp_path / "data") as pipeline:
            for _ in range(2):
                with pytest.raises(MalformedEvent):
                    await pipeline.push(bad)
            assert pipeline.summary().rejected["malformed"] == 2 * run
    assert json_of("inspect", tmp_path / "data", "--json")["malformed"] == 4


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], 0),
        (["row", "row"], 2),
        (["row", '{"total":12000}'], 12_000),
        (["row", '{"total":12000}', "row", "row"], 12_002),
        (["row", '{"total":12000}', "half a ro"], 12_001),
        (["row", '{"total":-3}'], 2),
    ],
)
async def test_rows_too_many_to_keep_are_counted_by_the_total_of_their_run(
    tmp_path: Path, lines: list[str], expected: int
) -> None:
    """10,000 rows of each run are kept, and all are counted; what a crash left is counted line by line."""
    async with pipeline_on(tmp_path) as pipeline:
        pass
    row = orjson.dumps({"place": "f.csv", "line": 3, "reason": "r", "raw": "x" * 80}).decode()
    text = "\n".join(lines).replace("row", row)
    (tmp_path / "malformed.jsonl").write_text(text + ("" if text.endswith("ro") or not text else "\n"))
    async with pipeline_on(tmp_path) as pipeline:
        assert pipeline.summary().rejected.get("malformed", 0) == expected
        with pytest.raises(MalformedEvent):
            await pipeline.push(Tick("", FRIDAY, 1.0, 1.1))
    async with pipeline_on(tmp_path) as pipeline:
        assert pipeline.summary().rejected["malformed"] == expected + 1
