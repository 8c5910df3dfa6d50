"""The pipeline's side of a worker: its process, its memory, and what it is asked and answers."""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from typing import IO, Final

import orjson
from librt.vecs import vec

from mtf.bars.gate import Judged
from mtf.config import Config
from mtf.errors import ConfigError, WorkerLost
from mtf.indicators.transfer import fill, floats, unpack_completed
from mtf.indicators.values import Numbers
from mtf.workers.wire import (
    BLOCK,
    BLOCK_HEAD,
    DONE,
    DONE_HEAD,
    LENGTH,
    LOAD,
    SAVE,
    SAVED,
    SETUP,
    SLOTS,
    Layout,
    decode_parts,
    encode_parts,
)

__all__ = ["Worker", "shards"]

COPY_BYTES: Final = 1 << 15  # small enough that the allocator keeps the memory, and does not fault it in each time
STATES_MAX: Final = 4  # checkpoints are taken one at a time
GOING_S: Final = 2.0  # how long a worker may take to end


def shards(ranks: int, workers: int) -> list[list[int]]:
    """Return which timeframes, by rank, each worker owns; ConfigError where there are more workers than timeframes."""
    if not 1 <= workers <= ranks:
        raise ConfigError(f"workers is {workers}: give 1 to {ranks}, at most one a timeframe, or 0 for none")
    return [list(range(worker, ranks, workers)) for worker in range(workers)]


class Worker:
    """One process that computes the indicators of some timeframes. At most `SLOTS` blocks are under way."""

    def __init__(self, config: Config, ranks: list[int], widths: list[int], block_events: int, live: bool) -> None:
        if os.name != "posix":
            raise ConfigError("workers are for POSIX systems: use workers=0 here")
        self.ranks: Final = ranks
        self._live: Final = live
        self._layout: Final = Layout(block_events, [widths[rank] for rank in ranks])
        self._setup: Final = SETUP + orjson.dumps(
            {"config": config.to_json().decode(), "ranks": ranks, "block_events": block_events}
        )
        self._file: Final = _memory_file()
        self._file.truncate(max(1, self._layout.bytes))
        self._memory: Final = mmap.mmap(self._file.fileno(), max(1, self._layout.bytes))
        self._free: Final = list(range(SLOTS))
        self._freed: Final = asyncio.Event()
        self._blocks: Final[dict[int, tuple[int, bool]]] = {}  # by slot: events, and whether all rows are wanted
        self._numbers: Final[dict[tuple[int, int], asyncio.Future[Numbers]]] = {}  # by first seq and rank
        self._asked: Final[deque[int]] = deque()  # seqs of the states that it was asked for, and has not given
        self._states: Final[dict[int, asyncio.Future[dict[str, bytes]]]] = {}  # by seq; the newest few
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process and tell it what it is for."""
        here, there = socket.socketpair()
        with there:
            passed = (there.fileno(), self._file.fileno())
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the mtf that runs here, not one that lies in the working directory
                "-m",
                "mtf.workers.process",
                *map(str, passed),
                pass_fds=passed,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        here.setblocking(False)
        self._reader, self._writer = await asyncio.open_connection(sock=here)
        self._send(self._setup)

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Have it start from *parts*, before the first block."""
        self._send(LOAD + encode_parts(parts))

    async def submit(self, judged: Judged, rows: bool) -> None:
        """Hand it a block, live values of all *rows* wanted or not; waits while `SLOTS` are under way."""
        while not self._free:
            self._freed.clear()
            await self._freed.wait()
        slot = self._free.pop()
        block = judged.block
        self._blocks[slot] = (block.count, rows)
        self._memory[self._layout.rows(slot, block.count)] = block.rows
        self._send(BLOCK + BLOCK_HEAD.pack(slot, block.first_seq, block.count, rows) + block.heap)

    async def numbers(self, first_seq: int, rank: int) -> Numbers:
        """Return what it found for a block and timeframe; each is asked for once."""
        key = (first_seq, rank)
        try:
            return await self._numbers_of(key)
        finally:
            self._numbers.pop(key, None)

    def save(self, seq: int) -> None:
        """Ask for the state of its indicators after the event *seq*, the last one submitted."""
        self._asked.append(seq)
        self._send(SAVE)

    async def saved(self, seq: int) -> dict[str, bytes]:
        """Return the state that `save` asks for, by the names of its parts."""
        return await self._state_of(seq)

    async def answer(self) -> None:
        """Take one answer; WorkerLost where the process is gone or says that it failed."""
        body = await self._receive()
        kind = body[:1]
        if kind == DONE:
            self._done(body[1:])
        elif kind == SAVED:
            state = self._state_of(self._asked.popleft())
            if not state.done():
                state.set_result(decode_parts(body[1:]))
        else:
            raise WorkerLost(f"a worker failed: {body[1:].decode()}")

    async def close(self) -> None:
        """End the process and give the memory back. Safe to call twice."""
        if self._writer is not None:
            self._writer.close()
        if self._process is not None and self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), GOING_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._memory.close()
        self._file.close()

    def _numbers_of(self, key: tuple[int, int]) -> asyncio.Future[Numbers]:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = asyncio.get_running_loop().create_future()
        return found

    def _state_of(self, seq: int) -> asyncio.Future[dict[str, bytes]]:
        found = self._states.get(seq)
        if found is None:
            found = self._states[seq] = asyncio.get_running_loop().create_future()
            while len(self._states) > STATES_MAX:
                del self._states[min(self._states)]
        return found

    def _done(self, body: bytes) -> None:
        slot, first_seq = DONE_HEAD.unpack_from(body)
        count, rows = self._blocks.pop(slot)
        at = DONE_HEAD.size
        for index, rank in enumerate(self.ranks):
            (size,) = LENGTH.unpack_from(body, at)
            at += LENGTH.size
            completed = unpack_completed(body[at : at + size], self._layout.widths[index])
            at += size
            live = self._copy(self._layout.live(slot, index, count)) if self._live else floats(0)
            waiting = self._numbers_of((first_seq, rank))
            if not waiting.done():
                waiting.set_result(Numbers(live, rows, completed))
        self._free.append(slot)
        self._freed.set()

    def _copy(self, place: slice) -> vec[float]:
        """Return the floats in a place of the shared memory."""
        values = floats((place.stop - place.start) // 8)
        for start in range(place.start, place.stop, COPY_BYTES):
            stop = min(start + COPY_BYTES, place.stop)
            fill(values, (start - place.start) // 8, self._memory[start:stop])
        return values

    def _send(self, message: bytes) -> None:
        assert self._writer is not None, "a worker is started before it is spoken to"
        self._writer.write(LENGTH.pack(len(message)) + message)

    async def _receive(self) -> bytes:
        assert self._reader is not None, "a worker is started before it is listened to"
        try:
            (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            fate = await self._fate()
            raise WorkerLost(f"a worker {fate}: its indicators are lost; start again from the log") from error

    async def _fate(self) -> str:
        assert self._process is not None, "only a started worker is lost"
        try:
            code = await asyncio.wait_for(self._process.wait(), GOING_S)
        except TimeoutError:
            return "closed its connection"
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _memory_file() -> IO[bytes]:
    """Return a file without a name, in memory where the system has that; the process inherits it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("mtf"), "r+b")
    return tempfile.TemporaryFile()
