"""A file that grows: what is in the log as rows are added, the file is replaced, cut or written again, and restarts."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigError, ConfigMismatch, SourceError
from mtf.feeds import FileFeed, growing_file
from mtf.log import read_log
from tests.builders import at
from tests.fake_clock import FakeClock

SECOND_NS = 1_000_000_000
LOOK_NS = SECOND_NS // 10
START_NS = at("10:00")
HEADER = "symbol,time,price\n"


def row(second: float, price: float = 1.0, symbol: str = "X") -> str:
    return f"{symbol},{START_NS + round(second * SECOND_NS)},{price}\n"


def add(path: Path, *rows: str) -> None:
    with path.open("a") as file:
        file.writelines(rows)


class Followed:
    """A pipeline that a file is followed into, by a clock that a test moves."""

    def __init__(self, pipeline: mtf.Pipeline, feed: FileFeed, wall: FakeClock, task: asyncio.Task[Any]) -> None:
        self.pipeline = pipeline
        self.feed = feed
        self.wall = wall
        self.task = task

    async def look(self, length_ns: int = LOOK_NS) -> None:
        """Have time pass, and what was added until now be read."""
        asked = len(self.wall.asked_ns)
        self.wall.pass_ns(length_ns)
        await self.idle(asked)

    async def idle(self, asked: int) -> None:
        """Return once the feed waits for the next look, which is none of the first *asked* times it was waited for."""
        async with asyncio.timeout(60):
            while self.wall.now_ns() + LOOK_NS not in self.wall.asked_ns[asked:]:
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0)
        await self.pipeline.applied(self.pipeline.logged_seq)


@contextlib.asynccontextmanager
async def following(
    path: Path, wall: FakeClock, data: Path | None = None, *, pipeline: Any = None, **settings: Any
) -> AsyncGenerator[Followed, None]:
    feed = growing_file(path, look_s=0.1, replaced_s=1.0, wall=wall, **settings)
    options = {"calendar": "crypto", "timeframes": ["1s"], "data": data, "wall": wall, **(pipeline or {})}
    async with mtf.Pipeline(**options) as p:
        await p.drain()
        asked = len(wall.asked_ns)
        task = asyncio.create_task(p.run(feed))
        try:
            followed = Followed(p, feed, wall, task)
            await followed.idle(asked)
            yield followed
            feed.stop()
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def logged(data: Path) -> list[float]:
    """Return the ticks in the log, each as the second of its stamp."""
    with mtf.open(data) as reader:
        return [(each.tick.ts_ns - START_NS) / SECOND_NS for each in reader.ticks()]


def heaps(data: Path) -> bytes:
    return b"".join(each.block.heap for each in read_log(data / "log", 1))


async def test_what_is_added_is_read_at_the_next_look(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)
    path = tmp_path / "X.csv"
    path.write_text(HEADER + row(-60) + row(-59))
    async with following(path, wall) as f:
        assert f.pipeline.seq == 2
        add(path, row(0.05), row(0.06, 3)[:-2])
        await f.look()
        assert f.pipeline.seq == 3
        add(path, "3.5\n")
        await f.look()
        assert f.pipeline.seq == 4
        partial = f.pipeline.snapshot("X")["1s"].partial
        assert partial is not None
        assert (partial.high, partial.ticks) == (3.5, 2)


async def test_in_silence_the_clock_closes_bars(tmp_path: Path) -> None:
    """A grace after their end, as for every live feed; rows of former times are not live, and close none."""
    wall = FakeClock(START_NS)
    path = tmp_path / "X.csv"
    path.write_text(HEADER + row(-60) + row(-59))
    async with following(path, wall) as f:
        await f.look(SECOND_NS)
        assert f.pipeline.summary().clocks == 0
        add(path, row(1.05))
        await f.look()
        assert len(f.pipeline.snapshot("X")["1s"].bars) == 2
        await f.look(2 * SECOND_NS)
        assert f.pipeline.summary().clocks == 1
        assert [bar.start_ns - START_NS for bar in f.pipeline.snapshot("X")["1s"].bars][-1] == SECOND_NS
        add(path, row(1.9))
        await f.look()
        assert f.pipeline.summary().rejected == {"late": 1}


async def test_a_feed_that_is_late_as_it_says_is_live_and_another_is_not(tmp_path: Path) -> None:
    """The delay of each symbol decides by itself whether the clock closes its bars."""
    wall = FakeClock(START_NS + 2 * SECOND_NS)
    path = tmp_path / "X.csv"
    path.write_text(HEADER + row(0.5, symbol="SLOW") + row(0.5, symbol="FAST") + row(0.6, symbol="SLOW"))
    async with following(path, wall, pipeline={"delay_ns": {"SLOW": 2 * SECOND_NS}}) as f:
        await f.look(2 * SECOND_NS)
        assert [len(f.pipeline.snapshot(name)["1s"].bars) for name in ("SLOW", "FAST")] == [1, 0]


async def test_a_file_that_is_replaced_is_read_to_its_end_and_the_new_one_from_its_start(tmp_path: Path) -> None:
    """As log rotation does it: the writer may go on with the former one for a while, and nothing is missed."""
    wall = FakeClock(START_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(1) + row(2))
    async with following(path, wall, data) as f:
        path.rename(tmp_path / "X.csv.1")
        add(tmp_path / "X.csv.1", row(3))
        await f.look()
        path.write_text("time,price,symbol\n" + "".join(f"{START_NS + k * SECOND_NS},2,X\n" for k in (5, 6)))
        add(tmp_path / "X.csv.1", row(4)[:-1])
        await f.look()
        assert f.pipeline.seq == 3
        for _ in range(12):
            await f.look()
        statistics = f.feed.statistics()
        assert (statistics.connections, statistics.outages, statistics.malformed) == (2, 0, 0)
    assert logged(data) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEADER + row(8), b"X.csv: it was cut to 44 bytes after 96 had been read: rows may be missing"),
        (HEADER.replace("price", "price ") + "".join(map(row, range(8, 12))), b"it was written again from its beginn"),
    ],
    ids=["cut", "written again"],
)
async def test_a_file_that_is_not_what_was_read_is_read_anew_and_the_log_says_so(
    tmp_path: Path, content: str, reason: bytes
) -> None:
    wall = FakeClock(START_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(1) + row(2) + row(3))
    async with following(path, wall, data) as f:
        await f.look()
        wall.pass_ns(LOOK_NS)
        path.write_text(content)
        await f.look()
        assert f.feed.statistics().outages == 1
    assert logged(data) == [1, 2, 3, *range(8, 8 + content.count("X,"))]
    assert reason in heaps(data)


async def test_a_file_with_the_former_ones_header_is_read_as_that_was(tmp_path: Path) -> None:
    """Of its first row alone it could not be inferred how long a bar lasts."""
    wall = FakeClock(at("11:00"))
    path = tmp_path / "X.csv"
    header = "time,open,high,low,close\n"
    bars = [f"2024-03-06T10:0{k}:00Z,1,2,0.5,1\n" for k in range(9)]
    path.write_text(header + "".join(bars[:3]))
    async with following(path, wall, pipeline={"timeframes": ["1m"]}) as f:
        path.rename(tmp_path / "X.csv.1")
        path.write_text(header + bars[4])
        for _ in range(12):
            await f.look()
        assert [bar.start_ns for bar in f.pipeline.snapshot("X")["1m"].bars][-1] == at("10:02")
        assert f.pipeline.summary().ticks == 16
        assert f.feed.statistics().connections == 2


async def test_a_restart_goes_on_at_the_byte_and_so_does_a_run_to_the_end(tmp_path: Path) -> None:
    """In both directions: the place in the log is the same."""
    wall = FakeClock(START_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(1) + row(2) + row(3)[:5])
    async with following(path, wall, data):
        pass
    add(path, row(3)[5:], "broken\n")
    async with following(path, wall, data) as f:
        assert f.pipeline.malformed_rows[0][:3] == (str(path), 5, "expected 3 fields, got 1")
        add(path, row(4))
        await f.look()
    add(path, row(5))
    async with mtf.Pipeline(calendar="crypto", timeframes=["1s"], data=data) as p:
        assert (await p.run(path)).new_events == 1
    add(path, row(6))
    async with following(path, wall, data):
        pass
    assert logged(data) == [1, 2, 3, 4, 5, 6]


async def test_after_a_crash_a_row_is_in_the_log_with_its_place_or_neither_is(tmp_path: Path) -> None:
    """However the log is cut, the next start reads exactly what is missing in it."""
    wall = FakeClock(START_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(0) + row(1))
    async with following(path, wall, data, pipeline={"checkpoint_seconds": None}) as f:
        for k in range(2, 6):
            add(path, row(k))
            await f.look()
    (segment,) = (data / "log").glob("*.log")
    whole = segment.read_bytes()
    for size in range(len(whole) - 1, len(whole) - 700, -60):
        segment.write_bytes(whole[:size])
        async with following(path, wall, data, pipeline={"checkpoint_seconds": None}):
            pass
        assert logged(data) == [0, 1, 2, 3, 4, 5]


async def test_a_file_that_was_replaced_while_nobody_followed_it_is_an_outage(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(1) + row(2))
    async with following(path, wall, data):
        pass
    path.write_text(HEADER + row(8) + row(9) + row(10))
    async with following(path, wall, data):
        pass
    assert logged(data) == [1, 2, 8, 9, 10]
    assert b"while nobody was following it, it was replaced or cut: rows may be missing" in heaps(data)


async def test_a_file_is_waited_for_until_it_has_two_lines(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)
    path = tmp_path / "X.csv"
    async with following(path, wall) as f:
        assert f.feed.statistics().last_error == "the file does not exist yet"
        add(path, HEADER)
        await f.look()
        assert f.feed.statistics().last_error == "the file does not have two lines yet"
        assert not f.feed.statistics().connected
        add(path, row(0))
        await f.look()
        assert f.pipeline.seq == 1
        assert (f.feed.statistics().connected, f.feed.statistics().last_error) == (True, "")


async def test_many_rows_are_read_as_a_run_to_the_end_reads_them(tmp_path: Path) -> None:
    """Same bars, whatever was there at first and what was added."""
    rows = [row(k / 7, 100 + k % 13, f"S{k % 3}") for k in range(5_000)]
    path = tmp_path / "X.csv"
    path.write_text(HEADER + "".join(rows))
    async with mtf.Pipeline(calendar="crypto", timeframes=["1s"], clock="ticks") as p:
        whole = await p.run(path)
        bars = {name: list(p.snapshot(name)["1s"].bars) for name in p.symbols}
    path.write_text(HEADER + "".join(rows[:3_000]))
    wall = FakeClock(START_NS + 5_000 * SECOND_NS)
    async with following(path, wall) as f:
        assert f.pipeline.seq == 3_000
        add(path, *rows[3_000:])
        await f.look()
        assert {name: list(f.pipeline.snapshot(name)["1s"].bars)[:200] for name in f.pipeline.symbols} == {
            name: each[:200] for name, each in bars.items()
        }
        assert f.pipeline.summary().ticks == whole.ticks == 5_000
        assert f.feed.statistics().events == 5_000


async def test_rows_carry_their_time_of_arrival_on_request(tmp_path: Path) -> None:
    wall = FakeClock(START_NS + SECOND_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(0) + row(1))
    async with following(path, wall, data, receive_times=True):
        pass
    with mtf.open(data) as reader:
        assert {each.tick.received_ns for each in reader.ticks()} == {START_NS + SECOND_NS}


async def test_a_stamp_far_ahead_of_the_clock_is_malformed(tmp_path: Path) -> None:
    path = tmp_path / "X.csv"
    path.write_text(HEADER + row(0) + row(7200) + row(1))
    async with following(path, FakeClock(START_NS)) as f:
        assert (f.pipeline.seq, f.pipeline.malformed_rows[0][1]) == (2, 3)


async def test_a_pipe_is_followed_to_its_end(tmp_path: Path) -> None:
    """Its rows are live, too."""
    path = tmp_path / "X.csv"
    os.mkfifo(path)
    wall = FakeClock(START_NS)
    writer = threading.Thread(target=path.write_text, args=(HEADER + row(0) + row(0.1),), daemon=True)
    writer.start()
    async with mtf.Pipeline(calendar="crypto", timeframes=["1s"], wall=wall) as p:
        running = asyncio.create_task(p.run(growing_file(path, wall=wall, symbol="X")))
        while not running.done():
            wall.pass_ns(LOOK_NS)
            await asyncio.sleep(0)
        summary = await running
    writer.join(10)
    assert (summary.ticks, summary.clocks) == (2, 0)


async def test_what_cannot_be_followed_is_refused_with_the_reason(tmp_path: Path) -> None:
    wall = FakeClock(START_NS)

    async def refused(content: bytes, match: str, *, error: type[Exception] = ConfigError, **pipeline: Any) -> None:
        path = tmp_path / "X.csv"
        path.write_bytes(content)
        async with mtf.Pipeline(calendar="crypto", timeframes=["1s"], wall=wall, **pipeline) as p:
            with pytest.raises(error, match=match):
                await p.run(growing_file(path, wall=wall))

    text = (HEADER + row(0) + row(1)).encode()
    await refused(gzip.compress(text), "a compressed file cannot be followed: decompress it")
    await refused((text + row(2).encode()).decode().encode("utf-16"), "only plain text in UTF-8 can be followed")
    await refused(text, "use a pipeline without reorder_ns", reorder_ns=SECOND_NS)
    await refused((HEADER + "".join(row(-k) for k in range(9))).encode(), "the rows are newest first")
    async with mtf.Pipeline(calendar="crypto", timeframes=["1s"], wall=wall) as p:
        with pytest.raises(SourceError, match="Is a directory"):
            await p.run(growing_file(tmp_path, wall=wall))
    for setting, value in (("look_s", 0), ("replaced_s", float("inf"))):
        with pytest.raises(ConfigError, match=f"{setting} must be"):
            growing_file(tmp_path / "X.csv", **{setting: value})


async def test_a_file_that_was_read_otherwise_before_is_refused(tmp_path: Path) -> None:
    """With other options rows would mean something else; sorted ones have no place in the file."""
    wall = FakeClock(START_NS)
    path, data = tmp_path / "X.csv", tmp_path / "d"
    path.write_text(HEADER + row(0) + row(1))
    async with following(path, wall, data):
        pass
    with pytest.raises(ConfigMismatch, match=r"was first read into .* with no options, now with symbol=Y"):
        async with following(path, wall, data, symbol="Y") as f:
            await f.look()
