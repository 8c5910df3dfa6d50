"""What is asked about all symbols takes as long as there are symbols, and not as their square."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

import mtf
from mtf.storage.restore import logged_blocks, replay_engine
from mtf.web.market import Market, newest_after
from mtf.web.past import Past
from mtf.web.symbol_states import SymbolStates
from tests.builders import SECOND_NS, at
from tests.web.asking import recorded


@pytest.mark.parametrize("seed", range(5))
async def test_the_newest_stamp_is_that_of_every_symbol(tmp_path: Path, seed: int) -> None:
    """After each block, whatever is in it: late and impossible ticks, ticks that change no bar, clock events."""
    draw = random.Random(seed)
    async with mtf.Pipeline(data=tmp_path / "d", calendar="crypto", timeframes=["1m"], clock="ticks") as p:
        for k in range(300):
            ts_ns = at("10:00") + (k * 3 - draw.choice((0, 0, 0, 40))) * SECOND_NS
            symbol, kind = draw.choice("ABCD"), draw.randrange(10)
            if kind == 0:
                await p.clock(max(ts_ns, at("10:00")))
            elif kind == 1:
                await p.push(mtf.Tick(symbol, ts_ns, 0.0, 0.0))
            elif kind < 5:
                await p.push(mtf.Tick.trade(symbol, ts_ns, 1.0 + k))
            else:
                await p.push(mtf.Tick(symbol, ts_ns, 1.0 + k, 1.5 + k))
    engine, _ = replay_engine(tmp_path / "d")
    newest_ns = int(engine.gate.newest_ns)
    for block in logged_blocks(tmp_path / "d", 1, 300):
        judged = engine.gate.judge(block)
        engine.apply(judged)
        newest_ns = newest_after(engine, judged, newest_ns)
        assert newest_ns == engine.gate.newest_ns


async def test_ten_times_as_many_symbols_take_about_ten_times_as_long(tmp_path: Path) -> None:
    spent = []
    for count in (300, 3_000):
        path = tmp_path / str(count)
        ticks = [mtf.Tick.trade(f"S{k}", at("10:00") + k, 1.0) for k in range(count)]
        await recorded(path, ticks, timeframes=["1m"], indicators=None)
        market = Market(path)
        await market.start()
        past = Past(path)
        assert len(SymbolStates(market, past).columns()["symbols"]) == count
        rounds = []
        for _ in range(5):
            begun = time.process_time()
            SymbolStates(market, past).columns()
            rounds.append(time.process_time() - begun)
        spent.append(min(rounds))
    assert spent[1] < 30 * spent[0]
