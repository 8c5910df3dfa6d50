"""Consumers that live over restarts, and know by themselves whether an event was missing or came twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import mtf

__all__ = ["Saved", "SlowSaved", "Stored"]


class Survivor(mtf.Consumer):
    """Is shown every event, by whichever callback."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.first: int | None = None  # event shown in this run
        self.last = 0
        self.gaps: list[tuple[int, int]] = []  # the event before a break, and the one after

    def take(self, seq: int) -> None:
        raise NotImplementedError

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.take(view.seq)

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.take(view.seq)

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.take(view.seq)


class Saved(Survivor):
    """Counts events, and saves what it has come to."""

    def __init__(self, name: str = "saved") -> None:
        super().__init__(name)
        self.begun = 0  # the event before the first one ever shown
        self.count = 0  # of all runs
        self.loaded = False

    @staticmethod
    def begun_in(state: bytes) -> int:
        """Return the event before the first one that was ever shown to whoever saved *state*."""
        begun, count, _ = json.loads(state)
        return int(begun) if count else 1 << 62  # nothing was shown: it may begin anywhere

    def take(self, seq: int) -> None:
        if self.first is None:
            self.first = seq
        if not self.count:
            self.begun = self.last = seq - 1
        if seq != self.last + 1:
            self.gaps.append((self.last, seq))
        self.count += 1
        self.last = seq

    def save(self) -> Any:
        return json.dumps([self.begun, self.count, self.last]).encode()

    def load(self, state: bytes) -> Any:
        self.begun, self.count, self.last = json.loads(state)
        self.loaded = True


class SlowSaved(Saved):
    """Takes its turns, and saves while `go` is set."""

    def __init__(self, name: str = "slow") -> None:
        super().__init__(name)
        self.go = asyncio.Event()
        self.go.set()

    async def on_frame(self, frame: mtf.Frame) -> None:
        await asyncio.sleep(0)

    async def save(self) -> bytes:
        await asyncio.sleep(0)
        state: bytes = super().save()  # as of the marker
        await self.go.wait()
        return state

    async def load(self, state: bytes) -> None:
        await asyncio.sleep(0)
        super().load(state)


class Stored(Survivor):
    """Writes each event into a storage that outlives the run, and rolls it back."""

    def __init__(self, storage: list[int], name: str = "stored") -> None:
        super().__init__(name)
        self.storage = storage  # the seqs of all events
        self.begun = 0
        self.rolled_back: list[int] = []

    def take(self, seq: int) -> None:
        if self.first is None:
            self.first = seq
        self.last = seq
        committed = self.committed_seq()
        if seq > committed:
            if seq != committed + 1:
                self.gaps.append((committed, seq))
            self.storage.append(seq)

    def committed_seq(self) -> int:
        return self.storage[-1] if self.storage else 0

    def on_rollback(self, seq: int) -> None:
        self.rolled_back.append(seq)
        self.storage[:] = [stored for stored in self.storage if stored <= seq]
