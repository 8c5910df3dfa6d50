"""A few inputs through the model, and what it showed of them in words."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from mtf.bars.bar import Bar
from tests.builders import inputs
from tests.model.grids import CalendarLike, CryptoGrid
from tests.model.model import Model, replay
from tests.model.state import Shown, State

__all__ = [
    "ALL",
    "clock_of",
    "clock_text",
    "counts",
    "fed",
    "instants",
    "line",
    "lines",
    "verdicts",
]

ALL = ("1m", "5m", "15m", "1h", "4h", "1d")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def clock_text(ts_ns: int | None) -> str:
    assert ts_ns is not None, "a closing instant has a time"
    whole, rest = divmod(ts_ns, 1_000_000_000)
    text = (EPOCH + datetime.timedelta(seconds=whole)).strftime("%m-%d %H:%M:%S")
    return f"{text}.{rest:09}" if rest else text.removesuffix(":00")


def line(bar: Bar | None) -> str:
    """Return a bar in a line: `1m 03-06 10:00..03-06 10:01 1.0 1.2 1.0 1.1 v0.0 n3 first`."""
    if bar is None:
        return "none"
    flags = "".join(f" {name}" for name in ("first", "incomplete", "off_session", "from_bars") if getattr(bar, name))
    prices = f"{bar.open} {bar.high} {bar.low} {bar.close} v{bar.volume} n{bar.ticks}"
    return f"{bar.timeframe} {clock_text(bar.start_ns)}..{clock_text(bar.end_ns)} {prices}{flags}"


def lines(bars: Iterable[Bar]) -> list[str]:
    return [line(bar) for bar in bars]


def instants(shown: Iterable[Shown]) -> list[tuple[str, list[str]]]:
    """Return the closing instants: the time, and `symbol timeframe` of each bar in the order of the reports."""
    return [
        (clock_text(one.time_ns), [f"{bar.symbol} {bar.timeframe}" for bar in one.bars]) for one in shown if one.closing
    ]


def clock_of(states: Mapping[str, State]) -> dict[str, str]:
    return {name: clock_text(state.clock_ns) for name, state in states.items() if state.clock_ns is not None}


def verdicts(shown: Iterable[Shown]) -> list[str]:
    return [one.verdict for one in shown if not one.closing]


def fed(
    text: str,
    *timeframes: str,
    calendar: CalendarLike | None = None,
    zone: str = "UTC",
    price: str = "auto",
    closed: str = "reject",
    late: str = "reject",
    prices: str = "positive",
    delays: Mapping[str, int] | None = None,
    history: int = 1000,
) -> tuple[Model, list[Shown]]:
    """Return a model that was fed *text*, and all that it showed."""
    model = Model(
        timeframes or ALL,
        CryptoGrid() if calendar is None else calendar,
        price=price,
        closed=closed,
        late=late,
        prices=prices,
        history=history,
        delay_of=lambda symbol: (delays or {}).get(symbol, 0),
    )
    return model, replay(model, inputs(text, symbol="X", zone=zone))


def counts(model: Model, symbol: str = "X") -> Mapping[str, int]:
    return model.state(symbol).counts
