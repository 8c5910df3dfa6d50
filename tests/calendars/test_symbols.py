"""Which symbol trades by which calendar."""

from __future__ import annotations

import json

import pytest

import mtf.calendars
from mtf.calendars import CalendarMap, WeeklyCalendar
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
        ConfigError, match=r"no calendar for symbol 'EURUSD': none of BTC\*, ETH\* fits; add one for '\*'"
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
    with pytest.raises(ConfigError, match=r"calendar of 'BTC\*' is never reached: put '\*' last"):
        CalendarMap({"*": "fx", "BTC*": "crypto"})
    with pytest.raises(ConfigError, match="no calendar given"):
        CalendarMap({})
