"""`mtf run` says how it read a file, in one line, as JSON, and in the log: a wrong guess has to be seen."""

from __future__ import annotations

from pathlib import Path

from tests.cli.builders import json_of, mtf

ROWS = "time,bid,ask\n2024-03-06 10:00:00,1,2\n2024-03-06 10:00:01,1,2\n"
LINE = "read as: csv, quotes, zone UTC (assumed), times ymd, prices as written, columns time=time bid=bid ask=ask"


def test_run_says_how_the_file_is_read(tmp_path: Path) -> None:
    """The zone that nobody stated above all."""
    (tmp_path / "EURUSD.csv").write_text(ROWS)
    result = mtf("run", tmp_path / "EURUSD.csv", "--timeframes", "1m")
    assert LINE in result.stdout.splitlines()


def test_json_and_the_log_have_it_too(tmp_path: Path) -> None:
    (tmp_path / "EURUSD.csv").write_text(ROWS)
    summary = json_of("run", tmp_path / "EURUSD.csv", "--data", tmp_path / "run", "--json", "--zone", "Europe/Paris")
    (reading,) = summary["read_as"]
    assert reading == {
        "format": "csv",
        "kind": "quotes",
        "zone": "Europe/Paris",
        "zone_by": "said",
        "point": "1",
        "times": "ymd",
        "columns": {"time": "time", "bid": "bid", "ask": "ask"},
    }
    assert "read as: csv, quotes, zone Europe/Paris, times ymd" in mtf("inspect", tmp_path / "run").stdout
    found = json_of("inspect", tmp_path / "run", "--json")
    kept = found["log"]["sources"]["EURUSD.csv"]["identity"]["reading"][0]
    assert {name: kept[name] for name in reading} == reading


def test_a_question_leaves_no_directory_behind(tmp_path: Path) -> None:
    """It would be one of a configuration that nothing was ever run with."""
    (tmp_path / "EURUSD.csv").write_text("time,open,high,low,close\n2024-03-06 10:00:00,1,2,1,1\n")
    assert mtf("run", tmp_path / "EURUSD.csv", "--data", tmp_path / "run").exit_code == 2
    assert not (tmp_path / "run").exists()


def test_a_synthetic_market_is_read_as_nothing() -> None:
    assert json_of("run", "synthetic", "--events", "10", "--json")["read_as"] == []


def test_a_run_that_fails_says_how_it_read_the_file(tmp_path: Path) -> None:
    """The reason may lie there."""
    (tmp_path / "EURUSD.csv").write_text(ROWS + "soon,1,2\n")
    result = mtf("run", tmp_path / "EURUSD.csv", "--strict")
    assert result.exit_code == 1
    assert f"mtf: {LINE}" in result.stderr.splitlines()


def test_an_empty_side_can_be_said_to_be_unchanged(tmp_path: Path) -> None:
    (tmp_path / "EURUSD.csv").write_text("time,bid,ask\n2024-03-06 10:00:00,1,2\n2024-03-06 10:00:01,,3\n")
    plain = json_of("run", tmp_path / "EURUSD.csv", "--price", "bid", "--json")
    held = json_of("run", tmp_path / "EURUSD.csv", "--price", "bid", "--blank", "unchanged", "--json")
    assert plain["digest"] != held["digest"]
    assert held["read_as"][0]["blank"] == "unchanged"
