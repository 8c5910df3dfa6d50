"""The examples of docs/calendars.md: each is a calendar, and does what the text beside it says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import mtf.calendars
from mtf.calendars import Calendar
from tests.calendars.builders import day_text, stretches, text, utc

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "calendars.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
NAMES = [match[1] for example in EXAMPLES if (match := re.match(r'name = "(\w+)"', example))]
# By name: an instant in UTC, and the trading day, or the spans, that the text says it lies in.
DAYS = {
    "office": ("2024-12-24 10:00", "2024-12-24 08:00 .. 2024-12-24 11:00 2024-12-24"),
    "gold_in_shanghai": ("2024-06-01 12:00", "2024-05-31 13:00 .. 2024-06-03 07:00 2024-06-03"),
    "globex_metals": ("2024-05-27 18:29", "2024-05-26 22:00 .. 2024-05-28 21:00 2024-05-28"),
    "taipei_index_futures": ("2024-02-05 08:00", "2024-02-05 07:00 .. 2024-02-15 05:45 2024-02-15"),
    "riyadh": ("2024-03-03 08:00", "2024-03-03 07:00 .. 2024-03-03 12:00 2024-03-03"),
    "new_york_with_auctions": ("2024-11-29 18:04", "2024-11-29 14:28 .. 2024-11-29 18:05 2024-11-29"),
    "shanghai_inclusive": ("2024-06-04 00:59", "2024-06-03 12:59 .. 2024-06-04 07:00 2024-06-04"),
}


def example(name: str, tmp_path: Path) -> Calendar:
    path = tmp_path / f"{name}.toml"
    path.write_text(EXAMPLES[NAMES.index(name)], "utf-8")
    if "exchange:" in EXAMPLES[NAMES.index(name)] and importlib.util.find_spec("exchange_calendars") is None:
        pytest.skip("exchange_calendars is not installed")
    return mtf.calendars.get(path)


def test_every_example_has_a_name_and_is_looked_at() -> None:
    """None can be added without saying here what it does."""
    assert len(NAMES) == len(EXAMPLES)
    assert sorted(NAMES) == sorted(DAYS)


@pytest.mark.filterwarnings("ignore")  # the package's own, about the pandas that it runs on
@pytest.mark.parametrize("name", NAMES)
def test_example_has_the_trading_day_that_the_text_says(name: str, tmp_path: Path) -> None:
    """Whoever copies it has one that works."""
    at, expected = DAYS[name]
    day = example(name, tmp_path).day_at(utc(at))
    last = 1 if name == "shanghai_inclusive" else 0  # the nanosecond in which a tick on the end lies
    assert f"{text(day.start_ns)} .. {text(day.end_ns - last)} {day.date}" == expected


def test_nights_of_the_example(tmp_path: Path) -> None:
    """None before the holiday, none on the date that is listed, and one on the Friday before."""
    gold = example("gold_in_shanghai", tmp_path)
    nights = [date for date in range(3, 29) if gold.span_at(utc(f"2024-06-{date:02} 14:00")).open]
    assert nights == [3, 4, 5, 6, 11, 12, 13, 14, 17, 18, 19, 21, 24, 25, 26, 27, 28]


def test_closures_and_special_hours_of_the_example(tmp_path: Path) -> None:
    """A closure from Thursday noon to Tuesday morning, and hours on a Saturday."""
    office = example("office", tmp_path)
    assert stretches(office, "2024-06-01 07:00", "2024-06-01 12:00") == [
        "2024-06-01 07:00 .. 2024-06-01 09:30 open 2024-06-01",
        "2024-06-01 09:30 .. 2024-06-01 10:30 break 2024-06-01",
        "2024-06-01 10:30 .. 2024-06-01 12:00 open 2024-06-01",
    ]
    assert day_text(office.day_at(utc("2024-02-08 09:00"))) == "2024-02-08 08:00 .. 2024-02-08 11:00 2024-02-08"
    assert not office.span_at(utc("2024-02-12 09:00")).open


def test_week_of_the_example(tmp_path: Path) -> None:
    """Sunday to Thursday."""
    week = example("riyadh", tmp_path).week_at(utc("2024-03-05 09:00"))
    assert day_text(week) == "2024-03-03 07:00 .. 2024-03-07 12:00 2024-03-07"


def test_stamps_on_the_end_of_the_example(tmp_path: Path) -> None:
    """15:00:00 in Shanghai is the day's last instant."""
    calendar = example("shanghai_inclusive", tmp_path)
    assert calendar.day_at(utc("2024-06-04 07:00")).end_ns == utc("2024-06-04 07:00") + 1


def test_names_of_the_table_are_those_that_there_are() -> None:
    """A built-in that is not documented is not found."""
    table = DOCUMENT.partition("## Names")[2].partition("\n\n`mtf.calendars.get")[0]
    named = set(re.findall(r"`(\w+)`", table)) - {"XNYS", "exchange_calendars"}
    assert named == {*mtf.calendars.BUILT_IN, *mtf.calendars.WITH_PACKAGE}
