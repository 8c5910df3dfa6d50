"""The sequencer: gives every event its seq, writes it to the log, passes it through the gate and to the aggregators.

The only place that decides the order of events. Producers write events into the block builder; whatever waits there
becomes one block as soon as the aggregators have room: a single event when idle, as many as are waiting under load.
Nobody sees a block before it is in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from mtf.actors.actor import Actor, Marker, MarkerKind, Supervised
from mtf.actors.waiters import Waiters
from mtf.bars.gate import Gate
from mtf.bars.judged_block import JudgedBlock
from mtf.events.block import Block, cut
from mtf.events.block_builder import BlockBuilder
from mtf.image import Image
from mtf.saved_parts import GATE

__all__ = ["LogWriter", "Sequencer"]


class LogWriter(Protocol):
    """How the sequencer writes to the log (`mtf.log.Writer`)."""

    def try_append(self, block: Block, positions: dict[str, Any]) -> bool: ...

    async def append(self, block: Block, positions: dict[str, Any]) -> None: ...


class Sequencer(Supervised):
    """Turns the events that wait in the block builder into blocks."""

    def __init__(self, builder: BlockBuilder, gate: Gate, writer: LogWriter | None, block_events: int) -> None:
        super().__init__("sequencer")
        self.builder: Final = builder
        self.gate = gate
        self.taken_seq = 0  # last event taken from the block builder; those that wait there follow it
        self.sent_seq = 0  # last event sent to all aggregators
        self.positions: dict[str, Any] = {}  # of sources, written with the next block
        self.watch: Callable[[Block, dict[str, Any]], Block] | None = None  # sees each block first, and may replace it
        self.outlets: list[Actor] = []  # receive each judged block
        self._busy = False  # a block is on its way to the outlets
        self._writer: Final = writer
        self._block_events: Final = block_events  # most events in one block
        self._unlogged: tuple[Block, dict[str, Any]] | None = None  # taken, not yet in the log
        self._played: JudgedBlock | None = None  # from a log that is replayed, not yet sent
        self._markers: list[Marker] = []  # sent once the block builder is empty
        self._wake: Final = asyncio.Event()
        self._sent: Final = Waiters()  # for a seq to be sent

    @property
    def next_seq(self) -> int:
        """The seq of the next event written into the block builder."""
        return self.taken_seq + self.builder.count + 1

    def flush_now(self) -> bool:
        """Send what is in the block builder at once; False if that has to wait (then the task does it)."""
        if not self._can_send_now():
            return False
        if not self.builder.count:
            return True
        self._busy = True
        try:
            block, positions = self._take_block()
            if self._writer is not None and not self._writer.try_append(block, positions):
                return False
            self._send_now(self._judge_logged())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it stops the pipeline
            self._fail(error)
        finally:
            self._busy = False
        return True

    async def flush(self, seq: int) -> None:
        """Return once *seq* is in the log, as its durability mode promises, and sent."""
        self.flush_now()
        if self.sent_seq >= seq:  # it may have been sent earlier, even if there is no room now
            return
        waiter = self._sent.wait(seq)
        self._wake.set()
        await waiter

    async def replay(self, block: Block) -> None:
        """Send *block*, which comes from a log, as it is; cancelling the caller only ends its wait."""
        assert self._played is None, "a log is replayed block by block"
        assert block.first_seq == self.taken_seq + 1, "a log is replayed in order"
        assert not self.builder.count, "the block builder is empty during a replay"
        rest: Block | None = block
        while rest is not None:
            piece, rest = (rest, None) if rest.count <= self._block_events else cut(rest, self._block_events)
            self.taken_seq = piece.last_seq
            if self._play_now(piece):
                continue
            waiter = self._sent.wait(piece.last_seq)
            self._wake.set()
            await waiter

    def wake(self) -> None:
        """Have the task send what is in the block builder, or was taken from there and could not be logged at once."""
        if self.builder.count or self._unlogged is not None:
            self._wake.set()

    def mark(self, marker: Marker) -> None:
        """Send *marker* after all events that are waiting."""
        self._markers.append(marker)
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._busy = True
            try:
                if self._played is not None:
                    await self._send(self._played)
                    self._played = None
                while self.builder.count or self._unlogged is not None:
                    await self._flush()
                while self._markers:
                    marker = self._markers[0]
                    marker.seq = self.taken_seq
                    marker.newest_ns = self.gate.newest_ns
                    if marker.kind is MarkerKind.CHECKPOINT:
                        marker.images[GATE] = Image(self.gate)
                    for outlet in self.outlets:
                        await outlet.send(marker)
                    del self._markers[0]
            finally:
                self._busy = False

    def stop(self, error: BaseException) -> None:
        """Stop sending; everyone who waits for an event to be sent, or for room, gets *error*."""
        self._failed = True
        self._sent.fail(error)
        for outlet in self.outlets:
            outlet.mailbox.close(error)

    def _play_now(self, block: Block) -> bool:
        """Judge *block*, which comes from a log, and send it at once; False if that has to wait for the task."""
        try:
            judged = self.gate.judge(block)
            if self._can_send_now():
                self._busy = True
                try:
                    self._send_now(judged)
                finally:
                    self._busy = False
                return True
            self._played = judged
        except BaseException as error:  # noqa: BLE001 - whatever it is, it stops the pipeline
            self._fail(error)
        return False

    def _can_send_now(self) -> bool:
        """Return whether nothing comes before the next block, and all outlets have room."""
        if self._busy or self._failed or self._unlogged is not None or self._played is not None or self._markers:
            return False
        for outlet in self.outlets:
            if outlet.mailbox.full:
                return False
        return True

    def _send_now(self, judged: JudgedBlock) -> None:
        """Send *judged* to the outlets, which have room."""
        for outlet in self.outlets:
            taken = outlet.accept(judged)
            assert taken, "an outlet with room takes the block"
        self._arrived(judged.block)

    async def _flush(self) -> None:
        block, positions = self._take_block() if self._unlogged is None else self._unlogged
        if self._writer is not None:
            await self._writer.append(block, positions)
        await self._send(self._judge_logged())

    async def _send(self, judged: JudgedBlock) -> None:
        for outlet in self.outlets:
            await outlet.send(judged)
        self._arrived(judged.block)

    def _take_block(self) -> tuple[Block, dict[str, Any]]:
        """Take what is in the block builder, in the form that goes into the log."""
        block = self.builder.take(self.taken_seq + 1)
        self.taken_seq = block.last_seq
        positions = self.positions
        if self.watch is not None:
            block = self.watch(block, positions)
        if positions:
            self.positions = {}
        self._unlogged = (block, positions)
        return block, positions

    def _judge_logged(self) -> JudgedBlock:
        """Judge the block that was taken, which is in the log by now."""
        assert self._unlogged is not None, "a block was taken"
        block, self._unlogged = self._unlogged[0], None
        return self.gate.judge(block)

    def _arrived(self, block: Block) -> None:
        self.sent_seq = block.last_seq
        self._sent.reached(self.sent_seq)
