"""The index says where ticks may be: what is found through it is what reading everything finds, whatever befell it."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.errors import CorruptLog, DataDirError
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log import ALL_SYMBOLS, FileLog, compress_sealed, index_sealed, read_log, retain
from mtf.log.expiry import expired_seq
from mtf.log.index_file import SealedSpans, StoredSpans, read_spans, write_spans
from mtf.log.log_index import LogIndex
from mtf.log.spans import SPAN_EVENTS, SpanMaker
from mtf.log.upkeep import Upkeep
from tests.log.builders import CONFIG, DIRECTORY, RUN_ID, small_log
from tests.log.disk import Disk

Tick = tuple[int, int, int]  # seq, symbol, stamp
NAMES = ["EURUSD", "GBPUSD", "USDJPY", "AUDUSD"]


class Market:
    """Appends random blocks to a log that is opened, sealed and left by a crash."""

    def __init__(self, seed: int, disk: Disk) -> None:
        self.random = random.Random(seed)
        self.disk = disk
        self.symbols = SymbolTable()
        self.spans: list[SealedSpans] = []
        self.open()

    def open(self) -> None:
        size = self.random.choice((300, 900, 4000))
        self.log = FileLog.open(DIRECTORY, config=CONFIG, fs=self.disk, segment_bytes=size, run_id=RUN_ID)
        self.log.on_sealed = lambda spans: None if spans is None else self.spans.append(spans)
        self.symbols = SymbolTable(self.log.symbols)

    def append(self, blocks: int) -> None:
        builder = BlockBuilder(self.symbols)
        for _ in range(blocks):
            first_seq = self.log.last_seq + 1
            for k in range(self.random.choice((1, 1, 2, 5))):
                now_ns = (first_seq + k) * 1_000
                if self.random.random() < 0.1:
                    assert not builder.clock(now_ns)
                    continue
                if self.random.random() < 0.2:
                    now_ns += self.random.choice((-50_000, -3_000, 7_000, 900_000))  # late, or of a foreign clock
                known = min(1 + first_seq // 20, len(NAMES))
                assert not builder.quote(NAMES[self.random.randrange(known)], max(now_ns, 1), 1.0, 1.5)
            self.log.append(builder.take(first_seq))

    def write_indexes(self) -> None:
        for spans in self.spans:
            if self.random.random() < 0.7 and self.disk.kind(spans.path) == "file":
                write_spans(self.disk, spans)
        self.spans.clear()

    def damage_an_index(self) -> None:
        """Remove one, turn a bit of one, cut one short, or put one in place of another."""
        paths = sorted(path for path in self.disk.inodes if path.endswith(".idx"))
        if not paths:
            return
        path = self.random.choice(paths)
        data = self.disk.inodes[path].seen
        what = self.random.randrange(4)
        if what == 0:
            self.disk.remove(path)
        elif what == 1:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        elif what == 2:
            del data[self.random.randrange(len(data)) :]
        else:
            data[:] = self.disk.inodes[self.random.choice(paths)].seen

    def crash(self) -> None:
        """Leave a torn tail now and then."""
        path = self.log._path
        self.disk.kill()
        data = self.disk.inodes[path].seen
        if self.random.random() < 0.5 and len(data) > 400:
            del data[-self.random.randrange(1, 60) :]
        self.spans.clear()
        self.open()


def ticks_in(disk: Disk, first_seq: int, last_seq: int) -> list[Tick]:
    found = []
    for logged in read_log(DIRECTORY, first_seq, last_seq=last_seq, block_events=50, leap=True, fs=disk):
        block = logged.block
        for i in range(block.count):
            ts_ns = int.from_bytes(block.rows[48 * i : 48 * i + 8], "little", signed=True)
            seq, number = block.first_seq + i, int(block.symbol_at(i))
            if first_seq <= seq <= last_seq and number >= 0:
                found.append((seq, number, ts_ns))
    return found


def check(index: LogIndex, disk: Disk, rng: random.Random) -> None:
    first_seq = int(min(path for path in disk.inodes if path.endswith(".log"))[-23:-4])
    last_seq = max((logged.block.last_seq for logged in read_log(DIRECTORY, first_seq, fs=disk)), default=0)
    everything = ticks_in(disk, first_seq, last_seq)
    for _ in range(4):
        start_ns = rng.randrange(0, (last_seq + 2) * 1_000)
        end_ns = start_ns + rng.choice((1, 1_000, 5_000, 10**9))
        wanted = rng.choice((ALL_SYMBOLS, *(1 << number for number in range(len(NAMES))), 0b101))
        until = rng.choice((last_seq, rng.randint(0, last_seq + 1)))
        runs = index.find(wanted, start_ns, end_ns, until)
        assert all(first <= last for first, last in runs)
        assert all(one[1] + 1 < other[0] for one, other in pairwise(runs))
        through = [tick for first, last in runs for tick in ticks_in(disk, first, last)]

        def fits(tick: Tick, start: int = start_ns, end: int = end_ns, mask: int = wanted) -> bool:
            return start <= tick[2] < end and bool(mask >> tick[1] & 1)

        assert [tick for tick in through if fits(tick)] == [
            tick for tick in everything if tick[0] <= until and fits(tick)
        ]


@settings(max_examples=40)
@given(seed=st.integers(0, 1 << 32), steps=st.lists(st.integers(0, 7), min_size=1, max_size=12))
def test_through_the_index_is_found_what_reading_everything_finds(seed: int, steps: list[int]) -> None:
    """Over appends, restarts, crashes with torn tails, compression, retention, and indexes that are lost or damaged."""
    disk = Disk()
    market = Market(seed, disk)
    index = LogIndex(DIRECTORY, fs=disk)
    for step in steps:
        market.append(market.random.randrange(1, 30))
        if step == 1:
            market.log.close()
            market.open()
        elif step == 2:
            index.close()
            market.crash()
        elif step == 3:
            compress_sealed(DIRECTORY, newest_too=market.random.random() < 0.5, fs=disk)
        elif step == 4:
            retain(DIRECTORY, market.log.last_seq // 2, fs=disk)
        elif step == 5:
            market.write_indexes()
        elif step == 6:
            market.damage_an_index()
        elif step == 7:
            index_sealed(DIRECTORY, fs=disk)
        check(index, disk, market.random)
        check(LogIndex(DIRECTORY, fs=disk), disk, market.random)
    market.log.close()
    check(index, disk, market.random)


def sealed_log() -> tuple[Disk, str]:
    disk = Disk()
    market = Market(7, disk)
    market.append(40)
    market.log.close()
    index_sealed(DIRECTORY, fs=disk)
    return disk, next(path for path in sorted(disk.inodes) if path.endswith(".log"))


def stored(disk: Disk, path: str) -> StoredSpans | None:
    return read_spans(disk, path, int(path[-23:-4]))


def test_an_index_holds_for_its_segment_compressed_too() -> None:
    """It has no places in the file; and events that are the same have the same chain."""
    disk, path = sealed_log()
    before = stored(disk, path)
    assert before is not None
    compress_sealed(DIRECTORY, fs=disk)
    after = stored(disk, path)
    assert after is not None
    for name in ("seqs", "next_seq", "min_ns", "max_ns", "sets", "kinds"):
        assert getattr(after.spans(), name) == getattr(before.spans(), name)
    assert index_sealed(DIRECTORY, fs=disk) == []


def test_an_index_of_which_any_bit_is_turned_is_not_used() -> None:
    disk, path = sealed_log()
    data = disk.inodes[path.replace(".log", ".idx")].seen
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        assert stored(disk, path) is None, at
        data[at] ^= 1 << at % 8
    assert stored(disk, path) is not None


def raw_spans(seqs: list[int], kinds: list[int], sets: list[bytes]) -> bytes:
    """Return spans as an index has them, decompressed; each reaches from 10 to 20 ns."""
    stamps = [each.to_bytes(8, "little") for each in (10, 20) for _ in seqs]
    columns = b"".join([seq.to_bytes(8, "little") for seq in seqs] + stamps + [k.to_bytes(4, "little") for k in kinds])
    masks = b"".join(len(mask).to_bytes(4, "little") + mask for mask in sets)
    return len(seqs).to_bytes(4, "little") + len(sets).to_bytes(4, "little") + columns + masks


@pytest.mark.parametrize(
    "raw",
    [
        b"\1",
        raw_spans([5, 6, 7, 8, 9, 10], [0] * 6, [b"\1"]),
        raw_spans([5], [0], [b"\1", b"\2"]),
        raw_spans([6], [0], [b"\1"]),
        raw_spans([5, 5], [0, 0], [b"\1"]),
        raw_spans([5, 9], [0, 0], [b"\1"]),
        raw_spans([5], [1], [b"\1"]),
        raw_spans([5], [0], [b"\1"]) + b"x",
        raw_spans([], [], []),
    ],
    ids=["short", "many", "sets", "start", "twice", "end", "kind", "more", "none"],
)
def test_an_index_that_makes_no_sense_hides_no_event(raw: bytes) -> None:
    """A stranger's checksum may be right: whatever such an index says, all events of its segment are read."""
    good = raw_spans([5, 7], [0, 0], [b"\1"])
    for symbols, found in ((0b1, [(5, 8)]), (0b10, [])):
        assert stored_spans(good).find(symbols, 10, 11) == found
        assert stored_spans(raw).find(symbols, 10, 11) == [(5, 8)]


def stored_spans(raw: bytes) -> StoredSpans:
    """Return *raw* as the index of a segment of the events 5 to 8."""
    return StoredSpans(zstandard.ZstdCompressor().compress(raw), len(raw), 5, 4, 10, 20)


def test_an_index_of_other_events_is_not_used() -> None:
    """Of the same run, the same place and as many events: the chain says that they differ."""
    disk, path = sealed_log()
    other, _ = sealed_log()
    assert stored(disk, path) is not None
    again = Disk()
    market = Market(8, again)
    market.append(40)
    market.log.close()
    index_sealed(DIRECTORY, fs=again)
    disk.inodes[path.replace(".log", ".idx")] = again.inodes[path.replace(".log", ".idx")]
    assert stored(disk, path) is None
    disk.inodes[path.replace(".log", ".idx")] = other.inodes[path.replace(".log", ".idx")]
    assert stored(disk, path) is not None


def test_indexes_go_with_their_segments() -> None:
    disk, _ = sealed_log()
    retain(DIRECTORY, 1 << 60, fs=disk)
    left = sorted(path[-23:] for path in disk.inodes if path.endswith((".log", ".idx")))
    assert len(left) == 2
    assert left[0][:-4] == left[1][:-4]


def test_a_damaged_segment_without_an_index_is_an_error_and_with_one_is_not_read() -> None:
    """Nobody can know what was in it; whose index is there is known to hold nothing of the time asked for."""
    disk, path = sealed_log()
    disk.inodes[path].seen[-200] ^= 1
    assert LogIndex(DIRECTORY, fs=disk).find(ALL_SYMBOLS, 1 << 60, 1 << 61, 1 << 60) == []
    disk.remove(path.replace(".log", ".idx"))
    with pytest.raises(CorruptLog, match="byte"):
        LogIndex(DIRECTORY, fs=disk).find(ALL_SYMBOLS, 1 << 60, 1 << 61, 1 << 60)


def test_a_span_is_a_thousand_single_events_or_one_block() -> None:
    maker = SpanMaker(1)
    builder = BlockBuilder(SymbolTable())
    for seq in range(1, 2 * SPAN_EVENTS + 2):
        assert not builder.quote(NAMES[seq % 2], seq, 1.0, 1.5)
        block = builder.take(seq)
        maker.take(block.rows, block.count)
    assert (maker.spans.seqs, maker.spans.next_seq) == ([1, SPAN_EVENTS + 1], 2 * SPAN_EVENTS + 1)
    assert (maker.spans.min_ns, maker.spans.max_ns) == ([1, SPAN_EVENTS + 1], [SPAN_EVENTS, 2 * SPAN_EVENTS])
    assert (maker.spans.sets, maker.spans.kinds) == ([0b11], [0, 0])
    maker.complete()
    assert maker.spans.seqs[-1] == 2 * SPAN_EVENTS + 1
    assert maker.spans.sets[maker.spans.kinds[-1]] == 0b01  # GBPUSD came first


def test_no_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="there is no log here"):
        LogIndex(tmp_path / "log").find(ALL_SYMBOLS, 0, 1, 1)


def test_upkeep_indexes_and_compresses_all_but_the_newest_segment(tmp_path: Path) -> None:
    """While the log is written; what is sealed at the end gets its index when upkeep stops."""
    upkeep = Upkeep(tmp_path / "log", share=1.0)
    log = FileLog.open(tmp_path / "log", config=CONFIG, segment_bytes=20_000)
    log.on_sealed = upkeep.sealed
    builder = BlockBuilder(SymbolTable())
    upkeep.start()
    for seq in range(1, 2_001):
        assert not builder.quote(NAMES[seq % 2], seq * 1_000, 1.0, 1.5)
        log.append(builder.take(seq))
    before = [logged.block for logged in read_log(tmp_path / "log")]
    first = tmp_path / "log" / f"{1:019d}.log"
    for _ in range(200_000):
        if first.stat().st_size < 5_000:
            break
        upkeep.sealed(None)
    log.close()
    upkeep.stop()
    upkeep.stop()
    assert first.stat().st_size < 5_000
    names = sorted(path.name for path in (tmp_path / "log").glob("*.log"))
    assert [path.with_suffix(".log").name for path in sorted((tmp_path / "log").glob("*.idx"))] == names
    assert index_sealed(tmp_path / "log") == []
    assert [logged.block for logged in read_log(tmp_path / "log")] == before


def test_upkeep_that_is_stopped_leaves_the_segment_at_hand_as_it_is() -> None:
    disk = Disk()
    small_log(disk, []).close()
    market = Market(3, disk)
    market.append(60)
    market.log.close()
    before = {path: bytes(inode.seen) for path, inode in disk.inodes.items()}

    def pause() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        compress_sealed(DIRECTORY, pause=pause, fs=disk)
    assert {path: bytes(inode.seen) for path, inode in disk.inodes.items() if "lock" not in path} == {
        path: data for path, data in before.items() if "lock" not in path
    }


def aged() -> Disk:
    """A closed log of several segments, the stamps of which rise but for one late event in the second."""
    disk = Disk()
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, segment_bytes=600, run_id=RUN_ID)
    builder = BlockBuilder(SymbolTable())
    for seq in range(1, 31):
        assert not builder.quote("EURUSD", 1_000 * (seq if seq != 7 else 90), 1.0, 1.5)
        log.append(builder.take(seq))
    log.close()
    return disk


def starts_of(disk: Disk) -> list[int]:
    return sorted(int(path[-23:-4]) for path in disk.inodes if path.endswith(".log"))


@pytest.mark.parametrize("indexed", [True, False])
def test_segments_go_by_age_once_every_tick_in_them_is_old_enough(indexed: bool) -> None:
    """A segment with one young tick stays, and so do all after it: a log has no holes."""
    disk = aged()
    if indexed:
        index_sealed(DIRECTORY, fs=disk)
    starts = starts_of(disk)
    assert starts[0] == 1 < starts[1] < 7 < starts[3]
    holds = next(start for start, end in pairwise(starts) if start <= 7 < end)
    assert expired_seq(DIRECTORY, needed_seq=1 << 60, before_ns=1_000, fs=disk) == 1
    assert expired_seq(DIRECTORY, needed_seq=1 << 60, before_ns=20_000, fs=disk) == holds
    assert expired_seq(DIRECTORY, needed_seq=1 << 60, before_ns=1 << 60, fs=disk) == starts[-1]
    assert expired_seq(DIRECTORY, needed_seq=starts[1], before_ns=1 << 60, fs=disk) == starts[1]
    assert expired_seq(DIRECTORY, needed_seq=starts[2] - 1, before_ns=1 << 60, fs=disk) == starts[1]
    retain(DIRECTORY, holds, fs=disk)
    assert starts_of(disk)[0] == holds


def test_segments_go_by_size_until_the_rest_is_small_enough() -> None:
    disk = aged()
    index_sealed(DIRECTORY, fs=disk)
    starts = starts_of(disk)
    total = sum(len(inode.seen) for path, inode in disk.inodes.items() if path.endswith((".log", ".idx")))
    assert expired_seq(DIRECTORY, needed_seq=1 << 60, max_bytes=total, fs=disk) == 1
    assert expired_seq(DIRECTORY, needed_seq=1 << 60, max_bytes=total - 1, fs=disk) == starts[1]
    assert expired_seq(DIRECTORY, needed_seq=1 << 60, max_bytes=0, fs=disk) == starts[-1]
