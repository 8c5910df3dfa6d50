"""One stream, one digest: whatever loop, block size, hash seed or build, which a literal compares across builds.

Where a change of a formula, of the verdicts or of the canonical bytes is meant, the literal changes with it, and every
log that was written before answers `mtf verify` with another digest: say so in the changelog.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.config import Config
from mtf.events.tick import Tick
from mtf.indicators.catalogue import CORE
from mtf.kernel import Kernel
from tests.actors.loops import LOOPS, on_loop
from tests.builders import Clock, Event, at, blocks
from tests.engine.consumers import Played

EVENTS = 1_500
EXPECTED = "92987f277ca6915bdd259b74dbd5aa70"

# That of the same stream with bars of activity alone, and of time beside them.
ACTIVITY = ("5m", "1d", "7t", "21t", "0.05v", "1e3d", "0.0005r")
EXPECTED_OF_ACTIVITY = "ff402e53c17cb83dbc9c5544a6b2e598"

# The digest of version 0.1 for `plain_stream`, which holds nothing for which its results differ.
EXPECTED_OF_0_1 = "7b62e93e2a2120b5ef5a274dbd188c16"


def plain_stream() -> list[Event]:
    """Return a market without what is judged otherwise now: ids that come again, bad sides, sums that are not exact.

    Four symbols, quotes and trades, one-sided, crossed and locked ones, every reason but `duplicate`, clock events.
    """
    made: list[Event] = []
    for k, event in enumerate(stream()):
        if isinstance(event, Clock):
            made.append(event)
        elif event.is_trade:
            made.append(Tick(event.symbol, event.ts_ns, price=event.price, size=event.size, id=f"id-{k}"))
        elif event.bid is None or event.bid > 0.0:
            bid, ask = event.bid, event.ask
            if k % 29 == 0:
                bid, ask = ask, bid
            if k % 31 == 0:
                ask = bid
            sizes = (k % 13 / 1024 if bid else 0.0, k % 7 / 1024 if ask else 0.0)
            made.append(Tick(event.symbol, event.ts_ns, bid, ask, *sizes))
        else:
            made.append(Tick(event.symbol, event.ts_ns, event.bid, -1.0))
    return made


def stream() -> list[Event]:
    """Return a market made by arithmetic: four symbols, quotes and trades, rejects of every kind, clock events.

    Ids are used again, ticks come again, sides are bad, and volumes are sums that are not exact.
    """
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
            made.append(Tick(symbol, stamp_ns, 0.0, 1.0 if draw % 2 else -1.0))  # one bad side, or two
        elif draw % 17 == 0:
            made.append(Tick(symbol, stamp_ns, price / 1e5, None, draw % 13 / 1024))
        else:
            made.append(Tick(symbol, stamp_ns, price / 1e5, (price + 3) / 1e5, draw % 13 / 1024, draw % 7 / 3, id=id))
        if draw % 61 == 0 and id is not None:
            made.append(made[-1])  # sent again
    return made


def config(**settings: Any) -> Config:
    return Config.make(calendar={"BTCUSD": "crypto", "*": "fx"}, indicators=list(CORE), history=50, **settings)


async def digest_through_actors(size: int, *, push: bool = False, workers: int = 0, **settings: Any) -> str:
    async with mtf.Pipeline(config=config(**settings), clock="ticks", block_events=size, workers=workers) as p:
        if push:
            for event in stream():
                await (p.clock(event.ts_ns) if isinstance(event, Clock) else p.push(event))
        else:
            await p.run(Played(stream()), order="log")  # late events are among them
        await p.drain()
        return p.digest


def test_stream_has_everything_in_it() -> None:
    """A digest of nothing would agree with itself too."""
    engine = Kernel(config())
    for block in blocks(stream()):
        engine.step(block)
    counts = engine.gate.counts()
    assert [instrument.name for instrument in engine.gate.instruments] == ["BTCUSD", "EURUSD", "ES", "USDJPY"]
    assert {reason for each in counts for reason in each.rejected} == {"duplicate", "price", "closed", "late"}
    assert engine.gate.clocks > 10
    assert engine.gate.late_clocks == 0
    assert [aggregator.completed > 3 for aggregator in engine.aggregators] == [True] * 6
    assert sum(each.bad_sides for each in counts) > 5
    assert sum(each.id_reused for each in counts) > 5
    assert engine.digest.value() == EXPECTED


def test_bars_of_activity_have_one_digest_whatever_runs_them() -> None:
    """In blocks, event by event, by an engine, with workers; and the literal compares the builds."""
    settings: dict[str, Any] = {"timeframes": ACTIVITY, "late": "accept"}
    engine = Kernel(config(**settings))
    for block in blocks(stream()):
        engine.step(block)
    assert [aggregator.completed > 3 for aggregator in engine.aggregators] == [True] * 7
    simple = mtf.Engine(config(**settings))
    for event in stream():
        if isinstance(event, Clock):
            simple.clock(event.ts_ns)
        elif event.is_trade:
            simple.tick(event.symbol, event.ts_ns, price=event.price, size=event.size, id=event.id)
        else:
            sizes = (event.bid_size, event.ask_size)
            simple.tick(event.symbol, event.ts_ns, event.bid, event.ask, *sizes, id=event.id)
    found = {
        engine.digest.value(),
        simple.digest,
        asyncio.run(digest_through_actors(1, push=True, **settings)),
        asyncio.run(digest_through_actors(64, **settings)),
        asyncio.run(digest_through_actors(256, workers=2, **settings)),
    }
    assert found == {EXPECTED_OF_ACTIVITY}


def test_what_no_rule_touches_has_the_digest_of_version_0_1() -> None:
    """Bytes, verdicts and bars of ticks are what they were, but where a rule has changed on purpose."""
    engine = Kernel(config())
    for block in blocks(plain_stream()):
        engine.step(block)
    counts = engine.gate.counts()
    assert {reason for each in counts for reason in each.rejected} == {"price", "closed", "late"}
    assert sum(each.crossed for each in counts) > 5
    assert sum(each.locked for each in counts) > 5
    assert {(each.bad_sides, each.id_reused) for each in counts} == {(0, 0)}
    assert engine.digest.value() == EXPECTED_OF_0_1


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
