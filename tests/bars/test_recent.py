"""What came last: events by id and content, bars by start and content, within a bound and through a saved state."""

from __future__ import annotations

import struct
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.archive import Archive
from mtf.bars.recent import BARS_MAX, IDS_MAX, NEW, REUSED, SAME, RecentBars, RecentIds, hash_of
from mtf.errors import CorruptCheckpoint

KEY = 6621649766756260284  # of the event with the key 3, as mtf wrote it when keys were made for every event


def event(id: str, key: int) -> tuple[bytes, int, bytes, int]:
    """Return a trade with *id*, and a content that *key* decides, as heap and row and where they begin in these."""
    text = id.encode()
    row = struct.pack("<qiIdddd", 1_000 + key, 0, 0x0802, 1.5, key / 8, 0.0, 0.0)
    return b"before" + struct.pack("<H", len(text)) + text, 6, bytes(48) + row, 48


def compare(recent: RecentIds, id: str, key: int) -> int:
    return int(recent.look_up(*event(id, key)))


def remember(recent: RecentIds, id: str, key: int) -> None:
    heap, at, rows, base = event(id, key)
    recent.look_up(heap, at, rows, base)
    recent.remember(rows, base)


def saved(recent: RecentIds | RecentBars) -> bytes:
    archive = Archive()
    recent.archive(archive)
    return archive.finish()


def loaded(data: bytes) -> RecentIds:
    recent = RecentIds()
    archive = Archive(data)
    recent.archive(archive)
    archive.finish()
    return recent


def test_id_is_known_with_its_content() -> None:
    recent = RecentIds()
    assert compare(recent, "a", 1) == NEW
    remember(recent, "a", 1)
    assert [compare(recent, "a", 1), compare(recent, "a", 2), compare(recent, "b", 1)] == [SAME, REUSED, NEW]


def test_id_that_is_used_again_is_known_with_each_content() -> None:
    """Two venues that both count from 1: what either sends again is a duplicate."""
    recent = RecentIds()
    for key in (1, 2, 3):
        remember(recent, "a", key)
    assert [compare(recent, "a", key) for key in (1, 2, 3, 4)] == [SAME, SAME, SAME, REUSED]


def test_the_oldest_event_goes_when_there_are_too_many() -> None:
    recent = RecentIds()
    for number in range(IDS_MAX + 1):
        remember(recent, str(number), number)
    assert [compare(recent, str(number), number) for number in (0, 1, IDS_MAX)] == [NEW, SAME, SAME]
    assert IDS_MAX == 4096


def test_constant_id_is_remembered_with_the_last_contents() -> None:
    """A column that does not hold ids at all costs no more than one that is."""
    recent = RecentIds()
    for number in range(2 * IDS_MAX):
        remember(recent, "0", number)
    assert [compare(recent, "0", key) for key in (IDS_MAX - 1, IDS_MAX, 2 * IDS_MAX - 1)] == [REUSED, SAME, SAME]


@given(events=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=60))
def test_it_is_the_last_events_that_are_known(events: list[tuple[str, int]]) -> None:
    """By the plain rule: an event is known if it is among the last that were remembered."""
    recent = RecentIds()
    filler = 0
    while filler < IDS_MAX - 7:  # leaves room for seven
        remember(recent, f"filler {filler}", filler)
        filler += 1
    window: deque[tuple[str, int]] = deque((("filler", k) for k in range(filler)), maxlen=IDS_MAX)
    for id, key in events:
        expected = SAME if (id, key) in window else REUSED if any(id == known for known, _ in window) else NEW
        assert compare(recent, id, key) == expected
        if expected != SAME:
            remember(recent, id, key)
            window.append((id, key))
        for _ in range(IDS_MAX // 3 if key == 3 else 0):
            filler += 1
            remember(recent, f"filler {filler}", filler)
            window.append(("filler", filler))


@pytest.mark.parametrize("count", [0, 1, IDS_MAX, IDS_MAX + 100])
def test_saved_ids_go_on_as_they_were(count: int) -> None:
    """Of a full ring too, wherever its oldest stands: the bytes are the same from then on."""
    recent = RecentIds()
    for number in range(count):
        remember(recent, str(number // 3), number)
    again = loaded(saved(recent))
    assert saved(again) == saved(recent)
    for number in range(0, count + 50, 7):
        assert compare(again, str(number // 3), number) == compare(recent, str(number // 3), number)
    for each in (recent, again):
        remember(each, "next", 5)
    assert saved(again) == saved(recent)


def test_saved_ids_that_none_have_been_are_refused() -> None:
    """A checkpoint that lies must not become a state that no log gives."""
    archive = Archive()
    archive.count(2, 16)
    for _ in range(2):
        archive.text("a")
        archive.int64(7, 0, IDS_MAX)
    with pytest.raises(CorruptCheckpoint, match="the same event twice"):
        loaded(archive.finish())
    archive = Archive()
    archive.count(IDS_MAX + 1, 16)
    for number in range(IDS_MAX + 1):
        archive.text(str(number))
        archive.int64(number, 0, IDS_MAX)
    with pytest.raises(CorruptCheckpoint, match="more ids than are kept"):
        loaded(archive.finish())


def test_loaded_ids_are_compared_by_the_key_of_their_content() -> None:
    """The key is in checkpoints that were written long ago, so it must never change."""
    archive = Archive()
    archive.count(1, 16)
    archive.text("a")
    archive.int64(KEY, -(1 << 63), (1 << 63) - 1)
    recent = loaded(archive.finish())
    assert [compare(recent, "a", key) for key in (3, 4)] == [SAME, REUSED]
    remember(recent, "b", 3)
    assert saved(recent).count(struct.pack("<q", KEY)) == 2


@given(ids=st.lists(st.text("aé", max_size=20), max_size=60), where=st.integers(0, 9))
def test_ids_are_told_apart_to_the_last_letter_wherever_they_stand(ids: list[str], where: int) -> None:
    """They are hashed eight bytes at a time, and shorter ones with what stands before them."""
    recent = RecentIds()
    seen: set[str] = set()
    for id in ids:
        text = id.encode()
        heap = bytes(range(where)) + struct.pack("<H", len(text)) + text + b"after"
        _, _, rows, base = event(id, 1)
        assert recent.look_up(heap, where, rows, base) == (SAME if id in seen else NEW)
        if id not in seen:
            recent.remember(rows, base)
            seen.add(id)


@pytest.mark.parametrize("form", ["{}", "{:06}", "trade-{:012}", "{}000"])
def test_numbered_ids_are_spread_over_the_table(form: str) -> None:
    """Most ids are numbers, which differ in a few letters at the end: in a heap they would cost a search each."""
    ids = [form.format(number).encode() for number in range(IDS_MAX)]
    assert len({hash_of(id, 0, len(id)) % (4 * IDS_MAX) for id in ids}) > 0.85 * IDS_MAX
    assert all(hash_of(id, 0, len(id)) == hash_of(b"before" + id + b"after", 6, 6 + len(id)) for id in ids)


def test_bar_is_known_by_its_start_and_content() -> None:
    recent = RecentBars()
    assert not recent.knows(10, 1)
    for start_ns, key in ((10, 1), (20, 2), (40, 4)):
        recent.remember(start_ns, key)
    assert [recent.knows(start_ns, key) for start_ns, key in ((10, 1), (20, 2), (40, 4))] == [True] * 3
    assert [recent.knows(start_ns, key) for start_ns, key in ((10, 2), (9, 1), (30, 2), (41, 4))] == [False] * 4


def test_as_many_bars_are_known_as_exchanges_send_at_once() -> None:
    recent = RecentBars()
    for number in range(5 * BARS_MAX):
        recent.remember(number, number)
    last = 5 * BARS_MAX - 1
    assert all(recent.knows(number, number) for number in range(last - BARS_MAX + 1, last + 1))
    assert not recent.knows(0, 0)
    assert not recent.knows(last - 2 * BARS_MAX, last - 2 * BARS_MAX)


def test_saved_bars_go_on_as_they_were() -> None:
    recent, again = RecentBars(), RecentBars()
    for number in range(3 * BARS_MAX):
        recent.remember(number, -number)
    again.archive(Archive(saved(recent)))
    for number in range(3 * BARS_MAX, 6 * BARS_MAX):
        recent.remember(number, -number)
        again.remember(number, -number)
        assert again.knows(number - BARS_MAX + 1, BARS_MAX - 1 - number)
    assert saved(again) == saved(recent)
