"""The last screen of `mtf run` as it is seen: golden texts, and what holds for every one of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
import pytest
from rich.text import Text

from mtf.cli.screen import NotSaved, Saved
from mtf.cli.terminal import ASCII, BLOCKS, COLOURS, COLOURS_16, Colours, Glyphs, Look
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.summary import Summary
from tests.builders import at
from tests.cli.screens import START, drawn, golden, look, market, run_of, screen

EURUSD = run_of(market(["EURUSD"], 5000))
THREE = run_of(market(["EURUSD", "GBPUSD", "USDJPY"], 400), indicators="rsi:14")
WARMING = run_of(market(["EURUSD"], 9), indicators="sma:20,sma:10@rsi:14,vwap")
NO_BARS = run_of([Tick("EURUSD", START, 1.5), Tick("EURUSD", START + 1, 1.5)])


@pytest.mark.parametrize(
    ("name", "run", "shown"),
    [
        ("run-80", EURUSD, look(80)),
        ("run-100", EURUSD, look(100)),
        ("run-120", EURUSD, look(120)),
        ("run-60-ascii", EURUSD, look(60, ascii=True)),
        ("run-100-ascii", EURUSD, look(100, ascii=True)),
        ("run-40", EURUSD, look(40)),
        ("three-80", THREE, look(80)),
        ("three-120", THREE, look(120)),
        ("warming-100", WARMING, look(100)),
        ("no-bars-80", NO_BARS, look(80)),
    ],
)
def test_screen_is_drawn_so(name: str, run: tuple[Kernel, Summary], shown: Look) -> None:
    """To the last character: that is what somebody sees who has just installed mtf."""
    assert drawn(screen(*run, shown)) == golden(name)


@pytest.mark.parametrize(
    ("name", "colours", "palette"),
    [("run-80-colour-256", "256", COLOURS), ("run-80-colour-16", "standard", COLOURS_16)],
)
def test_screen_is_coloured_so(name: str, colours: Literal["256", "standard"], palette: Colours) -> None:
    """Price has colour, what was rejected has, all else is the terminal's own; the text is the same."""
    shown = attrs.evolve(look(80), colours=palette)
    engine, summary = EURUSD
    summary = attrs.evolve(summary, rejected={"late": 41, "closed": 56, "price": 18})
    text = drawn(screen(engine, summary, shown), colours)
    assert text == golden(name)
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == drawn(screen(engine, summary, look(80)))


def test_of_five_thousand_symbols_three_are_shown() -> None:
    """Those with the most ticks, and how many others there are; the command asks for one of them only."""
    symbols = [f"S{number:04d}" for number in range(5000)]
    ticks = [Tick(symbol, START + k, 1.0 + k / 1e4, 1.1 + k / 1e4) for k, symbol in enumerate(symbols)]
    for k in range(3):
        ticks += [Tick(symbols[-k - 1], START + 10_000 + each, 2.0, 2.5) for each in range(3 + k)]
    lines = drawn(screen(*run_of(ticks, indicators=None), look(100))).splitlines()
    headings = [line.split()[0] for line in lines if " at seq " in line]
    assert headings == ["S4997", "S4998", "S4999"]
    assert "  and 4,997 more symbols: these have the most ticks" in lines
    assert len(lines) < 50
    assert any(line.startswith("  mtf state run/ --symbol S4997 --at ") for line in lines)


def test_counts_say_what_was_rejected_and_why() -> None:
    """The most frequent reason first; a line that is too long goes on in the next."""
    engine, summary = EURUSD
    summary = attrs.evolve(
        summary, rejected={"late": 41, "closed": 12_056, "price": 18}, crossed=3, locked=1, clocks=2000
    )
    wide, narrow = (drawn(screen(engine, summary, look(width))).splitlines() for width in (100, 60))
    assert "  5,000 events in 1.31 s (3,817/s)  12,115 rejected: closed 12,056, late 41, price 18" in wide
    assert narrow[narrow.index("  5,000 events in 1.31 s (3,817/s)") + 1] == (
        "  12,115 rejected: closed 12,056, late 41, price 18"
    )
    assert "  with          3 crossed quotes   1 locked quotes   2,000 clock events" in wide


@pytest.mark.parametrize(
    ("new_events", "seconds", "text"),
    [
        (5000, 0.0123, "5,000 events in 12.3 ms (406,504/s)"),
        (1000, 2.0, "5,000 events, 1,000 of them new in 2.00 s (500/s)"),
        (0, 0.001, "5,000 events, nothing new"),
        (5000, 0.0, "5,000 events "),
    ],
)
def test_a_run_that_went_on_says_what_was_new(new_events: int, seconds: float, text: str) -> None:
    """Counts are those of the whole log, the time is that of this run."""
    engine, summary = EURUSD
    summary = attrs.evolve(summary, new_events=new_events, seconds=seconds)
    assert f"  {text}" in drawn(screen(engine, summary, look(100)))


ODD = {
    "cjk": "平安银行",
    "long": "A" * 200,
    "wide and long": "银" * 60,
    "markup": "[red]:smile:[/red]",
    "shell": "$(touch x) `y` 'z' \"w\"; #",
    "option": "-rf",
    "combining": "e\u0301" * 10,
}


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 120, 200])
@pytest.mark.parametrize("name", ODD)
def test_a_screen_fits_and_a_terminal_gets_nothing_but_text(name: str, width: int) -> None:
    """Whatever a file calls its symbol: a stranger's file must not move the cursor, and columns stay in line."""
    engine, summary = run_of(market([ODD[name]], 30))
    for shown in (look(width), look(width, ascii=True)):
        lines = screen(engine, summary, shown)
        commands = [line for line in lines if line.plain.startswith("  mtf ")]
        assert all(line.plain.isprintable() for line in lines)
        assert max(line.cell_len for line in lines if line not in commands) <= width
        rows = [line for line in lines if shown.glyphs.split in line.plain][1:]
        assert len(rows) == 6
        assert len({Text(line.plain.partition(shown.glyphs.split)[0]).cell_len for line in rows}) == 1
        assert set("".join(line.plain for line in rows)) <= ALLOWED | set(
            "".join(map("".join, attrs.astuple(shown.glyphs)))
        )


ALLOWED = set("0123456789.,/%:+ dhmone")


def test_what_a_shell_cannot_be_given_is_in_no_command() -> None:
    """A command that is printed is one that can be typed."""
    engine, summary = EURUSD
    hidden = Saved(program="mtf", directory=Path("a\x1bb"))
    assert "Next" not in drawn(screen(engine, summary, look(100), hidden))
    assert "Next" not in drawn(screen(engine, summary, look(100), NotSaved(again=None, directory=Path("run"))))


def test_a_run_that_is_not_kept_says_how_it_would_be() -> None:
    """With the very command, and the directory."""
    then = NotSaved(again="mtf run eurusd.csv --data run-2", directory=Path("run-2"))
    lines = drawn(screen(*EURUSD, look(100), then)).splitlines()
    assert lines[-2:] == ["Next", "  mtf run eurusd.csv --data run-2   keep it in run-2/, to look into it afterwards"]


def test_a_run_without_events_has_no_command_to_look_into_it() -> None:
    """There is nothing to see, and nothing is invented."""
    lines = drawn(screen(*run_of([]), look(80))).splitlines()
    assert lines[1] == "  0 events  none rejected"
    assert "Next" not in lines


def test_time_of_the_next_command_is_in_the_data() -> None:
    """In the middle, at the end of a bar: also if the bars in memory do not reach that far back."""
    for count in (2, 30, 5000):
        ticks = market(["EURUSD"], count)
        engine, summary = run_of(ticks, history=10)
        text = drawn(screen(engine, summary, look(100)))
        (time,) = re.findall(r"--at (\d{4}-\d\d-\d\d)T(\d\d:\d\d)Z", text)
        at_ns = at(" ".join(time))
        assert ticks[0].ts_ns < at_ns <= ticks[-1].ts_ns
        if count > 2:
            share = (at_ns - ticks[0].ts_ns) / (ticks[-1].ts_ns - ticks[0].ts_ns)
            assert 0.25 < share < 0.75


@pytest.mark.parametrize("glyphs", [BLOCKS, ASCII])
def test_levels_are_in_order_and_each_one_cell(glyphs: Glyphs) -> None:
    """A sparkline has a column a bar."""
    levels = glyphs.levels
    assert len(levels) == len(set(levels)) == 8
    assert Text(levels).cell_len == 8


def contrast(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the contrast of two colours, as WCAG 2 has it."""

    def luminance(colour: Sequence[int]) -> float:
        parts = [part / 255.0 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return math.fsum((0.2126 * linear[0], 0.7152 * linear[1], 0.0722 * linear[2]))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["up", "down", "past", "warn"])
@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (18, 21, 25)])
def test_colours_can_be_read_on_dark_and_on_light(name: str, ground: tuple[int, int, int]) -> None:
    """A terminal does not say which it has."""
    colour = getattr(COLOURS, name).color
    assert contrast(colour.get_truecolor(), ground) >= 3.4
