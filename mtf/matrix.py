"""The matrix: the table of a symbol's timeframes as values, read from one snapshot, and so all at one seq.

Owns the values and their meaning (what a change is a change of, how far a value is from its first), not how they are
drawn: `mtf run`, `mtf state` and anyone else who shows the timeframes side by side use these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from mtf.bars.bar import PartialBar
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import TimeframeState
from mtf.indicators.declaration import Output
from mtf.numbers import difference, price_decimals
from mtf.timeframe import Timeframe

__all__ = ["CLOSES", "Change", "IndicatorReading", "Matrix", "Row", "last_price", "matrix_of"]

CLOSES: Final = 24  # of the last completed bars, at most
DAY: Final = "1d"

LIVE: Final = "live"  # as if the forming bar closed now
COMPLETED: Final = "completed"  # after the last completed bar
WARMING: Final = "warming"  # there is no value before more bars have closed
WAITING: Final = "waiting"  # enough bars have closed, and what else the output waits for has not happened
ABSENT: Final = "absent"  # the timeframe does not keep this output


@attrs.frozen(kw_only=True)
class IndicatorReading:
    """One indicator output on one timeframe. *value* is None if *state* is warming, waiting or absent.

    *seen* completed bars have been taken in, and the first value takes *needed*; that is the least number with
    *at_least*, for an event has to happen too. A live value counts the forming bar as closed, and so comes one bar
    earlier.
    """

    name: str
    state: str
    value: float | None = None
    seen: int = 0
    needed: int = 0
    at_least: bool = False
    on_price: bool = False


@attrs.frozen(kw_only=True)
class Row:
    """One timeframe: *closes* of its last completed bars, oldest first, and the bar that forms, if one does."""

    timeframe: str
    closes: tuple[float, ...]
    partial: PartialBar | None
    readings: tuple[IndicatorReading, ...]  # of the same outputs in each row

    @property
    def closed(self) -> float | None:
        """The close of the last completed bar."""
        return self.closes[-1] if self.closes else None

    @property
    def change(self) -> float | None:
        """How far the forming bar's close is from its open."""
        partial = self.partial
        return None if partial is None else difference(partial.close, partial.open)

    @property
    def percent(self) -> int | None:
        """How much of the forming bar's time is over, rounded down: 100 is never reached."""
        return None if self.partial is None else min(99, int(self.partial.progress * 100))


@attrs.frozen(kw_only=True)
class Change:
    """How far the last price is from *price*: the last close of *timeframe*, or the open of its first bar.

    The timeframe is `1d`, if it is kept, else the longest of time, else the last. *opened* is true if not one of its
    bars has closed yet. `share` is None if *price* is not positive, as no share of it has a meaning.
    """

    price: float
    timeframe: str
    opened: bool
    difference: float

    @property
    def share(self) -> float | None:
        return self.difference / self.price if self.price > 0.0 else None


@attrs.frozen(kw_only=True)
class Matrix:
    """Every timeframe of *symbol* at *seq*, shortest first; *time_ns* is the symbol's clock, -1 before its first tick.

    *last* is the newest price, None before the first; *decimals* are those of its prices.
    """

    symbol: str
    seq: int
    time_ns: int
    last: float | None
    change: Change | None
    decimals: int
    rows: tuple[Row, ...]

    @property
    def longest(self) -> str:
        """The timeframe by which changes are measured."""
        return _longest(self.rows).timeframe

    @property
    def live_off(self) -> bool:
        """True if values of forming bars are not computed: those after the last completed bars stand in."""
        return any(row.partial is not None and each.state == COMPLETED for row in self.rows for each in row.readings)


def matrix_of(snapshot: Snapshot, *, closes: int = CLOSES) -> Matrix:
    """Return the matrix of *snapshot*, with up to *closes* completed bars a timeframe."""
    states = list(snapshot)
    outputs = {output.name: output for state in states for output in state.outputs}
    rows = tuple(_row(state, outputs, closes) for state in states)
    last = last_price(states)
    return Matrix(
        symbol=snapshot.symbol,
        seq=snapshot.seq,
        time_ns=snapshot.time_ns,
        last=last,
        change=None if last is None else _change(_longest(rows), last),
        decimals=price_decimals(_prices(rows), mid=snapshot.side == "mid"),
        rows=rows,
    )


def _longest(rows: tuple[Row, ...]) -> Row:
    """Return the row by which changes are measured."""
    timed = tuple(row for row in rows if Timeframe(row.timeframe).timed) or rows
    return next((row for row in timed if row.timeframe == DAY), timed[-1])


def _row(state: TimeframeState, outputs: dict[str, Output], closes: int) -> Row:
    bars = state.bars
    kept = {output.name for output in state.outputs}
    values = state.value_state()
    partial = state.partial
    off = partial is not None and values is not None and not len(values.live)  # live values are not computed
    shown = state.completed if off else state.live
    what = COMPLETED if off or partial is None else LIVE
    return Row(
        timeframe=state.timeframe.name,
        closes=tuple(bar.close for bar in bars[max(0, len(bars) - closes) :]),
        partial=partial,
        readings=tuple(
            _reading(output, shown[name], what, state.bars_seen)
            if name in kept
            else IndicatorReading(name=name, state=ABSENT, on_price=output.on_price)
            for name, output in outputs.items()
        ),
    )


def _reading(output: Output, value: float, what: str, seen: int) -> IndicatorReading:
    known = value == value
    missing = WARMING if seen < output.warmup else WAITING
    return IndicatorReading(
        name=output.name,
        state=what if known else missing,
        value=value if known else None,
        seen=seen,
        needed=output.warmup,
        at_least=output.waits,
        on_price=output.on_price,
    )


def last_price(states: list[TimeframeState]) -> float | None:
    """Return the newest price: that of any bar that forms, else that of the bar that closed last."""
    for state in states:
        if state.partial is not None:
            return state.partial.close
    closed = [state.bars[-1] for state in states if len(state.bars)]
    return max(closed, key=lambda bar: bar.end_ns).close if closed else None


def _change(row: Row, last: float) -> Change | None:
    if row.partial is None:  # its last close is the last price itself
        if len(row.closes) < 2:
            return None
        price, opened = row.closes[-2], False
    elif row.closed is None:
        price, opened = row.partial.open, True
    else:
        price, opened = row.closed, False
    return Change(price=price, timeframe=row.timeframe, opened=opened, difference=difference(last, price))


def _prices(rows: tuple[Row, ...]) -> Iterator[float]:
    for row in rows:
        yield from row.closes
        if row.partial is not None:
            yield from (row.partial.open, row.partial.high, row.partial.low, row.partial.close)
