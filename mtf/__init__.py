"""mtf keeps every timeframe of a market in one consistent state, at every tick.

These are the public names; everything else may move: see `docs/stability.md`. The design is in `docs/architecture.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtf import calendars, errors, feeds, indicators, sources
from mtf.actors.consumer import Consumer
from mtf.bars.bar import Bar, PartialBar
from mtf.bars.bar_window import BarWindow
from mtf.build import COMPILED, VERSION
from mtf.calendars import Calendar, CalendarMap, Gap
from mtf.config import Config
from mtf.data import DataReader, LoggedTick, Table, open_data
from mtf.engine import Engine
from mtf.errors import MtfError
from mtf.events.tick import Tick
from mtf.frames.frame import Frame
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import TimeframeState, Values
from mtf.frames.view import View
from mtf.frozen import freeze, name_fields
from mtf.offline import point_in_time, resample
from mtf.pipeline import ConsumerStatistics, Pipeline
from mtf.pipeline.statistics import Statistics
from mtf.signatures import give_signatures
from mtf.sources import open_source
from mtf.sources.source import Source
from mtf.summary import Summary
from mtf.timeframe import Timeframe

if TYPE_CHECKING:
    from mtf.cluster.cluster_client import Cluster as Cluster

__all__ = [
    "COMPILED",
    "Bar",
    "BarWindow",
    "Calendar",
    "CalendarMap",
    "Config",
    "Consumer",
    "ConsumerStatistics",
    "DataReader",
    "Engine",
    "Frame",
    "Gap",
    "LoggedTick",
    "MtfError",
    "PartialBar",
    "Pipeline",
    "Snapshot",
    "Source",
    "Statistics",
    "Summary",
    "Table",
    "Tick",
    "Timeframe",
    "TimeframeState",
    "Values",
    "View",
    "__version__",
    "calendars",
    "errors",
    "feeds",
    "indicators",
    "open_source",
    "point_in_time",
    "resample",
    "sources",
]

__version__ = VERSION

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return `Cluster`, on first use: it belongs to an extra, and a star import must not look for that."""
        if name == "Cluster":
            from mtf.cluster.cluster_client import Cluster

            return Cluster
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


open = open_data  # not in `__all__`: a star import must not hide Python's own

if not COMPILED:
    for _value in (Bar, Tick, Gap):
        freeze(_value)
    for _bar in (Bar, PartialBar):
        name_fields(_bar)
    for _state in (Snapshot, TimeframeState):
        freeze(_state, ("seq", "symbol", "time_ns", "timeframe"))
else:
    give_signatures(vars(module)[name] for module in (indicators, calendars) for name in module.__all__)
    give_signatures([globals()[name] for name in __all__])
