"""Indicator values as bytes, for transfer between processes: floats as their bits.

Compiled, like all code that handles a `vec`: one passed from interpreted to compiled code is never freed (mypyc 2.4).
"""

from __future__ import annotations

from librt.strings import BytesWriter, read_f64_le, write_f64_le
from librt.vecs import vec
from mypy_extensions import i64

from mtf.indicators.values import Completed, Numbers

__all__ = ["copied", "pack_completed", "unpack_completed"]


def pack_completed(rows: list[Completed], width: i64) -> bytes:
    """Return the values of *rows*, *width* each, one after the other."""
    out = BytesWriter()
    for row in rows:
        values = row.values
        for column in range(width):
            write_f64_le(out, values[column])
    return out.getvalue()


def unpack_completed(data: bytes, width: i64) -> list[Completed]:
    """Return the rows that `pack_completed` wrote."""
    rows: list[Completed] = []
    at: i64 = 0
    while at < len(data):
        values = vec[float]([0.0] * width)
        for column in range(width):
            values[column] = read_f64_le(data, at)
            at += 8
        rows.append(Completed(values))
    return rows


def copied(live: memoryview[float], rows: bool) -> Numbers:
    """Return `Numbers` with a copy of *live* values, and no completed ones."""
    return Numbers(vec[float](live), rows, [])
