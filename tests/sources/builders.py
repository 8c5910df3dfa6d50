"""Rows of a source as short text, so that a test can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xxhash

from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block import BAR_HEAD_BYTES, ROW_BYTES, SymbolTable, tick_at
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.sources import Source, open_source
from mtf.sources.files import FileSource, PlannedPart
from mtf.sources.merge import MergedSource


class Taken:
    """What came of a source: `ticks`, `refused` as (place, line, reason, raw), and the digest of the rows."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, int, str, str]] = []
        self.symbols = SymbolTable()
        self.builder = BlockBuilder(self.symbols, aside=lambda *row: self.refused.append(row))
        self.rows = b""
        self.heap = b""

    def take(self) -> None:
        block = self.builder.take(1)
        self.rows += block.rows
        self.heap += block.heap

    @property
    def count(self) -> int:
        return len(self.rows) // ROW_BYTES

    @property
    def digest(self) -> str:
        return xxhash.xxh3_128_hexdigest(self.rows + self.heap)

    @property
    def ticks(self) -> list[Tick]:
        names = self.symbols.names
        found = []
        for i in range(self.count):
            number = int.from_bytes(self.rows[i * ROW_BYTES + 8 : i * ROW_BYTES + 12], "little")
            found.append(tick_at(self.rows, i, names[number]))
        return found

    @property
    def starts(self) -> list[int]:
        """Of a source of bars of one symbol: where each begins."""
        names = sum(2 + len(name.encode()) for name in self.symbols.names)
        return [
            int.from_bytes(self.heap[at : at + 8], "little", signed=True)
            for at in range(names, len(self.heap), BAR_HEAD_BYTES)
        ]

    @property
    def lines(self) -> list[int]:
        return [line for _, line, _, _ in self.refused]

    @property
    def reasons(self) -> list[str]:
        return [reason for _, _, reason, _ in self.refused]


def files_of(source: Source) -> list[PlannedPart]:
    """Return the files that *source* reads, in the order in which they follow each other."""
    if isinstance(source, MergedSource):
        return [planned for part in source.parts for planned in files_of(part.source)]
    assert isinstance(source, FileSource), "only files are read from files"
    return list(source.parts)


def drain(source: Source, limit: int = 1_000, into: Taken | None = None) -> Taken:
    """Read *source* to its end, *limit* rows a call."""
    taken = into or Taken()
    more = True
    try:
        while more:
            more = source.fill(taken.builder, limit)
            assert taken.builder.count < limit + EVENTS_PER_BAR, "a source keeps to the limit, and never parts a bar"
            taken.take()
    finally:
        source.close()
    return taken


def read(path: Path, *, limit: int = 1_000, **options: Any) -> Taken:
    """Open *path* and read it to its end."""
    return drain(open_source(path, **options), limit)


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """Write *text* to a file and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def brief(tick: Tick) -> str:
    """A tick as `time bid/ask x sizes` or `time price x size`; `b` marks one that was made of a bar."""
    at = f"{tick.ts_ns // 1_000_000_000}.{tick.ts_ns % 1_000_000_000:09d}".rstrip("0").rstrip(".")
    flag = " b" if tick.from_bar else ""
    if tick.price is not None:
        return f"{tick.symbol} {at} {tick.price}x{tick.size}{flag}"
    return f"{tick.symbol} {at} {tick.bid}/{tick.ask} {tick.bid_size}x{tick.ask_size}{flag}"
