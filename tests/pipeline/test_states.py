"""The states of consumers over restarts: each goes on exactly from where it stands, or is refused.

Whoever saves a state, or has storage of its own, is away, comes late, is removed or left out: nothing is missing,
nothing doubled, and nothing silently begun from nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.errors import ActorFailed, ConfigError, ConsumerAhead
from mtf.storage.checkpoint_files import FileCheckpointStore
from tests.alive import run_of
from tests.pipeline.survivors import Saved, SlowSaved, Stored
from tests.storage.builders import Crashed, feed, market, until_crash

EVENTS: Final = market(11, 400)


def pipeline(data: Path | None, **options: Any) -> mtf.Pipeline:
    return mtf.Pipeline(data=data, clock="ticks", **{"checkpoint_seconds": None, **options})


async def run(
    data: Path, consumers: list[mtf.Consumer], upto: int, *, checkpoints: tuple[int, ...] = (), crash: bool = False
) -> mtf.Pipeline:
    """Run over the events up to *upto*, with checkpoints after those named, and end in order or by a crash."""
    with until_crash() if crash else _nothing():
        async with pipeline(data) as p:
            for each in consumers:
                p.add(each)
            had = p.logged_seq
            for seq in (*checkpoints, upto):
                await feed(p, EVENTS[had:seq])
                had = max(had, seq)
                if seq in checkpoints:
                    await p.checkpoint()
            await p.drain()
            if crash:
                raise Crashed
    return p


class _nothing:  # noqa: N801 - reads as a function
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


# Away, and back


@pytest.mark.parametrize("kind", [Saved, SlowSaved])
@pytest.mark.parametrize("crash", [False, True])
async def test_consumer_that_is_away_for_runs_is_shown_exactly_what_came_since(
    tmp_path: Path, kind: type[Saved], crash: bool
) -> None:
    """Its state is carried along by checkpoints that are taken without it, and the others see nothing twice."""
    others = []
    await run(tmp_path, [kind(), Saved("other")], 60, checkpoints=(50, 60), crash=crash)
    for end in (100, 140):
        others.append(Saved("other"))
        await run(tmp_path, [others[-1]], end, checkpoints=tuple(range(end - 39, end + 1, 13)), crash=crash)
    back, other = kind(), Saved("other")
    await run(tmp_path, [back, other], 170, crash=crash)
    assert (back.first, back.last, back.count) == (61, 170, 170)
    assert other.count == 170
    assert other.loaded


async def test_state_of_a_consumer_that_is_away_outlasts_a_start_from_the_beginning(tmp_path: Path) -> None:
    """One with new storage needs all of the log: who is not here must not lose its state to that."""
    await run(tmp_path, [Saved("absent"), Saved("here")], 60, checkpoints=(40, 60))
    storage: list[int] = []
    here = Saved("here")
    await run(tmp_path, [Stored(storage), here], 90, checkpoints=(70, 80, 90))
    assert storage == list(range(1, 91))
    assert (here.first, here.count) == (1, 90)
    absent = Saved("absent")
    await run(tmp_path, [absent, Stored(storage)], 120)
    assert (absent.first, absent.count) == (61, 120)


async def test_state_of_a_consumer_that_is_away_outlasts_checkpoints_that_cannot_be_started_from(
    tmp_path: Path,
) -> None:
    """Those of an earlier version are skipped, and the log is played: the state in them is of its seq as ever."""
    await run(tmp_path, [Saved()], 60, checkpoints=(60,))
    store = FileCheckpointStore(tmp_path / "checkpoints")
    found = store.read(60)
    store.save(60, {**found.meta, "config": "of an earlier version"}, found.parts)
    p = await run(tmp_path, [Saved("other")], 90, checkpoints=(70, 80, 90))
    assert len(p.skipped_checkpoints) == 1
    back = Saved()
    await run(tmp_path, [back], 120)
    assert (back.first, back.count) == (61, 120)


async def test_removed_consumer_is_one_that_is_away(tmp_path: Path) -> None:
    """Its newest saved state is kept for the run in which it is added again."""
    async with pipeline(tmp_path) as p:
        saved = Saved()
        p.add(saved)
        await feed(p, EVENTS[:30])
        await p.checkpoint()
        await feed(p, EVENTS[30:35])
        await p.remove(saved)
        await feed(p, EVENTS[35:50])
        await p.checkpoint()
    assert saved.last == 35
    back = Saved()
    await run(tmp_path, [back], 60)
    assert (back.first, back.count) == (31, 60)


async def test_consumer_that_leaves_after_it_has_answered_a_checkpoint_has_its_state_in_it(tmp_path: Path) -> None:
    """And one that comes before the checkpoint is written, but after its marker, does not lose what it had."""
    await run(tmp_path, [Saved("late")], 20, checkpoints=(20,))

    class Slowest(Saved):
        async def save(self) -> bytes:
            saving.set()
            await go.wait()
            state: bytes = super().save()
            return state

    saving, go = asyncio.Event(), asyncio.Event()
    leaver = Saved("leaver")
    with until_crash():
        async with pipeline(tmp_path) as p:
            p.add(Slowest("slow"))
            p.add(leaver)
            await p.drain()
            checkpointer = run_of(p).checkpointer
            assert checkpointer is not None
            checkpointer.seq = 0  # so that one is taken of the same seq
            taking = asyncio.create_task(p.checkpoint())
            await saving.wait()
            await p.remove(leaver)
            p.add(Saved("late"))
            go.set()
            assert await taking == 20
            raise Crashed
    late, leaver = Saved("late"), Saved("leaver")
    await run(tmp_path, [late, leaver], 30)
    assert (late.loaded, late.first, late.count) == (True, 21, 30)
    assert (leaver.loaded, leaver.first) == (True, 21)


# Late


@pytest.mark.parametrize("crash", [False, True])
async def test_consumer_that_is_added_late_is_restored_where_nothing_is_missing_and_refused_else(
    tmp_path: Path, crash: bool
) -> None:
    """It would silently begin from nothing, and the next checkpoint would take its state away."""
    await run(tmp_path, [Saved()], 40, checkpoints=(40,), crash=crash)
    async with pipeline(tmp_path) as p:
        await p.drain()
        saved = Saved()
        p.add(saved)
        await feed(p, EVENTS[40:45])
        await p.drain()
        assert (saved.first, saved.count) == (41, 45)
    async with pipeline(tmp_path) as p:
        await feed(p, EVENTS[45:46])
        with pytest.raises(ConfigError, match=r"'saved' was at seq 40 in an earlier run, .* already at 46"):
            p.add(Saved())
        p.add(Saved("new"))
        await feed(p, EVENTS[46:50])
    back = Saved()
    await run(tmp_path, [back], 60)
    assert (back.first, back.count) == (41, 60)


async def test_consumer_that_is_added_while_the_log_is_played_is_late_too(tmp_path: Path) -> None:
    """It was not there when the start was chosen."""
    await run(tmp_path, [Saved()], 200, checkpoints=(40,), crash=True)
    async with pipeline(tmp_path, block_events=1) as p:
        playing = asyncio.create_task(p.drain())
        await run_of(p).applied(60)  # not p.applied(), which waits for all of the log
        assert not playing.done()
        with pytest.raises(ConfigError, match=r"'saved' was at seq 40 in an earlier run, .* already at"):
            p.add(Saved())
        new = Saved("new")
        p.add(new)
        await playing
        assert new.last == 200
    back = Saved()
    await run(tmp_path, [back], 210)
    assert (back.first, back.count) == (41, 210)


@pytest.mark.parametrize("stored_seq", [0, 30, 41])
async def test_late_consumer_with_storage_of_its_own_is_refused_unless_it_stands_there(
    tmp_path: Path, stored_seq: int
) -> None:
    """What it has not committed it would never be shown."""
    await run(tmp_path, [], 40)
    stored = Stored(list(range(1, stored_seq + 1)))
    async with pipeline(tmp_path) as p:
        await feed(p, EVENTS[40:42])
        with pytest.raises(ConfigError, match=f"'stored' was at seq {stored_seq} in an earlier run.*already at 42"):
            p.add(stored)
        stored.storage.extend(range(stored_seq + 1, 43))
        p.add(stored)
        await feed(p, EVENTS[42:45])
        await p.drain()
    assert stored.first == 43


# Ahead of the log


@pytest.mark.parametrize("added", ["before the start", "after the start", "after a drain"])
@pytest.mark.parametrize("left", [0, 25])
async def test_consumer_that_is_ahead_of_the_log_is_asked_to_roll_back(tmp_path: Path, added: str, left: int) -> None:
    """A crash took events back, perhaps all of them: the next ones have their seqs, and are other ones."""
    if left:
        await run(tmp_path, [], left)
    stored = Stored(list(range(1, 41)))

    def add(p: mtf.Pipeline) -> None:
        p.add(stored)

    p = pipeline(tmp_path)
    if added == "before the start":
        add(p)
    async with p:
        if added == "after the start":
            add(p)
        await p.drain()
        if added == "after a drain":
            add(p)
        await feed(p, EVENTS[100:110])
        await p.drain()
    assert (stored.rolled_back, stored.storage) == ([left], list(range(1, left + 11)))
    assert stored.first == (left + 1 if added == "after a drain" else 1)


@pytest.mark.parametrize("late", [False, True])
async def test_consumer_that_cannot_roll_back_stops_the_start(tmp_path: Path, late: bool) -> None:
    """With the seqs, and what to override."""

    class Ahead(Stored):
        on_rollback = mtf.Consumer.on_rollback

    async def started() -> None:
        async with pipeline(tmp_path) as p:
            if not late:
                p.add(Ahead(list(range(1, 41))))
            await p.drain()
            p.add(Ahead(list(range(1, 41))))

    await run(tmp_path, [], 25)
    with pytest.raises(ConsumerAhead if late else ActorFailed, match="has committed seq 40, and the log ends at 25"):
        await started()


# What a start says


async def test_notes_of_a_start_stay_what_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are about what was started from: who comes and goes later changes nothing, and no file is read for it."""
    await run(tmp_path, [Saved()], 40, checkpoints=(20, 40), crash=True)
    stored = Stored([])
    async with pipeline(tmp_path) as p:
        p.add(stored)
        await p.drain()
        before = (p.notes, p.skipped_checkpoints)
        monkeypatch.setattr(FileCheckpointStore, "read", None)
        monkeypatch.setattr(Stored, "committed_seq", None)
        async with p.bars("1m"):
            p.add(Saved("new"))
            assert (p.notes, p.skipped_checkpoints) == before


@pytest.mark.parametrize("kind", ["saved", "saved and stored"])
async def test_consumer_that_was_away_while_the_log_was_cut_has_its_state_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What the log no longer has cannot be shown; one sentence says from where on it goes on."""
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 2_000)
    committed = None if kind == "saved" else 20

    class Back(Saved):
        def take(self, seq: int) -> None:
            if self.first is None:
                self.first = seq

        def committed_seq(self) -> int | None:
            return committed

    await run(tmp_path, [Saved("back"), Saved("other")], 20, checkpoints=(20,))
    async with pipeline(tmp_path, keep_events=10) as p:
        p.add(Saved("other"))
        for seq in range(40, 240, 20):
            await feed(p, EVENTS[seq - 20 : seq])
            await p.checkpoint()
    back, other = Back("back"), Saved("other")
    async with pipeline(tmp_path) as p:
        p.add(back)
        p.add(other)
        await feed(p, EVENTS[220:230])
        await p.drain()
        assert ["needs earlier events" in note for note in p.notes] == [True]
    assert (back.loaded, back.count, back.last) == (True, 20, 20)
    assert back.first is not None
    assert 20 < back.first <= 200
    assert other.count == 230
