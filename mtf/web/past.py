"""The past: the state at any moment of a log, found quickly, and the log at a glance.

Owns a ladder of keyframes, engine states at intervals of events, made by a thread that replays the log once; and
samples of the number of events over time. A state is made from the keyframe before it by replaying the events in
between. Memory is bounded: when the ladder is full, every second keyframe is dropped.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import attrs
import zstandard

from mtf.errors import ConfigError, MtfError
from mtf.events.block import cut, tick_at
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.gil import make_way
from mtf.kernel import Kernel
from mtf.log import read_log
from mtf.storage.datadir import LOG
from mtf.storage.restore import logged_blocks, replay_engine
from mtf.web.market import newest_after
from mtf.web.reject_list import RejectList

__all__ = ["Past", "Sample"]

KEYFRAME_EVENTS: Final = 25_000
LADDER_BYTES: Final = 64 << 20
SAMPLES_MAX: Final = 20_000
SAMPLE_EVENTS: Final = 1_000
BLOCK_EVENTS: Final = 500
HISTORY: Final = 128  # completed bars in a state of the past; charts load more from the history
TICK_EVENTS: Final = 50_000  # events searched for the newest tick of a symbol
POLL_S: Final = 1.0
LEVEL: Final = 1  # of compression


class Sample(NamedTuple):
    """Up to the event *seq*, the newest stamp was *time_ns*, and *rejected* events were rejected."""

    seq: int
    time_ns: int
    rejected: int


class Past:
    """States of the log of *path*. `close` ends its thread; methods run in threads of the caller."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._lock: Final = threading.Lock()  # guards the engine that was used last
        self._keyframes: dict[int, dict[str, bytes]] = {}  # by seq, in order; replaced as one
        self._spacing = KEYFRAME_EVENTS
        self._bytes = 0
        self._samples: list[Sample] = []
        self._sample_events = SAMPLE_EVENTS
        self._ended = threading.Event()
        self._engine: Kernel | None = None  # used last, to continue from
        self.failure = ""
        self.rejects: Final = RejectList()
        engine, _ = replay_engine(path)
        self._config: Final = attrs.evolve(engine.config, history=min(HISTORY, engine.config.history))
        self._first_seq: Final = int(engine.joiner.seq)
        self._thread: Final = threading.Thread(
            target=self._build, args=(self._at_start(engine),), name="mtf keyframes", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def history(self) -> int:
        """The maximum number of completed bars of a timeframe in a state of the past."""
        return self._config.history

    @property
    def samples(self) -> Sequence[Sample]:
        """What is known of the log so far, in order."""
        return self._samples

    @property
    def ready_seq(self) -> int:
        """The event up to which keyframes have been made."""
        samples = self._samples
        return samples[-1].seq if samples else 0

    def snapshot(self, symbol: str, seq: int) -> Snapshot | None:
        """Return the state of *symbol* after the event *seq*; None if it had no event by then.

        ConfigError if *seq* is after the log's end. Takes as long as replaying the events since the keyframe before it.
        """
        with self._lock:
            engine = self._at(seq)
            number = engine.number_of(symbol)
            return None if number < 0 else engine.snapshot(number)

    def seq_at(self, time_ns: int, head: int) -> int:
        """Return the last event before the first one that is stamped after *time_ns*; *head* is the log's newest."""
        samples = self._samples
        place = bisect_right(samples, time_ns, key=lambda sample: sample.time_ns)
        start = samples[place - 1].seq if place else self._first_seq
        return self.moment_after(min(start, head), time_ns, head - min(start, head))

    def moment_after(self, seq: int, until_ns: int, events: int) -> int:
        """Return the last event, from *seq* on, before the first one stamped after *until_ns*.

        Looks at no more than *events* events.
        """
        last = seq
        for block in logged_blocks(self._path, seq + 1, seq + events):
            later = block.first_after(until_ns)
            if later >= 0:
                return int(block.first_seq) + later - 1
            last = block.last_seq
        return last

    def next_tick(self, symbol: str, seq: int, step: int) -> int | None:
        """Return the seq of the next event of *symbol* after *seq*, or before it if *step* is -1; None if none."""
        if step > 0:
            return self._forward(symbol, seq)
        with self._lock:
            number = self._at(seq - 1).number_of(symbol) if seq > self._first_seq + 1 else -1
        return None if number < 0 else self._backward(number, seq, None)

    def newest_tick(self, symbol: str, number: int, seq: int) -> Tick | None:
        """Return the newest tick of *symbol*, the log's symbol *number*, up to the event *seq*.

        None if it is further back than the search goes.
        """
        found = self._backward(number, seq + 1, TICK_EVENTS)
        if found is None:
            return None
        for block in logged_blocks(self._path, found, found):
            return tick_at(block.rows, 0, symbol)
        return None

    def _forward(self, symbol: str, seq: int) -> int | None:
        numbers: list[int] = []
        reader = read_log(self._path / LOG, seq + 1, block_events=BLOCK_EVENTS)
        try:
            for logged in reader:
                block = logged.block
                if not numbers and symbol in reader.symbols:
                    numbers = [reader.symbols.index(symbol)]
                for i in range(block.count):
                    found = int(block.first_seq) + i
                    if found > seq and block.symbol_at(i) in numbers:
                        return found
        finally:
            reader.close()
        return None

    def _backward(self, number: int, seq: int, events: int | None) -> int | None:
        """Return the newest event of the symbol *number* before *seq*, among the last *events* (None: all of them)."""
        span = BLOCK_EVENTS
        stop = seq
        least = self._first_seq + 1 if events is None else max(self._first_seq + 1, seq - events)
        while stop > least:
            first = max(least, stop - span)
            newest = None
            for block in logged_blocks(self._path, first, stop - 1):
                for i in range(block.count - 1, -1, -1):
                    if block.symbol_at(i) == number:
                        newest = int(block.first_seq) + i
                        break
            if newest is not None:
                return newest
            stop, span = first, min(span * 4, 100_000)
        return None

    def _at(self, seq: int) -> Kernel:
        """Return the engine after the event *seq*; the lock is held."""
        if seq < self._first_seq:
            raise ConfigError(f"the log begins at seq {self._first_seq + 1}: seq {seq} was removed")
        engine = self._engine
        ladder = list(self._keyframes)
        place = bisect_right(ladder, seq)
        nearest = ladder[place - 1] if place else 0
        if engine is None or engine.joiner.seq > seq or engine.joiner.seq < nearest:
            self._engine = None
            engine = self._restored(nearest)
        if engine.joiner.seq < seq:
            for block in logged_blocks(self._path, engine.joiner.seq + 1, seq):
                engine.step(block)
        self._engine = engine
        if engine.joiner.seq != seq:
            raise ConfigError(f"the log ends at seq {engine.joiner.seq}: choose a seq up to there")
        return engine

    def _restored(self, seq: int) -> Kernel:
        """Return an engine at the keyframe of *seq*, or at the log's beginning."""
        parts = self._keyframes.get(seq)
        if parts is None:
            return self._fresh()
        unpack = zstandard.ZstdDecompressor()
        engine = Kernel(self._config)
        engine.load({name: unpack.decompress(data) for name, data in parts.items()})
        return engine

    def _fresh(self) -> Kernel:
        engine, _ = replay_engine(self._path)
        return self._at_start(engine)

    def _at_start(self, engine: Kernel) -> Kernel:
        """Return the engine to begin with, if *engine* is the one at the log's beginning."""
        if engine.joiner.seq or engine.gate.instruments:  # of a log whose beginning was removed
            return engine
        return Kernel(self._config)

    def _build(self, engine: Kernel) -> None:
        try:
            self._play(engine)
        except (MtfError, OSError) as error:
            self.failure = str(error)

    def _play(self, engine: Kernel) -> None:
        """Replay the log from the state of *engine* on, following it as it grows, and keep states on the way."""
        rejected, newest_ns = 0, int(engine.gate.newest_ns)
        reader = read_log(self._path / LOG, engine.joiner.seq + 1, block_events=BLOCK_EVENTS)
        try:
            while not self._ended.is_set():
                logged = reader.poll()
                if logged is None:
                    if self._ended.wait(POLL_S):
                        return
                    continue
                block = logged.block
                while True:
                    room = self._spacing - engine.joiner.seq % self._spacing if self._samples else 1
                    piece, rest = (block, None) if block.count <= room else cut(block, room)
                    judged = engine.gate.judge(piece)
                    engine.apply(judged)
                    newest_ns = newest_after(engine, judged, newest_ns)
                    rejected += self.rejects.note(judged, newest_ns)
                    if not self._samples:
                        self._sample(engine, newest_ns, rejected)  # when the log begins
                    if engine.joiner.seq % self._spacing == 0:
                        self._keep(engine)
                    if rest is None:
                        break
                    block = rest
                self._sample(engine, newest_ns, rejected)
                make_way()
        finally:
            reader.close()

    def _keep(self, engine: Kernel) -> None:
        """Keep the state of *engine* as a keyframe."""
        pack = zstandard.ZstdCompressor(LEVEL)
        parts = {name: pack.compress(data) for name, data in engine.save().items()}
        self._keyframes = {**self._keyframes, int(engine.joiner.seq): parts}
        self._bytes += sum(map(len, parts.values()))
        while self._bytes > LADDER_BYTES and len(self._keyframes) > 1:
            self._spacing *= 2
            self._keyframes = {seq: kept for seq, kept in self._keyframes.items() if seq % self._spacing == 0}
            self._bytes = sum(len(data) for kept in self._keyframes.values() for data in kept.values())

    def _sample(self, engine: Kernel, newest_ns: int, rejected: int) -> None:
        """Record how far the log has come; the last sample moves until it is far enough from the previous one."""
        sample = Sample(int(engine.joiner.seq), newest_ns, rejected)
        samples = self._samples
        if len(samples) > 1 and sample.seq - samples[-2].seq < self._sample_events:
            samples[-1] = sample
        else:
            samples.append(sample)
        if len(samples) > SAMPLES_MAX:
            self._samples = samples[::2]
            self._sample_events *= 2
