"""The order of a frame's closings: by row, end, timeframe and symbol."""

from __future__ import annotations

import random

import pytest

from mtf.config import Config
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import Kernel
from mtf.units import MINUTE_NS

START_NS = 1_709_719_200_000_000_000  # a full hour


@pytest.mark.parametrize("symbols", [2, 5, 6, 17, 100])
def test_bars_that_one_event_closes_come_by_end_then_timeframe_then_symbol(symbols: int) -> None:
    """A clock event can close a bar of every symbol at once, whatever order they were left in."""
    kernel = Kernel(Config.make(timeframes=["1m", "5m", "15m"], calendar="crypto"))
    builder = BlockBuilder(SymbolTable())
    rng = random.Random(symbols)
    for number in range(symbols):
        minute = rng.randrange(12)
        assert builder.quote(f"S{number}", START_NS + minute * MINUTE_NS, 1.0, 1.1) == 0
    assert builder.clock(START_NS + 60 * MINUTE_NS) == 0
    closings = kernel.step(builder.take(1)).closings
    found = [
        (closings.rows[k], closings.ends[k], closings.ranks[k], closings.numbers[k]) for k in range(closings.count)
    ]
    assert len(found) == 3 * symbols
    assert found == sorted(found)
    bars = [closings.bar(k) for k in range(closings.count)]
    assert [(bar.end_ns, bar.symbol) for bar in bars] == [(end_ns, f"S{number}") for _, end_ns, _, number in found]
    assert [bar.timeframe.name for bar in bars] == [("1m", "5m", "15m")[rank] for _, _, rank, _ in found]
