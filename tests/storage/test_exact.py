"""A state that was saved is restored to the bit, and nobody can tell by any later row that there was a restart."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from mtf.actors.consumer import Consumer
from mtf.bars.bar import Bar
from mtf.config import Config
from mtf.frames.view import View
from mtf.kernel import Kernel
from mtf.pipeline import Pipeline
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_meta import checkpoint_meta
from mtf.storage.restore import restore, verify_replay
from mtf.summary import Summary
from tests.alive import run_of
from tests.builders import Event, blocks
from tests.storage.builders import Crashed, engine_bits, feed, history_rows, market, results, row_bits

EVENTS = market(1, 450)
CONFIG = Config.make(indicators="core", history=40)


def test_the_stream_has_every_verdict() -> None:
    """What does not come in the stream is not shown to survive a restart."""
    engine = Kernel(CONFIG)
    for block in blocks(EVENTS):
        engine.step(block)
    found = Summary.of(engine, 0)
    assert 0 < engine.gate.late_clocks < found.clocks
    assert list(found.symbols) == ["EURUSD", "XAUUSD", "USDJPY"]
    assert set(found.rejected) == {"duplicate", "price", "late", "closed"}
    assert all(found.bars.values())


def test_engine_restored_at_drawn_seqs_equals_the_uninterrupted_one_at_every_later_row(tmp_path: Path) -> None:
    """Twenty indicators on six timeframes: partial bars, live values, windows, clocks, counters and digest, as bits."""
    random = Random(2)
    saved_at = {1, 2, *random.sample(range(3, len(EVENTS)), 5)}
    store = FileCheckpointStore(tmp_path / "checkpoints", keep=10)
    whole = Kernel(CONFIG)
    rows = []
    cut = blocks(EVENTS, size=1)
    for block in cut:
        whole.step(block)
        rows.append(engine_bits(whole, row_bits))
        if block.last_seq in saved_at:
            meta = checkpoint_meta(CONFIG, block.last_seq, whole.digest.value(), whole.gate.newest_ns, [], oldest_ns=0)
            store.save(block.last_seq, meta, whole.save())
    for seq in sorted(saved_at):
        engine, checkpoint, skipped = restore(CONFIG, store, seq)
        assert checkpoint is not None
        assert (checkpoint.seq, engine.joiner.seq) == (seq, seq)
        assert {each.path for each in skipped} == {
            str(tmp_path / "checkpoints" / f"checkpoint-{later:019d}.mtf") for later in saved_at if later > seq
        }
        for block in cut[seq:]:
            assert engine_bits(engine, row_bits) == rows[engine.joiner.seq - 1]
            engine.step(block)
        assert engine_bits(engine) == engine_bits(whole)
        assert engine.save() == whole.save()


class Recorder(Consumer):
    """Notes everything that it receives, and keeps its count in checkpoints."""

    name = "recorder"

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        self.told: list[tuple[object, ...]] = []  # bars
        self.recovering: list[int] = []  # seqs at which that was so
        self.count = 0  # rows since the log's first event

    def on_bar(self, bar: Bar, view: View) -> None:
        self.told.append((view.seq, bar.symbol, bar.timeframe.name, bar.start_ns, bar.close))

    def on_tick(self, tick: object, view: View) -> None:
        self._row("tick", view)

    def on_clock(self, ts_ns: int, view: View) -> None:
        self._row("clock", view)

    def on_reject(self, tick: object, reason: str, view: View) -> None:
        self._row(reason, view)

    def _row(self, what: str, view: View) -> None:
        self.count += 1
        self.rows.append((view.seq, what, [row_bits(view.of(symbol).snapshot()) for symbol in view.symbols]))
        if view.recovering:
            self.recovering.append(view.seq)

    def save(self) -> bytes:
        return self.count.to_bytes(8, "little")

    def load(self, state: bytes) -> None:
        self.count = int.from_bytes(state, "little")


async def uninterrupted(data: Path, events: list[Event]) -> tuple[Recorder, object]:
    recorder = Recorder()
    async with Pipeline(data=data, config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
        pipeline.add(recorder)
        await feed(pipeline, events)
        await pipeline.drain()
        found = results(pipeline)
    return recorder, found


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_run_that_is_stopped_and_started_again_shows_what_an_uninterrupted_one_shows(
    tmp_path: Path, seed: int
) -> None:
    """Checkpoints and ends at drawn seqs: later rows, bars, summary, history and the consumer's own state are equal."""
    random = Random(seed)
    events = EVENTS[: random.randrange(200, 400)]
    whole, expected = await uninterrupted(tmp_path / "whole", events)
    ends = [*sorted(random.sample(range(1, len(events)), 4)), len(events)]
    data = tmp_path / "cut"
    done = 0
    found = None
    for end in ends:
        recorder = Recorder()
        with suppress(Crashed):
            async with Pipeline(
                data=data,
                config=CONFIG,
                clock="ticks",
                checkpoint_seconds=None,
                block_events=random.choice((1, 7, 1024)),
            ) as pipeline:
                pipeline.add(recorder)
                marks = sorted(random.sample(range(max(done, 1), end), min(2, end - max(done, 1))))
                assert pipeline.logged_seq == done
                for mark in marks:
                    await feed(pipeline, events[done:mark])
                    done = mark
                    assert await pipeline.checkpoint() == done
                await feed(pipeline, events[done:end])
                await pipeline.drain()
                found = results(pipeline)
                if end != ends[-1]:
                    raise Crashed
        done = end
        assert recorder.count == end
        start = recorder.rows[0][0] if recorder.rows else end + 1
        assert isinstance(start, int)
        assert recorder.rows == whole.rows[start - 1 : end]
        assert recorder.told == [bar for bar in whole.told if start <= int(str(bar[0])) <= end]
        assert len(recorder.told) == len(set(recorder.told))
    assert found == expected
    assert history_rows(data) == history_rows(tmp_path / "whole")
    replayed = verify_replay(data)
    assert (replayed.seq, replayed.damage) == (len(events), [])
    assert replayed.agreed


async def test_recovering_is_true_exactly_up_to_the_last_event_that_the_log_had_at_the_start(tmp_path: Path) -> None:
    """It says "logged before this start", with and without a checkpoint to begin from."""
    events = EVENTS[:100]
    for first, start in ((30, 1), (60, 31)):
        recorder = Recorder()
        async with Pipeline(data=tmp_path / "d", config=CONFIG, clock="ticks", checkpoint_seconds=None) as pipeline:
            pipeline.add(recorder)
            had = pipeline.logged_seq
            await feed(pipeline, events[had:first])
            if first == 30:
                await pipeline.checkpoint()
            await feed(pipeline, events[first : first + 30])
        assert recorder.recovering == list(range(start, had + 1))
        assert [row[0] for row in recorder.rows] == list(range(start, first + 31))


async def test_files_of_a_data_directory_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Checkpoints hold what a strategy knows: mode 0600, folders 0700, whatever the umask."""
    data = tmp_path / "data"
    async with Pipeline(data=data, clock="ticks") as pipeline:
        await pipeline.run([*EVENTS_OF_A_FILE], name="ticks", order="log")
        await pipeline.checkpoint()
        run_of(pipeline).rows_aside.keep("here", 1, "why", "raw")
    files = [path for path in data.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"history.sqlite", "malformed.jsonl", "writer.lock"}
    assert any(path.suffix == ".mtf" for path in files)
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {"0o600"}
    folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in folders} == {"0o700"}


EVENTS_OF_A_FILE = [event for event in EVENTS[:50] if hasattr(event, "symbol")]
