"""What a chart shows of one symbol and timeframe, read as of one seq: bars, the forming one, and lines on the price.

Owns which values those are, not how they are drawn: the terminal and the picture show the same ones.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from mtf.bars.bar import Bar, PartialBar
from mtf.data.bar_dicts import starts_within
from mtf.data.moments import Moment
from mtf.errors import ConfigError, UnknownIndicator
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import TimeframeState
from mtf.markup import time_text
from mtf.numbers import decimals_of, number_text, price_decimals
from mtf.timeframe import Timeframe
from mtf.units import DAY_NS, MINUTE_NS

if TYPE_CHECKING:
    from mtf.data import DataReader, Table

__all__ = [
    "BARS_MAX",
    "LINES_MAX",
    "Chart",
    "Line",
    "chart_of",
    "chart_of_table",
    "gap_word",
    "read_chart",
    "round_starts",
    "time_label",
    "volume_text",
]

BARS_MAX: Final = 2_000
LINES_MAX: Final = 4
BAR_COLUMNS: Final = ("symbol", "timeframe", "start", "open", "high", "low", "close", "volume", "ticks")
VOLUME_DECIMALS: Final = 4
ROUND_MINUTES: Final = (1, 5, 10, 15, 30, 60, 90, 120, 180, 240, 360, 480, 720)


@attrs.frozen(kw_only=True)
class Line:
    """An indicator output on the price: its value after each completed bar, and the live one."""

    name: str
    values: tuple[float | None, ...]
    live: float | None


@attrs.frozen(kw_only=True)
class Chart:
    """The bars of *symbol* and *timeframe* at *seq*, oldest first; *partial* is the forming bar, if it is shown.

    *seq* is None for bars of a table, which may come from anywhere. *run* is false if the timeframe was not run, and
    its bars are built from shorter ones.
    """

    symbol: str
    timeframe: str
    seq: int | None
    bars: tuple[Bar, ...]
    partial: PartialBar | None
    lines: tuple[Line, ...]
    decimals: int
    run: bool = True

    @property
    def place(self) -> str:
        """As of which event it is, in words; empty if that is not known."""
        return "" if self.seq is None else f"seq {self.seq:,}"

    @property
    def all_bars(self) -> tuple[Bar, ...]:
        """The completed bars and the forming one."""
        return self.bars if self.partial is None else (*self.bars, self.partial)

    @property
    def all_lines(self) -> tuple[tuple[float | None, ...], ...]:
        """The values of each line, one for each of `all_bars`."""
        return tuple(each.values if self.partial is None else (*each.values, each.live) for each in self.lines)

    def newest(self, count: int) -> Chart:
        """Return the chart of the last *count* bars, the forming one included."""
        kept = max(0, count - (self.partial is not None))
        first = max(0, len(self.bars) - kept)
        lines = tuple(attrs.evolve(each, values=each.values[first:]) for each in self.lines)
        return attrs.evolve(self, bars=self.bars[first:], lines=lines)


def read_chart(
    reader: DataReader,
    symbol: str,
    timeframe: str,
    *,
    last: int,
    start_ns: int | None = None,
    end_ns: int | None = None,
    names: Sequence[str] = (),
) -> Chart:
    """Return the chart of the *last* bars that start in `[start_ns, end_ns)`, all as of the newest event.

    *names* are outputs of indicators that are prices. A timeframe that was not run has neither a forming bar nor lines.
    """
    at = Moment(seq=reader.seq)
    timeframe = Timeframe(timeframe).name
    table = reader.bars(symbol, timeframe, start=start_ns, end=end_ns, last=last, as_of=at)
    bars = tuple(table)
    snapshot = reader.state(symbol, at=at)
    kept = {each.timeframe.name: each for each in snapshot}
    state = kept.get(timeframe)
    chosen = _on_price(state, names, timeframe)
    columns: dict[str, tuple[float | None, ...]] = {}
    if chosen:
        valued = reader.bars(
            symbol, timeframe, start=start_ns, end=end_ns, last=last, indicators=chosen, as_of=at
        ).to_dicts()
        columns = {name: tuple(row[name] for row in valued) for name in chosen}
    partial = None if state is None else state.partial
    if partial is not None and not starts_within(partial.start_ns, start_ns, end_ns):
        partial = None
    made = _made(snapshot, timeframe, bars, partial, _lines(state, columns)).newest(last)
    return attrs.evolve(made, run=state is not None)


def chart_of(snapshot: Snapshot, timeframe: str, last: int) -> Chart:
    """Return the chart of the *last* bars that *snapshot* has in memory."""
    state = snapshot[timeframe]
    bars = tuple(state.bars[max(0, len(state.bars) - last) :])
    return _made(snapshot, timeframe, bars, state.partial, ()).newest(last)


def chart_of_table(table: Table[Any], last: int, names: Sequence[str]) -> Chart:
    """Return the chart of the *last* bars of *table*, with the columns *names* as lines.

    ConfigError if it does not hold bars, holds those of more than one symbol or timeframe, or lacks a column.
    """
    if not 1 <= last <= BARS_MAX:
        raise ConfigError(f"last must be between 1 and {BARS_MAX}, got {last}")
    columns = table.columns
    if missing := [each for each in (*BAR_COLUMNS, *names) if each not in columns]:
        raise ConfigError(
            f"{table!r} has no column {missing[0]!r}: draw a table of bars, such as mtf.open(...).bars(...)"
        )
    if len(names) > LINES_MAX:
        raise ConfigError(f"at most {LINES_MAX} indicator values can be drawn, got {len(names)}")
    bars: deque[Bar] = deque(maxlen=last)
    for bar in table:
        if bars and (bar.symbol, bar.timeframe) != (bars[-1].symbol, bars[-1].timeframe):
            raise ConfigError(
                f"{table!r} holds bars of several symbols or timeframes: ask for one symbol and one timeframe"
            )
        bars.append(bar)
    if not bars:
        raise ConfigError(f"{table!r} has no bars to draw")
    rows = deque(table.rows(), maxlen=last) if names else ()
    lines = [Line(name=name, values=tuple(row[name] for row in rows), live=None) for name in names]
    return Chart(
        symbol=bars[0].symbol,
        timeframe=bars[0].timeframe.name,
        seq=None,
        bars=tuple(bars),
        partial=None,
        lines=tuple(lines),
        decimals=price_decimals(_prices(bars), mid=True),
    )


def gap_word(bar: Bar) -> str | None:
    """Return why the market was closed between the bar before and *bar*: closed, holiday or break; None if it was open.

    Silence is not counted: it is open market without a tick.
    """
    gap = bar.gap
    if gap is None:
        return None
    words = (("holiday", gap.holiday_ns), ("closed", gap.closed_ns), ("break", gap.break_ns))
    return next((word for word, length_ns in words if length_ns), None)


def round_starts(bars: Sequence[Bar], apart: float) -> list[int]:
    """Return the numbers of the bars that an axis may label: the first ones at or after round times, in UTC.

    Two labels are to be *apart* bars from each other. All bars, if they are days or longer, or none is at a round time.
    """
    everything = list(range(len(bars)))
    newest = bars[-1]
    if not newest.timeframe.intraday:
        return everything
    length_ns = float(newest.end_ns - newest.start_ns)
    if not newest.timeframe.timed:
        length_ns = (newest.start_ns - bars[0].start_ns) / len(bars)
    least_ns = length_ns * apart
    unit_ns = next((each * MINUTE_NS for each in ROUND_MINUTES if each * MINUTE_NS >= least_ns), DAY_NS)
    units = [bar.start_ns // unit_ns for bar in bars]
    return [k for k, (before, unit) in enumerate(itertools.pairwise(units), 1) if before != unit] or everything


def time_label(bar: Bar, day: str) -> tuple[str, str]:
    """Return the label of *bar* on an axis, with its day if that is not *day*, and its day."""
    text = time_text(bar.start_ns)
    if not bar.timeframe.intraday:
        return str(bar.trading_day or text[:10]), ""
    return (text[11:16] if text[:10] == day else text[5:16]), text[:10]


def volume_text(volume: float) -> str:
    """Return a volume for people."""
    return number_text(volume, min(VOLUME_DECIMALS, decimals_of([volume])))


def _made(
    snapshot: Snapshot, timeframe: str, bars: tuple[Bar, ...], partial: PartialBar | None, lines: tuple[Line, ...]
) -> Chart:
    shown = bars if partial is None else (*bars, partial)
    return Chart(
        symbol=snapshot.symbol,
        timeframe=timeframe,
        seq=snapshot.seq,
        bars=bars,
        partial=partial,
        lines=lines,
        decimals=price_decimals(_prices(shown), mid=snapshot.side == "mid"),
    )


def _prices(bars: Iterable[Bar]) -> Iterator[float]:
    for bar in bars:
        yield from (bar.open, bar.high, bar.low, bar.close)


def _on_price(state: TimeframeState | None, names: Sequence[str], timeframe: str) -> list[str]:
    """Return the outputs that are asked for; each must be run on this timeframe and be a price of the market."""
    outputs = [] if state is None else state.outputs
    on_price = [output.name for output in outputs if output.on_price]
    choice = f"choose from {', '.join(on_price) or 'none'}"
    chosen: list[str] = []
    for name in dict.fromkeys(each.strip().replace(":", "_") for each in names):
        found = [output.name for output in outputs if output.name == name]
        if not found:
            raise UnknownIndicator(f"no indicator value {name!r} was run on {timeframe}; {choice}")
        if name not in on_price:
            raise ConfigError(f"{name} is not a price, so it has no place on the price scale; {choice}")
        chosen += found
    if len(chosen) > LINES_MAX:
        raise ConfigError(f"at most {LINES_MAX} indicator values can be drawn, got {len(chosen)}")
    return chosen


def _lines(state: TimeframeState | None, columns: dict[str, tuple[float | None, ...]]) -> tuple[Line, ...]:
    return tuple(
        Line(name=name, values=values, live=None if state is None else _known(state.live.get(name)))
        for name, values in columns.items()
    )


def _known(value: float | None) -> float | None:
    return None if value is None or value != value else value
