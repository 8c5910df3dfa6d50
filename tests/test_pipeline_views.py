"""Views and snapshots of a pipeline: what they answer, when, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import mtf
from mtf.errors import DeadView, UnknownSymbol, UnknownTimeframe
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
    assert len(refused) == 9 * (1 + 2 + 3 + 4)


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
