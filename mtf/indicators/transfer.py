"""Indicator values on their way between processes, as the bits of floats, and which process owns which.

Compiled, like all code that handles a `vec`: one passed from interpreted to compiled code is never freed (mypyc 2.4).
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_f64_le, write_f64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.closings import Closings
from mtf.bars.judged_block import JudgedBlock
from mtf.indicators.values import Numbers

__all__ = ["Owners", "completed_of", "copied", "fill_completed", "live_of", "places_in", "scattered"]

FLOAT_BYTES: Final[i64] = 8


@mypyc_attr(native_class=True)
class Owners:
    """Who owns the symbols of one timeframe: *count* owners in turn.

    The first symbol belongs to the owner *first*, and each next one to the owner *step* further.
    """

    __slots__ = ("count", "first", "is_one", "step")

    def __init__(self, first: i64, step: i64, count: i64) -> None:
        self.first: Final[i64] = first
        self.step: Final[i64] = step
        self.count: Final[i64] = count
        self.is_one: Final = step % count == 0  # one of them owns all symbols

    def of(self, number: i64) -> i64:
        """Return the owner of a symbol by its number."""
        return (self.first + number * self.step) % self.count

    def all(self) -> list[int]:
        """Return the owners of some symbol, now or once there are more symbols."""
        return sorted({int(self.of(number)) for number in range(self.count)})

    def starts(self, judged: JudgedBlock, rows: bool) -> list[int]:
        """Return by owner how many live places of a block belong to the owners before it; at the end, to all."""
        counts = vec[i64]([0] * self.count)
        for place in range(places_in(judged, rows)):
            number = symbol_of(judged, rows, place)
            if number >= 0:
                counts[self.of(number)] += 1
        found: list[int] = [0]
        for count in counts:
            found.append(found[-1] + int(count))
        return found


def places_in(judged: JudgedBlock, rows: bool) -> i64:
    """Return how many places for live values a block has: one for each row, or for each symbol that it touches."""
    return judged.block.count if rows else len(judged.touched)


def symbol_of(judged: JudgedBlock, rows: bool, place: i64) -> i64:
    """Return the number of the symbol with that place; below 0 if the row is of no symbol."""
    if rows:
        return judged.block.symbol_at(place)
    return judged.touched[place]


def live_of(owners: Owners, owner: i64, judged: JudgedBlock, numbers: Numbers, width: i64) -> bytes:
    """Return the live values of *owner* in *numbers*, *width* for each of its places, one place after the other."""
    out = BytesWriter()
    live, rows = numbers.live, numbers.rows
    for place in range(places_in(judged, rows)):
        number = symbol_of(judged, rows, place)
        if number >= 0 and owners.of(number) == owner:
            _write(out, live, place * width, width)
    return out.getvalue()


def scattered(owners: Owners, judged: JudgedBlock, rows: bool, starts: list[int], data: bytes, width: i64) -> Numbers:
    """Return `Numbers` with live values from *data*: what `live_of` returned for all owners but the last, in order.

    *starts* are those of the block. The places of the last owner stay zero, and there are no completed values.
    """
    places = places_in(judged, rows)
    live = vec[float]([0.0] * (places * width))
    ats = vec[i64]([start * FLOAT_BYTES * width for start in starts])
    last = owners.count - 1
    assert len(data) == ats[last], "there is a value for each place"
    for place in range(places):
        number = symbol_of(judged, rows, place)
        if number < 0:
            continue
        owner = owners.of(number)
        if owner == last:
            continue
        _read(data, ats[owner], live, place * width, width)
        ats[owner] += width * FLOAT_BYTES
    return Numbers(live, rows, vec[float]([]))


def copied(live: memoryview[float], rows: bool) -> Numbers:
    """Return `Numbers` with a copy of *live* values, and no completed ones."""
    return Numbers(vec[float](live), rows, vec[float]([]))


def completed_of(owners: Owners, owner: i64, closings: Closings, numbers: Numbers, width: i64) -> bytes:
    """Return the completed values of *owner* in *numbers*, one closing after the other."""
    out = BytesWriter()
    completed = numbers.completed
    for k in range(closings.count):
        if owners.of(closings.number(k)) == owner:
            _write(out, completed, k * width, width)
    return out.getvalue()


def fill_completed(owners: Owners, closings: Closings, numbers: Numbers, width: i64, parts: dict[int, bytes]) -> None:
    """Give *numbers* the completed values of *closings*, from what `completed_of` returned for each owner in *parts*.

    What belongs to other owners stays zero.
    """
    completed = vec[float]([0.0] * (closings.count * width))
    found = [parts.get(owner) for owner in range(int(owners.count))]
    ats = vec[i64]([0] * owners.count)
    for k in range(closings.count):
        owner = owners.of(closings.number(k))
        part = found[int(owner)]
        if part is None:
            continue
        _read(part, ats[owner], completed, k * width, width)
        ats[owner] += width * FLOAT_BYTES
    for owner in range(owners.count):
        part = found[int(owner)]
        assert part is None or len(part) == ats[owner], "each closing has its values"
    numbers.completed = completed


def _write(out: BytesWriter, values: vec[float], at: i64, count: i64) -> None:
    """Append *count* of *values* to *out*, from the one *at* on."""
    for k in range(at, at + count):
        write_f64_le(out, values[k])


def _read(data: bytes, at: i64, into: vec[float], to: i64, count: i64) -> None:
    """Set *count* numbers of *into*, from the one at *to* on, to those in *data* from the byte *at* on."""
    for k in range(to, to + count):
        into[k] = read_f64_le(data, at)
        at += FLOAT_BYTES
