"""The state of many symbols in two tables equals an object for each symbol, timeframe and indicator, to the bit."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest

from mtf.archive import Archive
from mtf.config import Config
from mtf.errors import CorruptCheckpoint
from mtf.events.block import Block
from mtf.events.tick import Tick
from mtf.indicators import (
    ALL,
    BarNow,
    Declaration,
    Indicator,
    IndicatorSet,
    PythonIndicator,
    Whole,
    create,
    create_set,
    register,
)
from mtf.kernel import Kernel
from mtf.storage.checkpointer import merged
from mtf.testing.bar_text import walk_of_bars
from tests.builders import Clock, at, blocks
from tests.indicators.bars import bits, own_specs

TIMEFRAMES: Final = ("1m", "5m", "1d")
SECOND_NS: Final = 1_000_000_000


class Drawdown(PythonIndicator):
    """How far the close is below its highest of n bars: an indicator as users write them."""

    declares = Declaration(
        name="drawdown", title="x", group="custom", formula="x", source="x", params=(Whole("period", 3),)
    )

    def step(self, state: list[float], bar: BarNow) -> float:
        state.append(bar.close)
        del state[: -int(self.params["period"])]
        return max(state) - bar.close


class Strides(Indicator):
    """The sum of all steps of the close, up and down: by the contract of indicators itself, in plain Python."""

    declares = Declaration(name="strides", title="x", group="custom", formula="x", source="x", of_close=True)

    def __init__(self) -> None:
        super().__init__(self.declares, (), (1,))
        self.close = math.nan
        self.total = 0.0

    def preview(self, open_: float, high: float, low: float, close: float, *rest: Any) -> None:
        *_, out, place = rest
        out[place] = self.total if self.close != self.close else self.total + abs(close - self.close)

    def push(self, open_: float, high: float, low: float, close: float, *rest: Any) -> None:
        if self.close == self.close:
            self.total += abs(close - self.close)
        self.close = close

    def archive(self, archive: Archive) -> None:
        self.close = archive.float64(self.close)
        self.total = archive.float64(self.total)


OWN: Final = ("drawdown:4", "strides", "sma:2@strides", "strides@rsi:3", "ema:3@drawdown:2")
BUILT_IN: Final = tuple(spec for name in ALL for spec in own_specs(name))


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[register.__module__], "_REGISTERED", {})
    register(Drawdown)
    register(Strides)


def market(rng: random.Random, symbols: int, events: int) -> Iterator[Tick | Clock]:
    """Draw ticks of many symbols over some days: prices on a grid, wild or flat, some with volume, and quiet times."""
    now_ns = at("09:00", day="2024-03-06")
    manners = [rng.choice(("grid", "wild", "flat")) for _ in range(symbols)]
    prices = [rng.choice((1.1, 100.0, 40_000.0)) for _ in range(symbols)]
    for _ in range(events):
        now_ns += rng.choice((0, 1, 5, 20)) * SECOND_NS
        if rng.random() < 0.003:
            now_ns += rng.choice((600, 40_000, 100_000)) * SECOND_NS
        if rng.random() < 0.02:
            yield Clock(now_ns)
            continue
        number = rng.randrange(symbols)
        step = {"grid": rng.choice((-0.01, 0.0, 0.01)), "wild": rng.gauss(0.0, 0.03), "flat": 0.0}[manners[number]]
        prices[number] *= 1.0 + step
        size = float(rng.choice((0, 0, 1, 7)))
        yield Tick(f"S{number:03}", now_ns, prices[number], prices[number], size, size)


class Beside:
    """An object for each symbol, timeframe and indicator, fed with the bars that closed."""

    def __init__(self, specs: list[str]) -> None:
        self.specs = specs
        self.items: dict[tuple[str, str], list[Indicator]] = {}
        self.compared = 0

    def of(self, symbol: str, timeframe: str) -> list[Indicator]:
        key = (symbol, timeframe)
        if key not in self.items:
            self.items[key] = [create(spec) for spec in self.specs]
        return self.items[key]

    def compare(self, kernel: Kernel) -> None:
        """Take in what closed since the last time, and compare live and completed values."""
        for symbol in kernel.symbols():
            for state in kernel.snapshot(kernel.number_of(symbol)):
                items = self.of(symbol, state.timeframe.name)
                new = state.bars_seen - items[0].count
                for bar in list(state.bars)[len(state.bars) - new :]:
                    for item in items:
                        item.update(bar)
                assert bits(tuple(state.completed.values())) == bits(tuple(v for item in items for v in item.values()))
                if state.partial is not None:
                    live = bits(tuple(v for item in items for v in item.peek(state.partial)))
                    assert bits(tuple(state.live.values())) == live
                    self.compared += 1

    def saved(self, kernel: Kernel, timeframe: str) -> bytes:
        """Return what the state of *kernel* has to be for *timeframe*."""
        archive = Archive()
        sets = [IndicatorSet(self.of(instrument.name, timeframe)) for instrument in kernel.gate.instruments]
        archive.text(sets[0]._parts.names())
        archive.count(len(sets), 8)
        for each in sets:
            state = Archive()
            each._parts.archive(state, each._hot, 0, each._cold, 0)
            archive.blob(state.finish())
        return archive.finish()


def drawn(seed: int, symbols: int, events: int) -> tuple[list[str], Config, list[Block]]:
    rng = random.Random(seed)
    specs = [create(spec).spec for spec in rng.sample(BUILT_IN, 14)]
    if seed % 3:
        specs += [create(spec).spec for spec in rng.sample(OWN, seed % 3 + 1)]
    specs = [spec for spec in dict.fromkeys(specs) if not spec.startswith("vwap")]  # makes no sense on days
    rng.shuffle(specs)
    config = Config.make(timeframes=TIMEFRAMES, calendar="crypto", indicators=specs, history=50)
    stream = list(market(rng, symbols, events))
    return specs, config, blocks(stream, size=rng.choice((20, 100)), config=config)


@pytest.mark.parametrize(("seed", "symbols"), [(0, 1), (1, 3), (2, 20), (3, 150), (4, 150), (5, 70)])
def test_the_tables_equal_an_object_for_each_symbol(seed: int, symbols: int) -> None:
    """Symbols meet in any order, in blocks of few and of many, with users' own among them, over a restart."""
    specs, config, stream = drawn(seed, symbols, 1_500)
    kernel, beside = Kernel(config), Beside(specs)
    for k, block in enumerate(stream):
        kernel.step(block)
        if symbols < 10 or k % 5 == 0 or k == len(stream) // 2:
            beside.compare(kernel)
        if k == len(stream) // 2:
            parts = kernel.save()
            for timeframe in TIMEFRAMES:
                assert parts[f"indicators:{timeframe}"] == beside.saved(kernel, timeframe)
            kernel = Kernel(config)
            kernel.load(parts)
    assert beside.compared > symbols
    assert max(items[0].count for items in beside.items.values()) > 4


def test_rows_of_symbols_of_another_worker_are_not_kept() -> None:
    """Each of several calculators has its own symbols; what they save together is what one alone would save."""
    _, config, stream = drawn(2, 40, 1_500)
    whole = Kernel(config)
    shards = [Kernel(config, owns=lambda rank, number, k=k: number % 3 == k) for k in range(3)]  # type: ignore[misc]
    for block in stream:
        whole.step(block)
        for shard in shards:
            judged = shard.gate.judge(block)
            for calculator, aggregator in zip(shard.calculators, shard.aggregators, strict=True):
                calculator.compute(judged, aggregator.aggregate(judged))
    for rank, timeframe in enumerate(TIMEFRAMES):
        name = f"indicators:{timeframe}"
        saved = [shard.save()[name] for shard in shards]
        assert merged(saved) == whole.save()[name]
        assert all(len(each) < len(whole.save()[name]) // 2 for each in saved)
        counts = whole.calculators[rank].counts()
        for k, shard in enumerate(shards):
            owned = [count if number % 3 == k else 0 for number, count in enumerate(counts)]
            assert shard.calculators[rank].counts() == owned


def test_the_state_of_other_indicators_is_refused() -> None:
    """The names of what is saved are in it, with their versions."""
    _, config, stream = drawn(1, 70, 600)
    kernel = Kernel(config)
    for block in stream:
        kernel.step(block)
    parts = kernel.save()
    other = bytearray(parts["indicators:1m"])
    other[8 + other[8:].index(b":") + 1] ^= 1  # a parameter
    with pytest.raises(CorruptCheckpoint, match="is not of these"):
        Kernel(config).load({**parts, "indicators:1m": bytes(other)})


def test_a_set_goes_on_from_the_indicators_it_is_given() -> None:
    """Built-in, fed by another, or a user's own: the set takes them over as they are."""
    specs = ["sma:3", "ema:2@rsi:3", "drawdown:2", "strides"]
    stream = walk_of_bars(40)
    alone = create_set(specs)
    warm = [create(spec) for spec in specs]
    for bar in stream[:20]:
        alone.update(bar)
        for item in warm:
            item.update(bar)
    items = IndicatorSet(warm)
    assert items.count == 20
    for bar in stream[20:]:
        alone.update(bar)
        items.update(bar)
    assert items.save() == alone.save()
