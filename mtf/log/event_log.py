"""The protocols of a log: events by seq, appended in blocks by one writer, readable by anyone from any seq on.

Owns the contract of every backend, and the value that reading returns. Seqs are 1, 2, 3 ... without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import orjson

from mtf.errors import CorruptLog
from mtf.events.block import Block

if TYPE_CHECKING:
    from mtf.log.recovery import TornTail

__all__ = [
    "ALL_SYMBOLS",
    "NO_POSITIONS",
    "BeginsSyncs",
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
    """A block as it was appended, with the data that was written with it."""

    __slots__ = ("block", "chain", "durable_seq", "positions")

    def __init__(self, block: Block, positions: dict[str, Any], durable_seq: int, chain: int) -> None:
        self.block: Final = block
        self.positions: Final = positions  # of the sources whose position changed with this block
        self.durable_seq: Final = durable_seq  # the highest seq known to be synced when the block was written
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
    """Reads blocks in order; one thread at a time. Leaves nothing open when it is dropped midway."""

    @property
    def last_seq(self) -> int:
        """The newest event that has been returned, or skipped on the way to the first."""
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
    """A log as seen by readers, while its writer may append, here or in another process; properties are current values.

    All members may wait for a disk or a network, and may be used in any thread. The pipeline uses a thread whenever its
    caller can wait; calls that are not awaited (`Pipeline.state_at`) are made on its event loop. A backend whose calls
    are coroutines therefore runs them on its own loop, in its own thread.
    """

    @property
    def config(self) -> bytes:
        """The first record: the canonical JSON of the complete configuration."""
        ...

    @property
    def run_id(self) -> bytes:
        """16 bytes that identify this log among all others, wherever it is."""
        ...

    @property
    def first_seq(self) -> int:
        """The oldest event that is kept; 1 unless retention has removed some."""
        ...

    @property
    def last_seq(self) -> int:
        """The newest event; 0 if there is none yet."""
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

        The end is that at the time of the call, or later. With *block_events*, blocks are joined until one has that
        many or more. DataDirError if *from_seq* is no longer kept, CorruptLog for damage on the way: the history is
        never silently shorter. *names* are the symbols by number that the caller knows, which may save a read of the
        beginning.
        """
        ...

    def find(self, symbols: int, start_ns: int, end_ns: int, last_seq: int) -> list[tuple[int, int]]:
        """Return the first and last seq of runs, in order, that contain all ticks stamped in `[start_ns, end_ns)`.

        Only events up to *last_seq* and ticks of *symbols* count: a set, whose bit n stands for the symbol number n, or
        `ALL_SYMBOLS`. Runs contain other events too; a log without an index returns all of its events.
        """
        ...

    def follow(self, from_seq: int = 1, *, block_events: int = 1) -> BlockReader:
        """Return a reader as `read` does, but without an end: its `poll` also finds what is appended later."""
        ...

    def close(self) -> None:
        """Release what reading holds open. Safe to call twice."""
        ...


class EventLog(ReadableLog, Protocol):
    """The log of one writer: a second writer is refused (LogLocked), or makes the first fail at its next call.

    The properties, and `append` unless the log is `full`, return at once: they are used on the event loop. Appended
    blocks become durable later; `sync`, called in a thread, waits for that. So a log on a network sends in `append`, is
    `full` while too much is unacknowledged, and waits for acknowledgements in `sync`. `append` runs in one thread while
    `sync` runs in another; apart from the members of `ReadableLog`, only the writer uses the others. Without
    *last_seq*, `read` ends with the newest block at the time of the call.
    """

    @property
    def durable_seq(self) -> int:
        """The highest seq known to be durable: no crash that the backend is designed for loses it."""
        ...

    @property
    def chain(self) -> int:
        """The chain's value after the newest event."""
        ...

    @property
    def full(self) -> bool:
        """Whether the next append would wait; it is then done in a thread."""
        ...

    @property
    def torn(self) -> TornTail | None:
        """What opening cut off the end, after a crash or damage there; None if nothing."""
        ...

    def append(self, block: Block, positions: Mapping[str, Any] = NO_POSITIONS) -> None:
        """Write *block*, which starts at `last_seq + 1`, and the positions that changed.

        It is passed to the operating system, or sent to a network. LogWriteFailed on the first write that is known to
        have failed or to be short, and from then on.
        """
        ...

    def sync(self) -> int:
        """Make everything appended before the call durable and return `durable_seq`; LogWriteFailed as in `append`."""
        ...

    def retain(self, min_needed_seq: int) -> None:
        """Remove storage that only holds events before *min_needed_seq*, if possible; called in a thread."""
        ...

    def expired_seq(self, needed_seq: int, before_ns: int | None, max_bytes: int | None) -> int:
        """Return the first seq to keep, for `retain`, if old events are removed by age or size.

        Those stamped before *before_ns* are removed, and the oldest as long as all of them take more than *max_bytes*.
        Events from *needed_seq* on are kept, and all events if the backend has limits of its own. Called in a thread.
        """
        ...

    def maintain(
        self, *, compress: bool, noted: Callable[[str], object], damaged: Callable[[CorruptLog], object]
    ) -> None:
        """Index what is written, and compress it if *compress*, in the background until `close`.

        *noted* is called in any thread with a sentence about work that failed, by which nothing is lost, and *damaged*
        with the first damage that is found in older events, if opening did not check all of them. A backend without
        such work does nothing.
        """
        ...

    def close(self) -> None:
        """Make everything durable (unless a write failed), and release the log to other writers. Safe to call twice."""
        ...


@runtime_checkable
class BeginsSyncs(Protocol):
    """A log whose syncs can go on without a thread of Python: an `EventLog` may have these two as well.

    Both return at once and are called on the event loop, while `append` or `sync` may run in a thread. Their sync makes
    durable what was appended before it began.
    """

    def begin_sync(self) -> bool:
        """Begin what `sync` does and return True; False if `sync` has to be called this time."""
        ...

    def end_sync(self) -> bool:
        """Return whether the sync that was begun has ended, and `durable_seq` includes it; LogWriteFailed as `sync`."""
        ...


def join_blocks(parts: list[LoggedBlock]) -> LoggedBlock:
    """Return the consecutive *parts* as one block; positions are the newest of each source."""
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
    """Return, as JSON, those of *positions* that differ from the *known* ones."""
    changed: dict[str, bytes] = {}
    for name, position in positions.items():
        encoded = orjson.dumps(position)
        if known.get(name) != encoded:
            changed[name] = encoded
    return changed
