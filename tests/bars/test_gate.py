"""The gate's marks on a block: verdicts, deeds, prices and clocks of each row, and which symbols it may change."""

from __future__ import annotations

from mtf import calendars
from mtf.bars.gate import APPLY, MOVE, NOTHING, PRICE_SIDES, REASONS, STRETCH, TIME, Gate, Judged
from mtf.timeframe import Timeframe
from tests.builders import at, blocks, events

DEEDS = {NOTHING: "nothing", MOVE: "move", APPLY: "apply", STRETCH: "stretch", TIME: "time"}


def gate(*, side: str = "auto", accept_late: bool = False) -> Gate:
    calendar = calendars.get("crypto")
    return Gate(lambda _: calendar, [Timeframe("1m")], side=PRICE_SIDES.index(side), accept_late=accept_late)


def judged(text: str, *, side: str = "auto", accept_late: bool = False) -> Judged:
    return gate(side=side, accept_late=accept_late).judge(blocks(events(text, symbol="X"))[0])


def deeds(found: Judged) -> list[str]:
    return [DEEDS[int(deed)] for deed in found.deeds]


def test_each_row_has_its_deed() -> None:
    """What aggregators work from: they never look at a verdict."""
    assert deeds(judged("10:00@1 10:00:01@=2 09:59@3 !10:00:30 !10:00:20 10:00:30@1/ 10:00:31@0")) == [
        *("apply", "move", "nothing", "time", "nothing", "move", "nothing"),
    ]


def test_accepted_late_tick_stretches_and_one_without_a_price_does_nothing() -> None:
    found = judged("10:00:10@1 10:00:20@1 10:00:15@2 10:00:15@=2", accept_late=True)
    assert deeds(found) == ["apply", "apply", "stretch", "nothing"]
    assert [int(clock) - at("10:00") for clock in found.clocks] == [10**10, 2 * 10**10, 2 * 10**10, 2 * 10**10]


def test_late_tick_is_rejected_once_the_clock_closed_the_bar() -> None:
    """There is nothing left to mend: the bar is completed, and completed bars never change."""
    found = judged("10:00:10@1 !10:01 10:00:20@2 10:01:10@3 10:00:30@4", accept_late=True)
    assert deeds(found) == ["apply", "time", "nothing", "apply", "nothing"]
    assert [REASONS[int(verdict)] for verdict in found.verdicts] == ["", "", "late", "", "late"]


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
            (price, volume) if deed == APPLY else None
            for deed, price, volume in zip(found.deeds, found.prices, found.volumes, strict=True)
        ] == prices


def test_touched_symbols_are_those_of_the_rows_or_all_where_the_clock_moved() -> None:
    one = gate()
    first, second, third = blocks(
        [*events("A:10:00@1 B:10:00@1 A:10:01@1"), *events("B:10:02@1 B:10:03@1 B:10:03@1"), *events("!10:04")], size=3
    )
    assert list(one.judge(first).touched) == [0, 1]
    assert list(one.judge(second).touched) == [1]
    assert list(one.judge(third).touched) == [0, 1]
    assert one.newest_ns == at("10:04")


def test_counts_of_a_block_are_those_after_it() -> None:
    one = gate()
    first, second = blocks(events("X:10:00@1#a X:10:00@1#a X:09:00@1 X:10:01@2/1"), size=2)
    (after,) = one.judge(first).counts
    assert (after.ticks, after.rejected, after.locked) == (1, {"duplicate": 1}, 1)
    (later,) = one.judge(second).counts
    assert (later.ticks, later.rejected, later.locked, later.crossed) == (2, {"duplicate": 1, "late": 1}, 1, 1)
    assert (after.ticks, after.rejected) == (1, {"duplicate": 1})
    assert after != later
    assert one.counts() == [later]
