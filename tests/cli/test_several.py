"""Several symbols on the command line: what is merged, refused and noted, and what it says to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.builders import json_of, mtf
from tests.order.builders import quotes, two

CRYPTO = ("--calendar", "crypto", "--timeframes", "1m,5m")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two(tmp_path / "two")


@pytest.fixture
def by_symbol(tmp_path: Path) -> Path:
    """One file, all of EURUSD and then all of GBPUSD."""
    path = tmp_path / "bysym.csv"
    rows = [
        f"{line.replace(',', f',{name},', 1)}\n"
        for name, seconds in (("EURUSD", 10), ("GBPUSD", 30))
        for line in quotes(12, seconds=seconds).splitlines()[1:]
    ]
    path.write_text("time,symbol,bid,ask\n" + "".join(rows))
    return path


def test_a_folder_and_its_files_are_the_same_market(folder: Path) -> None:
    """In order of time, and the summary says so."""
    summary = json_of("run", folder, *CRYPTO, "--json")
    files = json_of("run", folder / "EURUSD.csv", folder / "GBPUSD.csv", *CRYPTO, "--json")
    assert (summary["events"], summary["order"], summary["out_of_order"], summary["reordered"]) == (60, "time", 0, 0)
    assert files["digest"] == summary["digest"]
    assert (summary["source"], files["source"]) == ("two", "EURUSD.csv, GBPUSD.csv")


def test_events_are_in_the_log_in_order_of_time(folder: Path, tmp_path: Path) -> None:
    assert mtf("run", folder, "--data", tmp_path / "d", *CRYPTO).exit_code == 0
    lines = mtf("tail", tmp_path / "d", "-n", "4").stdout.splitlines()
    assert [line.split()[3] for line in lines] == ["EURUSD", "GBPUSD", "EURUSD", "GBPUSD"]
    assert "order      by time" in mtf("run", folder, "--data", tmp_path / "d", *CRYPTO).stdout


def test_a_folder_that_has_grown_goes_on(folder: Path, tmp_path: Path) -> None:
    args = ("run", folder, "--data", tmp_path / "d", *CRYPTO, "--json")
    json_of(*args)
    two(folder, minutes=35)
    summary = json_of(*args)
    assert (summary["new_events"], summary["order"]) == (10, "time")
    assert summary["bars"] == json_of("run", folder, *CRYPTO, "--json")["bars"]


def test_a_file_in_the_past_of_the_one_before_is_refused_with_what_to_type(folder: Path, tmp_path: Path) -> None:
    args = ("--data", tmp_path / "d", *CRYPTO)
    assert mtf("run", folder / "EURUSD.csv", *args).exit_code == 0
    refused = mtf("run", folder / "GBPUSD.csv", *args)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        "mtf: GBPUSD.csv begins at 2024-03-06 10:00:30Z, when EURUSD (EURUSD.csv) is already at 2024-03-06 10:29:10Z: "
        "if they are read one after the other, its events are shown next to the other's future: name both "
        "in one command, as in mtf run A B, with a new directory for --data, to merge them by time; or keep the "
        "order in which they come with --order log\n"
    )
    taken = mtf("run", folder / "GBPUSD.csv", *args, "--order", "log")
    assert taken.exit_code == 0
    assert "order      as they came, 29 out of order" in taken.stdout
    assert "not in order of time" not in taken.stderr  # it was asked for


def test_a_file_sorted_by_symbol_is_noted_and_sorted_on_request(by_symbol: Path) -> None:
    as_it_is = mtf("run", by_symbol, *CRYPTO)
    assert as_it_is.exit_code == 0
    assert "11 of 24 events are not in order of time" in as_it_is.stderr
    assert "run it with --sort" in as_it_is.stderr
    by_time = mtf("run", by_symbol, *CRYPTO, "--sort")
    assert "not in order of time" not in by_time.stderr
    assert "order      by time" in by_time.stdout


@pytest.mark.parametrize(("window", "late", "reordered"), [("0", 2, 0), ("500ms", 1, 1), ("2s", 0, 2)])
def test_a_window_is_as_long_as_it_says(tmp_path: Path, window: str, late: int, reordered: int) -> None:
    path = tmp_path / "EURUSD.csv"
    stamps = (0, 1000, 600, 3000, 4000, 1800, 9000)
    path.write_text("time,bid,ask\n" + "".join(f"{1_709_719_200_000 + ms},1.1,1.2\n" for ms in stamps))
    summary = json_of("run", path, *CRYPTO, "--reorder", window, "--json")
    assert (summary["rejected"].get("late", 0), summary["reordered"]) == (late, reordered)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--reorder", "1"), "'1' is not a valid duration: use the form 500ms, 2s or 1m"),
        (("--reorder", "soon"), "'soon' is not a valid duration"),
        (("--reorder", "2h", "--sort"), "sort and a reorder window exclude each other"),
        (("--reorder", "25h"), "between 0 and 86400000000000 ns, a day"),
        (("--order", "symbol"), "'symbol' is not one of 'time', 'log'"),
        (("--source-name", "x"), "--source-name needs a single source"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_call(folder: Path, args: tuple[str, ...], says: str) -> None:
    result = mtf("run", folder / "EURUSD.csv", folder / "GBPUSD.csv", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_inspect_says_how_a_folder_was_read(folder: Path, tmp_path: Path) -> None:
    """Where each of its parts stands, and that all of it is in order of time."""
    mtf("run", folder, "--data", tmp_path / "d", *CRYPTO)
    log = json_of("inspect", tmp_path / "d", "--json")["log"]
    assert list(log["sources"]) == ["two"]
    parts = log["sources"]["two"]["parts"]
    assert {name: part["position"]["line"] for name, part in parts.items()} == {"EURUSD": 31, "GBPUSD": 31}
    assert log["order"] == {"order": "time", "from_seq": 0, "out_of_order": 0, "reordered": 0}
    lines = mtf("inspect", tmp_path / "d").stdout.splitlines()
    assert "sources       two: merged of EURUSD, GBPUSD" in lines
    assert "order         by time" in lines


def test_a_directory_for_a_folder_is_known_again(folder: Path, tmp_path: Path) -> None:
    """With --make-room another market goes to another directory, and the same one goes on in its own."""
    args = ("--data", tmp_path / "d", "--make-room", *CRYPTO, "--json")
    assert json_of("run", folder, *args)["data"] == str(tmp_path / "d")
    assert json_of("run", folder, *args)["data"] == str(tmp_path / "d")
    assert json_of("run", folder / "EURUSD.csv", *args)["data"] == str(tmp_path / "d-2")


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for venue in ("one", "two"):
        (tmp_path / venue).mkdir()
        (tmp_path / venue / "EURUSD.csv").write_text(quotes(3, seconds=5 if venue == "one" else 7))
    summary = json_of("run", tmp_path / "one" / "EURUSD.csv", tmp_path / "two" / "EURUSD.csv", *CRYPTO, "--json")
    assert (summary["events"], summary["source"]) == (6, "one/EURUSD.csv, two/EURUSD.csv")
