"""`mtf import` and `mtf delete`: what they print, and that a killed one has done nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.builders import MINUTE_NS, at
from tests.cli.builders import command, json_of, mtf

SETTINGS = ("--timeframes", "1m,5m", "--indicators", "sma:2", "--calendar", "crypto")


def write_minutes(path: Path, count: int, *, first: str = "10:00", price: float = 1.0, day: str = "2024-03-06") -> Path:
    """Write *count* minutes from *first* on, each of one price more."""
    lines = ["time,open,high,low,close,volume"]
    for k in range(count):
        close = price + k
        lines.append(f"{at(first, day=day) + k * MINUTE_NS},{close},{close + 1},{close - 0.5},{close},2")
    path.write_text("\n".join(lines) + "\n")
    return path


def imports(path: Path, data: Path, *more: str) -> tuple[str, ...]:
    return "import", str(path), "--data", str(data), "--symbol", "X", *SETTINGS, *more


def test_it_says_what_is_there_and_until_when(tmp_path: Path) -> None:
    result = mtf(*imports(write_minutes(tmp_path / "X_1m.csv", 12), tmp_path / "d"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"12 rows imported into {tmp_path / 'd'}",
        "history until  2024-03-06 10:12:00Z  X",
        "bars           1m 12  5m 2",
    ]


def test_it_says_which_days_were_replaced(tmp_path: Path) -> None:
    write_minutes(tmp_path / "a.csv", 12)
    mtf(*imports(tmp_path / "a.csv", tmp_path / "d"))
    result = mtf(*imports(write_minutes(tmp_path / "b.csv", 3, first="10:02", price=50.0), tmp_path / "d"))
    assert result.stdout.splitlines()[1] == "replaced       X, 2024-03-06: 3 bars of 1m, by 3"
    again = mtf(*imports(tmp_path / "b.csv", tmp_path / "d"))
    assert again.stdout == f"{tmp_path / 'd'} has all of this already: nothing has changed\n"
    found = json_of(*imports(write_minutes(tmp_path / "c.csv", 2, first="10:02", price=60.0), tmp_path / "d", "--json"))
    assert found["changed"] == [{"symbol": "X", "day": "2024-03-06", "kind": "bars of 1m", "rows_before": 2, "rows": 2}]
    assert found["symbols"] == {"X": {"until_ns": at("10:12")}}
    closes = [row["close"] for row in json_of("bars", tmp_path / "d", "--symbol", "X", "-t", "1m", "--format", "json")]
    assert closes == [1.0, 2.0, 60.0, 61.0, 52.0, *(float(k) for k in range(6, 13))]


def test_bars_and_inspect_say_what_was_imported(tmp_path: Path) -> None:
    mtf(*imports(write_minutes(tmp_path / "X_1m.csv", 7), tmp_path / "d"))
    live = tmp_path / "live.csv"
    live.write_text(f"time,symbol,price,size\n{at('10:06:59')},X,9,1\n{at('10:08')},X,9,1\n{at('10:20')},X,9,1\n")
    ran = mtf("run", live, "--data", tmp_path / "d", *SETTINGS)
    assert ran.exit_code == 0
    assert "before the end of the imported history are already part of it" in ran.stderr
    rows = json_of("bars", tmp_path / "d", "--symbol", "X", "-t", "5m", "--partial", "--format", "json")
    assert [(row["imported"], row["completed"], row["volume"]) for row in rows] == [
        (True, True, 10.0),
        (True, True, 5.0),
        (False, False, 1.0),
    ]
    shown = mtf("bars", tmp_path / "d", "--symbol", "X", "-t", "5m")
    assert [line.endswith("imported") for line in shown.stdout.splitlines()[1:]] == [True, True]
    assert "imported      X, until 2024-03-06 10:07:00Z" in mtf("inspect", tmp_path / "d").stdout
    assert json_of("inspect", tmp_path / "d", "--json")["log"]["imported"]["until_ns"] == {"X": at("10:07")}
    assert mtf("verify", tmp_path / "d", "--replay").exit_code == 0


def test_mids_join_live_quotes(tmp_path: Path) -> None:
    """Bars of mids and quotes after them make the same bars: otherwise the price has to be named."""
    mtf(*imports(write_minutes(tmp_path / "X_1m.csv", 5), tmp_path / "d", "--side", "mid"))
    live = tmp_path / "live.csv"
    live.write_text(f"time,symbol,bid,ask\n{at('10:05')},X,8,10\n{at('10:07')},X,8,10\n")
    assert mtf("run", live, "--data", tmp_path / "d", *SETTINGS).exit_code == 0
    rows = json_of("bars", tmp_path / "d", "--symbol", "X", "-t", "1m", "--format", "json")
    assert [(row["close"], row["volume"]) for row in rows] == [*((float(k), 2.0) for k in range(1, 6)), (9.0, 0.0)]


def test_deleted_days_are_gone(tmp_path: Path) -> None:
    mtf(*imports(write_minutes(tmp_path / "a.csv", 6), tmp_path / "d"))
    mtf(*imports(write_minutes(tmp_path / "b.csv", 5, day="2024-03-07"), tmp_path / "d"))
    result = mtf("delete", tmp_path / "d", "--symbol", "X", "--days", "2024-03-06")
    assert result.stdout.splitlines() == [
        "deleted        X, 2024-03-06: 6 bars of 1m",
        "history until  2024-03-07 10:05:00Z  X",
        "bars           1m 5  5m 1",
    ]
    nothing = mtf("delete", tmp_path / "d", "--symbol", "X", "--days", "2024-03-01..2024-03-06")
    assert nothing.stdout == f"none of that was imported into {tmp_path / 'd'}\n"


def test_what_cannot_be_imported_or_deleted_is_an_error(market: Path, tmp_path: Path) -> None:
    file = write_minutes(tmp_path / "X_1m.csv", 3)
    live = ("--timeframes", "1m,5m", "--indicators", "sma:2")
    cases = (
        (("import", file, "--data", market, "--symbol", "X", *live), "has events that were not imported"),
        (("import", file, "--data", market, "--symbol", "X"), "different configuration"),
        (("import", market, "--data", tmp_path / "d"), "is a log of mtf"),
        (("import", "synthetic", "--data", tmp_path / "d"), "simulated market"),
        (("delete", market, "--symbol", "EURUSD"), "has events that were not imported"),
        (("delete", market, "--symbol", "NONE"), "no event of 'NONE'"),
        (("delete", market, "--symbol", "EURUSD", "--days", "6 March"), "write a date"),
        (("delete", market, "--symbol", "EURUSD", "--days", "2024-03-07..2024-03-06"), "after the last"),
        (("delete", tmp_path / "none", "--symbol", "EURUSD"), "no such directory"),
    )
    for words, says in cases:
        result = mtf(*words)
        assert (result.exit_code, result.stdout) == (2, ""), words
        assert says in result.stderr
    assert not (tmp_path / "d").exists()
    assert not (market / "importing").exists()


@pytest.mark.parametrize("after_s", [0.4, 0.8, 1.2, 1.6])
def test_killed_import_has_done_nothing_or_all(after_s: float, tmp_path: Path) -> None:
    """A real process, killed while it starts, reads, merges or puts its work in place."""
    before = json_of(*imports(write_minutes(tmp_path / "a.csv", 400), tmp_path / "d", "--json"))
    write_minutes(tmp_path / "b.csv", 900, first="12:00", price=500.0)
    running = subprocess.Popen(command(*imports(tmp_path / "b.csv", tmp_path / "d", "--json")), stdout=subprocess.PIPE)
    try:
        running.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()
    verified = json_of("verify", tmp_path / "d", "--replay", "--json")
    found = json_of(*imports(tmp_path / "b.csv", tmp_path / "d", "--json"))
    whole = json_of(*imports(tmp_path / "a.csv", tmp_path / "whole", "--json"))
    whole = json_of(*imports(tmp_path / "b.csv", tmp_path / "whole", "--json"))
    assert verified["replay"]["digest"] in (before["digest"], whole["digest"])
    assert found["digest"] == whole["digest"]
    assert not (tmp_path / "d" / "importing").exists()


def test_stopped_import_has_done_nothing_and_says_so(tmp_path: Path) -> None:
    """Ctrl-C while a pipe is read that does not end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = command(*imports(pipe, tmp_path / "d", "--bar-timeframe", "1m"))
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pipe.open("w") as file:  # returns once it is being read
        file.write(write_minutes(tmp_path / "X.csv", 6_000).read_text())
        file.flush()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "stopped: nothing was imported" in said
    assert not (tmp_path / "d").exists()
