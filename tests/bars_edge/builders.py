"""A few events through the engine, and the bars that it delivered, each as a line.

ran = run("10:00@1.25 10:00:30@1.5 10:01@1.75")
ran.lines                 ["1m 10:00 1.25 1.5 1.25 1.5 v0 n2 first"]
ran.partial("1m")         "1m 10:01 1.75 1.75 1.75 1.75 v0 n1"

A line is timeframe, start (with its date where that is not the day of the test), open, high, low, close, volume, ticks,
length where it is not the nominal one, flags and gap. More than one symbol puts its name in front.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

import mtf
from mtf.bars.bar import Bar
from mtf.frames.snapshot import Snapshot
from mtf.kernel import Kernel
from mtf.timeframe import Timeframe
from tests.builders import NEW_YORK, Input, blocks, inputs

__all__ = ["DAY", "NEW_YORK", "Ran", "line", "run", "run_events"]

DAY: Final = "2024-03-06"

_UNITS: Final = (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ns", 1))
_FLAGS: Final = ("first", "last", "incomplete", "off_session", "filled", "from_bars")


class Ran:
    """What a run delivered, in order, and what it left."""

    def __init__(self, engine: Kernel, day: str, zone: str) -> None:
        self.engine: Final = engine
        self.bars: list[Bar] = []
        self.seqs: list[int] = []  # of the events that revealed them
        self._day: Final = day
        self._zone: Final = zone

    @property
    def lines(self) -> list[str]:
        """The bars, each as a line."""
        named = len(self.engine.joiner.states) > 1
        return [line(bar, self._day, self._zone, named=named) for bar in self.bars]

    def only(self, timeframe: str, symbol: str = "") -> list[str]:
        """Return the lines of one timeframe."""
        return [
            line(bar, self._day, self._zone)
            for bar in self.bars
            if bar.timeframe.name == timeframe and symbol in ("", bar.symbol)
        ]

    def snapshot(self, symbol: str = "EURUSD") -> Snapshot:
        return self.engine.snapshot(self.engine.number_of(symbol))

    def partial(self, timeframe: str, symbol: str = "EURUSD") -> str | None:
        """Return the bar that forms as a line."""
        bar = self.snapshot(symbol)[timeframe].partial
        return None if bar is None else line(bar, self._day, self._zone)

    def rejected(self, symbol: str = "EURUSD") -> dict[str, int]:
        return self.snapshot(symbol).counts.rejected


def run(
    text: str,
    timeframes: Iterable[str] = ("1m",),
    *,
    day: str = DAY,
    zone: str = "UTC",
    symbol: str = "EURUSD",
    **settings: Any,
) -> Ran:
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
) -> Ran:
    """Run *stream* in blocks of *size*."""
    config = mtf.Config.make(timeframes=timeframes, **settings)
    ran = Ran(Kernel(config), day, zone)
    for block in blocks(stream, size=size, config=config):
        for closing in ran.engine.step(block).closings:
            ran.bars.append(closing.bar)
            ran.seqs.append(block.first_seq + closing.row)
    return ran


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
