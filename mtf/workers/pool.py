"""The pool: all workers of a pipeline, their shared memory, and their combined results.

Every worker receives every block, and computes its own shards. A block's slot in the memory is free again once all
workers have answered and the live values have been copied out. The pipeline adds what it owns to the copies.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Final, TypeAlias

import orjson

from mtf.bars.closings import Closings
from mtf.bars.judged_block import JudgedBlock
from mtf.config import Config
from mtf.indicators.transfer import copied, fill_completed, places_in, scattered
from mtf.indicators.values import Numbers
from mtf.workers.shards import Shards
from mtf.workers.user_indicators import class_paths
from mtf.workers.wire import (
    BLOCK,
    BLOCK_HEAD,
    DONE,
    DONE_HEAD,
    LENGTH,
    LOAD,
    SAVE,
    SETUP,
    SLOTS,
    MemoryLayout,
    decode_parts,
    encode_parts,
)
from mtf.workers.worker import Worker

__all__ = ["WorkerPool"]

_Results: TypeAlias = tuple[Numbers, dict[int, bytes]]  # live values, and completed ones by worker
STATES_MAX: Final = 4  # checkpoints are taken one at a time


class _UnderWay:
    """A block that was sent to the workers, and their answers so far."""

    def __init__(self, judged: JudgedBlock, rows: bool, workers: int) -> None:
        self.judged: Final = judged
        self.rows: Final = rows  # whether there are live values of all rows
        self.missing = workers  # how many have not answered
        self.completed: Final[dict[int, dict[int, bytes]]] = {}  # by rank and worker


class WorkerPool:
    """*workers* processes that compute the indicators of a configuration; *widths* is the number of values by rank.

    At most `SLOTS` blocks are in flight.
    """

    def __init__(self, config: Config, widths: Sequence[int], workers: int, block_events: int) -> None:
        self.shards: Final = Shards([rank for rank, width in enumerate(widths) if width], workers)
        self.workers: Final = [Worker() for _ in range(workers)]
        self._ranks: Final = [self.shards.ranks_of(worker) for worker in range(workers)]
        self.remote_ranks: Final = sorted({rank for ranks in self._ranks for rank in ranks})  # a worker owns some of it
        self._live: Final = config.live != "off"
        self._layout: Final = MemoryLayout(block_events, widths)
        self._setup: Final = {
            "config": config.to_json().decode(),
            "ranks": self.shards.ranks,
            "workers": workers,
            "block_events": block_events,
            "own": class_paths(spec for specs in config.indicators for spec in specs),
        }
        self._file: Final = _memory_file()
        self._file.truncate(self._layout.bytes)
        self._memory: Final = mmap.mmap(self._file.fileno(), self._layout.bytes)
        self._floats: Final = memoryview(self._memory).cast("d")
        self._free: Final = list(range(SLOTS))
        self._freed: Final = asyncio.Event()
        self._under_way: Final[dict[int, _UnderWay]] = {}  # by slot
        self._results: Final[dict[tuple[int, int], asyncio.Future[_Results]]] = {}  # by first seq and rank
        self._owed: Final[list[deque[int]]] = [deque() for _ in self.workers]  # seqs of states that each still owes
        self._received: Final[dict[int, list[dict[str, bytes]]]] = {}  # by seq: the parts received so far
        self._states: Final[dict[int, asyncio.Future[list[dict[str, bytes]]]]] = {}  # by seq: the newest few

    async def start(self) -> None:
        """Start the processes."""
        for number, worker in enumerate(self.workers):
            await worker.start(self._file.fileno(), SETUP + orjson.dumps({**self._setup, "worker": number}))

    def load(self, state: Mapping[str, bytes]) -> None:
        """Restore all workers from *state*, which has the parts for each, before the first block."""
        message = LOAD + encode_parts(state)
        for worker in self.workers:
            worker.send(message)

    async def submit(self, judged: JudgedBlock, rows: bool) -> None:
        """Submit a block, for live values of all rows if *rows*; waits while `SLOTS` blocks are in flight."""
        while not self.has_room:
            self._freed.clear()
            await self._freed.wait()
        self.submit_now(judged, rows)

    @property
    def has_room(self) -> bool:
        """Whether a block can be submitted at once."""
        return bool(self._free)

    def submit_now(self, judged: JudgedBlock, rows: bool) -> None:
        """Submit a block while there is room."""
        slot = self._free.pop()
        rows = judged.wants_rows(rows)  # the same rule as in the calculators
        block = judged.block
        self._under_way[slot] = _UnderWay(judged, rows, len(self.workers))
        self._memory[self._layout.rows(slot, block.count)] = block.rows
        message = BLOCK + BLOCK_HEAD.pack(slot, block.first_seq, block.count, judged.horizon_ns, rows) + block.heap
        for worker in self.workers:
            worker.send(message)

    async def numbers(self, first_seq: int, rank: int, closings: Closings) -> Numbers:
        """Return the workers' values of a timeframe for a block, in which *closings* closed; once for each.

        What the pipeline owns is left zero.
        """
        key = (first_seq, rank)
        try:
            numbers, completed = await self._results_of(key)
        finally:
            self._results.pop(key, None)
        fill_completed(self.shards.owners[rank], closings, numbers, self._layout.widths[rank], completed)
        return numbers

    def save(self, seq: int) -> None:
        """Request the state of all indicators after the event *seq*, the last one submitted."""
        for worker, owed in zip(self.workers, self._owed, strict=True):
            owed.append(seq)
            worker.send(SAVE)

    async def saved(self, seq: int, part: str) -> list[bytes]:
        """Return what the workers know of *part* in the state that `save` requested, each of its own symbols."""
        return [parts[part] for parts in await self._state_of(seq) if part in parts]

    async def answer(self, number: int) -> None:
        """Process one answer of a worker; WorkerLost if its process is gone or reports a failure."""
        body = await self.workers[number].receive()
        if body[:1] == DONE:
            self._done(number, body[1:])
        else:
            self._saved(number, decode_parts(body[1:]))

    async def close(self) -> None:
        """End the processes and free the memory. Safe to call twice."""
        try:
            await asyncio.gather(*(worker.close() for worker in self.workers))
        finally:
            self._floats.release()
            self._memory.close()
            self._file.close()

    def _done(self, number: int, body: bytes) -> None:
        (slot,) = DONE_HEAD.unpack_from(body)
        block = self._under_way[slot]
        at = DONE_HEAD.size
        for rank in self._ranks[number]:
            (size,) = LENGTH.unpack_from(body, at)
            at += LENGTH.size
            block.completed.setdefault(rank, {})[number] = body[at : at + size]
            at += size
        block.missing -= 1
        if block.missing:
            return
        for rank, completed in block.completed.items():
            waiting = self._results_of((block.judged.block.first_seq, rank))
            if not waiting.done():
                waiting.set_result((self._live_of(block, slot, rank), completed))
        del self._under_way[slot]
        self._free.append(slot)
        self._freed.set()

    def _live_of(self, block: _UnderWay, slot: int, rank: int) -> Numbers:
        """Return the workers' live values of a timeframe for a block, out of its slot."""
        judged, rows, layout = block.judged, block.rows, self._layout
        owners = self.shards.owners[rank]
        if not self._live:
            return copied(self._floats[0:0], rows)
        if owners.is_one:
            return copied(self._floats[layout.live(slot, rank, 0, places_in(judged, rows))], rows)
        starts = owners.starts(judged, rows)
        data = self._floats[layout.live(slot, rank, 0, starts[self.shards.pipeline])].tobytes()
        return scattered(owners, judged, rows, starts, data, layout.widths[rank])

    def _saved(self, number: int, parts: dict[str, bytes]) -> None:
        seq = self._owed[number].popleft()
        received = self._received.setdefault(seq, [])
        received.append(parts)
        if len(received) < len(self.workers):
            return
        del self._received[seq]
        waiting = self._state_of(seq)
        if not waiting.done():
            waiting.set_result(received)

    def _results_of(self, key: tuple[int, int]) -> asyncio.Future[_Results]:
        found = self._results.get(key)
        if found is None:
            found = self._results[key] = asyncio.get_running_loop().create_future()
        return found

    def _state_of(self, seq: int) -> asyncio.Future[list[dict[str, bytes]]]:
        found = self._states.get(seq)
        if found is None:
            found = self._states[seq] = asyncio.get_running_loop().create_future()
            while len(self._states) > STATES_MAX:
                del self._states[min(self._states)]
        return found


def _memory_file() -> IO[bytes]:
    """Return a file without a name, in memory if the system supports it; the processes inherit it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("mtf"), "r+b")
    return tempfile.TemporaryFile()
