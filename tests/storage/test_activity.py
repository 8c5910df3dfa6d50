"""Bars of activity on disk: several have one start, and each is stored, read, checked and restored in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.data.follow import follow_bars
from mtf.errors import ConfigError, ConfigMismatch, UnknownTimeframe
from mtf.storage.datadir import history_of
from mtf.storage.history import store, writer
from tests.builders import SECOND_NS, Clock, Event, at
from tests.data.recorded import Recorder, bars_of, record, recorded
from tests.storage.builders import feed, market

FRAMES = ("1m", "1d", "1t", "3t", "0.5v", "2v", "5e1d", "0.0005r")
SETTINGS: dict[str, Any] = {"timeframes": FRAMES, "indicators": "sma:2", "history": 7, "late": "accept"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    found = tmp_path_factory.mktemp("activity") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "ROWS_MAX", 40)
        patch.setattr(writer, "BEHIND_MAX", 0)
        return found, recorded(found, market(6, 700), **SETTINGS)


@pytest.fixture(autouse=True)
def in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have packs, and what is merged, be small, so that bars with one start lie in two of them."""
    monkeypatch.setattr("mtf.storage.history.rewriting.PACK_BARS", 16)
    monkeypatch.setattr("mtf.storage.history.rewriting.MIXED_BARS", 8)


@pytest.mark.parametrize("rows", [1, 2, 7, 10_000])
@pytest.mark.parametrize("timeframe", FRAMES)
def test_stored_bars_are_those_that_were_shown(
    made: tuple[Path, Recorder], monkeypatch: pytest.MonkeyPatch, rows: int, timeframe: str
) -> None:
    """All, in their order, each once, however they are read: also those of one event, in pages of their own."""
    path, recorder = made
    monkeypatch.setattr(store, "PAGE_ROWS", rows)
    monkeypatch.setattr(store, "PAGE_ROWS_MAX", max(rows, 3))
    whole = bars_of(recorder, "XAUUSD", timeframe)
    starts = [bar.start_ns for bar in whole]
    assert (len(set(starts)) < len(starts)) == (timeframe in ("1t", "0.5v", "5e1d"))
    with mtf.open(path) as reader:

        def read(**limits: Any) -> list[mtf.Bar]:
            return list(reader.bars("XAUUSD", timeframe, **limits))

        assert read() == whole
        for last in (1, 2, 9, 40, len(whole), len(whole) + 1):
            assert read(last=last) == whole[-last:]
        middle = starts[len(starts) // 2]
        assert read(end=middle) == [bar for bar in whole if bar.start_ns < middle]
        assert read(start=middle) == [bar for bar in whole if bar.start_ns >= middle]
        seq = recorder.seen[len(recorder.seen) // 2][0]
        assert read(as_of=seq) == bars_of(recorder, "XAUUSD", timeframe, last_seq=seq)


@pytest.mark.parametrize("timeframe", FRAMES)
def test_as_of_a_time_none_is_known_early(made: tuple[Path, Recorder], timeframe: str) -> None:
    """Also of those that share a start, of which one may close long after the other."""
    path, recorder = made
    with mtf.open(path) as reader:
        ticks = [each for each in reader.ticks("XAUUSD") if each.verdict in ("accepted", "late_accepted")]
        times = sorted({each.tick.ts_ns for each in ticks})
        for time_ns in times[len(times) // 4 :: max(1, len(times) // 25)]:
            later = min((each.seq for each in ticks if each.tick.ts_ns > time_ns), default=1 << 62)
            before = bars_of(recorder, "XAUUSD", timeframe, last_seq=later - 1)
            known = list(reader.bars("XAUUSD", timeframe, as_of=time_ns))
            assert known == before[: len(known)]
            assert known[-7:] == list(reader.state("XAUUSD", at=time_ns)[timeframe].bars)
            assert list(reader.bars("XAUUSD", timeframe, as_of=time_ns, last=3)) == known[-3:]


def test_a_bar_that_closes_later_than_one_with_its_start_is_not_known_with_it(tmp_path: Path) -> None:
    start = at("10:00")
    times = [0, 0, 0, 10 * SECOND_NS, 20 * SECOND_NS]

    async def made() -> None:
        settings: dict[str, Any] = {"timeframes": "2t", "calendar": "crypto", "clock": "ticks"}
        async with mtf.Pipeline(data=tmp_path / "run", **settings) as p:
            for k, time_ns in enumerate(times):
                await p.push(mtf.Tick.trade("X", start + time_ns, 1.0 + k, 1.0))

    asyncio.run(made())
    with mtf.open(tmp_path / "run") as reader:
        assert [bar.start_ns - start for bar in reader.bars("X", "2t")] == [0, 0]
        assert [bar.close for bar in reader.bars("X", "2t", as_of=start + SECOND_NS)] == [2.0]
        assert [bar.close for bar in reader.bars("X", "2t", as_of=start + 10 * SECOND_NS)] == [2.0, 4.0]


def test_a_store_of_them_is_sound(made: tuple[Path, Recorder]) -> None:
    assert history_of(made[0]).damage() == []


def test_none_is_made_of_another_where_late_ticks_were_let_in(made: tuple[Path, Recorder]) -> None:
    """One that opens a bar is its close, but not that of a longer one: a union would have another close."""
    with mtf.open(made[0]) as reader:
        assert len(list(reader.bars("XAUUSD", "1h", last=1))) == 1
        with pytest.raises(UnknownTimeframe, match=r"6t was not run .* that needs late=reject"):
            reader.bars("XAUUSD", "6t")


@pytest.mark.parametrize("overfill", ["split", "whole"])
@pytest.mark.parametrize("overnight", ["close", "carry"])
@pytest.mark.parametrize("checkpoint", [False, True])
async def test_a_restart_changes_no_bar_and_no_value(
    tmp_path: Path, overfill: str, overnight: str, checkpoint: bool
) -> None:
    """From a checkpoint within a bar, or from the start of the log: to the bit."""
    events = market(9, 400)
    settings = {**SETTINGS, "overfill": overfill, "overnight": overnight}

    async def ran(path: Path, parts: Sequence[Sequence[Event]]) -> tuple[list[tuple[int, mtf.Bar]], str, list[Any]]:
        shown: list[tuple[int, mtf.Bar]] = []
        digest, states = "", []
        for part in parts:
            recorder = Live()
            given: dict[str, Any] = {"checkpoint_seconds": None, "clock": "ticks", **settings}
            async with mtf.Pipeline(data=path, **given) as pipeline:
                pipeline.add(recorder)
                await feed(pipeline, part)
                await pipeline.drain()
                if checkpoint:
                    await pipeline.checkpoint()
                digest = pipeline.digest
                states = [orjson.dumps(pipeline.snapshot(name).to_dict(9)) for name in ("EURUSD", "XAUUSD")]
            shown += recorder.seen
        return shown, digest, states

    whole = await ran(tmp_path / "whole", [events])
    parted = await ran(tmp_path / "parted", [events[:150], events[150:151], events[151:290], events[290:]])
    assert parted == whole
    assert len(whole[0]) > 400


class Live(Recorder):
    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if not view.recovering:
            super().on_bar(bar, view)


async def test_other_rules_are_another_configuration(tmp_path: Path) -> None:
    await record(tmp_path / "run", market(9, 20), timeframes="1m,5v")
    with pytest.raises(ConfigMismatch, match='overfill: "split" in the log, "whole" requested'):
        await record(tmp_path / "run", [], timeframes="1m,5v", overfill="whole")
    with pytest.raises(ConfigError, match="overnight must be one of close, carry"):
        mtf.Config.make(overnight="open")


def test_a_configuration_without_them_has_the_bytes_that_it_had() -> None:
    """A setting is in a log only if it is not as it always was."""
    plain = mtf.Config.make(timeframes="1m,1h")
    assert b"overfill" not in plain.to_json()
    assert b"overnight" not in plain.to_json()
    whole = mtf.Config.make(timeframes="1m,5v", overfill="whole", overnight="carry")
    assert mtf.Config.from_json(whole.to_json()) == whole


async def test_following_shows_each_bar_once(tmp_path: Path) -> None:
    """Bars of one event are one after the other, as consumers are shown them."""
    events = [event for event in market(9, 120) if not isinstance(event, Clock)]
    recorder = await record(tmp_path / "run", events, **SETTINGS)
    wanted = [bar for _, bar in recorder.seen if bar.timeframe == "0.5v"]
    found: list[mtf.Bar] = []
    with mtf.open(tmp_path / "run") as reader:
        async with asyncio.timeout(60), aclosing(follow_bars(reader.storage, 0, None, {"0.5v"}, 0.01)) as bars:
            async for bar in bars:
                found.append(bar)
                if len(found) == len(wanted):
                    break
    assert found == wanted
