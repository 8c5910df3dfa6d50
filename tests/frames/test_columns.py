"""The columns of a frame: the bar that forms after each row, as a consumer of single events is shown it."""

from __future__ import annotations

import pytest

from mtf.bars.blank import EACH
from mtf.bars.columns import SHOWN
from mtf.config import Config
from mtf.frames.view import View
from mtf.frames.walk import END, TICK
from mtf.kernel import Kernel
from tests.builders import blocks, events
from tests.engine.follower import cursor_of

STREAM = events("A:10:00@1 B:10:00:10@5 A:10:01@2 A:10:01:10@7 A:10:01:20@3 B:10:05@6 A:10:06@9 B:10:06:10@4")
TIMEFRAMES = ("1m", "5m", "3t")


def partials(rank: int) -> list[tuple[object, ...]]:
    """Return the numbers of the bar of the tick's symbol after each tick, shown one by one."""
    engine = Kernel(Config.make(calendar="crypto", timeframes=TIMEFRAMES))
    cursor = cursor_of(engine)
    found: list[tuple[object, ...]] = []
    for block in blocks(STREAM, size=1):
        cursor.enter(engine.step(block))
        while cursor.step(TICK) != END:
            cursor.alive = True
            partial = View(cursor, engine.schema)[TIMEFRAMES[rank]].partial
            found.append(
                (-1,)
                if partial is None
                else (partial.open, partial.high, partial.low, partial.close, partial.volume, partial.ticks)
            )
            cursor.alive = False
            cursor.generation += 1
    return found


@pytest.mark.parametrize("rank", range(len(TIMEFRAMES)))
@pytest.mark.parametrize("size", [1, 3, 1024])
def test_columns_are_the_bars_that_form(rank: int, size: int) -> None:
    engine = Kernel(Config.make(calendar="crypto", timeframes=TIMEFRAMES))
    found: list[tuple[object, ...]] = []
    for block in blocks(STREAM, size=size):
        columns = engine.step(block).columns[rank]
        rows = zip(columns.open, columns.high, columns.low, columns.close, columns.volume, columns.ticks, strict=True)
        found += [row if header >= 0 else (-1,) for row, header in zip(rows, columns.header, strict=True)]
    assert found == partials(rank)
    assert len(set(found)) > 2


def test_there_are_zeros_for_all_numbers_of_a_row() -> None:
    """Else those of large blocks are filled one by one, which takes twice as long."""
    assert EACH >= SHOWN
