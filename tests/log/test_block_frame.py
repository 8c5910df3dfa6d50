"""The compiled frame of a block has the bytes that `segment_format` describes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from mtf.events.block import Block
from mtf.log.block_frame import block_frame
from mtf.log.segment_format import BLOCK, RAW, SEQ_MAX, frame_header
from tests.log.builders import blocks

U64 = st.integers(0, (1 << 64) - 1)
SYMBOLS_MAX = (1 << 31) - 1


@given(
    events=st.integers(1, 5),
    first_seq=st.integers(1, SEQ_MAX - 5),
    symbols=st.integers(0, SYMBOLS_MAX),
    positions=st.binary(max_size=40),
    durable_seq=st.integers(0, SEQ_MAX),
    seed=U64,
    chain=U64,
    ids=st.booleans(),
    known=st.booleans(),
)
def test_a_frame_is_a_header_and_a_body(
    events: int,
    first_seq: int,
    symbols: int,
    positions: bytes,
    durable_seq: int,
    seed: int,
    chain: int,
    ids: bool,
    known: bool,
) -> None:
    first, second = blocks(events, events, symbols=("EURUSD",), ids=ids)
    made = second if known else first  # with the name of its symbol in the heap, or ids there, or nothing
    block = Block(first_seq, events, made.rows, made.heap)
    body = positions + block.rows + block.heap
    after = xxh3_64_intdigest(body, chain)
    header = frame_header(
        seed,
        BLOCK,
        RAW,
        symbols,
        len(body),
        events,
        len(positions),
        len(block.heap),
        first_seq,
        durable_seq,
        int.from_bytes(block.rows[:8], "little", signed=True),
        int.from_bytes(block.rows[-48:-40], "little", signed=True),
        after,
        xxh3_64_intdigest(body, seed),
    )
    assert block_frame(block, positions, symbols, durable_seq, seed, chain) == (header + body, after)
