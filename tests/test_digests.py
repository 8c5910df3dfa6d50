"""One stream, one digest: whatever loop, block size, hash seed or build, which a literal compares across builds.

Where a change of a formula, of the verdicts or of the canonical bytes is meant, the literal changes with it, and every
log that was written before answers `mtf verify` with another digest: say so in the changelog.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mtf
from mtf.config import Config
from mtf.engine import Engine
from mtf.events.tick import Tick
from mtf.indicators.catalogue import TWENTY
from tests.actors.loops import LOOPS, on_loop
from tests.builders import Clock, Event, at, blocks
from tests.engine.consumers import Played

EVENTS = 1_500
EXPECTED = "603de3fb1282224712eb4de6bb9938d5"


def stream() -> list[Event]:
    """Return a market made by arithmetic: four symbols, quotes and trades, rejects of every kind, clock events."""
    made: list[Event] = []
    seed = 20_240_308
    now_ns = at("2024-03-08 20:30")  # an hour and a half before the week ends
    price = 110_000
    for k in range(EVENTS):
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        draw = seed >> 8
        now_ns += (draw % 41) * 1_000_000_000 + draw % 1_000
        if k == EVENTS // 2:
            now_ns = at("2024-03-10 20:59:50")  # Sunday, before the week begins, an hour earlier than before the change
        price += draw % 21 - 10
        symbol = ("EURUSD", "USDJPY", "BTCUSD", "ES")[draw // 7 % 4]
        stamp_ns = now_ns - (90_000_000_000 if draw % 31 == 0 else 0)
        id = f"id-{draw % 200}" if draw % 3 == 0 else None
        if draw % 53 == 0:
            made.append(Clock(now_ns))
        elif symbol == "ES":
            made.append(Tick(symbol, stamp_ns, price=price / 25.0, size=float(draw % 9), id=id))
        elif draw % 59 == 0:
            made.append(Tick(symbol, stamp_ns, 0.0, 1.0))
        elif draw % 17 == 0:
            made.append(Tick(symbol, stamp_ns, price / 1e5, None, draw % 13 / 1024))
        else:
            made.append(Tick(symbol, stamp_ns, price / 1e5, (price + 3) / 1e5, draw % 13 / 1024, draw % 7 / 3, id=id))
    return made


def config() -> Config:
    return Config.make(calendar={"BTCUSD": "crypto", "*": "fx"}, indicators=list(TWENTY), history=50)


async def digest_through_actors(size: int, *, push: bool = False) -> str:
    async with mtf.Pipeline(config=config(), clock="ticks", block_events=size) as p:
        if push:
            for event in stream():
                await (p.clock(event.ts_ns) if isinstance(event, Clock) else p.push(event))
        else:
            await p.run(Played(stream()))
        await p.drain()
        return p.digest


def test_stream_has_everything_in_it() -> None:
    """A digest of nothing would agree with itself too."""
    engine = Engine(config())
    for block in blocks(stream()):
        engine.step(block)
    counts = engine.gate.counts()
    assert [instrument.name for instrument in engine.gate.instruments] == ["BTCUSD", "EURUSD", "ES", "USDJPY"]
    assert {reason for each in counts for reason in each.rejected} == {"duplicate", "price", "closed", "late"}
    assert engine.gate.clocks > 10
    assert engine.gate.late_clocks == 0
    assert [aggregator.completed > 3 for aggregator in engine.aggregators] == [True] * 6
    assert engine.digest.value() == EXPECTED


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("size", [1, 7, 1024])
def test_loops_and_block_sizes_give_one_digest(loop: str, size: int) -> None:
    """State is a pure function of the log."""
    assert on_loop(loop, lambda: digest_through_actors(size)) == EXPECTED


def test_pushing_gives_the_digest_of_running() -> None:
    """Live and from a source, the same events are the same log."""
    assert on_loop("asyncio", lambda: digest_through_actors(1024, push=True)) == EXPECTED


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295"])
def test_hash_seeds_give_one_digest(hash_seed: str) -> None:
    """The order of a set of strings differs from one process to the next: nothing may hang on it."""
    program = "from tests.test_digests import *; import asyncio; print(asyncio.run(digest_through_actors(64)))"
    root = Path(__file__).resolve().parents[1]
    library = Path(mtf.__file__).resolve().parents[1]
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(library), str(root)])},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == EXPECTED, found.stderr
