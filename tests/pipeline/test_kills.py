"""Consumers of every kind over random kills: nothing missing, nothing doubled, nothing silently begun again.

A kill is a copy of the directory at a random moment, beside what consumers have stored by then, in which the next life
begins. In some the log has lost its end as well, as in a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

import mtf
from mtf.errors import ConfigError
from mtf.log.filesystem import OsFileSystem
from mtf.log.segment import Segment
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.checkpoint_meta import saved_states
from mtf.storage.checkpoint_store import newest_good
from tests.builders import copy_if_there
from tests.pipeline.inline import Inline
from tests.pipeline.survivors import Saved, SlowSaved, Stored
from tests.storage.builders import FakeWall, feed, market

EVENTS: Final = market(23, 240)
LIVES: Final = 6  # of a round, the last of which is not killed
ROUNDS: Final = 12
ROUNDS_SLOW: Final = 200
NAMES: Final = ("plain", "async", "stored", "late", "away", "stored late")


class Round:
    """One directory after another, each the copy of the one before."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = Random(seed)
        self.directory = directory
        self.number = 0  # of the life
        self.storages: dict[str, list[int]] = {"stored": [], "stored late": []}
        self.retained = self.random.random() < 0.25
        self.refused = 0

    @property
    def data(self) -> Path:
        return self.directory / str(self.number)

    def consumer(self, name: str) -> Any:
        if name in self.storages:
            return Stored(self.storages[name], name)
        return (SlowSaved if name == "async" else Saved)(name)

    def kill(self) -> None:
        """Copy what is there now; the log last, so that nothing is of events that it does not have."""
        source, target = self.data, self.directory / str(self.number + 1)
        target.mkdir(mode=0o700)
        if (source / "history.sqlite").exists():
            with (
                contextlib.closing(sqlite3.connect(source / "history.sqlite", timeout=0)) as history,
                contextlib.suppress(sqlite3.OperationalError),  # being made just now: then it is lost, and made again
            ):
                history.execute("VACUUM INTO ?", (str(target / "history.sqlite"),))
                (target / "history.sqlite").chmod(0o600)
        for name in ("checkpoints", "log"):
            if (source / name).exists():
                shutil.copytree(source / name, target / name, copy_function=copy_if_there)
        self.number += 1
        self.storages = {name: list(storage) for name, storage in self.storages.items()}

    def cut_power(self) -> None:
        """Take away the end of the log."""
        segments = sorted((self.data / "log").glob("*.log"))
        if not segments:
            return
        newest = Segment(OsFileSystem(), str(segments[-1]))
        begin = newest.offset  # of its events: what comes before is synced before there are any
        newest.close()
        size = segments[-1].stat().st_size
        with segments[-1].open("r+b") as file:
            file.truncate(max(size - self.random.randrange(1, 2_000), begin))

    def known(self, last_seq: int) -> dict[str, int]:
        """Return the consumers whose states the directory has, each with the event before its first."""
        newest, _ = newest_good(FileCheckpointStore(self.data / "checkpoints"), last_seq)
        states = {} if newest is None else saved_states(newest)
        return {name: Saved.begun_in(state) for name, (_, state) in states.items()}


async def live(round_: Round, *, to_the_end: bool) -> None:
    """Live one life: push what the log has not, with consumers that are there, come late, or go."""
    random = round_.random
    known: dict[str, int] = {}
    wall = FakeWall()
    options: dict[str, Any] = {
        "block_events": random.choice((1, 7, 1024)),
        "checkpoint_events": random.choice((None, 10, 25)),
        "durability": random.choice(("group", "os", "each")),
        "keep_events": 20 if round_.retained else None,
    }
    p = mtf.Pipeline(data=round_.data, clock="ticks", wall=wall, checkpoint_seconds=None, **options)
    here: dict[str, Any] = {}

    def add(name: str, *, may_be_late: bool) -> None:
        consumer = round_.consumer(name)
        try:
            p.add(consumer)
        except ConfigError as error:
            if not may_be_late or "in an earlier run" not in str(error):
                raise
            round_.refused += 1
        else:
            here[name] = consumer

    async def body() -> None:
        at_start = NAMES if to_the_end else [name for name in NAMES[:3] if random.random() < 0.9]
        late = [] if to_the_end else [name for name in NAMES[3:] if random.random() < 0.5]
        for name in at_start[: len(at_start) // 2]:
            add(name, may_be_late=False)
        async with p:
            known.update(round_.known(p.logged_seq))
            for name in at_start[len(at_start) // 2 :]:
                add(name, may_be_late=False)
            done = p.logged_seq
            upto = len(EVENTS) if to_the_end else min(len(EVENTS), done + random.randrange(5, 60))
            while done < upto:
                if late and random.random() < 0.3:
                    add(late.pop(), may_be_late=True)
                end = min(upto, done + random.choice((1, 1, 5, 20)))
                if random.random() < 0.5:
                    await feed(p, EVENTS[done:end])
                else:
                    await asyncio.gather(*(feed(p, [event]) for event in EVENTS[done:end]))
                done = end
                chance = random.random()
                if chance < 0.25:
                    await checkpoint(chance < 0.07)
                elif chance < 0.3 and here and not to_the_end:
                    await p.remove(here[random.choice(sorted(here))])
                    here.clear()  # who is left has been looked at
            await p.drain()
            if to_the_end:
                check()

    async def checkpoint(leaves_out: bool) -> None:
        slow = here.get("async")
        if not leaves_out or slow is None:
            await p.checkpoint()
            return
        slow.go.clear()
        taking = asyncio.create_task(p.checkpoint())
        for _ in range(300):  # its marker may wait behind blocks, which wait for the consumer
            if taking.done():
                break
            await asyncio.sleep(0)
            wall.advance(11)
        slow.go.set()
        await taking

    def check() -> None:
        said = any("needs earlier events" in note for note in p.notes)
        for name, consumer in here.items():
            assert not consumer.gaps or (round_.retained and said), f"{name}: {consumer.gaps}"
            if consumer.first is not None and name in known and not said:
                assert consumer.begun <= known[name], f"{name} has begun again after {consumer.begun}"

    asyncio.get_running_loop().set_default_executor(Inline())  # so that the kill comes in any turn, and not in threads
    living = asyncio.create_task(body())
    if not to_the_end:
        moments = random.randrange(1, 600)
        while moments and not living.done():
            await asyncio.sleep(0)
            moments -= 1
        round_.kill()
        living.cancel()
        await asyncio.wait([living])
        if not living.cancelled():
            living.result()
    await asyncio.wait([living])
    check()
    if to_the_end:
        living.result()
        for name in round_.storages if not round_.retained else ():
            assert here[name].storage == list(range(1, len(EVENTS) + 1)), name
        assert {consumer.last for consumer in here.values()} == {len(EVENTS)}
    elif random.random() < 0.3:
        round_.cut_power()


async def play(directory: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> Round:
    monkeypatch.setattr("mtf.storage.datadir.SEGMENT_BYTES", 4_000)
    round_ = Round(directory, seed)
    for life in range(LIVES):
        await live(round_, to_the_end=life == LIVES - 1)
    shutil.rmtree(directory)
    return round_


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_consumers_of_every_kind_survive_random_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """With `save` and `load`, with storage of its own, added late, away for runs, removed, left out of a checkpoint."""
    await play(tmp_path / "round", seed, monkeypatch)


@pytest.mark.slow
async def test_consumers_of_every_kind_survive_two_hundred_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0
    for seed in range(1000, 1000 + ROUNDS_SLOW):
        refused += (await play(tmp_path / str(seed), seed, monkeypatch)).refused
    assert refused, "late ones that have missed something are refused"
