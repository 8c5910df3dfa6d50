"""A few events through the engine, or through the model, and the bars that were delivered, each as a line.

ran = run("10:00@1.25 10:00:30@1.5 10:01@1.75")
ran.lines                 ["1m 10:00 1.25 1.5 1.25 1.5 v0 n2 first"]
ran.partial("1m")         "1m 10:01 1.75 1.75 1.75 1.75 v0 n1"

A line is timeframe, start (with its date where that is not the day of the test), open, high, low, close, volume, ticks,
length where it is not the nominal one, flags and gap. More than one symbol puts its name in front.
"""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import mtf
from mtf.bars.bar import Bar, PartialBar
from mtf.frames.snapshot import Snapshot
from mtf.kernel import Kernel
from mtf.timeframe import Timeframe
from tests.builders import NEW_YORK, Input, blocks, inputs
from tests.engine.follower import counted, model_of
from tests.model.judge import LATE_OK, OK
from tests.model.model import Model, replay

__all__ = [
    "DAY",
    "NEW_YORK",
    "SUBJECTS",
    "EngineRan",
    "Ran",
    "Run",
    "RunEvents",
    "line",
    "run",
    "run_events",
    "runner_of",
]

DAY: Final = "2024-03-06"

# What is counted and rejects nothing.
_KEPT: Final = frozenset((OK, LATE_OK, "crossed", "locked", "bad_sides", "id_reused"))

_UNITS: Final = (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ns", 1))
_FLAGS: Final = ("first", "last", "incomplete", "off_session", "filled", "from_bars")


class Ran(ABC):
    """What a run delivered, in order, and what it left."""

    def __init__(self, day: str, zone: str) -> None:
        self.bars: list[Bar] = []
        self.seqs: list[int] = []  # of the events that revealed them
        self._day: Final = day
        self._zone: Final = zone

    @property
    def lines(self) -> list[str]:
        """The bars, each as a line."""
        named = len(self.symbols) > 1
        return [line(bar, self._day, self._zone, named=named) for bar in self.bars]

    def only(self, timeframe: str, symbol: str = "") -> list[str]:
        """Return the lines of one timeframe."""
        return [
            line(bar, self._day, self._zone)
            for bar in self.bars
            if bar.timeframe.name == timeframe and symbol in ("", bar.symbol)
        ]

    def partial(self, timeframe: str, symbol: str = "EURUSD") -> str | None:
        """Return the bar that forms as a line."""
        bar = self.forming(timeframe, symbol)
        return None if bar is None else line(bar, self._day, self._zone)

    def rejected(self, symbol: str = "EURUSD") -> dict[str, int]:
        return {word: number for word, number in self.counts(symbol).items() if word not in _KEPT}

    @property
    @abstractmethod
    def symbols(self) -> list[str]:
        """The symbols, in order of appearance."""

    @abstractmethod
    def forming(self, timeframe: str, symbol: str = "EURUSD") -> PartialBar | None:
        """Return the bar that forms."""

    @abstractmethod
    def counts(self, symbol: str = "EURUSD") -> dict[str, int]:
        """Return the events of *symbol* by verdict, and what else was counted of them, without zeros."""

    @abstractmethod
    def time_ns(self, symbol: str = "EURUSD") -> int | None:
        """Return the clock of *symbol*."""


class EngineRan(Ran):
    """What the engine delivered."""

    def __init__(self, engine: Kernel, day: str, zone: str) -> None:
        super().__init__(day, zone)
        self.engine: Final = engine

    @property
    def symbols(self) -> list[str]:
        return self.engine.symbols()

    def snapshot(self, symbol: str = "EURUSD") -> Snapshot:
        return self.engine.snapshot(self.engine.number_of(symbol))

    def forming(self, timeframe: str, symbol: str = "EURUSD") -> PartialBar | None:
        return self.snapshot(symbol)[timeframe].partial

    def counts(self, symbol: str = "EURUSD") -> dict[str, int]:
        return counted(self.snapshot(symbol).counts)

    def time_ns(self, symbol: str = "EURUSD") -> int | None:
        return self.snapshot(symbol).time_ns


class ModelRan(Ran):
    """What the model delivered."""

    def __init__(self, model: Model, day: str, zone: str) -> None:
        super().__init__(day, zone)
        self.model: Final = model

    @property
    def symbols(self) -> list[str]:
        return self.model.symbols

    def forming(self, timeframe: str, symbol: str = "EURUSD") -> PartialBar | None:
        return self.model.partial(symbol, timeframe)

    def counts(self, symbol: str = "EURUSD") -> dict[str, int]:
        return {word: number for word, number in self.model.state(symbol).counts.items() if number}

    def time_ns(self, symbol: str = "EURUSD") -> int | None:
        return self.model.state(symbol).clock_ns


class RunEvents(Protocol):
    def __call__(
        self,
        stream: Iterable[Input],
        timeframes: Iterable[str] = ("1m",),
        *,
        day: str = DAY,
        zone: str = "UTC",
        **settings: Any,
    ) -> Ran: ...


class Run(Protocol):
    def __call__(
        self,
        text: str,
        timeframes: Iterable[str] = ("1m",),
        *,
        day: str = DAY,
        zone: str = "UTC",
        symbol: str = "EURUSD",
        **settings: Any,
    ) -> Ran: ...


def run(
    text: str,
    timeframes: Iterable[str] = ("1m",),
    *,
    day: str = DAY,
    zone: str = "UTC",
    symbol: str = "EURUSD",
    **settings: Any,
) -> EngineRan:
    """Run the inputs of *text*, as `tests.builders.inputs` reads them, with the settings of `mtf.Config.make`."""
    return run_events(inputs(text, symbol=symbol, day=day, zone=zone), timeframes, day=day, zone=zone, **settings)


def run_events(
    stream: Iterable[Input],
    timeframes: Iterable[str] = ("1m",),
    *,
    day: str = DAY,
    zone: str = "UTC",
    size: int = 1024,
    **settings: Any,
) -> EngineRan:
    """Run *stream* through the engine, in blocks of *size*."""
    config = mtf.Config.make(timeframes=timeframes, **settings)
    ran = EngineRan(Kernel(config), day, zone)
    for block in blocks(stream, size=size, config=config):
        for closing in ran.engine.step(block).closings:
            ran.bars.append(closing.bar)
            ran.seqs.append(block.first_seq + closing.row)
    return ran


def model_events(
    stream: Iterable[Input],
    timeframes: Iterable[str] = ("1m",),
    *,
    day: str = DAY,
    zone: str = "UTC",
    **settings: Any,
) -> ModelRan:
    """Run *stream* through the model."""
    model = model_of(mtf.Config.make(timeframes=timeframes, **settings))
    ran = ModelRan(model, day, zone)
    for one in replay(model, stream):
        if one.closing:
            ran.bars += one.bars
            ran.seqs += [one.seq] * len(one.bars)
    return ran


SUBJECTS: Final[dict[str, RunEvents]] = {"engine": run_events, "model": model_events}


def runner_of(subject: str) -> Run:
    """Return `run` for the *subject*."""
    through = SUBJECTS[subject]

    def run(
        text: str,
        timeframes: Iterable[str] = ("1m",),
        *,
        day: str = DAY,
        zone: str = "UTC",
        symbol: str = "EURUSD",
        **settings: Any,
    ) -> Ran:
        return through(inputs(text, symbol=symbol, day=day, zone=zone), timeframes, day=day, zone=zone, **settings)

    return run


def line(bar: Bar, day: str = DAY, zone: str = "UTC", *, named: bool = False) -> str:
    """Return *bar* in one line."""
    words = [bar.symbol] if named else []
    words += [bar.timeframe.name, _time(bar.start_ns, day, zone)]
    words += [f"{price:.10g}" for price in (bar.open, bar.high, bar.low, bar.close)]
    words += [f"v{bar.volume:.10g}", f"n{bar.ticks}"]
    length_ns = bar.end_ns - bar.start_ns
    if length_ns != Timeframe(bar.timeframe).length_ns:
        words.append(f"long {_length(length_ns)}")
    words += [flag for flag in _FLAGS if getattr(bar, flag)]
    if bar.gap is not None:
        words.append("gap")
        for name in ("closed", "holiday", "break", "silence"):
            length_ns = getattr(bar.gap, f"{name}_ns")
            if length_ns:
                words.append(f"{name} {_length(length_ns)}")
    return " ".join(words)


def _time(ts_ns: int, day: str, zone: str) -> str:
    moment = datetime.datetime.fromtimestamp(ts_ns // 10**9, ZoneInfo(zone))
    clock = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    return clock if str(moment.date()) == day else f"{moment.date()}T{clock}"


def _length(length_ns: int) -> str:
    """Return a length as 48h, 1h30m, 29m59s."""
    words = ""
    for unit, unit_ns in _UNITS:
        count, length_ns = divmod(length_ns, unit_ns)
        if count:
            words += f"{count}{unit}"
    return words
