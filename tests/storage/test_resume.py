"""A source resumes from its exact row, and one that is another one by the same name is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import orjson
import pytest

import mtf
from mtf.actors.consumer import Consumer
from mtf.errors import ActorFailed, SourceError, UnknownSymbol
from mtf.events.tick import Tick
from mtf.frames.view import View
from mtf.pipeline import Pipeline
from mtf.sources import IterSource, SyntheticMarket
from mtf.summary import Summary
from tests.builders import ticks
from tests.storage.builders import Crashed, history_rows, results, until_crash

HEADER = "timestamp,symbol,bid,ask\n"


def rows(first: int, last: int) -> str:
    return "".join(
        f"{1709719200000 + 700 * n},EURUSD,{1 + n / 1000:.3f},{2 + n / 1000:.3f}\n" for n in range(first, last)
    )


def pipeline_of(data: Path, *, block_events: int = 16) -> Pipeline:
    return Pipeline(data=data, clock="ticks", timeframes=["1m", "5m"], indicators="ema:3", block_events=block_events)


async def run(data: Path, path: Path, *consumers: Consumer, block_events: int = 16) -> Summary:
    async with pipeline_of(data, block_events=block_events) as pipeline:
        for consumer in consumers:
            pipeline.add(consumer)
        return await pipeline.run(path)


class Stopper(Consumer):
    """Ends the run at a seq, as an error of the user's would."""

    def __init__(self, seq: int) -> None:
        self.seq = seq

    def on_tick(self, tick: Tick, view: View) -> None:
        if view.seq == self.seq:
            raise Crashed


@pytest.mark.parametrize("seed", range(6))
async def test_file_goes_on_from_its_exact_row_wherever_the_run_ended(tmp_path: Path, seed: int) -> None:
    """No row twice, none left out; malformed rows between them too, each kept aside at least once."""
    random = Random(seed)
    lines = rows(0, 400).splitlines(keepends=True)
    malformed = random.sample(range(1, 400), 9)
    for at in sorted(malformed, reverse=True):
        lines.insert(at, f"no time,EURUSD,{at},\n")
    path = tmp_path / "quotes.csv"
    path.write_text(HEADER + "".join(lines))
    expected = await run(tmp_path / "whole", path)
    assert (expected.events, expected.rejected) == (400, {"malformed": 9})
    data = tmp_path / "cut"
    for seq in sorted(random.sample(range(1, 400), 3)):
        with pytest.raises(ActorFailed, match="Crashed"):
            await run(data, path, Stopper(seq), block_events=random.choice((1, 10, 64)))
    async with pipeline_of(data) as pipeline:
        await pipeline.run(path)
        found = results(pipeline)
    assert found.digest == expected.digest
    assert history_rows(data) == history_rows(tmp_path / "whole")
    aside = [orjson.loads(line) for line in (data / "malformed.jsonl").read_bytes().splitlines()]
    assert {each["line"] for each in aside} == {
        number for number, line in enumerate([HEADER, *lines], 1) if line.startswith("no time")
    }


async def test_run_on_a_finished_source_does_nothing(tmp_path: Path) -> None:
    """The same seq, digest, log and history."""
    path = tmp_path / "quotes.csv"
    path.write_text(HEADER + rows(0, 100))
    first = await run(tmp_path / "data", path)
    logged = {each: each.read_bytes() for each in (tmp_path / "data" / "log").glob("*.log")}
    second = await run(tmp_path / "data", path)
    assert (first.new_events, second.new_events) == (100, 0)
    assert (second.seq, second.digest, second.bars) == (first.seq, first.digest, first.bars)
    assert {each: each.read_bytes() for each in logged} == logged


async def test_file_that_has_grown_goes_on(tmp_path: Path) -> None:
    """From the row after the last one that was read, as if it had been whole from the start."""
    path = tmp_path / "quotes.csv"
    for end in (3, 40, 41, 300):  # the first is shorter than what is looked at to know it again
        path.write_text(HEADER + rows(0, end))
        assert (await run(tmp_path / "grown", path)).seq == end
    whole = await run(tmp_path / "whole", path)
    grown = await run(tmp_path / "grown", path)
    assert grown.digest == whole.digest


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HEADER + rows(0, 99), "is now a different file"),  # shorter
        (HEADER + rows(1, 101), "is now a different file"),  # another start
        (HEADER + rows(7, 301), "is now a different file"),  # another start, and longer
    ],
)
async def test_another_file_under_the_same_name_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """Going on in the midst of other data would mix two markets; nothing is logged."""
    path = tmp_path / "quotes.csv"
    path.write_text(HEADER + rows(0, 100))
    first = await run(tmp_path / "data", path)
    path.write_text(text)
    with pytest.raises(SourceError, match=why):
        await run(tmp_path / "data", path)
    async with pipeline_of(tmp_path / "data") as pipeline:
        await pipeline.drain()
        assert pipeline.digest == first.digest


async def test_several_sources_go_on_each_from_its_own_place(tmp_path: Path) -> None:
    """Positions are kept by name, for as long as the log is, through checkpoints and restarts."""
    paths = [tmp_path / f"{name}.csv" for name in "abc"]
    for n, path in enumerate(paths):
        path.write_text(HEADER + rows(100 * n, 100 * n + 50))
        await run(tmp_path / "data", path)
    for n, path in enumerate(paths):
        path.write_text(HEADER + rows(100 * n, 100 * n + 60))
        summary = await run(tmp_path / "data", path)
        assert (summary.new_events, summary.seq) == (10, 150 + 10 * (n + 1))


async def test_synthetic_market_goes_on_and_may_be_made_longer_but_not_another(tmp_path: Path) -> None:
    async with pipeline_of(tmp_path) as pipeline:
        await pipeline.run(SyntheticMarket(seed=5, events=100))
    async with pipeline_of(tmp_path) as pipeline:
        longer = await pipeline.run(SyntheticMarket(seed=5, events=250))
        assert longer.new_events == 150
    async with Pipeline(clock="ticks", timeframes=["1m", "5m"], indicators="ema:3") as pipeline:
        assert (await pipeline.run(SyntheticMarket(seed=5, events=250))).digest == longer.digest

    async def other() -> None:
        async with pipeline_of(tmp_path) as pipeline:
            await pipeline.run(SyntheticMarket(seed=6, events=250))

    with pytest.raises(SourceError, match="another"):
        await other()


async def test_ticks_with_a_name_go_on_and_ticks_without_are_new_each_time(tmp_path: Path) -> None:
    """A list has nothing to be known by: to skip as many ticks as the last one had would lose them."""
    first, second = ticks("10:00@1 10:01@2"), ticks("10:02@3 10:03@4 10:04@5")
    async with pipeline_of(tmp_path) as pipeline:
        assert (await pipeline.run(first)).seq == 2
        assert (await pipeline.run(second)).seq == 5
        assert (await pipeline.run(first, name="first")).seq == 7
    async with pipeline_of(tmp_path) as pipeline:
        assert (await pipeline.run(first, name="first")).seq == 7
        assert (await pipeline.run([*first, *second], name="first")).seq == 10
        assert (await pipeline.run(IterSource(second, name="second"))).seq == 13
    with until_crash():
        async with pipeline_of(tmp_path) as pipeline:
            with pytest.raises(SourceError, match="pass the same ones"):
                await pipeline.run(first[:1], name="first")
            raise Crashed


async def test_a_file_is_gone_on_with_only_as_it_was_read_before(tmp_path: Path) -> None:
    """The rest of a file, read in another zone or as another symbol, would not fit what is in the log."""
    file = tmp_path / "quotes.csv"
    file.write_text("time,bid,ask\n2024-03-06T10:00:00,1.1,1.2\n2024-03-06T10:00:01,1.1,1.2\n")
    async with mtf.Pipeline(data=tmp_path / "data", clock="ticks") as pipeline:
        await pipeline.run(file, symbol="EURUSD", zone="UTC")
    async with mtf.Pipeline(data=tmp_path / "data", clock="ticks") as pipeline:
        with pytest.raises(mtf.errors.ConfigMismatch, match=r"zone=UTC, now with .*zone=America/New_York"):
            await pipeline.run(file, symbol="EURUSD", zone="America/New_York")
        assert (await pipeline.run(file, symbol="EURUSD", zone="UTC")).new_events == 0


async def test_a_run_that_is_cancelled_goes_on_in_the_same_pipeline(tmp_path: Path) -> None:
    """What it had read and not logged yet is logged first: no row twice, none left out."""
    path = tmp_path / "quotes.csv"
    path.write_text(HEADER + rows(0, 600))
    whole = (await run(tmp_path / "whole", path)).digest

    class Slow(Consumer):
        async def on_tick(self, tick: Tick, view: View) -> None:
            await asyncio.sleep(0)

    async with pipeline_of(tmp_path / "cut", block_events=8) as pipeline:
        pipeline.add(Slow())
        for turns in (5, 40, 3, 90, 17):
            running = asyncio.create_task(pipeline.run(path))
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running])
        assert 0 < pipeline.seq < 600
        summary = await pipeline.run(path)
    assert (summary.events, summary.digest) == (600, whole)


async def test_a_start_shows_the_end_of_its_log_at_once(tmp_path: Path) -> None:
    """Before consumers were brought there: snapshot, symbols, seq, digest and summary are of one moment."""
    path = tmp_path / "quotes.csv"
    path.write_text(HEADER + rows(0, 50))
    before = await run(tmp_path / "data", path)
    async with pipeline_of(tmp_path / "data") as pipeline:
        assert (pipeline.seq, pipeline.symbols, pipeline.digest) == (50, ["EURUSD"], before.digest)
        assert pipeline.summary().ticks == before.ticks
        assert pipeline.snapshot("EURUSD").seq == 50
        with pytest.raises(UnknownSymbol, match="known symbols: EURUSD"):
            pipeline.snapshot("NOPE")
        await pipeline.drain()
        assert (pipeline.seq, pipeline.symbols, pipeline.digest) == (50, ["EURUSD"], before.digest)
