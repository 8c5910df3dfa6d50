"""Sources: where events come from. Files in any usual format, synthetic markets, iterables of ticks."""

from __future__ import annotations

from mtf.sources.formats import FORMATS
from mtf.sources.given import as_source
from mtf.sources.iterator import IterSource
from mtf.sources.limits import Limits
from mtf.sources.opening import open_source
from mtf.sources.source import Source
from mtf.sources.synthetic import SyntheticMarket

__all__ = ["FORMATS", "IterSource", "Limits", "Source", "SyntheticMarket", "as_source", "open_source"]
