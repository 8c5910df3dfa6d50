"""The whole state of one symbol as one value, for whoever keeps it."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar_window import BarWindow
from mtf.bars.columns import BarState
from mtf.bars.judged_block import Instrument
from mtf.bars.verdicts import COUNTS, Counts
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS

__all__ = ["SymbolState", "unseen"]


@mypyc_attr(native_class=True, acyclic=True)
class SymbolState:
    """The whole state of one symbol after one event: its bars and values by timeframe, and its clock."""

    __slots__ = ("bars", "clock_ns", "counts", "instrument", "live", "ordered", "values")

    def __init__(
        self,
        instrument: Instrument,
        clock_ns: i64,
        counts: Counts,
        bars: list[BarState],
        values: list[ValueState],
        ordered: bool = False,
        live: bool = False,
    ) -> None:
        self.instrument: Final = instrument
        self.clock_ns: Final[i64] = clock_ns  # its own; NEVER_NS before the first accepted tick
        self.ordered: Final = (
            ordered  # it is read in time order, so that the newest event of such sources is its clock too
        )
        self.live: Final = live  # its newest accepted tick arrived within moments of its stamp
        self.counts: Final = counts
        self.bars: Final = bars  # by rank of the timeframe
        self.values: Final = values  # by rank; empty if no indicators are kept


def unseen(instrument: Instrument, ranks: i64, fresh: list[ValueState]) -> SymbolState:
    """Return the state of a symbol before its first event; *fresh* are values by rank."""
    empty = BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, BarWindow(None, 0, 0))
    return SymbolState(instrument, NEVER_NS, Counts(vec[i64]([0] * COUNTS)), [empty] * ranks, fresh)
