"""Data directories that mtf 0.1 wrote: they open, replay, verify and go on, and say what differs.

The events in those of ticks hold nothing that 0.1 judged otherwise, so that its digest is ours. What it kept of
results, checkpoints and history, is not used all the same: nobody can tell a log in which nothing differs from another.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import mtf
from mtf.storage.datadir import history_of, logged_config
from mtf.storage.restore import engine_at
from tests.builders import Clock, Event
from tests.cli.builders import json_of
from tests.cli.builders import mtf as run_mtf
from tests.storage.builders import feed

V01: Final = Path(__file__).parents[1] / "data" / "v01"
LOGGED: Final = 180  # events in each log of ticks
WHOLE: Final = ("history", "without-history", "workers")  # logs of ticks that are there from their beginning on
OF_TICKS: Final = (*WHOLE, "retained")


def event_of(fields: dict[str, Any]) -> Event:
    return Clock(fields["clock"]) if "clock" in fields else mtf.Tick(**fields)


EVENTS: Final = [event_of(fields) for fields in orjson.loads((V01 / "events.json").read_bytes())]


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((V01 / name / "expected.json").read_bytes())
    return found


@pytest.fixture
def data(tmp_path: Path, name: str) -> Path:
    """Opening takes a lock, and writes: work on a copy."""
    shutil.copytree(V01 / name, tmp_path / name)
    return tmp_path / name / "data"


def pipeline_on(data: Path, **settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(data=data, config=logged_config(data), clock="ticks", checkpoint_seconds=None, **settings)


def bar_of(bar: mtf.Bar) -> list[Any]:
    """Return *bar* as `expected.json` has it."""
    gap = bar.gap
    return [
        *(bar.symbol, bar.timeframe.name, bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close),
        *(bar.volume, bar.ticks, str(bar.trading_day), bar.first, bar.incomplete, bar.day_incomplete, bar.off_session),
        None if gap is None else [gap.closed_ns, gap.holiday_ns, gap.break_ns, gap.silence_ns],
    ]


def forming_of(pipeline: mtf.Pipeline) -> list[list[Any]]:
    snapshots = [pipeline.snapshot(symbol) for symbol in pipeline.symbols]
    return [bar_of(state.partial) for snapshot in snapshots for state in snapshot if state.partial is not None]


def stored(data: Path) -> list[tuple[Any, ...]]:
    """Return what the history has of each bar: whose, of when, its prices, volume and ticks."""
    store = history_of(data)
    return [row[:10] for key in sorted(store.counts()) for page in store.pages(*key) for row in page]


class Told(mtf.Consumer):
    """Keeps the bars that are reported to it."""

    name = "told"

    def __init__(self) -> None:
        self.bars: list[list[Any]] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        assert view.recovering
        self.bars.append(bar_of(bar))


@pytest.mark.parametrize("name", WHOLE)
async def test_log_of_ticks_gives_the_digest_and_the_bars_of_then(data: Path, name: str) -> None:
    """Whatever else has changed: bytes, verdicts, bars and indicators of such ticks have not."""
    then = expected(name)
    told = Told()
    async with pipeline_on(data, workers=2 if name == "workers" else 0) as pipeline:
        pipeline.add(told)
        await pipeline.drain()
        assert (pipeline.seq, pipeline.digest) == (then["seq"], then["digest"])
        assert told.bars == then["bars"]
        assert forming_of(pipeline) == then["forming"]
        summary = pipeline.summary()
        assert (summary.ticks, summary.rejected) == (then["ticks"], then["rejected"])
        assert (summary.bad_sides, summary.id_reused) == (0, 0)


@pytest.mark.parametrize("name", OF_TICKS)
async def test_nothing_is_started_from_a_checkpoint_of_then(data: Path, name: str) -> None:
    """Its results differ, or may: the log is played in its place, also once the history has been rebuilt."""
    for _ in range(2):
        async with pipeline_on(data) as pipeline:
            await pipeline.drain()
            names = [Path(each.path).name for each in pipeline.skipped_checkpoints]
            assert names == [f"checkpoint-{seq:019d}.mtf" for seq in (180, 120, 60)]
            assert pipeline.seq == LOGGED
    async with pipeline_on(data) as pipeline:
        assert {each.reason for each in pipeline.skipped_checkpoints} == {
            "made by an earlier mtf, whose results differ: the log is replayed instead"
        }


@pytest.mark.parametrize("name", ["history", "workers", "bars"])
async def test_history_of_then_is_set_aside_and_made_again_with_one_line_that_says_so(data: Path, name: str) -> None:
    before = (data / "history.sqlite").read_bytes()
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        said = [note for note in pipeline.notes if "history" in note]
    assert len(said) == 1
    assert "made by an earlier mtf" in said[0]
    assert (data / "history-before-1.sqlite").read_bytes() == before
    if name != "bars":
        assert stored(data) == sorted(tuple(bar[:10]) for bar in expected(name)["bars"])
    assert history_of(data).position() == expected(name)["seq"]


@pytest.mark.parametrize("name", ["without-history"])
async def test_history_that_is_not_there_is_made_without_a_word(data: Path, name: str) -> None:
    async with pipeline_on(data) as pipeline:
        await pipeline.drain()
        assert [note for note in pipeline.notes if "history" in note] == []
    assert stored(data) == sorted(tuple(bar[:10]) for bar in expected(name)["bars"])


@pytest.mark.parametrize("name", WHOLE)
async def test_directory_of_then_goes_on_as_one_of_today(data: Path, tmp_path: Path, name: str) -> None:
    """Over a restart, and to the digest, the bars and the history of a run that was never interrupted."""
    middle = LOGGED + 25
    async with pipeline_on(data) as pipeline:
        await feed(pipeline, EVENTS[LOGGED:middle])
        assert await pipeline.checkpoint() == middle
    async with pipeline_on(data) as pipeline:
        assert pipeline.skipped_checkpoints == []
        await feed(pipeline, EVENTS[middle:])
        await pipeline.drain()
        digest, bars = pipeline.digest, pipeline.summary().bars
        found = forming_of(pipeline)
    async with mtf.Pipeline(
        data=tmp_path / "whole", config=logged_config(data), clock="ticks", checkpoint_seconds=None
    ) as whole:
        await feed(whole, EVENTS)
        await whole.drain()
        assert (digest, bars, found) == (whole.digest, whole.summary().bars, forming_of(whole))
    assert stored(data) == stored(tmp_path / "whole")


@pytest.mark.parametrize("name", WHOLE)
def test_log_of_then_is_replayed_by_the_command_to_its_digest(data: Path, name: str) -> None:
    summary = json_of("replay", data, "--json")
    assert (summary["seq"], summary["digest"]) == (expected(name)["seq"], expected(name)["digest"])


@pytest.mark.parametrize("name", [*OF_TICKS, "bars"])
async def test_directory_of_then_is_clean_before_and_after_it_went_on(data: Path, name: str) -> None:
    """`mtf verify`: files of another mtf are not damage, and a note names them."""
    for options in ((), ("--replay",)):
        before = run_mtf("verify", data, *options)
        assert before.exit_code == 0, before.output
        assert ("history was made by an earlier mtf" in before.output) == (name != "without-history")
    async with pipeline_on(data) as pipeline:
        if name != "bars":
            await feed(pipeline, EVENTS[LOGGED:])
    for options in ((), ("--replay",)):
        after = run_mtf("verify", data, *options)
        assert after.exit_code == 0, after.output
        assert "earlier mtf" not in after.output


@pytest.mark.parametrize("name", ["retained"])
async def test_retained_log_of_then_starts_from_what_is_there_and_says_what_differs(data: Path, name: str) -> None:
    """Its first 54 events are gone, and no checkpoint that has them can be used."""
    told = Told()
    async with pipeline_on(data) as pipeline:
        pipeline.add(told)
        await pipeline.drain()
        assert pipeline.seq == LOGGED
        assert any("55" in note and "begin" in note for note in pipeline.notes), pipeline.notes
        digest = pipeline.digest
    then = expected(name)
    assert digest != then["digest"]
    assert [bar for bar in told.bars if bar not in then["bars"]] != []
    # Whatever began after that is as it was.
    late = [bar for bar in then["bars"] if bar[2] >= told.bars[0][3] and bar[1] == "1m"]
    assert len(late) > 20
    assert [bar[:10] for bar in told.bars if bar[1] == "1m"][-len(late) :] == [bar[:10] for bar in late]
    assert engine_at(data).digest.value() == digest
    async with pipeline_on(data) as pipeline:
        await feed(pipeline, EVENTS[LOGGED:])
        await pipeline.drain()
        assert pipeline.seq == len(EVENTS)
        digest = pipeline.digest
    assert engine_at(data).digest.value() == digest


@pytest.mark.parametrize("name", ["bars"])
async def test_bars_of_then_are_judged_one_event_at_a_time_as_then(data: Path, name: str) -> None:
    """An event of version 1 says of no bar how long it is: its stamp, within the bar, and its verdict are its own."""
    then = expected(name)
    told = Told()
    async with pipeline_on(data) as pipeline:
        pipeline.add(told)
        await pipeline.drain()
        assert (pipeline.seq, pipeline.digest) == (then["seq"], then["digest"])
        assert told.bars == then["bars"]
        assert forming_of(pipeline) == then["forming"]


@pytest.mark.parametrize("name", ["bars"])
async def test_source_of_bars_that_has_grown_goes_on_behind_what_was_read_then(data: Path, name: str) -> None:
    """The old bars stay what the log has of them; the new ones are four events at their end."""
    source = data.parent / "bars.csv"
    async with pipeline_on(data) as pipeline:
        summary = await pipeline.run(source)
        assert summary.new_events == 0
    with source.open("a") as file:
        file.write("2024-03-06 11:40,120,124,119,122,5\n2024-03-06 11:45,121,125,120,123,5\n")
    told = Told5()
    async with pipeline_on(data) as pipeline:
        pipeline.add(told)
        summary = await pipeline.run(source)
        assert summary.new_events == 8
        await pipeline.drain()
        partial = pipeline.snapshot(pipeline.symbols[0])["5m"].partial
        assert partial is not None
        assert (partial.open, partial.high, partial.low, partial.close, partial.volume) == (121, 125, 120, 123, 5)
        assert partial.from_bars
    newest = told.bars[-1]
    assert (newest.open, newest.high, newest.low, newest.close, newest.volume) == (120, 124, 119, 122, 5)
    assert [bar.from_bars for bar in told.bars] == [False] * (len(told.bars) - 1) + [True]


class Told5(mtf.Consumer):
    """Keeps the 5m bars."""

    name = "told5"

    def __init__(self) -> None:
        self.bars: list[mtf.Bar] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if bar.timeframe == "5m":
            self.bars.append(bar)
