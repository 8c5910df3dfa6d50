"""The engine and the slow model agree on everything that can be asked, at every step of any stream."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.config import Config
from mtf.events.block import Block
from mtf.events.tick import Tick
from mtf.units import SECOND_NS
from tests.builders import BY_IMPORT, BY_USER, BarRow, Clock, Event, Input, Sent, at, blocks
from tests.engine.follower import follow, in_order
from tests.streams import mixed_streams, streams

TEN_NS = at("10:00")
SETS = (
    ("1m", "5m", "15m", "1h", "4h", "1d"),
    ("1m", "1h", "1d", "1w", "1mo"),
    ("5m",),
    ("30s", "7m", "1d"),
    ("1d", "1w"),
    ("1mo",),
)


@pytest.mark.parametrize("calendar", ["fx", "crypto"])
@given(
    stream=streams(),
    timeframes=st.sampled_from(SETS),
    price=st.sampled_from(("auto", "mid", "bid", "ask", "last")),
    closed=st.sampled_from(("reject", "keep")),
    late=st.sampled_from(("reject", "accept")),
    size=st.sampled_from((1, 2, 7, 1024)),
    history=st.sampled_from((1, 2, 1000)),
)
@settings(max_examples=60)
def test_engine_shows_what_the_model_shows(
    calendar: str,
    stream: list[Event],
    timeframes: tuple[str, ...],
    price: str,
    closed: str,
    late: str,
    size: int,
    history: int,
) -> None:
    """Verdicts, order of delivery, clocks, partial bars and windows: the rules of the design, written twice."""
    config = Config.make(
        timeframes=timeframes, calendar=calendar, price=price, closed=closed, late=late, history=history
    )
    follow(config, stream, blocks(stream, size=size))


@given(
    stream=streams(symbols_max=1, events_max=120, kinds=("quotes",), ids=False, bad_prices=False),
    size=st.sampled_from((1, 7, 1024)),
    history=st.sampled_from((1, 3)),
    late=st.sampled_from(("reject", "accept")),
)
@settings(max_examples=15)
def test_long_streams_of_one_symbol_agree(stream: list[Event], size: int, history: int, late: str) -> None:
    """Histories are replaced when they are twice too long: windows given out before must not notice."""
    config = Config.make(timeframes=("1m", "5m", "1h", "1d"), calendar="crypto", late=late, history=history)
    follow(config, stream, blocks(stream, size=size))


@given(
    stream=streams(symbols_max=3, events_max=30),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    late=st.sampled_from(("reject", "accept")),
)
@settings(max_examples=25)
def test_uneven_blocks_agree(stream: list[Event], cuts: list[int], late: str) -> None:
    """Under load blocks have any length, and a symbol may come first in the middle of one."""
    config = Config.make(timeframes=("1m", "15m", "1d"), calendar="fx", late=late, history=2)
    one_by_one = blocks(stream, size=1)
    made: list[Block] = []
    at = 0
    while at < len(one_by_one):
        length = cuts[len(made) % len(cuts)]
        part = one_by_one[at : at + length]
        made.append(
            type(part[0])(part[0].first_seq, len(part), b"".join(b.rows for b in part), b"".join(b.heap for b in part))
        )
        at += length
    follow(config, stream, made)


AROUND_AN_END: st.SearchStrategy[Input] = st.one_of(
    st.builds(
        lambda name, second, price: Sent(Tick(name, TEN_NS + second * SECOND_NS, price=float(price))),
        st.sampled_from("XY"),
        st.integers(0, 130),
        st.integers(1, 9),
    ),
    st.builds(
        lambda name, second, maker: Clock(TEN_NS + second * SECOND_NS, maker, name if maker == BY_IMPORT else ""),
        st.sampled_from("XYZ"),
        st.integers(0, 130),
        st.sampled_from((BY_USER, BY_IMPORT, BY_IMPORT)),
    ),
)


@given(
    stream=st.lists(AROUND_AN_END, min_size=3, max_size=16),
    size=st.sampled_from((1, 7)),
    late=st.sampled_from(("reject", "accept")),
)
@settings(max_examples=80)
def test_around_the_end_of_an_imported_history_they_agree(stream: list[Input], size: int, late: str) -> None:
    """Within two minutes, so that what is late often lies in the bar in which the history ends."""
    config = Config.make(timeframes=("1m", "5m"), calendar="crypto", late=late)
    follow(config, stream, blocks(stream, size=size))


CALENDARS = ("fx", "crypto", "us_equities")


@pytest.mark.parametrize("calendar", CALENDARS)
@given(
    stream=mixed_streams(),
    timeframes=st.sampled_from(SETS),
    price=st.sampled_from(("auto", "auto", "mid", "bid", "ask", "last")),
    closed=st.sampled_from(("reject", "keep")),
    late=st.sampled_from(("reject", "accept")),
    anchor=st.sampled_from(("day", "utc")),
    prices=st.sampled_from(("positive", "any")),
    delays=st.sampled_from(({}, {"USDJPY": 10_000_000_000}, {"*": 60_000_000_000})),
    size=st.sampled_from((1, 2, 7, 1024)),
    history=st.sampled_from((1, 2, 1000)),
)
@settings(max_examples=60)
def test_engine_shows_of_all_that_may_come_in_what_the_model_shows(
    calendar: str,
    stream: list[Input],
    timeframes: tuple[str, ...],
    price: str,
    closed: str,
    late: str,
    anchor: str,
    prices: str,
    delays: dict[str, int],
    size: int,
    history: int,
) -> None:
    """Bars, whole and unfinished, runs in order of time, live feeds, the timer: the newer rules, written twice."""
    config = Config.make(
        timeframes=timeframes,
        calendar=calendar,
        price=price,
        closed=closed,
        late=late,
        anchor=anchor,
        prices=prices,
        delay_ns=delays,
        history=history,
    )
    stream = in_order(stream, config)
    straddling: list[BarRow] = []
    model = follow(config, stream, blocks(stream, size=size, config=config, straddling=straddling))
    assert model.straddling == straddling
