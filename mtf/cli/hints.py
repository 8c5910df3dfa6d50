"""What a trader would ask first when a run gave less than was hoped for: notes on stderr, beside the counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mtf.pipeline import Pipeline
from mtf.summary import Summary

__all__ = ["hints"]

MANY: Final = 0.25  # the share of rejected events from which on something is wrong with how a source is read


def hints(pipeline: Pipeline, summary: Summary) -> Iterator[str]:
    """Yield what may be wrong with the settings, from what *summary* counts."""
    config = pipeline.config
    closed, late = summary.rejected.get("closed", 0), summary.rejected.get("late", 0)
    if closed > summary.events * MANY:
        calendars = ", ".join(dict.fromkeys(calendar.name for _, calendar in config.calendars.rules))
        yield (
            f"{closed:,} of {summary.events:,} events came while the market was closed: "
            f"are the calendar ({calendars}) and the zone of the times the right ones?"
        )
    if late > summary.events * MANY:
        yield f"{late:,} of {summary.events:,} events came late: is the source in order of time?"
    if not summary.events and not summary.rejected:
        yield "there was no event in the source"
    finest = config.timeframes.names[0]
    if summary.ticks and not any(
        snapshot.bars or snapshot.partial for snapshot in (pipeline.snapshot(name)[finest] for name in pipeline.symbols)
    ):
        yield (
            f"{summary.ticks:,} ticks made no bar, for none had the price that bars are made of ({config.price}; "
            "one-sided quotes have no mid): name one that they have with --price"
        )
