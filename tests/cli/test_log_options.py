"""`--log-level` and `--log-format`: stderr as lines of a log, for those who collect them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import orjson
import pytest

from mtf.cli.log_options import hoisted
from mtf.loggers import LOGGER
from tests.cli.builders import SETTINGS, mtf, write_market


def lines(text: str) -> list[dict[str, object]]:
    """Return the records in *text*, of which each line must be one."""
    return [orjson.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("before", [True, False])
def test_json_lines_are_all_that_is_on_stderr(before: bool, tmp_path: Path) -> None:
    """A collector that parses each line must not trip over a note for people."""
    options = ("--log-level", "info", "--log-format=json")
    run = ("run", write_market(tmp_path / "m.csv"), "--data", tmp_path / "run", *SETTINGS)
    result = mtf(*options, *run) if before else mtf(*run, *options)
    assert result.exit_code == 0
    found = lines(result.stderr)
    events = [each["event"] for each in found]
    assert events[0] == "pipeline_started"
    assert {"source_read", "events_counted", "checkpoint_written", "pipeline_stopped"} <= {*events}
    assert {each["logger"] for each in found if each["event"] == "command_note"} <= {"mtf.cli"}
    assert LOGGER.level == logging.NOTSET
    assert [type(each) for each in LOGGER.handlers] == [logging.NullHandler]


def test_the_error_that_ends_a_command_is_a_record(tmp_path: Path) -> None:
    """With the exit code, and the traceback only if it was asked for."""
    result = mtf("bars", tmp_path, "--symbol", "X", "-t", "1m", "--log-format", "json")
    (record,) = lines(result.stderr)
    assert result.exit_code == record["code"] == 2
    assert (record["event"], record["level"], record["logger"]) == ("command_failed", "error", "mtf.cli")
    assert "error" not in record
    (record,) = lines(mtf("inspect", tmp_path, "--log-format", "json", MTF_DEBUG="1").stderr)
    assert "Traceback" in str(record["error"])


def test_text_lines_have_time_level_and_facts(tmp_path: Path) -> None:
    """One line a record, for a terminal or a journal."""
    result = mtf("run", write_market(tmp_path / "m.csv"), *SETTINGS, "--log-level", "INFO")
    first = result.stderr.splitlines()[0]
    expected = r"\S+Z INFO    mtf\.pipeline: the pipeline has started .* event=pipeline_started path=None seq=0"
    assert re.match(expected, first)


def test_without_options_warnings_are_sentences(tmp_path: Path) -> None:
    """And the environment can ask for lines, for commands that a service starts."""
    market = write_market(tmp_path / "m.csv")
    assert "event=" not in mtf("run", market, *SETTINGS).stderr
    assert "event=pipeline_started" in mtf("run", market, *SETTINGS, MTF_LOG_LEVEL="info").stderr


def test_a_wrong_level_is_refused_with_those_there_are(tmp_path: Path) -> None:
    """Before anything is done."""
    result = mtf("inspect", tmp_path, "--log-level", "loud")
    assert result.exit_code == 2
    assert "debug" in result.stderr


def test_only_options_of_the_log_are_moved_before_the_command() -> None:
    """What follows `--` is a name of a file, whatever it looks like."""
    args = ["run", "--log-level", "info", "x", "--log-format=json", "--", "--log-level"]
    assert hoisted(args) == (["--log-level", "info", "--log-format=json"], ["run", "x", "--", "--log-level"])
    assert hoisted(["run", "--log-level"]) == (["--log-level"], ["run"])


def test_options_of_all_commands_are_documented() -> None:
    """In the part of docs/cli.md that is common to all, and in docs/logging.md."""
    docs = Path(__file__).resolve().parents[2] / "docs"
    for page in ("cli.md", "logging.md"):
        text = (docs / page).read_text(encoding="utf-8")
        for option in ("--log-level", "--log-format"):
            assert option in text
