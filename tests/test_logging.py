"""Every fact of a run is a record of the standard library's logging, with its event and facts as attributes."""

from __future__ import annotations

import ast
import asyncio
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.errors import ConsumerStuck
from mtf.log_lines import JsonLines, TextLines
from mtf.loggers import EVENTS, LOGGER, is_reported, report
from tests.builders import at, copy_if_there, ticks
from tests.fake_clock import FakeClock

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: dict[str, Any] = {"timeframes": "1m", "clock": "ticks", "checkpoint_seconds": None}


def documented() -> dict[str, tuple[str, str, set[str]]]:
    """Return logger, level and facts of each event, as docs/logging.md has them."""
    page = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8").partition("## Events")[2]
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (\w+) \| .* \|([^|]*)\|$", page, re.MULTILINE)
    return {event: (name, level, set(re.findall(r"`(\w+)`", facts))) for event, name, level, facts in rows}


def reported_in_code() -> set[str]:
    """Return each event that a call in mtf names."""
    found = set()
    for path in (ROOT / "mtf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "loggers.py":
                found.add(node.value)
    return found & EVENTS.keys()


def test_every_event_is_documented_and_reported() -> None:
    """A record that nobody knows of is not looked for, and a documented one that never comes is waited for."""
    levels = {event: (name, logging.getLevelName(level).lower()) for event, (name, level) in EVENTS.items()}
    assert {event: (name, level) for event, (name, level, _) in documented().items()} == levels
    assert reported_in_code() == EVENTS.keys()


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """All records of mtf."""
    handler, level = _Kept(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield handler.records
    LOGGER.setLevel(level)
    LOGGER.removeHandler(handler)


def facts(records: list[logging.LogRecord], event: str) -> list[dict[str, Any]]:
    """Return the facts of each record of *event*, which must be those that are documented."""
    found = [vars(each) for each in records if getattr(each, "event", "") == event]
    expected = documented()[event][2]
    own = {*vars(logging.makeLogRecord({})), "message", "event", "asctime"}
    for each in found:
        assert each.keys() - own == expected
        assert each["name"] == EVENTS[event][0]
    return [{name: each[name] for name in expected} for each in found]


async def test_life_of_a_pipeline_is_reported(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    """Start, checkpoint, stop, and what a second start played again."""
    data = tmp_path / "run"
    async with mtf.Pipeline(data=data, **SETTINGS) as pipeline:
        for tick in ticks("10:00@1 10:01@2 09:59@1 10:02@-5"):
            await pipeline.push(tick)
        assert await pipeline.checkpoint() == 4
    assert facts(records, "pipeline_started") == [{"path": str(data), "seq": 0}]
    assert facts(records, "pipeline_stopped") == [{"path": str(data), "seq": 4}]
    (written,) = facts(records, "checkpoint_written")
    assert written["seq"] == 4
    assert written["bytes"] > 0
    assert 0 < written["stall_seconds"] < written["seconds"]
    assert facts(records, "consumer_added") == [{"consumer": "history", "seq": 0}]
    assert facts(records, "events_counted") == [
        {"symbol": "EURUSD", "kind": "price", "count": 1, "total": 1},
        {"symbol": "EURUSD", "kind": "late", "count": 1, "total": 1},
    ]
    records.clear()
    async with mtf.Pipeline(data=data, **SETTINGS) as pipeline:
        await pipeline.push(ticks("09:58@1")[0])
        await pipeline.drain()
    assert facts(records, "pipeline_caught_up") == [{"path": str(data), "seq": 4, "checkpoint_seq": 4, "events": 0}]
    assert {each["total"] for each in facts(records, "events_counted")} == {1, 2}


async def test_late_ticks_that_are_accepted_are_counted_in_a_record(records: list[logging.LogRecord]) -> None:
    """Their number is in the summary; a log that is read later says so too, and only what is new."""
    async with mtf.Pipeline(late="accept", **SETTINGS) as pipeline:
        await pipeline.run(ticks("10:00:30@1 10:00:10@2"))
        await pipeline.run(ticks("10:00:40@1 10:00:20@2"), order="log")
    counted = facts(records, "events_counted")
    assert [(each["kind"], each["count"], each["total"]) for each in counted] == [
        ("late_accepted", 1, 1),
        ("late_accepted", 1, 2),
    ]
    assert [each["accepted"] for each in facts(records, "source_read")] == [2, 2]


async def test_a_torn_tail_is_a_record_with_its_place(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    """An operator greps for the event, and a program reads the path of what was cut off."""
    async with mtf.Pipeline(data=tmp_path / "running", **SETTINGS) as pipeline:
        for tick in ticks("10:00@1 10:01@2 10:02@3"):
            await pipeline.push(tick)
        await pipeline.durable(3)
        shutil.copytree(tmp_path / "running" / "log", tmp_path / "data" / "log", copy_function=copy_if_there)
    segment = next((tmp_path / "data" / "log").glob("*.log"))
    os.truncate(segment, segment.stat().st_size - 5)
    async with mtf.Pipeline(data=tmp_path / "data", **SETTINGS) as pipeline:
        tail = pipeline.torn_tail
    assert tail is not None
    (found,) = facts(records, "log_torn")
    assert found == {
        "path": str(tmp_path / "data"),
        "seq": 3,
        "bytes": tail.bytes,
        "reason": tail.why,
        "kept": tail.kept,
    }


async def test_an_unusable_checkpoint_is_a_record(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    """Otherwise a start that takes long has no reason."""
    async with mtf.Pipeline(data=tmp_path, **SETTINGS) as pipeline:
        await pipeline.push(ticks("10:00@1")[0])
        await pipeline.checkpoint()
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(b"no checkpoint")
    async with mtf.Pipeline(data=tmp_path, **SETTINGS) as pipeline:
        await pipeline.drain()
        (skipped,) = pipeline.skipped_checkpoints
    assert facts(records, "checkpoint_passed_over") == [{"path": skipped.path, "reason": skipped.reason}]


class _Fails(mtf.Consumer):
    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        raise ZeroDivisionError("by design")


async def test_a_failure_is_an_error_with_its_traceback(records: list[logging.LogRecord]) -> None:
    """The record alone must do for whoever reads the log: who, at which event, and where in the code."""
    pipeline = mtf.Pipeline(**SETTINGS)
    pipeline.add(_Fails())

    async def run() -> None:
        async with pipeline:
            await pipeline.push(ticks("10:00@1")[0])
            await pipeline.drain()

    with pytest.raises(mtf.errors.PipelineStopped):
        await run()
    (found,) = facts(records, "pipeline_failed")
    assert (found["actor"], found["seq"]) == ("consumer _Fails", 1)
    (record,) = [each for each in records if getattr(each, "event", "") == "pipeline_failed"]
    assert "by design" in JsonLines().format(record)
    assert "raise ZeroDivisionError" in orjson.loads(JsonLines().format(record))["error"]


class _Hangs(mtf.Consumer):
    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        await asyncio.get_running_loop().create_future()


async def test_consumers_that_leave_or_hang_are_records(records: list[logging.LogRecord]) -> None:
    """Who was there, and until which event."""
    clock = FakeClock(at("10:00"))
    removed, hangs = _Fails(), _Hangs()
    pipeline = mtf.Pipeline(timeframes="1m", wall=clock)
    pipeline.add(removed, name="leaver")
    pipeline.add(hangs)

    async def pass_time() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
            clock.pass_ns(1_000_000_000)

    passing: list[asyncio.Task[None]] = []

    async def run() -> None:
        async with pipeline:
            await pipeline.remove(removed)
            await pipeline.push(ticks("10:00@1")[0])
            passing.append(asyncio.create_task(pass_time()))

    with pytest.raises(ConsumerStuck):
        await run()
    await passing[0]
    assert facts(records, "consumer_removed") == [{"consumer": "leaver", "seq": 0}]
    assert facts(records, "consumer_stuck") == [{"consumer": "_Hangs", "seq": 1}]


async def test_a_feed_ahead_of_this_clock_is_noted_once(records: list[logging.LogRecord]) -> None:
    """Skew below a second is ordinary; above, somebody's clock is wrong, and that is not said with every tick."""
    clock = FakeClock(at("10:00"))
    async with mtf.Pipeline(timeframes="1m", wall=clock) as pipeline:
        for tick in ticks("10:00:01@1 10:00:03@1 10:00:04@1"):
            await pipeline.push(tick)
        notes = pipeline.notes
    assert facts(records, "feed_ahead") == [{"symbol": "EURUSD", "ahead_ns": 3_000_000_000}]
    assert len(notes) == 1
    assert "stamped 3.0 s after its arrival" in notes[0]


async def test_malformed_rows_are_reported_at_first_and_then_counted(records: list[logging.LogRecord]) -> None:
    """A feed of garbage must not fill the disk with records."""
    async with mtf.Pipeline(**SETTINGS) as pipeline:
        for _ in range(50):
            with pytest.raises(mtf.errors.MalformedEvent):
                await pipeline.push(mtf.Tick("EURUSD", -5, 1.0, 1.0))
        assert pipeline.summary().rejected == {"malformed": 50}
    assert len(facts(records, "row_malformed")) == 20


def test_nothing_is_printed_unless_logging_is_configured() -> None:
    """A library that writes to stderr of its own accord is in the way."""
    code = "import mtf.loggers as l; l.report('feed_late', 'late', symbol='X', lag_ns=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert any(isinstance(each, logging.NullHandler) for each in LOGGER.handlers)


def test_a_line_of_json_has_every_fact_and_stays_one_line(records: list[logging.LogRecord]) -> None:
    """Names may be a stranger's: neither a new line nor a type that JSON lacks may break the line."""
    report("feed_late", "it\nis late", symbol="A\nB", lag_ns=Path("x"))
    line = JsonLines().format(records[0])
    assert "\n" not in line
    fields = orjson.loads(line)
    time_ns = fields.pop("time_ns")
    assert isinstance(time_ns, int)
    assert fields == {
        "level": "warning",
        "logger": "mtf.feeds",
        "event": "feed_late",
        "message": "it\nis late",
        "symbol": "A\nB",
        "lag_ns": "x",
    }
    text = TextLines().format(records[0])
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING mtf\.feeds: it\ufffdis late event=feed_late "
        r"symbol=A\ufffdB lag_ns=x",
        text,
    )


def test_a_record_that_nobody_wants_costs_no_look(caplog: pytest.LogCaptureFixture) -> None:
    """Facts that have to be looked for are looked for only if somebody listens."""
    with caplog.at_level(logging.WARNING, "mtf"):
        assert not is_reported("events_counted")
    with caplog.at_level(logging.INFO, "mtf.pipeline"):
        assert is_reported("events_counted")
        assert not is_reported("consumer_added")
