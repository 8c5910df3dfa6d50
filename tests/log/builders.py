"""Blocks and small logs for the tests of the log."""

from __future__ import annotations

from collections.abc import Iterable

from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log import FileLog, LoggedBlock
from tests.log.disk import Disk

RUN_ID = bytes(range(16))
CONFIG = b'{"timeframes":["1m"]}'
DIRECTORY = "log"


def blocks(*counts: int, symbols: Iterable[str] = ("EURUSD", "GBPUSD"), ids: bool = False) -> list[Block]:
    """Return blocks of that many quotes each, from seq 1 on; the second symbol appears in the second block."""
    builder = BlockBuilder(SymbolTable())
    names = list(symbols)
    made: list[Block] = []
    seq = 1
    for number, count in enumerate(counts):
        for i in range(count):
            name = names[min(number, len(names) - 1)] if i == 0 else names[0]
            price = 1.1 + (seq + i) / 1000
            assert not builder.quote(name, (seq + i) * 1_000_000, price, price + 0.5, id=f"t{seq + i}" if ids else None)
        made.append(builder.take(seq))
        seq += count
    return made


def position(block: Block) -> dict[str, object]:
    return {"ticks.csv": {"row": block.last_seq}}


def small_log(disk: Disk, made: list[Block], *, segment_bytes: int = 400, sync_after: int | None = None) -> FileLog:
    """Return an open log of *made*, a segment every few of them, synced after the block of that index only."""
    log = FileLog.open(DIRECTORY, config=CONFIG, fs=disk, segment_bytes=segment_bytes, run_id=RUN_ID)
    for i, block in enumerate(made):
        log.append(block, position(block))
        if i == sync_after:
            log.sync()
    return log


def events_of(logged: Iterable[LoggedBlock]) -> list[Block]:
    return [found.block for found in logged]


def is_prefix(found: list[Block], whole: list[Block]) -> bool:
    return found == whole[: len(found)]
