"""A pipeline on a stream: the results, restarts and answers of files; and what a broker does to messages is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.cluster.broker import Broker, Refused
from mtf.cluster.broker_process import BrokerProcess, free_port
from mtf.cluster.link import Link
from mtf.cluster.stream_storage import StreamStorage
from mtf.cluster.streams import make_shared
from mtf.cluster.subjects import ClusterNames
from mtf.config import Config
from mtf.errors import ConfigMismatch, CorruptLog, DataDirError, LogLocked, LogTaken, LogWriteFailed
from mtf.notes import Notes
from mtf.pipeline import Pipeline
from mtf.storage.restore import engine_at, state_at, verify_replay
from tests.cluster.servers import needs_server, stream_storage
from tests.log.builders import blocks, events_of
from tests.storage.builders import bar_bits, engine_bits, feed, market, whole_bits

pytestmark = pytest.mark.cluster

CONFIG = Config.make(indicators=["ema:3", "rsi:5"], timeframes=["1m", "5m", "1h"], history=10)
EVENTS = market(33, 120)
SYMBOLS = ["EURUSD", "USDJPY", "XAUUSD"]
FLIPS = 4
MADE = blocks(*[40] * 60, ids=True)


@pytest.fixture
def storage() -> Iterator[StreamStorage]:
    with stream_storage() as storage:
        yield storage


def pipeline(place: Any, **settings: Any) -> Pipeline:
    return Pipeline(data=place, config=CONFIG, clock="ticks", **{"checkpoint_seconds": None, **settings})


async def written(place: Any) -> str:
    """Log the events in two lives, with checkpoints, and return the digest."""
    async with pipeline(place) as p:
        await feed(p, EVENTS[:50])
        assert await p.checkpoint() == 50
    async with pipeline(place, checkpoint_events=40) as p:
        await feed(p, EVENTS[50:])
        await p.drain()
        return p.digest


async def test_results_and_answers_are_those_of_files(storage: StreamStorage, tmp_path: Path) -> None:
    digest = await written(storage)
    files = tmp_path / "files"
    assert digest == await written(files)
    for seq in (0, 1, 49, 50, 51, 120):
        found = await asyncio.to_thread(engine_at, storage, seq=seq)
        assert engine_bits(found) == engine_bits(engine_at(files, seq=seq))
    for symbol in SYMBOLS:
        found_state = await asyncio.to_thread(state_at, storage, symbol, time_ns=EVENTS[60].ts_ns)
        expected = state_at(files, symbol, time_ns=EVENTS[60].ts_ns)
        assert (found_state and whole_bits(found_state)) == (expected and whole_bits(expected))

    def answers(place: Any) -> list[Any]:
        with mtf.open(place) as reader:
            bars = [bar_bits(bar) for bar in reader.bars(SYMBOLS, ["1m", "5m"])]
            return [bars, list(reader.ticks()), reader.symbols, reader.seq, reader.first_seq, reader.config]

    assert await asyncio.to_thread(answers, storage) == answers(files)
    replayed = await asyncio.to_thread(verify_replay, storage)
    assert (replayed.seq, replayed.digest, replayed.damage) == (120, digest, [])
    async with Pipeline(config=CONFIG, clock="ticks") as p:
        await p.replay(storage)
        assert p.digest == digest


async def test_a_source_goes_on_where_the_log_has_it(storage: StreamStorage, tmp_path: Path) -> None:
    ticks = [event for event in EVENTS if isinstance(event, mtf.Tick)]
    for upto in (25, len(ticks)):
        async with pipeline(storage) as p:
            summary = await p.run(ticks[:upto], name="ticks", order="log")
            assert summary.seq == upto


async def test_another_configuration_is_refused_and_leaves_the_log_free(storage: StreamStorage) -> None:
    await written(storage)
    with pytest.raises(ConfigMismatch, match="was made with a different configuration"):
        async with Pipeline(data=storage, timeframes="1m"):
            pass
    async with pipeline(storage) as p:
        assert p.seq == 120


def test_nothing_is_read_where_nothing_was_written(storage: StreamStorage) -> None:
    with pytest.raises(DataDirError, match="there is no log here"):
        mtf.open(storage)


async def test_a_second_writer_is_refused(storage: StreamStorage) -> None:
    async with pipeline(storage) as p:
        await feed(p, EVENTS[:5])
        with pytest.raises(LogLocked, match="is written by"):
            async with pipeline(storage):
                pass
        await feed(p, EVENTS[5:10])


async def test_a_writer_that_was_replaced_is_refused_by_the_broker(server: BrokerProcess) -> None:
    """Whatever became of its lease: exactly one goes on."""
    link = Link(server.url)
    first = StreamStorage(link, lease_s=600)
    with pytest.raises(LogTaken, match="another writer has written message 7"):  # noqa: PT012
        async with pipeline(first) as p:
            await feed(p, EVENTS[:5])
            await p.durable(5)
            log = await asyncio.to_thread(_stolen, first)
            log.append(_blocks_after(log, 5)[0])
            await asyncio.to_thread(log.sync)
            await feed(p, EVENTS[5:10])
            await p.durable(10)
    assert log.last_seq == 6
    assert [found.last_seq for found in events_of(log.read())] == [1, 2, 3, 4, 5, 6]
    log.close()
    link.close()


def _stolen(storage: StreamStorage) -> Any:
    """Open the log though somebody has its lease, as after damage of the keys."""
    link = storage._link
    from mtf.cluster.keys import Keys

    keys = Keys(link.broker, ClusterNames())
    link.call(keys.put("writer.0", b"{}"))
    return storage.open_log(CONFIG.to_json(), Notes())


def _blocks_after(log: Any, seq: int) -> list[Any]:
    from mtf.events.block import SymbolTable
    from mtf.events.block_builder import BlockBuilder

    builder = BlockBuilder(SymbolTable(log.symbols))
    assert not builder.quote("EURUSD", EVENTS[seq].ts_ns, 1.0, 1.1)
    return [builder.take(seq + 1)]


def test_a_broker_that_dies_loses_nothing_and_doubles_nothing(server: BrokerProcess) -> None:
    """What was on its way is looked for, and sent again if it is missing: by the numbers, not by a window of time."""
    link = Link(server.url)
    storage = StreamStorage(link, lease_s=5)
    log = storage.open_log(CONFIG.to_json(), Notes())
    for k, block in enumerate(MADE):
        log.append(block)
        if k in (10, 30):
            server.kill()
            server.start(ready=False)
    assert log.sync() == MADE[-1].last_seq
    assert events_of(log.read()) == MADE
    log.close()
    link.close()


def test_a_broker_that_forgets_what_it_acknowledged_stops_the_writer(server: BrokerProcess) -> None:
    link = Link(server.url)
    log = StreamStorage(link, lease_s=5).open_log(CONFIG.to_json(), Notes())
    for block in MADE[:10]:
        log.append(block)
    log.sync()
    server.kill()
    _cut_tail(server, 2_000)
    server.start()
    with pytest.raises(LogWriteFailed, match=r"acknowledged|end of the stream is gone"):  # noqa: PT012
        for block in MADE[10:]:
            log.append(block)
        log.sync()
    link.close()


@pytest.mark.parametrize("seed", range(FLIPS))
def test_a_flipped_bit_is_an_error_that_names_the_partition(server: BrokerProcess, seed: int) -> None:
    """The server may drop every message behind it without a word; seq and chain tell."""
    link = Link(server.url)
    storage = StreamStorage(link)
    log = storage.open_log(CONFIG.to_json(), Notes())
    for block in MADE:
        log.append(block)
    log.close()
    server.kill()
    path = _blocks_of_log(server)[0]
    data = bytearray(path.read_bytes())
    at = len(data) * (2 * seed + 1) // (2 * FLIPS + 1)
    data[at] ^= 1 << seed % 8
    path.write_bytes(data)
    server.start()
    with pytest.raises((CorruptLog, DataDirError), match="partition 0"):
        list(storage.read_log().read())
    with pytest.raises((CorruptLog, DataDirError), match="partition 0"):
        storage.open_log(CONFIG.to_json(), Notes()).append(_blocks_after(log, 100)[0])
    link.close()


def test_a_cut_tail_is_an_error(server: BrokerProcess) -> None:
    link = Link(server.url)
    storage = StreamStorage(link)
    log = storage.open_log(CONFIG.to_json(), Notes())
    for block in MADE:
        log.append(block)
    log.close()
    server.stop()
    _cut_tail(server, 5_000)
    server.start()
    with pytest.raises(CorruptLog, match=r"partition 0.*(gone|missing|damaged)"):
        storage.open_log(CONFIG.to_json(), Notes())
    with pytest.raises(CorruptLog, match=r"partition 0.*(gone|missing|damaged)"):
        list(storage.read_log().read())
    link.close()


@pytest.mark.parametrize("whole", [True, False])
def test_a_log_that_is_gone_is_not_begun_anew(server: BrokerProcess, whole: bool) -> None:
    """Whether the broker has lost its messages or the stream as well: the keys know that there was one."""
    with contextlib.closing(Link(server.url)) as link:
        storage = StreamStorage(link)
        log = storage.open_log(CONFIG.to_json(), Notes())
        log.append(MADE[0])
        log.close()
        server.kill()
        [path] = _blocks_of_log(server)
        if whole:
            shutil.rmtree(path.parent.parent)
        else:
            path.write_bytes(b"")
        server.start()
        with pytest.raises(CorruptLog, match=r"partition 0.*gone") as caught:
            storage.open_log(CONFIG.to_json(), Notes())
        assert caught.value.seq == 1


async def test_a_stream_waits_for_as_many_servers_as_it_has_replicas(tmp_path: Path) -> None:
    """Servers that were just started know one another only after a while."""
    needs_server()
    routes = [free_port() for _ in range(3)]
    servers = [
        BrokerProcess(tmp_path / str(k), name=f"n{k}", routes=routes[k:] + routes[:k], with_parent=True)
        for k in range(3)
    ]
    try:
        for each in servers[:2]:
            each.start(ready=False)
        await asyncio.to_thread(servers[0].wait_ready)
        async with Broker.connected(servers[0].url, patience_s=60) as broker:
            refused = await _refused(broker)
            making = asyncio.create_task(make_shared(broker, ClusterNames(), 3))
            servers[2].start(ready=False)
            await making
            assert "no suitable peers" in refused
            assert await broker.stream_state(ClusterNames().bucket) is not None
    finally:
        for each in servers:
            each.kill()


async def _refused(broker: Broker) -> str:
    """Return why a stream with three replicas is refused once two servers have elected a leader."""
    while True:
        settings = {"name": "X", "subjects": ["x"], "num_replicas": 3}
        try:
            await broker.ask("$JS.API.STREAM.CREATE.X", orjson.dumps(settings))
        except TimeoutError:
            continue
        except Refused as error:
            return str(error)


def _blocks_of_log(server: BrokerProcess) -> list[Path]:
    return sorted((server.directory / "store").glob("**/mtf-LOG-0/msgs/*.blk"))


def _cut_tail(server: BrokerProcess, count: int) -> None:
    path = _blocks_of_log(server)[-1]
    data = path.read_bytes()
    path.write_bytes(data[:-count])
