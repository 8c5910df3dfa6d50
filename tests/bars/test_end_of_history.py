"""The clock event that ends an import: it moves the clock of its symbol alone, and leaves nothing before it open."""

from __future__ import annotations

import pytest

from mtf import calendars
from mtf.bars.gate import Gate
from mtf.bars.judged_block import JudgedBlock
from mtf.bars.verdicts import ACCEPTED, LATE, LATE_ACCEPTED
from mtf.events.block import BY_IMPORT, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.timeframe import Timeframe
from tests.builders import at, ticks


def gate(*, accept_late: bool = False) -> Gate:
    calendar = calendars.get("crypto")
    return Gate(lambda _: calendar, [Timeframe("1m"), Timeframe("5m")], accept_late=accept_late)


def judged(judge: Gate, symbols: SymbolTable, events: list[Tick | tuple[str, int]]) -> JudgedBlock:
    """Judge *events*: ticks, and of a symbol the end of its history."""
    builder = BlockBuilder(symbols)
    for event in events:
        if isinstance(event, Tick):
            assert builder.tick(event) == 0
        else:
            assert builder.clock(event[1], BY_IMPORT, 0, event[0]) == 0
    return judge.judge(builder.take(1))


def end(time: str, symbol: str = "X") -> tuple[str, int]:
    return symbol, at(time)


@pytest.mark.parametrize("accept_late", [False, True])
def test_what_is_stamped_before_it_is_late_whatever_comes_after(accept_late: bool) -> None:
    """Also in the minute that goes on behind it, and also after a live tick has come there."""
    found = judged(
        gate(accept_late=accept_late),
        SymbolTable(),
        [*ticks("10:00:10@1", symbol="X"), end("10:00:20"), *ticks("10:00:10@1 10:00:30@1 10:00:15@1", symbol="X")],
    )
    assert list(found.verdicts) == [ACCEPTED, ACCEPTED, LATE, ACCEPTED, LATE]


def test_what_is_late_behind_it_is_accepted_by_the_rule_of_its_bar() -> None:
    found = judged(
        gate(accept_late=True),
        SymbolTable(),
        [*ticks("10:00:10@1", symbol="X"), end("10:00:20"), *ticks("10:00:30@1 10:00:20@1", symbol="X")],
    )
    assert list(found.verdicts) == [ACCEPTED, ACCEPTED, ACCEPTED, LATE_ACCEPTED]


def test_it_moves_the_clock_of_its_symbol_alone() -> None:
    found = judged(
        gate(),
        SymbolTable(),
        [*ticks("10:00@1", symbol="X"), *ticks("10:00@1", symbol="Y"), end("10:07"), *ticks("10:01@1", symbol="Y")],
    )
    assert list(found.verdicts) == [ACCEPTED] * 4
    assert [(int(number), int(ns)) for number, ns in zip(found.moves_number, found.moves_ns, strict=True)] == [
        (0, at("10:07"))
    ]


def test_of_a_symbol_that_is_not_known_or_is_ahead_it_moves_nothing() -> None:
    found = judged(gate(), SymbolTable(), [*ticks("10:10@1", symbol="X"), end("10:07"), end("10:07", "NONE")])
    assert list(found.moves_number) == []


def test_in_a_copy_of_the_log_it_is_of_the_same_symbol() -> None:
    """It has its symbol by name: numbers are another log's own."""
    names = SymbolTable()
    builder = BlockBuilder(names)
    for tick in [*ticks("10:00@1", symbol="A"), *ticks("10:00@1", symbol="X")]:
        assert builder.tick(tick) == 0
    assert builder.clock(at("10:05"), BY_IMPORT, 0, "X") == 0
    block = builder.take(1)
    copy = BlockBuilder(SymbolTable(["X", "A"]))
    copy.copy(block, names.names, 0, block.count)
    judge = gate()
    judge.begin(["X", "A"])
    found = judge.judge(copy.take(1))
    assert [(int(number), int(ns)) for number, ns in zip(found.moves_number, found.moves_ns, strict=True)] == [
        (0, at("10:05"))
    ]
