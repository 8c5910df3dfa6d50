"""One cell of the grid of days: the 24 wall-clock hours up to a day close, cut into days and spans.

Owns the rules of what trades in them: holidays, closures, early closes and breaks. Built once a day and symbol, never
per tick.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterable
from typing import Final

from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Day, Span
from mtf.calendars.hours import Stretch
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL, wall_ns

__all__ = ["Cell", "build_cell"]

_Piece = tuple[int, int, int]  # from, until, state; in seconds first, then in nanoseconds UTC


class Cell:
    """The spans of one date, in order and without a hole; `starts` are their starts.

    Empty (it starts where it ends) only where the zone's clock jumped over the whole date.
    """

    __slots__ = ("end_ns", "spans", "start_ns", "starts")

    def __init__(self, start_ns: int, end_ns: int, spans: tuple[Span, ...]) -> None:
        self.start_ns: Final = start_ns
        self.end_ns: Final = end_ns
        self.spans: Final = spans
        self.starts: Final = [span.start_ns for span in spans]


def build_cell(
    zone: zoneinfo.ZoneInfo,
    ordinal: int,
    sessions: tuple[Stretch, ...],
    *,
    day_close_s: int,
    holiday: bool = False,
    opens_s: int | None = None,
    closes_s: int | None = None,
    closures: Iterable[Stretch] = (),
) -> Cell:
    """Return the cell of the date *ordinal*; *sessions*, *opens_s*, *closes_s* and *closures* count from its midnight.

    A late open and an early close make the trading day shorter, and what they take away is CLOSED. A holiday and a
    closure are HOLIDAY where the market would have been trading.
    """
    pieces = _pieces(sessions, day_close_s - DAY_S, day_close_s, opens_s, closes_s)
    if holiday:
        pieces = _overlaid(pieces, ((day_close_s - DAY_S, day_close_s),))
    pieces = _overlaid(pieces, closures)
    midnight = (ordinal - EPOCH_ORDINAL) * DAY_S
    bounds = [wall_ns(zone, midnight + start) for start, _, _ in pieces]
    bounds.append(wall_ns(zone, midnight + day_close_s))
    instants = [(bounds[i], bounds[i + 1], piece[2]) for i, piece in enumerate(pieces) if bounds[i] < bounds[i + 1]]
    return Cell(bounds[0], bounds[-1], _spans(instants, datetime.date.fromordinal(ordinal)))


def _pieces(
    sessions: tuple[Stretch, ...], low: int, high: int, opens_s: int | None, closes_s: int | None
) -> list[_Piece]:
    """Return `[low, high)` cut into sessions, the breaks between them, and what is closed before and after."""
    first = low if opens_s is None else opens_s
    last = high if closes_s is None else closes_s
    pieces: list[_Piece] = []
    at = low
    for start, end in sessions:
        start, end = max(start, first), min(end, last)
        if start >= end:
            continue
        if at < start:
            pieces.append((at, start, BREAK if pieces and pieces[-1][2] == OPEN else CLOSED))
        pieces.append((start, end, OPEN))
        at = end
    if at < high:
        pieces.append((at, high, CLOSED))
    return pieces


def _overlaid(pieces: list[_Piece], closures: Iterable[Stretch]) -> list[_Piece]:
    """Return *pieces* with HOLIDAY in place of what trades, or pauses, within *closures*."""
    for low, high in closures:
        cut: list[_Piece] = []
        for start, end, state in pieces:
            first, last = max(start, low), min(end, high)
            if state == CLOSED or first >= last:
                cut.append((start, end, state))
                continue
            if start < first:
                cut.append((start, first, state))
            cut.append((first, last, HOLIDAY))
            if last < end:
                cut.append((last, end, state))
        pieces = cut
    return pieces


def _spans(pieces: list[_Piece], date: datetime.date) -> tuple[Span, ...]:
    """Return the spans of *pieces* in their days: the trading day, and what is off session before and after it."""
    if not pieces:
        return ()
    opens = [i for i, piece in enumerate(pieces) if piece[2] == OPEN]
    first, last = (opens[0], opens[-1] + 1) if opens else (len(pieces), len(pieces))
    spans: list[Span] = []
    for part, off_session in ((pieces[:first], True), (pieces[first:last], False), (pieces[last:], True)):
        if not part:
            continue
        day = Day(part[0][0], part[-1][1], date, off_session)
        for start, end, state in _merged(part, off_session):
            spans.append(Span(start, end, state, day))
    return tuple(spans)


def _merged(pieces: list[_Piece], off_session: bool) -> list[_Piece]:
    """Return *pieces* with neighbours of one state made one; a pause outside of a trading day is not a break."""
    merged: list[_Piece] = []
    for start, end, state in pieces:
        if off_session and state == BREAK:
            state = CLOSED
        if merged and merged[-1][2] == state:
            start = merged.pop()[0]
        merged.append((start, end, state))
    return merged
