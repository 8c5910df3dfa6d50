"""`mtf bars` and `mtf ticks`: rows by time, in each format, round-trip exact."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from mtf.storage.history.schema import COLUMNS
from tests.cli.builders import at, json_of, mtf
from tests.storage.builders import rewind_history

MINUTE_NS = 60_000_000_000
TEN = at("10:00")


def rows_of(*args: object) -> list[dict[str, str]]:
    """Return the CSV that a command prints."""
    result = mtf(*args, "--format", "csv")
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_json_bars_have_every_column(market: Path) -> None:
    """Programs find everything that is stored, with flags as flags."""
    bars = json_of("bars", market, "--symbol", "EURUSD", "--timeframe", "1m", "--format", "json")
    assert [list(bar) for bar in bars] == [[*COLUMNS, "completed", "imported"]] * 3
    first = {
        "symbol": "EURUSD", "timeframe": "1m", "start_ns": TEN, "end_ns": TEN + MINUTE_NS, "open": 1.25, "high": 1.5,
        "low": 1.25, "close": 1.5, "volume": 6.0, "ticks": 2, "trading_day": "2024-03-06", "first": True,
        "off_session": False, "seq": 4, "completed": True,
    }  # fmt: skip
    assert {name: bars[0][name] for name in first} == first
    assert [bar["close"] for bar in bars] == [1.5, 1.375, 1.75]


def test_csv_numbers_are_exact(market: Path) -> None:
    """What is read back is the very float that was stored."""
    bars = json_of("bars", market, "--symbol", "EURUSD", "-t", "1m", "--format", "json")
    rows = rows_of("bars", market, "--symbol", "EURUSD", "-t", "1m")
    for row, bar in zip(rows, bars, strict=True):
        assert [float(row[name]) for name in ("open", "high", "low", "close", "volume")] == [
            bar[name] for name in ("open", "high", "low", "close", "volume")
        ]
        assert (row["start_ns"], row["first"], row["completed"]) == (str(bar["start_ns"]), str(int(bar["first"])), "1")


def test_csv_floats_are_repr(tmp_path: Path) -> None:
    """A mid that no short decimal stands for is written with all its digits."""
    path = tmp_path / "x.csv"
    path.write_text("time,symbol,bid,ask\n2024-03-06T10:00Z,X,0.1,0.2\n2024-03-06T10:01Z,X,0.1,0.2\n")
    assert mtf("run", path, "--data", tmp_path / "run").exit_code == 0
    assert rows_of("bars", tmp_path / "run", "--symbol", "X", "-t", "1m")[0]["open"] == repr((0.1 + 0.2) * 0.5)


def test_partial_is_the_last_row_and_flagged(market: Path) -> None:
    """The forming bar cannot be taken for a completed one."""
    bars = json_of("bars", market, "--symbol", "EURUSD", "-t", "1m", "--partial", "--format", "json")
    assert [bar["completed"] for bar in bars] == [True, True, True, False]
    assert (bars[-1]["start_ns"], bars[-1]["close"], bars[-1]["volume"], bars[-1]["seq"]) == (
        TEN + 3 * MINUTE_NS, 1.125, 8.0, 8,
    )  # fmt: skip


def test_symbol_whose_first_bar_forms_has_no_completed_ones(market: Path) -> None:
    """That is an empty answer, not an unknown symbol."""
    assert json_of("bars", market, "--symbol", "GBPUSD", "-t", "5m", "--format", "json") == []
    partial = json_of("bars", market, "--symbol", "GBPUSD", "-t", "5m", "--partial", "--format", "json")
    assert [bar["close"] for bar in partial] == [2.25]


def test_silent_symbol_s_bar_is_closed_by_the_others_of_its_run(market: Path) -> None:
    """GBPUSD has one quote; EURUSD's next one, at 10:01, says that its minute is over."""
    (bar,) = json_of("bars", market, "--symbol", "GBPUSD", "-t", "1m", "--format", "json")
    assert bar["close"] == 2.25


@pytest.mark.parametrize(
    ("limits", "closes"),
    [
        (("--start", "2024-03-06T10:01Z"), [1.375, 1.75]),
        (("--end", "2024-03-06T10:01Z"), [1.5]),
        (("--start", "2024-03-06T11:00:00.000000001+01:00"), [1.375, 1.75]),
        (("--start", str(TEN + MINUTE_NS), "--end", str(TEN + 2 * MINUTE_NS)), [1.375]),
    ],
)
def test_bars_are_cut_by_their_start(market: Path, limits: tuple[str, ...], closes: list[float]) -> None:
    """Half-open, as bars themselves are."""
    bars = json_of("bars", market, "--symbol", "EURUSD", "-t", "1m", "--format", "json", *limits)
    assert [bar["close"] for bar in bars] == closes


def test_table_is_aligned(market: Path) -> None:
    """People read down columns: prices share their decimals, numbers stand right, words left."""
    lines = mtf("bars", market, "--symbol", "EURUSD", "-t", "1m", "--partial").stdout.splitlines()
    assert lines == [
        "start                  open   high    low  close  volume  ticks  day",
        "2024-03-06 10:00:00Z  1.250  1.500  1.250  1.500       6      2  2024-03-06  first",
        "2024-03-06 10:01:00Z  1.375  1.375  1.375  1.375       4      1  2024-03-06",
        "2024-03-06 10:02:00Z  1.750  1.750  1.750  1.750       2      1  2024-03-06",
        "2024-03-06 10:03:00Z  1.125  1.125  1.125  1.125       8      1  2024-03-06  forming",
    ]


def test_ticks_come_as_logged_with_their_verdict(market: Path) -> None:
    """Nothing that came in is hidden, and the reason why it did not count is shown."""
    ticks = json_of("ticks", market, "--symbol", "EURUSD", "--format", "json")
    assert [tick["seq"] for tick in ticks] == [1, 2, 4, 5, 6, 7, 8]
    assert [tick["rejected"] for tick in ticks] == [None, None, None, "late", None, "closed", None]
    expected: dict[str, Any] = {
        "seq": 1, "ts_ns": TEN, "symbol": "EURUSD", "kind": "quote", "bid": 1.0, "ask": 1.5, "bid_size": 1.0,
        "ask_size": 2.0, "price": None, "size": None, "id": None, "from_bar": False, "rejected": None,
    }  # fmt: skip
    assert ticks[0] == expected


def test_ticks_are_cut_by_their_stamp(market: Path) -> None:
    """Half-open in event time."""
    rows = rows_of(
        "ticks", market, "--symbol", "EURUSD", "--start", "2024-03-06T10:00:30Z", "--end", "2024-03-06T10:02Z"
    )
    assert [row["seq"] for row in rows] == ["2", "4"]
    assert (rows[0]["price"], rows[0]["rejected"]) == ("", "")


def test_trades_with_ids_are_told_apart(tmp_path: Path) -> None:
    """Each tick has its own id, a duplicate its reason."""
    path = tmp_path / "trades.csv"
    path.write_text(
        "time,symbol,price,size,id\n"
        "2024-03-06T10:00Z,A,2.5,1,x1\n2024-03-06T10:00Z,B,3.5,1,y1\n2024-03-06T10:00Z,A,2.5,1,x1\n"
    )
    assert mtf("run", path, "--data", tmp_path / "run").exit_code == 0
    ticks = json_of("ticks", tmp_path / "run", "--symbol", "A", "--format", "json")
    assert [(tick["id"], tick["price"], tick["rejected"]) for tick in ticks] == [
        ("x1", 2.5, None), ("x1", 2.5, "duplicate"),
    ]  # fmt: skip
    only = json_of("ticks", tmp_path / "run", "--symbol", "B", "--format", "json")
    assert [tick["id"] for tick in only] == ["y1"]


def test_json_rows_stand_one_a_line(market: Path) -> None:
    """One document, and yet each row can be taken from its line."""
    lines = mtf("ticks", market, "--symbol", "EURUSD", "--format", "json").stdout.splitlines()
    assert (lines[0], lines[-1]) == ("[", "]")
    assert orjson.loads(lines[1].rstrip(","))["seq"] == 1


def test_bars_that_are_not_stored_yet_are_printed_too(market: Path, tmp_path: Path) -> None:
    """After a kill the history may be behind the log: the others come of the log."""
    whole = mtf("bars", market, "--symbol", "EURUSD", "-t", "1m", "--format", "csv")
    shutil.copytree(market, tmp_path / "run")
    rewind_history(tmp_path / "run", 4)
    behind = mtf("bars", tmp_path / "run", "--symbol", "EURUSD", "-t", "1m", "--format", "csv")
    assert (behind.stdout, behind.stderr) == (whole.stdout, "")


def test_a_timeframe_that_was_not_run_is_made_of_one_that_was(market: Path) -> None:
    """2m of 1m: 10:00 to 10:02 is whole, and 10:02 to 10:04 not over."""
    bars = json_of("bars", market, "--symbol", "EURUSD", "-t", "2m", "--format", "json")
    assert [(bar["timeframe"], bar["open"], bar["high"], bar["close"], bar["ticks"]) for bar in bars] == [
        ("2m", 1.25, 1.5, 1.375, 3)
    ]


def test_a_damaged_history_is_the_datas_fault(market: Path, tmp_path: Path) -> None:
    """And says that it can be rebuilt."""
    shutil.copytree(market, tmp_path / "run")
    (tmp_path / "run" / "history.sqlite").write_bytes(b"garbage" * 1000)
    done = mtf("bars", tmp_path / "run", "--symbol", "EURUSD", "-t", "1m")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the next start rebuilds it from the log" in done.stderr
