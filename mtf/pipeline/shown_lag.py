"""The lag of live ticks, from a tick's stamp to the moment when every timeframe shows it, as a histogram.

Sampled, so that the cost is negligible: one in sixteen published frames is looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from struct import Struct
from typing import Final

import attrs

from mtf.clock import WallClock
from mtf.events.block import CLOCK, ROW_BYTES
from mtf.frames.frame import Frame
from mtf.units import HOUR_NS, MS_NS, SECOND_NS, US_NS

__all__ = ["LagStatistics", "ShownLag"]

EVERY: Final = 16  # frames
BACKFILL_NS: Final = HOUR_NS  # older ticks are pushed history, not late ticks
BOUNDS_NS: Final = (
    *(100 * US_NS, 250 * US_NS, 500 * US_NS),
    *(MS_NS, 2_500 * US_NS, 5 * MS_NS, 10 * MS_NS, 25 * MS_NS, 50 * MS_NS, 100 * MS_NS, 250 * MS_NS, 500 * MS_NS),
    *(SECOND_NS, 2_500 * MS_NS, 5 * SECOND_NS, 10 * SECOND_NS, 60 * SECOND_NS),
)

_HEAD: Final = Struct("<qiB")  # stamp, symbol and kind of a row


@attrs.frozen(kw_only=True)
class LagStatistics:
    """Sampled lags: `counts` has those up to each of `bounds_ns` and above the one before, then the rest."""

    count: int
    sum_ns: int
    newest_ns: int  # 0 if none yet
    bounds_ns: tuple[int, ...]
    counts: tuple[int, ...]

    def quantile_ns(self, share: float) -> int:
        """Return the bound that *share* (0..1) of the lags do not exceed; -1 if above all bounds, or without lags."""
        wanted, seen = share * self.count, 0
        for bound_ns, count in zip(self.bounds_ns, self.counts, strict=False):
            seen += count
            if self.count and seen >= wanted:
                return bound_ns
        return -1


class ShownLag:
    """Samples the lag of published frames, by the wall clock."""

    def __init__(self, wall: WallClock) -> None:
        self._wall: Final = wall
        self._left = 1  # frames until one is looked at
        self._counts: Final = [0] * (len(BOUNDS_NS) + 1)
        self._count = 0
        self._sum_ns = 0
        self._newest_ns = 0

    def published(self, frame: Frame) -> None:
        """Take in a frame that has been published."""
        self._left -= 1
        if not self._left:
            self._left = EVERY
            self._look(frame)

    def value(self) -> LagStatistics:
        return LagStatistics(
            count=self._count,
            sum_ns=self._sum_ns,
            newest_ns=self._newest_ns,
            bounds_ns=BOUNDS_NS,
            counts=tuple(self._counts),
        )

    def _look(self, frame: Frame) -> None:
        rows = frame.judged.block.rows
        ts_ns, _, kind = _HEAD.unpack_from(rows, len(rows) - ROW_BYTES)
        lag_ns = self._wall.now_ns() - ts_ns
        if kind == CLOCK or lag_ns > BACKFILL_NS:
            self._left = 1  # the next one will do
            return
        lag_ns = max(0, lag_ns)  # a feed's clock may be ahead of this one
        self._counts[bisect_left(BOUNDS_NS, lag_ns)] += 1
        self._count += 1
        self._sum_ns += lag_ns
        self._newest_ns = lag_ns
