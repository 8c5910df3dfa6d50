"""Completed bars read out of a directory are those that a consumer was shown, however many are stored by then."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import mtf
from mtf.data.moments import Moment
from mtf.errors import ConfigError, CorruptHistory, UnknownSymbol, UnknownTimeframe
from tests.builders import at
from tests.data.recorded import Recorder, bars_of, recorded
from tests.storage.builders import SYMBOLS, market, rewind_history

Whole = tuple[Path, Recorder]

COLUMNS = [
    "symbol", "timeframe", "start", "end", "open", "high", "low", "close", "volume", "ticks", "trading_day", "flags",
    "seq",
]  # fmt: skip


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_bars_are_those_that_a_consumer_was_shown(whole: Whole, symbol: str, timeframe: str) -> None:
    """Every field, gaps and flags too."""
    path, shown = whole
    with mtf.open(path) as data:
        assert list(data.bars(symbol, timeframe)) == bars_of(shown, symbol, timeframe)


def test_seq_is_that_of_the_event_that_closed_the_bar(whole: Whole) -> None:
    """With it a bar can be joined to ticks without knowing the future."""
    path, shown = whole
    with mtf.open(path) as data:
        rows = data.bars("EURUSD", "1m").to_dicts()
    assert [row["seq"] for row in rows] == [
        seq for seq, bar in shown.seen if bar.symbol == "EURUSD" and bar.timeframe == "1m"
    ]
    assert rows[0]["flags"] == "first incomplete day_incomplete"


def test_start_and_end_are_half_open(whole: Whole) -> None:
    """As bars themselves are: the end of one query is the start of the next."""
    path, shown = whole
    bars = bars_of(shown, "EURUSD", "1m")
    middle, later = bars[len(bars) // 3].start_ns, bars[len(bars) // 2].start_ns
    with mtf.open(path) as data:
        assert list(data.bars("EURUSD", "1m", start=middle, end=later)) == bars[len(bars) // 3 : len(bars) // 2]
        assert list(data.bars("EURUSD", "1m", start=bars[3].start)) == bars[3:]
        assert list(data.bars("EURUSD", "1m", end=bars[3].start.isoformat())) == bars[:3]
        assert list(data.bars("EURUSD", "1m", start=later, end=middle)) == []


@pytest.mark.parametrize("last", [1, 2, 50, 100_000])
def test_last_are_the_newest_of_what_is_asked_for(whole: Whole, last: int) -> None:
    path, shown = whole
    bars = bars_of(shown, "USDJPY", "1m")
    with mtf.open(path) as data:
        assert list(data.bars("USDJPY", "1m", last=last)) == bars[-last:]
        end = bars[30].start_ns
        assert list(data.bars("USDJPY", "1m", end=end, last=last)) == bars[:30][-last:]
        assert list(data.bars("USDJPY", "1m", start=bars[20].start_ns, end=end, last=last)) == bars[20:30][-last:]


@pytest.mark.parametrize("seq", [0, 1, 350, 699, 700, 701, 1_400, 1_500])
def test_as_of_a_seq_is_what_was_known_then(whole: Whole, seq: int) -> None:
    path, shown = whole
    with mtf.open(path) as data:
        for timeframe in ("1m", "1h"):
            known = bars_of(shown, "XAUUSD", timeframe, last_seq=seq)
            assert list(data.bars("XAUUSD", timeframe, as_of=seq)) == known
            assert list(data.bars("XAUUSD", timeframe, as_of=seq, last=3)) == known[-3:]


def test_as_of_a_time_is_what_state_has_then(whole: Whole) -> None:
    """One rule for both: what a symbol was before its first accepted event that is stamped later."""
    path, shown = whole
    with mtf.open(path) as data:
        for bar in bars_of(shown, "EURUSD", "1m")[::40]:
            for time_ns in (bar.end_ns - 1, bar.end_ns, bar.end_ns + 1):
                state = data.state("EURUSD", at=time_ns)
                assert list(data.bars("EURUSD", "1m", as_of=time_ns)) == list(state["1m"].bars)


@pytest.mark.parametrize("stored", [0, 1, 400, 700, 1_200, 1_499])
def test_bars_that_are_not_stored_yet_come_of_the_log(whole: Whole, tmp_path: Path, stored: int) -> None:
    """A killed run, or one that goes on, stores them later; the answer is whole all the same."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    rewind_history(path, stored)
    with mtf.open(path) as data:
        for timeframe in ("1m", "1h"):
            bars = bars_of(whole[1], "EURUSD", timeframe)
            assert list(data.bars("EURUSD", timeframe)) == bars
            assert list(data.bars("EURUSD", timeframe, last=5)) == bars[-5:]
            middle = bars[len(bars) // 2].start_ns
            assert list(data.bars("EURUSD", timeframe, end=middle)) == bars[: len(bars) // 2]
        several = list(data.bars(["USDJPY", "EURUSD"], ["1m", "5m"]))
    assert several == [
        bar for symbol in ("USDJPY", "EURUSD") for name in ("1m", "5m") for bar in bars_of(whole[1], symbol, name)
    ]


def test_a_directory_without_a_history_has_its_bars_in_the_log(whole: Whole, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    (path / "history.sqlite").unlink()
    with mtf.open(path) as data:
        assert list(data.bars("EURUSD", "5m")) == bars_of(whole[1], "EURUSD", "5m")
    assert not (path / "history.sqlite").exists()


def test_stored_bars_of_events_that_the_log_has_lost_are_left_out(whole: Whole, tmp_path: Path) -> None:
    """The log is the truth; the next start takes the others back."""
    shown = recorded(tmp_path / "run", market(6, 1_500)[:1_100])
    shutil.copy(whole[0] / "history.sqlite", tmp_path / "run" / "history.sqlite")
    with mtf.open(tmp_path / "run") as data:
        assert list(data.bars("EURUSD", "1m")) == bars_of(shown, "EURUSD", "1m")


def test_a_table_is_as_of_when_it_was_asked_for(whole: Whole) -> None:
    """Read twice it is the same; its name says which event that was."""
    path, shown = whole
    with mtf.open(path) as data:
        table = data.bars("EURUSD", "1m", as_of=Moment(seq=800))
    assert repr(table) == "Table(1m bars of EURUSD, as of seq 800)"
    assert list(table) == list(table) == bars_of(shown, "EURUSD", "1m", last_seq=800)


def test_empty_answers_have_their_columns(whole: Whole) -> None:
    """A program that concatenates frames does not fail on the day without bars."""
    with mtf.open(whole[0]) as data:
        table = data.bars("EURUSD", "1m", start="2030-01-01T00:00Z")
        full = data.bars("EURUSD", "1m")
        assert table.columns == table.to_polars().columns == list(table.to_pandas().columns) == COLUMNS
        assert (table.to_dicts(), list(table), table.to_polars().height, len(table.to_pandas())) == ([], [], 0, 0)
        assert table.to_polars().schema == full.to_polars().schema
        assert [str(each) for each in table.to_pandas().dtypes.drop(["symbol", "timeframe", "flags"])] == [
            str(each) for each in full.to_pandas().dtypes.drop(["symbol", "timeframe", "flags"])
        ]


def test_what_is_not_there_is_named(whole: Whole) -> None:
    """With what there is instead."""
    with mtf.open(whole[0]) as data:
        with pytest.raises(UnknownSymbol, match=r"no event of 'EURGBP' is in .*; known symbols: .*EURUSD"):
            data.bars("EURGBP", "1m")
        with pytest.raises(
            UnknownTimeframe, match=r"90s was not run in .*, and cannot be built from what was \(1m, 5m, "
        ):
            data.bars("EURUSD", "90s")
        with pytest.raises(UnknownTimeframe, match="invalid timeframe '7q'"):
            data.bars("EURUSD", "7q")
        with pytest.raises(ConfigError, match="has no time zone"):
            data.bars("EURUSD", "1m", start="2024-03-08T21:00")
        with pytest.raises(ConfigError, match="last must be 1 or more, got 0"):
            data.bars("EURUSD", "1m", last=0)
        with pytest.raises(ConfigError, match="the log ends at seq 1500"):
            data.bars("EURUSD", "1m", as_of=1_501)


def test_a_damaged_bar_is_an_error_and_no_answer(whole: Whole, tmp_path: Path) -> None:
    """Each pack is checked before it is handed out."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    with closing(sqlite3.connect(path / "history.sqlite")) as connection, connection:
        connection.execute("UPDATE packs SET data = CAST(substr(data, 1, length(data) - 1) || x'07' AS BLOB)")
    with mtf.open(path) as data, pytest.raises(CorruptHistory, match=r"pack \d+ was altered"):
        data.bars("EURUSD", "1m").to_polars()


@pytest.mark.parametrize("symbol", ["x'; DROP TABLE bars; --", 'a"b', "1 OR 1=1", "%", "☃"])
def test_sql_in_a_symbol_is_data(tmp_path: Path, symbol: str) -> None:
    start = at("2024-03-06 10:00")
    ticks = [mtf.Tick(name, start + k * 20_000_000_000, 1.0 + k, 1.0 + k) for k in range(9) for name in (symbol, "X")]
    shown = recorded(tmp_path / "run", ticks)
    with mtf.open(tmp_path / "run") as data:
        assert data.symbols == [symbol, "X"]
        assert list(data.bars(symbol, "1m")) == bars_of(shown, symbol, "1m")
        assert len(list(data.ticks(symbol))) == 9
        assert data.bars([symbol, "X"], "1m").to_polars()["symbol"].to_list() == [symbol] * 2 + ["X"] * 2
