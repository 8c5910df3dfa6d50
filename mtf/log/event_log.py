"""The protocols of a log: events by seq, appended in blocks by one writer, readable by anyone from any seq on.

Owns the contract of every backend, and the value that reading returns. Seqs are 1, 2, 3 ... without a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from mtf.events.block import Block

if TYPE_CHECKING:
    from mtf.log.recovery import TornTail

__all__ = [
    "ALL_SYMBOLS",
    "NO_POSITIONS",
    "BlockReader",
    "EventLog",
    "LoggedBlock",
    "ReadableLog",
    "changed_positions",
    "join_blocks",
]

ALL_SYMBOLS: Final = -1
NO_POSITIONS: Final[Mapping[str, Any]] = MappingProxyType({})


class LoggedBlock:
    """A block as it was appended, and what was written with it."""

    __slots__ = ("block", "chain", "durable_seq", "positions")

    def __init__(self, block: Block, positions: dict[str, Any], durable_seq: int, chain: int) -> None:
        self.block: Final = block
        self.positions: Final = positions  # of the sources whose position changed with this block
        self.durable_seq: Final = durable_seq  # the highest seq known synced when the block was written
        self.chain: Final = chain  # after the block: equal chains mean equal events, seqs and positions up to here

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LoggedBlock)
            and self.block == other.block
            and self.positions == other.positions
            and self.chain == other.chain
        )

    def __hash__(self) -> int:
        return self.chain

    def __repr__(self) -> str:
        return f"LoggedBlock({self.block!r}, durable {self.durable_seq})"


class BlockReader(Protocol):
    """Reads blocks in order; one thread at a time. One that is dropped midway leaves nothing open."""

    @property
    def last_seq(self) -> int:
        """The newest event that has been returned, or passed over on the way to the first."""
        ...

    @property
    def symbols(self) -> list[str]:
        """The names by number, as of `last_seq` at least."""
        ...

    @property
    def positions(self) -> dict[str, Any]:
        """The newest position of each source, as of `last_seq` at least."""
        ...

    def __iter__(self) -> Iterator[LoggedBlock]: ...

    def __next__(self) -> LoggedBlock: ...

    def poll(self) -> LoggedBlock | None:
        """Return the next block, or None if there is none yet; CorruptLog for anything that is not intact."""
        ...

    def close(self) -> None: ...


class ReadableLog(Protocol):
    """A log as its readers see it, while its writer appends, in this process or another; each property is of now.

    Whatever is here may wait for a disk or a network, and is used in any thread. The pipeline asks in a thread wherever
    its caller can wait; answers that are not awaited (`Pipeline.state_at`) are asked for on its event loop. A backend
    whose calls are coroutines therefore runs them on a loop of its own, in a thread of its own.
    """

    @property
    def config(self) -> bytes:
        """The first record: the canonical JSON of the configuration, by value."""
        ...

    @property
    def run_id(self) -> bytes:
        """16 bytes that tell this log from all others, wherever it is."""
        ...

    @property
    def first_seq(self) -> int:
        """The oldest event still kept; 1 unless a retention has removed some."""
        ...

    @property
    def last_seq(self) -> int:
        """The newest event; 0 when there is none yet."""
        ...

    @property
    def positions(self) -> dict[str, Any]:
        """The newest position of each named source."""
        ...

    @property
    def symbols(self) -> list[str]:
        """The names by number, as of `last_seq`."""
        ...

    def read(
        self,
        from_seq: int = 1,
        *,
        last_seq: int | None = None,
        block_events: int = 1,
        names: Sequence[str] = (),
    ) -> BlockReader:
        """Return a reader from the block that contains *from_seq* to that of *last_seq*, or to the end.

        The end is that of the call, or a later one. With *block_events*, blocks are joined until one holds that many or
        more. DataDirError if *from_seq* is no longer kept, CorruptLog for damage on the way: never a shorter history.
        *names* are the symbols by number, as far as the caller knows them, which may spare a look at the beginning.
        """
        ...

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        """Return first and last seq of the runs, in order, that hold all ticks stamped in `[start_ns, end_ns)`.

        Of the events up to *last_seq*, and of *symbols*: a set, bit n of which stands for the symbol of number n, or
        `ALL_SYMBOLS`. They hold others too; a log without an index returns all of its events.
        """
        ...

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> BlockReader:
        """Return a reader as `read` does, without an end: its `poll` finds what is appended later, too."""
        ...

    def close(self) -> None:
        """Release what this reading holds open. Safe to call twice."""
        ...


class EventLog(ReadableLog, Protocol):
    """One writer's log: a second writer is refused (LogLocked), or ends the first one at its next `append` or `sync`.

    The properties, and `append` unless the log is `full`, return at once: they are used on the event loop. What was
    appended becomes durable later; `sync`, called in a thread, waits for that. So a log on a network sends in `append`,
    is `full` while too much is unacknowledged, and waits in `sync` for acknowledgements. `append` runs in one thread
    while `sync` runs in another; the rest is the writer's own, except for what `ReadableLog` has. Without a *last_seq*,
    `read` ends with what was there at the call.
    """

    @property
    def durable_seq(self) -> int:
        """The highest seq known durable: no crash that the backend is made for loses it."""
        ...

    @property
    def chain(self) -> int:
        """The chain's value after the newest event."""
        ...

    @property
    def full(self) -> bool:
        """Whether the next append waits: it is done in a thread then."""
        ...

    @property
    def torn(self) -> TornTail | None:
        """What opening cut off the end, after a crash or a damage there; None: nothing."""
        ...

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        """Hand over *block*, which starts at `last_seq + 1`, and the positions that changed.

        It goes to the operating system, or on its way through a network. LogWriteFailed on the first write that is
        known to have failed, or to be short, and from then on.
        """
        ...

    def sync(self) -> int:
        """Make what was appended before the call durable and return `durable_seq`; LogWriteFailed as in `append`."""
        ...

    def retain(self, min_needed_seq: int) -> None:
        """Remove what holds only events before *min_needed_seq*, as far as that is possible; called in a thread."""
        ...

    def expired_seq(self, needed_seq: int, before_ns: int | None, max_bytes: int | None) -> int:
        """Return the first seq that stays if events go that are stamped before *before_ns*, or take too much room.

        That is as long as all together take more than *max_bytes*. None from *needed_seq* on goes, and none at all if
        the backend has limits of its own. To be handed to `retain`; called in a thread.
        """
        ...

    def maintain(self, *, compress: bool, noted: Callable[[str], object]) -> None:
        """Have what is written made small, with *compress*, and quick to find in the background, until `close`.

        *noted* is called in any thread with a sentence about what could not be done, and nothing is lost by that. A
        backend that has nothing to do does nothing.
        """
        ...

    def close(self) -> None:
        """Make everything durable (unless a write failed), and let another writer have it. Safe to call twice."""
        ...


def join_blocks(parts: list[LoggedBlock]) -> LoggedBlock:
    """Return *parts*, which follow each other, as one block; positions are the newest of each source."""
    if len(parts) == 1:
        return parts[0]
    first_seq, last_seq = parts[0].block.first_seq, parts[-1].block.last_seq
    rows = b"".join([part.block.rows for part in parts])
    heap = b"".join([part.block.heap for part in parts])
    positions: dict[str, Any] = {}
    for part in parts:
        positions.update(part.positions)
    block = Block(first_seq, last_seq + 1 - first_seq, rows, heap)
    return LoggedBlock(block, positions, parts[-1].durable_seq, parts[-1].chain)


def changed_positions(known: Mapping[str, bytes], positions: Mapping[str, Any]) -> dict[str, bytes]:
    """Return, as JSON, those of *positions* that differ from what is *known*."""
    changed: dict[str, bytes] = {}
    for name, position in positions.items():
        encoded = orjson.dumps(position)
        if known.get(name) != encoded:
            changed[name] = encoded
    return changed
