"""Atomicity under fire: whoever asks, at whatever moment of a run, gets every timeframe at one and the same event."""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

import pytest

import mtf
from mtf.bars.bar import Bar
from mtf.config import Config
from mtf.errors import UnknownSymbol
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.frames.view import View
from tests.actors.loops import LOOPS, on_loop
from tests.builders import Clock, Event, at
from tests.engine.consumers import hand_in
from tests.engine.follower import assert_same, model_of

SYMBOLS: Final = ("EURUSD", "USDJPY", "BTCUSD")
CONFIG: Final = Config.make(calendar="fx", timeframes=("1m", "5m", "15m", "1h", "4h", "1d", "1w"), history=10)
EVENTS: Final = 1_200
BLOCK: Final = 16


def market() -> list[Event]:
    """Return a market of three symbols over a weekend, with rejects and clock events, made by arithmetic."""
    made: list[Event] = []
    seed = 7
    now_ns = at("2024-03-08 20:00")
    for k in range(EVENTS):
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        draw = seed >> 8
        now_ns += draw % 23 * 1_000_000_000
        if k == EVENTS // 2:
            now_ns = at("2024-03-10 21:00")
        if draw % 29 == 0:
            made.append(Clock(now_ns))
            continue
        bid = 1 + (draw % 1000) / 1024
        stamp_ns = now_ns - (120_000_000_000 if draw % 37 == 0 else 0)
        made.append(
            Tick(SYMBOLS[draw // 3 % 3], stamp_ns, bid, bid + draw % 4 / 1024, draw % 5 / 1024, draw % 7 / 1024)
        )
    return made


class Sampler:
    """Takes snapshots of every symbol and keeps them."""

    def __init__(self, p: mtf.Pipeline) -> None:
        self._p = p
        self.taken: list[Snapshot] = []
        self.rounds = 0

    def sample(self) -> None:
        self.rounds += 1
        seqs = set()
        for symbol in SYMBOLS:
            try:
                snapshot = self._p.snapshot(symbol)
            except UnknownSymbol:
                continue
            seqs.add(snapshot.seq)
            self.taken.append(snapshot)
        assert len(seqs) <= 1, "no await between them: one event for all symbols"

    async def run(self) -> None:
        while True:
            self.sample()
            await asyncio.sleep(0)


def check(taken: list[Snapshot], stream: list[Event]) -> int:
    """Recompute each of *taken* from the raw ticks up to its seq; return how many different seqs there were."""
    model = model_of(CONFIG)
    wanted: dict[int, list[Snapshot]] = {}
    for snapshot in taken:
        wanted.setdefault(snapshot.seq, []).append(snapshot)
    for seq, event in enumerate(stream, start=1):
        model.feed(event)
        for snapshot in wanted.get(seq, []):
            assert_same(snapshot, model.state(snapshot.symbol), CONFIG.timeframes, seq)
            assert snapshot.time_ns == snapshot["1m"].time_ns == snapshot["1w"].time_ns
    assert not [seq for seq in wanted if not 1 <= seq <= len(stream)]
    return len(wanted)


class Slow(mtf.Consumer):
    """Keeps the mailboxes full, so that blocks are in every actor at once."""

    async def on_tick(self, tick: Tick, view: View) -> None:
        await asyncio.sleep(0)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("way", ["push", "run"])
def test_every_snapshot_of_a_run_is_the_state_at_its_seq(loop: str, way: str) -> None:
    """Between any two turns of the loop, with blocks in transit in every actor, all timeframes are at one event."""
    stream = market()

    async def main() -> list[Snapshot]:
        async with mtf.Pipeline(config=CONFIG, clock="ticks", block_events=BLOCK) as p:
            p.add(Slow())
            sampler = Sampler(p)
            task = asyncio.create_task(sampler.run())
            if way == "run":
                await hand_in(p, stream[:-1])
                await hand_in(p, [])
                await put(p, stream[-1])
            else:
                for first in range(0, len(stream), BLOCK):
                    await asyncio.gather(*[put(p, event) for event in stream[first : first + BLOCK]])
            await p.drain()
            task.cancel()
            sampler.sample()
            return sampler.taken

    taken = [snapshot for snapshot in on_loop(loop, main) if not has_ended(snapshot)]
    assert check(taken, stream) > 30
    assert taken[-1].seq == len(stream)


def has_ended(snapshot: Snapshot) -> bool:
    """True after the end of a source, when partial bars are marked as the last ones."""
    return any(state.partial is not None and state.partial.last for state in snapshot)


async def put(p: mtf.Pipeline, event: Event) -> int:
    return await (p.clock(event.ts_ns) if isinstance(event, Clock) else p.push(event))


def test_snapshots_of_all_symbols_from_inside_callbacks_are_of_the_row_that_is_shown() -> None:
    """Asked through the pipeline while it is blocks ahead, a plain and an async consumer see their own row, at each."""
    stream = market()[:500]

    async def main() -> tuple[list[Snapshot], list[Snapshot]]:
        async with mtf.Pipeline(config=CONFIG, clock="ticks", block_events=BLOCK) as p:

            class Plain(mtf.Consumer):
                sampler = Sampler(p)

                def on_tick(self, tick: Tick, view: View) -> None:
                    self.sampler.sample()
                    assert self.sampler.taken[-1].seq == view.seq

            class Async(mtf.Consumer):
                sampler = Sampler(p)

                async def on_tick(self, tick: Tick, view: View) -> None:
                    await asyncio.sleep(0)
                    self.sampler.sample()
                    assert self.sampler.taken[-1].seq == view.seq

            p.add(Plain())
            p.add(Async())
            await hand_in(p, stream)
            return Plain.sampler.taken, Async.sampler.taken

    plain, later = on_loop("asyncio", main)
    assert len(plain) == len(later) > 1_000
    assert check(plain, stream) == check(later, stream)


def test_closing_instants_through_the_pipeline_are_atomic_too() -> None:
    """In the instant of an end all bars with it are completed, longer ones still form, and the tick is not visible."""
    stream = market()[:600]
    model = model_of(CONFIG)
    instants = [shown for event in stream for shown in model.feed(event) if shown.closing]
    seen: list[tuple[int, Bar, list[Snapshot]]] = []

    class Ask(mtf.Consumer):
        def on_bar(self, bar: Bar, view: View) -> None:
            seen.append((view.seq, bar, [p.snapshot(symbol) for symbol in view.symbols]))

    p = mtf.Pipeline(config=CONFIG, clock="ticks", block_events=BLOCK)

    async def main() -> None:
        async with p:
            p.add(Ask())
            await hand_in(p, stream)

    on_loop("asyncio", main)
    told = [(shown, bar) for shown in instants for bar in shown.bars]
    assert len(seen) == len(told) > 100
    for (seq, bar, snapshots), (shown, expected) in zip(seen, told, strict=True):
        assert (seq, bar) == (shown.seq, expected)
        for snapshot, state in itertools.zip_longest(snapshots, shown.states.values()):
            assert_same(snapshot, state, CONFIG.timeframes)
