"""Which numbered messages have come: every order, every repetition, and what is written down of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtf.feeds.numbering import MISSING_MAX, Numbering


def came(*numbers: int) -> Numbering:
    numbering = Numbering()
    for k, number in enumerate(numbers):
        numbering.add(number, k)
    return numbering


def holes(numbering: Numbering) -> list[tuple[int, int]]:
    return [(hole.start, hole.stop) for hole in numbering.missing]


def test_there_is_no_hole_before_the_first_number() -> None:
    """A server numbers from where it likes."""
    assert (came(7).next, holes(came(7))) == (8, [])


def test_a_jump_is_a_hole_and_what_comes_late_fills_it() -> None:
    assert holes(came(1, 5)) == [(2, 5)]
    assert holes(came(1, 5, 3)) == [(2, 3), (4, 5)]
    assert holes(came(1, 5, 3, 2, 4)) == []


def test_a_hole_says_between_which_messages_it_lies() -> None:
    numbering = Numbering()
    for number, ns in ((1, 100), (2, 200), (5, 900)):
        numbering.add(number, ns)
    assert [(hole.since_ns, hole.until_ns) for hole in numbering.missing] == [(200, 900)]


def test_a_hole_is_reported_once() -> None:
    """After the patience, and not again when it has become smaller."""
    numbering = came(1, 5)
    assert numbering.overdue(0) == []
    assert [(hole.start, hole.stop) for hole in numbering.overdue(1)] == [(2, 5)]
    numbering.add(3, 9)
    assert numbering.overdue(9) == []
    assert not numbering.is_waiting


def test_part_of_a_hole_can_be_reported() -> None:
    numbering = came(1, 9)
    numbering.report(3, 5)
    assert [(hole.start, hole.stop, hole.reported) for hole in numbering.missing] == [
        (2, 3, False),
        (3, 5, True),
        (5, 9, False),
    ]


def test_more_holes_than_are_kept_are_given_up_and_reported() -> None:
    """Memory is bounded, whatever a server sends; a number of a hole that was given up counts as come."""
    numbering = came(*range(0, 4 * MISSING_MAX, 2))
    found = numbering.overdue(-1)
    assert [hole.start for hole in found] == list(range(1, 2 * MISSING_MAX - 2, 2))
    assert len(numbering.missing) == MISSING_MAX
    assert not numbering.add(1, 0)


@given(st.lists(st.integers(0, 30), max_size=60))
def test_each_number_is_new_exactly_once(numbers: list[int]) -> None:
    """In any order: but for those before the first one, which count as come."""
    numbering, seen = Numbering(), set[int]()
    for k, number in enumerate(numbers):
        expected = number not in seen and (not seen or number >= numbers[0])
        assert numbering.has(number) == (bool(seen) and not expected)
        assert numbering.add(number, k) == expected
        seen.add(number)
    if numbers:
        missing = {number for start, stop in holes(numbering) for number in range(start, stop)}
        assert missing == set(range(numbers[0], max(numbers))) - seen


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(0, 60), st.integers(0, 20))
def test_what_is_written_down_is_what_was_known(numbers: list[int], before: int, start: int) -> None:
    numbering = came(*numbers)
    numbering.overdue(before)
    numbering.report(start, start + 5)
    again = Numbering.at(numbering.position())
    assert again.position() == numbering.position()
    assert again.overdue(100) == numbering.overdue(100)
