"""Reading the log of a partition from its stream: each message checked against the one before, none skipped.

`StreamCursor` is for the broker's loop, `StreamReader` for plain calls. Where the broker has less than it says, or
other bytes than were written, the answer is CorruptLog with the partition's name, never a shorter history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from mtf.cluster.broker import Broker, Stored
from mtf.cluster.link import Caller
from mtf.cluster.stream_frames import FIRST_BLOCK, StreamChain, frame_of
from mtf.errors import CorruptLog, DataDirError
from mtf.log.event_log import LoggedBlock, join_blocks

__all__ = ["StreamCursor", "StreamReader", "begun_chain", "newest_frame", "place_before"]

BATCH: Final = 64  # messages asked for at once


async def begun_chain(broker: Broker, stream: str, place: str) -> StreamChain:
    """Return what is known after the first message of *stream*; DataDirError if there is no log."""
    first = await broker.message(stream, 1)
    if first is None:
        state = await broker.stream_state(stream)
        if state is None or not state.last:
            raise DataDirError(f"{place}: there is no log here")
        first = await lasting_message(broker, stream, 1)
    if first is None:
        raise CorruptLog(f"{place}: its first message, the configuration, is gone: repair it", path=place, seq=1)
    return StreamChain.begin(first.data, place)


async def newest_frame(broker: Broker, stream: str, chain: StreamChain) -> tuple[int, int, int]:
    """Return number, last seq and chain of the newest message; CorruptLog if the stream has lost its end.

    Of the log's beginning *chain* is what is known.
    """
    number, newest = await broker.last_message(stream)

    async def is_gone() -> bool:
        nonlocal number, newest
        number, newest = await broker.last_message(stream)
        return newest is None and number > 0

    if newest is None and number > 0:
        await broker.is_lasting(is_gone)
    if number <= 0:
        raise DataDirError(f"{chain.place}: there is no log here")
    if number < FIRST_BLOCK:
        return 1, 0, chain.chain
    header = None if newest is None else frame_of(newest.data, chain.seed)
    if header is None:
        raise await damage_found(broker, stream, chain, number)
    return number, header.first_seq + header.events - 1, header.chain


async def lasting_message(broker: Broker, stream: str, number: int) -> Stored | None:
    """Return the message *number*, which should be there; None if it lastingly is not."""
    found: Stored | None = None

    async def is_missing() -> bool:
        nonlocal found
        found = await broker.message(stream, number)
        return found is None

    await broker.is_lasting(is_missing)
    return found


async def damage_found(broker: Broker, stream: str, begun: StreamChain, last: int) -> CorruptLog:
    """Return the error for the first message up to *last* that is missing or altered, by reading the log."""
    chain = begun.copy()
    try:
        await StreamCursor(broker, stream, chain, last).pass_all()
    except CorruptLog as error:
        return error
    return chain.damage(f"message {last} could not be read")


async def place_before(broker: Broker, stream: str, chain: StreamChain, seq: int, last: int) -> Stored | None:
    """Return the message before the one that contains *seq*, of those up to number *last*; None: the first block does.

    Found by halves, so that it takes as many questions as the log has doublings.
    """
    low, high = FIRST_BLOCK, last + 1  # the first message whose first seq is above *seq* is in [low, high]
    while low < high:
        middle = (low + high) // 2
        found = await lasting_message(broker, stream, middle)
        header = None if found is None else frame_of(found.data, chain.seed)
        if header is None:
            raise await damage_found(broker, stream, chain, last)
        if header.first_seq > seq:
            high = middle
        else:
            low = middle + 1
    before = low - 2
    return None if before < FIRST_BLOCK else await broker.message(stream, before)


class StreamCursor:
    """Blocks of *stream* from where *chain* is, up to the message *last*; None: all that come."""

    def __init__(self, broker: Broker, stream: str, chain: StreamChain, last: int | None = None) -> None:
        self._broker: Final = broker
        self._stream: Final = stream
        self.chain: Final = chain
        self._last: Final = last

    async def more(self) -> list[LoggedBlock]:
        """Return the next blocks, or none if there are none yet; CorruptLog if a message is missing or altered."""
        chain = self.chain
        count = BATCH if self._last is None else min(BATCH, self._last + 1 - chain.number)
        if count <= 0:
            return []
        if self._last is None:
            await self._broker.settled(self._stream)
        stored = await self._broker.messages(self._stream, chain.number, count)
        if not stored and self._last is not None:
            one = await lasting_message(self._broker, self._stream, chain.number)
            if one is None:
                raise chain.damage(f"message {chain.number} is missing, and the stream goes on to {self._last}")
            stored = [one]
        return [chain.read(each.data, each.number) for each in stored]

    async def pass_all(self) -> None:
        """Read on to the message *last*, for what is known behind it."""
        assert self._last is not None, "it has an end"
        while self.chain.number <= self._last:
            _ = await self.more()

    async def is_stored(self) -> bool:
        """Whether the next message is there."""
        return bool(await self._broker.messages(self._stream, self.chain.number, 1))

    async def check_end(self) -> None:
        """CorruptLog if the stream should have more than it gives; to be asked when nothing came."""
        number = self.chain.number
        last = -1

        async def is_short() -> bool:
            nonlocal last
            state = await self._broker.stream_state(self._stream)
            last = -1 if state is None else state.last
            if last < number - 1:
                return True
            return last >= number and await self._broker.message(self._stream, number) is None

        if await is_short() and await self._broker.is_lasting(is_short):
            if last < number - 1:
                at = "there is none" if last < 0 else f"ends at message {last}"
                raise self.chain.damage(f"message {number - 1} was read, and the stream {at} now")
            raise self.chain.damage(f"message {number} is missing, and the stream goes on to {last}")


class StreamReader(Iterator[LoggedBlock]):
    """Blocks of *cursor* from the one that contains *from_seq* to that of *last_seq* (`mtf.log.event_log`)."""

    def __init__(
        self, link: Caller, cursor: StreamCursor, from_seq: int, last_seq: int | None, block_events: int
    ) -> None:
        self._link: Final = link
        self._cursor: Final = cursor
        self._from_seq: Final = from_seq
        self._last_seq: Final = last_seq
        self._block_events: Final = block_events
        self._ready: Final[deque[LoggedBlock]] = deque()

    @property
    def last_seq(self) -> int:
        return self._cursor.chain.last_seq - sum(each.block.count for each in self._ready)

    @property
    def symbols(self) -> list[str]:
        return list(self._cursor.chain.symbols.names)

    @property
    def positions(self) -> dict[str, Any]:
        return self._cursor.chain.decoded_positions()

    def __next__(self) -> LoggedBlock:
        found = self.poll()
        if found is None:
            raise StopIteration
        return found

    def poll(self) -> LoggedBlock | None:
        parts: list[LoggedBlock] = []
        held = 0
        while held < self._block_events and (part := self._next_part()) is not None:
            parts.append(part)
            held += part.block.count
        return join_blocks(parts) if parts else None

    def close(self) -> None:
        """There is nothing to close."""

    def _next_part(self) -> LoggedBlock | None:
        while not self._ready:
            if self._last_seq is not None and self._cursor.chain.next_seq > self._last_seq:
                return None
            found = self._link.call(self._cursor.more())
            if not found:
                if self._last_seq is None:
                    self._link.call(self._cursor.check_end())
                return None
            self._ready.extend(each for each in found if each.block.last_seq >= self._from_seq)
        if self._last_seq is not None and self._ready[0].block.first_seq > self._last_seq:
            return None
        return self._ready.popleft()
