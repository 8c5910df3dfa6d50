"""The law of bars as input: what is cut out of ticks and handed back as bars makes the same bars, and nothing finer."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.bars.bar import Bar
from mtf.bars.intake import take
from mtf.calendars import WeeklyCalendar
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.kernel import Kernel
from mtf.timeframe import INTRADAY, Timeframe
from tests.builders import DAY_NS, HOUR_NS, MINUTE_NS, NEW_YORK, SECOND_NS, at, clock_of_bars

CHAIN: Final = ("30s", "1m", "5m", "15m", "1h", "4h", "1d", "1w")  # each divides the next
LENGTHS: Final = ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1mo")
BLOCK_EVENTS: Final = 7


# A market with breaks, a night that belongs to the next trading day, and both kinds of auctions.
SHANGHAI: Final = WeeklyCalendar(
    name="shanghai",
    zone="Asia/Shanghai",
    day_close="16:00",
    hours=["Mon-Fri 09:00-10:15", "Mon-Fri 10:30-11:30", "Mon-Fri 13:30-15:00"],
    night=["Mon-Fri 21:00-02:30"],
    auctions=["08:55-09:00 into first", "15:00-15:05 into last"],
    holidays=["2024-04-04", "2024-11-01"],
)
BERLIN: Final = WeeklyCalendar(name="berlin", zone="Europe/Berlin", hours=["Mon 00:00 - Sun 24:00"])
CALENDARS: Final[dict[str, Any]] = {
    "us_equities": "us_equities",
    "fx": "fx",
    "crypto": "crypto",
    "us_futures": "us_futures",
    "exchange:XTKS": "exchange:XTKS",
    "shanghai": SHANGHAI,
    "berlin": BERLIN,  # never closed, and with days of 23 and of 25 hours
}

NAMES: Final = tuple(
    pytest.param(
        name,
        marks=(
            pytest.mark.skipif(
                importlib.util.find_spec("exchange_calendars") is None, reason="needs exchange_calendars"
            ),
            pytest.mark.filterwarnings("ignore"),  # the package's own, about the pandas that it runs on
        ),
    )
    if name.startswith("exchange:")
    else name
    for name in CALENDARS
)

# Before clock changes of America and Europe, each with the weeks in which they differ; a half day; the turn of a year.
STARTS: Final = tuple(
    at(text, zone=zone)
    for text, zone in (
        ("2024-03-06 14:29", "UTC"),
        ("2024-03-08 15:58:30", NEW_YORK),
        ("2024-03-10 00:30", NEW_YORK),
        ("2024-03-28 15:00", NEW_YORK),
        ("2024-03-31 00:30", "UTC"),
        ("2024-10-25 15:00", NEW_YORK),
        ("2024-10-27 00:30", "UTC"),
        ("2024-11-01 15:58:30", NEW_YORK),
        ("2024-11-03 00:30", NEW_YORK),
        ("2024-11-27 15:00", NEW_YORK),
        ("2024-12-31 12:00", "UTC"),
        ("2024-03-29 14:55", "Asia/Shanghai"),
    )
)


@dataclass(frozen=True)
class Stream:
    """Ticks in order of time; *exact* says that sums of their sizes are."""

    ticks: list[Tick]
    exact: bool


@dataclass
class Made:
    """What a run made: completed bars by timeframe, and how many of its bars or ticks were rejected."""

    bars: dict[str, list[Bar]] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)


@functools.cache
def calendar_of(name: str) -> Any:
    found = CALENDARS[name]
    return mtf.calendars.get(found) if isinstance(found, str) else found


@st.composite
def ticks(draw: st.DrawFn, length_ns: int, count_max: int = 40) -> Stream:
    """Draw trades that are near each other within bars of *length_ns*, and now and then some bars or days apart."""
    exact = draw(st.booleans())
    sizes = st.integers(0, 800).map(lambda size: size / 8) if exact else st.floats(0.0, 1e6)
    steps = st.one_of(
        st.integers(0, max(length_ns // 3, 1)),
        st.sampled_from((0, 1, SECOND_NS, MINUTE_NS, HOUR_NS)),
        st.integers(1, 5).map(lambda count: count * length_ns),
        st.sampled_from((DAY_NS, 3 * DAY_NS)) if length_ns < DAY_NS else st.just(length_ns),
    )
    onto = st.sampled_from((0, 0, 0, 1, 60, 900, 3600))  # seconds that the stamp is cut to a multiple of
    drawn = draw(st.lists(st.tuples(steps, onto, st.integers(1, 500), sizes), min_size=4, max_size=count_max))
    ts_ns = draw(st.sampled_from(STARTS)) + draw(st.integers(0, 5)) * length_ns
    made = []
    for step, cut, price, size in drawn:
        to_ns = ts_ns + step
        if cut:
            to_ns = max(ts_ns, to_ns - to_ns % (cut * SECOND_NS))
        ts_ns = to_ns
        made.append(Tick("X", ts_ns, price=price / 100, size=size))
    return Stream(made, exact)


def run(
    events: Iterable[Tick | Bar], timeframes: Sequence[str], end_ns: int, *, size: int = BLOCK_EVENTS, **settings: Any
) -> Made:
    """Run *events* and then a clock event that closes all, in blocks of *size* or a little more."""
    config = mtf.Config.make(timeframes=timeframes, **settings)
    engine = Kernel(config)
    builder = BlockBuilder(SymbolTable(), bar_clock=clock_of_bars(config))
    made = Made({name: [] for name in timeframes})
    seq = 1

    def step() -> None:
        nonlocal seq
        block = builder.take(seq)
        seq += block.count
        for closing in engine.step(block).closings:
            made.bars[closing.bar.timeframe.name].append(closing.bar)

    for event in events:
        assert take(builder, event) == 0, f"{event} is well-formed"
        if builder.count >= size:
            step()
    assert builder.clock(end_ns) == 0
    step()
    if engine.joiner.count:
        made.rejected = engine.snapshot(0).counts.rejected
    return made


def content(bar: Bar) -> tuple[Any, ...]:
    """Return what bars of bars have in common with bars of ticks."""
    return (
        *(bar.symbol, bar.start_ns, bar.end_ns, bar.open, bar.high, bar.low, bar.close),
        *(bar.trading_day, bar.off_session, bar.gap),
    )


def coarser(length: str) -> list[str]:
    """Return the timeframes that bars of *length* make bars of: its own, and those that it divides."""
    if length == "1mo":
        return ["1mo"]
    longer = list(CHAIN[CHAIN.index(length) :])
    return longer if length == "1w" else [*longer, "1mo"]  # a week may lie in two months


def finer(length: str) -> list[str]:
    return list(CHAIN) if length == "1mo" else list(CHAIN[: CHAIN.index(length)])


def check(stream: Stream, length: str, **settings: Any) -> None:
    """Assert the law for bars of *length* that are cut out of *stream*."""
    names = [*finer(length), *coarser(length)]
    end_ns = stream.ticks[-1].ts_ns + 70 * DAY_NS
    whole = run(stream.ticks, names, end_ns, **settings)
    cut = whole.bars[length]
    again = run(cut, names, end_ns, **settings)
    assert again.rejected == {}
    for name in finer(length):
        assert again.bars[name] == [], f"{name} is shorter than {length}"
    for name in coarser(length):
        ours, theirs = again.bars[name], whole.bars[name]
        assert [content(bar) for bar in ours] == [content(bar) for bar in theirs], name
        assert all(bar.from_bars for bar in ours)
        assert not any(bar.from_bars for bar in theirs)
        for mine, other in zip(ours, theirs, strict=True):
            if stream.exact or name == length:
                assert mine.volume == other.volume, f"{name}: to the bit"
            else:
                assert math.isclose(mine.volume, other.volume, rel_tol=1e-12), name
        assert sum(bar.ticks for bar in ours) == 4 * len(cut), "four a bar, each of them once"


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(data=st.data(), anchor=st.sampled_from(("day", "utc")))
def test_bars_cut_out_of_ticks_make_the_bars_of_the_ticks(
    name: str, length: str, data: st.DataObject, anchor: str
) -> None:
    """In every timeframe that their length divides, on calendars of all kinds, across clock changes."""
    check(data.draw(ticks(Timeframe(length).length_ns)), length, calendar=calendar_of(name), anchor=anchor)


@pytest.mark.parametrize("length", [length for length in LENGTHS if Timeframe(length).kind == INTRADAY])
@pytest.mark.parametrize("name", ["us_equities", "fx", "shanghai"])
@settings(max_examples=20)
@given(data=st.data())
def test_the_law_holds_with_closed_hours_kept(name: str, length: str, data: st.DataObject) -> None:
    """Bars of closed hours, too, and those of days that are off session."""
    check(data.draw(ticks(Timeframe(length).length_ns)), length, calendar=calendar_of(name), closed="keep")
