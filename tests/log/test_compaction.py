"""Sealed segments made small: the same blocks, chain and names come out of a fraction of the bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mtf.errors import CorruptLog, LogLocked
from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log import FileLog, compress_sealed, read_log, verify_log
from mtf.log.pack import inflate, pack_frames, unpack_frames
from mtf.log.segment_format import FrameHeader
from tests.log.builders import CONFIG, DIRECTORY, blocks, events_of, position, small_log
from tests.log.disk import Disk
from tests.log.forger import GOOD, Forger, header

MADE = blocks(2, 1, 1, 2, 1, 1, 1, ids=True)


def segments(disk: Disk) -> list[str]:
    return sorted(path for path in disk.inodes if path.endswith(".log"))


def test_compressed_log_is_read_as_before_from_any_seq() -> None:
    disk = Disk()
    small_log(disk, MADE, sync_after=2).close()
    before = list(read_log(DIRECTORY, fs=disk))
    done = compress_sealed(DIRECTORY, fs=disk)
    assert [found.events for found in done] == [block.count for block in [*MADE[:0]]] or sum(
        f.events for f in done
    ) == 9
    after = list(read_log(DIRECTORY, fs=disk))
    assert after == before
    assert [found.durable_seq for found in after] == [found.durable_seq for found in before]
    for seq in range(1, 10):
        found = next(read_log(DIRECTORY, seq, fs=disk)).block
        assert found.first_seq <= seq <= found.last_seq
    assert verify_log(DIRECTORY, fs=disk).clean


def test_compressed_log_goes_on() -> None:
    """Its newest segment too: names and positions are taken out of the packs."""
    disk = Disk()
    small_log(disk, MADE[:3], segment_bytes=1 << 20).close()
    compress_sealed(DIRECTORY, fs=disk)
    log = FileLog.open(DIRECTORY, config=None, fs=disk)
    assert (log.last_seq, log.symbols, log.positions) == (4, ["EURUSD", "GBPUSD"], position(MADE[2]))
    for block in MADE[3:]:
        log.append(block)
    log.close()
    assert events_of(read_log(DIRECTORY, fs=disk)) == MADE


def test_compressing_twice_changes_nothing() -> None:
    disk = Disk()
    log = small_log(disk, MADE)
    assert len(compress_sealed(DIRECTORY, fs=disk)) == len(segments(disk)) - 1  # the newest is not sealed
    before = {path: bytes(disk.inodes[path].seen) for path in segments(disk)}
    assert compress_sealed(DIRECTORY, fs=disk) == []
    assert {path: bytes(disk.inodes[path].seen) for path in segments(disk)} == before
    log.close()


def test_damaged_segment_is_left_as_it_is() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    path = segments(disk)[0]
    disk.inodes[path].seen[-100] ^= 1
    before = bytes(disk.inodes[path].seen)
    with pytest.raises(CorruptLog):
        compress_sealed(DIRECTORY, fs=disk)
    assert bytes(disk.inodes[path].seen) == before
    disk.inodes[path].seen[-100] ^= 1
    assert compress_sealed(DIRECTORY, fs=disk)
    assert not any(".aside" in path for path in disk.inodes)


def test_one_at_a_time() -> None:
    disk = Disk()
    small_log(disk, MADE).close()
    lock = disk.lock(f"{DIRECTORY}/maintenance.lock")
    with pytest.raises(LogLocked):
        compress_sealed(DIRECTORY, fs=disk)
    disk.close(lock)
    compress_sealed(DIRECTORY, fs=disk)


def test_every_bit_flip_in_a_compressed_log_is_detected() -> None:
    whole = Disk()
    small_log(whole, MADE[:3], segment_bytes=1 << 20).close()
    compress_sealed(DIRECTORY, fs=whole)
    path = segments(whole)[0]
    for bit in range(len(whole.inodes[path].seen) * 8):
        disk = whole.copy()
        disk.inodes[path].seen[bit // 8] ^= 1 << bit % 8
        report = verify_log(DIRECTORY, fs=disk)
        assert report.damage or report.tail
        try:
            log = FileLog.open(DIRECTORY, config=None, fs=disk)
        except CorruptLog:
            continue
        assert events_of(log.read()) == MADE[:3]  # the seal, which holds no event
        assert log.torn is not None


def quotes(count: int, per_block: int) -> list[Block]:
    """A day of quotes as a bank streams them: a price grid, a wandering mid, stamps to the millisecond."""
    builder = BlockBuilder(SymbolTable())
    made = []
    ts_ns, points = 1_709_719_200_000_000_000, 0
    for i in range(1, count + 1):
        ts_ns += (37 + (i * i * 7919) % 1900) * 1_000_000
        points += (i * 31 % 7) - 3
        assert not builder.quote("EURUSD", ts_ns, (108_000 + points) / 1e5, (108_012 + points + i % 3) / 1e5)
        if builder.count == per_block:
            made.append(builder.take(i - per_block + 1))
    return made


@pytest.mark.parametrize("per_block", [1, 100])
def test_tick_takes_less_than_fifteen_bytes(tmp_path: Path, per_block: int) -> None:
    """However small the blocks that it was logged in."""
    log = FileLog.open(tmp_path / "log", config=CONFIG)
    made = quotes(20_000, per_block)
    for block in made:
        log.append(block)
    log.close()
    done = compress_sealed(tmp_path / "log")
    assert done[0].events == 20_000
    assert done[0].bytes_after / 20_000 < 15
    assert events_of(read_log(tmp_path / "log")) == made


def test_a_pack_is_closed_when_it_is_large() -> None:
    """So that reading one takes a stated amount of memory."""
    disk = Disk()
    made = [*quotes(50_000, 5_000)]
    small_log(disk, made, segment_bytes=1 << 30).close()
    compress_sealed(DIRECTORY, fs=disk)
    assert events_of(read_log(DIRECTORY, fs=disk)) == made
    reader = read_log(DIRECTORY, 49_999, fs=disk)
    assert events_of(reader) == made[-1:]


I64 = st.integers(-(1 << 63), (1 << 63) - 1)


@given(st.lists(st.lists(I64, min_size=1, max_size=20), min_size=1, max_size=5), st.binary(max_size=40), st.booleans())
def test_unpacking_gives_the_very_bytes(frames: list[list[int]], junk: bytes, has_heap: bool) -> None:
    """For any stamps at all, differences that wrap included, and whatever else stands in the rows."""
    made = []
    seq = 5
    for stamps in frames:
        rows = b"".join(ts.to_bytes(8, "little", signed=True) + (junk * 40)[:40].ljust(40, b"\7") for ts in stamps)
        heap = junk if has_heap else b""
        body = junk + rows + heap
        header = FrameHeader(
            b"\xf7\xb1",
            2,
            0,
            3,
            len(body),
            len(stamps),
            len(junk),
            len(heap),
            seq,
            seq - 1,
            stamps[0],
            stamps[-1],
            0,
            0,
        )
        made.append((header, body))
        seq += len(stamps)
    stored, raw_bytes = pack_frames(made)
    pack = made[0][0]._replace(kind=4, events=seq - 5, heap_bytes=raw_bytes)
    assert unpack_frames(pack, stored) == made


PACK = blocks(2)[0]


def pack_of(raw: bytes, *, events: int = 1) -> tuple[FrameHeader, bytes]:
    header = FrameHeader(b"\xf7\xb1", 4, 1, 0, 0, events, 0, len(raw), 1, 0, 0, 0, 0, 0)
    return header, zstandard.ZstdCompressor().compress(raw)


def entry(count: int, positions: int = 0, heap: int = 0, symbols: int = 0, lag: int = 0) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in (count, positions, heap, symbols)) + lag.to_bytes(
        8, "little"
    )


ONE = (1).to_bytes(4, "little")
HOSTILE = {
    "cut short": (pack_of(b"\1"), "cut short"),
    "of no block": (pack_of(bytes(4)), "impossible number"),
    "of more blocks than events": (pack_of((2).to_bytes(4, "little") + bytes(100)), "impossible number"),
    "of more blocks than bytes": (pack_of(b"\xff\xff\xff\x7f", events=1 << 31), "impossible number"),
    "of other counts": (pack_of(ONE + entry(2) + bytes(48)), "do not add up"),
    "of other lengths": (pack_of(ONE + entry(1, heap=1 << 31) + bytes(48)), "do not add up"),
    "of an empty block": (
        pack_of((2).to_bytes(4, "little") + entry(0) + entry(2) + bytes(96), events=2),
        "impossible block",
    ),
    "of a block synced after it": (pack_of(ONE + entry(1, lag=5) + bytes(48)), "impossible block"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_stranger_s_pack_is_refused(name: str) -> None:
    (header, stored), why = HOSTILE[name]
    with pytest.raises(ValueError, match=why):
        unpack_frames(header, stored)


def test_window_past_the_limit_is_refused() -> None:
    """A frame may ask for a window of its own, larger than what comes out of it."""
    parameters = zstandard.ZstdCompressionParameters(window_log=29, write_content_size=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=1 << 28)
    stored = compressor.compress(bytes(1 << 28)) + compressor.flush()
    assert zstandard.get_frame_parameters(stored).window_size > 128 << 20
    with pytest.raises(ValueError, match="size is not"):
        inflate(stored, 1 << 28)


def test_compressed_bytes_that_end_early_are_refused() -> None:
    stored = zstandard.ZstdCompressor().compress(b"abc" * 100)
    with pytest.raises(ValueError, match="cannot be read"):
        inflate(stored[:-1], 300)
    with pytest.raises(ValueError, match="cannot be read"):
        inflate(stored + b"x", 300)
    assert inflate(stored, 300) == b"abc" * 100


def test_last_pack_may_end_just_before_the_seal() -> None:
    disk = Disk()
    made = quotes(16_384, 4_096)
    small_log(disk, made, segment_bytes=1 << 30).close()
    compress_sealed(DIRECTORY, fs=disk)
    assert events_of(read_log(DIRECTORY, fs=disk)) == made


@pytest.mark.parametrize(("body", "why"), [(b"rubbish", "cannot be read"), (b"", "does not follow the frame before")])
def test_stranger_s_pack_is_refused_with_its_place(body: bytes, why: str) -> None:
    """A body that is not zstd; and a good one whose blocks do not lead to the chain that its header says."""
    forger = Forger()
    plain = header(symbols=0, first_seq=1, durable_seq=0, heap_bytes=len(GOOD.heap))
    stamp = int.from_bytes(GOOD.rows[:8], "little")
    plain = plain._replace(first_ns=stamp, last_ns=stamp)
    stored, raw_bytes = pack_frames([(plain, GOOD.rows + GOOD.heap)])
    wanted = header(symbols=0, codec=1, first_seq=1, durable_seq=0, heap_bytes=raw_bytes)
    forger.frame(4, body or stored, wanted)  # chained over the packed body, which is wrong
    with pytest.raises(CorruptLog, match=why):
        list(read_log(DIRECTORY, fs=forger.done()))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"first_ns": 1}, "times differ"),
        ({"last_ns": 1}, "times differ"),
        ({"symbols": 1}, "0 symbols are known instead of 1"),
    ],
)
def test_stranger_s_pack_is_refused_when_its_blocks_are_joined(changes: dict[str, int], why: str | None) -> None:
    """A replay takes a pack as a whole, by its checksum, which may be right of a pack that mtf would not write."""
    forger = Forger()
    stamp = int.from_bytes(GOOD.rows[:8], "little")
    plain = header(symbols=0, first_seq=1, durable_seq=0, heap_bytes=len(GOOD.heap))
    plain = plain._replace(first_ns=stamp, last_ns=stamp, symbols=changes.get("symbols", 0))
    stored, raw_bytes = pack_frames([(plain, GOOD.rows + GOOD.heap)])
    wanted = header(symbols=0, codec=1, first_seq=1, durable_seq=0, heap_bytes=raw_bytes)
    wanted = wanted._replace(first_ns=changes.get("first_ns", stamp), last_ns=changes.get("last_ns", stamp))
    forger.frame(4, stored, wanted._replace(symbols=changes.get("symbols", 0)))
    reader = read_log(DIRECTORY, block_events=100, fs=forger.done())
    if why is None:
        assert events_of(reader) == [GOOD]
    else:
        with pytest.raises(CorruptLog, match=why) as caught:
            list(reader)
        assert caught.value.seq == 1
