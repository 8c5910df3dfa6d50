"""A directory stays with the calendars that it was made with, whatever their names mean today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.calendars import WeeklyCalendar
from mtf.errors import ConfigMismatch
from mtf.pipeline import Pipeline
from mtf.summary import Summary
from tests.builders import ticks
from tests.cli.builders import mtf as command

# us_futures as it was before it knew holidays.
OLDER = WeeklyCalendar(name="us_futures", zone="America/New_York", day_close="17:00", hours=["Sun-Thu 18:00-17:00"])
FIRST = "2024-05-24 14:00@1.0 14:01@1.5"
LATER = "2024-05-27 14:00@1.25 18:30@2.0 2024-05-28 14:00@1.75"  # Memorial Day: OLDER has no halt at 17:00 UTC


async def run(data: Path | None, text: str, calendar: Any) -> tuple[Summary, list[str], list[str]]:
    async with Pipeline(data=data, clock="ticks", calendar=calendar, timeframes=["1m", "1d"]) as pipeline:
        for tick in ticks(text):
            await pipeline.push(tick)
        await pipeline.drain()
        days = [str(bar.trading_day) for bar in pipeline.snapshot("EURUSD")["1d"].bars]
        return pipeline.summary(), pipeline.notes, days


async def test_directory_of_an_earlier_edition_goes_on_with_it_and_a_note_says_so(tmp_path: Path) -> None:
    """The same digest as if nothing had been learned of since; Monday is a day of its own as it was then."""
    whole, _, days = await run(None, f"{FIRST} {LATER}", OLDER)
    assert (whole.rejected, days) == ({}, ["2024-05-24", "2024-05-27"])
    await run(tmp_path / "d", FIRST, OLDER)
    found, notes, days = await run(tmp_path / "d", LATER, "us_futures")
    assert (found.digest, found.rejected, days) == (whole.digest, {}, ["2024-05-24", "2024-05-27"])
    assert any("stays with the edition of the calendar us_futures that it was made with" in note for note in notes)


async def test_new_directory_has_the_newest_edition(tmp_path: Path) -> None:
    """Monday's short hours are Tuesday's, and 18:30 UTC is after the halt; nothing is noted of the calendar."""
    found, notes, days = await run(tmp_path / "d", f"{FIRST} {LATER}", "us_futures")
    assert (found.rejected, days) == ({"closed": 1}, ["2024-05-24"])
    assert not any("made with" in note for note in notes)


async def test_own_calendar_that_differs_is_refused(tmp_path: Path) -> None:
    """Who changed the hours of a file meant another market; the message says that the names are equal."""
    await run(tmp_path / "d", FIRST, OLDER)
    changed = WeeklyCalendar(name="us_futures", zone="UTC", hours=["Mon-Fri 00:00-24:00"])
    with pytest.raises(ConfigMismatch, match="the same names with other hours or holidays requested"):
        await run(tmp_path / "d", LATER, changed)


def test_command_line_goes_on_too(tmp_path: Path) -> None:
    """Also where the directory is looked for among others."""
    path = tmp_path / "rows.csv"
    path.write_text("time,symbol,bid,ask\n2024-05-24T14:00:00Z,EURUSD,1,2\n")
    data = tmp_path / "d"
    config = mtf.Config.make(calendar=OLDER, timeframes="1m")
    from mtf.storage.datadir import DataDir
    from mtf.storage.opened import OpenStorage

    OpenStorage.open(DataDir(data), config).log.close()
    for more in ((), ("--make-room",)):
        result = command("run", path, "--data", data, "--calendar", "us_futures", "--timeframes", "1m", *more)
        assert result.exit_code == 0, result.output
        assert "stays with the edition of the calendar us_futures that it was made with" in result.stderr
    assert not (tmp_path / "d-2").exists()
