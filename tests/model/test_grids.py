"""The model's own slow calendars and the library's: two derivations of the same trading days."""

from __future__ import annotations

import itertools

import pytest

from mtf import calendars
from mtf.calendars.day import Day, Span
from tests.builders import at
from tests.model.grids import CalendarLike, CryptoGrid, FxGrid
from tests.model.model import Model

GRIDS: list[tuple[str, CalendarLike]] = [("fx", FxGrid()), ("crypto", CryptoGrid())]


def values(day: Day) -> tuple[object, ...]:
    return day.start_ns, day.end_ns, day.date, day.off_session


def fields(span: Span) -> tuple[object, ...]:
    return span.state, values(span.day)


def days(grid: CalendarLike, from_ns: int, to_ns: int) -> list[Day]:
    found = [grid.span_at(from_ns).day]
    while found[-1].end_ns < to_ns:
        found.append(grid.span_at(found[-1].end_ns).day)
    return found


@pytest.mark.parametrize(("name", "grid"), GRIDS)
def test_calendar_has_the_days_of_the_grid(name: str, grid: CalendarLike) -> None:
    """Over thirty years of clock changes: on the first and last nanosecond of every day, and in its middle."""
    calendar = calendars.get(name)
    for day in days(grid, at("2000-01-01 00:00"), at("2030-01-01 00:00")):
        for ts_ns in (day.start_ns, (day.start_ns + day.end_ns) // 2, day.end_ns - 1):
            assert fields(calendar.span_at(ts_ns)) == fields(grid.span_at(ts_ns))


@pytest.mark.parametrize(("name", "grid"), GRIDS)
def test_calendar_has_the_weeks_and_months_of_the_model(name: str, grid: CalendarLike) -> None:
    calendar = calendars.get(name)
    model = Model(["1w", "1mo"], grid)
    week, month = model.timeframes
    for day in days(grid, at("2023-12-01 00:00"), at("2025-02-01 00:00")):
        for found, expected in (
            (calendar.week_at(day.start_ns), model.days.bounds(week, day.start_ns)),
            (calendar.month_at(day.end_ns - 1), model.days.bounds(month, day.start_ns)),
        ):
            assert values(found) == (expected.start_ns, expected.end_ns, expected.date, expected.off_session)


@pytest.mark.parametrize(("name", "grid"), GRIDS)
def test_gaps_have_the_reasons_of_the_model(name: str, grid: CalendarLike) -> None:
    model = Model(["1m"], grid)
    edges = [day.start_ns + 12_345 for day in days(grid, at("2024-03-06 00:00"), at("2024-03-20 00:00"))]
    for from_ns, to_ns in itertools.combinations(edges, 2):
        assert calendars.get(name).gap(from_ns, to_ns) == model.days.gap(from_ns, to_ns)
