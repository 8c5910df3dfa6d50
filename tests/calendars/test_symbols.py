"""Which symbol trades by which calendar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mtf.calendars
from mtf.calendars import CalendarMap, WeeklyCalendar
from mtf.calendars.symbols import rules_of
from mtf.errors import ConfigError


def test_first_pattern_that_fits_decides() -> None:
    """In the order in which they were given."""
    calendars = CalendarMap({"BTCUSD.FX": "fx", "BTC*": "crypto", "E[SN]?": "us_futures", "*": "fx"})
    names = {symbol: calendars.calendar_of(symbol).name for symbol in ("BTCUSD.FX", "BTCUSD", "ESH", "EURUSD", "")}
    assert names == {"BTCUSD.FX": "fx", "BTCUSD": "crypto", "ESH": "us_futures", "EURUSD": "fx", "": "fx"}


def test_case_counts_on_every_platform() -> None:
    """btcusd is another symbol than BTCUSD, on Windows too."""
    assert CalendarMap({"BTC*": "crypto", "*": "fx"}).calendar_of("btcusd").name == "fx"


def test_one_calendar_is_everybodys() -> None:
    """A name, a calendar, or a map, as it is."""
    office = WeeklyCalendar(name="office", zone="UTC", hours=["Mon-Fri 09:00-17:00"])
    assert CalendarMap(office).calendar_of("X") is office
    assert CalendarMap("fx") == CalendarMap({"*": mtf.calendars.get("fx")})
    assert CalendarMap(CalendarMap("fx")) == CalendarMap("fx")


def test_symbol_without_a_calendar_says_what_to_add() -> None:
    """No guess: a wrong calendar makes wrong bars."""
    with pytest.raises(
        ConfigError, match=r"no calendar for symbol 'EURUSD': none of BTC\*, ETH\* matches; add one for '\*'"
    ):
        CalendarMap({"BTC*": "crypto", "ETH*": "crypto"}).calendar_of("EURUSD")


def test_map_comes_back_from_json_equal_and_in_order() -> None:
    """A log holds each calendar once, by value, and the patterns in their order."""
    calendars = CalendarMap({"BTC*": "crypto", "EUR*": "fx", "ETH*": "crypto", "*": "fx"})
    value = json.loads(json.dumps(calendars.to_dict()))
    assert value == {
        "calendars": [
            {
                "kind": "weekly",
                "name": "crypto",
                "zone": "UTC",
                "day_close": "24:00",
                "hours": ["Mon 00:00 - Sun 24:00"],
            },
            {
                "kind": "weekly",
                "name": "fx",
                "zone": "America/New_York",
                "day_close": "17:00",
                "hours": ["Sun 17:00 - Fri 17:00"],
            },
        ],
        "symbols": [["BTC*", 0], ["EUR*", 1], ["ETH*", 0], ["*", 1]],
    }
    assert CalendarMap.from_dict(value) == calendars
    assert hash(CalendarMap.from_dict(value)) == hash(calendars)


def test_order_is_part_of_the_value() -> None:
    """Two maps that look patterns up in another order are two."""
    assert CalendarMap({"A*": "fx", "*B": "crypto"}) != CalendarMap({"*B": "crypto", "A*": "fx"})


def test_unreachable_pattern_and_empty_map_are_refused() -> None:
    """What can never be looked up is a mistake."""
    with pytest.raises(ConfigError, match=r"the calendar for 'BTC\*' would never be used: put '\*' last"):
        CalendarMap({"*": "fx", "BTC*": "crypto"})
    with pytest.raises(ConfigError, match="no calendar given"):
        CalendarMap({})


def test_pattern_that_is_the_symbol_fits_it_letter_by_letter() -> None:
    """Brackets of a symbol's name are not a set of letters; as a pattern they still are one."""
    calendars = CalendarMap({"BTC[PERP]": "crypto", "ES[HM]": "us_futures", "*": "fx"})
    names = {symbol: calendars.calendar_of(symbol).name for symbol in ("BTC[PERP]", "BTCP", "ESH", "ES[HM]", "ESZ")}
    assert names == {"BTC[PERP]": "crypto", "BTCP": "crypto", "ESH": "us_futures", "ES[HM]": "us_futures", "ESZ": "fx"}


class TestRules:
    """Calendars as one text, on the command line."""

    @pytest.mark.parametrize(
        ("text", "rules"),
        [
            ("fx", "fx"),
            ("exchange:XLON", "exchange:XLON"),
            ("BTC*=crypto,*=fx", {"BTC*": "crypto", "*": "fx"}),
            (
                "ES=F=us_futures, GC=F=cn_futures_0230 ,*=fx",
                {"ES=F": "us_futures", "GC=F": "cn_futures_0230", "*": "fx"},
            ),
            ("EURUSD=X=exchange:XLON", {"EURUSD=X": "exchange:XLON"}),
            ("AAPL=XNYS", {"AAPL": "XNYS"}),
            ("BTC[PERP]=crypto", {"BTC[PERP]": "crypto"}),
            ("ES=F=mine.toml", {"ES=F": "mine.toml"}),
            ("ES=F=nothing", {"ES=F": "nothing"}),
        ],
    )
    def test_last_equals_sign_before_a_calendar_parts_the_pattern_from_it(self, text: str, rules: object) -> None:
        """Yahoo's symbols hold `=`."""
        assert rules_of(text) == rules

    @pytest.mark.parametrize("name", ["a,b.toml", "b=c.toml"])
    def test_path_may_hold_a_comma_or_an_equals_sign(self, tmp_path: Path, name: str) -> None:
        """A file that is there is meant."""
        path = tmp_path / name
        path.write_text('name = "x"\nzone = "UTC"\nhours = ["Mon-Fri 09:00-17:00"]\n')
        assert rules_of(str(path)) == str(path)
        assert rules_of(f"ES=F={path},*=fx") == {"ES=F": str(path), "*": "fx"}
        assert CalendarMap(rules_of(f"ES=F={path},*=fx")).calendar_of("ES=F").name == "x"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("=fx", "invalid calendar for a symbol, '=fx': write PATTERN=CALENDAR, such as BTC"),
            ("A=", "invalid calendar for a symbol, 'A='"),
            ("A=fx,A=crypto", "'A' has two calendars, fx and crypto: keep one of them"),
            ("fx,BTC*=crypto", "invalid calendar for a symbol, 'fx'"),
        ],
    )
    def test_what_cannot_be_read_says_how_to_write_it(self, text: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            rules_of(text)


class TestSettled:
    """Another edition of a calendar, in the log of a directory that was made before."""

    older = WeeklyCalendar(name="us_futures", zone="America/New_York", day_close="17:00", hours=["Sun-Thu 18:00-17:00"])

    def test_calendar_asked_for_by_name_is_the_logs(self) -> None:
        """The others are as they were asked for."""
        asked = CalendarMap({"ES*": "us_futures", "*": "fx"})
        known = CalendarMap({"ES*": self.older, "*": "fx"})
        settled, names = asked.settled(known)
        assert settled == known
        assert names == ["us_futures"]

    def test_equal_maps_stay_as_they_are(self) -> None:
        """Nothing to say."""
        asked = CalendarMap({"ES*": "us_futures", "*": "fx"})
        assert asked.settled(CalendarMap.from_dict(asked.to_dict())) == (asked, [])

    @pytest.mark.parametrize(
        ("asked", "known"),
        [
            ({"*": WeeklyCalendar(name="us_futures", zone="UTC", hours=["Mon-Fri 09:00-17:00"])}, {"*": older}),
            ({"*": "fx"}, {"*": older}),
            ({"ES*": "us_futures", "*": "fx"}, {"*": older}),
        ],
    )
    def test_own_calendars_other_names_and_other_patterns_are_not_taken(self, asked: Any, known: Any) -> None:
        """Who writes the hours means them; and which symbol has which calendar is the user's to say."""
        settled, names = CalendarMap(asked).settled(CalendarMap(known))
        assert settled == CalendarMap(asked)
        assert names == []
