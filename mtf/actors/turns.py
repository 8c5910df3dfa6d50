"""A consumer's turn: its callbacks, one for each step of a frame. Runs for every row, so it is compiled."""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import i64

from mtf.actors.consumer import Consumer
from mtf.frames.cursor import Cursor
from mtf.frames.timeframe_state import Schema
from mtf.frames.view import View
from mtf.frames.walk import BAR, CLOCK_ROW, END, TICK

__all__ = ["show_step", "show_steps"]


def show_steps(
    consumer: Consumer, cursor: Cursor, schema: Schema, wanted: i64, takes: Callable[[Cursor], bool] | None
) -> object:
    """Show *consumer* the steps of the frame that *cursor* has entered, of kinds in *wanted* and such that it *takes*.

    Returns None at the frame's end, or before that whatever else a callback has returned, its view still alive: to be
    called again then.
    """
    if cursor.alive:
        cursor.alive = False
        cursor.generation += 1
    while cursor.step(wanted) != END:
        if cursor.is_over or (takes is not None and not takes(cursor)):
            continue
        cursor.alive = True
        result = show_step(consumer, cursor, schema)
        if result is not None:
            return result
        cursor.alive = False
        cursor.generation += 1
    return None


def show_step(consumer: Consumer, cursor: Cursor, schema: Schema) -> object:
    """Call the callback that the step of *cursor* is for, and return what it returns."""
    view = View(cursor, schema)
    kind = cursor.kind
    if kind == TICK:
        return consumer.on_tick(cursor.tick(), view)
    if kind == BAR:
        return consumer.on_bar(cursor.bar(), view)
    if kind == CLOCK_ROW:
        return consumer.on_clock(int(cursor.clock_event_ns()), view)
    tick = cursor.tick() if cursor.number >= 0 else None
    return consumer.on_reject(tick, cursor.reason(), view)
