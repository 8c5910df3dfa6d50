"""What came last: events by id and content, bars by start and content, within a bound and through a saved state."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.archive import Archive
from mtf.bars.recent import BARS_MAX, IDS_MAX, NEW, REUSED, SAME, RecentBars, RecentIds
from mtf.errors import CorruptCheckpoint


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
    assert recent.compare("a", 1) == NEW
    recent.remember("a", 1)
    assert [recent.compare("a", 1), recent.compare("a", 2), recent.compare("b", 1)] == [SAME, REUSED, NEW]


def test_id_that_is_used_again_is_known_with_each_content() -> None:
    """Two venues that both count from 1: what either sends again is a duplicate."""
    recent = RecentIds()
    for key in (1, 2, 3):
        recent.remember("a", key)
    assert [recent.compare("a", key) for key in (1, 2, 3, 4)] == [SAME, SAME, SAME, REUSED]


def test_the_oldest_event_goes_when_there_are_too_many() -> None:
    recent = RecentIds()
    for number in range(IDS_MAX + 1):
        recent.remember(str(number), number)
    assert [recent.compare(str(number), number) for number in (0, 1, IDS_MAX)] == [NEW, SAME, SAME]
    assert IDS_MAX == 4096


def test_constant_id_is_remembered_with_the_last_contents() -> None:
    """A column that does not hold ids at all costs no more than one that is."""
    recent = RecentIds()
    for number in range(2 * IDS_MAX):
        recent.remember("0", number)
    assert [recent.compare("0", key) for key in (IDS_MAX - 1, IDS_MAX, 2 * IDS_MAX - 1)] == [REUSED, SAME, SAME]


@given(events=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=60))
def test_it_is_the_last_events_that_are_known(events: list[tuple[str, int]]) -> None:
    """By the plain rule: an event is known if it is among the last that were remembered."""
    recent = RecentIds()
    filler = 0
    while filler < IDS_MAX - 7:  # leaves room for seven
        recent.remember(f"filler {filler}", filler)
        filler += 1
    window: deque[tuple[str, int]] = deque((("filler", k) for k in range(filler)), maxlen=IDS_MAX)
    for id, key in events:
        expected = SAME if (id, key) in window else REUSED if any(id == known for known, _ in window) else NEW
        assert recent.compare(id, key) == expected
        if expected != SAME:
            recent.remember(id, key)
            window.append((id, key))
        for _ in range(IDS_MAX // 3 if key == 3 else 0):
            filler += 1
            recent.remember(f"filler {filler}", filler)
            window.append(("filler", filler))


@pytest.mark.parametrize("count", [0, 1, IDS_MAX, IDS_MAX + 100])
def test_saved_ids_go_on_as_they_were(count: int) -> None:
    """Of a full ring too, wherever its oldest stands: the bytes are the same from then on."""
    recent = RecentIds()
    for number in range(count):
        recent.remember(str(number // 3), number)
    again = loaded(saved(recent))
    assert saved(again) == saved(recent)
    for number in range(0, count + 50, 7):
        assert again.compare(str(number // 3), number) == recent.compare(str(number // 3), number)
    for each in (recent, again):
        each.remember("next", 5)
    assert saved(again) == saved(recent)


def test_saved_ids_that_none_have_been_are_refused() -> None:
    """A checkpoint that lies must not become a state that no log gives."""
    recent = RecentIds()
    recent.remember("a", 1)
    recent.remember("b", 1)
    data = saved(recent)
    with pytest.raises(CorruptCheckpoint, match="the same event twice"):
        loaded(data.replace(b"b", b"a"))
    archive = Archive()
    archive.count(IDS_MAX + 1, 16)
    for number in range(IDS_MAX + 1):
        archive.text(str(number))
        archive.int64(number, 0, IDS_MAX)
    with pytest.raises(CorruptCheckpoint, match="more ids than are kept"):
        loaded(archive.finish())


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
