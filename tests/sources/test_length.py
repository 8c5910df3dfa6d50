"""How long bars last is inferred only if the smallest step is a usual one, and that of most rows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mtf.errors import OptionNeeded
from mtf.sources import open_source
from tests.sources.builders import written
from tests.sources.markets import kinds_of, reading_of

AT = 1_709_719_200  # Wednesday, 2024-03-06 10:00:00 UTC
MINUTE = 60
HOUR = 3600
DAY = 86_400


def bars(folder: Path, times: list[int | str]) -> Path:
    rows = "".join(f"{time},1,2,0.5,1\n" for time in times)
    return written(folder, "x.csv", f"time,open,high,low,close\n{rows}")


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (1, "1s"),
        (5, "5s"),
        (15, "15s"),
        (30, "30s"),
        (MINUTE, "1m"),
        (3 * MINUTE, "3m"),
        (5 * MINUTE, "5m"),
        (10 * MINUTE, "10m"),
        (15 * MINUTE, "15m"),
        (30 * MINUTE, "30m"),
        (HOUR, "1h"),
        (2 * HOUR, "2h"),
        (4 * HOUR, "4h"),
        (DAY, "1d"),
        (7 * DAY, "1w"),
        (31 * DAY, "1mo"),
    ],
)
def test_usual_lengths_are_inferred(tmp_path: Path, step: int, name: str) -> None:
    """From two rows on, over gaps, and of a file that is newest first."""
    assert kinds_of(bars(tmp_path, [AT, AT + step])) == {f"bars {name}"}
    path = bars(tmp_path, [AT + step * i for i in (0, 1, 2, 3, 9)])
    assert kinds_of(path) == {f"bars {name}"}
    assert reading_of(path)["timeframe_by"] == "inferred"


@pytest.mark.parametrize(
    "times",
    [
        [AT],
        [AT, AT],
        [AT, AT + 2 * MINUTE, AT + 4 * MINUTE],  # of one minute with gaps, or of two
        [AT, AT + 6 * HOUR, AT + 12 * HOUR],
        [AT, AT + 23 * HOUR + 30 * MINUTE],
        [AT, AT + 2 * DAY, AT + 4 * DAY],
        [AT, AT + MINUTE, AT + 6 * MINUTE, AT + 11 * MINUTE],  # one row in between does not make 5m bars 1m
        [AT, AT + MINUTE, AT + 3 * MINUTE],
    ],
)
def test_what_the_rows_do_not_say_is_asked_for(tmp_path: Path, times: list[int | str]) -> None:
    with pytest.raises(OptionNeeded) as raised:
        open_source(bars(tmp_path, times))
    assert set(raised.value.options) == {"timeframe"}
    assert reading_of(bars(tmp_path, times), timeframe="1m")["timeframe_by"] == "said"


def test_the_message_says_what_the_rows_are(tmp_path: Path) -> None:
    with pytest.raises(OptionNeeded, match="the smallest step from one row to the next is 2 minutes"):
        open_source(bars(tmp_path, [AT, AT + 2 * MINUTE]))
    with pytest.raises(OptionNeeded, match="is 1 minute, but only 1 of 3 are so"):
        open_source(bars(tmp_path, [AT, AT + MINUTE, AT + 6 * MINUTE, AT + 11 * MINUTE]))
    with pytest.raises(OptionNeeded, match="no symbol has two rows"):
        open_source(bars(tmp_path, [AT]))


@pytest.mark.parametrize(
    "days", [["2024-03-07", "2024-03-08", "2024-03-11"], ["2024-03-08", "2024-03-11", "2024-03-12"]]
)
def test_a_weekend_between_two_days_is_a_step_of_one(tmp_path: Path, days: list[int | str]) -> None:
    assert kinds_of(bars(tmp_path, days)) == {"bars 1d"}


def test_days_and_hours_of_a_zone_are_such_when_its_clock_changes(tmp_path: Path) -> None:
    """A day of 23 hours, one of 25, and an hour that is not there: the steps are equal on the clock, or in UTC."""
    for day in ("2024-03-09", "2024-11-02"):
        dates: list[int | str] = [f"{day[:8]}{int(day[8:]) + i:02} 00:00" for i in range(4)]
        assert open_source(bars(tmp_path, dates), zone="America/New_York").parts[0].plan.kind == "bars 1d"  # type: ignore[attr-defined]
    hours: list[int | str] = [f"2024-03-10 {hour:02}:00" for hour in (0, 1, 3, 4)]
    assert open_source(bars(tmp_path, hours), zone="America/New_York").parts[0].plan.kind == "bars 1h"  # type: ignore[attr-defined]


def test_steps_are_those_of_one_symbol(tmp_path: Path) -> None:
    """Two markets a second apart are not bars of a second."""
    rows = "".join(f"{AT + i * MINUTE + j},{symbol},1,2,0.5,1\n" for i in range(3) for j, symbol in enumerate("AB"))
    path = written(tmp_path, "x.csv", f"time,symbol,open,high,low,close\n{rows}")
    assert kinds_of(path) == {"bars 1m"}


def test_rows_in_no_order_do_not_say_a_length(tmp_path: Path) -> None:
    times: list[int | str] = [AT + MINUTE * i for i in (0, 7, 3, 12, 5, 20)]
    assert {abs(b - a) // MINUTE for a, b in itertools.pairwise(times)} == {4, 7, 9, 15}  # type: ignore[operator]
    with pytest.raises(OptionNeeded):
        open_source(bars(tmp_path, times))
