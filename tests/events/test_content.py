"""The key of five numbers is the same whether it is computed or the library is asked: it is kept in checkpoints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from mtf.build import COMPILED
from mtf.events.content import computed_key, five_key, library_key

I64 = st.integers(-(2**63), 2**63 - 1)
KNOWN = [
    # By xxhash 0.8.2: int.from_bytes(xxh3_64_digest(struct.pack("<5q", *numbers), seed), "little", signed=True)
    ((0, 0, 0, 0, 0), 0, -6_243_593_104_119_608_047),
    (
        (1_709_719_200_000_000_000, 4_607_632_778_762_754_458, 4_607_632_778_762_754_458, 0, 0),
        2,
        1_248_006_316_141_892_760,
    ),
    ((-1, 2**63 - 1, -(2**63), 1, -2), 0x301, 4_036_349_469_933_585_411),
]


@pytest.mark.parametrize(("numbers", "seed", "key"), KNOWN)
def test_the_key_is_what_checkpoints_hold(numbers: tuple[int, int, int, int, int], seed: int, key: int) -> None:
    assert five_key(BytesWriter(), *numbers, seed) == key


@pytest.mark.skipif(not COMPILED, reason="what is computed wraps only where it is compiled")
@given(I64, I64, I64, I64, I64, st.integers(0, 0xFFFF))
def test_computed_and_library_agree(a: int, b: int, c: int, d: int, e: int, seed: int) -> None:
    assert computed_key(a, b, c, d, e, seed) == library_key(BytesWriter(), a, b, c, d, e, seed)
