"""The state of any moment is rebuilt exactly: what a reader would have seen after that event, or at that time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mtf.bars.verdicts import ACCEPTED
from mtf.config import Config
from mtf.errors import ConfigError, DataDirError, UnknownSymbol
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.restore import engine_at, state_at
from tests.alive import checkpointer_of
from tests.builders import SECOND_NS, Clock, Event, at, blocks, events
from tests.storage.builders import engine_bits, feed, market, row_bits, whole_bits

CONFIG = Config.make(indicators=["ema:3", "rsi:5"], timeframes=["1m", "5m", "1h"], history=10)
EVENTS = market(33, 90)


async def written(data: Path, stream: list[Event], checkpoints: list[int]) -> None:
    """Log *stream* with checkpoints at these seqs."""
    async with Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
        done = 0
        for seq in [*checkpoints, len(stream)]:
            await feed(pipeline, stream[done:seq])
            done = seq
            if seq in checkpoints:
                assert await pipeline.checkpoint() == seq
        checkpointer_of(pipeline).seq = len(stream)  # none at the end


def prefix(stream: list[Event], count: int) -> Kernel:
    engine = Kernel(CONFIG)
    for block in blocks(stream[:count], size=5):
        engine.step(block)
    return engine


@pytest.fixture(params=["no checkpoint", "checkpoints"])
async def data(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    await written(tmp_path / "data", EVENTS, [20, 50, 51] if request.param == "checkpoints" else [])
    return tmp_path / "data"


async def test_state_after_each_event_is_that_of_the_prefix(data: Path) -> None:
    """Everything that can be asked of a snapshot, with and without checkpoints on the way."""
    for seq in range(len(EVENTS) + 1):
        whole = prefix(EVENTS, seq)
        assert engine_bits(engine_at(data, seq=seq)) == engine_bits(whole)
    for symbol in ("EURUSD", "USDJPY", "XAUUSD"):
        snapshot = state_at(data, symbol, seq=60)
        assert snapshot is not None
        whole = prefix(EVENTS, 60)
        assert whole_bits(snapshot) == whole_bits(whole.snapshot(whole.number_of(symbol)))
    assert engine_bits(engine_at(data)) == engine_bits(prefix(EVENTS, len(EVENTS)))


def until(stream: list[Event], time_ns: int) -> tuple[list[Event], int]:
    """Return what is known of *stream* at *time_ns*, and the seq of the last of it.

    Of each symbol that is what comes before its first accepted event that is stamped later, be it rejected; of clock
    events those that are not stamped later.
    """
    engine = Kernel(CONFIG)
    kept: list[Event] = []
    over: set[str] = set()
    last = 0
    for block, event in zip(blocks(stream, size=1), stream, strict=True):
        verdicts = engine.gate.judge(block).verdicts
        is_later = event.ts_ns > time_ns
        if isinstance(event, Tick):
            if is_later and verdicts[0] == ACCEPTED:
                over.add(event.symbol)
            is_later = event.symbol in over
        if not is_later:
            kept.append(event)
            last = block.last_seq
    return kept, last


def shown(engine: Kernel) -> dict[str, tuple[object, ...]]:
    """Return what each symbol shows of one row, but for its seq."""
    snapshots = [engine.snapshot(engine.number_of(symbol)) for symbol in engine.symbols()]
    return {one.symbol: (row_bits(one)[2:], one.counts) for one in snapshots}


async def test_each_symbol_is_as_before_its_first_accepted_event_that_is_stamped_later(data: Path) -> None:
    """Asked at, just before and just after every stamp there is, and the late ones among them."""
    for time_ns in {event.ts_ns + step for event in EVENTS for step in (-1, 0, 1)}:
        kept, last = until(EVENTS, time_ns)
        whole = Kernel(CONFIG)
        for block in blocks(kept, size=5):
            whole.step(block)
        found = engine_at(data, time_ns=time_ns)
        assert found.joiner.seq == last
        assert shown(found) == shown(whole)
        assert (found.gate.clocks, found.gate.late_clocks) == (whole.gate.clocks, whole.gate.late_clocks)


async def test_rejected_events_that_are_stamped_later_do_not_end_the_moment(tmp_path: Path) -> None:
    """A price of 0 stamped far ahead is rejected: what comes behind it, earlier, is still of that moment."""
    stream = events("10:00@1.1 10:05@0 10:01@1.2 10:00:30@1.9 !10:02 10:03@1.3 10:02:30@1.4")
    for checkpoints in ([], [1, 3]):
        data = tmp_path / str(len(checkpoints))
        await written(data, stream, checkpoints)
        for text, seq in (("09:59", 0), ("10:00", 2), ("10:01", 4), ("10:01:59.9", 4), ("10:02", 5), ("10:03", 7)):
            found = engine_at(data, time_ns=at(text))
            assert found.joiner.seq == seq
            assert sum(counts.rejected.get("price", 0) for counts in found.gate.counts()) == (seq > 0)


async def test_quiet_symbol_is_as_of_its_own_last_event_before_that_time(tmp_path: Path) -> None:
    """Files run one after the other lie in the log so: the second one's events of that time are behind the first's."""
    stream = events("A:10:00@1 A:10:01@2 A:10:02@3 B:10:00:30@5 B:10:01:30@6 B:10:02:30@7")
    await written(tmp_path / "data", stream, [])
    found = engine_at(tmp_path / "data", time_ns=at("10:01:45"))
    partials = {name: found.snapshot(found.number_of(name))["1h"].partial for name in "AB"}
    assert {name: partial.close for name, partial in partials.items() if partial is not None} == {"A": 2.0, "B": 6.0}


async def test_clock_event_is_a_moment_of_its_own(tmp_path: Path) -> None:
    """At its time the bars that it closed are closed; a nanosecond before they form."""
    stream: list[Event] = [*events("10:00:10@1.1 10:00:20@1.2"), Clock(at("10:01:00"))]
    await written(tmp_path / "data", stream, [])
    before = state_at(tmp_path / "data", "EURUSD", time_ns=at("10:01:00") - 1)
    after = state_at(tmp_path / "data", "EURUSD", time_ns=at("10:01:00"))
    assert before is not None
    assert after is not None
    partial = before["1m"].partial
    assert partial is not None
    assert (partial.close, len(before["1m"].bars)) == (1.2, 0)
    assert (after["1m"].partial, len(after["1m"].bars)) == (None, 1)


async def test_pipeline_answers_for_the_past_while_it_runs(tmp_path: Path) -> None:
    """As often as asked, beside the writing; what was not yet, and what is not kept, are typed errors."""
    async with Pipeline(data=tmp_path / "data", config=CONFIG, clock="ticks") as pipeline:
        await feed(pipeline, events("A:10:00@1.1 A:10:01@1.2 B:10:02@7"))
        await pipeline.checkpoint()
        await feed(pipeline, events("A:10:03@1.4"))
        for seq, close in ((1, 1.1), (2, 1.2), (3, 1.2), (4, 1.4)):
            partial = pipeline.state_at("A", seq=seq)["1h"].partial
            assert partial is not None
            assert partial.close == close
        assert pipeline.state_at("B", time_ns=at("10:02") + SECOND_NS).seq == 3
        with pytest.raises(UnknownSymbol):
            pipeline.state_at("B", seq=2)
        with pytest.raises(ConfigError, match="ends at seq 4: choose"):
            pipeline.state_at("A", seq=5)
    async with Pipeline(config=CONFIG, clock="ticks") as pipeline:
        await pipeline.push(Tick("A", at("10:00"), 1.0, 1.0))
        with pytest.raises(ConfigError, match="give the pipeline data="):
            pipeline.state_at("A", seq=1)
    with pytest.raises(DataDirError):
        engine_at(tmp_path / "nowhere")


async def test_looking_changes_nothing(data: Path) -> None:
    """Time travel reads only: every byte of the directory stays as it was."""
    before = files(data)
    engine_at(data, seq=30)
    engine_at(data, time_ns=EVENTS[30].ts_ns)
    assert files(data) == before


def files(data: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}


async def test_checkpoints_only_shorten_the_way(tmp_path: Path) -> None:
    """Any of them taken away, at any moment, changes no answer."""
    await written(tmp_path / "data", EVENTS, [20, 50, 51])
    answers = [engine_bits(engine_at(tmp_path / "data", seq=seq)) for seq in (19, 20, 51, 90)]
    for seq in FileCheckpointStore(tmp_path / "data" / "checkpoints").list():
        copy = tmp_path / str(seq)
        shutil.copytree(tmp_path / "data", copy)
        (copy / "checkpoints" / f"checkpoint-{seq:019d}.mtf").unlink()
        assert [engine_bits(engine_at(copy, seq=seq)) for seq in (19, 20, 51, 90)] == answers
