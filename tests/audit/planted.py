"""Consumers for audits: planted ones, each with one mistake, and honest ones that look suspicious."""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any, ClassVar

import mtf

DIRECTORY = "MTF_TEST_AUDIT"  # the variable that names the directory under audit
FILE = "MTF_TEST_AUDIT_FILE"  # and a file outside of it


class Peeks(mtf.Consumer):
    """Reads the next bar out of the history of the very run that it is shown."""

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> Any:
        if bar.timeframe != "1m":
            return None
        with mtf.open(os.environ[DIRECTORY]) as data:
            later = [each.close for each in data.bars(bar.symbol, "1m", start=bar.end_ns)]
        return later[0] > bar.close if later else None


class Centered(mtf.Consumer):
    """Smooths each row of a block with its neighbours on both sides."""

    def __init__(self) -> None:
        self.smooth: list[float] = []

    def on_frame(self, frame: mtf.Frame) -> None:
        closes = [float(value) for value in frame.columns[0].close]
        for k in range(len(closes)):
            window = closes[max(0, k - 1) : k + 2]
            self.smooth.append(sum(window) / len(window))


class Remembers(mtf.Consumer):
    """Keeps what it has seen for the next run: honest in the first one only."""

    highs: ClassVar[dict[int, float]] = {}

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> Any:
        known = self.highs.get(bar.end_ns)
        self.highs[bar.start_ns] = bar.high
        return known


class Repaints(mtf.Consumer):
    """Labels a tick once it knows what came twenty ticks later: each output is honest when it comes."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.labels.append("?")
        if len(self.labels) > 20:
            self.labels[-20] = "up"


class Guesses(mtf.Consumer):
    """Throws dice."""

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> float:
        return random.random()


class Numbers(mtf.Consumer):
    """Counts all that were ever made, in every run."""

    numbers: ClassVar[Any] = itertools.count()

    def __init__(self) -> None:
        self.order = 0

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.order = next(self.numbers)


class Forgets(mtf.Consumer):
    """Saves one of its two counts."""

    def __init__(self) -> None:
        self.bars = 0
        self.ticks = 0

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.bars += 1

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.ticks += 1

    def save(self) -> bytes:
        return json.dumps(self.bars).encode()

    def load(self, state: bytes) -> None:
        self.bars = json.loads(state)


class Crosses(mtf.Consumer):
    """Honest: a position from an average, saved and loaded whole; the list of signals need not be."""

    def __init__(self) -> None:
        self.position = 0
        self.signals: list[tuple[int, int]] = []
        self._closes: list[float] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if bar.timeframe != "1m":
            return
        self._closes = [*self._closes[-4:], bar.close]
        position = 1 if bar.close > sum(self._closes) / len(self._closes) else -1
        if position != self.position:
            self.position = position
            self.signals.append((bar.end_ns, position))

    def save(self) -> bytes:
        return json.dumps([self.position, self._closes]).encode()

    def load(self, state: bytes) -> None:
        self.position, self._closes = json.loads(state)


class Waits(mtf.Consumer):
    """Honest: async callbacks, an async save, and live values of ticks that are still in partial bars."""

    def __init__(self) -> None:
        self._highest = 0.0

    async def on_tick(self, tick: mtf.Tick, view: mtf.View) -> Any:
        partial = view["5m"].partial
        assert partial is not None
        self._highest = max(self._highest, partial.high)
        return (view.seq, self._highest, partial.progress)

    async def save(self) -> bytes:
        return self._highest.hex().encode()

    async def load(self, state: bytes) -> None:
        self._highest = float.fromhex(state.decode())


class Sums(mtf.Consumer):
    """Honest: whole blocks, each row from the rows before it; sets, whose order says nothing; a file of its own."""

    def __init__(self) -> None:
        self.sums: list[float] = []
        self.symbols: set[str] = set()
        self._sum = 0.0

    def on_frame(self, frame: mtf.Frame) -> None:
        for value in frame.columns[0].close:
            self._sum += value if value == value else 0.0
            self.sums.append(self._sum)

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.symbols.add(tick.symbol)

    def save(self) -> bytes:
        return json.dumps([self._sum, sorted(self.symbols)]).encode()

    def load(self, state: bytes) -> None:
        self._sum, symbols = json.loads(state)
        self.symbols = set(symbols)


class Silent(mtf.Consumer):
    """Does nothing that can be seen."""

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        """See the docstring of the class."""


class ReadsElsewhere(mtf.Consumer):
    """Opens a file that has nothing to do with the log."""

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> int:
        return len(Path(os.environ[FILE]).read_text(encoding="utf-8"))
