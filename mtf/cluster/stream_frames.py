"""The messages of a log: what a segment file holds, cut at its frames.

The first message is a segment's header with its META frame, each later one is a BLOCK frame: together they are one
valid segment without an end (docs/log-format.md). Owns what follows from reading them in order: seq, chain, names and
positions. A broker can lose or alter messages without a word, so each is checked against all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

import orjson
from xxhash import xxh3_64_intdigest

from mtf.errors import CorruptLog
from mtf.events.block import ROW_BYTES, Block, SymbolTable, check_rows
from mtf.log.event_log import LoggedBlock
from mtf.log.segment import first_ns, learn_symbols
from mtf.log.segment_format import (
    BLOCK,
    HEADER_BYTES,
    META,
    RAW,
    SEGMENT_HEADER_BYTES,
    FrameHeader,
    SegmentHeader,
    decode_meta,
    decode_positions,
    encode_beginning,
    encode_meta,
    encode_positions,
    first_chain,
    frame_header,
    parse_frame_header,
    parse_segment_header,
    run_seed,
    split_block,
)

__all__ = ["StreamChain", "begin_log", "frame_of"]

FIRST_BLOCK: Final = 2  # the number of the message with the first block

_TIME: Final = Struct("<q")


def begin_log(config: bytes, run_id: bytes) -> bytes:
    """Return the first message of a log."""
    header = SegmentHeader(1, run_id, 1, first_chain(run_id))
    return encode_beginning(header, b"", encode_meta(config, []), 0)[0]


def frame_of(data: bytes, seed: int) -> FrameHeader | None:
    """Return the header of a message with a block; None if there is no intact one."""
    header = parse_frame_header(data, 0, seed)
    return header if header is not None and header.kind == BLOCK else None


class StreamChain:
    """What is known of a log after some message of it: *place* names the log in errors."""

    def __init__(self, place: str, run_id: bytes, config: bytes, chain: int) -> None:
        self.place: Final = place
        self.run_id: Final = run_id
        self.config: Final = config
        self.seed: Final = run_seed(run_id)
        self.chain = chain
        self.number = FIRST_BLOCK  # of the next message
        self.next_seq = 1
        self.symbols = SymbolTable()
        self.positions: dict[str, bytes] = {}  # the newest of each source, as JSON

    @classmethod
    def begin(cls, data: bytes, place: str) -> StreamChain:
        """Return what is known after the first message, *data*; CorruptLog if it is not intact."""
        segment = parse_segment_header(data, f"{place}, message 1")
        header = parse_frame_header(data, SEGMENT_HEADER_BYTES, run_seed(segment.run_id))
        start = SEGMENT_HEADER_BYTES + HEADER_BYTES
        body = data[start:]
        if (
            header is None
            or header.kind != META
            or len(body) != header.stored_bytes
            or xxh3_64_intdigest(body, segment.chain) != header.chain
        ):
            raise CorruptLog(f"{place}: its first message, the configuration, is damaged: repair it", path=place, seq=1)
        try:
            config, _ = decode_meta(body[header.positions_bytes :])
        except ValueError as error:
            raise CorruptLog(
                f"{place}: its configuration is damaged ({error}): repair it", path=place, seq=1
            ) from error
        return cls(place, segment.run_id, config, header.chain)

    def copy(self) -> StreamChain:
        other = StreamChain(self.place, self.run_id, self.config, self.chain)
        other.number, other.next_seq = self.number, self.next_seq
        other.symbols, other.positions = SymbolTable(self.symbols.names), dict(self.positions)
        return other

    def move(self, number: int, next_seq: int, chain: int, symbols: list[str]) -> None:
        """Go to a later place, of which all of this is known."""
        self.number, self.next_seq, self.chain = number, next_seq, chain
        self.symbols = SymbolTable(symbols)

    @property
    def last_seq(self) -> int:
        return self.next_seq - 1

    def write(self, block: Block, changed: Mapping[str, bytes], durable_seq: int) -> bytes:
        """Return the message for *block*, the next one, with the *changed* positions, and go behind it."""
        rows, heap = block.rows, block.heap
        encoded = encode_positions(changed)
        body = b"".join((encoded, rows, heap))
        chain = xxh3_64_intdigest(body, self.chain)
        header = frame_header(
            self.seed,
            BLOCK,
            RAW,
            len(self.symbols),
            len(body),
            block.count,
            len(encoded),
            len(heap),
            block.first_seq,
            durable_seq,
            _TIME.unpack_from(rows)[0],
            _TIME.unpack_from(rows, len(rows) - ROW_BYTES)[0],
            chain,
            xxh3_64_intdigest(body, self.seed),
        )
        learn_symbols(self.symbols, block)
        self.positions.update(changed)
        self.number += 1
        self.next_seq += block.count
        self.chain = chain
        return header + body

    def read(self, data: bytes, number: int) -> LoggedBlock:
        """Return the block in the message *number*, *data*, and go behind it; CorruptLog unless it is the next one."""
        if number != self.number:
            raise self.damage(f"message {self.number} should follow, and {number} does: messages are missing")
        header = frame_of(data, self.seed)
        if header is None:
            raise self.damage(f"message {number} has no intact header")
        if header.first_seq != self.next_seq:
            raise self.damage(f"message {number} begins with seq {header.first_seq}")
        body = data[HEADER_BYTES:]
        if len(body) != header.stored_bytes or xxh3_64_intdigest(body, self.chain) != header.chain:
            altered = xxh3_64_intdigest(body, self.seed) != header.checksum
            raise self.damage(f"message {number} " + ("was altered" if altered else "does not follow the one before"))
        encoded, block = split_block(header, body)
        rows = block.rows
        try:
            if header.symbols != len(self.symbols):
                raise CorruptLog(f"{len(self.symbols)} symbols are known instead of {header.symbols}")
            check_rows(block, len(self.symbols))
            learn_symbols(self.symbols, block)
            positions = decode_positions(encoded)
            if first_ns(rows) != header.first_ns or first_ns(rows[-ROW_BYTES:]) != header.last_ns:
                raise CorruptLog("its times differ from those of its rows")
        except ValueError as error:
            raise self.damage(f"message {number}: {error}") from error
        for name, position in positions.items():
            self.positions[name] = orjson.dumps(position)
        self.number += 1
        self.next_seq += block.count
        self.chain = header.chain
        return LoggedBlock(block, positions, header.durable_seq, header.chain)

    def decoded_positions(self) -> dict[str, Any]:
        """Return the newest position of each source."""
        return {name: orjson.loads(encoded) for name, encoded in self.positions.items()}

    def damage(self, what: str) -> CorruptLog:
        """Return the error for damage at the next message."""
        return CorruptLog(
            f"{self.place}: {what}: the log is safe up to seq {self.last_seq}; repair the partition from a mirror with "
            "`mtf cluster repair`",
            path=self.place,
            seq=self.next_seq,
        )
