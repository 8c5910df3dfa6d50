"""What the model remembers of a symbol, and what it shows of it: plain values, all of them there at every instant."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mtf.bars.bar import Bar, PartialBar
from mtf.calendars.day import Gap
from mtf.timeframe import Timeframe
from tests.builders import Event
from tests.model.days import Bounds

__all__ = ["IDS_KEPT", "BarBuilder", "Shown", "State", "Symbol", "completed", "is_incomplete", "partial_bar"]

IDS_KEPT: Final = 4096


@dataclass(frozen=True)
class State:
    """Every timeframe of one symbol at one instant. Bars are oldest first, the last *history* of them."""

    symbol: str
    clock_ns: int | None  # None until the first accepted tick or clock event
    partial: Mapping[str, PartialBar | None]
    bars: Mapping[str, tuple[Bar, ...]]
    counts: Mapping[
        str, int
    ]  # its events by verdict (a bar that is rejected is one), and those of quotes and ids that reject nothing


@dataclass(frozen=True)
class Shown:
    """One instant that a consumer is shown: a closing instant, or an event after it was judged and applied.

    In a closing instant `bars` are the ones that close in it, in the order in which they are reported, `time_ns` is
    their end, `verdict` is empty, and `event` and `seq` are those of the event that moved the clock. Otherwise `bars`
    are those of activity that the event fills, delivered before it, and `time_ns` is the clock of the event's symbol,
    or of clock events. `states` has every symbol known so far, in order of appearance. A quote with one side that is
    not a price is shown one-sided once it is accepted.
    """

    seq: int
    event: Event
    closing: bool
    time_ns: int | None
    bars: tuple[Bar, ...]
    verdict: str
    states: Mapping[str, State]


@dataclass
class BarBuilder:
    """A forming bar."""

    bounds: Bounds
    first: bool
    incomplete: bool
    day_incomplete: bool
    gap: Gap | None
    open: float
    high: float
    low: float
    close: float
    volume: float
    ticks: int
    from_bars: bool = False
    torn_by_bars: bool = True  # an unfinished bar makes it incomplete: not one of activity, into which none goes

    def take_price(self, price: float, *, is_late: bool) -> None:
        """Take a price that is traded in the bar; one that is late is not its close."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        if not is_late:
            self.close = price


@dataclass
class Symbol:
    name: str
    delay_ns: int  # of its feed
    clock_ns: int | None  # never goes back; that of clock events of users is kept here too
    forming: dict[str, BarBuilder | None]
    bars: dict[str, tuple[Bar, ...]]  # the last *history* completed bars, by timeframe
    last_end_ns: dict[str, int] = field(default_factory=dict)  # the end of the last completed bar, by timeframe
    accepted: deque[tuple[str, tuple[object, ...]]] = field(  # the last ones with an id: id and content
        default_factory=lambda: deque(maxlen=IDS_KEPT)
    )
    rows: set[tuple[object, ...]] = field(default_factory=set)  # what the bars as input say that were accepted
    first_tick_ns: int | None = None  # the stamp of the first accepted tick; of a bar its start
    newest_ns: int | None = None  # the latest stamp of an accepted tick, or the end of the imported history
    history_end_ns: int | None = None  # the newest end of imported history that has moved the clock
    side: str = ""  # mid, bid, ask or last; "" until the first accepted tick decides
    in_run: bool = False  # its newest accepted tick was of a run in order of time
    live: bool = False  # its newest accepted tick arrived within moments of its stamp
    torn_ns: int | None = None  # the start of the newest unfinished bar; None once it has come whole
    seen: bool = False  # its first event has been shown: nothing of it is visible while that event closes bars
    counts: Counter[str] = field(default_factory=Counter)


def is_incomplete(forming: BarBuilder, symbol: Symbol) -> bool:
    """Return whether something of the bar is known to be missing."""
    torn_ns = symbol.torn_ns
    if not forming.torn_by_bars:
        return forming.incomplete
    return forming.incomplete or (torn_ns is not None and forming.bounds.start_ns <= torn_ns < forming.bounds.end_ns)


def completed(symbol: Symbol, timeframe: Timeframe, forming: BarBuilder) -> Bar:
    return Bar(**_fields(symbol, timeframe, forming))


def partial_bar(
    symbol: Symbol, timeframe: Timeframe, forming: BarBuilder, now_ns: int, share: float = 0.0
) -> PartialBar:
    return PartialBar(**_fields(symbol, timeframe, forming), time_ns=now_ns, share=share)


def _fields(symbol: Symbol, timeframe: Timeframe, forming: BarBuilder) -> dict[str, Any]:
    """Return what a bar says, completed or not."""
    return {
        "symbol": symbol.name,
        "timeframe": timeframe,
        "start_ns": forming.bounds.start_ns,
        "end_ns": forming.bounds.end_ns,
        "open": forming.open,
        "high": forming.high,
        "low": forming.low,
        "close": forming.close,
        "volume": forming.volume,
        "ticks": forming.ticks,
        "trading_day": forming.bounds.date,
        "first": forming.first,
        "incomplete": is_incomplete(forming, symbol),
        "day_incomplete": forming.day_incomplete,
        "off_session": forming.bounds.off_session,
        "from_bars": forming.from_bars,
        "gap": forming.gap,
    }
