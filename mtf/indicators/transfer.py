"""Indicator values as bytes, for transfer between processes: floats as their bits.

Compiled, like all code that handles a `vec`: one passed from interpreted to compiled code is never freed (mypyc 2.4).
"""

from __future__ import annotations

from librt.strings import read_f64_le
from librt.vecs import vec
from mypy_extensions import i64

from mtf.indicators.values import Numbers

__all__ = ["copied", "fill_completed"]


def fill_completed(numbers: Numbers, width: i64, owners: list[int], parts: dict[int, bytes]) -> None:
    """Give *numbers* the completed values of each closing, *width* each, from the *parts* of the workers that own them.

    *owners* are the workers by closing; each part has the values of its worker's closings, in order.
    """
    completed = vec[float]([0.0] * (len(owners) * width))
    ats: dict[int, int] = dict.fromkeys(parts, 0)
    to: i64 = 0
    for owner in owners:
        part = parts[owner]
        at: i64 = ats[owner]
        for _ in range(width):
            completed[to] = read_f64_le(part, at)
            to += 1
            at += 8
        ats[owner] = int(at)
    numbers.completed = completed


def copied(live: memoryview[float], rows: bool) -> Numbers:
    """Return `Numbers` with a copy of *live* values, and no completed ones."""
    return Numbers(vec[float](live), rows, vec[float]([]))
