"""The rows of a chart: completed bars with their indicator values, from memory as far as possible.

A snapshot has the last completed bars of each timeframe. Only a chart that goes further back needs the history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mtf.bars.bar import Bar
from mtf.errors import UnknownIndicator
from mtf.frames.timeframe_state import TimeframeState
from mtf.web.messages import bar_row

__all__ = ["chart_rows", "in_memory"]


def in_memory(state: TimeframeState, last: int, kept: int) -> bool:
    """Whether *state* has the newest *last* completed bars, or all bars; it keeps at most *kept*."""
    return len(state.bars) >= last or len(state.bars) < kept


def chart_rows(
    state: TimeframeState, names: Sequence[str], last: int, kept: int, read: Callable[[], Sequence[Bar]]
) -> dict[str, Any]:
    """Return the newest *last* completed bars of *state*, oldest first, with a value of each output in *names*.

    A value is null if the indicator was not ready, or the bar is older than those in *state*, at most *kept* bars.
    *read* gives the bars if they are not all kept.
    """
    columns = state.completed
    for name in names:
        if name not in columns:
            raise UnknownIndicator(f"outputs: {name!r} does not run on {state.timeframe.name}")
    window = state.bars
    bars: Sequence[Bar]
    places: Sequence[int | None]  # of each output among the kept values
    if in_memory(state, last, kept):
        first = max(0, len(window) - last)
        bars, places = window[first:], range(first, len(window))
    else:
        bars = read()
        before = len(bars) - len(window)  # both end with the same bar
        places = [k if k >= 0 else None for k in range(-before, len(window))]
    values = {}
    for name in names:
        history = state.history(name)
        values[name] = [None if k is None or history[k] != history[k] else history[k] for k in places]
    return {"bars": [bar_row(bar) for bar in bars], "values": values}
