"""Each plug-in keeps what its kind promises."""

from __future__ import annotations

from mtf_example.consumers import BarCount
from mtf_example.indicators import MeanRange
from mtf_example.sources import Walk, open_walk

import mtf
from mtf.testing import ConsumerContract, IndicatorContract, SourceContract

mtf.indicators.register(MeanRange)


class TestWalk(SourceContract):
    def make(self) -> Walk:
        return open_walk("ticks=150,seed=2")


class TestMeanRange(IndicatorContract):
    spec = "meanrange:5"


class TestBarCount(ConsumerContract):
    def make(self) -> mtf.Consumer:
        return BarCount()
