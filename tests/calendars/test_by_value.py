"""A calendar by value: what a log keeps of it, and what a TOML file says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mtf.calendars
from mtf.calendars import WeeklyCalendar
from mtf.calendars.catalogue import TOML_BYTES_MAX
from mtf.errors import ConfigError
from tests.calendars.builders import day_text, stretches, utc

EVERYTHING = """
name = "tokyo_like"
zone = "Asia/Tokyo"
day_close = "15:30"
hours = ["Mon-Fri 09:00-15:30"]
breaks = ["Mon-Fri 11:30-12:30"]
holidays = [2024-01-01, "2024-01-02"]
closures = [["2024-03-11T14:46", "2024-03-12T09:00"]]

[early_closes]
"14:00" = [2024-12-30]

[late_opens]
"10:00" = ["2024-01-04"]

[special_hours]
"09:00-11:30" = [2024-06-01]
"""


@pytest.mark.parametrize("name", mtf.calendars.BUILT_IN)
def test_built_in_comes_back_from_json_equal(name: str) -> None:
    """A log holds the calendar itself, and a later release of mtf replays with it."""
    calendar = mtf.calendars.get(name)
    again = mtf.calendars.from_dict(json.loads(json.dumps(calendar.to_dict())))
    assert again == calendar
    assert hash(again) == hash(calendar)
    assert again.to_dict() == calendar.to_dict()


def test_fx_by_value() -> None:
    """The written form is pinned: logs hold it."""
    assert mtf.calendars.get("fx").to_dict() == {
        "kind": "weekly",
        "name": "fx",
        "zone": "America/New_York",
        "day_close": "17:00",
        "hours": ["Sun 17:00 - Fri 17:00"],
    }


def test_everything_by_value(tmp_path: Path) -> None:
    """Each setting, canonical: hours less their breaks, dates in order and as text."""
    path = tmp_path / "tokyo.toml"
    path.write_text(EVERYTHING, "utf-8")
    calendar = mtf.calendars.get(str(path))
    assert calendar.to_dict() == {
        "kind": "weekly",
        "name": "tokyo_like",
        "zone": "Asia/Tokyo",
        "day_close": "15:30",
        "hours": [
            "Mon 09:00 - Mon 11:30",
            "Mon 12:30 - Mon 15:30",
            "Tue 09:00 - Tue 11:30",
            "Tue 12:30 - Tue 15:30",
            "Wed 09:00 - Wed 11:30",
            "Wed 12:30 - Wed 15:30",
            "Thu 09:00 - Thu 11:30",
            "Thu 12:30 - Thu 15:30",
            "Fri 09:00 - Fri 11:30",
            "Fri 12:30 - Fri 15:30",
        ],
        "holidays": ["2024-01-01", "2024-01-02"],
        "closures": [["2024-03-11T14:46", "2024-03-12T09:00"]],
        "early_closes": {"14:00": ["2024-12-30"]},
        "late_opens": {"10:00": ["2024-01-04"]},
        "special_hours": {"09:00-11:30": ["2024-06-01"]},
    }
    assert mtf.calendars.from_dict(json.loads(json.dumps(calendar.to_dict()))) == calendar
    assert day_text(calendar.day_at(utc("2024-12-30 01:00"))) == "2024-12-30 00:00 .. 2024-12-30 05:00 2024-12-30"


def test_name_is_part_of_the_value() -> None:
    """Two calendars that only the name tells apart are two."""
    one, other = (WeeklyCalendar(name=name, zone="UTC", hours=["Mon-Sun 00:00-24:00"]) for name in ("one", "other"))
    assert one != other
    assert one == WeeklyCalendar(name="one", zone="UTC", hours=["Mon 00:00 - Sun 24:00"], day_close="00:00")


def test_python_and_toml_make_equal_calendars(tmp_path: Path) -> None:
    """One shape for both."""
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\nzone = "Europe/Athens"\nhours = ["Mon 00:00 - Fri 24:00"]\n', "utf-8")
    assert mtf.calendars.get(path) == WeeklyCalendar(name="x", zone="Europe/Athens", hours=["Mon-Fri 00:00-24:00"])


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 09:00-17:00"]\nholliday = []', "unknown key 'holliday'"),
        ('name = "x"\nhours = ["Mon-Fri 09:00-17:00"]', "key 'zone' is missing"),
        ("name = ", "not TOML"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 9-5"]', "no hours 'Mon-Fri 9-5'"),
        ('name = "x"\nzone = "UTC"\nhours = [1]', "no hours 1"),
        ('name = "x"\nzone = "UTC"\nhours = 1', "hours"),
        ('name = 1\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]', "name"),
        ('name = "x"\nzone = 1\nhours = ["Mon 09:00-17:00"]', "zone"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nclosures = [1]', "closure"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nclosures = 1', "closures"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nholidays = 1', "holidays"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nholidays = [1]', "no date 1"),
        (
            'name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nearly_closes = ["2024-01-09"]',
            "early_closes is a table",
        ),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\n[early_closes]\n"13:00" = 1', "early_closes"),
    ],
)
def test_error_in_a_file_names_the_file_and_the_key(tmp_path: Path, toml: str, message: str) -> None:
    """Whoever wrote the file finds the line by it."""
    path = tmp_path / "mine.toml"
    path.write_text(toml, "utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml: ") as caught:
        mtf.calendars.get(str(path))
    assert message in str(caught.value)


def test_toml_of_the_documentation_is_a_calendar(tmp_path: Path) -> None:
    """Whoever copies it has one that works."""
    document = (Path(__file__).resolve().parents[2] / "docs" / "calendars.md").read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(document.partition("```toml\n")[2].partition("```")[0], "utf-8")
    calendar = mtf.calendars.get(path)
    assert stretches(calendar, "2024-02-06 08:00", "2024-02-07 06:45") == [
        "2024-02-06 08:00 .. 2024-02-06 21:00 open 2024-02-07",
        "2024-02-06 21:00 .. 2024-02-06 23:45 break 2024-02-07",
        "2024-02-06 23:45 .. 2024-02-07 02:30 open 2024-02-07",
        "2024-02-07 02:30 .. 2024-02-07 03:30 break 2024-02-07",
        "2024-02-07 03:30 .. 2024-02-07 06:45 open 2024-02-07",
    ]


def test_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    """A file is read up to a limit, and no further."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        mtf.calendars.get(tmp_path / "none.toml")
    path = tmp_path / "long.toml"
    path.write_bytes(b"#" * (TOML_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="no calendar is that long"):
        mtf.calendars.get(path)


def test_unknown_kind_is_refused() -> None:
    """A log of a later release, with a kind of calendar that is not known here."""
    with pytest.raises(ConfigError, match="no calendar of kind 'lunar': this version of mtf knows 'weekly'"):
        mtf.calendars.from_dict({"kind": "lunar"})
