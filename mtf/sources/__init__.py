"""Sources of events: files in any usual format, tables in memory, synthetic markets, iterables of ticks."""

from __future__ import annotations

from mtf.events.block_builder import BlockBuilder
from mtf.sources.file_format import CERTAIN, LIKELY, NO, POSSIBLE, Format, FormatOptions, Plan
from mtf.sources.formats import FORMATS
from mtf.sources.formats.csv import guessed_plan, with_columns
from mtf.sources.given import as_source
from mtf.sources.input_files import InputFile
from mtf.sources.iterator import IterSource, hand_in
from mtf.sources.limits import Limits
from mtf.sources.opening import open_source
from mtf.sources.sniffing import look
from mtf.sources.source import Source
from mtf.sources.synthetic import SyntheticMarket

__all__ = [
    "CERTAIN",
    "FORMATS",
    "LIKELY",
    "NO",
    "POSSIBLE",
    "BlockBuilder",
    "Format",
    "FormatOptions",
    "InputFile",
    "IterSource",
    "Limits",
    "Plan",
    "Source",
    "SyntheticMarket",
    "as_source",
    "guessed_plan",
    "hand_in",
    "look",
    "open_source",
    "with_columns",
]
