"""Stored histories: what a checkpoint refers to is what the engine had, whenever somebody looks, and written once."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import struct
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_hexdigest

from mtf.bars.bar import Bar
from mtf.build import COMPILED
from mtf.config import Config
from mtf.errors import ConfigError, CorruptCheckpoint
from mtf.events.block import Block
from mtf.history_budget import HistoryBudget
from mtf.image import Image
from mtf.kernel import Kernel
from mtf.log.filesystem import OsFileSystem
from mtf.log.pack import inflate
from mtf.pipeline import Pipeline
from mtf.saved_parts import Part, parts_of, saved
from mtf.storage import checkpoint_files, stored_histories
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.row_file import Reference, RowFile, Scan
from mtf.storage.stored_histories import StoredHistory
from tests.builders import Event, blocks
from tests.storage.builders import feed, market
from tests.streams import streams

CONFIGS = st.builds(
    Config.make,
    timeframes=st.sampled_from(("1m,5m,1d", "1m,3t,10v")),
    calendar=st.sampled_from(("fx", "crypto")),
    history=st.sampled_from((1, 3, 10, 1000)),
    live=st.sampled_from(("each", "off")),
    indicators=st.sampled_from((None, "sma:2,rsi:3,bbands:3")),
)
compiled_only = pytest.mark.skipif(not COMPILED, reason="nothing is released in pure Python")
MARKET: Final = Config.make(timeframes="1m,5m", calendar="crypto", indicators="sma:2,bbands:3", history=50)


def parts_now(kernel: Kernel) -> dict[str, Part]:
    images = {name: Image(core) for name, core in kernel.cores().items()}
    for image in images.values():
        image.complete()
    return parts_of(images, {name: saved(archive) for name, archive in kernel.others().items()})


def save(store: FileCheckpointStore, kernel: Kernel) -> None:
    store.save(kernel.joiner.seq, {}, parts_now(kernel))


def started(directory: Path, config: Config, seq: int) -> Kernel:
    """Return the engine that a new process would start with."""
    found = FileCheckpointStore(directory).read(seq)
    kernel = Kernel(config)
    kernel.load(found.parts, found.histories)
    return kernel


def rows_files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("rows-*"))


def seen(kernel: Kernel) -> list[tuple[list[Bar], list[list[float]]]]:
    """Return all completed bars, and the columns of all values."""
    return [
        (
            list(aggregator.window(number)),
            [list(values.rows.column(k, values.start, values.stop)) for k in range(history.width)],
        )
        for aggregator, history in zip(kernel.aggregators, kernel.value_histories, strict=True)
        for number in range(kernel.joiner.count)
        for values in [history.completed(number)]
    ]


@given(stream=streams(events_max=120), config=CONFIGS, seed=st.integers(0, 1 << 30), rows_min=st.sampled_from((1, 8)))
@settings(max_examples=60)
def test_an_engine_that_starts_from_references_is_the_one_that_went_on(
    stream: list[Event], config: Config, seed: int, rows_min: int
) -> None:
    """Over many checkpoints and starts; some histories are looked at in between, others never.

    Some rows are merged, and what is stored is released from memory now and then.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_histories, "ROWS_MIN", rows_min)
        directory = Path(folder)
        whole, kernel = Kernel(config), Kernel(config)
        store = FileCheckpointStore(directory)
        kept: list[tuple[Any, list[Bar]]] = []  # windows, and what they were
        for block in blocks(stream, size=5):
            whole.step(block)
            kernel.step(block)
            if draw.random() < 0.5:
                save(store, kernel)
            if draw.random() < 0.2:
                save(store, kernel)
                asyncio.run(HistoryBudget(kernel, 0).keep(store.histories()))
            if draw.random() < 0.2 and store.list():
                save(store, kernel)
                kernel = started(directory, config, kernel.joiner.seq)
                store = FileCheckpointStore(directory)
            if draw.random() < 0.2 and kernel.joiner.count:
                number, aggregator = draw.randrange(kernel.joiner.count), draw.choice(kernel.aggregators)
                kept.append((aggregator.window(number), list(whole.aggregators[aggregator.rank].window(number))))
        save(store, kernel)
        again = started(directory, config, kernel.joiner.seq)
        assert again.save() == whole.save()
        assert kernel.save() == whole.save()
        assert all(list(window) == bars for window, bars in kept)
        assert len(store.list()) <= 3


def run(kernel: Kernel, made: Sequence[Block]) -> None:
    for block in made:
        kernel.step(block)


def test_a_checkpoint_writes_what_is_new(tmp_path: Path) -> None:
    """A row is written a few times in its life, not with each checkpoint; and there are few files."""
    made = list(blocks(market(5, 40_000), size=20))
    config = Config.make(timeframes="1m,5m", calendar="crypto", indicators="sma:2,bbands:3", history=5_000)
    kernel = Kernel(config)
    store = FileCheckpointStore(tmp_path)
    written: dict[str, int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_histories, "ROWS_MIN", 20)
        patch.setattr(checkpoint_files, "SCRUB_BYTES", 500)  # so that files are merged before all of them was checked
        for k, block in enumerate(made):
            kernel.step(block)
            if k % 5 == 0:
                save(store, kernel)
                written.update((path.name, path.stat().st_size) for path in tmp_path.glob("rows-*"))
                assert len(rows_files(tmp_path)) < 25
    assert not store._damaged
    checkpoints = len(range(0, len(made), 5))
    whole = FileCheckpointStore(tmp_path / "whole")
    other = Kernel(config)
    run(other, made)
    save(whole, other)
    (once,) = (tmp_path / "whole").glob("rows-*")
    assert sum(written.values()) < 25 * once.stat().st_size < checkpoints * once.stat().st_size / 10


def test_nothing_is_written_if_no_bar_has_closed(tmp_path: Path) -> None:
    kernel = Kernel(MARKET)
    run(kernel, list(blocks(market(7, 400), size=20)))
    store = FileCheckpointStore(tmp_path)
    save(store, kernel)
    before = rows_files(tmp_path)
    store.save(kernel.joiner.seq + 1, {}, parts_now(kernel))
    assert rows_files(tmp_path) == before
    assert started(tmp_path, MARKET, kernel.joiner.seq + 1).save() == kernel.save()


def three(directory: Path) -> tuple[Kernel, list[int]]:
    """Return an engine of which three checkpoints were saved, and their seqs."""
    made = list(blocks(market(9, 3_000), size=100))
    kernel = Kernel(MARKET)
    store = FileCheckpointStore(directory)
    for k, block in enumerate(made):
        kernel.step(block)
        if k in (9, 19, 29):
            save(store, kernel)
    return kernel, store.list()


DAMAGES: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "a bit": (lambda path: path.write_bytes(flipped(path.read_bytes())), "damaged, or not the one"),
    "its end": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes that the checkpoint knows"),
    "all of it": (lambda path: path.unlink(), "missing, or not a plain file"),
}


def test_files_are_checked_again_a_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two rests of the thread that does it."""
    checked, advance = [0], Scan.advance  # bytes between two rests

    def counted(scan: Scan, file: int, size: int) -> bool:
        checked[-1] += size
        return advance(scan, file, size)

    monkeypatch.setattr(Scan, "advance", counted)
    monkeypatch.setattr(checkpoint_files, "make_way", lambda: checked.append(0))
    three(tmp_path)
    assert max(checked) == checkpoint_files.SCRUB_BYTES <= 1 << 20


def flipped(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 4]) + data[101:]


@pytest.mark.parametrize("name", DAMAGES)
def test_a_checkpoint_whose_rows_are_damaged_is_none(name: str, tmp_path: Path) -> None:
    """It is known before anything is started from it, so that the one before is used."""
    damage, reason = DAMAGES[name]
    kernel, seqs = three(tmp_path)
    damage(tmp_path / rows_files(tmp_path)[-1])
    with pytest.raises(CorruptCheckpoint, match=reason):
        FileCheckpointStore(tmp_path).read(seqs[-1])
    assert kernel.joiner.seq == seqs[-1]


def test_rows_that_are_gone_are_written_again(tmp_path: Path) -> None:
    """Of the running engine, by its next checkpoint: a later one never refers to a file that is not there."""
    kernel, _ = three(tmp_path)
    for name in rows_files(tmp_path):
        (tmp_path / name).unlink()
    store = FileCheckpointStore(tmp_path)
    store.save(kernel.joiner.seq + 1, {}, parts_now(kernel))
    assert started(tmp_path, MARKET, kernel.joiner.seq + 1).save() == kernel.save()


def test_rows_stay_readable_when_their_files_are_removed(tmp_path: Path) -> None:
    """A reader in another process looks later than a writer cleans up."""
    kernel, seqs = three(tmp_path)
    reader = started(tmp_path, MARKET, seqs[-1])
    for path in tmp_path.iterdir():
        path.unlink()
    assert seen(reader) == seen(kernel)


def test_a_file_stays_as_long_as_a_checkpoint_may_refer_to_it(tmp_path: Path) -> None:
    """Also one that this process has not read; after three more of its own all others are gone."""
    kernel, seqs = three(tmp_path)
    first = set(rows_files(tmp_path))
    kernel = started(tmp_path, MARKET, seqs[-1])
    store = FileCheckpointStore(tmp_path)
    made = list(blocks(market(9, 6_000), size=100))[30:]
    for k, block in enumerate(made):
        kernel.step(block)
        if k % 10 == 9:
            save(store, kernel)
            for seq in store.list():
                started(tmp_path, MARKET, seq)
    assert len(store.list()) == 3
    used = {name for seq in store.list() for name in store._files_of[seq]}
    assert set(rows_files(tmp_path)) == used
    assert not first & used or first & used < first


def test_files_of_later_checkpoints_go_with_them(tmp_path: Path) -> None:
    _, seqs = three(tmp_path)
    store = FileCheckpointStore(tmp_path)
    assert store.discard_after(seqs[0]) == seqs[1:]
    assert rows_files(tmp_path) == [f"rows-{seqs[0]:019d}-0.mtf"]
    started(tmp_path, MARKET, seqs[0])


def test_what_a_failed_checkpoint_left_is_removed(tmp_path: Path) -> None:
    kernel, seqs = three(tmp_path)
    (tmp_path / f"rows-{seqs[-1] + 5:019d}-0.mtf").write_bytes(b"left")
    (tmp_path / f"rows-{seqs[-1] + 5:019d}-1.mtf.new").write_bytes(b"left")
    FileCheckpointStore(tmp_path).save(seqs[-1] + 9, {}, parts_now(kernel))
    assert not list(tmp_path.glob(f"rows-{seqs[-1] + 5:019d}*"))


def test_threads_that_look_at_once_see_the_same(tmp_path: Path) -> None:
    kernel, seqs = three(tmp_path)
    expected = seen(kernel)
    reader = started(tmp_path, MARKET, seqs[-1])
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(seen(reader))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "unexpected end of data|EOF|control character|must be|expected"),
        (b'{"files":[["../x",1,"0"]],"parts":{}}', "references that cannot be read"),
        (b'{"files":[["rows-0000000000000000001-0.mtf",1]],"parts":{}}', "references that cannot be read"),
        (b'{"files":[],"parts":{"completed bars:1m":[0]}}', "list index out of range"),
        (b'{"files":[]}', "parts"),
    ],
)
def test_references_of_a_stranger_are_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    kernel = Kernel(MARKET)
    store = FileCheckpointStore(tmp_path)
    parts = {name: part for name, part in parts_now(kernel).items() if not name.startswith("completed ")}
    store.save(7, {}, {**parts, "stored histories": data})
    with pytest.raises(CorruptCheckpoint, match=reason):
        FileCheckpointStore(tmp_path).read(7)


def release(kernel: Kernel, store: FileCheckpointStore, limit: int) -> None:
    asyncio.run(HistoryBudget(kernel, limit).keep(store.histories()))


@compiled_only
def test_what_nobody_looks_at_leaves_memory(tmp_path: Path) -> None:
    """One turn spares columns that somebody has looked at, the next does not; all reads the same afterwards."""
    kernel = Kernel(MARKET)
    run(kernel, list(blocks(market(9, 3_000), size=100)))
    store = FileCheckpointStore(tmp_path)
    save(store, kernel)
    expected = seen(kernel)
    release(kernel, store, 0)
    release(kernel, store, 0)
    assert kernel.history_bytes() == 0
    close = list(kernel.aggregators[1].window(1).close)
    looked = kernel.aggregators[1].table(1)
    assert kernel.history_bytes() == looked.size() > 0
    release(kernel, store, looked.size())
    assert kernel.aggregators[1].table(1) is looked
    store.save(kernel.joiner.seq + 1, {}, parts_now(kernel))
    release(kernel, store, 0)
    assert kernel.history_bytes() == 0
    assert list(kernel.aggregators[1].window(1).close) == close
    assert seen(kernel) == expected


@compiled_only
def test_a_checkpoint_reads_no_history_back_into_memory(tmp_path: Path) -> None:
    """Also not one that merges what was released."""
    kernel = Kernel(MARKET)
    made = list(blocks(market(9, 6_000), size=100))
    run(kernel, made[:30])
    store = FileCheckpointStore(tmp_path)
    save(store, kernel)
    release(kernel, store, 0)
    run(kernel, made[30:40])
    before = kernel.history_bytes()
    save(store, kernel)
    assert kernel.history_bytes() == before
    expected = Kernel(MARKET)
    run(expected, made[:40])
    assert started(tmp_path, MARKET, kernel.joiner.seq).save() == kernel.save() == expected.save()


@compiled_only
def test_idle_histories_hold_no_older_files(tmp_path: Path) -> None:
    """A released history is read from the newest files, however long ago its last bar was."""
    kernel = Kernel(MARKET)
    store = FileCheckpointStore(tmp_path)
    for block in blocks(market(9, 6_000), size=100):
        kernel.step(block)
        save(store, kernel)
        release(kernel, store, 0)
    gc.collect()
    held = {each.path for each in gc.get_objects() if isinstance(each, RowFile) and each.path.startswith(str(tmp_path))}
    assert {Path(path).name for path in held} <= set(rows_files(tmp_path))


async def test_a_pipeline_keeps_histories_within_a_limit(tmp_path: Path) -> None:
    """The same bars, values and digest as without, before and after a start."""
    limit = 30_000
    events = market(9, 3_000)
    expected = Kernel(MARKET)
    run(expected, list(blocks(events, size=100)))
    settings: dict[str, Any] = {"config": MARKET, "clock": "ticks", "checkpoint_seconds": None, "history_bytes": limit}
    async with Pipeline(data=tmp_path, **settings) as pipeline:
        await feed(pipeline, events[:2_000])
        await pipeline.checkpoint()
        assert pipeline.statistics().history_bytes <= limit or not COMPILED
        await feed(pipeline, events[2_000:])
        await pipeline.checkpoint()
        assert pipeline.statistics().history_bytes <= limit or not COMPILED
        assert pipeline.digest == expected.digest.value()
        states = [pipeline.snapshot(symbol).to_dict(50) for symbol in pipeline.symbols]
        assert pipeline.statistics().history_bytes > limit
    async with Pipeline(data=tmp_path, **settings) as pipeline:
        assert [pipeline.snapshot(symbol).to_dict(50) for symbol in pipeline.symbols] == states
    assert states == [expected.snapshot(expected.number_of(symbol)).to_dict(50) for symbol in expected.symbols()]


def test_a_limit_needs_a_place_for_what_is_above_it() -> None:
    with pytest.raises(ConfigError, match="history_bytes needs a data directory"):
        Pipeline(history_bytes=1)


def test_a_file_that_is_damaged_later_is_written_again(tmp_path: Path) -> None:
    """Checkpoints share files, so each checks some more of them; what is damaged is stored once more, from memory."""
    kernel, seqs = three(tmp_path)
    store = FileCheckpointStore(tmp_path)
    store.save(seqs[-1] + 1, {}, parts_now(kernel))
    store.save(seqs[-1] + 2, {}, parts_now(kernel))
    for name in rows_files(tmp_path):
        (tmp_path / name).write_bytes(flipped((tmp_path / name).read_bytes()))
    for k in range(3, 6):
        store.save(seqs[-1] + k, {}, parts_now(kernel))
    assert started(tmp_path, MARKET, seqs[-1] + 5).save() == kernel.save()


def index_with(path: Path, change: Callable[[bytearray], None]) -> Reference:
    """Change the index of a file of rows, and return a reference to it as it is then."""
    data = path.read_bytes()
    at, stored, size = struct.unpack("<QQQ", data[-24:])
    index = bytearray(inflate(data[at : at + stored], size))
    change(index)
    again = zstandard.ZstdCompressor().compress(bytes(index))
    path.write_bytes(data[:at] + again + struct.pack("<QQQ", at, len(again), len(index)))
    return Reference(path.name, path.stat().st_size, xxh3_64_hexdigest(path.read_bytes()))


@pytest.mark.parametrize("seed", range(40))
def test_an_index_of_a_stranger_is_refused_or_read_as_it_says(seed: int, tmp_path: Path) -> None:
    """With a checksum that fits: at the start or when somebody looks, it is a damaged checkpoint, and nothing else."""
    draw = random.Random(seed)
    three(tmp_path)
    path = tmp_path / rows_files(tmp_path)[-1]

    def change(index: bytearray) -> None:
        at = draw.randrange(len(index) // 8) * 8
        index[at : at + 8] = struct.pack("<Q", draw.choice((0, 1, 1 << 31, (1 << 63) + 5, 3 << 61)))

    reference = index_with(path, change)
    kernel = Kernel(MARKET)
    run(kernel, list(blocks(market(9, 200), size=100)))
    with suppress(CorruptCheckpoint):
        file = RowFile(OsFileSystem(), str(path), reference, 1 << 20)
        history = StoredHistory(str(tmp_path), "completed bars:1m", [file])
        for number, count in history.counts():
            kernel.aggregators[0].load_later(number % 3, count, history)
            list(kernel.aggregators[0].window(number % 3))


def test_a_row_that_cannot_be_read_costs_no_later_checkpoint(tmp_path: Path) -> None:
    """A merge would write it again; instead only what is new is written, after what is stored."""
    kernel, seqs = three(tmp_path)
    kernel = started(tmp_path, MARKET, seqs[-1])
    store = FileCheckpointStore(tmp_path)
    for name in rows_files(tmp_path):
        os.truncate(tmp_path / name, 30)
    run(kernel, list(blocks(market(9, 3_100), size=100))[30:])
    save(store, kernel)
    assert store.list()[-1] == kernel.joiner.seq
