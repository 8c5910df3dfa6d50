"""The bytes: what a header can say, and what a stranger's log whose checksums are right cannot make the reader do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptLog
from mtf.events.block import BLOCK_EVENTS_MAX
from mtf.log import FileLog, read_log, verify_log
from mtf.log.segment_format import (
    BLOCK,
    FRAME_BYTES_MAX,
    HEADER_BYTES,
    META,
    META_BYTES_MAX,
    PACK,
    PACKED,
    POSITIONS_BYTES_MAX,
    SEAL,
    SEGMENT_HEADER_BYTES,
    FrameHeader,
    decode_meta,
    decode_positions,
    encode_meta,
    encode_segment_header,
    first_chain,
    frame_header,
    parse_frame_header,
    parse_segment_header,
)
from tests.log.builders import DIRECTORY, RUN_ID, blocks, events_of, small_log
from tests.log.disk import Disk
from tests.log.forger import GOOD, SEED, Forger, header, segment_header


def parsed(wanted: FrameHeader) -> FrameHeader | None:
    return parse_frame_header(frame_header(SEED, *wanted[1:]), 0, SEED)


def test_sizes_of_the_headers() -> None:
    assert (SEGMENT_HEADER_BYTES, HEADER_BYTES) == (56, 80)


POSSIBLE = [
    header(),
    header(stored_bytes=48 + 5, positions_bytes=2, heap_bytes=3),
    header(events=BLOCK_EVENTS_MAX, stored_bytes=48 * BLOCK_EVENTS_MAX),
    header(kind=META, events=0, stored_bytes=9, positions_bytes=1, heap_bytes=8),
    header(kind=SEAL, events=6, stored_bytes=0),
    header(kind=PACK, codec=PACKED, events=9, stored_bytes=20, heap_bytes=500),
    header(first_seq=1, durable_seq=0),
]
IMPOSSIBLE = [
    header(kind=0),
    header(kind=5),
    header(kind=255),
    header(codec=PACKED),
    header(codec=2),
    header(events=0, stored_bytes=0),
    header(events=BLOCK_EVENTS_MAX + 1, stored_bytes=48 * (BLOCK_EVENTS_MAX + 1)),
    header(stored_bytes=49),
    header(positions_bytes=POSITIONS_BYTES_MAX + 1, stored_bytes=49 + POSITIONS_BYTES_MAX),
    header(heap_bytes=1 << 31, stored_bytes=48 + (1 << 31)),
    header(first_seq=0, durable_seq=0),
    header(first_seq=1 << 63),
    header(durable_seq=7),
    header(symbols=1 << 31),
    header(kind=META, events=1, stored_bytes=0),
    header(kind=META, events=0, heap_bytes=META_BYTES_MAX + 1, stored_bytes=META_BYTES_MAX + 1),
    header(kind=META, events=0, heap_bytes=1, stored_bytes=2),
    header(kind=META, events=0, codec=PACKED, heap_bytes=1, stored_bytes=1),
    header(kind=SEAL, stored_bytes=1),
    header(kind=SEAL, codec=1, stored_bytes=0),
    header(kind=PACK, codec=0),
    header(kind=PACK, codec=PACKED, events=0),
    header(kind=PACK, codec=PACKED, events=1 << 20),
    header(kind=PACK, codec=PACKED, positions_bytes=1),
    header(kind=PACK, codec=PACKED, heap_bytes=2 * FRAME_BYTES_MAX + 1),
    header(kind=PACK, codec=PACKED, stored_bytes=2 * FRAME_BYTES_MAX + 1),
]


@pytest.mark.parametrize("wanted", POSSIBLE)
def test_possible_header_is_read_as_written(wanted: FrameHeader) -> None:
    assert parsed(wanted) == wanted


@pytest.mark.parametrize("wanted", IMPOSSIBLE)
def test_impossible_header_is_none_whatever_its_checksum_says(wanted: FrameHeader) -> None:
    """No length is believed before it was held against its limit."""
    assert parsed(wanted) is None


def test_header_of_another_run_is_none_here() -> None:
    """So that bytes of another log, or planted in an event's id, are never taken for a frame."""
    data = frame_header(SEED, *header()[1:])
    assert parse_frame_header(data, 0, SEED) is not None
    assert parse_frame_header(data, 0, SEED + 1) is None
    assert parse_frame_header(b"xx" + data, 2, SEED) == header()
    assert parse_frame_header(data, 1, SEED) is None
    assert parse_frame_header(b"xx" + data[2:], 0, SEED) is None


def resealed(data: bytes) -> bytes:
    return data[:48] + xxh3_64_intdigest(data[:48]).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a segment"),
        (segment_header()[:-1], "not a segment"),
        (b"x" + segment_header()[1:], "not a segment"),
        (segment_header()[:-1] + b"x", "header is damaged"),
        (resealed(segment_header()[:8] + b"\0\0" + segment_header()[10:]), "format version 0"),
        (resealed(segment_header()[:8] + b"\3\0" + segment_header()[10:]), "reads up to version 2: use a newer mtf"),
        (resealed(segment_header()[:10] + b"\1\0" + segment_header()[12:]), "flags 1"),
        (segment_header(first_seq=0), "starts at seq 0"),
        (segment_header(first_seq=1 << 63), "starts at seq 9223372036854775808"),
    ],
)
def test_segment_header_that_is_none_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(CorruptLog, match=why):
        parse_segment_header(data, "p")


def test_segment_says_of_which_version_its_events_are() -> None:
    """Both are read; what is written is 2."""
    assert parse_segment_header(segment_header(), "p").version == 2
    old = resealed(segment_header()[:8] + b"\1\0" + segment_header()[10:])
    header = parse_segment_header(old, "p")
    assert header.version == 1
    assert encode_segment_header(header) == old


@given(st.binary(max_size=300), st.lists(st.text(min_size=1, max_size=50), unique=True, max_size=20))
def test_configuration_and_names_come_back(config: bytes, names: list[str]) -> None:
    encoded = encode_meta(config, names)
    assert decode_meta(encoded) == (config, names)
    for end in range(len(encoded)):
        with pytest.raises(ValueError, match=r"."):
            decode_meta(encoded[:end])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xff",
        bytes(4),
        bytes(4) + b"\xff\xff\xff\xff",
        bytes(8) + b"x",
        encode_meta(b"", ["a", "a"]),
        bytes(4) + b"\1\0\0\0\1\0\xff",
        bytes(4) + b"\1\0\0\0\0\0",
    ],
)
def test_meta_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_meta(data)


@pytest.mark.parametrize("data", [b"[]", b"{", b"1", b"\xff", b'{"a":' * 5000])
def test_positions_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_positions(data)


LIES: dict[str, dict[str, Any]] = {
    "a row of no kind": {"rows": GOOD.rows[:12] + b"\7" + GOOD.rows[13:]},
    "a number that is not known": {"rows": GOOD.rows[:8] + b"\5" + GOOD.rows[9:]},
    "a quote without a number": {"rows": GOOD.rows[:16] + b"\xff" * 16 + GOOD.rows[32:]},
    "a detail without a bar": {"rows": GOOD.rows[:14] + b"\1" + GOOD.rows[15:]},
    "a heap cut short": {"heap": GOOD.heap[:-1]},
    "a heap too long": {"heap": GOOD.heap + b"x"},
    "a name that is not text": {"heap": b"\2\0\xff\xff"},
    "other symbols known": {"symbols": 4},
    "another first time": {"first_ns": 5},
    "another last time": {"last_ns": 5},
    "positions that are not JSON": {"positions": b"{"},
    "positions that are not an object": {"positions": b"[1]"},
}


@pytest.mark.parametrize("name", LIES)
def test_stranger_s_block_is_refused_with_its_place(name: str) -> None:
    changes: dict[str, Any] = {"rows": GOOD.rows, "heap": GOOD.heap} | LIES[name]
    disk = Forger().block(**changes).done()
    with pytest.raises(CorruptLog) as caught:
        list(read_log(DIRECTORY, fs=disk))
    assert (caught.value.seq, caught.value.offset > 0) == (1, True)
    assert verify_log(DIRECTORY, fs=disk).damage


def test_forger_can_write_a_good_log() -> None:
    """Else the refusals above would show nothing."""
    disk = Forger().block(GOOD.rows, GOOD.heap).done()
    assert events_of(read_log(DIRECTORY, fs=disk)) == [GOOD]
    assert FileLog.open(DIRECTORY, config=None, fs=disk).last_seq == 1


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([(META, encode_meta(b"", []), header(events=0, heap_bytes=8, first_seq=1, durable_seq=0))], "does not belong"),
        ([(SEAL, b"", header(events=5, first_seq=1, durable_seq=0))], "a seal over 5 events"),
        ([(BLOCK, GOOD.rows, header(symbols=0, first_seq=3, durable_seq=0))], "a frame with seq 3"),
    ],
)
def test_frame_out_of_its_place_is_not_taken(frames: list[tuple[int, bytes, FrameHeader]], why: str) -> None:
    forger = Forger()
    for kind, body, wanted in frames:
        forger.frame(kind, body, wanted)
    reader = read_log(DIRECTORY, fs=forger.done())
    assert list(reader) == []
    assert reader.tail is not None
    assert why in reader.tail.why


def test_segment_without_its_configuration_is_refused() -> None:
    forger = Forger()
    forger.data = segment_header()
    with pytest.raises(CorruptLog, match="ends before its configuration"):
        read_log(DIRECTORY, fs=forger.done())
    forger = Forger()
    forger.data, forger.chain = segment_header(), first_chain(RUN_ID)
    forger.frame(META, b"\1", header(events=0, heap_bytes=1))
    with pytest.raises(CorruptLog, match="configuration: cut short"):
        read_log(DIRECTORY, fs=forger.done())


def test_segment_past_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Forger().done()
    monkeypatch.setattr("mtf.log.segment.SEGMENT_BYTES_MAX", 10)
    with pytest.raises(CorruptLog, match="the limit is 10"):
        read_log(DIRECTORY, fs=disk)
    assert not disk.open_files


def test_tail_larger_than_a_window_is_searched_for_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that lies across two windows is found as well."""
    monkeypatch.setattr("mtf.log.segment.WINDOW_BYTES", 100)
    monkeypatch.setattr("mtf.log.segment.WINDOW_BYTES_MIN", 100)
    for flip in range(60, 90):
        disk = Disk()
        small_log(disk, blocks(*[1] * 8, symbols=["EURUSD"]), segment_bytes=1 << 20, sync_after=6)
        disk.kill()
        path = f"{DIRECTORY}/0000000000000000001.log"
        disk.inodes[path].seen[300 + flip] ^= 1
        with pytest.raises(CorruptLog, match="the log was synced up to seq 7"):
            FileLog.open(DIRECTORY, config=None, fs=disk)
