"""Screens as texts: what would be seen on a terminal of some width, and the golden ones beside this file."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import attrs
from rich.console import Console
from rich.text import Text

from mtf.bars.bar import PartialBar
from mtf.cli.screen import NotSaved, Saved, most_ticks, screen_lines
from mtf.cli.terminal import ASCII, Look
from mtf.config import Config
from mtf.events.block import Block
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.matrix import Change, IndicatorReading, Matrix, Row
from mtf.summary import Summary
from mtf.timeframe import Timeframe
from tests.builders import at, blocks

FOLDER: Final = Path(__file__).parent / "goldens"
KEPT: Final = Saved(program="mtf", directory=Path("run"))
DIGEST: Final = "2e95dda07def2880b96952c0f824871e"
START: Final = at("2024-03-01 00:00")
SECOND_NS: Final = 1_000_000_000


def golden(name: str) -> str:
    """Return the text of a golden screen."""
    return (FOLDER / f"{name}.txt").read_text()


def drawn(lines: Sequence[Text], colours: Literal["256", "standard"] | None = None) -> str:
    """Return *lines* as a terminal gets them, without trailing spaces; with *colours* as rich calls their number."""
    console = Console(
        width=1000, force_terminal=colours is not None, color_system=colours, no_color=False, highlight=False,
        markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    with console.capture() as capture:
        for line in lines:
            console.print(line)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def look(width: int, *, ascii: bool = False) -> Look:
    """Return how a terminal of this width is drawn on."""
    return Look(width=width, glyphs=ASCII) if ascii else Look(width=width)


def market(symbols: Sequence[str], count: int, *, step_s: int = 97, base: int = 138_000) -> list[Tick]:
    """Return *count* quotes of each symbol, a simulated market that never changes; the first has most."""
    made: list[Tick] = []
    moves = 7
    for k in range(count):
        for number, symbol in enumerate(symbols):
            if number and k % 40 == number:
                continue
            moves = (moves * 1_103_515_245 + 12_345) % 2_147_483_648
            points = base + k % 600 + (moves >> 16) % 300 + 1000 * number
            ts_ns = START + (k * step_s + number) * SECOND_NS
            made.append(Tick(symbol, ts_ns, points / 1e5, (points + 11) / 1e5, 1.0, 2.0))
    return made


def run_of(ticks: Sequence[Tick], **settings: object) -> tuple[Kernel, Summary]:
    """Return the engine and the summary of a run of *ticks* that took 1.31 s."""
    made: dict[str, object] = {"calendar": "crypto", "indicators": "sma:20,rsi:14"} | settings
    engine = Kernel(Config.make(**made))  # type: ignore[arg-type]
    given = {name: "".join("?" if each < " " else each for each in name) for name in {t.symbol for t in ticks}}
    for block in blocks([_called(given[tick.symbol], tick) for tick in ticks]):
        heap = block.heap
        for name, taken in given.items():  # as a log of before has them: no name with control characters comes in now
            heap = heap.replace(taken.encode(), name.encode())
        engine.step(Block(block.first_seq, block.count, block.rows, heap))
    summary = Summary.of(engine, 0, seconds=1.31, new_events=engine.joiner.seq)
    return engine, attrs.evolve(summary, digest=DIGEST)


def _called(name: str, tick: Tick) -> Tick:
    return Tick(name, tick.ts_ns, tick.bid, tick.ask, tick.bid_size, tick.ask_size)


def screen(engine: Kernel, summary: Summary, shown: Look, then: Saved | NotSaved = KEPT) -> list[Text]:
    """Return the last screen of that run."""
    snapshots = [engine.snapshot(engine.number_of(name), True) for name in most_ticks(summary)]
    return screen_lines(summary, snapshots, then, shown)


def row(
    timeframe: str, closes: Sequence[float], forming: tuple[float, float] | None, *readings: IndicatorReading
) -> Row:
    """Return a row with a bar that forms from the first of *forming* to the second, a quarter of its time over."""
    partial = None
    length_ns = Timeframe(timeframe).length_ns
    if forming is not None:
        partial = PartialBar(
            symbol="X", timeframe=Timeframe(timeframe), start_ns=START, end_ns=START + length_ns, open=forming[0],
            high=max(forming), low=min(forming), close=forming[1], time_ns=START + length_ns // 4, volume=3.0, ticks=2,
            trading_day=datetime.date(2024, 3, 1),
        )  # fmt: skip
    return Row(timeframe=timeframe, closes=tuple(closes), partial=partial, readings=readings)


def matrix(rows: Sequence[Row], *, symbol: str = "X", decimals: int = 2, change: Change | None = None) -> Matrix:
    """Return a matrix of these rows, at seq 1,234."""
    forming = [each.partial.close for each in rows if each.partial is not None]
    return Matrix(
        symbol=symbol, seq=1234, time_ns=START, last=forming[0] if forming else None, change=change, decimals=decimals,
        rows=tuple(rows),
    )  # fmt: skip
