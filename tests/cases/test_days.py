"""Trading days that are not calendar dates: nights that belong to the next day, prints of the closing auction.

Every bar of these days, week and month bars too, is in `tests/calendars/test_bars.py`.
"""

from __future__ import annotations

from pathlib import Path

from tests.cases.builders import Run, refused
from tests.cli.builders import mtf


def test_fridays_night_is_mondays_and_the_next_weeks_and_months(cases: Path, tmp_path: Path) -> None:
    """There is no Saturday."""
    options = ("--calendar", str(cases / "shfe.toml"), "--timeframes", "1h,1d,1w,1mo")
    run = Run(cases / "shfe.csv", tmp_path, *options)
    assert run.days("au")[:2] == ["2024-05-31 100/101/100/101 v2", "2024-06-03 110/120/90/95 v4"]
    assert "2024-06-01" not in {bar["trading_day"] for bar in run.rows_of_bars("au", "1h")}
    assert run.days("au", "1w")[0].partition(" ")[2] == "100/101/100/101 v2"
    assert run.days("au", "1mo")[1].partition(" ")[2].startswith("110/")
    assert run.summary["rejected"] == {}


def test_a_night_among_the_hours_is_an_error_when_the_file_is_loaded(cases: Path, tmp_path: Path) -> None:
    """Friday's would make a trading day of Saturday."""
    path = tmp_path / "shfe.toml"
    text = (cases / "shfe.toml").read_text()
    path.write_text(
        text.replace('night = ["Mon-Fri 21:00-02:30"]', "").replace("hours = [", 'hours = ["Mon-Fri 21:00-02:30", ')
    )
    error = refused(cases / "shfe.csv", "--calendar", str(path))
    assert "Fri 21:00 - Sat 02:30 would make Saturday a trading day without hours of its own" in error
    assert "list it under night" in error


def test_prints_of_the_closing_auction_are_in_the_last_bars(cases: Path, tmp_path: Path) -> None:
    """The last minute lasts until 16:05 in New York, which is 20:05 UTC."""
    options = ("--calendar", str(cases / "auct.toml"), "--timeframes", "1m,1d")
    run = Run(cases / "auct.csv", tmp_path, *options)
    assert run.days("WMT")[0] == "2020-08-17 135.7/135.77/135.6/135.6 v1005200"
    last = run.rows_of_bars("WMT", "1m")[0]
    assert (last["end_ns"], last["close"], last["volume"]) == (1_597_694_700 * 10**9, 135.60, 1_005_200.0)


def test_without_an_auction_they_are_rejected_and_a_note_says_so(cases: Path, tmp_path: Path) -> None:
    run = Run(cases / "auct.csv", tmp_path, "--calendar", "us_equities", "--timeframes", "1m,1d")
    assert run.days("WMT")[0] == "2020-08-17 135.7/135.77/135.7/135.77 v200"
    assert "2 ticks within five minutes after the close at 16:00 (America/New_York) were rejected" in run.stderr
    assert mtf("verify", run.data).exit_code == 0
