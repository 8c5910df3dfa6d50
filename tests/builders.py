"""Events for tests, written down in a line of text; `tests.streams` draws them.

    ticks("09:59:59.9@1.1 10:00@1.2/1.3x5 10:01@=1.25x2#42")     # quote, quote with sizes, trade with an id
    events("A:10:00@1.1 B:10:00@2.5 !10:01 2024-03-10 17:00@1.2")  # two symbols, a clock event, another day
    inputs("10:00~5m@1/4/0.5/2x7 2024-03-05~1d@1/4/0.5/2 >A:10:00@1 *A:10:00@1 *!10:01")  # bars, and how things came

A word is one event, `[SYMBOL:]TIME@WHAT[#ID]`, or `!TIME` for a clock event, or a date, which holds for the words after
it. TIME is `HH:MM[:SS[.fraction]]` in the zone, and a date may stand before it: `2024-03-10T17:00`. WHAT is

    1.1         a quote, bid and ask 1.1            1.1x3       the same, 3 at the bid and 3 at the ask
    1.1/1.2     bid 1.1, ask 1.2                    1.1x3/1.2x4 with sizes
    1.1/        the bid alone                       /1.2x4      the ask alone
    =1.1x3      a trade of 3 at 1.1

Inputs are more than events: `[SYMBOL:]TIME~LENGTH@O/H/L/C[xV]` is a bar of trades that begins at TIME, or if that is a
date alone, is of that date; with a `?` behind it, it was still forming when it came. A word that begins with `>` is of
a run in order of time, one that begins with `*` is live, and `*!TIME` is a clock event of the timer.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mtf.bars.bar import Bar
from mtf.bars.placement import MarketBarClock
from mtf.config import Config
from mtf.engine import Engine
from mtf.errors import StraddlingBar
from mtf.events.bar_rows import BarClock, length_code
from mtf.events.block import BY_FEED, BY_IMPORT, BY_TIMER, BY_USER, HAS_ASK, HAS_BID, Block, SymbolTable, cut
from mtf.events.block_builder import TRADES, BlockBuilder
from mtf.events.tick import Tick
from mtf.events.waiting_rows import NOT_LIVE
from mtf.testing.tick_text import DATE, at, tick_of, ticks
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS, TS_MIN_NS

__all__ = [
    "BY_FEED",
    "BY_IMPORT",
    "BY_TIMER",
    "BY_USER",
    "BarRow",
    "Clock",
    "Event",
    "Four",
    "Input",
    "Sent",
    "at",
    "blocks",
    "clock_of_bars",
    "copy_if_there",
    "events",
    "give",
    "hand_in",
    "inputs",
    "tick_bits",
    "ticks",
]

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

NEW_YORK: Final = "America/New_York"
_BAR: Final = re.compile(
    r"(?:(?P<symbol>[A-Za-z][^\s:~]*):)?(?P<time>[^~\s]+)~(?P<length>[^@\s]+)@"
    r"(?P<open>[^/\s]+)/(?P<high>[^/\s]+)/(?P<low>[^/\s]+)/(?P<close>[^x\s?]+)(?:x(?P<size>[\d.]+))?(?P<forming>\?)?"
)


Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Clock:
    """A clock event: it is `ts_ns` now, and nothing traded; `maker` is BY_USER, BY_TIMER, BY_FEED or BY_IMPORT.

    BY_IMPORT says that the history of `symbol`, if it is known, goes up to here.
    """

    ts_ns: int
    maker: int = BY_USER
    symbol: str = ""


@dataclass(frozen=True)
class BarRow:
    """A bar as input: of trades, or of quotes of one side or both; open, high, low and close.

    It begins at `start_ns`, or if `date` is given is the bar of that date. `size` is that of its trades, or of each of
    its sides. `forming` says that it came before its end.
    """

    symbol: str
    timeframe: str
    start_ns: int = 0
    date: datetime.date | None = None
    trades: Four | None = None
    bids: Four | None = None
    asks: Four | None = None
    size: float = 0.0
    forming: bool = False


@dataclass(frozen=True)
class Sent:
    """A tick or bar with how it came: in a run in order of time, or within moments of its stamp."""

    event: Tick | BarRow
    ordered: bool = False
    live: bool = False


Event = Tick | Clock
Input = Event | BarRow | Sent


def give(engine: Engine, event: Event) -> tuple[Bar, ...]:
    """Hand *event* to *engine*."""
    if isinstance(event, Clock):
        return engine.clock(event.ts_ns)
    return engine.tick(
        event.symbol,
        event.ts_ns,
        event.bid,
        event.ask,
        event.bid_size,
        event.ask_size,
        price=event.price,
        size=event.size,
        id=event.id,
    )


def inputs(text: str, *, symbol: str = "EURUSD", day: str = "2024-03-06", zone: str = "UTC") -> list[Input]:
    """Return what *text* says, in the order in which it is written."""
    made: list[Input] = []
    for word in text.split():
        if DATE.fullmatch(word):
            day = word
        elif word.startswith("!"):
            made.append(Clock(at(word[1:], day=day, zone=zone)))
        elif word.startswith("*!"):
            made.append(Clock(at(word[2:], day=day, zone=zone), BY_TIMER))
        else:
            bare = word.lstrip("*>")
            event = _bar(bare, symbol, day, zone) if "~" in bare else tick_of(bare, symbol=symbol, day=day, zone=zone)
            signs = word.removesuffix(bare)
            made.append(Sent(event, ordered=">" in signs, live="*" in signs) if signs else event)
    return made


def events(text: str, *, symbol: str = "EURUSD", day: str = "2024-03-06", zone: str = "UTC") -> list[Event]:
    """Return the ticks and clock events of *text*, in the order in which they are written."""
    made: list[Event] = []
    for event in inputs(text, symbol=symbol, day=day, zone=zone):
        if not isinstance(event, Tick | Clock):
            raise ValueError(f"no event: {event}")
        made.append(event)
    return made


def blocks(
    stream: Iterable[Input],
    *,
    size: int = 1024,
    symbols: SymbolTable | None = None,
    config: Config | None = None,
    straddling: list[BarRow] | None = None,
) -> list[Block]:
    """Return *stream* as blocks of at most *size* events, the first of which has seq 1, all through one block builder.

    *config* says where bars lie; without it they lie in a market that never closes. A bar that lies in two bars of a
    timeframe goes into *straddling*, if that is given, and into no block.
    """
    clock = BarClock() if config is None else clock_of_bars(config)
    builder = BlockBuilder(symbols if symbols is not None else SymbolTable(), bar_clock=clock)
    made: list[Block] = []
    seq = 1
    for event in stream:
        try:
            refused = hand_in(builder, event)
        except StraddlingBar:
            if straddling is None:
                raise
            row = event.event if isinstance(event, Sent) else event
            assert isinstance(row, BarRow), "only a bar can lie in two"
            straddling.append(row)
            continue
        assert refused == 0, f"{event} is not well-formed"
        if builder.count >= size:
            seq = _give_out(builder, made, seq, size)
    _give_out(builder, made, seq, size)
    return made


def clock_of_bars(config: Config) -> MarketBarClock:
    """Return what places the bars of *config*."""
    return MarketBarClock(
        config.calendars.calendar_of,
        list(config.timeframes),
        anchor_ns=config.anchor_ns,
        keep_closed=config.closed == "keep",
    )


def hand_in(builder: BlockBuilder, event: Input) -> int:
    """Hand *event* to *builder*, as it came; return the block builder's answer."""
    if isinstance(event, Clock):
        said = event.symbol if event.maker == BY_IMPORT else "down" if event.maker == BY_FEED else None
        return builder.clock(event.ts_ns, event.maker, event.ts_ns - 1, said)
    sent = event if isinstance(event, Sent) else Sent(event)
    builder.ordered = sent.ordered
    builder.live_from_ns = TS_MIN_NS if sent.live else NOT_LIVE
    try:
        row = sent.event
        if isinstance(row, Tick):
            return builder.tick(row)
        if row.forming:
            builder.arrival_ns = TS_MIN_NS
        sides = (HAS_BID if row.bids else 0) | (HAS_ASK if row.asks else 0)
        none = (0.0, 0.0, 0.0, 0.0)
        return builder.bar(
            row.symbol,
            length_code(Timeframe(row.timeframe)),
            row.start_ns,
            0 if row.date is None else row.date.toordinal(),
            row.trades or row.bids or none,
            row.asks or none,
            (row.size, row.size),
            sides or TRADES,
        )
    finally:
        builder.ordered, builder.live_from_ns, builder.arrival_ns = False, NOT_LIVE, NEVER_NS


def tick_bits(tick: Tick) -> tuple[object, ...]:
    """Return all that *tick* says, floats as their bits: a NaN equals itself."""
    numbers = (tick.bid, tick.ask, tick.price, tick.bid_size, tick.ask_size, tick.size)
    packed = [None if number is None else struct.pack("<d", number) for number in numbers]
    return (tick.symbol, tick.ts_ns, *packed, tick.id, tick.from_bar, tick.received_ns)


def _give_out(builder: BlockBuilder, made: list[Block], seq: int, size: int) -> int:
    """Append what waits in *builder* to *made*, in blocks of at most *size*; return the next seq."""
    if not builder.count:
        return seq
    block = builder.take(seq)
    while block.count > size:
        first, block = cut(block, size)
        made.append(first)
    made.append(block)
    return block.last_seq + 1


def _bar(word: str, symbol: str, day: str, zone: str) -> BarRow:
    match = _BAR.fullmatch(word)
    if match is None:
        raise ValueError(f"no event: {word!r}")
    dated = DATE.fullmatch(match["time"]) is not None
    return BarRow(
        match["symbol"] or symbol,
        match["length"],
        0 if dated else at(match["time"], day=day, zone=zone),
        datetime.date.fromisoformat(match["time"]) if dated else None,
        trades=(float(match["open"]), float(match["high"]), float(match["low"]), float(match["close"])),
        size=float(match["size"] or 0),
        forming=match["forming"] is not None,
    )


def copy_if_there(source: str, target: str) -> str:
    """Copy a file of a directory in use, unless it was renamed a moment ago, as one is that a thread has written."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target)
    return target
