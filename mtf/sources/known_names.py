"""The names in a column of text, by the bytes they are written with: the few that come again and again. Compiled.

A name of up to sixteen bytes is looked up by two numbers, without an object for its bytes.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

__all__ = ["KnownNames"]

NAMES_MAX: Final = 100_000  # names remembered; more are decoded each time
SLOTS: Final[i64] = 256  # a power of two
WORD: Final = 8  # bytes
# What is left of a word of which so many bytes belong to a name.
MASKS: Final = (0, 0xFF, 0xFFFF, 0xFF_FFFF, 0xFFFF_FFFF, 0xFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF, 0xFF_FFFF_FFFF_FFFF)


@mypyc_attr(native_class=True)
class KnownNames:
    """Names by the bytes of a field."""

    __slots__ = ("_by_bytes", "_firsts", "_found", "_lasts", "_masks", "_sizes")

    def __init__(self) -> None:
        self._by_bytes: Final[dict[bytes, str]] = {}
        # By slot, of which there are none before the first name: the newest of the short names that belong there.
        self._firsts: vec[i64] = vec[i64]([])  # the first eight bytes, or all of them
        self._lasts: vec[i64] = vec[i64]([])  # the last eight bytes, which may overlap; 0 if there are fewer
        self._sizes: vec[i64] = vec[i64]([])
        self._found: list[str] = []
        self._masks: Final = vec[i64]([i64(mask) for mask in MASKS])

    def get(self, data: bytes, start: i64, end: i64) -> str | None:
        """Return the name that is known for `data[start:end]`."""
        size = end - start
        if size == 0 or size > 2 * WORD or start + WORD > len(data) or len(self._sizes) == 0:
            return self._by_bytes.get(data[start:end])
        first = read_i64_le(data, start)
        last: i64 = 0
        if size < WORD:
            first &= self._masks[size]
        else:
            last = read_i64_le(data, end - WORD)
        mixed = first ^ last
        mixed ^= mixed >> 32
        mixed ^= mixed >> 16
        slot = (mixed ^ mixed >> 6) & (SLOTS - 1)
        if self._firsts[slot] == first and self._lasts[slot] == last and self._sizes[slot] == size:
            return self._found[slot]
        name = self._by_bytes.get(data[start:end])
        if name is not None:
            self._firsts[slot] = first
            self._lasts[slot] = last
            self._sizes[slot] = size
            self._found[slot] = name
        return name

    def add(self, written: bytes, name: str) -> None:
        """Know *name* for the bytes *written*, unless there are very many already."""
        if len(self._sizes) == 0:
            self._firsts = vec[i64]([0] * SLOTS)
            self._lasts = vec[i64]([0] * SLOTS)
            self._sizes = vec[i64]([0] * SLOTS)
            self._found = [""] * int(SLOTS)
        if len(self._by_bytes) < NAMES_MAX:
            self._by_bytes[written] = name
