"""Several symbols, one time: what finite sources are merged, refused, counted, and what a callback may then look at."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ActorFailed, ConfigError, LookAheadError, OutOfOrder, SourceError
from mtf.log import LogFiles
from mtf.order import ORDER, LogOrder, OutOfOrderWarning, order_of
from mtf.sources import IterSource, SyntheticMarket
from mtf.sources.merge import SKIPPED, MergedSource
from mtf.storage.datadir import DataDir
from tests.alive import log_of
from tests.builders import at, ticks
from tests.order.builders import Seen, Watcher, pipeline, quotes, two

EUROPE, BRITAIN = "EURUSD", "GBPUSD"


async def test_a_folder_of_symbols_is_one_market(tmp_path: Path) -> None:
    """Each GBPUSD bar is reported beside EURUSD as it was then, never as it was at the end of the day."""
    async with pipeline(tmp_path / "data") as p:
        watcher = Watcher(of=EUROPE)
        p.add(watcher)
        summary = await p.run(two(tmp_path / "two"))
    assert (summary.events, summary.order, summary.out_of_order) == (60, "time", 0)
    assert [(seen.end_ns, seen.other_end_ns) for seen in watcher.seen if seen.symbol == BRITAIN] == [
        (at(f"10:{minute:02}"), at(f"10:{minute:02}")) for minute in (5, 10, 15, 20, 25)
    ]
    assert stamps_of(tmp_path / "data") == sorted(stamps_of(tmp_path / "data"))


async def test_replay_shows_what_the_run_showed(tmp_path: Path) -> None:
    async with pipeline(tmp_path / "data") as p:
        p.add(first := Watcher(of=EUROPE))
        summary = await p.run(two(tmp_path / "two"))
    async with pipeline(None) as p:
        p.add(again := Watcher(of=EUROPE))
        replayed = await p.replay(tmp_path / "data")
    assert (again.seen, replayed.digest, replayed.order) == (first.seen, summary.digest, "time")


async def test_a_silent_symbols_bar_is_reported_at_its_own_end() -> None:
    """When another symbol's tick shows that it is over, not when the symbol comes back an hour later."""
    europe = " ".join(f"EURUSD:10:{minute:02}:05@1.1" for minute in range(60))
    rows = sorted(ticks(f"{europe} GBPUSD:10:00:30@1.27 GBPUSD:11:00:30@1.28"), key=lambda tick: tick.ts_ns)
    async with pipeline(None) as p:
        p.add(watcher := Watcher(of=EUROPE))
        await p.run(rows)
    first = next(seen for seen in watcher.seen if seen.symbol == BRITAIN)
    assert first == Seen(BRITAIN, at("10:05"), at("10:05"), at("10:05"))


@pytest.mark.parametrize("way", ["paths", "sources", "folder and file", "ticks"])
async def test_a_list_is_merged_like_a_folder(tmp_path: Path, way: str) -> None:
    """Whatever the sources are; equal stamps in the order in which they are named."""
    folder = two(tmp_path / "two")
    async with pipeline(None) as p:
        expected = (await p.run(folder)).digest
    europe, britain = folder / "EURUSD.csv", folder / "GBPUSD.csv"
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "EURUSD.csv").write_bytes(europe.read_bytes())
    given: dict[str, list[Any]] = {
        "paths": [europe, britain],
        "sources": [mtf.open_source(europe), mtf.open_source(britain)],
        "folder and file": [tmp_path / "alone", britain],
        "ticks": [mtf.open_source(europe), IterSource(list(mtf.open_source(britain)), name="britain")],
    }
    async with pipeline(None) as p:
        assert (await p.run(given[way])).digest == expected


async def test_a_list_of_ticks_is_one_source() -> None:
    """It was one before several sources could be given."""
    async with pipeline(None) as p:
        assert (await p.run(ticks("EURUSD:10:00@1 GBPUSD:10:01@2"))).events == 2
        assert (await p.run([])).events == 2


async def test_one_source_after_the_other_is_refused_where_time_goes_back(tmp_path: Path) -> None:
    """Nothing of it is logged; in one call they are merged."""
    folder = two(tmp_path / "two")
    async with pipeline(tmp_path / "data") as p:
        first = await p.run(folder / "EURUSD.csv")
        with pytest.raises(OutOfOrder, match=r"GBPUSD\.csv begins at .* run both in one call, .*order='log'"):
            await p.run(folder / "GBPUSD.csv")
        assert (p.seq, p.digest) == (first.seq, first.digest)
    async with pipeline(tmp_path / "data") as p:
        with pytest.raises(OutOfOrder):
            await p.run(folder / "GBPUSD.csv")
        with pytest.raises(OutOfOrder):
            await p.run([folder / "EURUSD.csv", folder / "GBPUSD.csv"])
        with pytest.raises(OutOfOrder):
            await p.run(ticks("GBPUSD:10:00@2"))
        assert (await p.run(folder / "GBPUSD.csv", order="log")).out_of_order == 29


async def test_one_source_after_the_other_is_taken_where_time_goes_on() -> None:
    """Another symbol later, or the same one whenever: late rows of its own are late as ever."""
    async with pipeline(None) as p:
        await p.run(ticks("EURUSD:10:00@1 EURUSD:10:05@2"))
        await p.run(ticks("GBPUSD:10:05@1"))
        summary = await p.run(ticks("GBPUSD:10:04@1 GBPUSD:10:06@1"), order="log")
        assert (summary.rejected, summary.out_of_order) == ({"late": 1}, 0)


def slow(many: list[mtf.Tick]) -> Iterator[mtf.Tick]:
    """Yield *many*, so slowly that other tasks get their turn meanwhile."""
    for number, tick in enumerate(many):
        if number % 100 == 99:
            time.sleep(0.003)
        yield tick


async def test_two_sources_at_once_are_refused() -> None:
    """Which of their events came first would be up to the event loop."""
    many = [tick for minute in range(60) for tick in ticks(f"EURUSD:10:{minute:02}@1")] * 40
    async with pipeline(None) as p:
        done = await asyncio.gather(p.run(slow(many)), p.run(many), return_exceptions=True)
        assert [type(each) for each in done] == [mtf.Summary, OutOfOrder]
        both = await asyncio.gather(p.run(many[:9], order="log"), p.run(many[:9], order="log"))
        assert both[1].events == 2400 + 18


async def test_an_unknown_order_is_an_error() -> None:
    async with pipeline(None) as p:
        with pytest.raises(ConfigError, match="order must be one of time, log, got 'symbol'"):
            await p.run([], order="symbol")


async def test_an_iterable_out_of_order_is_counted_and_warned_about_once() -> None:
    """It cannot be sorted beforehand, and nothing of it is rejected."""
    rows = ticks("EURUSD:10:00@1 EURUSD:10:05@1 GBPUSD:10:01@2 GBPUSD:10:02@2 EURUSD:10:06@1 GBPUSD:10:06@2")
    async with pipeline(None) as p:
        with pytest.warns(OutOfOrderWarning, match="stamped before what another symbol has had") as warned:
            summary = await p.run(rows)
        assert len(warned) == 1
        assert (summary.order, summary.out_of_order, summary.rejected) == ("log", 2, {})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await p.run(ticks("EURUSD:10:07@1"))


async def test_a_late_event_of_a_symbols_own_does_not_end_the_order_of_time() -> None:
    """It is rejected, and shows nothing of others."""
    async with pipeline(None) as p:
        summary = await p.run(ticks("EURUSD:10:00@1 GBPUSD:10:05@1 EURUSD:10:06@1 GBPUSD:10:03@1 GBPUSD:10:07@1"))
    assert (summary.order, summary.out_of_order, summary.rejected) == ("time", 0, {"late": 1})


async def test_from_the_first_event_out_of_order_a_symbol_that_is_ahead_is_refused() -> None:
    """Through the view and through the pipeline; a symbol that is not ahead is shown as ever."""
    asked: list[tuple[int, str, bool]] = []

    class Asks(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for name in view.symbols:
                refused = False
                try:
                    assert view.of(name).time_ns <= view.time_ns
                except LookAheadError:
                    refused = True
                    with pytest.raises(LookAheadError, match=f"{name} is ahead of the event being shown"):
                        p.snapshot(name)
                asked.append((view.seq, name, refused))

    async with pipeline(None) as p:
        p.add(Asks())
        with pytest.warns(OutOfOrderWarning):
            await p.run(ticks("EURUSD:10:00@1 GBPUSD:10:00:30@1 EURUSD:10:00:20@1 EURUSD:10:06@1"))
    assert [(seq, name) for seq, name, refused in asked if refused] == [(3, BRITAIN)]


async def test_in_the_order_of_the_log_a_bar_is_not_shown_beside_the_future(tmp_path: Path) -> None:
    folder = two(tmp_path / "two")

    async def run() -> None:
        async with pipeline(tmp_path / "data") as p:
            await p.run(folder / "EURUSD.csv", order="log")
            p.add(Watcher(of=EUROPE))
            await p.run(folder / "GBPUSD.csv", order="log")

    async def replay() -> None:
        async with pipeline(None) as p:
            p.add(Watcher(of=EUROPE, symbol=BRITAIN))
            await p.replay(tmp_path / "data")

    with pytest.raises(ActorFailed, match="EURUSD is ahead of the event being shown"):
        await run()
    assert order_of(DataDir(tmp_path / "data").read_log()).from_seq == 1
    with pytest.raises(ActorFailed, match="EURUSD is ahead of the event being shown"):
        await replay()


async def test_what_the_log_says_of_its_order_holds_after_a_restart(tmp_path: Path) -> None:
    async with pipeline(tmp_path) as p:
        with pytest.warns(OutOfOrderWarning):
            first = await p.run(ticks("EURUSD:10:00@1 EURUSD:10:05@1 GBPUSD:10:01@2"), name="ticks")
    async with pipeline(tmp_path) as p:
        await p.drain()
        again = p.summary()
    assert (again.order, again.out_of_order) == (first.order, first.out_of_order) == ("log", 1)
    assert order_of(LogFiles(tmp_path / "log")).to_dict() == {
        "order": "log",
        "from_seq": 3,
        "out_of_order": 1,
        "reordered": 0,
    }


async def test_what_is_pushed_after_a_history_in_disorder_is_live_as_ever(tmp_path: Path) -> None:
    """A thing is known when it arrives; the same in a replay."""

    class Looks(mtf.Consumer):
        def __init__(self) -> None:
            self.refused: list[int] = []

        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for name in view.symbols:
                try:
                    view.of(name)
                except LookAheadError:
                    self.refused.append(view.seq)

    async with pipeline(tmp_path) as p:
        p.add(looks := Looks())
        await p.run(ticks("EURUSD:10:00@1 GBPUSD:10:05@1 EURUSD:10:03@1"), order="log")
        for tick in ticks("GBPUSD:10:20@1 EURUSD:10:10@1"):
            await p.push(tick)
        await p.run(ticks("EURUSD:10:11@1 GBPUSD:10:21@1 EURUSD:10:12@1"), order="log")
    async with pipeline(None) as p:
        p.add(again := Looks())
        await p.replay(tmp_path)
    assert order_of(LogFiles(tmp_path / "log")).spans == [(1, 3), (6, 8)]
    assert again.refused == looks.refused == [3, 6, 8]


async def test_pushes_have_no_order_of_time(tmp_path: Path) -> None:
    """In live use a thing is known when it arrives."""
    async with pipeline(tmp_path) as p:
        for tick in ticks("EURUSD:10:05@1 GBPUSD:10:00@2"):
            await p.push(tick)
        assert (p.summary().order, p.summary().out_of_order) == (None, 0)
    async with pipeline(tmp_path) as p:
        with pytest.warns(OutOfOrderWarning):
            summary = await p.run(ticks("USDJPY:10:01@150"))
        assert (summary.order, summary.out_of_order) == ("log", 1)


async def test_a_folder_whose_files_all_grow_goes_on(tmp_path: Path) -> None:
    """As if it had been whole from the start, where they grow by the same days."""
    folder = two(tmp_path / "two", minutes=30)
    async with pipeline(tmp_path / "data") as p:
        assert (await p.run(folder)).events == 60
    digests = []
    for minutes in (35, 36, 50):
        two(folder, minutes=minutes)
        async with pipeline(tmp_path / "data") as p:
            summary = await p.run(folder)
            assert (summary.events, summary.order) == (2 * minutes, "time")
            digests.append(summary.digest)
    async with pipeline(None) as p:
        assert (await p.run(folder)).digest == digests[-1]


async def test_rows_of_a_grown_folder_in_the_past_of_others_are_counted_not_refused(tmp_path: Path) -> None:
    """One file had not been written as far, or came later: its rows are read, and noted."""
    folder = two(tmp_path / "two", minutes=30)
    (folder / "GBPUSD.csv").write_text(quotes(20, seconds=30))
    async with pipeline(tmp_path / "data") as p:
        assert (await p.run(folder)).order == "time"
    two(folder, minutes=30)
    (folder / "USDJPY.csv").write_text(quotes(10, seconds=50))
    async with pipeline(tmp_path / "data") as p:
        with pytest.warns(OutOfOrderWarning):
            summary = await p.run(folder)
    assert (summary.events, summary.order, summary.out_of_order) == (70, "log", 19)


async def test_a_file_that_is_gone_from_a_folder_is_an_error(tmp_path: Path) -> None:
    """What it held is in the log; what it would have got since is not known."""
    folder = two(tmp_path / "two")
    async with pipeline(tmp_path / "data") as p:
        await p.run(folder)
    (folder / "GBPUSD.csv").unlink()
    async with pipeline(tmp_path / "data") as p:
        with pytest.raises(SourceError, match=r"two/GBPUSD was read into .* and is now missing"):
            await p.run(folder)


async def test_a_source_that_was_run_alone_goes_on_in_a_list(tmp_path: Path) -> None:
    """A source keeps its name, in whatever company it is read."""
    folder = two(tmp_path / "two", minutes=10)
    async with pipeline(tmp_path / "data") as p:
        await p.run(folder / "EURUSD.csv")
    two(folder, minutes=12)
    (folder / "USDJPY.csv").write_text(quotes(3, seconds=30, first=30))
    async with pipeline(tmp_path / "data") as p:
        summary = await p.run([folder / "EURUSD.csv", folder / "USDJPY.csv"])
        assert (summary.events, summary.new_events, summary.order) == (15, 5, "time")
        assert (await p.run(folder / "EURUSD.csv")).new_events == 0


async def test_files_of_one_name_are_known_by_more_of_their_path(tmp_path: Path) -> None:
    for venue, seconds in (("binance", 10), ("kraken", 40)):
        (tmp_path / venue).mkdir()
        (tmp_path / venue / "BTCUSD.csv").write_text(quotes(5, seconds=seconds))
    paths = [tmp_path / "binance" / "BTCUSD.csv", tmp_path / "kraken" / "BTCUSD.csv"]
    async with pipeline(tmp_path / "data") as p:
        assert (await p.run(paths)).events == 10
        assert (await p.run(paths)).events == 10
        with pytest.raises(ConfigError, match="two sources are called"):
            await p.run([paths[0], paths[0]])
        with pytest.raises(ConfigError, match="name only applies to one source"):
            await p.run(paths, name="x")


async def test_a_frame_of_the_log_has_the_positions_of_the_parts_that_moved(tmp_path: Path) -> None:
    """And each segment those of all: what is known of a thousand files is not written a thousand times."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}USD.csv").write_text(quotes(3, seconds=0, first=10 * number))
    async with pipeline(tmp_path / "data", block_events=3) as p:
        await p.run(folder)
        logged = list(log_of(p).read())
        assert len(log_of(p).positions) == 20 + 1
    for each in logged:
        parts = [key for key in each.positions if key != ORDER and not key.endswith(SKIPPED)]
        assert 1 <= len(parts) <= 2


async def test_a_window_puts_what_comes_late_in_its_place(tmp_path: Path) -> None:
    """Ten bars of 120 trades; without a window the late ones are rejected."""
    path = tmp_path / "jitter.csv"
    late = (0, 0, 0, 300, 600, 0, 100)  # ms by which a trade comes after later ones
    moments = [(500 * n, late[n % 7]) for n in range(1200)]
    rows = sorted(moments, key=lambda moment: moment[0] + moment[1])
    start_ms = at("10:00") // 10**6
    path.write_text("time,price,size\n" + "".join(f"{start_ms + ms},{100 + ms // 60_000 % 7},1\n" for ms, _ in rows))
    async with pipeline(None, timeframes=["1m"]) as p:
        summary = await p.run(path, symbol="X", reorder_ns=10**9)
        assert (summary.rejected, summary.bars, summary.order) == ({}, {"1m": 9}, "time")
        assert summary.reordered == 171
        assert [bar.volume for bar in p.snapshot("X")["1m"].bars] == [120.0] * 9
    async with pipeline(None, timeframes=["1m"]) as p:
        assert (await p.run(path, symbol="X")).rejected == {"late": 171}


async def test_a_source_sorted_by_symbol_is_sorted_by_time_first(tmp_path: Path) -> None:
    """The same digest as that of a file in order of time."""
    folder = two(tmp_path / "two")
    rows = {name: list(mtf.open_source(folder / f"{name}.csv")) for name in (EUROPE, BRITAIN)}
    by_symbol = [*rows[EUROPE], *rows[BRITAIN]]
    by_time = sorted(by_symbol, key=lambda tick: tick.ts_ns)
    digests = []
    for given, sort in ((by_symbol, True), (by_time, False)):
        path = tmp_path / "rows.csv"
        path.write_text(
            "time,symbol,bid,ask\n" + "".join(f"{tick.ts_ns},{tick.symbol},{tick.bid},{tick.ask}\n" for tick in given)
        )
        async with pipeline(None) as p:
            summary = await p.run(path, sort=sort)
            digests.append((summary.order, summary.out_of_order, summary.digest))
    assert digests[0] == digests[1]
    async with pipeline(None) as p:
        with pytest.warns(OutOfOrderWarning, match=r"sort=True"):
            await p.run(by_symbol)


async def test_sort_and_a_window_are_one_too_many(tmp_path: Path) -> None:
    async with pipeline(None) as p:
        with pytest.raises(ConfigError, match="sort and a reorder window exclude each other"):
            await p.run(two(tmp_path / "two"), sort=True, reorder_ns=1)
        with pytest.raises(ConfigError, match="got -1 ns"):
            await p.run(two(tmp_path / "two"), reorder_ns=-1)


def test_a_source_can_be_iterated(tmp_path: Path) -> None:
    """So that users can combine sources themselves."""
    folder = two(tmp_path / "two", minutes=2)
    expected = ticks("EURUSD:10:00:10@1.1 GBPUSD:10:00:30@1.1 EURUSD:10:01:10@1.1 GBPUSD:10:01:30@1.1")
    assert list(MergedSource([mtf.open_source(folder)])) == expected
    assert list(mtf.open_source(folder)) == expected
    assert list(IterSource(expected)) == expected
    market = list(SyntheticMarket(events=2000))
    assert len(market) == 2000
    assert {tick.symbol for tick in market} == {"EURUSD", "GBPUSD", "USDJPY"}


def test_a_malformed_row_is_passed_over_by_an_iteration_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "EURUSD.csv"
    path.write_text(quotes(2, seconds=0) + "soon,1,2\nlater,1,2\n")
    with pytest.warns(UserWarning, match=r"EURUSD\.csv:4: .*malformed rows are skipped") as warned:
        assert len(list(mtf.open_source(path))) == 2
    assert len(warned) == 1


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {"order": "x"},
        {"order": "log", "spans": [[0, 2], [5, 3], ["1", 2]], "out_of_order": -1, "newest": [[1], [True, 2], 3]},
    ],
)
def test_a_record_from_a_stranger_is_believed_only_as_far_as_it_makes_sense(record: Any) -> None:
    found = LogOrder(record)
    assert (found.from_seq, found.out_of_order, found.has_finite) == (0, 0, False)


def stamps_of(data: Path) -> list[int]:
    return list(_stamps(data))


def _stamps(data: Path) -> Iterator[int]:
    from mtf.log import read_log

    for logged in read_log(data / "log"):
        for at_byte in range(0, len(logged.block.rows), 48):
            yield int.from_bytes(logged.block.rows[at_byte : at_byte + 8], "little")
