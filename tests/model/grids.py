"""Calendars for the model: slow, without a cache, written from the rules and not from `mtf.calendars`.

Each answers `span_at` alone, with the words of `mtf.calendars.day`; that is all that the model asks of a calendar.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from mtf.calendars.day import BREAK, CLOSED, HOLIDAY, OPEN, Day, Span

__all__ = ["CalendarLike", "CryptoGrid", "FxGrid", "OfficeGrid"]

SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3600 * SECOND_NS
ONE_DAY: Final = datetime.timedelta(days=1)
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class CalendarLike(Protocol):
    """What the model needs of a calendar."""

    def span_at(self, ts_ns: int) -> Span: ...


class FxGrid:
    """Days from 17:00 to 17:00 in New York, dated by their end; those dated Saturday and Sunday are closed."""

    def span_at(self, ts_ns: int) -> Span:
        moment = _moment(ts_ns).astimezone(ZoneInfo("America/New_York"))
        date = moment.date() + ONE_DAY if moment.hour >= 17 else moment.date()
        closed = date.weekday() >= 5
        day = Day(self._close_ns(date - ONE_DAY), self._close_ns(date), date, closed)
        return Span(day.start_ns, day.end_ns, CLOSED if closed else OPEN, day)

    def _close_ns(self, date: datetime.date) -> int:
        return _ns(datetime.datetime.combine(date, datetime.time(17), ZoneInfo("America/New_York")))


class CryptoGrid:
    """Days from midnight to midnight UTC, always open."""

    def span_at(self, ts_ns: int) -> Span:
        day = _utc_day(ts_ns, off_session=False)
        return Span(day.start_ns, day.end_ns, OPEN, day)


class OfficeGrid:
    """UTC days from Monday to Friday, open but for a break from 12:00 to 13:00; given holidays are closed all day."""

    def __init__(self, holidays: Collection[str] = ()) -> None:
        self._holidays = {datetime.date.fromisoformat(text) for text in holidays}

    def span_at(self, ts_ns: int) -> Span:
        date = _moment(ts_ns).date()
        weekend = date.weekday() >= 5
        holiday = date in self._holidays
        day = _utc_day(ts_ns, off_session=weekend or holiday)
        if weekend or holiday:
            return Span(day.start_ns, day.end_ns, CLOSED if weekend else HOLIDAY, day)
        noon_ns = day.start_ns + 12 * HOUR_NS
        if ts_ns < noon_ns:
            return Span(day.start_ns, noon_ns, OPEN, day)
        if ts_ns < noon_ns + HOUR_NS:
            return Span(noon_ns, noon_ns + HOUR_NS, BREAK, day)
        return Span(noon_ns + HOUR_NS, day.end_ns, OPEN, day)


def _utc_day(ts_ns: int, *, off_session: bool) -> Day:
    date = _moment(ts_ns).date()
    start = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
    return Day(_ns(start), _ns(start + ONE_DAY), date, off_session)


def _moment(ts_ns: int) -> datetime.datetime:
    """Return *ts_ns* cut to its second, which no edge of these calendars falls into."""
    return _EPOCH + datetime.timedelta(seconds=ts_ns // SECOND_NS)


def _ns(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(seconds=1) * SECOND_NS
