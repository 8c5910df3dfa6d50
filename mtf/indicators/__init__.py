"""Indicators: one contract, a catalogue, and the formulas.

`create("rsi:14")` returns an indicator; `update` adds a completed bar, `peek` previews the partial one without changing
anything. The formulas are grouped into modules by kind: trend, momentum, volatility, volume, levels.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from mtf.bars.bar_codes import INCOMPLETE
from mtf.indicators.catalogue import ALL, CORE, Entry, catalogue, create, create_set, names, register
from mtf.indicators.declaration import Choice, Declaration, Number, Param, Whole
from mtf.indicators.indicator import Indicator
from mtf.indicators.plugin import BarNow, PythonIndicator
from mtf.indicators.symbol_indicators import IndicatorSet

__all__ = [
    "ALL",
    "CORE",
    "INCOMPLETE",
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

if not TYPE_CHECKING:  # hidden from type checkers, so that they report unknown names

    def __getattr__(name: str) -> tuple[str, ...]:
        if name == "TWENTY":
            warnings.warn("mtf.indicators.TWENTY was renamed to CORE", DeprecationWarning, stacklevel=2)
            return CORE
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
