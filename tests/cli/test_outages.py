"""`mtf outages` and `mtf tail`: what the log has of feeds that were down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

import mtf as library
from mtf.feeds import growing_file
from tests.builders import at
from tests.cli.builders import mtf
from tests.fake_clock import FakeClock


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The log of a file that was replaced while nobody followed it, from 10:00:02 to 10:05."""
    path = tmp_path / "X.csv"

    async def followed(now: str, *times: str) -> None:
        path.write_text("symbol,time,price\n" + "".join(f"X,{at(time)},1\n" for time in times))
        wall = FakeClock(at(now))
        async with library.Pipeline(data=tmp_path / "run", calendar="crypto", timeframes="1m", wall=wall) as p:
            feed = growing_file(path, wall=wall)
            task = asyncio.create_task(p.run(feed))
            await p.applied(2 if now == "10:00:02" else 5)
            feed.stop()
            await task

    asyncio.run(followed("10:00:02", "10:00:01", "10:00:02"))
    asyncio.run(followed("10:05", "10:04:59", "10:05"))
    return tmp_path / "run"


def test_outages_have_their_span_and_what_did_not_come(data: Path) -> None:
    reason = "X.csv: while nobody was following it, it was replaced or cut: rows may be missing"
    (line,) = mtf("outages", data).stdout.splitlines()
    span = "2024-03-06 10:00:02Z        to 2024-03-06 10:05:00Z"
    assert line.split() == ["3", *span.split(), "298.000", "s", *reason.split()]
    (found,) = mtf("outages", data, "--json").stdout.splitlines()
    assert orjson.loads(found) == {"seq": 3, "since_ns": at("10:00:02"), "until_ns": at("10:05"), "reason": reason}
    assert mtf("outages", data, "--start", "2024-03-06T10:05:01Z").stdout == ""
    assert mtf("outages", data, "--end", "2024-03-06T10:00:02Z").stdout == ""
    assert len(mtf("outages", data, "--start", "2024-03-06T10:03Z", "--end", "2024-03-06T10:04Z").stdout) > 0


def test_the_tail_says_why_a_feed_was_down(data: Path) -> None:
    lines = mtf("tail", data).stdout.splitlines()
    assert lines[2].endswith("clock  X.csv: while nobody was following it, it was replaced or cut: rows may be missing")


def test_a_bar_says_that_a_feed_was_down_before_it(data: Path) -> None:
    """In words, and as the first and the last moment of it; other bars say nothing."""
    bars = ("bars", data, "--symbol", "X", "--timeframe", "1m", "--partial", "--outages")
    first, second, forming = orjson.loads(mtf(*bars, "--format", "json").stdout)
    assert (first["outage_since_ns"], first["outage_until_ns"]) == (at("10:00:02"), at("10:05"))  # it began in this one
    assert (second["start_ns"], second["outage_since_ns"]) == (at("10:04"), at("10:00:02"))
    assert (forming["start_ns"], forming["outage_since_ns"], forming["outage_until_ns"]) == (at("10:05"), None, None)
    lines = mtf(*bars).stdout.splitlines()
    assert lines[2].endswith("gap before, feed down 2024-03-06 10:00:02Z to 2024-03-06 10:05:00Z")
    assert "feed down" not in lines[3]
    assert "outage" not in mtf(*bars[:-1], "--format", "csv").stdout
    refused = mtf("bars", data, "--symbol", "X", "--timeframe", "1m", "--outages", "--format", "parquet")
    assert (refused.exit_code, "--outages: not supported for --format parquet" in refused.stderr) == (2, True)
