"""Indicator values as bytes, for the way between processes: floats as their bits, little-endian."""

from __future__ import annotations

from librt.strings import BytesWriter, read_f64_le, write_f64_le
from librt.vecs import vec
from mypy_extensions import i64

from mtf.indicators.values import Completed

__all__ = ["fill", "floats", "pack_completed", "unpack_completed"]


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
    if width == 0:
        return rows
    at: i64 = 0
    while at < len(data):
        values = vec[float]([0.0] * width)
        for column in range(width):
            values[column] = read_f64_le(data, at)
            at += 8
        rows.append(Completed(values))
    return rows


def floats(count: i64) -> vec[float]:
    """Return *count* floats, to be filled."""
    return vec[float]([0.0] * count)


def fill(values: vec[float], at: i64, data: bytes) -> None:
    """Put *data* into *values* as floats, from the index *at* on."""
    count: i64 = len(data) // 8
    i: i64 = 0
    while i < count:
        values[at + i] = read_f64_le(data, i * 8)
        i += 1
