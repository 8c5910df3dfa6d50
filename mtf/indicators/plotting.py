"""How to draw an indicator: on the price or in its own pane, and with which bounds and guide lines.

Hints for charts; no result depends on them.
"""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["OWN", "PRICE", "Plot", "plot_of"]

PRICE: Final = "price"
OWN: Final = "own"

LINE: Final = "line"
HISTOGRAM: Final = "histogram"
DOTS: Final = "dots"
BAND: Final = "band"


@attrs.frozen
class Plot:
    """How to draw one output.

    *pane* is `price` or `own`; *low* and *high* are the bounds of its own pane, None to fit its values; *draw* is
    `line`, `histogram`, `dots`, or `band` for the edges of an area.
    """

    pane: str
    low: float | None = None
    high: float | None = None
    guides: tuple[float, ...] = ()
    draw: str = LINE


_SCALES: Final = {  # of indicators with a well-known scale: bounds, and the customary guide lines
    "rsi": Plot(OWN, 0.0, 100.0, (30.0, 70.0)),
    "stoch": Plot(OWN, 0.0, 100.0, (20.0, 80.0)),
    "stochrsi": Plot(OWN, 0.0, 100.0, (20.0, 80.0)),
    "mfi": Plot(OWN, 0.0, 100.0, (20.0, 80.0)),
    "willr": Plot(OWN, -100.0, 0.0, (-80.0, -20.0)),
    "aroon": Plot(OWN, 0.0, 100.0),
    "adx": Plot(OWN, 0.0, 100.0, (25.0,)),
    "cmf": Plot(OWN, -1.0, 1.0, (0.0,)),
    "cci": Plot(OWN, guides=(-100.0, 100.0)),
    "macd": Plot(OWN, guides=(0.0,)),
    "mom": Plot(OWN, guides=(0.0,)),
    "roc": Plot(OWN, guides=(0.0,)),
    "trix": Plot(OWN, guides=(0.0,)),
    "linregslope": Plot(OWN, guides=(0.0,)),
    "obv": Plot(OWN),
    "volume_sma": Plot(OWN, low=0.0),
    "atr": Plot(OWN, low=0.0),
    "stddev": Plot(OWN, low=0.0),
}
_DOTTED: Final = frozenset({"sar", "swings"})
_EDGES: Final = ("_upper", "_lower", "_senkou_a", "_senkou_b")


def plot_of(name: str, output: str, *, on_price: bool) -> Plot:
    """Return how to draw *output* of the indicator *name*."""
    if on_price or name == "ichimoku":
        draw = DOTS if name in _DOTTED else BAND if output.endswith(_EDGES) else LINE
        return Plot(PRICE, draw=draw)
    plot = _SCALES.get(name, Plot(OWN))
    return attrs.evolve(plot, draw=HISTOGRAM) if output.endswith("_hist") else plot
