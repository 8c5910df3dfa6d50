"""`mtf run`: the summary, the directory, resuming, and the messages to the user."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import orjson
import pytest

from tests.cli.builders import SETTINGS, command, json_of, mtf, process, write_market


def test_summary_counts_every_event(tmp_path: Path) -> None:
    """What was read is accepted or rejected with its reason: nothing is lost silently."""
    summary = json_of("run", write_market(tmp_path / "market.csv"), *SETTINGS, "--json")
    assert summary["events"] == summary["seq"] == summary["new_events"] == 8
    assert summary["ticks"] == 6
    assert summary["rejected"] == {"late": 1, "closed": 1}
    assert summary["bars"] == {"1m": 4, "5m": 0}
    assert summary["source"] == "market.csv"
    assert summary["resumed_seq"] == 0
    assert len(summary["digest"]) == len("0123456789abcdef" * 2)
    assert summary["seconds"] > 0
    assert summary["events_per_second"] > 0


def test_summary_for_people_is_aligned_and_complete(tmp_path: Path) -> None:
    """The same figures, one a line, without trailing space."""
    read_as, *lines = mtf("run", write_market(tmp_path / "market.csv"), *SETTINGS).stdout.splitlines()
    assert read_as.startswith("read as: csv, quotes, ")
    names = ["events", "rows", "ticks", "rejected", "bars", "symbols", "order", "seq", "digest"]
    assert [line.split()[0] for line in lines] == names
    assert lines[1] == "rows       8 read: 6 accepted, 2 rejected, 0 malformed"
    assert lines[2] == "ticks      6 accepted"
    assert lines[3] == "rejected   closed 1  late 1"
    assert lines[4] == "bars       1m 4  5m 0"
    assert not [line for line in lines if line != line.rstrip()]


def test_nothing_is_written_without_data(tmp_path: Path) -> None:
    """A look at a file leaves no traces."""
    write_market(tmp_path / "market.csv")
    done = process("run", "market.csv", cwd=tmp_path)
    assert done.returncode == 0
    assert os.listdir(tmp_path) == ["market.csv"]


def test_same_command_again_resumes_and_does_nothing(tmp_path: Path) -> None:
    """A finished run is finished; a note says that the directory was resumed."""
    args = ("run", write_market(tmp_path / "market.csv"), "--data", tmp_path / "run", *SETTINGS)
    first = json_of(*args, "--json")
    again = mtf(*args, "--json")
    assert again.exit_code == 0
    assert again.stderr.splitlines()[0] == f"mtf: resumed {tmp_path / 'run'} after seq 8: nothing new"
    summary = orjson.loads(again.stdout)
    assert (summary["resumed_seq"], summary["new_events"], summary["events_per_second"]) == (8, 0, 0)
    assert summary["digest"] == first["digest"]


def test_a_file_that_has_grown_goes_on_at_its_row(tmp_path: Path) -> None:
    """Only the new rows are read, and the result is that of one run of the whole."""
    path = write_market(tmp_path / "market.csv")
    args = ("--data", tmp_path / "run", *SETTINGS)
    json_of("run", path, *args, "--json")
    with path.open("a") as file:
        file.write("2024-03-06T10:04:00Z,EURUSD,1.0,1.25,4,4\n")
    grown = mtf("run", path, *args, "--json")
    assert grown.stderr.splitlines()[0] == f"mtf: resumed {tmp_path / 'run'} after seq 8: 1 new events"
    summary = orjson.loads(grown.stdout)
    assert summary["new_events"] == 1
    assert summary["digest"] == json_of("run", path, *SETTINGS, "--json")["digest"]


def test_another_configuration_is_refused_with_what_differs(tmp_path: Path) -> None:
    """Results of two configurations must not mix in one directory."""
    path = write_market(tmp_path / "market.csv")
    json_of("run", path, "--data", tmp_path / "run", *SETTINGS, "--json")
    other = mtf("run", path, "--data", tmp_path / "run", "--timeframes", "1m,15m", "--indicators", "sma:2")
    assert other.exit_code == 2
    assert other.stdout == ""
    assert "timeframes: " in other.stderr
    assert "history: " not in other.stderr


def test_what_differs_is_told_the_right_way_round(market: Path) -> None:
    """What is there cannot be changed, what was asked for can."""
    other = mtf("run", "synthetic", "--data", market, *SETTINGS, "--history", "500")
    assert "history: 1000 in the log, 500 requested" in other.stderr


@pytest.mark.parametrize(
    ("option", "value", "differs"),
    [
        ("--price", "bid", "price"),
        ("--closed", "keep", "closed"),
        ("--late", "accept", "late"),
        ("--anchor", "utc", "anchor"),
        ("--history", "7", "history"),
        ("--calendar", "crypto", "calendars"),
        ("--calendar", "GBP*=crypto,*=fx", "calendars"),
        ("--live", "off", "live"),
        ("--indicators", "all", "indicators"),
    ],
)
def test_each_setting_reaches_the_configuration(market: Path, option: str, value: str, differs: str) -> None:
    """An option that were skipped would leave the directory's configuration as it is."""
    settings = dict(zip(SETTINGS[::2], SETTINGS[1::2], strict=True)) | {option: value}
    other = mtf("run", "synthetic", "--data", market, *(word for pair in settings.items() for word in pair))
    assert other.exit_code == 2
    assert f"({differs}: " in other.stderr


def test_closed_hours_are_kept_on_request(tmp_path: Path) -> None:
    """The Saturday tick then counts, and what follows it is late."""
    path = write_market(tmp_path / "market.csv")
    summary = json_of("run", path, *SETTINGS, "--closed", "keep", "--json")
    assert summary["rejected"] == {"late": 2}


def test_malformed_rows_are_counted_and_kept_aside(tmp_path: Path) -> None:
    """The run goes on, and each row can be found again by its line and reason."""
    path = write_market(tmp_path / "market.csv")
    with path.open("a") as file:
        file.write("2024-03-06T10:05:00Z,EURUSD,abc,1.25,4,4\n")
    result = mtf("run", path, "--data", tmp_path / "run", "--json")
    assert result.exit_code == 0
    assert orjson.loads(result.stdout)["rejected"]["malformed"] == 1
    aside = tmp_path / "run" / "malformed.jsonl"
    assert result.stderr.splitlines()[:2] == [
        f"mtf: 1 malformed row, kept aside in {aside}",
        f"mtf: {path}:10: bid is not a number: '2024-03-06T10:05:00Z,EURUSD,abc,1.25,4,4'",
    ]
    assert orjson.loads(aside.read_bytes())["line"] == 10


def test_strict_stops_at_the_first_malformed_row(tmp_path: Path) -> None:
    """Exit code 1: the data is at fault; the line says where."""
    path = write_market(tmp_path / "market.csv")
    with path.open("a") as file:
        file.write("2024-03-06T10:05:00Z,EURUSD,abc,1.25,4,4\n")
    result = mtf("run", path, "--strict", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{path}:10: " in result.stderr


def test_columns_can_be_named(tmp_path: Path) -> None:
    """A file that tells nothing is read by what the user says of it."""
    path = tmp_path / "ticks.csv"
    path.write_text("1709719200000;x;1.0;1.5\n1709719230000;x;1.25;1.75\n")
    summary = json_of(
        "run", path, "--columns", "time,_,bid,ask", "--delimiter", ";", "--no-header", "--time-format", "ms",
        "--symbol", "EURUSD", "--json",
    )  # fmt: skip
    assert summary["ticks"] == 2
    assert list(summary["symbols"]) == ["EURUSD"]


def test_synthetic_market_is_the_same_for_a_seed() -> None:
    """The same options give the same market, another seed another one."""
    first = json_of("run", "synthetic", "--events", 2000, "--symbols", "EURUSD", "--seed", 7, "--json")
    again = json_of("run", "synthetic", "--events", 2000, "--symbols", "EURUSD", "--seed", 7, "--json")
    other = json_of("run", "synthetic", "--events", 2000, "--symbols", "EURUSD", "--seed", 8, "--json")
    assert first["events"] == 2000
    assert list(first["symbols"]) == ["EURUSD"]
    assert first["digest"] == again["digest"] != other["digest"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_both_event_loops_give_one_digest(tmp_path: Path, market: Path, loop: str) -> None:
    """Results do not depend on what carries the messages."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    path = write_market(tmp_path / "market.csv")
    result = mtf("run", path, *SETTINGS, "--json", MTF_LOOP=loop)
    assert orjson.loads(result.stdout)["digest"] == json_of("replay", market, "--json")["digest"]


def test_a_data_directory_is_a_source(market: Path, tmp_path: Path) -> None:
    """Its log is read as one, and with the same settings gives the same digest."""
    again = json_of("run", market, "--data", tmp_path / "again", *SETTINGS, "--json")
    assert again["digest"] == json_of("replay", market, "--json")["digest"]
    assert again["source"].startswith("log:")


@pytest.mark.parametrize("way", ["as it is", "by a link", "of two", "sorted"])
def test_a_directory_that_is_written_cannot_be_read(market: Path, tmp_path: Path, way: str) -> None:
    """It would grow as it is read, for ever. The log is known by its run, so that no link hides it."""
    before = json_of("replay", market, "--json")
    source = market
    more: list[str | Path] = []
    if way == "by a link":
        source = tmp_path / "link"
        source.symlink_to(market)
    elif way == "of two":
        more = [write_market(tmp_path / "other.csv")]
    elif way == "sorted":
        more = ["--sort"]
    result = mtf("run", source, *more, "--data", market, *SETTINGS)
    assert (result.exit_code, "which this run writes" in result.stderr) == (2, True), result.stderr
    assert json_of("replay", market, "--json") | {"seconds": 0, "events_per_second": 0} == before | {
        "seconds": 0,
        "events_per_second": 0,
    }


def test_folder_is_read_in_order_of_time(tmp_path: Path) -> None:
    """The vendor's file names need not sort as their times do."""
    lines = [
        line for line in write_market(tmp_path / "market.csv").read_text().splitlines() if "Z,EURUSD,9" not in line
    ]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_text("\n".join([lines[0], *lines[4:]]) + "\n")
    (folder / "b.csv").write_text("\n".join(lines[:4]) + "\n")
    summary = json_of("run", folder, *SETTINGS, "--json")
    assert (summary["ticks"], summary["rejected"]) == (6, {})


def test_vendor_folder_runs_by_itself(vendor_data: Path) -> None:
    """A folder of Lean zips needs no option at all."""
    folder = vendor_data / "lean/forex/oanda/tick/eurusd"
    summary = json_of("run", folder, "--pattern", "20140504*", "--json")
    assert summary["ticks"] > 1000
    assert list(summary["symbols"]) == ["EURUSD"]
    assert summary["bars"]["1m"] > 10


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_stops_in_good_order_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """What was read is logged, sealed, stored and delivered; nothing is read twice afterwards."""
    args = ("run", "synthetic", "--events", 3_000_000, "--data", tmp_path / "run", "--timeframes", "1m", "--json")
    running = subprocess.Popen(command(*args), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while sum(path.stat().st_size for path in tmp_path.glob("run/log/*.log")) < 100_000:
            assert time.monotonic() < deadline, "the run does not come on"
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == code, err
    summary = orjson.loads(out)
    assert summary["interrupted"] is True
    assert err.decode() == f"mtf: stopped after seq {summary['seq']}; run the same command again to resume\n"
    log = json_of("verify", tmp_path / "run", "--json")["log"]
    assert (log["last_seq"], log["sealed"]) == (summary["seq"], True)
    events = summary["seq"] + 1000
    more = json_of("run", "synthetic", "--events", events, "--data", tmp_path / "run", "--timeframes", "1m", "--json")
    assert (more["resumed_seq"], more["events"]) == (summary["seq"], events)
    whole = json_of("run", "synthetic", "--events", events, "--timeframes", "1m", "--json")
    assert more["digest"] == whole["digest"]


def test_a_calendar_that_does_not_fit_is_hinted_at(tmp_path: Path) -> None:
    """Everything rejected is what a wrong calendar or zone looks like; the run itself is right."""
    path = tmp_path / "night.csv"
    path.write_text("time,symbol,bid,ask\n2024-03-07T03:00:00Z,SPY,1.0,1.5\n")
    done = mtf("run", path, "--calendar", "us_equities")
    assert done.exit_code == 0
    assert "1 of 1 events came while the market was closed: check --calendar (us_equities)" in done.stderr


def test_times_in_disorder_are_hinted_at(tmp_path: Path) -> None:
    """From 1 in 100 on the settings that help are named."""
    path = tmp_path / "mixed.csv"
    rows = [f"2024-03-07T10:0{minute}:00Z,EURUSD,1.0,1.5" for minute in (5, 3, 4)]
    path.write_text("\n".join(["time,symbol,bid,ask", *rows, ""]))
    assert "2 of 3 events came late, out of the order of their stamps: --reorder 1s" in mtf("run", path).stderr


def test_prices_that_make_no_bar_are_hinted_at(tmp_path: Path) -> None:
    """Bids alone have no mid: a hint names the setting that makes bars of them."""
    path = tmp_path / "bids.csv"
    path.write_text("time,symbol,bid,ask\n2024-03-07T10:00:00Z,EURUSD,1.0,\n")
    assert "1 ticks made no bar" in mtf("run", path).stderr
    assert mtf("run", path, "--price", "bid").stderr == ""


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    """Before anything is read."""
    path = write_market(tmp_path / "market.csv")
    done = mtf("run", path, "--data", path)
    assert done.exit_code == 2
    assert "is a file" in done.stderr


def test_a_source_without_events_is_hinted_at(tmp_path: Path) -> None:
    """A typing error in a pattern must not look like a market without ticks."""
    write_market(tmp_path / "market.csv")
    assert mtf("run", tmp_path, "--pattern", "*.zip").stderr == "mtf: the source has no events\n"


def test_histories_may_take_little_memory(tmp_path: Path) -> None:
    """What is read again later is the same; without a directory there is nothing to read it from."""
    args = ("run", "synthetic", "--events", 20_000, "--indicators", "sma:20", "--json")
    limited = json_of(*args, "--data", tmp_path / "run", "--checkpoint-events", 2_000, "--history-memory", "1kB")
    assert limited["digest"] == json_of(*args)["digest"]
    refused = mtf(*args, "--history-memory", "1kB")
    assert refused.exit_code == 2
    assert "--history-memory needs --data" in refused.stderr
