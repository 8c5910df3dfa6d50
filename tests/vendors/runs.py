"""A vendor's file through the engine, and what came out: completed bars by timeframe, and what still forms.

made = run(data / "lean/forex/oanda/tick/eurusd", price="bid")
made.bars["1m"], made.forming["1m"], made.rejected
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

import mtf
from mtf.bars.bar import Bar, PartialBar
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import Kernel
from mtf.sources import open_source
from mtf.timeframe import DEFAULT_TIMEFRAMES
from tests.builders import clock_of_bars

__all__ = ["Made", "run", "whole"]

BLOCK_EVENTS: Final = 1024

# A whole file takes the pure engine minutes: there a part of it goes through in another test.
whole = pytest.mark.skipif(not mtf.COMPILED, reason="the whole of a vendor's file is for the compiled build")

SETTINGS: Final = ("timeframes", "calendar", "price", "closed", "late", "anchor")


@dataclass
class Made:
    """What a run made."""

    bars: dict[str, list[Bar]] = field(default_factory=dict)  # completed ones by timeframe, in the order of telling
    forming: dict[str, PartialBar | None] = field(default_factory=dict)  # at the end of the source
    events: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    crossed: int = 0
    locked: int = 0
    malformed: int = 0


def run(path: Path, *, events: int | None = None, **options: Any) -> Made:
    """Run the file or folder *path*, or the first *events* of it, and return what the one symbol in it made.

    Of *options* those that a configuration knows go there, the others to the source.
    """
    settings = {name: options.pop(name) for name in SETTINGS if name in options}
    config = mtf.Config.make(history=1, **{"timeframes": DEFAULT_TIMEFRAMES, **settings})
    engine, builder = Kernel(config), BlockBuilder(SymbolTable(), bar_clock=clock_of_bars(config))
    made = Made({name: [] for name in config.timeframes.names})
    source = open_source(path, **options)
    try:
        more = True
        while more and (events is None or made.events < events):
            more = source.fill(builder, BLOCK_EVENTS)
            if not builder.count:
                continue
            block = builder.take(made.events + 1)
            made.events += block.count
            for closing in engine.step(block).closings:
                made.bars[closing.bar.timeframe.name].append(closing.bar)
    finally:
        source.close()
    snapshot = engine.snapshot(0)
    made.forming = {name: snapshot[name].partial for name in config.timeframes.names}
    made.rejected = snapshot.counts.rejected
    made.crossed, made.locked = snapshot.counts.crossed, snapshot.counts.locked
    made.malformed = builder.malformed
    assert engine.joiner.count == 1, "a vendor's file has one symbol"
    return made
