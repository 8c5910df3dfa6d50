"""The order of time, by stamps alone: what is late, what is out of order, and how a block loses its flag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtf.events.bar_rows import length_code
from mtf.events.block import ORDERED, ROW_BYTES, Block, SymbolTable, check_rows, cut
from mtf.events.block_builder import BlockBuilder
from mtf.sources.time_order import Newest, TimeOrder, without_order
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS
from tests.builders import Clock, events, ticks


def block_of(text: str, *, ordered: bool = False, first_seq: int = 1) -> Block:
    builder = BlockBuilder(SymbolTable())
    builder.ordered = ordered
    for tick in ticks(text):
        assert not builder.tick(tick)
    return builder.take(first_seq)


@pytest.mark.parametrize(
    ("text", "found", "count"),
    [
        ("A:10:00@1 B:10:00@1 A:10:01@1 C:10:01@1", -1, 0),
        ("A:10:00@1 B:10:05@1 A:10:01@1", 2, 1),
        ("A:10:00@1 B:10:05@1 B:10:01@1 A:10:06@1", -1, 0),  # late, and of its own symbol alone
        ("A:10:09@1 B:10:05@1 C:10:08@1 B:10:04@1 A:10:01@1 C:10:08@1 B:10:09@1", 1, 3),
        ("A:10:00@1 A:09:00@1 A:10:05@1", -1, 0),
    ],
)
def test_an_event_is_out_of_order_if_another_symbol_is_past_it(text: str, found: int, count: int) -> None:
    order = TimeOrder()
    assert order.look(block_of(text), 1, 100) == found
    assert order.out_of_order == count


def test_events_that_were_pushed_are_never_out_of_order() -> None:
    """But what finite sources bring is looked at beside them."""
    order = TimeOrder()
    block = block_of("A:10:05@1 B:10:00@1 C:10:01@1")
    assert order.look(block, 3, 3) == 2
    assert (order.out_of_order, order.finite.number, order.newest.number) == (1, 2, 0)


def test_a_bar_is_one_observation() -> None:
    """Its four rows lie before those of another symbol's bar that ends with it, and are in order all the same."""
    builder = BlockBuilder(SymbolTable())
    for symbol in ("A", "B", "A"):
        four = (1.0, 2.0, 0.5, 1.5)
        start = 1_709_719_200_000_000_000 + (60_000_000_000 if builder.count == 8 else 0)
        assert not builder.bar(symbol, length_code(Timeframe("1m")), start, 0, four, four, (1.0, 1.0))
    assert TimeOrder().look(builder.take(1), 1, 12) == -1


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from((0, 1, 1, 2, 5, -1, -3))), min_size=1, max_size=30),
    finite=st.tuples(st.integers(1, 10), st.integers(1, 40)),
    cuts=st.lists(st.integers(1, 29)),
)
def test_what_is_out_of_order_is_what_a_plain_look_says(
    rows: list[tuple[int, int]], finite: tuple[int, int], cuts: list[int]
) -> None:
    """However the events are cut into blocks."""
    builder, second, stamps = BlockBuilder(SymbolTable()), 10_000, []
    for symbol, step in rows:
        second += step
        stamps.append((symbol, second))
        assert not builder.trade(f"S{symbol}", second, 1.0)
    newest: dict[int, int] = {}
    expected = []
    for seq, (symbol, stamp) in enumerate(stamps, 1):
        others = max((stamp for other, stamp in newest.items() if other != symbol), default=-1)
        if finite[0] <= seq <= finite[1] and newest.get(symbol, -1) <= stamp < others:
            expected.append(seq)
        newest[symbol] = max(newest.get(symbol, -1), stamp)
    order, block, found = TimeOrder(), builder.take(1), []
    for at in sorted({each for each in cuts if each < block.count}, reverse=True):
        block, rest = cut(block, at)
        found.append(rest)
    firsts = []
    for piece in (block, *reversed(found)):
        row = order.look(piece, *finite)
        firsts += [int(piece.first_seq) + row] if row >= 0 else []
    assert order.out_of_order == len(expected)
    assert firsts[:1] == expected[:1]


def test_any_number_of_symbols_is_followed_from_anywhere_in_a_log() -> None:
    """The end of a log that is looked at after a restart may begin with the ten-thousandth symbol."""
    block = block_of(" ".join(f"S{n}:10:00@1" for n in range(5000)))
    rows = block.rows[4990 * ROW_BYTES :]
    order = TimeOrder()
    assert order.look(Block(4991, 10, rows, b""), 1, 0) == -1
    assert order.knows(4999)
    assert not order.knows(4989)
    order.add(70_000, 5)
    assert order.knows(70_000)


def test_the_newest_stamp_besides_a_symbols_own() -> None:
    newest = Newest()
    assert newest.besides(0) == NEVER_NS
    for number, ts_ns in ((0, 5), (0, 7), (1, 6), (2, 6), (1, 9), (0, 8), (3, 1)):
        newest.add(number, ts_ns)
    assert [newest.besides(number) for number in range(4)] == [9, 8, 9, 9]


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_a_block_without_the_flag_is_one_that_the_builder_could_have_written(start: int) -> None:
    """From the row on at which the order of time ends; those before keep it."""
    block = block_of("A:10:00@1 B:10:05@1 A:10:01@1 C:10:02@1", ordered=True)
    changed = without_order(block, start)
    check_rows(changed, 0)
    flags = [changed.rows[i * ROW_BYTES + 13] & ORDERED != 0 for i in range(4)]
    assert flags == [each and i < start for i, each in enumerate((False, True, True, True))]
    if not start:
        assert changed == block_of("A:10:00@1 B:10:05@1 A:10:01@1 C:10:02@1")


def test_clock_events_have_no_symbol_to_be_out_of_order_with() -> None:
    builder = BlockBuilder(SymbolTable())
    for event in events("A:10:00@1 !10:05 A:10:06@1"):
        assert not (builder.clock(event.ts_ns) if isinstance(event, Clock) else builder.tick(event))
    assert TimeOrder().look(builder.take(1), 1, 3) == -1
