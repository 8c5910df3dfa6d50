"""`mtf watch`: the screen, its keys, and the terminal it leaves behind."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

import mtf as library
from mtf.cli.terminal import ASCII, Look
from mtf.cli.watch_choice import WatchChoice, found
from mtf.cli.watch_screen import frame_of, watch_lines
from mtf.cli.watched import Watched
from mtf.data.moments import Moment
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
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


def stepped(watched: Watched, choice: WatchChoice, *keys: str) -> None:
    """Press *keys*, and take the steps that they ask for, as the screen does."""
    for key in keys:
        choice.press(key, watched.symbols(), watched.timeframes)
        while choice.steps:
            step = choice.steps.pop(0)
            timeframe = watched.timeframe_names[choice.rank] if step.bar else None
            assert choice.symbol is not None
            watched.step(choice.symbol, step.direction, timeframe)


def seen(snapshot: Snapshot) -> list[object]:
    """Return what a screen can show of *snapshot*: of all bars that are kept, only the newest."""
    states = [(str(each.partial), str(each.live), str(each.completed), list(each.bars[-20:])) for each in snapshot]
    return [snapshot.seq, snapshot.time_ns, snapshot.counts, *states]


@pytest.mark.parametrize("symbol", NAMES)
def test_steps_lead_from_tick_to_tick_of_the_symbol(watched_run: Path, symbol: str) -> None:
    """Each state is that of the log at that event, as `mtf state` has it, and nothing later is in it."""
    with library.open(watched_run) as reader:
        seqs = [logged.seq for logged in reader.ticks(symbol)]
        with Watched(watched_run) as watched:
            choice = WatchChoice()
            choice.shown(watched.symbols())
            choice.symbol = symbol
            newest = watched.newest_seq
            before = [seq for seq in seqs if seq < newest]
            for k in (1, 2, 3):
                stepped(watched, choice, "left")
                assert (watched.seq, watched.is_live) == (before[-k], False)
                assert seen(watched.snapshot(symbol)) == seen(reader.state(symbol, at=Moment(seq=before[-k])))
            stepped(watched, choice, "right")
            assert watched.seq == before[-2]
            stepped(watched, choice, "right", "right", "right", "right")
            assert (watched.seq, watched.is_live) == (newest, True)


@pytest.mark.parametrize(("key", "timeframe"), [("1", "1m"), ("2", "5m"), ("4", "1h")])
def test_steps_lead_from_close_to_close_of_a_timeframe(watched_run: Path, key: str, timeframe: str) -> None:
    """To the event that completes its next bar: there the bar is the newest one, and not an event earlier."""
    with Watched(watched_run) as watched, library.open(watched_run) as reader:
        choice = WatchChoice()
        choice.shown(watched.symbols())
        bars = list(reader.bars(NAMES[0], timeframe))
        stepped(watched, choice, key, "shift left", "shift left", "<")
        newest = watched.snapshot(NAMES[0])[timeframe].bars[-1]
        assert newest in bars[-4:-1]
        earlier = reader.state(NAMES[0], at=Moment(seq=watched.seq - 1))
        assert earlier[timeframe].bars[-1] != newest
        place = bars.index(newest)
        stepped(watched, choice, "shift right")
        assert watched.snapshot(NAMES[0])[timeframe].bars[-1] == bars[place + 1]
        stepped(watched, choice, ">", ">", ">", ">")
        assert watched.is_live


def test_nothing_of_what_comes_later_is_in_the_past(tmp_path: Path) -> None:
    """No symbol that has not come yet, and no event that is logged meanwhile; L leads back to the present."""
    directory, look, choice = tmp_path / "run", Look(width=100, height=30), WatchChoice()
    write(directory, market(["EURUSD"], 50))
    write(directory, [Tick("LATE", START + 5000 * SECOND_NS + k, 1.0, 1.1) for k in range(3)])
    with Watched(directory, clock=lambda: 0.0) as watched:
        choice.shown(watched.symbols())
        assert watched.symbols() == ["EURUSD", "LATE"]
        stepped(watched, choice, "left", "left")
        assert watched.symbols() == ["EURUSD"]
        text = drawn(watch_lines(frame_of(watched, choice, "run/", look), look))
        assert f"◀ past   seq {watched.seq:,}" in text
        assert f"{watched.newest_seq - watched.seq:,} later events" in text
        assert "LATE" not in text
        assert "L live" in text
        busy = attrs.evolve(frame_of(watched, choice, "run/", look), busy=True)
        assert "◀ reading the log" in drawn(watch_lines(busy, look))
        seq = watched.seq
        write(directory, [Tick("LATE", START + 6000 * SECOND_NS, 1.0, 1.1)])
        while watched.take(1.0):
            pass
        assert watched.seq == seq
        stepped(watched, choice, "L")
        assert (watched.is_live, watched.seq) == (True, watched.newest_seq)


def test_before_the_first_tick_there_is_nothing_to_step_to(tmp_path: Path) -> None:
    directory, choice = tmp_path / "run", WatchChoice()
    write(directory, market(["EURUSD"], 3))
    with Watched(directory) as watched:
        choice.shown(watched.symbols())
        stepped(watched, choice, *["left"] * 9)
        first = watched.seq
        stepped(watched, choice, "left", "shift left")
        assert watched.seq == first
        assert watched.snapshot("EURUSD").counts.ticks == 1


def test_letters_of_a_search_are_no_steps(watched_run: Path) -> None:
    """An L that is typed into it belongs to the name."""
    choice = WatchChoice()
    for key in ("/", "L", "l", "<", "left"):
        choice.press(key, NAMES, 6)
    assert choice.steps == []
    assert choice.query == "Ll<"


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
        at = session.see("1-6 candles", at)
        session.press("\x1b[D")
        at = session.see("◀ past", at)
        session.press("L")
        session.see("all six at seq", at)
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
