"""The gate's marks on a block: verdicts, effects, prices and clocks of each row, and which symbols it may change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from librt.vecs import vec
from mypy_extensions import i64

from mtf import calendars
from mtf.bars.aggregate import Aggregator
from mtf.bars.columns import SHOWN
from mtf.bars.gate import Gate
from mtf.bars.judged_block import COUNTED, IS_LIVE, IS_ORDERED, JudgedBlock, tally
from mtf.bars.verdicts import (
    APPLY,
    APPLY_BAR,
    COUNTS,
    MOVE,
    NOTHING,
    PRICE_SIDES,
    REASONS,
    TEAR,
    TIME,
    TIMER,
    WHOLE_BAR,
    WIDEN,
    Counts,
)
from mtf.calendars import WeeklyCalendar
from mtf.events.block import Block, cut
from mtf.events.tick import Tick
from mtf.timeframe import Timeframe
from tests.builders import BY_TIMER, BY_USER, BarRow, Clock, Input, Sent, at, blocks, inputs

OFTEN_CLOSED = WeeklyCalendar(
    name="often closed", zone="UTC", hours=[f"Mon-Fri 10:{minute:02}-10:{minute + 1:02}" for minute in range(0, 20, 2)]
)

_TRADED = BarRow("", "1s", trades=(1.0, 4.0, 0.5, 2.0), size=3.0)
_QUOTED = BarRow("", "1s", bids=(1.0, 4.0, 0.5, 2.0), asks=(1.5, 4.5, 1.0, 2.5), size=3.0)
_DEAR = BarRow("", "1s", trades=(1.0, 4.0, 0.5, 3.0))
_FREE = BarRow("", "1s", trades=(0.0, 4.0, 0.0, 2.0))
_FORMING = BarRow("", "1s", trades=(1.0, 4.0, 0.5, 2.0), forming=True)
_OF_A_MINUTE = BarRow("", "1m", trades=(1.0, 4.0, 0.5, 2.0), size=2.0)
_ONE_SIDE = BarRow("", "1s", bids=(0.0, 4.0, 0.0, 2.0), asks=(1.5, 4.5, 1.0, 2.5))
_TICK = Tick("", 0, price=1.0, size=2.0)

EFFECTS = {
    NOTHING: "nothing",
    MOVE: "move",
    APPLY: "apply",
    WIDEN: "stretch",
    TIME: "time",
    APPLY_BAR: "apply bar",
    TEAR: "tear",
    TIMER: "timer",
    WHOLE_BAR: "whole bar",
}


def gate(*timeframes: str, side: str = "auto", accept_late: bool = False) -> Gate:
    calendar = calendars.get("crypto")
    kept = [Timeframe(name) for name in timeframes or ("1m",)]
    return Gate(lambda _: calendar, kept, side=PRICE_SIDES.index(side), accept_late=accept_late)


def judged(text: str, *, side: str = "auto", accept_late: bool = False) -> JudgedBlock:
    return gate(side=side, accept_late=accept_late).judge(blocks(inputs(text, symbol="X"))[0])


def counts_after(found: JudgedBlock) -> Counts:
    """Return the counts of the only symbol of a block, in which more than plain ticks was counted."""
    assert list(found.accepted) == [COUNTED]
    return Counts(found.counts)


def ordered(found: JudgedBlock) -> list[bool]:
    """Return whether each touched symbol is read in time order."""
    return [flags & IS_ORDERED != 0 for flags in found.flags]


def effects(found: JudgedBlock) -> list[str]:
    return [EFFECTS[int(effect)] for effect in found.effects]


def test_each_row_has_its_effect() -> None:
    """What aggregators work from: they never look at a verdict."""
    assert effects(judged("10:00@1 10:00:01@=2 09:59@3 !10:00:30 !10:00:20 10:00:30@1/ 10:00:31@0")) == [
        *("apply", "move", "nothing", "time", "nothing", "move", "nothing"),
    ]


def test_accepted_late_tick_stretches_and_one_without_a_price_does_nothing() -> None:
    found = judged("10:00:10@1 10:00:20@1 10:00:15@2 10:00:15@=2", accept_late=True)
    assert effects(found) == ["apply", "apply", "stretch", "nothing"]
    assert [int(clock) - at("10:00") for clock in found.clocks] == [10**10, 2 * 10**10, 2 * 10**10, 2 * 10**10]


def test_late_tick_is_rejected_once_the_clock_closed_the_bar() -> None:
    """There is nothing left to correct: the bar is completed, and completed bars never change."""
    found = judged("10:00:10@1 !10:01 10:00:20@2 10:01:10@3 10:00:30@4", accept_late=True)
    assert effects(found) == ["apply", "time", "nothing", "apply", "nothing"]
    assert [REASONS[int(verdict)] for verdict in found.verdicts] == ["", "", "late", "", "late"]


def test_tick_that_is_late_for_a_clock_event_alone_is_applied() -> None:
    """It is the newest all the same, also if it made no bar: what comes behind it and is older stretches."""
    found = judged("10:00:10@1 !10:00:50 10:00:30@=5 10:00:20@2 10:00:40@3", accept_late=True)
    assert effects(found) == ["apply", "time", "nothing", "stretch", "apply"]


def test_first_tick_that_is_late_for_a_clock_event_decides_the_side() -> None:
    found = judged("!10:00:50 10:00:30@=5 10:00:40@1", accept_late=True)
    assert effects(found) == ["time", "apply", "nothing"]
    assert found.instruments[0].first_ns == at("10:00:30")


def test_each_event_of_a_bar_has_the_verdict_of_all_of_it() -> None:
    """It enters timeframes from its own length on: `ranks`; of those that are rejected nothing is done."""
    text = "10:00~5m@1/4/0.5/2 10:00~5m@1/4/0.5/2 10:00~5m@1/5/0.5/2 10:05~1m@0/4/0/2 10:05~1m@1/4/0.5/2?"
    found = gate("1m", "5m", "15m").judge(blocks(inputs(text, symbol="X"))[0])
    assert [REASONS[int(verdict)] for verdict in found.verdicts] == [
        *[""] * 4, *["duplicate"] * 4, *["late"] * 4, *["price"] * 4, *["unfinished"] * 4
    ]  # fmt: skip
    assert effects(found) == [*["apply bar"] * 4, *["nothing"] * 12, "tear", *["nothing"] * 3]
    assert [int(rank) for rank in found.ranks[:4]] == [1] * 4
    assert found.tears == {16: at("10:05")}
    counts = counts_after(found)
    assert (counts.ticks, counts.rejected) == (4, {"duplicate": 1, "price": 1, "late": 1, "unfinished": 1})


def test_bar_that_has_come_whole_takes_the_mark_back() -> None:
    found = judged("10:00~1m@1/4/0.5/2? 10:00~1m@1/4/0.5/2 10:01~1m@1/4/0.5/2? 10:02~1m@1/4/0.5/2")
    assert found.tears == {0: at("10:00"), 8: at("10:01")}
    assert found.repairs == {4}


def test_quote_with_a_bad_side_counts_one_sided_and_says_which() -> None:
    found = judged("10:00@1/2 10:00@0/2 10:00@1/-1 10:00@0/-1", side="bid")
    assert effects(found) == ["apply", "move", "apply", "nothing"]
    assert found.one_sided == {1: 2, 2: 1}
    counts = counts_after(found)
    assert (counts.bad_sides, counts.rejected, counts.crossed) == (2, {"price": 1}, 0)


def test_id_that_is_used_again_is_marked() -> None:
    found = judged("10:00@=1#a 10:00@=2#a 10:00@=1#a 10:00@=2#a 10:00@1/2#a")
    assert [REASONS[int(verdict)] for verdict in found.verdicts] == ["", "", "duplicate", "duplicate", ""]
    assert found.reused == {1, 4}


def test_clocks_of_others_that_a_row_moves_are_listed() -> None:
    """By a run to the end of what is over, by the timer to its stamp; those of a run or of no live symbol move none."""
    text = ">A:10:00@1 >B:10:00@1 >B:10:01:30@1 *C:10:00:10@1 D:10:00:10@1 *!10:00:40"
    found = gate("1m", "5m").judge(blocks(inputs(text))[0])
    names = [instrument.name for instrument in found.instruments]
    moves = [
        (int(row), names[int(number)], int(ns))
        for row, number, ns in zip(found.moves_row, found.moves_number, found.moves_ns, strict=True)
    ]
    assert moves == [(2, "A", at("10:01")), (5, "C", at("10:00:40"))]
    assert (effects(found)[5], found.run_ns, ordered(found)) == ("timer", at("10:01:30"), [True, True, False, False])
    assert [flags & IS_LIVE != 0 for flags in found.flags] == [False, False, True, False]


def test_rows_add_up_to_the_counts() -> None:
    """What a view counts row by row is what the gate counts: bars once if they are rejected, four times if not."""
    text = (
        "10:00@1/2#a 10:00@2/1 10:00@1 10:00@1/2#a 10:00@3/4#a 10:00@0/2 10:00@0 09:59@1/2 "
        "10:01~1m@1/4/0.5/2 10:01~1m@1/4/0.5/2 10:02~1m@1/4/0.5/2? 10:00~1m@1/4/0.5/3"
    )
    found = judged(text)
    numbers = vec[i64]([0] * COUNTS)
    for i in range(found.block.count):
        tally(found, i, numbers)
    counts = counts_after(found)
    assert list(numbers) == list(counts.numbers)
    assert (counts.ticks, counts.crossed, counts.locked, counts.bad_sides, counts.id_reused) == (9, 1, 1, 1, 1)
    assert counts.rejected == {"duplicate": 2, "price": 1, "late": 2, "unfinished": 1}


def test_price_and_volume_are_those_of_the_side() -> None:
    rows = "10:00@1x3/2x4 10:00:01@1x3/ 10:00:02@/2x4 10:00:03@=5x6"
    expected = {
        "auto": [(1.5, 7.0), None, None, None],
        "mid": [(1.5, 7.0), None, None, None],
        "bid": [(1.0, 3.0), (1.0, 3.0), None, None],
        "ask": [(2.0, 4.0), None, (2.0, 4.0), None],
        "last": [None, None, None, (5.0, 6.0)],
    }
    for side, prices in expected.items():
        found = judged(rows, side=side)
        assert [
            (price, volume) if effect == APPLY else None
            for effect, price, volume in zip(found.effects, found.prices, found.volumes, strict=True)
        ] == prices


def test_touched_symbols_are_those_of_the_rows_or_all_where_the_clock_moved() -> None:
    one = gate()
    first, second, third = blocks(
        [*inputs("A:10:00@1 B:10:00@1 A:10:01@1"), *inputs("B:10:02@1 B:10:03@1 B:10:03@1"), *inputs("!10:04")], size=3
    )
    assert list(one.judge(first).touched) == [0, 1]
    assert list(one.judge(second).touched) == [1]
    assert list(one.judge(third).touched) == [0, 1]
    assert one.newest_ns == at("10:04")


def test_counts_of_a_block_are_those_after_it() -> None:
    one = gate()
    first, second = blocks(inputs("X:10:00@1#a X:10:00@1#a X:09:00@1 X:10:01@2/1"), size=2)
    after = counts_after(one.judge(first))
    assert (after.ticks, after.rejected, after.locked) == (1, {"duplicate": 1}, 1)
    later = counts_after(one.judge(second))
    assert (later.ticks, later.rejected, later.locked, later.crossed) == (2, {"duplicate": 1, "late": 1}, 1, 1)
    assert (after.ticks, after.rejected) == (1, {"duplicate": 1})
    assert after != later
    assert one.counts() == [later]


def test_of_plain_ticks_only_their_number_is_said() -> None:
    one = gate()
    first, second, third = blocks(
        inputs("X:10:00@1/2 X:10:01@2/3 X:10:02@1/2 X:10:03@3/4 X:10:04@1/2 X:09:00@1/2"), size=2
    )
    one.judge(first)
    plain = one.judge(second)
    assert (list(plain.accepted), list(plain.counts)) == ([2], [])
    assert one.counts()[0].ticks == 4
    counts = counts_after(one.judge(third))
    assert (counts.ticks, counts.rejected) == (5, {"late": 1})
    assert one.counts() == [counts]


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(("", "", "", "", "", ">", "*")),
            st.sampled_from("AAAAB"),
            st.sampled_from((0, 1, 1, 20, 20, 60, -20)),
            st.sampled_from(
                ("@1/2", "@1/2", "@1/2", "@1/2", "@=1", "@2/1", "@2/2", "@0/2", "@1/0", "@1/", "@1/2#a", "@=0")
            ),
        ),
        min_size=12,
        max_size=40,
    ),
    clocks=st.dictionaries(st.integers(0, 39), st.sampled_from(("!", "*!")), max_size=3),
    side=st.sampled_from(("auto", "mid", "bid", "last")),
    accept_late=st.booleans(),
)
def test_row_that_is_judged_as_the_one_before_it_is_judged_as_it_would_be_alone(
    rows: list[tuple[str, str, int, str]], clocks: dict[int, str], side: str, accept_late: bool
) -> None:
    """The first row of a symbol in a block is never judged by what the one before it was."""
    words = []
    second = 0
    for place, (sign, symbol, step, price) in enumerate(rows):
        second = max(0, second + step)
        time = f"10:{second // 60:02}:{second % 60:02}"
        if place in clocks:
            words.append(clocks[place] + time)
        words.append(f"{sign}{symbol}:{time}{price}")
    text = " ".join(words)

    def judged_in(size: int) -> tuple[list[object], list[object], list[int]]:
        number = PRICE_SIDES.index(side)
        one = Gate(lambda _: OFTEN_CLOSED, [Timeframe("1m")], side=number, accept_late=accept_late)
        found = [one.judge(block) for block in blocks(inputs(text), size=size)]
        shown: list[object] = [
            row
            for each in found
            for row in zip(each.verdicts, each.effects, each.prices, each.volumes, each.clocks, strict=True)
        ]
        return shown, list(one.counts()), [int(one.newest_ns), int(one.run_ns)]

    assert judged_in(1024) == judged_in(1)


def test_bar_like_the_one_before_it_is_applied_as_a_whole() -> None:
    """If it has a volume only on its last event; aggregators take its first three events at once."""
    found = judged("10:00:00~1s@1/2/1/2 10:00:01~1s@1/4/0.5/2x3 10:00:02~1s@2/3/1/3x5 10:00:04~1s@0/1/0/1")
    assert effects(found) == [*["apply bar"] * 8, "whole bar", *["apply bar"] * 3, *["nothing"] * 4]
    assert list(found.prices[8:12]) == [2.0, 3.0, 1.0, 3.0]
    assert list(found.volumes[8:12]) == [0.0, 0.0, 0.0, 5.0]
    assert list(found.clocks[8:12]) == [at("10:00:03") - 4 + place for place in range(4)]
    assert counts_after(found).ticks == 12


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from((False, False, False, False, True)),
            st.sampled_from("AAAAAAB"),
            st.sampled_from((0, 1, 1, 1, 1, 60, -1)),
            st.sampled_from((*(_TRADED,) * 6, *(_QUOTED,) * 4, _DEAR, _FREE, _FORMING, _OF_A_MINUTE, _ONE_SIDE, _TICK)),
        ),
        min_size=8,
        max_size=30,
    ),
    clocks=st.dictionaries(st.integers(0, 29), st.sampled_from((BY_USER, BY_TIMER)), max_size=2),
    side=st.sampled_from(("auto", "auto", "mid", "bid", "last")),
    accept_late=st.booleans(),
)
def test_bar_that_is_judged_as_the_one_before_it_is_judged_as_it_would_be_alone(
    rows: list[tuple[bool, str, int, BarRow | Tick]], clocks: dict[int, int], side: str, accept_late: bool
) -> None:
    """The first bar of a symbol in a block never is, nor is one whose events are each in a block of their own."""
    stream: list[Input] = []
    now_ns = at("10:00")
    for place, (ordered, symbol, step, event) in enumerate(rows):
        now_ns += step * 1_000_000_000
        if place in clocks:
            stream.append(Clock(now_ns, clocks[place]))
        if isinstance(event, Tick):
            stream.append(Sent(Tick(symbol, now_ns, price=event.price, size=event.size), ordered=ordered))
        else:
            stream.append(Sent(replace(event, symbol=symbol, start_ns=now_ns), ordered=ordered))

    def judged_in(size: int) -> tuple[list[object], list[object], list[int]]:
        kept = [Timeframe("1s"), Timeframe("1m")]
        one = Gate(lambda _: OFTEN_CLOSED, kept, side=PRICE_SIDES.index(side), accept_late=accept_late)
        aggregators = [Aggregator(each, rank, 10) for rank, each in enumerate(kept)]
        shown: list[object] = []
        for block in [piece for whole in blocks(stream) for piece in _cut_up(whole, size)]:
            found = one.judge(block)
            columns = [each.aggregate(found) for each in aggregators]
            for i in range(block.count):
                effect = APPLY_BAR if found.effects[i] == WHOLE_BAR else int(found.effects[i])
                rank = int(found.ranks[i]) if effect == APPLY_BAR else 0
                shown.append((found.verdicts[i], effect, found.prices[i], found.volumes[i], found.clocks[i], rank))
                shown += [tuple(each.numbers[i * SHOWN : (i + 1) * SHOWN]) for each in columns]
        counts: list[object] = [*one.counts(), *(int(each.completed) for each in aggregators)]
        return shown, counts, [int(one.newest_ns), int(one.run_ns)]

    assert judged_in(1024) == judged_in(1)


def _cut_up(block: Block, size: int) -> list[Block]:
    """Return *block* as blocks of at most *size* events."""
    made = []
    while block.count > size:
        first, block = cut(block, size)
        made.append(first)
    return [*made, block]


def test_symbol_that_has_joined_a_run_leaves_it_with_its_next_pushed_tick() -> None:
    """Also one of which every tick so far was as the one before it."""
    found = judged(">A:10:00@1/2 >A:10:00:01@1/2 >B:10:00:02@1/2 A:10:00:03@1/2")
    assert (found.joins_row, ordered(found)) == (2, [False, True])
