"""The protocol of a source: it fills the block builder with rows until its end.

A source that the pipeline reads at its own pace (a file, a log, a synthetic market) is a `Source`. One that must be
awaited (a feed) is any async iterator of `mtf.Tick`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from mtf.events.block import (
    CLOCK,
    HAS_ID,
    NEW_SYMBOL,
    RECEIVED,
    ROW_BYTES,
    SymbolTable,
    heap_after,
    heap_length,
    heap_text,
    received_at,
    tick_at,
)
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick

__all__ = ["SKIPPED_KEPT", "IterableSource", "Source", "iterate", "sentences"]

ITERATED_ROWS: Final = 1_024  # read at once
SKIPPED_KEPT: Final = 20  # names of skipped files in an identity


@runtime_checkable
class Source(Protocol):
    """Events in order, with positions to which it can return.

    `name` distinguishes the source from others in the log; `identity()` identifies its data (for a file: name, size,
    hash of its start), and `position()` its place after the rows delivered so far: both are JSON values. The sources of
    mtf can also be iterated, and then yield their ticks.
    """

    @property
    def name(self) -> str: ...

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        """Pass up to *limit* rows to *builder*, and refuse malformed ones there with their line.

        Return False once there is nothing more (this call may still have delivered rows). May deliver fewer than
        *limit* rows and still have more. Raises SourceError if the rest of the source cannot be read.
        """
        ...

    def identity(self) -> dict[str, Any]: ...

    def position(self) -> dict[str, Any]: ...

    def seek(self, position: dict[str, Any]) -> None:
        """Continue from *position*, as `position()` of an equal source returned it; SourceError if it is not there."""
        ...

    def progress(self) -> float | None:
        """The share read so far, 0..1; None if it is not known."""
        ...

    def close(self) -> None:
        """Close files. Safe to call twice."""
        ...


class IterableSource(Source, Protocol):
    """A source that can be iterated."""

    def __iter__(self) -> Iterator[Tick]:
        """Yield its ticks from its position on: four per bar, none for a clock event."""
        ...


def iterate(source: Source) -> Iterator[Tick]:
    """Yield the ticks of *source* from its position on: four per bar, none for a clock event.

    A malformed row is skipped, with a warning for the first one.
    """
    names = SymbolTable()
    warned = False

    def aside(place: str, line: int, reason: str, raw: str) -> None:
        nonlocal warned
        if not warned:
            warned = True
            warnings.warn(f"{place}:{line}: {reason}: malformed rows are skipped", UserWarning, stacklevel=4)

    more = True
    while more:
        builder = BlockBuilder(names, aside=aside)
        more = source.fill(builder, ITERATED_ROWS)
        block = builder.take(1)
        rows, heap, at = block.rows, block.heap, 0
        for i in range(block.count):
            tag = int.from_bytes(rows[i * ROW_BYTES + 12 : i * ROW_BYTES + 16], "little")
            flags, end = tag >> 8, heap_after(heap, at, tag)
            if tag & 0xFF != CLOCK:
                id = None
                if flags & NEW_SYMBOL:
                    at += 2 + heap_length(heap, at)
                if flags & HAS_ID:
                    id = heap_text(heap, at)
                received_ns = received_at(heap, end) if flags & RECEIVED else None
                yield tick_at(rows, i, names.names[block.symbol_at(i)], id, received_ns=received_ns)
            at = end


def sentences(noted: Mapping[str, Sequence[str]]) -> list[str]:
    """Return each note of *noted* as one sentence that names the first of its places and counts the others."""
    return [
        f"{places[0]}{f' and {len(places) - 1} more' if len(places) > 1 else ''}: {note}"
        for note, places in noted.items()
    ]
