"""A storage that is reached as one on a network is: every call is a coroutine on a loop of its own, in another thread.

An append is sent and acknowledged later; at most `WINDOW` may be unacknowledged. A server that is `paused` answers
nothing until it is resumed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from copy import deepcopy
from typing import Any, Final, TypeVar

from mtf.config import Config
from mtf.errors import CorruptLog, LogWriteFailed
from mtf.events.block import Block
from mtf.log import BlockReader, EventLog, LoggedBlock, ReadableLog
from mtf.log.event_log import NO_POSITIONS
from mtf.log.recovery import TornTail
from mtf.notes import Notes
from mtf.saved_parts import Part
from mtf.storage.checkpoint_store import Checkpoint
from tests.log.memory_log import Kept, MemoryLog, MemoryReading
from tests.storage.memory_storage import MemoryCheckpoints, MemoryRows, MemoryStorage

__all__ = ["RemoteStorage"]

WINDOW: Final = 4
PATIENCE_S: Final = 20.0

Answer = TypeVar("Answer")


class Server:
    """An event loop in a thread, which does what it is asked in the order in which it is asked."""

    def __init__(self) -> None:
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, name="server")
        self._thread.start()
        self._resumed: asyncio.Event = self._on_loop(self._made).result(PATIENCE_S)

    def ask(self, work: Callable[[], Answer]) -> Future[Answer]:
        """Have *work* done, once the server is not paused."""

        async def answer() -> Answer:
            async with self._order:
                await self._resumed.wait()
                return work()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop)

    def pause(self) -> None:
        self._loop.call_soon_threadsafe(self._resumed.clear)

    def resume(self) -> None:
        self._loop.call_soon_threadsafe(self._resumed.set)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def _on_loop(self, work: Callable[[], Answer]) -> Future[Answer]:
        async def answer() -> Answer:
            return work()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop)

    def _made(self) -> asyncio.Event:
        self._order = asyncio.Lock()  # held by the oldest question
        resumed = asyncio.Event()
        resumed.set()
        return resumed


class RemoteReader:
    """A reader whose blocks come from the *server*, one question for each."""

    def __init__(self, server: Server, reader: BlockReader) -> None:
        self._server: Final = server
        self._reader: Final = reader

    @property
    def last_seq(self) -> int:
        return self._server.ask(lambda: self._reader.last_seq).result(PATIENCE_S)

    @property
    def symbols(self) -> list[str]:
        return self._server.ask(lambda: self._reader.symbols).result(PATIENCE_S)

    @property
    def positions(self) -> dict[str, Any]:
        return self._server.ask(lambda: self._reader.positions).result(PATIENCE_S)

    def __iter__(self) -> RemoteReader:
        return self

    def __next__(self) -> LoggedBlock:
        found = self.poll()
        if found is None:
            raise StopIteration
        return found

    def poll(self) -> LoggedBlock | None:
        return self._server.ask(self._reader.poll).result(PATIENCE_S)

    def close(self) -> None: ...


class RemoteReading:
    """What readers see of what is *kept* on the server."""

    def __init__(self, server: Server, kept: Kept) -> None:
        self._server: Final = server
        self._reading: Final = MemoryReading(kept)
        self.config: Final = kept.config
        self.run_id: Final = kept.run_id

    @property
    def first_seq(self) -> int:
        return self._server.ask(lambda: self._reading.first_seq).result(PATIENCE_S)

    @property
    def last_seq(self) -> int:
        return self._server.ask(lambda: self._reading.last_seq).result(PATIENCE_S)

    @property
    def positions(self) -> dict[str, Any]:
        return self._server.ask(lambda: self._reading.positions).result(PATIENCE_S)

    @property
    def symbols(self) -> list[str]:
        return self._server.ask(lambda: self._reading.symbols).result(PATIENCE_S)

    def read(
        self,
        from_seq: int = 1,
        *,
        last_seq: int | None = None,
        block_events: int = 1,
        names: Sequence[str] = (),
    ) -> RemoteReader:
        def begin() -> BlockReader:
            return self._reading.read(from_seq, last_seq=last_seq, block_events=block_events)

        return RemoteReader(self._server, self._server.ask(begin).result(PATIENCE_S))

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> RemoteReader:
        def begin() -> BlockReader:
            return self._reading.follow(from_seq, block_events=block_events)

        return RemoteReader(self._server, self._server.ask(begin).result(PATIENCE_S))

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        return self._server.ask(lambda: self._reading.find(symbols, start_ns, end_ns, last_seq)).result(PATIENCE_S)

    def close(self) -> None: ...


class RemoteLog(RemoteReading):
    """The writer's side: what is known here, and a window of appends that the server has not acknowledged."""

    def __init__(self, server: Server, kept: Kept) -> None:
        super().__init__(server, kept)
        self._kept: Final = kept
        self._log: Final = server.ask(lambda: MemoryLog(kept=kept)).result(PATIENCE_S)  # of the server
        self._local: Final = MemoryLog(kept=_copy(kept))  # the same, as far as it was sent
        self._sent: Final[list[Future[None]]] = []  # oldest first, acknowledged ones too until somebody looks
        self._failed: LogWriteFailed | None = None  # the first append that was refused
        self.durable_seq = kept.last_seq
        self.torn: TornTail | None = None

    @property
    def first_seq(self) -> int:
        return self._log.first_seq

    @property
    def last_seq(self) -> int:
        return self._local.last_seq

    @property
    def chain(self) -> int:
        return self._local.chain

    @property
    def positions(self) -> dict[str, Any]:
        return self._local.positions

    @property
    def symbols(self) -> list[str]:
        return self._local.symbols

    @property
    def full(self) -> bool:
        self._acknowledge()
        return len(self._sent) >= WINDOW and self._failed is None

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        while self.full:
            wait(self._sent[:1], PATIENCE_S)
        if self._failed is not None:
            raise self._failed
        self._local.append(block, positions)
        sent = deepcopy(dict(positions))  # the caller may change them
        self._sent.append(self._server.ask(lambda: self._log.append(block, sent)))

    def sync(self) -> int:
        target = self.last_seq
        wait(list(self._sent), PATIENCE_S)
        self._acknowledge()
        if self._failed is not None:
            raise self._failed
        self._server.ask(self._log.sync).result(PATIENCE_S)
        self.durable_seq = max(self.durable_seq, target)
        return self.durable_seq

    def retain(self, min_needed_seq: int) -> None:
        self._server.ask(lambda: self._log.retain(min_needed_seq)).result(PATIENCE_S)

    def expired_seq(self, needed_seq: int, before_ns: int | None, max_bytes: int | None) -> int:
        return self._server.ask(lambda: self._log.expired_seq(needed_seq, before_ns, max_bytes)).result(PATIENCE_S)

    def maintain(
        self, *, compress: bool, noted: Callable[[str], object], damaged: Callable[[CorruptLog], object]
    ) -> None: ...

    def close(self) -> None:
        try:
            if self._failed is None:
                self.sync()
        finally:
            self._local.close()
            self._server.ask(self._log.close).result(PATIENCE_S)

    def _acknowledge(self) -> None:
        """Drop what was acknowledged, and note the first append that was refused: nothing is sent after it."""
        while self._sent and self._sent[0].done() and self._failed is None:
            error = self._sent[0].exception()
            if error is not None:
                self._failed = LogWriteFailed(f"the server refused an append: {error}")
            del self._sent[0]


def _copy(kept: Kept) -> Kept:
    copy = Kept(kept.config, kept.run_id)
    copy.blocks = list(kept.blocks)
    copy.names_before, copy.positions_before = list(kept.names_before), dict(kept.positions_before)
    return copy


class RemoteCheckpoints(MemoryCheckpoints):
    """Checkpoints on the *server*."""

    def __init__(self, server: Server, saved: dict[int, bytes], name: str) -> None:
        super().__init__(saved, name, aloof=False)
        self._server: Final = server

    def save(self, seq: int, meta: dict[str, Any], parts: Mapping[str, Part]) -> None:
        save = super().save
        self._server.ask(lambda: save(seq, meta, parts)).result(PATIENCE_S)

    def read(self, seq: int) -> Checkpoint:
        read = super().read
        return self._server.ask(lambda: read(seq)).result(PATIENCE_S)


class RemoteStorage(MemoryStorage):
    """A storage on a server."""

    def __init__(self, name: str = "remote://here") -> None:
        super().__init__(name)
        self.server: Final = Server()

    def close(self) -> None:
        self.server.close()

    def open_log(self, config: bytes, notes: Notes) -> EventLog:
        if self.log is None:
            self.log = Kept(config)
        return RemoteLog(self.server, self.log)

    def read_log(self) -> ReadableLog:
        super().read_log()
        assert self.log is not None, "there is a log"
        return RemoteReading(self.server, self.log)

    def checkpoints(self, config: Config) -> RemoteCheckpoints:
        return RemoteCheckpoints(self.server, self.saved, self.name)

    def malformed_rows(self) -> MemoryRows:
        return self.server.ask(lambda: MemoryRows(self.rows)).result(PATIENCE_S)
