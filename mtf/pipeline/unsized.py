"""Bars of volume that nothing fills: their symbol's ticks come without sizes."""

from __future__ import annotations

from typing import Final

from mtf.config import Config
from mtf.frames.joiner import Joiner
from mtf.timeframe import DOLLARS, VOLUME

__all__ = ["unsized_notes"]

TICKS_MIN: Final = 100  # in a bar without volume, so that it is not by chance
NAMES_MAX: Final = 3  # symbols that a sentence has


def unsized_notes(joiner: Joiner, config: Config) -> list[str]:
    """Return a sentence for each timeframe of volume or dollars on which bars form that have ticks and no volume."""
    close = "only the end of their trading day closes" if config.overnight == "close" else "nothing closes"
    found = []
    for rank, timeframe in enumerate(config.timeframes):
        if timeframe.kind not in (VOLUME, DOLLARS):
            continue
        names = []
        for number, name in enumerate(joiner.names()):
            bars = joiner.published.bars(number, rank, None)
            if bars.header is not None and bars.ticks >= TICKS_MIN and bars.volume == 0.0:
                names.append(name)
        if names:
            shown = ", ".join(names[:NAMES_MAX]) + (f" and {len(names) - NAMES_MAX} more" if names[NAMES_MAX:] else "")
            found.append(f"{timeframe}: the ticks of {shown} have no sizes, so that {close} their bars")
    return found
