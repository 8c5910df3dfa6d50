"""A calendar by value: what a log keeps of it, and what a TOML file says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mtf.calendars
from mtf.calendars import HOLIDAY, WeeklyCalendar
from mtf.calendars.named import TOML_BYTES_MAX
from mtf.errors import ConfigError
from tests.calendars.builders import day_text, utc

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
        ('name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 9-5"]', "invalid hours 'Mon-Fri 9-5'"),
        ('name = "x"\nzone = "UTC"\nhours = [1]', "invalid hours 1"),
        ('name = "x"\nzone = "UTC"\nhours = 1', "hours"),
        (
            'name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 09:00-17:00"]\nnight_before_holidays = 1',
            "night_before_holidays must be true or false, got 1",
        ),
        (
            'name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 09:00-17:00"]\nweek = "sun"',
            "such as 'monday' or 'sunday', got 'sun'",
        ),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 09:00-17:00"]\nweek = 7', "week must be a string"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 09:00-17:00"]\nauctions = 7', "auctions must be a list"),
        ('name = 1\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]', "name"),
        ('name = "x"\nzone = 1\nhours = ["Mon 09:00-17:00"]', "zone"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nclosures = [1]', "closure"),
        (
            'name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nclosures = [["2024-12-24T13:00", "noon"]]',
            "invalid local time 'noon': write it as 2024-12-24T13:00",
        ),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nclosures = 1', "closures"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nholidays = 1', "holidays"),
        ('name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nholidays = [1]', "invalid date 1"),
        (
            'name = "x"\nzone = "UTC"\nhours = ["Mon 09:00-17:00"]\nearly_closes = ["2024-01-09"]',
            "early_closes must be a table",
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


class TestBase:
    """A calendar that starts from another one."""

    def read(self, tmp_path: Path, text: str) -> mtf.calendars.Calendar:
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return mtf.calendars.get(path)

    def test_what_is_not_said_stays(self, tmp_path: Path) -> None:
        """All of New York's holidays, and auctions."""
        mine = self.read(
            tmp_path, 'name = "mine"\nbase = "us_equities"\nauctions = ["16:00-16:05 into last"]\nweek = "sunday"\n'
        )
        base = mtf.calendars.get("us_equities").to_dict()
        assert mine.to_dict() == base | {"name": "mine", "auctions": ["16:00-16:05 into last"], "week": "sunday"}

    def test_dates_are_added(self, tmp_path: Path) -> None:
        """A day of mourning more, and one of the base's stays."""
        mine = self.read(tmp_path, 'name = "mine"\nbase = "us_equities"\nholidays = [2031-03-04]\n')
        assert mine.span_at(utc("2031-03-04 16:00")).state == HOLIDAY
        assert mine.span_at(utc("2024-12-25 16:00")).state == HOLIDAY

    def test_what_is_said_of_a_date_replaces_what_the_base_says(self, tmp_path: Path) -> None:
        """A holiday becomes a half day, a half day a holiday, and metals halt later than the indices."""
        mine = self.read(
            tmp_path,
            'name = "mine"\nbase = "us_equities"\nholidays = [2024-11-29]\n'
            '[special_hours]\n"09:30-11:00" = ["2024-12-25"]\n',
        )
        assert mine.span_at(utc("2024-11-29 15:00")).state == HOLIDAY
        assert day_text(mine.day_at(utc("2024-12-25 15:00"))) == "2024-12-25 14:30 .. 2024-12-25 16:00 2024-12-25"
        metals = self.read(tmp_path, 'name = "gc"\nbase = "us_futures"\n[into_next]\n"14:30" = [2024-05-27]\n')
        assert metals.span_at(utc("2024-05-27 18:29")).open
        assert not metals.span_at(utc("2024-07-04 18:29")).open

    def test_in_python(self) -> None:
        """The same, with the constructor's names."""
        mine = WeeklyCalendar.based_on(mtf.calendars.get("cn_futures_2300"), name="mine", no_night=["2027-01-29"])
        assert not mine.span_at(utc("2027-01-29 13:30")).open
        assert mine.span_at(utc("2027-01-28 13:30")).open
        assert not mine.span_at(utc("2020-03-04 13:30")).open

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('name = "x"\nbase = "nyse"', "unknown calendar 'nyse'"),
            ('name = "x"\nbase = 1', "base must name a calendar, such as 'us_equities' or 'exchange:XLON', got 1"),
            ('name = "x"\nbase = "other.toml"', "got 'other.toml'"),
            ('base = "fx"', "key 'name' is missing: a calendar that is based on another needs its own name"),
            ('name = "x"\nbase = "fx"\nholliday = []', "unknown key 'holliday'"),
            ('name = "x"\nbase = "fx"\nholidays = 1', "holidays must be a list"),
            ('name = "x"\nbase = "fx"\nholidays = ["soon"]', "invalid date 'soon'"),
            (
                'name = "x"\nbase = "cn_futures"\nhours = ["Mon-Fri 09:00-15:00", "Mon-Fri 21:00-02:30"]',
                "list it under night",
            ),
        ],
    )
    def test_errors_name_the_file(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=r"mine\.toml: ") as caught:
            self.read(tmp_path, text)
        assert message in str(caught.value)


def test_missing_and_oversized_files_are_refused(tmp_path: Path) -> None:
    """A file is read up to a limit, and no further."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        mtf.calendars.get(tmp_path / "none.toml")
    path = tmp_path / "long.toml"
    path.write_bytes(b"#" * (TOML_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="a calendar is never that long"):
        mtf.calendars.get(path)


def test_unknown_kind_is_refused() -> None:
    """A log of a later release, with a kind of calendar that is not known here."""
    with pytest.raises(ConfigError, match="unknown kind of calendar 'lunar': this version of mtf supports 'weekly'"):
        mtf.calendars.from_dict({"kind": "lunar"})
