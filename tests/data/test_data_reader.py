"""`mtf.open`: what a directory contains, and a clear error for each that cannot be read."""

from __future__ import annotations

import datetime
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson
import pytest

import mtf
from mtf.config import Config
from mtf.errors import CorruptHistory, CorruptLog, DataDirError, UnknownSymbol
from mtf.log import FileLog
from tests.builders import ticks
from tests.data.recorded import Recorder, bars_of, recorded
from tests.storage.builders import SYMBOLS

Whole = tuple[Path, Recorder]


def test_a_directory_says_what_is_in_it(whole: Whole) -> None:
    path, shown = whole
    with mtf.open(str(path)) as data:
        assert sorted(data.symbols) == sorted(SYMBOLS)
        assert data.timeframes == [mtf.Timeframe(name) for name in ("1m", "5m", "1h", "1d")]
        assert (data.first_seq, data.seq) == (1, 1_500)
        assert data.config.price == "auto"
        bars = bars_of(shown, "EURUSD", "1m")
        assert data.span("EURUSD") == (bars[0].start_ns, bars[-1].end_ns)


def test_state_is_the_one_of_that_moment(whole: Whole) -> None:
    """By seq, by time in any form, or of the end."""
    with mtf.open(whole[0]) as data:
        now = data.state("EURUSD")
        assert (now.symbol, now.seq) == ("EURUSD", 1_500)
        assert data.state("EURUSD", at=800).seq == 800
        moment = datetime.datetime(2024, 3, 8, 21, tzinfo=datetime.UTC)
        assert data.state("EURUSD", at=moment).to_dict() == data.state("EURUSD", at=moment.isoformat()).to_dict()
        states = data.states(at=800)
        assert states.seq == 800
        assert states.symbols["EURUSD"].to_dict() == data.state("EURUSD", at=800).to_dict()
        with pytest.raises(UnknownSymbol, match=r"no event of 'EURUSD' is in .* up to seq 0; known symbols: none"):
            data.state("EURUSD", at=0)


def test_a_symbol_without_a_completed_bar_has_no_span(tmp_path: Path) -> None:
    recorded(tmp_path / "run", ticks("10:00@1"))
    with mtf.open(tmp_path / "run") as data:
        assert data.span("EURUSD") is None
        assert data.bars("EURUSD", "1m").to_dicts() == []
        assert data.state("EURUSD")["1m"].partial is not None


def test_a_directory_without_events_is_one(tmp_path: Path) -> None:
    recorded(tmp_path / "run", [])
    with mtf.open(tmp_path / "run") as data:
        assert (data.symbols, data.seq, data.ticks().to_dicts(), data.rejects().to_dicts()) == ([], 0, [], [])
        assert data.states().symbols == {}
        with pytest.raises(UnknownSymbol, match="known symbols: none"):
            data.bars("EURUSD", "1m")


def test_a_closed_reader_says_so_and_its_tables_go_on(whole: Whole) -> None:
    with mtf.open(whole[0]) as data:
        table = data.bars("EURUSD", "1m")
    data.close()
    with pytest.raises(DataDirError, match="this reader is closed: open a new one"):
        data.bars("EURUSD", "1m")
    assert list(table) == bars_of(whole[1], "EURUSD", "1m")


def test_reading_writes_nothing(whole: Whole, tmp_path: Path) -> None:
    """No file is made, changed or locked: also of a directory that may not be written to."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    before = {each: each.stat().st_mtime_ns for each in path.rglob("*")}
    with mtf.open(path) as data:
        assert data.bars(data.symbols, ["1m", "2m"]).to_polars().height > 0
        assert data.ticks().to_polars().height > 0
        data.states(at=500)
    assert {each: each.stat().st_mtime_ns for each in path.rglob("*")} == before


def test_the_writer_s_lock_is_no_hindrance(whole: Whole, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    log = FileLog.open(path / "log", config=mtf.open(path).config.to_json())
    try:
        with mtf.open(path) as data:
            assert list(data.bars("EURUSD", "1m")) == bars_of(whole[1], "EURUSD", "1m")
    finally:
        log.close()


def _foreign(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()
    (path / "notes.txt").write_text("not mtf's")


def _file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("x")


def _empty_log(path: Path) -> None:
    for segment in (path / "log").glob("*.log"):
        segment.unlink()


def _prose(path: Path) -> None:
    (segment,) = (path / "log").glob("*.log")
    segment.write_text("Call me Ishmael. " * 100)


def _linked(path: Path) -> None:
    (segment,) = (path / "log").glob("*.log")
    segment.rename(path / "elsewhere")
    segment.symlink_to(path / "elsewhere")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _newer(path: Path) -> None:
    from mtf.log.segment_format import SEGMENT_HEADER_BYTES, encode_segment_header, parse_segment_header

    (segment,) = (path / "log").glob("*.log")
    data = segment.read_bytes()
    header = parse_segment_header(data, str(segment))._replace(version=99)
    segment.write_bytes(encode_segment_header(header) + data[SEGMENT_HEADER_BYTES:])


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (shutil.rmtree, DataDirError, "no such directory"),
        (_foreign, DataDirError, "not a data directory of mtf"),
        (_file, DataDirError, "not a data directory of mtf"),
        (_empty_log, DataDirError, "there is no log here"),
        (_prose, CorruptLog, "not a segment of an mtf log; restore it from a copy"),
        (_linked, DataDirError, "not a plain file; links, folders, pipes and devices are refused"),
        (_newer, CorruptLog, "use a newer mtf"),
    ],
)
def test_what_is_no_directory_of_ours_is_not_opened(
    whole: Whole, tmp_path: Path, spoil: Callable[[Path], None], error: type[Exception], says: str
) -> None:
    """And is left as it is."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    spoil(path)
    with pytest.raises(error, match=says):
        mtf.open(path)


def test_a_damaged_log_gives_no_shorter_answer(whole: Whole, tmp_path: Path) -> None:
    """What needs the damaged part fails, and says where."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    (segment,) = (path / "log").glob("*.log")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    with mtf.open(path) as reader, pytest.raises(CorruptLog, match=r"the log is safe up to seq \d+"):
        reader.ticks(SYMBOLS[0]).to_polars()


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (lambda file: file.write_bytes(b"garbage" * 1000), CorruptHistory, "the next start rebuilds it from the log"),
        (lambda file: file.write_bytes(file.read_bytes()[:8192]), CorruptHistory, "rebuilds it from the log"),
        (lambda file: _execute(file, "PRAGMA user_version = 9999"), CorruptHistory, "newer"),
        (lambda file: _execute(file, "PRAGMA user_version = 1"), CorruptHistory, "made by an earlier mtf"),
        (lambda file: _execute(file, "CREATE VIEW v AS SELECT 1"), CorruptHistory, "not a history of this version"),
        (lambda file: (file.unlink(), file.symlink_to("/etc/passwd")), DataDirError, "links, folders, pipes"),
        (_pipe, DataDirError, "links, folders, pipes"),
    ],
    ids=["garbage", "cut", "newer", "earlier", "foreign", "link", "pipe"],
)
def test_a_history_that_is_none_is_an_error(
    whole: Whole, tmp_path: Path, spoil: Callable[[Path], object], error: type[Exception], says: str
) -> None:
    """Ticks and states, which do not need it, are there all the same."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    spoil(path / "history.sqlite")
    with mtf.open(path) as data:
        with pytest.raises(error, match=says):
            list(data.bars("EURUSD", "1m"))
        assert len(list(data.ticks("EURUSD"))) > 0
        assert data.state("EURUSD").seq == 1_500


def test_a_history_that_another_program_has_locked_is_named(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And after the wait that SQLite is given, here none."""
    path = Path(shutil.copytree(whole[0], tmp_path / "run"))
    connect = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", partial(connect, timeout=0))
    with closing(connect(path / "history.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE position SET seq = seq")
        with mtf.open(path) as data, pytest.raises(DataDirError, match="another program has locked the history"):
            list(data.bars("EURUSD", "1m"))


def test_values_are_written_by_orjson(whole: Whole) -> None:
    """All that a reader hands out: what is not a plain value takes itself apart."""
    with mtf.open(whole[0]) as data:
        state = data.state("EURUSD")
        bar = next(iter(data.bars("EURUSD", "1m")))
        text = orjson.dumps([state, state["1m"], bar, state["1m"].completed], default=lambda each: each.to_dict())
    found = orjson.loads(text)
    assert (found[0]["symbol"], found[2]["start_ns"], found[3]) == ("EURUSD", bar.start_ns, {})
    assert found[0]["timeframes"]["1m"] == found[1]


def test_config_is_that_of_the_log(tmp_path: Path) -> None:
    recorded(tmp_path / "run", ticks("10:00@1"), indicators="sma:3", price="bid", timeframes="1m,1h")
    with mtf.open(tmp_path / "run") as data:
        assert data.config == Config.make(timeframes="1m,1h", indicators="sma:3", price="bid")


def _execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)
