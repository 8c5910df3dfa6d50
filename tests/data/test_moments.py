"""Times in Python: integers, aware datetimes and ISO text are one and the same to the nanosecond."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from mtf.data.moments import Moment, moment, nanoseconds
from mtf.errors import ConfigError

TEN = 1_709_719_200_000_000_000  # 2024-03-06T10:00Z


@pytest.mark.parametrize(
    ("given", "ts_ns"),
    [
        (TEN, TEN),
        (np.int64(TEN), TEN),
        ("2024-03-06T10:00Z", TEN),
        ("2024-03-06T05:00:00.123456789-05:00", TEN + 123_456_789),
        (datetime.datetime(2024, 3, 6, 10, tzinfo=datetime.UTC), TEN),
        (datetime.datetime(2024, 3, 6, 5, tzinfo=ZoneInfo("America/New_York")), TEN),
        (datetime.datetime(2024, 3, 6, 10, 0, 0, 7, tzinfo=datetime.UTC), TEN + 7_000),
        (pd.Timestamp("2024-03-06T10:00:00.123456789Z"), TEN + 123_456_789),
        (datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=datetime.UTC), -1_000),
    ],
)
def test_a_time_is_nanoseconds(given: Any, ts_ns: int) -> None:
    assert nanoseconds(given) == ts_ns


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (datetime.datetime(2024, 3, 6), "has no time zone: give it one, such as tzinfo=datetime.UTC"),  # noqa: DTZ001
        ("2024-03-06T10:00", "has no time zone: write 2024-03-06T10:00:00Z for UTC"),
        ("soon", "invalid time 'soon': use the form 2024-03-06T10:00Z"),
        (1.5, "invalid time 1.5: give nanoseconds as an int, an aware datetime, or text such as"),
        (None, "invalid time None"),
        (datetime.date(2024, 3, 6), "invalid time datetime.date"),
        (1 << 63, "is before 1678 or after 2200"),
    ],
)
def test_what_is_no_time_is_refused_with_what_to_write(given: Any, says: str) -> None:
    """A float cannot hold nanoseconds; of a naive one nobody knows the zone."""
    with pytest.raises(ConfigError, match=says):
        nanoseconds(given)


def test_a_small_integer_is_a_seq() -> None:
    """No market has 10^15 events, and nobody asks for the first eleven days of 1970."""
    assert moment(5) == moment("5") == Moment(seq=5)
    assert moment(TEN) == moment(str(TEN)) == moment("2024-03-06T10:00Z") == Moment(ts_ns=TEN)
    assert moment(None) == Moment()
    with pytest.raises(ConfigError, match="invalid seq -1: the first is 1"):
        moment(-1)
