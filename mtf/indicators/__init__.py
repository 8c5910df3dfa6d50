"""Indicators: one contract, a catalogue, and every formula.

`create("rsi:14")` returns an indicator; `update` commits a completed bar, `peek` previews the partial one and changes
nothing. The formulas are in modules by kind: trend, momentum, volatility, volume, levels.
"""

from mtf.indicators.catalogue import TWENTY, Entry, catalogue, create, create_set, names, register
from mtf.indicators.declaration import Choice, Declaration, Number, Param, Whole
from mtf.indicators.indicator import INCOMPLETE, Indicator
from mtf.indicators.plugin import BarNow, PythonIndicator
from mtf.indicators.set import IndicatorSet

__all__ = [
    "INCOMPLETE",
    "TWENTY",
    "BarNow",
    "Choice",
    "Declaration",
    "Entry",
    "Indicator",
    "IndicatorSet",
    "Number",
    "Param",
    "PythonIndicator",
    "Whole",
    "catalogue",
    "create",
    "create_set",
    "names",
    "register",
]
