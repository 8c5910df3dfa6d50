"""Bars of activity on the command line: run, printed, drawn, inspected and replayed like those of time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtf.cli.terminal import Look
from mtf.cli.watch_choice import WatchChoice
from mtf.cli.watch_screen import frame_of, watch_lines
from mtf.cli.watched import Watched
from tests.builders import SECOND_NS, at
from tests.cli.builders import json_of, mtf
from tests.cli.screens import drawn, market


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("activity") / "market.csv"
    rows = [f"{tick.ts_ns},{tick.symbol},{tick.bid},{tick.ask},1,2" for tick in market(["EURUSD"], 2000)]
    path.write_text("\n".join(["time,symbol,bid,ask,bid_size,ask_size", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def directory(source: Path) -> Path:
    made = source.parent / "run"
    options = ["--timeframes", "1m,1h,100t,600v,0.002r", "--indicators", "sma:3", "--overnight", "carry"]
    result = mtf("run", source, "--data", made, *options)
    assert result.exit_code == 0, result.output
    return made


def printed(*args: object) -> str:
    result = mtf(*args)
    assert result.exit_code == 0, result.output
    return result.output


def test_bars_are_printed_with_the_forming_one(directory: Path) -> None:
    shown = json_of("bars", directory, "--symbol", "EURUSD", "-t", "100t", "--partial", "--format", "json")
    assert [row["ticks"] for row in shown[:-1]] == [100] * (len(shown) - 1)
    assert len(shown) > 5
    assert [row["volume"] for row in shown[:3]] == [300.0] * 3
    half = json_of("bars", directory, "--symbol", "EURUSD", "-t", "600V", "--format", "json")
    assert {row["ticks"] for row in half} == {200}


def test_state_and_chart_show_what_is_filled_and_no_time_left(directory: Path) -> None:
    """A bar of activity has a share and no end; changes are measured by the longest timeframe of time."""
    rows = printed("state", directory, "--symbol", "EURUSD").splitlines()
    [timed] = [line for line in rows if line.strip().startswith("1h")]
    [counted] = [line for line in rows if line.strip().startswith("0.002r")]
    assert ":" in timed.split("%")[1]
    assert ":" not in counted.split("%")[1]
    assert "since 1h close" in rows[0]
    state = json_of("state", directory, "--symbol", "EURUSD", "--json")["symbols"]["EURUSD"]["timeframes"]
    assert state["0.002r"]["partial"]["remaining_ns"] == 0
    assert 0.0 <= state["0.002r"]["partial"]["progress"] < 1.0
    assert "% full" in printed("chart", directory, "EURUSD", "0.002r")


def test_watch_shows_them_after_those_of_time_without_time_left(directory: Path) -> None:
    with Watched(directory) as watched:
        choice, look = WatchChoice(), Look(width=120, height=40)
        choice.shown(watched.symbols())
        text = drawn(watch_lines(frame_of(watched, choice, "run/", look), look))
    rows = {line.split()[0]: line for line in text.splitlines() if "%" in line and "│" in line and line[:2] != " ▸"}
    assert list(rows) == ["1m", "1h", "100t", "600v", "0.002r"]
    assert [":" in line.split("%")[1] for line in rows.values()] == [True, True, False, False, False]


def test_watch_steps_over_all_bars_that_one_trade_fills(tmp_path: Path) -> None:
    """Back from a close that made several bars to the close before, and on to it again."""
    sizes = [4, 4, 4, 35, 1, 8, 40, 3]
    rows = [f"{at('10:00') + k * SECOND_NS},X,100,{size}" for k, size in enumerate(sizes)]
    source = tmp_path / "trades.csv"
    source.write_text("\n".join(["time,symbol,price,size", *rows]) + "\n")
    made = mtf("run", source, "--data", tmp_path / "run", "--timeframes", "1m,10v", "--calendar", "crypto")
    assert made.exit_code == 0, made.output
    closes = [row["seq"] for row in json_of("bars", tmp_path / "run", "--symbol", "X", "-t", "10v", "--format", "json")]
    assert closes == [3, 4, 4, 4, 6, 7, 7, 7, 7]
    with Watched(tmp_path / "run") as watched:
        found = []
        for direction in (-1, -1, -1, -1, 1, 1, 1):
            watched.step("X", direction, "10v")
            found.append(watched.seq)
    assert found == [7, 6, 4, 3, 4, 6, 7]


def test_the_directory_says_its_rules_and_is_sound(directory: Path) -> None:
    assert "overfill split, overnight carry" in printed("inspect", directory)
    assert "clean" in printed("verify", directory)
    replayed = printed("replay", directory, "--set", "overfill=whole", "--set", "timeframes=1m,50t")
    assert "50t" in replayed


def test_what_cannot_be_is_refused(source: Path, directory: Path, tmp_path: Path) -> None:
    refused = mtf("run", source, "--timeframes", "1m,5T")
    assert refused.exit_code == 2
    assert "write 5t for ticks, or 5m for minutes" in refused.stderr
    bars = tmp_path / "bars.csv"
    bars.write_text("time,open,high,low,close,volume\n2024-03-06 10:00,1,1,1,1,5\n2024-03-06 10:01,1,1,1,1,5\n")
    made = mtf("run", bars, "--symbol", "X", "--timeframes", "1m,100t", "--calendar", "crypto")
    assert made.exit_code == 2
    assert "in which there are no ticks: no bars of 100t can be built" in made.stderr
    unknown = mtf("bars", directory, "--symbol", "EURUSD", "-t", "500t")
    assert unknown.exit_code == 2
    assert "that needs overnight=close, and the run has overnight=carry" in unknown.stderr
