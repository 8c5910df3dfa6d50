"""A directory that a newer mtf wrote is refused, with what to do, unless its log has all that is needed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
import pytest
from click.testing import Result

from mtf.config import FIELDS, Config
from mtf.log.segment_format import SEGMENT_HEADER_BYTES, encode_segment_header, parse_segment_header
from mtf.storage.checkpoint_store import VERSION
from mtf.storage.history.schema import VERSION as HISTORY_VERSION
from tests.cli.builders import mtf

SOURCE = ("synthetic", "--events", "3000", "--symbols", "EURUSD", "--timeframes", "1m,1h")
COMMANDS = (("run", *SOURCE, "--data"), ("state",), ("replay",), ("bars", "--symbol", "EURUSD", "-t", "1m"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A finished run, with a checkpoint and a history."""
    made(tmp_path / "run")
    return tmp_path / "run"


def made(directory: Path) -> None:
    assert mtf("run", *SOURCE, "--data", directory).exit_code == 0


def runs(directory: Path) -> list[Result]:
    """Run each command that reads the log on *directory*."""
    return [mtf(*command, directory) for command in COMMANDS]


def set_version(data: Path, version: int) -> None:
    connection = sqlite3.connect(data / "history.sqlite")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def test_log_of_a_newer_format_is_refused(data: Path) -> None:
    """Guessing at its bytes would be worse than stopping; nothing in the directory changes."""
    (segment,) = (data / "log").glob("*.log")
    content = segment.read_bytes()
    header = parse_segment_header(content[:SEGMENT_HEADER_BYTES], str(segment))
    newer = encode_segment_header(header._replace(version=3)) + content[SEGMENT_HEADER_BYTES:]
    segment.write_bytes(newer)
    for result in runs(data):
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{segment}: written in format version 3" in result.stderr
        assert "this mtf reads up to version 2: use a newer mtf" in result.stderr
    verified = mtf("verify", data)
    assert (verified.exit_code, "use a newer mtf" in verified.stdout) == (1, True)
    assert "next start" not in verified.stdout, "there is none before the log can be read"
    assert segment.read_bytes() == newer


def test_configuration_of_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is whole, and what it is to be read with is not known."""
    with monkeypatch.context() as newer:
        newer.setattr("mtf.config.FORMAT", 2)
        made(tmp_path / "run")
    for result in (*runs(tmp_path / "run"), mtf("verify", tmp_path / "run")):
        assert result.exit_code == 1
        assert f"{tmp_path / 'run'}: the configuration has format 2, and this mtf reads format 1" in result.output
        assert "use a newer mtf" in result.output


def test_setting_that_is_not_known_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is in the log only if it changes results: to skip it would give other bars than before."""
    to_json = Config.to_json
    with monkeypatch.context() as newer:
        newer.setattr("mtf.config.FIELDS", FIELDS | {"novelty"})
        newer.setattr(Config, "to_json", lambda self: orjson.dumps({**orjson.loads(to_json(self)), "novelty": 1}))
        made(tmp_path / "run")
    for result in (*runs(tmp_path / "run"), mtf("verify", tmp_path / "run")):
        assert result.exit_code == 1
        assert "settings that this mtf does not know (novelty): use a newer mtf" in result.output


def test_checkpoint_of_a_newer_format_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has everything that was in it."""
    with monkeypatch.context() as newer:
        newer.setattr("mtf.storage.checkpoint_store.VERSION", VERSION + 1)
        made(tmp_path / "run")
    again = mtf("run", *SOURCE, "--data", tmp_path / "run")
    assert again.exit_code == 0
    assert "checkpoint skipped: " in again.stderr
    versions = f"format version {VERSION + 1}, flags 0; this one reads up to version {VERSION}"
    assert f"written by a newer mtf ({versions})" in again.stderr


def test_history_of_newer_results_is_kept_and_rebuilt(data: Path) -> None:
    """Its tables are the same, so it could pass for this mtf's; its bars may differ from what the log gives here."""
    before = mtf("bars", data, "--symbol", "EURUSD", "-t", "1m", "--format", "csv").stdout
    set_version(data, HISTORY_VERSION + 1)
    left = (data / "history.sqlite").read_bytes()
    shown = mtf("bars", data, "--symbol", "EURUSD", "-t", "1m")
    assert (shown.exit_code, "written by a newer mtf, or damaged (version" in shown.stderr) == (1, True)
    again = mtf("run", *SOURCE, "--data", data)
    assert again.exit_code == 0
    assert f"the history was written by a newer mtf (version {HISTORY_VERSION + 1})" in again.stderr
    assert "it is rebuilt from the log, and kept as history-newer-1.sqlite" in again.stderr
    assert (data / "history-newer-1.sqlite").read_bytes() == left
    assert mtf("bars", data, "--symbol", "EURUSD", "-t", "1m", "--format", "csv").stdout == before
    assert mtf("verify", data, "--replay").exit_code == 0


def test_history_with_newer_tables_stops_the_start(data: Path) -> None:
    """It may hold what the log no longer has, and only a newer mtf knows."""
    connection = sqlite3.connect(data / "history.sqlite")
    connection.execute("ALTER TABLE packs ADD COLUMN novelty")
    connection.close()
    set_version(data, HISTORY_VERSION + 1000)
    again = mtf("run", *SOURCE, "--data", data)
    assert again.exit_code != 0
    assert f"history.sqlite: written by a newer mtf (version {HISTORY_VERSION + 1000}): use that one" in again.stderr
