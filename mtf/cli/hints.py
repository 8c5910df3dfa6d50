"""Hints for a run that gave less than expected: notes on stderr, next to the counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mtf.order import BY_TIME
from mtf.pipeline import Pipeline
from mtf.summary import Summary

__all__ = ["hints"]

MANY: Final = 0.01  # with at least this share of rejected events, a hint names the setting that may help
TICKS_MIN: Final = 100  # accepted ticks without a bar: with fewer, a symbol may just have begun
NAMES_MAX: Final = 5


def hints(pipeline: Pipeline, summary: Summary, *, order: str = BY_TIME, imported: bool = False) -> Iterator[str]:
    """Yield what may be wrong with the settings, judging by *summary*; *order* is the requested one.

    *imported* says that history was imported before.
    """
    config = pipeline.config
    total = summary.events
    closed, late = summary.rejected.get("closed", 0), summary.rejected.get("late", 0)
    duplicate = summary.rejected.get("duplicate", 0)
    if closed > total * MANY:
        calendars = ", ".join(dict.fromkeys(calendar.name for _, calendar in config.calendars.rules))
        yield (
            f"{closed:,} of {total:,} events came while the market was closed: check --calendar ({calendars}) and the "
            "zone of the times (--zone); --closed keep makes bars of them"
        )
    if summary.out_of_order and order == BY_TIME:
        yield (
            f"{summary.out_of_order:,} of {total:,} events are not in order of time: they are stamped before an "
            "earlier event of another symbol in the log, so a callback could see that symbol's future (from the first "
            "of them on, view.of() of it raises LookAheadError). If the source is sorted by symbol, run it with "
            "--sort, and --data in a new directory"
        )
    if late > total * MANY:
        yield (
            f"{late:,} of {total:,} events came late, out of the order of their stamps: "
            + (
                "those stamped before the end of the imported history are already part of it; mtf inspect shows "
                "where it ends"
                if imported
                else "--reorder 1s puts them in order, --late accept counts those of the forming bar"
            )
        )
    if duplicate > total * MANY:
        yield f"{duplicate:,} of {total:,} events are repetitions, and count once"
    if not total and not summary.rejected:
        yield "the source has no events"
    barless = [name for name, counts in summary.symbols.items() if counts["ticks"] and not _has_bars(pipeline, name)]
    if barless and (len(barless) == len(summary.symbols) or _most_ticks(summary, barless) >= TICKS_MIN):
        more = f" and {len(barless) - NAMES_MAX} more" if len(barless) > NAMES_MAX else ""
        yield (
            f"{', '.join(barless[:NAMES_MAX])}{more}: {_most_ticks(summary, barless):,} ticks made no bar, because "
            f"none had the price that bars are made of ({config.price}; one-sided quotes have no mid): choose one that "
            "they have with --price"
        )


def _has_bars(pipeline: Pipeline, symbol: str) -> bool:
    return any(state.bars or state.partial for state in pipeline.snapshot(symbol))


def _most_ticks(summary: Summary, symbols: list[str]) -> int:
    return max(int(summary.symbols[name]["ticks"]) for name in symbols)
