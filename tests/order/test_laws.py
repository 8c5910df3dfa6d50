"""Laws of several symbols from finite sources, whatever files they lie in and wherever a run was stopped."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mtf
from mtf.errors import ActorFailed, LookAheadError
from mtf.sources import IterSource, Source
from mtf.sources.merge import MergedSource
from tests.builders import MINUTE_NS
from tests.sources.merging import START_NS, Row, file_of, files, merged, reading_ahead, windowed

pytestmark = pytest.mark.filterwarnings("ignore::mtf.order.OutOfOrderWarning")

END_NS = START_NS + 100 * MINUTE_NS
MANY = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])
CRASHES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 4), st.sampled_from((1, 3, 64))), max_size=3)
READ: dict[str, Any] = {
    "format": "csv",
    "columns": "time,symbol,price,id",
    "header": True,
    "time_format": "ns",
    "reverse": False,
}


class Crashed(Exception):
    """The end of a run as a kill would have it, but for what the operating system has not been given."""


class Reaches(mtf.Consumer):
    """Asks for all that it can reach, at each step, and keeps what lies after the step; crashes at the seq *until*."""

    def __init__(self, pipeline: mtf.Pipeline, until: int = 0) -> None:
        self.pipeline = pipeline
        self.until = until
        self.ahead: list[str] = []
        self.refused = 0
        self.crashed = False
        self.bars: list[tuple[str, str, int, float, int]] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.bars.append((bar.symbol, str(bar.timeframe), bar.start_ns, bar.close, bar.ticks))
        self._look(view)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self._look(view)
        if view.seq == self.until:
            self.crashed = True
            raise Crashed

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self._look(view)

    def _look(self, view: mtf.View) -> None:
        for symbol in view.symbols:
            try:
                found = [self.pipeline.snapshot(symbol), view.of(symbol).snapshot()]
            except LookAheadError:
                self.refused += 1
                continue
            for snapshot in found:
                latest = [snapshot.time_ns]
                for timeframe in ("1m", "5m"):
                    state = snapshot[timeframe]
                    latest += [bar.end_ns for bar in state.bars[-1:]]
                    latest += [state.partial.start_ns] if state.partial else []
                if max(latest) > view.time_ns:
                    self.ahead.append(f"seq {view.seq}: {symbol} is at {max(latest)}, {view.time_ns} is shown")


def opened(folder: Path) -> list[Source]:
    return [mtf.open_source(path, **READ) for path in sorted(folder.glob("*.csv"))]


def pipeline(data: Path | None, block_events: int = 1024) -> mtf.Pipeline:
    return mtf.Pipeline(
        data=data,
        calendar="crypto",
        timeframes=["1m", "5m"],
        clock="ticks",
        block_events=block_events,
        checkpoint_events=7,
    )


async def whole(folder: Path, **options: Any) -> tuple[mtf.Summary, Reaches]:
    """Run all files of *folder* at once, and if they are in order of time close what is due at the end."""
    async with pipeline(None) as p:
        p.add(reaches := Reaches(p))
        summary = await p.run(MergedSource(opened(folder)), **options)
        if summary.order != "log":  # there a clock event is known when it comes, and shows what other symbols had then
            await p.clock(END_NS)
            await p.drain()
        return summary, reaches


async def in_pieces(folder: Path, data: Path, crashes: Sequence[tuple[int, int, int]], **options: Any) -> mtf.Summary:
    """Run all files of *folder*, with a crash at each seq of *crashes*, and go on."""
    for until, ahead, block_events in crashes:
        done = False
        with reading_ahead(ahead), contextlib.suppress(ActorFailed):
            async with pipeline(data, block_events) as p:
                p.add(reaches := Reaches(p, until))
                await p.run(MergedSource(opened(folder)), **options)
            done = True
        assert done != reaches.crashed
    async with pipeline(data) as p:
        return await p.run(MergedSource(opened(folder)), **options)


async def replayed(data: Path) -> tuple[mtf.Summary, Reaches]:
    async with pipeline(None) as p:
        p.add(reaches := Reaches(p))
        summary = await p.replay(data)
        return summary, reaches


def written(folder: Path, lanes: Sequence[Sequence[Row]]) -> Path:
    (folder / "files").mkdir()
    for number, rows in enumerate(lanes):
        file_of(folder / "files" / f"{number}.csv", [spread(row) for row in rows])
    return folder / "files"


def spread(row: Row) -> Row:
    """Return *row* twenty seconds a step apart from the one before, so that bars are closed."""
    return Row(20 * row.second, row.symbol, row.id, row.malformed)


def in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.second)


@MANY
@given(lanes=files(), crashes=CRASHES, options=st.sampled_from(({}, {"sort": True}, {"reorder_ns": 30 * 10**9})))
def test_nothing_later_is_reached_and_a_crash_changes_nothing(
    lanes: list[list[Row]], crashes: list[tuple[int, int, int]], options: dict[str, Any]
) -> None:
    """Digest, order and counts are those of one run, on every block size, in pieces and in a replay."""
    with tempfile.TemporaryDirectory() as name:
        folder = written(Path(name), lanes)

        async def check() -> None:
            summary, reaches = await whole(folder, **options)
            assert reaches.ahead == []
            assert not reaches.refused or summary.order == "log"
            pieces = await in_pieces(folder, Path(name) / "data", crashes, **options)
            counts = ("digest", "events", "rejected", "bars", "order", "out_of_order", "reordered")
            if not any(row.malformed for lane in lanes for row in lane):
                assert [getattr(pieces, each) for each in counts] == [getattr(summary, each) for each in counts]
            assert (pieces.digest, pieces.order) == (summary.digest, summary.order)
            if pieces.seq:
                again, seen = await replayed(Path(name) / "data")
                assert (again.digest, again.order, again.out_of_order) == (
                    summary.digest,
                    summary.order,
                    summary.out_of_order,
                )
                assert seen.ahead == []

        asyncio.run(check())


@MANY
@given(lanes=files(malformed=False))
def test_each_symbols_bars_are_those_of_its_own_events(lanes: list[list[Row]]) -> None:
    """Of sources in order of time: what others do closes its bars in time, and never otherwise."""
    ordered = [in_order(rows) for rows in lanes]
    with tempfile.TemporaryDirectory() as name:
        folder = written(Path(name), ordered)

        async def check() -> None:
            summary, reaches = await whole(folder)
            assert (summary.order, summary.out_of_order, summary.rejected, reaches.ahead) == ("time", 0, {}, [])
            for symbol in summary.symbols:
                async with pipeline(None) as p:
                    p.add(alone := Reaches(p))
                    rows = [spread(row) for row in merged(ordered) if row.symbol == symbol]
                    await p.run([mtf.Tick(symbol, START_NS + row.second * 10**9, price=1.5, id=row.id) for row in rows])
                    await p.clock(END_NS)
                    await p.drain()
                    assert [bar for bar in reaches.bars if bar[0] == symbol] == alone.bars

        if any(ordered):
            asyncio.run(check())


@MANY
@given(lanes=files(malformed=False), way=st.sampled_from(("list", "ticks", "parts", "sorted file")))
def test_however_it_is_fed_a_market_in_order_is_the_same(lanes: list[list[Row]], way: str) -> None:
    ordered = [in_order(rows) for rows in lanes]
    rows = [spread(row) for row in merged(ordered)]

    def ticks(some: Sequence[Row]) -> list[mtf.Tick]:
        return [mtf.Tick(row.symbol, START_NS + row.second * 10**9, price=1.5, id=row.id) for row in some]

    with tempfile.TemporaryDirectory() as name:
        folder = written(Path(name), ordered)

        async def digest(given: Any, **options: Any) -> str:
            async with pipeline(None) as p:
                return (await p.run(given, **options)).digest

        async def check() -> None:
            expected = await digest(MergedSource(opened(folder)))
            if way == "list":
                given: Any = [
                    IterSource(ticks([spread(row) for row in lane]), name=f"{n}") for n, lane in enumerate(ordered)
                ]
                assert await digest(given) == expected
            elif way == "ticks":
                assert await digest(ticks(rows)) == expected
            elif way == "parts":
                assert await digest(iter(MergedSource(opened(folder)))) == expected
            else:
                by_symbol = sorted(rows, key=lambda row: row.symbol)
                path = file_of(Path(name) / "one.csv", by_symbol)
                stable = all(len({row.symbol for row in rows if row.second == second}) == 1 for second in range(4000))
                if stable:  # of equal stamps a sort keeps the order of the file
                    assert await digest(mtf.open_source(path, **READ), sort=True) == expected

        if rows:
            asyncio.run(check())


@MANY
@given(lanes=files(files_max=3, malformed=False), seconds=st.integers(1, 4))
def test_a_window_that_is_long_enough_leaves_nothing_out_of_order(lanes: list[list[Row]], seconds: int) -> None:
    late = [windowed(rows, seconds) for rows in lanes]
    long_enough = all(rows == in_order(rows) for rows in late)
    with tempfile.TemporaryDirectory() as name:
        folder = written(Path(name), lanes)
        summary, _ = asyncio.run(whole(folder, reorder_ns=20 * seconds * 10**9))
    if long_enough:
        assert (summary.out_of_order, summary.rejected) == (0, {})
    assert summary.reordered <= sum(map(len, lanes))
