"""`mtf run` and `mtf state` on a terminal: the screen, and that all it says can be typed there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.cli.builders import SETTINGS, command, json_of, mtf, process, write_market
from tests.cli.screens import golden
from tests.cli.terminal import on_terminal, uncoloured


def run(folder: Path, *args: object, width: int = 100, environment: dict[str, str] | None = None) -> tuple[str, str]:
    """Return what a run in *folder* shows on a terminal, and its stderr."""
    code, out, err = on_terminal(command("run", *args), folder, width, **(environment or {}))
    assert code == 0, err
    return out, err


def commands(out: str) -> list[str]:
    """Return the commands that a screen ends with."""
    lines = uncoloured(out).partition("\nNext\n")[2].splitlines()
    return [line.strip().partition("   ")[0] for line in lines if " -m mtf " in line]


def test_a_run_ends_with_its_screen(tmp_path: Path) -> None:
    """Each symbol's timeframes, the counts, and what can be typed next."""
    write_market(tmp_path / "market.csv")
    out, err = run(tmp_path, "market.csv", "--data", "run", *SETTINGS)
    read_as, *lines = uncoloured(out).splitlines()
    assert [line for line in err.splitlines() if " of 8 events came " not in line] == []
    assert read_as.startswith("read as: csv, quotes, ")
    assert lines[1] == "EURUSD  1.125  ▼ −10.00 % since 5m open     both at seq 8, 2024-03-06 10:03:05Z"
    assert lines[3] == "  1m                       ▅▄█│▁  = 0.000  ╌╌╌╌╌╌╌╌╌╌   8%  0:55   1.750  1.438"
    assert lines[4] == "  5m                          │▄  ▼ 0.125  ━━━━━━╌╌╌╌  61%  1:55    none    0/2"
    (events,) = [line for line in lines if " events in " in line]
    assert events.endswith("  2 rejected: closed 1, late 1")
    assert "  bars closed   1m 4   5m 0" in lines
    assert len(commands(out)) == 5


@pytest.mark.parametrize("width", [60, 100, 200])
def test_every_command_on_the_screen_can_be_typed(tmp_path: Path, width: int) -> None:
    """In the directory in which the run was; in directories and for symbols with odd names, too."""
    pytest.importorskip("uvicorn", reason="mtf serve is not suggested without it")
    text = write_market(tmp_path / "market.csv").read_text()
    (tmp_path / "market.csv").write_text(text.replace("EURUSD", "$(touch x) 'y").replace("GBPUSD", "GBP"))
    out, _ = run(tmp_path, "market.csv", "--data", "a b;c", *SETTINGS, width=width)
    printed = commands(out)
    assert [shlex.split(each)[3] for each in printed] == ["serve", "watch", "state", "bars", "replay"]
    with subprocess.Popen(
        f"exec {printed[0]} --port 0", cwd=tmp_path, shell=True, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        assert "serving a b;c on http://127.0.0.1:" in server.stderr.readline()
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    watch = subprocess.run(printed[1], cwd=tmp_path, shell=True, capture_output=True, text=True, check=True)
    assert "both at seq 8" in watch.stdout
    for each in printed[2:]:
        done = subprocess.run(each, cwd=tmp_path, shell=True, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), each
        assert done.stdout, each
    assert (
        "as of seq "
        in subprocess.run(printed[2], cwd=tmp_path, shell=True, capture_output=True, text=True, check=True).stdout
    )
    assert sorted(os.listdir(tmp_path)) == ["a b;c", "market.csv"]


def test_a_run_without_a_directory_names_the_command_that_keeps_it(tmp_path: Path) -> None:
    """It is the very command, into a directory that is not there yet; and it can be typed."""
    write_market(tmp_path / "market.csv")
    (tmp_path / "run").mkdir()
    out, _ = run(tmp_path, "market.csv", "--timeframes", "1m,5m", width=200)
    (printed,) = commands(out)
    assert shlex.split(printed)[3:] == [
        *("run", "market.csv", "--timeframes", "1m,5m", "--data", "run-2", "--indicators", "sma:20,rsi:14")
    ]  # fmt: skip
    assert os.listdir(tmp_path / "run") == []
    done = subprocess.run(printed, cwd=tmp_path, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json_of("state", tmp_path / "run-2", "--json")["seq"] == 8


def test_the_same_run_again_says_so_and_shows_the_same_screen(tmp_path: Path) -> None:
    """Nothing is new but the time it took."""
    write_market(tmp_path / "market.csv")
    args = ("market.csv", "--data", "run", "--make-room", *SETTINGS)
    first, _ = run(tmp_path, *args)
    again, err = run(tmp_path, *args)
    assert err.splitlines()[0] == "mtf: resumed run after seq 8: nothing new"
    assert uncoloured(again).replace("8 events, nothing new", "8 events in") == re.sub(
        r"8 events in [^)]*\)", "8 events in", uncoloured(first)
    )


def test_quiet_is_for_scripts(tmp_path: Path) -> None:
    """The lines of a pipe, on a terminal too, and no progress bar."""
    write_market(tmp_path / "market.csv")
    out, _ = run(tmp_path, "market.csv", "--quiet", *SETTINGS)
    piped = process("run", "market.csv", *SETTINGS, cwd=tmp_path).stdout

    def timeless(text: str) -> str:
        return re.sub(r", in .*", "", text)

    assert timeless(out) == timeless(piped)
    assert "digest" in piped
    assert "\x1b" not in out


def test_json_on_a_terminal_is_json(tmp_path: Path) -> None:
    """Whoever asks for it gets it, and no screen."""
    write_market(tmp_path / "market.csv")
    out, _ = run(tmp_path, "market.csv", "--json", *SETTINGS)
    assert orjson.loads(out)["events"] == 8


@pytest.mark.parametrize(
    ("environment", "ascii", "coloured"),
    [
        ({}, False, True),
        ({"NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"PYTHONIOENCODING": "ascii"}, True, True),
        ({"PYTHONIOENCODING": "latin-1"}, True, True),
    ],
)
def test_a_screen_has_what_the_terminal_can_show(
    tmp_path: Path, environment: dict[str, str], ascii: bool, coloured: bool
) -> None:
    """No colour if it is not wanted, letters if blocks cannot be written; a name is never an error."""
    text = write_market(tmp_path / "market.csv").read_text()
    (tmp_path / "market.csv").write_text(text.replace("GBPUSD", "平安"))
    out, _ = run(tmp_path, "market.csv", *SETTINGS, environment=environment)
    assert out.replace("平安", "").isascii() == ascii
    assert ("\x1b[38;5;" in out) == coloured
    assert ("last bars | now" in out) == ascii
    assert ("\\u5e73\\u5b89" in out) == (ascii and "TERM" not in environment)


def test_state_on_a_terminal_and_in_a_pipe_is_the_same_table(market: Path) -> None:
    """A pipe has no colour, and that is all."""
    code, out, err = on_terminal(command("state", market), market, 120)
    assert (code, err) == (0, "")
    assert uncoloured(out) == mtf("state", market).stdout
    assert "\x1b[" in out
    assert "\x1b" not in mtf("state", market).stdout


@pytest.mark.parametrize("width", [80, 100])
def test_state_is_drawn_so(market: Path, width: int) -> None:
    """At a moment, with what came later left out, and the whole of the forming bars."""
    _, out, _ = on_terminal(command("state", market, "--at", 5), market, width, NO_COLOR="1")
    assert uncoloured(out) == golden(f"state-{width}")


def test_make_room_goes_on_beside_another_source(tmp_path: Path) -> None:
    """`make run` on one file and then on another mixes nothing, and says which directory it took."""
    text = write_market(tmp_path / "market.csv").read_text()
    (tmp_path / "other.csv").write_text(text.replace("EURUSD", "AUDUSD"))
    room = ("--data", "run", "--make-room", *SETTINGS)
    run(tmp_path, "market.csv", *room)
    out, second = run(tmp_path, "other.csv", *room, width=200)
    assert second.splitlines()[0] == "mtf: run has another source (market.csv): this run goes to run-2"
    assert all(" run-2/" in each for each in commands(out))
    _, again = run(tmp_path, "other.csv", *room)
    assert again.splitlines()[:2] == [
        "mtf: run has another source (market.csv): this run goes to run-2",
        "mtf: resumed run-2 after seq 8: nothing new",
    ]
    assert json_of("inspect", tmp_path / "run", "--json")["log"]["symbols"] == ["EURUSD", "GBPUSD"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_run_keeps_what_it_makes() -> None:
    """Its recipe runs with the directory, with room made, and with values to look at."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "Makefile").exists():
        pytest.skip("no Makefile beside the tests")
    done = subprocess.run(
        ["make", "--dry-run", "run", "FILE=a b.csv", "ARGS=", f"PYTHON={sys.executable}"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if "/mtf run" in line]
    assert shlex.split(line)[1:] == [
        *("run", "a b.csv", "--data", "run", "--make-room", "--indicators", "sma:20,rsi:14")
    ]  # fmt: skip
