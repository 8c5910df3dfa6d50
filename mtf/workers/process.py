"""The worker process: `python -m mtf.workers.process SOCKET MEMORY`, two inherited file descriptors.

Builds the bars of its timeframes from the same blocks with the same cores, computes the indicators of its shards, and
writes their values into the shared memory. Ends when the socket is closed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import sys
from typing import Final

import orjson

from mtf.bars.judged_block import JudgedBlock
from mtf.config import Config
from mtf.events.block import Block
from mtf.indicators.transfer import completed_of, live_of
from mtf.indicators.values import Numbers
from mtf.kernel import Kernel
from mtf.saved_parts import image_of
from mtf.workers.shards import Shards
from mtf.workers.user_indicators import register_paths
from mtf.workers.wire import (
    BLOCK,
    BLOCK_HEAD,
    DONE,
    DONE_HEAD,
    FAILED,
    LENGTH,
    LOAD,
    SAVE,
    SAVED,
    MemoryLayout,
    decode_parts,
    encode_parts,
)

__all__ = ["main"]


class Share:
    """The cores of one worker's shards, and the memory it writes to."""

    def __init__(self, setup: bytes, memory_file: int) -> None:
        given = orjson.loads(setup)
        register_paths(given["own"])
        config = Config.from_json(given["config"].encode())
        shards = Shards(given["ranks"], given["workers"])
        worker = given["worker"]
        self.worker: Final[int] = worker
        self.owners: Final = shards.owners
        self.ranks: Final = shards.ranks_of(worker)
        self.engine: Final = Kernel(config, lambda rank, number: shards.owner(rank, number) == worker)
        self.parts: Final = [f"indicators:{config.timeframes[rank]}" for rank in self.ranks]
        self.layout: Final = MemoryLayout(given["block_events"], [each.width for each in self.engine.calculators])
        self.memory: Final = mmap.mmap(memory_file, self.layout.bytes)
        self.floats: Final = memoryview(self.memory).cast("d")

    def block(self, body: bytes) -> bytes:
        """Compute a block and return the answer."""
        slot, first_seq, count, horizon_ns, every_row = BLOCK_HEAD.unpack_from(body)
        rows = self.memory[self.layout.rows(slot, count)]
        engine = self.engine
        if horizon_ns != engine.gate.horizon_ns:
            engine.gate.end_look_back()
            engine.gate.horizon_ns = horizon_ns
        judged = engine.gate.judge(Block(first_seq, count, rows, body[BLOCK_HEAD.size :]))
        answer = [DONE, DONE_HEAD.pack(slot)]
        for rank in self.ranks:
            calculator = engine.calculators[rank]
            columns = engine.aggregators[rank].aggregate(judged)
            numbers = calculator.compute(judged, columns, every_row)
            owners, width = self.owners[rank], calculator.width
            if len(numbers.live):
                self._hand_over(slot, rank, judged, numbers)
            completed = completed_of(owners, self.worker, columns.closings, numbers, width)
            answer += [LENGTH.pack(len(completed)), completed]
        return b"".join(answer)

    def _hand_over(self, slot: int, rank: int, judged: JudgedBlock, numbers: Numbers) -> None:
        """Write the live values that this worker owns into the shared memory."""
        owners, layout, width = self.owners[rank], self.layout, self.layout.widths[rank]
        if owners.is_one:
            live = memoryview(numbers.live)
            self.floats[layout.live(slot, rank, 0, len(live) // width)] = live
            return
        start = owners.starts(judged, numbers.rows)[self.worker]
        data = memoryview(live_of(owners, self.worker, judged, numbers, width)).cast("d")
        self.floats[layout.live(slot, rank, start, start + len(data) // width)] = data

    def save(self) -> bytes:
        cores = self.engine.cores()
        return SAVED + encode_parts({part: image_of(cores[part]) for part in self.parts})


def serve(connection: socket.socket, memory_file: int) -> None:
    """Answer messages until the connection ends."""
    stream = connection.makefile("rwb", buffering=1 << 16)
    share: Share | None = None
    while head := stream.read(LENGTH.size):
        body = stream.read(LENGTH.unpack(head)[0])
        kind, body = body[:1], body[1:]
        answer = b""
        if share is None:
            share = Share(body, memory_file)
        elif kind == BLOCK:
            answer = share.block(body)
        elif kind == SAVE:
            answer = share.save()
        elif kind == LOAD:
            share.engine.load_parts(decode_parts(body))
        if answer:
            stream.write(LENGTH.pack(len(answer)) + answer)
            stream.flush()


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted pipeline ends its workers itself
    connection = socket.socket(fileno=int(arguments[0]))
    try:
        serve(connection, int(arguments[1]))
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it is sent to the pipeline, which stops with it
        failure = FAILED + repr(error).encode()
        with contextlib.suppress(OSError):  # the pipeline may have ended
            connection.sendall(LENGTH.pack(len(failure)) + failure)
        return 3
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
