"""Values on their way from workers: each comes to its place, whoever owns what."""

from __future__ import annotations

import random

import pytest

from mtf.config import Config
from mtf.events.tick import Tick
from mtf.indicators.transfer import Owners, completed_of, copied, fill_completed, live_of, places_in, scattered
from mtf.kernel import Kernel
from mtf.units import MINUTE_NS
from tests.builders import blocks

TIMEFRAMES = ("1m", "5m")


def drawn(seed: int, symbols: int, events: int) -> list[Tick]:
    """Return ticks of so many symbols, a few of which tick often."""
    draw = random.Random(seed)
    found = []
    for k in range(events):
        number = int(symbols * draw.random() ** 2)
        price = 100.0 + draw.randrange(-50, 51) / 8
        found.append(Tick(f"S{number}", (1 << 60) + k * MINUTE_NS // 7, price, price + 0.125))
    return found


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("symbols", [1, 2, 7, 30])
def test_values_of_all_owners_together_are_those_of_one(symbols: int, workers: int, rows: bool) -> None:
    """Each worker's part goes through bytes, the pipeline adds its own, and nothing differs by a bit."""
    config = Config.make(calendar="crypto", timeframes=TIMEFRAMES, indicators="sma:3,macd:3,6,4")
    owners = [Owners(place, len(TIMEFRAMES), workers + 1) for place in range(len(TIMEFRAMES))]
    whole = Kernel(config)
    parts = [
        Kernel(config, owns=lambda rank, number, k=k: owners[rank].of(number) == k)  # type: ignore[misc]
        for k in range(workers + 1)
    ]
    compared = 0
    for block in blocks(drawn(symbols, symbols, 800), size=64):
        judged = whole.gate.judge(block)
        columns = [aggregator.aggregate(judged) for aggregator in whole.aggregators]
        for kernel in parts:
            kernel.gate.judge(block)
        for rank, owned in enumerate(owners):
            expected = whole.calculators[rank].compute(judged, columns[rank], rows)
            width = int(whole.calculators[rank].width)
            closings = columns[rank].closings
            found = [kernel.calculators[rank].compute(judged, columns[rank], rows) for kernel in parts]
            data = b"".join(live_of(owned, k, judged, found[k], width) for k in range(workers))
            numbers = scattered(owned, judged, expected.rows, owned.starts(judged, expected.rows), data, width)
            completed = {k: completed_of(owned, k, closings, found[k], width) for k in range(workers)}
            fill_completed(owned, closings, numbers, width, completed)
            before = [*numbers.live, *numbers.completed]
            assert len(before) == len(expected.live) + len(expected.completed)
            own = found[workers]
            together = [a or b for a, b in zip(before, [*own.live, *own.completed], strict=True)]
            assert repr(together) == repr([*expected.live, *expected.completed])
            compared += len(together)
    assert compared > 500


def test_pipeline_completes_what_the_workers_left() -> None:
    config = Config.make(calendar="crypto", timeframes="1m", indicators="ema:3")
    owners = Owners(0, 1, 2)
    whole, own = Kernel(config), Kernel(config)
    own.calculators[0].share(lambda number: owners.of(number) == 1)
    for block in blocks(drawn(3, 9, 500), size=50):
        judged = whole.gate.judge(block)
        columns = whole.aggregators[0].aggregate(judged)
        expected = whole.calculators[0].compute(judged, columns)
        numbers = scattered(
            owners, judged, True, owners.starts(judged, True), live_of(owners, 0, judged, expected, 1), 1
        )
        fill_completed(
            owners, columns.closings, numbers, 1, {0: completed_of(owners, 0, columns.closings, expected, 1)}
        )
        own.calculators[0].complete(judged, columns, numbers)
        assert repr([*numbers.live, *numbers.completed]) == repr([*expected.live, *expected.completed])


@pytest.mark.parametrize(("first", "step", "count", "owned"), [(0, 6, 2, [0]), (5, 6, 3, [2]), (1, 6, 4, [1, 3])])
def test_owners_of_a_timeframe(first: int, step: int, count: int, owned: list[int]) -> None:
    """With six timeframes, two or three owners have whole ones; of four, two share each."""
    owners = Owners(first, step, count)
    assert owners.all() == owned
    assert owners.is_one == (len(owned) == 1)
    assert {owners.of(number) for number in range(1_000)} == set(owned)


def test_copy_has_all_places() -> None:
    judged = Kernel(Config.make(timeframes="1m")).gate.judge(blocks(drawn(1, 3, 10))[0])
    assert places_in(judged, True) == 10
    assert places_in(judged, False) == len({tick.symbol for tick in drawn(1, 3, 10)})
    assert list(copied(memoryview(bytes(8 * 10)).cast("d"), True).live) == [0.0] * 10


def test_values_that_are_missing_are_not_taken_for_zeros() -> None:
    kernel = Kernel(Config.make(calendar="crypto", timeframes="1m", indicators="ema:3"))
    owners = Owners(0, 1, 2)
    judged = kernel.gate.judge(blocks(drawn(3, 9, 500))[0])
    columns = kernel.aggregators[0].aggregate(judged)
    numbers = kernel.calculators[0].compute(judged, columns)
    live = live_of(owners, 0, judged, numbers, 1)
    completed = completed_of(owners, 0, columns.closings, numbers, 1)
    assert completed
    with pytest.raises(AssertionError, match="a value for each place"):
        scattered(owners, judged, True, owners.starts(judged, True), live[8:], 1)
    with pytest.raises(IndexError):
        fill_completed(owners, columns.closings, numbers, 1, {0: completed[8:]})
    with pytest.raises(AssertionError, match="each closing has its values"):
        fill_completed(owners, columns.closings, numbers, 1, {0: completed + bytes(8)})
