"""A pipeline on another storage: the same results, restarts, checkpoints and answers as on files.

One is in memory, one is reached as over a network: its calls are coroutines on a loop of its own, and its appends are
acknowledged later. Neither needs a line in pipeline, recovery or readers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from threading import Event as ThreadEvent
from typing import Any

import pytest

import mtf
from mtf.config import Config
from mtf.errors import (
    ConfigError,
    ConfigMismatch,
    DataDirError,
    LogLocked,
    PipelineStopped,
    UnknownSymbol,
)
from mtf.events.tick import Tick
from mtf.log import EventLog
from mtf.notes import Notes
from mtf.pipeline import Pipeline
from mtf.sources import IterSource
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_store import CheckpointStore, newest_good
from mtf.storage.datadir import DataDir
from mtf.storage.restore import engine_at, first_seq_after, state_at, verify_replay
from mtf.storage.storage import Storage
from tests.builders import SECOND_NS
from tests.cluster.servers import stream_storage
from tests.pipeline.survivors import Saved
from tests.storage.builders import Crashed, bar_bits, engine_bits, feed, market, results, until_crash, whole_bits
from tests.storage.memory_storage import MemoryStorage
from tests.storage.remote_storage import WINDOW, RemoteStorage

CONFIG = Config.make(indicators=["ema:3", "rsi:5"], timeframes=["1m", "5m", "1h"], history=10)
EVENTS = market(33, 120)
SYMBOLS = ("EURUSD", "USDJPY", "XAUUSD")
KINDS = ("memory", "remote")


@contextmanager
def made(kind: str) -> Iterator[MemoryStorage]:
    storage = RemoteStorage() if kind == "remote" else MemoryStorage(aloof=True)
    try:
        yield storage
    finally:
        storage.close()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> Iterator[MemoryStorage]:
    with made(request.param) as storage:
        yield storage


def at_ease(storage: MemoryStorage) -> MemoryStorage:
    """Return the same contents, for questions that are asked on an event loop and wait there, as they say."""
    if isinstance(storage, RemoteStorage):
        return storage
    easy = MemoryStorage(storage.name)
    easy.log, easy.saved, easy.rows = storage.log, storage.saved, storage.rows
    return easy


def pipeline(place: Any, **settings: Any) -> Pipeline:
    return Pipeline(data=place, config=CONFIG, clock="ticks", **{"checkpoint_seconds": None, **settings})


async def written(place: Any, *, crash: bool = False) -> str:
    """Log the events in two lives, with checkpoints, and return the digest; with *crash* the last one breaks off."""
    async with pipeline(place) as p:
        await feed(p, EVENTS[:30])
        assert await p.checkpoint() == 30
        await feed(p, EVENTS[30:50])
    with until_crash() if crash else contextmanager(lambda: iter([None]))():
        async with pipeline(place, checkpoint_events=40) as p:
            await feed(p, EVENTS[50:100])
            await p.checkpoint()
            await feed(p, EVENTS[100:])
            await p.drain()
            digest = p.digest
            if crash:
                raise Crashed
    return digest


@pytest.fixture
async def files(tmp_path: Path) -> Path:
    await written(tmp_path / "files")
    return tmp_path / "files"


async def test_results_are_those_of_files(storage: MemoryStorage, files: Path) -> None:
    digest = await written(storage)
    assert digest == engine_at(files).digest.value()
    found, expected = await asyncio.to_thread(engine_at, storage), engine_at(files)
    assert engine_bits(found) == engine_bits(expected)


@pytest.mark.parametrize("seq", [0, 1, 29, 30, 31, 75, 120])
async def test_state_after_an_event_is_that_of_files(storage: MemoryStorage, files: Path, seq: int) -> None:
    await written(storage)
    assert engine_bits(await asyncio.to_thread(engine_at, storage, seq=seq)) == engine_bits(engine_at(files, seq=seq))


async def test_state_at_a_time_is_that_of_files(storage: MemoryStorage, files: Path) -> None:
    await written(storage)
    for time_ns in (EVENTS[10].ts_ns, EVENTS[60].ts_ns, EVENTS[-1].ts_ns + SECOND_NS):
        for symbol in SYMBOLS:
            found = await asyncio.to_thread(state_at, storage, symbol, time_ns=time_ns)
            expected = state_at(files, symbol, time_ns=time_ns)
            assert (found and whole_bits(found)) == (expected and whole_bits(expected))
        assert await asyncio.to_thread(first_seq_after, storage, time_ns) == first_seq_after(files, time_ns)


async def test_a_restart_after_a_crash_goes_on_from_the_newest_checkpoint(storage: MemoryStorage, files: Path) -> None:
    """Consumers are shown what came since, with the state that they had: the digest is that of one life."""
    first = Saved("saved")
    with until_crash():
        async with pipeline(storage) as p:
            p.add(first)
            await feed(p, EVENTS[:50])
            assert await p.checkpoint() == 50
            await feed(p, EVENTS[50:70])
            await p.durable(70)
            raise Crashed
    again = Saved("saved")
    async with pipeline(storage) as p:
        p.add(again)
        await p.drain()
        assert p.seq == 70
        assert again.first == 51
        await feed(p, EVENTS[70:])
        await p.drain()
        assert p.digest == engine_at(files).digest.value()
        assert [skipped.reason for skipped in p.skipped_checkpoints] == []


async def test_a_snapshot_before_catching_up_is_that_of_the_logs_end(storage: MemoryStorage, files: Path) -> None:
    """Nothing is awaited for it, so that it waits on the loop, also for a storage that is far away."""
    await written(storage)
    async with pipeline(at_ease(storage)) as p:
        expected = engine_at(files)
        assert whole_bits(p.snapshot("EURUSD")) == whole_bits(expected.snapshot(expected.number_of("EURUSD")))
        assert p.digest == expected.digest.value()


async def test_state_at_of_a_running_pipeline(storage: MemoryStorage, files: Path) -> None:
    await written(storage)
    async with pipeline(at_ease(storage)) as p:
        for seq in (10, 42, 100):
            expected = state_at(files, "USDJPY", seq=seq)
            assert expected is not None
            assert whole_bits(p.state_at("USDJPY", seq=seq)) == whole_bits(expected)
        with pytest.raises(ConfigError, match="the log ends at seq 120: choose a seq up to there"):
            p.state_at("USDJPY", seq=121)
        with pytest.raises(UnknownSymbol):
            p.state_at("GBPUSD")


async def test_replay_is_that_of_files(storage: MemoryStorage, files: Path) -> None:
    await written(storage)
    spans: list[dict[str, Any]] = [{}, {"until": 77}, {"start": 41}, {"start": 41, "until": 99}]
    for span in spans:
        played = []
        for place in (storage, files):
            async with Pipeline(config=CONFIG, clock="ticks") as p:
                await p.replay(place, **span)
                played.append((p.digest, p.seq, results(p)))
        assert played[0] == played[1]


async def test_a_replay_into_another_configuration_is_refused(storage: MemoryStorage) -> None:
    await written(storage)
    async with Pipeline(timeframes="1m", clock="ticks") as p:
        with pytest.raises(ConfigMismatch, match=f"{storage.name} was made with a different configuration"):
            await p.replay(storage)


async def test_checkpoints_hold_what_a_replay_gives(storage: MemoryStorage) -> None:
    digest = await written(storage)
    replayed = await asyncio.to_thread(verify_replay, storage)
    assert (replayed.seq, replayed.digest, replayed.damage) == (120, digest, [])
    assert replayed.agreed == sorted(storage.saved)
    assert len(storage.saved) == 3


async def test_a_damaged_checkpoint_is_passed_over_with_the_reason(storage: MemoryStorage, files: Path) -> None:
    await written(storage, crash=True)
    newest = max(storage.saved)
    storage.saved[newest] = storage.saved[newest][:-3]
    async with pipeline(storage) as p:
        await p.drain()
        assert p.digest == engine_at(files).digest.value()
        assert [each.path for each in p.skipped_checkpoints] == [f"{storage.name}/checkpoints/{newest}"]


async def test_checkpoints_of_events_that_are_lost_are_discarded(storage: MemoryStorage) -> None:
    await written(storage)
    assert storage.log is not None
    storage.log.durable_seq = 90
    storage.lose_power()
    async with pipeline(at_ease(storage)) as p:
        assert p.seq == 90
        reasons = [each.reason for each in p.skipped_checkpoints]
        assert reasons[-2:] == [
            "the checkpoint of seq 100 was discarded: the log ends at 90",
            "the checkpoint of seq 120 was discarded: the log ends at 90",
        ]
        assert all(reason.endswith("was discarded: the log ends at 90") for reason in reasons), "one that was due, too"
        await p.drain()
        assert p.digest == (await asyncio.to_thread(engine_at, storage, seq=90)).digest.value()


async def test_a_second_writer_is_refused(storage: MemoryStorage) -> None:
    async with pipeline(storage) as p:
        await feed(p, EVENTS[:5])
        with pytest.raises(LogLocked):
            async with pipeline(storage):
                pass
        await feed(p, EVENTS[5:10])
    async with pipeline(storage) as p:
        assert p.seq == 10


async def test_another_configuration_is_refused_and_leaves_the_log_free(storage: MemoryStorage) -> None:
    await written(storage)
    with pytest.raises(ConfigMismatch, match=f"{storage.name} was made with a different configuration"):
        async with Pipeline(data=storage, timeframes="1m"):
            pass
    async with pipeline(storage) as p:
        assert p.seq == 120


async def test_a_source_goes_on_where_the_log_has_it(storage: MemoryStorage) -> None:
    """Its position is in the log, whatever that is made of; malformed rows are counted over all runs."""
    ticks = [event for event in EVENTS if isinstance(event, Tick)]
    rows: list[Any] = [*ticks[:20], Tick("EURUSD", 0, float("nan"), None), *ticks[20:]]
    for upto in (25, len(rows)):
        async with pipeline(storage) as p:
            summary = await p.run(IterSource(rows[:upto], name="ticks"), order="log")
            assert (summary.rejected["malformed"], summary.seq) == (1, upto - 1)
    assert [(line, reason) for _, line, reason, _ in storage.rows] == [(21, "a number is NaN or infinite")]


async def test_old_events_go_after_a_checkpoint(storage: MemoryStorage) -> None:
    async with pipeline(storage, keep_events=10) as p:
        await feed(p, EVENTS)
        await p.checkpoint()
        digest = p.digest
    assert storage.log is not None
    assert storage.log.first_seq == 111
    async with pipeline(storage, keep_events=10) as p:
        await p.drain()
        assert p.digest == digest
        assert sorted(p.symbols) == list(SYMBOLS)


async def test_readers_answer_as_they_do_of_files(storage: MemoryStorage, files: Path) -> None:
    await written(storage)

    def answers(place: Any) -> list[Any]:
        with mtf.open(place) as reader:
            bars = [bar_bits(bar) for bar in reader.bars(list(SYMBOLS), ["1m", "5m", "15m"])]
            known = [bar_bits(bar) for bar in reader.bars("EURUSD", "1m", as_of=EVENTS[80].ts_ns)]
            ticks = list(reader.ticks())
            states = reader.states(at=77)
            shown = [whole_bits(snapshot) for snapshot in states.symbols.values()]
            return [bars, known, ticks, states.seq, shown, reader.symbols, reader.seq, reader.first_seq, reader.config]

    found, expected = await asyncio.to_thread(answers, storage), answers(files)
    assert len(found[0]) > 50
    assert found == expected


async def test_bars_can_be_followed(storage: MemoryStorage) -> None:
    """While the pipeline writes, on the same loop."""
    async with pipeline(storage) as p:
        await feed(p, EVENTS[:60])
        with mtf.open(at_ease(storage)) as reader:
            following = reader.follow(timeframe="1m", poll_s=0)
            async with aclosing(following):
                coming = asyncio.create_task(_first(following, 5))
                await feed(p, EVENTS[60:])
                bars = await asyncio.wait_for(coming, 20)
        await p.drain()
    whole = [bar for bar in await asyncio.to_thread(_bars, storage) if bar in bars]
    assert len(bars) == 5
    assert sorted(map(repr, whole)) == sorted(map(repr, bars))


def _bars(storage: Storage) -> list[mtf.Bar]:
    with mtf.open(storage) as reader:
        return list(reader.bars(list(SYMBOLS), "1m"))


async def _first(bars: AsyncIterator[mtf.Bar], count: int) -> list[mtf.Bar]:
    found: list[mtf.Bar] = []
    async for bar in bars:
        found.append(bar)
        if len(found) == count:
            break
    return found


def test_nothing_is_read_where_nothing_was_written(storage: MemoryStorage) -> None:
    with pytest.raises(DataDirError, match="there is no log here"):
        mtf.open(storage)
    with pytest.raises(DataDirError, match="there is no log here"):
        engine_at(storage)


def test_what_is_neither_a_directory_nor_a_storage_is_refused() -> None:
    with pytest.raises(ConfigError, match="5 must be a directory or a storage"):
        Pipeline(data=5)  # type: ignore[arg-type]


class Slow(MemoryStorage):
    """Opens once it is let."""

    def __init__(self) -> None:
        super().__init__("slow", aloof=True)
        self.asked, self.let = ThreadEvent(), ThreadEvent()

    def open_log(self, config: bytes, notes: Notes) -> EventLog:
        self.asked.set()
        assert self.let.wait(20)
        return super().open_log(config, notes)


async def test_the_loop_goes_on_while_a_storage_is_opened() -> None:
    slow = Slow()
    starting = asyncio.create_task(pipeline(slow).__aenter__())
    turns = 0
    while not slow.asked.is_set() or turns < 100:
        await asyncio.sleep(0)
        turns += 1
    assert not starting.done()
    slow.let.set()
    p = await starting
    await feed(p, EVENTS[:3])
    await p.__aexit__(None, None, None)


async def test_a_start_that_is_cancelled_leaves_the_log_free() -> None:
    slow = Slow()
    starting = asyncio.create_task(pipeline(slow).__aenter__())
    assert await asyncio.to_thread(slow.asked.wait, 20)
    for _ in range(3):
        starting.cancel()
        await asyncio.sleep(0)
    slow.let.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    async with pipeline(slow) as p:
        await feed(p, EVENTS[:3])
        assert p.seq == 3


async def test_an_append_waits_for_acknowledgements_in_a_thread() -> None:
    """At most a window of them is on the way; the loop goes on, and nobody sees what could not be sent."""
    with made("remote") as storage:
        assert isinstance(storage, RemoteStorage)
        async with pipeline(storage) as p:
            await feed(p, EVENTS[:2])
            await p.durable(2)
            storage.server.pause()
            pushing = [asyncio.create_task(feed(p, [event])) for event in EVENTS[2:20]]
            for _ in range(1000):
                await asyncio.sleep(0)
            assert p.seq <= 2 + WINDOW
            assert p.durable_seq == 2
            storage.server.resume()
            await asyncio.gather(*pushing)
            await p.durable(20)
            assert p.durable_seq == 20


async def test_an_append_that_is_refused_stops_the_pipeline() -> None:
    """Another writer has taken the log over: the first learns of it by its next append or sync, and goes no further."""
    with made("remote") as storage:
        with pytest.raises(PipelineStopped, match="another writer has the log"):  # noqa: PT012
            async with pipeline(storage) as p:
                await feed(p, EVENTS[:5])
                await p.durable(5)
                assert storage.log is not None
                storage.log.writer = object()
                await feed(p, EVENTS[5:10])
                await p.durable(10)
        assert storage.log is not None
        assert storage.log.last_seq == 5


class TestCheckpointStores:
    """What every store of checkpoints promises."""

    @pytest.fixture(params=["files", *KINDS, pytest.param("stream", marks=pytest.mark.cluster)])
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CheckpointStore]:
        if request.param == "files":
            yield FileCheckpointStore(tmp_path / "checkpoints")
            return
        if request.param == "stream":
            with stream_storage() as stored:
                stored.open_log(CONFIG.to_json(), Notes()).close()
                yield stored.checkpoints(CONFIG)
            return
        with made(request.param) as storage:
            yield storage.checkpoints(CONFIG)

    def test_what_was_saved_is_read_and_the_newest_three_are_kept(self, store: CheckpointStore) -> None:
        for seq in (5, 20, 10, 40):
            store.save(seq, {"n": seq}, {"part": bytes([seq]) * 9})
        assert store.list() == [10, 20, 40]
        found = store.read(20)
        assert (found.seq, found.meta, found.parts) == (20, {"n": 20}, {"part": b"\x14" * 9})
        assert found.path == store.place_of(20)

    def test_the_newest_up_to_a_limit_is_found(self, store: CheckpointStore) -> None:
        assert newest_good(store) == (None, [])
        for seq in (10, 20, 30):
            store.save(seq, {}, {})
        found, skipped = newest_good(store, 29)
        assert found is not None
        assert found.seq == 20
        assert [(each.path, each.reason) for each in skipped] == [
            (store.place_of(30), "its seq is 30, after 29"),
        ]

    def test_those_ahead_of_the_log_are_discarded(self, store: CheckpointStore) -> None:
        for seq in (10, 20, 30):
            store.save(seq, {}, {})
        assert store.discard_after(15) == [20, 30]
        assert store.list() == [10]
        assert store.discard_after(15) == []

    def test_one_that_is_too_large_changes_nothing(self, store: CheckpointStore) -> None:
        store.save(10, {}, {})
        with pytest.raises(ValueError, match="is longer than 1000 bytes"):
            store.save(20, {}, {"x" * 1001: b""})
        assert store.list() == [10]


def test_a_data_directory_is_a_storage(tmp_path: Path) -> None:
    assert isinstance(DataDir(tmp_path), Storage)
    assert isinstance(MemoryStorage(), Storage)
