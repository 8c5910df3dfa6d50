"""`mtf watch`: the screen, its keys, and the terminal it leaves behind."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mtf.cli.terminal import ASCII, Look
from mtf.cli.watch_choice import WatchChoice, found
from mtf.cli.watch_screen import frame_of, watch_lines
from mtf.cli.watched import Watched
from mtf.events.tick import Tick
from mtf.pipeline import Pipeline
from tests.cli.builders import command, mtf
from tests.cli.screens import SECOND_NS, START, drawn, golden, market
from tests.cli.terminal import Session

NAMES = ["EURUSD", "GBPUSD", "USDJPY"]
TICKS = market(NAMES, 400)
LATER = market(NAMES, 410)[len(TICKS) :]
ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
SHOWN = "\x1b[?25h"  # the cursor


def write(directory: Path, ticks: Sequence[Tick]) -> int:
    """Append *ticks* to the log of a directory; return the last seq."""

    async def push() -> int:
        seq = 0
        async with Pipeline(data=directory, calendar="crypto", indicators=["sma:20", "rsi:14"]) as pipeline:
            for tick in ticks:
                seq = await pipeline.push(tick)
            await pipeline.applied(seq)
        return seq

    return asyncio.run(push())


@pytest.fixture(scope="module")
def watched_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that no test changes."""
    directory = tmp_path_factory.mktemp("watch") / "run"
    write(directory, TICKS)
    return directory


def screen(directory: Path, look: Look, keys: Sequence[str] = ()) -> str:
    """Return the screen after some keys, without its end of empty lines."""
    choice = WatchChoice()
    with Watched(directory, clock=lambda: 0.0) as watched:
        choice.shown(watched.symbols())
        for key in keys:
            choice.press(key, watched.symbols(), watched.timeframes)
        lines = watch_lines(frame_of(watched, choice, "run/", look), look)
    assert len(lines) == look.height
    assert max(line.cell_len for line in lines) <= look.width
    return drawn(lines)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("watch-80", Look(width=80, height=24)),
        ("watch-100", Look(width=100, height=30)),
        ("watch-140", Look(width=140, height=40)),
        ("watch-80-ascii", Look(width=80, height=24, glyphs=ASCII, coloured=False)),
    ],
)
def test_the_screen_is_drawn_so(watched_run: Path, name: str, look: Look) -> None:
    """The symbols, and the timeframes of the selected one beneath, or beside on a wide terminal."""
    text = screen(watched_run, look)
    assert text == golden(name)


@pytest.mark.parametrize("width", [20, 60, 79, 80, 129, 130, 200])
@pytest.mark.parametrize("height", [3, 15, 16, 24, 30, 31, 60])
def test_a_screen_has_any_size(watched_run: Path, width: int, height: int) -> None:
    """Nothing is wider or higher than the terminal; one that is too small gets a line that says what it takes."""
    text = screen(watched_run, Look(width=width, height=height))
    assert ("mtf watch needs" in text) == (width < 60 or height < 16)


def test_keys_select_symbol_and_timeframe(watched_run: Path) -> None:
    look = Look(width=100, height=30)
    down = screen(watched_run, look, ["down"])
    assert "▸  GBPUSD" in down
    assert "\n GBPUSD  " in down
    assert screen(watched_run, look, ["down", "down", "down", "up"]) == down
    assert screen(watched_run, look, ["end", "page up"]) == screen(watched_run, look)
    assert "\n 1h\n" in screen(watched_run, look, ["4"])
    assert screen(watched_run, look, ["9"]) == screen(watched_run, look)


def test_find_shows_what_matches(watched_run: Path) -> None:
    """While it is typed, and afterwards until esc; a letter of it is not a command."""
    look = Look(width=80, height=24)
    typed = screen(watched_run, look, ["/", "j", "p", "q", "backspace"])
    assert "▸  USDJPY" in typed
    assert "EURUSD" not in typed
    assert "find: jp_   1 of 3" in typed
    kept = screen(watched_run, look, ["/", "j", "p", "enter"])
    assert "1 of 3 match jp" in kept
    assert "▸  USDJPY" in screen(watched_run, look, ["/", "j", "p", "enter", "esc"])
    assert "EURUSD" in screen(watched_run, look, ["/", "j", "p", "esc"])
    assert "no symbol matches" in screen(watched_run, look, ["/", "x", "x"])


def test_find_takes_beginnings_first() -> None:
    assert found(["AUDUSD", "USDJPY", "EURUSD", "GBPJPY"], "usd") == ["USDJPY", "AUDUSD", "EURUSD"]
    assert found(["AUDUSD"], "") == ["AUDUSD"]


def test_the_selected_symbol_is_in_sight(tmp_path: Path) -> None:
    """Of more symbols than there is room for."""
    names = [f"S{k:02}" for k in range(40)]
    write(tmp_path / "run", market(names, 2))
    look = Look(width=80, height=24)
    assert "   1 to 10 of 40" in screen(tmp_path / "run", look)
    assert "▸  S23" in screen(tmp_path / "run", look, ["down"] * 23)
    end = screen(tmp_path / "run", look, ["end"])
    assert "▸  S39" in end
    assert "   31 to 40 of 40" in end


def test_a_frame_is_at_one_seq_however_the_log_grows(tmp_path: Path) -> None:
    """What comes is seen once it is taken in, by everything on the screen at once."""
    directory, look, choice = tmp_path / "run", Look(width=80, height=24), WatchChoice()
    first = write(directory, TICKS)
    now = [100.0]
    with Watched(directory, clock=lambda: now[0]) as watched:
        before = drawn(watch_lines(frame_of(watched, choice, "run/", look), look))
        assert f"all six at seq {first:,}" in before
        second = write(directory, LATER)
        assert second == first + len(LATER)
        assert drawn(watch_lines(frame_of(watched, choice, "run/", look), look)) == before
        now[0] += 2.0
        while watched.take(1.0):
            pass
        frame = frame_of(watched, choice, "run/", look)
        assert {each.matrix.seq for each in frame.listed} == {frame.seq} == {second}
        after = drawn(watch_lines(frame, look))
        assert f"all six at seq {second:,}" in after
        assert f"● live   seq {second:,}" in after
        assert f"{len(LATER) / 2:.0f} events/s" in after
        now[0] += 6.0
        assert "○ waiting" in drawn(watch_lines(frame_of(watched, choice, "run/", look), look))


def test_rejected_events_are_counted_while_they_are_watched(tmp_path: Path) -> None:
    """A symbol whose events are being rejected has a mark of its own."""
    directory, look, choice = tmp_path / "run", Look(width=80, height=24), WatchChoice()
    write(directory, TICKS)
    with Watched(directory) as watched:
        assert "none rejected" in drawn(watch_lines(frame_of(watched, choice, "run/", look), look))
        write(directory, [TICKS[0], TICKS[3]])  # late by now
        while watched.take(1.0):
            pass
        text = drawn(watch_lines(frame_of(watched, choice, "run/", look), look))
    assert "△ rejects " in text
    assert " rejected: late " in text


def test_a_directory_without_events_waits(tmp_path: Path) -> None:
    write(tmp_path / "run", [])
    assert "no event yet" in screen(tmp_path / "run", Look(width=80, height=24))


def test_without_a_terminal_there_is_one_frame(watched_run: Path) -> None:
    """A pipe gets what a screen would show, and a line on stderr says that this is all."""
    result = mtf("watch", watched_run)
    assert result.exit_code == 0
    assert "all six at seq" in result.stdout
    assert "\x1b" not in result.stdout
    assert "stdout is not a terminal" in result.stderr
    assert mtf("watch", watched_run.parent / "nothing").exit_code == 2


def test_the_screen_is_live_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    """Another process writes, keys are heard, and `q` gives the shell its screen, cursor and modes back."""
    directory = tmp_path / "run"
    first = write(directory, TICKS)
    with Session(command("watch", directory), tmp_path, 80, 24) as session:
        at = session.see(f"all six at seq {first:,}")
        second = write(directory, LATER)
        at = session.see(f"all six at seq {second:,}", at)
        session.press("\x1b[B")
        at = session.see("▸  GBPUSD", at)
        session.press("/usdj\r")
        at = session.see("1 of 3 match usdj", at)
        session.resize(140, 40)
        session.see("1-6 candles", at)
        session.press("q")
        code, err, modes = session.end()
        assert (code, err) == (0, "")
        assert modes == session.modes_before
        assert session.written.startswith(ENTERED)
        assert session.written.endswith(f"{SHOWN}{LEFT}")


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_leave_the_terminal_as_it_was(watched_run: Path, number: int, expected: int) -> None:
    with Session(command("watch", watched_run), watched_run, 80, 24) as session:
        session.see("q quit")
        session.process.send_signal(number)
        code, err, modes = session.end()
        assert (code, err) == (expected, "")
        assert modes == session.modes_before
        assert session.written.endswith(LEFT)


FAILS = """
import sys
from mtf.cli import main
from mtf.cli.watched import Watched
from mtf.errors import CorruptLog

def take(self, budget_s):
    raise CorruptLog("the log is damaged at seq 7")

Watched.take = take
main()
"""


def test_an_error_is_one_line_on_the_shells_screen(watched_run: Path) -> None:
    """It is printed once the screen is gone, or nobody could read it; and the terminal is as it was."""
    with Session([sys.executable, "-c", FAILS, "watch", str(watched_run)], watched_run, 80, 24) as session:
        code, err, modes = session.end()
        assert (code, err) == (1, "mtf: the log is damaged at seq 7\n")
        assert modes == session.modes_before
        assert session.written.startswith(ENTERED)
        assert session.written.endswith(f"{SHOWN}{LEFT}")


@pytest.mark.parametrize("width", [60, 80, 100, 130, 140])
def test_no_number_of_the_list_is_cut(tmp_path: Path, width: int) -> None:
    """Columns go, one by one, before a figure does."""
    long = "A_LONG_NAME_OF_A_SYMBOL"
    ticks = [Tick(long, START + k * SECOND_NS, 123_456.125 + k, 123_456.625 + k) for k in range(90)]
    write(tmp_path / "run", ticks)
    write(tmp_path / "run", [ticks[0]])
    text = screen(tmp_path / "run", Look(width=width, height=30))
    (line,) = [line for line in text.splitlines() if "▸" in line]
    assert "  123,545.38  " in line
    assert "●" in line.split("│ ")[0]
