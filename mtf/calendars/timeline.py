"""The timeline of a calendar: its days and their spans, made from its settings, one at a time.

Owns the rules of what trades, and which trading day it belongs to. A date whose *day sessions* (`hours`) trade and do
not go into the next trading day is a *trade date*. Its trading day is every session after the last day session of the
previous trade date, up to its own: so Friday's night, and a holiday's short hours, belong to Monday.

The grid: local wall time is cut at the day close into cells of one day, each with the date on which it closes. Time
that is in no trading day is off session, in days that end with their cell and have its date.

Everything is computed in wall time, in seconds since 1970, and then converted to instants of the zone. Computed once
per day and calendar, never per tick.
"""

from __future__ import annotations

import bisect
import datetime
import zoneinfo
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from mtf.calendars.auctions import Reach, outwards
from mtf.calendars.cache import Cache
from mtf.calendars.calendar import FIRST_ORDINAL, LAST_ORDINAL
from mtf.calendars.calendar_settings import Settings
from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, AuctionWindow, Day, Grid, Span
from mtf.calendars.hours import Stretch, without
from mtf.calendars.zone import DAY_S, EPOCH_ORDINAL, wall_ns

__all__ = ["SCHEDULES_MAX", "DaySchedule", "Timeline"]

SCHEDULES_MAX: Final = 1024  # days kept; older ones are made again when needed

# The search for trade dates ends here; i64 nanoseconds reach a quarter of a year further.
_FIRST: Final = FIRST_ORDINAL - 92
_LAST: Final = LAST_ORDINAL + 60
_DATES_MAX: Final = 64  # dates whose sessions are kept, as long as days are made from them

_Pieces = list[Stretch]


class DaySchedule:
    """The spans that overlap the cell `[start_ns, end_ns)` of one date, in order and without gaps, and their `starts`.

    Empty (it starts where it ends) only if the zone's clock skipped the whole date.
    """

    __slots__ = ("end_ns", "ordinal", "spans", "start_ns", "starts")

    def __init__(self, ordinal: int, start_ns: int, end_ns: int, spans: tuple[Span, ...]) -> None:
        self.ordinal: Final = ordinal
        self.start_ns: Final = start_ns
        self.end_ns: Final = end_ns
        self.spans: Final = spans
        self.starts: Final = [span.start_ns for span in spans]

    def state_of(self, from_ns: int, to_ns: int, margin_ns: int) -> int | None:
        """Return the state of the cell from *margin_ns* before *from_ns* to *margin_ns* after *to_ns*.

        None if the cell, or a span of it, starts or ends in that time.
        """
        from_ns, to_ns = from_ns - margin_ns, to_ns + margin_ns
        if not self.start_ns < from_ns <= to_ns < self.end_ns:
            return None
        span = self.spans[bisect.bisect_right(self.starts, from_ns) - 1]
        return int(span.state) if span.start_ns < from_ns and to_ns < span.end_ns else None


class _Sessions(NamedTuple):
    """When a date is open, and when it would be if there were no holidays or closures."""

    opens: _Pieces
    holidays: _Pieces


_NOTHING: Final = _Sessions([], [])


class _Session(NamedTuple):
    """A session of a trading day: its edges, on the local clock and as instants."""

    start_s: int
    end_s: int
    start_ns: int
    end_ns: int


class Timeline:
    """Makes the days, spans and cells of one calendar; safe to share between threads."""

    __slots__ = ("_alone", "_beside", "_dates", "_days", "_nights", "_schedules", "_settings", "_zone")

    def __init__(self, settings: Settings, zone: zoneinfo.ZoneInfo | None = None) -> None:
        """*zone* replaces that of *settings*."""
        self._settings: Final = settings
        self._zone: Final = zone or settings.zone
        self._beside: Final = bool(settings.auctions or settings.inclusive_ends)  # prints outside sessions count
        # A trading day lies in the cell of its date, so other dates are irrelevant.
        self._alone: Final = not (settings.night or settings.into_next or self._beside)
        self._schedules: Final = Cache[DaySchedule](SCHEDULES_MAX)  # this and the others: by the ordinal of the date
        self._days: Final = Cache[tuple[Span, ...]](SCHEDULES_MAX)
        self._dates: Final = Cache[_Sessions](_DATES_MAX)
        self._nights: Final = Cache[_Sessions](_DATES_MAX)

    @property
    def alone(self) -> bool:
        """Whether a trading day depends on its own date alone, apart from the dates that go into it."""
        return not (self._settings.night or self._beside)

    def next_trade_date(self, ordinal: int) -> int | None:
        """Return the first trade date after a date; None if there is none within the range of calendars."""
        return self._following(ordinal + 1)

    def __len__(self) -> int:
        """Return how many cells are kept."""
        return len(self._schedules)

    def schedule(self, ordinal: int) -> DaySchedule:
        """Return the cell of a date."""
        return self._schedules.find(ordinal) or self._schedules.keep(ordinal, self._schedule(ordinal))

    def _schedule(self, ordinal: int) -> DaySchedule:
        high_s = _midnight(ordinal) + self._settings.day_close_s
        start_ns, end_ns = self._ns(high_s - DAY_S), self._ns(high_s)
        date = datetime.date.fromordinal(ordinal)
        spans: list[Span] = []
        at = start_ns
        for trading in self._trading_days(ordinal):
            first, last = trading[0].start_ns, trading[-1].end_ns
            if first >= end_ns or last <= start_ns:
                continue
            if at < first:
                spans += self._off_session(ordinal, date, at, first)
            low = bisect.bisect_right(trading, start_ns, key=lambda span: span.end_ns)
            spans += trading[low : bisect.bisect_left(trading, end_ns, key=lambda span: span.start_ns)]
            at = last
        if at < end_ns:
            spans += self._off_session(ordinal, date, at, end_ns)
        return DaySchedule(ordinal, start_ns, end_ns, tuple(spans))

    def _trading_days(self, ordinal: int) -> list[tuple[Span, ...]]:
        """Return the trading days that may overlap the cell of a date: its own, the next and the previous one."""
        dates: list[int | None] = [ordinal] if self._trades(ordinal) else []
        if not self._alone:
            dates.append(self._following(ordinal + 1))
        if self._beside:
            dates.insert(0, self._preceding(ordinal - 1))
        days = [self._day(date) for date in dates if date is not None]
        return [day for day in days if day]

    def _off_session(self, ordinal: int, date: datetime.date, start_ns: int, end_ns: int) -> list[Span]:
        """Return the spans of the off-session day `[start_ns, end_ns)`: closed, or holiday if it would trade."""
        holidays = self._date(ordinal).holidays
        if self._settings.night:
            nights = [piece for other in (ordinal - 2, ordinal - 1, ordinal) for piece in self._night(other).holidays]
            holidays = sorted(holidays + nights)
        return _filled(Day(start_ns, end_ns, date, True), [], self._on_clock(holidays), CLOSED)

    def _day(self, ordinal: int) -> tuple[Span, ...]:
        """Return the spans of the trading day of a trade date; none if the zone's clock skipped all of it."""
        found = self._days.find(ordinal)
        return self._days.keep(ordinal, self._made(ordinal)) if found is None else found

    def _made(self, ordinal: int) -> tuple[Span, ...]:
        sessions = self._sessions(ordinal)
        if not sessions:
            return ()
        holidays = self._on_clock(self._holidays(ordinal))
        opens = [(session.start_ns, session.end_ns) for session in sessions]
        date = datetime.date.fromordinal(ordinal)
        if not self._beside:
            return tuple(_filled(Day(opens[0][0], opens[-1][1], date, False), opens, holidays, BREAK))
        windows, prints = self._auctions(ordinal, sessions, holidays)
        grid = Grid(opens[0][0], opens[-1][1], windows) if windows else None
        opens = _united(sorted(opens + prints))
        return tuple(_filled(Day(opens[0][0], opens[-1][1], date, False, grid), opens, holidays, BREAK))

    def _auctions(
        self, ordinal: int, sessions: Sequence[_Session], holidays: _Pieces
    ) -> tuple[list[AuctionWindow], list[Stretch]]:
        """Return the windows of a trading day's grid, and when prints count in them; they overlap no other session."""
        before, after = self._preceding(ordinal - 1), self._following(ordinal + 1)
        low: int | None = None
        if before is not None and (previous := self._sessions(before)):
            closing = self._closings(before, previous)[-1]
            low = max((end for _, end in closing), default=previous[-1].end_ns)
            low = min(low, sessions[0].start_ns)
        following = self._sessions(after) if after is not None else ()
        limits = [session.start_ns for session in (*sessions[1:], *following[:1])]
        windows: list[AuctionWindow] = []
        prints: list[Stretch] = []
        openings, closings = self._openings(ordinal, sessions), self._closings(ordinal, sessions)
        for position, session in enumerate(sessions):
            taken = _within(openings[position], low, session.start_ns, holidays)
            if taken:
                windows.append(AuctionWindow(taken[0][0], session.start_ns, False))
                prints += taken
            low = session.end_ns
            limit = limits[position] if position < len(limits) else None
            taken = _within(closings[position], low, limit, holidays)
            if taken:
                low = taken[-1][1]
                windows.append(AuctionWindow(session.end_ns, low, True))
                prints += taken
        return windows, prints

    def _closings(self, ordinal: int, sessions: Sequence[_Session]) -> list[_Pieces]:
        """Return the windows after the end of each session."""
        found: list[_Pieces] = [[] for _ in sessions]
        if self._settings.inclusive_ends:
            found = [[(session.end_ns, session.end_ns + 1)] for session in sessions]
        ends = [session.end_s for session in sessions]
        for reach in self._reaches(ordinal):
            if reach.last:
                position = len(ends) - 1 if reach.outer else _nearest(ends, reach.edge_s)
                edge_ns = sessions[position].end_ns
                found[position].append((edge_ns + reach.near_ns, edge_ns + reach.far_ns))
        return found

    def _openings(self, ordinal: int, sessions: Sequence[_Session]) -> list[_Pieces]:
        """Return the windows before the start of each session."""
        found: list[_Pieces] = [[] for _ in sessions]
        starts = [session.start_s for session in sessions]
        for reach in self._reaches(ordinal):
            if not reach.last:
                position = 0 if reach.outer else _nearest(starts, reach.edge_s)
                edge_ns = sessions[position].start_ns
                found[position].append((edge_ns - reach.far_ns, edge_ns - reach.near_ns))
        return found

    def _reaches(self, ordinal: int) -> tuple[Reach, ...]:
        """Return the auctions of a trading day: those of its weekday, or of the first one that trades."""
        reaches = self._settings.reaches
        found = reaches.get((ordinal - 1) % 7)
        return reaches[min(reaches)] if found is None else found

    def _sessions(self, ordinal: int) -> tuple[_Session, ...]:
        """Return the sessions of the trading day of a trade date, in order, merging those that touch."""
        opens = self._date(ordinal).opens
        if not self._alone:
            last_s = opens[-1][1]
            before = self._preceding(ordinal - 1)
            first_s = last_s - 8 * DAY_S if before is None else self._date(before).opens[-1][1]
            pieces = [piece for other in self._dates_of(ordinal, before) for piece in self._both(other).opens]
            opens = _united(sorted((max(start, first_s), min(end, last_s)) for start, end in pieces if end > first_s))
        sessions = [_Session(start, end, self._ns(start), self._ns(end)) for start, end in opens]
        return tuple(session for session in sessions if session.start_ns < session.end_ns)

    def _holidays(self, ordinal: int) -> _Pieces:
        """Return what would trade within a trading day if there were no holidays or closures."""
        if self._alone:
            return self._date(ordinal).holidays
        dates = self._dates_of(ordinal, self._preceding(ordinal - 1))
        return sorted(piece for other in dates for piece in self._both(other).holidays)

    def _dates_of(self, ordinal: int, before: int | None) -> Iterable[int]:
        """Return the dates on which sessions of a trading day may begin; *before* is the previous trade date."""
        return range(ordinal - 8 if before is None else before - 1, ordinal + 1)

    def _both(self, ordinal: int) -> _Sessions:
        """Return the day sessions of a date and the night sessions that start on it."""
        day, night = self._date(ordinal), self._night(ordinal)
        return _Sessions(day.opens + night.opens, day.holidays + night.holidays)

    def _trades(self, ordinal: int) -> bool:
        """Return whether the date is a trade date."""
        return ordinal not in self._settings.into_next and bool(self._date(ordinal).opens)

    def _following(self, ordinal: int) -> int | None:
        """Return the first trade date from *ordinal* on; None if there is none within the range of calendars."""
        while ordinal <= _LAST:
            if self._trades(ordinal):
                return ordinal
            closure = self._closure_over(ordinal)
            ordinal = ordinal + 1 if closure is None else max(ordinal + 1, closure[1] // DAY_S + EPOCH_ORDINAL)
        return None

    def _preceding(self, ordinal: int) -> int | None:
        """Return the last trade date up to *ordinal*; None if there is none within the range of calendars."""
        while ordinal >= _FIRST:
            if self._trades(ordinal):
                return ordinal
            closure = self._closure_over(ordinal)
            ordinal = ordinal - 1 if closure is None else min(ordinal - 1, closure[0] // DAY_S + EPOCH_ORDINAL + 1)
        return None

    def _closure_over(self, ordinal: int) -> Stretch | None:
        """Return the closure that covers the whole cell of a date; None if there is none."""
        closures = self._settings.closures
        high_s = _midnight(ordinal) + self._settings.day_close_s
        position = bisect.bisect_right(closures, high_s - DAY_S, key=lambda closure: closure[0]) - 1
        if position >= 0 and closures[position][1] >= high_s:
            return closures[position]
        return None

    def _date(self, ordinal: int) -> _Sessions:
        """Return the day sessions of a date, and what holidays and closures take out of them."""
        found = self._dates.find(ordinal)
        return self._dates.keep(ordinal, self._day_sessions(ordinal)) if found is None else found

    def _day_sessions(self, ordinal: int) -> _Sessions:
        settings = self._settings
        sessions = settings.sessions(ordinal)
        if not sessions:
            return _NOTHING
        midnight = _midnight(ordinal)
        first_s = settings.late.get(ordinal, sessions[0][0])
        halt_s = settings.into_next.get(ordinal, sessions[-1][1])
        last_s = min(halt_s, settings.early.get(ordinal, halt_s))
        opens = [
            (midnight + max(start, first_s), midnight + min(end, last_s))
            for start, end in sessions
            if start < last_s and end > first_s
        ]
        if not opens:
            return _NOTHING
        whole = (opens[0][0], opens[-1][1])
        if ordinal in settings.holidays:
            return _Sessions([], [whole])
        found = self._open(opens, whole)
        if halt_s < sessions[-1][1]:
            found.holidays.append((midnight + halt_s, midnight + sessions[-1][1]))
        return found

    def _night(self, ordinal: int) -> _Sessions:
        """Return the night sessions that start on a date, and what holidays and closures take out of them."""
        if not self._settings.night:
            return _NOTHING
        found = self._nights.find(ordinal)
        return self._nights.keep(ordinal, self._night_sessions(ordinal)) if found is None else found

    def _night_sessions(self, ordinal: int) -> _Sessions:
        settings = self._settings
        midnight = _midnight(ordinal)
        nights = [(midnight + start, midnight + end) for start, end in settings.nights[(ordinal - 1) % 7]]
        if not nights:
            return _NOTHING
        if ordinal in settings.holidays or ordinal in settings.no_night:
            return _Sessions([], nights)
        found = _Sessions([], [])
        for night in nights:
            if not settings.night_before_holidays and self._owner(ordinal, night[0]) in settings.holidays:
                found.holidays.append(night)
                continue
            opens, holidays = self._open([night], night)
            found.opens.extend(opens)
            found.holidays.extend(holidays)
        return found

    def _owner(self, ordinal: int, start_s: int) -> int:
        """Return the date that a night session of an ordinary week belongs to."""
        weekdays = self._settings.weekdays
        while True:
            sessions = weekdays[(ordinal - 1) % 7]
            if sessions and _midnight(ordinal) + sessions[-1][1] > start_s:
                return ordinal
            ordinal += 1

    def _open(self, opens: _Pieces, whole: Stretch) -> _Sessions:
        """Return *opens* less the closures, and the closures, as far as they lie in *whole*."""
        closures = self._settings.closures
        if not closures:
            return _Sessions(opens, [])
        first = bisect.bisect_right(closures, whole[0], key=lambda closure: closure[1])
        holidays: _Pieces = []
        for start, end in closures[first:]:
            if start >= whole[1]:
                break
            holidays.append((max(start, whole[0]), min(end, whole[1])))
        return _Sessions(without(opens, holidays), holidays)

    def _on_clock(self, pieces: Iterable[Stretch]) -> _Pieces:
        """Return *pieces* of wall time as instants, without those that the zone's clock skipped."""
        found = [(self._ns(start), self._ns(end)) for start, end in pieces]
        return [piece for piece in found if piece[0] < piece[1]]

    def _ns(self, wall_s: int) -> int:
        return wall_ns(self._zone, wall_s)


def _midnight(ordinal: int) -> int:
    return (ordinal - EPOCH_ORDINAL) * DAY_S


def _filled(day: Day, opens: _Pieces, holidays: _Pieces, rest: int) -> list[Span]:
    """Return the spans of *day*: *opens*, *holidays* where nothing is open, and *rest* for the remaining time.

    Both are in order, and if anything is open, the day begins and ends with it. Adjacent spans of the same state are
    merged.
    """
    if not holidays and len(opens) <= 1:
        return [Span(day.start_ns, day.end_ns, OPEN if opens else rest, day)]
    states = [(start, end, OPEN) for start, end in opens]
    states += [(start, end, HOLIDAY) for start, end in without(holidays, opens)]
    states.sort()
    spans: list[Span] = []
    at: int = day.start_ns
    for start, end, state in (*states, (day.end_ns, day.end_ns, rest)):
        start, end = max(start, at), min(end, day.end_ns)
        if at < start <= day.end_ns:
            spans.append(Span(at, start, rest, day))
            at = start
        if start < end:
            if spans and spans[-1].state == state:
                start = spans.pop().start_ns
            spans.append(Span(start, end, state, day))
            at = end
    return spans


def _united(pieces: _Pieces) -> _Pieces:
    """Return *pieces*, which are in order of their starts, merging those that touch or overlap."""
    found: _Pieces = []
    for start, end in pieces:
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _within(windows: _Pieces, low: int | None, high: int | None, holidays: _Pieces) -> _Pieces:
    """Return *windows* in order, cut to `[low, high)` (None: no limit) and less *holidays*."""
    cut = (
        (start if low is None else max(start, low), end if high is None else min(end, high)) for start, end in windows
    )
    return without(_united(sorted(cut)), holidays)


def _nearest(edges_s: Sequence[int], at_s: int) -> int:
    """Return the position of the edge whose time of day is nearest to *at_s*."""
    return min(range(len(edges_s)), key=lambda position: abs(outwards(edges_s[position], at_s)))
