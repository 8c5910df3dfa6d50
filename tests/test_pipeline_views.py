"""Views and snapshots of a pipeline: what they answer, when, and for how long."""

from __future__ import annotations

import asyncio
from array import array
from typing import Any

import pytest

import mtf
from mtf.errors import DeadView, UnknownIndicator, UnknownSymbol, UnknownTimeframe
from tests.builders import ticks
from tests.pipelines import TICKS, pipeline


async def test_dead_view_raises_whatever_it_is_asked() -> None:
    """A view looks at memory that goes on: after its callback it must not answer, in a later callback either."""
    kept: list[mtf.View] = []
    others: list[Any] = []
    refused: list[int] = []

    def ask(view: mtf.View) -> None:
        for question in (
            lambda: view["1m"],
            lambda: view.of("EURUSD"),
            lambda: view.seq,
            lambda: view.time_ns,
            lambda: view.symbol,
            lambda: view.symbols,
            lambda: view.closing,
            lambda: view.recovering,
            lambda: view.live,
            lambda: view.live_index("1m", "sma_3"),
            view.snapshot,
        ):
            with pytest.raises(DeadView):
                question()
            refused.append(1)
        for other in others[: len(kept)]:
            for question in (
                lambda other=other: other["1m"],
                lambda other=other: other.symbol,
                lambda other=other: other.time_ns,
                other.snapshot,
            ):
                with pytest.raises(DeadView):
                    question()

    class Keep(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            for old in kept:
                ask(old)
            kept.append(view)
            others.append(view.of("EURUSD"))
            assert others[-1].snapshot().seq == view.seq

        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            self.on_tick(TICKS[0], view)

    async with pipeline(timeframes=["1m"]) as p:
        p.add(Keep())
        await p.run(TICKS)
        for view in kept:
            ask(view)
    assert len(kept) == 4
    assert len(refused) == 11 * (1 + 2 + 3 + 4)


async def test_kept_snapshot_never_changes() -> None:
    kept: list[mtf.Snapshot] = []

    class Keep(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            kept.append(view.snapshot())

    async with pipeline(timeframes=["1m"], block_events=2, history=1) as p:
        p.add(Keep())
        await p.run(ticks("10:00@1 10:01@2 10:02@3 10:03@4 10:04@5 10:05@6"))
    assert [[bar.close for bar in snapshot["1m"].bars] for snapshot in kept] == [[], [1], [2], [3], [4], [5]]
    assert [snapshot["1m"].partial.close for snapshot in kept if snapshot["1m"].partial] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_pipeline_snapshot_inside_a_callback_answers_the_row_that_is_shown(kind: str) -> None:
    """Producers may be a block ahead: a consumer that asks the pipeline must not see the future through it."""
    answers: list[tuple[int, float, int]] = []

    def look(view: mtf.View) -> None:
        snapshot = p.snapshot("EURUSD")
        partial = snapshot["1h"].partial
        assert partial is not None
        answers.append((snapshot.seq, partial.close, len(snapshot["1m"].bars)))
        assert view.snapshot().seq == snapshot.seq
        if view.seq < 3:
            with pytest.raises(UnknownSymbol, match="USDJPY"):
                p.snapshot("USDJPY")

    class Plain(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            look(view)

        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            look(view)

    class Async(mtf.Consumer):
        async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            await asyncio.sleep(0)
            look(view)

        async def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            look(view)
            await asyncio.sleep(0)
            look(view)
            answers.pop()

    async with pipeline(timeframes=["1m", "1h"]) as p:
        p.add(Plain() if kind == "plain" else Async())
        await p.run(ticks("10:00@1 10:00:01@2 USDJPY:10:00:01@150 10:01@3 10:02@4"), order="log")
        snapshot = p.snapshot("EURUSD")
        assert (snapshot.seq, len(snapshot["1m"].bars)) == (5, 2)
    assert answers == [(1, 1.0, 0), (2, 2.0, 0), (3, 2.0, 0), (4, 2.0, 1), (4, 3.0, 1), (5, 3.0, 2), (5, 4.0, 2)]


async def test_unknown_names_are_told_with_the_known_ones() -> None:
    async with pipeline(timeframes=["1m", "1h"]) as p:
        with pytest.raises(UnknownSymbol, match="none"):
            p.snapshot("EURUSD")
        await p.push(TICKS[0])
        with pytest.raises(UnknownSymbol, match="known symbols: EURUSD"):
            p.snapshot("GBPUSD")
        with pytest.raises(UnknownTimeframe, match="1m, 1h"):
            p.snapshot("EURUSD")["5m"]
        assert p.snapshot("EURUSD")[mtf.Timeframe("60m")].partial == p.snapshot("EURUSD")["1h"].partial


async def test_bar_that_is_forming_when_the_source_ends_is_marked_last_and_not_closed() -> None:
    """The end of a source closes nothing; the mark goes when more comes."""
    async with pipeline(timeframes=["1m"]) as p:
        summary = await p.run(TICKS)
        assert summary.bars == {"1m": 1}
        partial = p.snapshot("EURUSD")["1m"].partial
        assert partial is not None
        assert partial.last
        await p.push(ticks("10:01:06@1")[0])
        partial = p.snapshot("EURUSD")["1m"].partial
        assert partial is not None
        assert (partial.last, partial.ticks) == (False, 2)


class Lives(mtf.Consumer):
    """Compares the buffer of live values with each of them, at every step."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}
        self.kept: list[memoryview[float]] = []

    def compare(self, kind: str, view: mtf.View) -> None:
        for symbol in view.symbols:
            other = view.of(symbol)
            expected = [value for timeframe in ("1m", "5m", "1h") for value in other[timeframe].live.values()]
            assert array("d", other.live).tobytes() == array("d", expected).tobytes()
        if view.symbol:
            assert array("d", view.live).tobytes() == array("d", view.of(view.symbol).live).tobytes()
            at = view.live_index("5m", "ema_2")
            assert at == 5 + 4
            assert (
                array("d", [view.live[at]]) == array("d", [view["5m"].live["ema_2"]]) or view.live[at] != view.live[at]
            )
            self.kept.append(view.live)
        else:
            with pytest.raises(UnknownSymbol, match="a clock event has no symbol"):
                _ = view.live
        self.steps[kind] = self.steps.get(kind, 0) + 1

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.compare("tick", view)

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.compare("bar", view)

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.compare("reject", view)

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.compare("clock", view)


@pytest.mark.parametrize("policy", ["wait", "latest"])
@pytest.mark.parametrize("live", ["each", "off"])
@pytest.mark.parametrize("block_events", [1, 1024])
async def test_buffer_of_live_values_holds_each_of_them_at_every_step(
    live: str, policy: str, block_events: int
) -> None:
    """At closings, rejected rows and clock events too, and for symbols that the block has not, or not yet."""
    consumer = Lives()
    stream = ticks(" ".join(f"{'AB'[k % 2]}:10:{k // 4:02}:{k % 4 * 15:02}@{1 + k % 5}" for k in range(100)))
    stream += ticks("A:10:20:00@3 C:10:26:00@4 A:10:27@2")  # the first one is late
    async with pipeline(
        timeframes="1m,5m,1h", indicators=["sma:3", "macd:2,4,2", "ema:2"], live=live, block_events=block_events
    ) as p:
        p.add(consumer, policy=policy)
        await p.push_many(stream)
        await p.clock(stream[-1].ts_ns + 3_600_000_000_000)
        await p.drain()
    if policy == "wait":
        assert consumer.steps == {"tick": 102, "reject": 1, "bar": consumer.steps["bar"], "clock": 1}
        assert consumer.steps["bar"] > 50
    else:
        assert consumer.steps
    assert all(each.readonly for each in consumer.kept)


async def test_output_that_is_not_kept_has_no_place_among_live_values() -> None:
    errors: list[str] = []

    class Asks(mtf.Consumer):
        def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
            with pytest.raises(UnknownIndicator) as error:
                view.live_index("1m", "rsi_14")
            errors.append(str(error.value))

    async with pipeline(indicators=["sma:3"]) as p:
        p.add(Asks())
        await p.push(ticks("A:10:00@1")[0])
        await p.drain()
    assert errors == ["indicator output 'rsi_14' is not kept here; choose from sma_3"]
