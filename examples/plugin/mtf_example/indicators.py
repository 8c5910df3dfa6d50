"""An indicator: the mean range of the last bars."""

from __future__ import annotations

import math
from typing import Any

from mtf.indicators import BarNow, Declaration, PythonIndicator, Whole

__all__ = ["MeanRange"]


class MeanRange(PythonIndicator):
    """Mean of high - low over n bars."""

    declares = Declaration(
        name="meanrange",
        title="Mean range",
        group="custom",
        source="an example",
        formula="mean of high - low over n bars",
        params=(Whole("period", 14),),
    )

    def step(self, state: list[Any], bar: BarNow) -> float:
        period = int(self.params["period"])
        state.append(bar.high - bar.low)
        del state[:-period]
        return math.fsum(state) / period if len(state) == period else math.nan
