"""Exit codes and messages: one line, the right code, and nothing half-written on stdout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson
import pytest

from mtf import errors
from mtf.build import COMPILED, VERSION, compiled_modules
from mtf.cli.exits import exit_code
from tests.cli.builders import command, json_of, mtf, process, write_market


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("bars", "{market}", "--symbol", "NONE", "-t", "1m"), "no event of 'NONE'"),
        (("ticks", "{market}", "--symbol", "NONE"), "no event of 'NONE'"),
        (("state", "{market}", "--symbol", "NONE"), "no event of 'NONE'"),
        (("bars", "{market}", "--symbol", "EURUSD", "-t", "90s"), "90s was not run in"),
        (("bars", "{market}", "--symbol", "EURUSD", "-t", "x"), "invalid timeframe 'x'"),
        (("bars", "{market}", "--symbol", "EURUSD"), "Missing option '--timeframe'"),
        (("bars", "{market}", "--symbol", "EURUSD", "-t", "1m", "--start", "2024-03-06T10:00"), "has no time zone"),
        (("ticks", "{market}", "--symbol", "EURUSD", "--end", "2024-03-06"), "has no time zone"),
        (("state", "{market}", "--at", "yesterday"), "invalid time"),
        (("state", "{market}", "--at", "-1"), "'--at'"),
        (("replay", "{market}", "--start", "5", "--until", "4"), "nothing to replay"),
        (("state", "{nowhere}"), "no such directory"),
        (("bars", "{nowhere}", "--symbol", "EURUSD", "-t", "1m"), "no such directory"),
        (("replay", "{nowhere}"), "no such directory"),
        (("tail", "{nowhere}"), "no such directory"),
        (("inspect", "{empty}"), "not a data directory of mtf"),
        (("run", "{nowhere}"), "no such file or folder"),
        (("run", "synthetic", "--zone", "UTC"), "--zone: not supported for a synthetic market"),
        (("run", "{market}", "--seed", "1"), "--seed: not supported for a file"),
        (("run", "synthetic", "--indicators", "smaa:20"), "did you mean sma"),
        (("run", "synthetic", "--timeframes", "1m,90s"), "must be a multiple"),
        (("run", "synthetic", "--calendar", "lunar"), "unknown calendar 'lunar'"),
        (("run", "synthetic", "--history", "0"), "history must be between"),
        (("run", "synthetic", "--price", "best"), "'--price'"),
        (("nonsense",), "No such command 'nonsense'"),
        (("run",), "Missing argument 'SOURCE...'"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(market: Path, tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    """The message says what to change, and a program finds nothing on stdout."""
    places = {"market": market, "nowhere": tmp_path / "nowhere", "empty": tmp_path}
    result = mtf(*(arg.format(**places) for arg in args))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_file_of_no_format_is_the_datas_fault(tmp_path: Path) -> None:
    """Exit code 1, and no directory is made for it."""
    path = tmp_path / "prose.csv"
    path.write_text("Call me Ishmael.\n")
    result = mtf("run", path, "--data", tmp_path / "run")
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(path) in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_damaged_log_is_the_datas_fault(tmp_path: Path) -> None:
    """A run does not start on it, and says where it is damaged."""
    args = ("run", "synthetic", "--events", 3000, "--timeframes", "1m", "--data", tmp_path / "run")
    assert mtf(*args).exit_code == 0
    (segment,) = (tmp_path / "run" / "log").glob("*.log")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    for command_line in (args, ("replay", tmp_path / "run"), ("ticks", tmp_path / "run", "--symbol", "EURUSD")):
        result = mtf(*command_line)
        assert result.exit_code == 1, result.output
        assert str(segment) in result.stderr


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """One writer a log; the other gets an error at once."""
    from mtf.config import Config
    from mtf.log import FileLog

    args = ("run", write_market(tmp_path / "market.csv"), "--data", tmp_path / "run")
    assert mtf(*args).exit_code == 0
    log = FileLog.open(tmp_path / "run" / "log", config=Config.make().to_json())
    try:
        result = mtf(*args)
    finally:
        log.close()
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_every_error_of_mtf_has_its_code() -> None:
    """A new error is given its place in the table, or is one that failed inside."""
    codes = {name: exit_code(getattr(errors, name)("x")) for name in errors.__all__}
    assert {name: code for name, code in codes.items() if code != 3} == {
        "ConfigError": 2, "ConfigMismatch": 2, "CorruptCheckpoint": 1, "CorruptHistory": 1, "CorruptLog": 1,
        "DataDirError": 2, "HostileFile": 1, "KindChanged": 2, "LogLocked": 2, "MalformedEvent": 1,
        "MissingPackage": 2, "NewerCheckpoint": 1, "OptionNeeded": 2,
        "OutOfOrder": 2, "SourceError": 1, "StraddlingBar": 2, "UnknownIndicator": 2, "UnknownSymbol": 2,
        "UnknownTimeframe": 2,
    }  # fmt: skip
    assert set(codes.values()) == {1, 2, 3}


def test_a_stopped_pipeline_answers_for_its_cause() -> None:
    """A full disk is inside, a damaged log is the data, however deep they are wrapped."""
    stopped = errors.PipelineStopped("stopped")
    stopped.__cause__ = errors.ActorFailed("failed")
    stopped.__cause__.__cause__ = errors.CorruptLog("bad")
    assert exit_code(stopped) == 1


def test_a_reader_that_closes_the_pipe_is_no_error(tmp_path: Path) -> None:
    """`mtf ticks ... | head -1` says nothing on stderr."""
    assert mtf("run", "synthetic", "--events", 20_000, "--timeframes", "1m", "--data", tmp_path / "run").exit_code == 0
    with subprocess.Popen(
        command("ticks", tmp_path / "run", "--symbol", "EURUSD", "--format", "csv"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith(b"seq,ts_ns,")
        running.stdout.close()
        running.stdout = None
        _, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (0, b"")


def test_version_and_help(tmp_path: Path) -> None:
    """The command answers from the module too."""
    assert process("--version", cwd=tmp_path).stdout == f"mtf {VERSION}\n"
    assert mtf("-h").exit_code == 0
    bare = mtf()
    assert (bare.exit_code, bare.stdout) == (2, "")
    assert "Commands:" in bare.stderr


def test_doctor_says_which_build_runs(tmp_path: Path) -> None:
    """Compiled or not, on which loop, with what."""
    found = json_of("doctor", "--json")
    assert (found["compiled"], found["compiled_modules"]) == (COMPILED, compiled_modules())
    assert found["versions"]["mtf"] == VERSION
    assert {"python", "sqlite", "tzdata", "librt", "orjson"} <= set(found["versions"])
    assert "csv" in found["formats"]
    assert orjson.loads(mtf("doctor", "--json", MTF_LOOP="asyncio").stdout)["event_loop"] == "asyncio"
    assert mtf("doctor", MTF_LOOP="twisted").exit_code == 2
    first = mtf("doctor").stdout.splitlines()[0]
    assert first.startswith("build        compiled, " if COMPILED else "build        pure Python")


def test_indicators_are_the_catalogue() -> None:
    """With parameters, their bounds, and outputs."""
    entries = {entry["name"]: entry for entry in json_of("indicators", "--json")}
    macd = entries["macd"]
    assert [param["default"] for param in macd["params"]] == [12, 26, 9]
    assert macd["outputs"] == ["macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"]
    text = mtf("indicators").stdout
    assert [line.split()[0] for line in text.splitlines() if line[:1].strip()] == list(entries)
    for entry in entries.values():
        assert all(word in text for word in (*entry["outputs"], entry["title"], entry["formula"], entry["source"]))


def test_a_place_where_no_directory_can_be_is_the_calls_fault(tmp_path: Path) -> None:
    """Not a failure inside: another place will do."""
    (tmp_path / "file").touch()
    result = mtf("run", write_market(tmp_path / "market.csv"), "--data", tmp_path / "file" / "run")
    assert (result.exit_code, result.stdout) == (2, "")


def test_names_of_a_stranger_are_no_commands(tmp_path: Path) -> None:
    """Neither the terminal nor the tables take a symbol for anything but a name; programs get it as it is."""
    name = "[/b]:x:\u202e[31m"  # what follows would be shown from right to left
    path = tmp_path / "ticks.csv"
    path.write_text(f"time,symbol,bid,ask\n2024-03-06T10:00Z,{name},1.0,1.5\n2024-03-06T10:01Z,{name},1.0,1.5\n")
    data = tmp_path / "run"
    shown = [
        mtf("run", path, "--data", data),
        mtf("state", data),
        mtf("inspect", data),
        mtf("tail", data),
        mtf("ticks", data, "--symbol", name),
        mtf("bars", data, "--symbol", "nothing", "-t", "1m"),
    ]
    assert [result.exit_code for result in shown] == [0, 0, 0, 0, 0, 2]
    for result in shown:
        assert "\u202e" not in result.output
        assert "[/b]:x:" in result.output
    assert [tick["symbol"] for tick in json_of("ticks", data, "--symbol", name, "--format", "json")] == [name] * 2
