"""`mtf state` and `mtf replay`: any moment of a log, and the log once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.builders import SETTINGS, at, json_of, mtf, process

MINUTE_NS = 60_000_000_000
TEN = at("10:00")


def minute(market: Path, *args: object) -> dict[str, Any]:
    """Return what `mtf state` says of the one-minute bars of EURUSD."""
    found: dict[str, Any] = json_of("state", market, "--symbol", "EURUSD", "--json", *args)
    timeframe: dict[str, Any] = found["symbols"]["EURUSD"]["timeframes"]["1m"]
    return timeframe


def test_state_is_the_complete_snapshot(market: Path) -> None:
    """Forming bar, completed bars, live and completed values of every timeframe, at one seq."""
    found = json_of("state", market, "--json")
    assert found["seq"] == 8
    assert list(found["symbols"]) == ["EURUSD", "GBPUSD"]
    euro = found["symbols"]["EURUSD"]
    assert (euro["seq"], euro["time_ns"]) == (8, at("10:03:05"))
    one = euro["timeframes"]["1m"]
    partial = one["partial"]
    assert (partial["start_ns"], partial["open"], partial["close"], partial["ticks"]) == (
        TEN + 3 * MINUTE_NS, 1.125, 1.125, 1,
    )  # fmt: skip
    assert (partial["elapsed_ns"], partial["remaining_ns"]) == (5_000_000_000, 55_000_000_000)
    assert partial["progress"] == pytest.approx(5 / 60)
    assert (one["bars_kept"], [bar["close"] for bar in one["bars"]]) == (3, [1.5, 1.375, 1.75])
    assert (one["completed"], one["live"]) == ({"sma_2": 1.5625}, {"sma_2": 1.4375})
    five = euro["timeframes"]["5m"]
    assert (five["partial"]["high"], five["partial"]["low"], five["bars"]) == (1.75, 1.125, [])
    assert five["live"] == {"sma_2": None}  # NaN until there are two bars


@pytest.mark.parametrize(
    ("moment", "seq"),
    [
        ("0", 0),
        ("2", 2),
        ("8", 8),
        ("2024-03-06T10:00:30Z", 2),  # equal stamps are in it
        ("2024-03-06T10:00:29.999999999Z", 1),
        ("2024-03-06T10:01:00Z", 5),  # with the late tick behind it, which was rejected
        ("2024-03-06T10:02:30Z", 7),  # and the one from Saturday, which no accepted tick is
        ("2024-03-06T12:00:00+01:00", 8),
        (str(TEN + 40_000_000_000), 3),
        ("1970-01-01T00:00Z", 0),
    ],
)
def test_state_at_a_moment(market: Path, moment: str, seq: int) -> None:
    """A seq is itself; a time ends before the first accepted event that is stamped later."""
    assert json_of("state", market, "--at", moment, "--json")["seq"] == seq


def test_state_of_the_past_knows_nothing_later(market: Path) -> None:
    """At seq 2 the second bar has not begun."""
    one = minute(market, "--at", 2)
    assert (one["partial"]["close"], one["partial"]["volume"], one["bars"]) == (1.5, 6.0, [])
    assert one["live"] == one["completed"] == {"sma_2": None}


def test_bars_says_how_many(market: Path) -> None:
    """The last N, or none."""
    assert [bar["close"] for bar in minute(market, "--bars", 1)["bars"]] == [1.75]
    assert minute(market, "--bars", 0)["bars"] == []


def test_state_for_people(market: Path) -> None:
    """A row a timeframe, and the live values beneath."""
    lines = mtf("state", market, "--symbol", "EURUSD").stdout.splitlines()
    assert lines[0] == "EURUSD  1.125  ▼ −10.00 % since 5m open     both at seq 8, 2024-03-06 10:03:05Z"
    assert lines[2] == "  1m                       ▅▄█│▁  = 0.000  ╌╌╌╌╌╌╌╌╌╌   8%  0:55   1.750  1.438"
    assert [line.split() for line in lines[5:13]] == [
        ["forming", "1m", "5m"],
        ["open", "1.125", "1.250"],
        ["high", "1.125", "1.750"],
        ["low", "1.125", "1.125"],
        ["close", "1.125", "1.125"],
        ["volume", "8", "20"],
        ["ticks", "1", "5"],
        ["since", "03-06", "10:03Z", "03-06", "10:00Z"],
    ]
    assert [line.split() for line in lines[14:]] == [["live", "1m", "5m"], ["sma_2", "1.438", "0/2"], []]


def test_state_of_the_past_says_how_much_of_the_log_is_not_in_it(market: Path) -> None:
    """Nothing of it is shown, and nobody takes it for the present."""
    (first,) = [
        line for line in mtf("state", market, "--symbol", "EURUSD", "--at", 4).stdout.splitlines() if "EURUSD" in line
    ]
    assert first.split("  ")[1] == "as of seq 4, 2024-03-06 10:01:00Z"
    assert first.endswith("  4 later events in the log are not in it")
    assert "no later event is in the log" in mtf("state", market, "--at", 8).stdout


def test_a_seq_after_the_end_is_the_calls_fault(market: Path) -> None:
    """There is no state that has not happened."""
    result = mtf("state", market, "--at", 9, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "ends at seq 8" in result.stderr


def test_replay_gives_the_summary_of_the_run(market: Path) -> None:
    """The same counts and digest, from the log alone."""
    replayed = json_of("replay", market, "--json")
    assert (replayed["events"], replayed["ticks"], replayed["rejected"]) == (8, 6, {"late": 1, "closed": 1})
    assert replayed["digest"] == json_of("replay", market, "--json", "--start", 5)["digest"]
    assert replayed["digest"] == json_of("replay", market, "--json", "--speed", "1e12")["digest"]


def test_replay_stops_where_it_is_told(market: Path) -> None:
    """The summary is that of the events up to there."""
    assert json_of("replay", market, "--until", 3, "--json")["events"] == 3
    until = json_of("replay", market, "--until", "2024-03-06T10:00:30Z", "--json")
    assert (until["events"], until["digest"]) == (2, json_of("replay", market, "--until", 2, "--json")["digest"])


CONSUMER = """
import asyncio
import mtf

class Printer(mtf.Consumer):
    def on_tick(self, tick, view):
        print("tick", view.seq)
    def on_bar(self, bar, view):
        print("bar", bar.close)

class Broken(mtf.Consumer):
    def on_tick(self, tick, view):
        raise RuntimeError("no\\nidea")

class Cancelling(mtf.Consumer):
    def on_tick(self, tick, view):
        raise asyncio.CancelledError

class CancellingLater(mtf.Consumer):
    async def on_stop(self):
        await asyncio.sleep(0)
        raise asyncio.CancelledError

class CancellingFirst(mtf.Consumer):
    def __init__(self):
        raise asyncio.CancelledError
    def on_tick(self, tick, view):
        pass

class Asking(mtf.Consumer):
    def __init__(self, limit):
        self.limit = limit

class Nothing:
    pass
"""


def test_consumer_is_shown_the_events_from_the_start_on(market: Path, tmp_path: Path) -> None:
    """Found in the working directory; those before are played unseen, and the digest is that of the whole."""
    (tmp_path / "strategy.py").write_text(CONSUMER)
    args = ("--consumer", "strategy:Printer", "--start", "2024-03-06T10:02:00Z", "--json")
    done = process("replay", market, *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:-1] == ["bar 1.375", "tick 6", "bar 1.75", "tick 8"]
    assert json_of("replay", market, "--json")["digest"] in lines[-1]


def test_a_consumer_that_fails_is_an_error_inside(market: Path, tmp_path: Path) -> None:
    """One line with its name and what it raised, exit code 3."""
    (tmp_path / "strategy.py").write_text(CONSUMER)
    done = process("replay", market, "--consumer", "strategy:Broken", "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "Broken" in done.stderr
    assert "RuntimeError" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    debug = process("replay", market, "--consumer", "strategy:Broken", cwd=tmp_path, MTF_DEBUG="1")
    assert "Traceback" in debug.stderr


@pytest.mark.parametrize(("consumer", "code"), [("Cancelling", 3), ("CancellingLater", 3), ("CancellingFirst", 2)])
def test_a_consumer_that_raises_a_cancellation_is_not_taken_for_a_signal(
    market: Path, tmp_path: Path, consumer: str, code: int
) -> None:
    """Nobody asked the command to stop, so it does not say that it was stopped."""
    (tmp_path / "strategy.py").write_text(CONSUMER)
    done = process("replay", market, "--consumer", f"strategy:{consumer}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert consumer in done.stderr
    assert "CancelledError()" in done.stderr
    assert "stopped after" not in done.stderr


@pytest.mark.parametrize(
    "consumer", ["strategy", "nowhere:Printer", "strategy:Nothing", "strategy:Missing", "strategy:Asking"]
)
def test_what_is_no_consumer_is_refused(market: Path, tmp_path: Path, consumer: str) -> None:
    """Before anything is played."""
    (tmp_path / "strategy.py").write_text(CONSUMER)
    done = process("replay", market, "--consumer", consumer, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert consumer in done.stderr


def test_speed_is_a_number_above_zero(market: Path) -> None:
    """Zero would never end."""
    for speed in ("0", "-1", "nan", "inf", "fast"):
        assert mtf("replay", market, "--speed", speed).exit_code == 2


def test_settings_come_from_the_log(market: Path) -> None:
    """State and replay need none of the options of the run."""
    config = json_of("inspect", market, "--json")["config"]
    assert config["timeframes"] == SETTINGS[1].split(",")
    assert config["indicators"] == [["sma:2"], ["sma:2"]]


def test_replay_under_other_settings_says_what_differs(market: Path) -> None:
    """Other indicators, timeframes, calendar: on stderr and in the document, and nothing on disk changes."""
    before = {path: path.read_bytes() for path in sorted(market.rglob("*")) if path.is_file()}
    plain = json_of("replay", market, "--json")
    assert "differences" not in plain
    done = mtf("replay", market, "--set", "indicators=rsi:2", "--set", "timeframes=1m,2h", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["digest"] != plain["digest"]
    assert list(found["bars"]) == ["1m", "2h"]
    assert [each.partition(":")[0] for each in found["differences"]] == ["indicators", "timeframes"]
    assert json_of("replay", market, "--set", "price=auto", "--json")["digest"] == plain["digest"]
    crypto = json_of("replay", market, "--set", "calendar=EUR*=crypto,*=fx", "--json")
    assert (plain["rejected"]["closed"], "closed" in crypto["rejected"]) == (1, False)
    assert {path: path.read_bytes() for path in sorted(market.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour=red", "write NAME=VALUE, where NAME is one of timeframes"),
        ("indicators", "write NAME=VALUE"),
        ("history=many", "a whole number"),
        ("timeframes=7x", "invalid timeframe '7x'"),
        ("price=middle", "price must be one of"),
    ],
)
def test_replay_names_what_is_not_a_setting(market: Path, text: str, message: str) -> None:
    done = mtf("replay", market, "--set", text)
    assert done.exit_code == 2
    assert message in done.stderr
