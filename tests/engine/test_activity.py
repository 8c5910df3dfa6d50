"""Bars of activity beside those of time: the engine shows at every step what the slow model shows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.config import Config
from tests.builders import Event, Input, blocks
from tests.engine.follower import follow, in_order
from tests.streams import mixed_streams, streams

SETS = (
    ("1m", "1d", "1t", "3t", "6t"),
    ("1m", "1h", "2v", "1v", "8v"),
    ("5m", "0.0005r", "0.002r"),
    ("1m", "2t", "0.25v", "0.001r"),
    ("4t", "3v"),
    ("1w", "5t"),
)


@pytest.mark.parametrize("calendar", ["fx", "crypto"])
@pytest.mark.parametrize("overnight", ["close", "carry"])
@given(
    stream=streams(),
    timeframes=st.sampled_from(SETS),
    price=st.sampled_from(("auto", "mid", "bid", "last")),
    closed=st.sampled_from(("reject", "keep")),
    overfill=st.sampled_from(("split", "whole")),
    size=st.sampled_from((1, 2, 7, 1024)),
    history=st.sampled_from((1, 2, 1000)),
)
@settings(max_examples=40)
def test_engine_shows_what_the_model_shows(
    calendar: str,
    overnight: str,
    stream: list[Event],
    timeframes: tuple[str, ...],
    price: str,
    closed: str,
    overfill: str,
    size: int,
    history: int,
) -> None:
    """Which tick fills a bar, what the rest of it does, what is delivered in which order, and what each view shows."""
    config = Config.make(
        timeframes=timeframes,
        calendar=calendar,
        price=price,
        closed=closed,
        overfill=overfill,
        overnight=overnight,
        history=history,
    )
    follow(config, stream, blocks(stream, size=size))


@given(
    stream=streams(),
    timeframes=st.sampled_from(SETS[:4]),
    overfill=st.sampled_from(("split", "whole")),
    overnight=st.sampled_from(("close", "carry")),
    size=st.sampled_from((1, 5, 1024)),
)
@settings(max_examples=40)
def test_late_ticks_count_and_close_nothing_twice(
    stream: list[Event], timeframes: tuple[str, ...], overfill: str, overnight: str, size: int
) -> None:
    config = Config.make(
        timeframes=timeframes, calendar="crypto", late="accept", overfill=overfill, overnight=overnight
    )
    follow(config, stream, blocks(stream, size=size))


@given(
    stream=mixed_streams(timeframes=("1m", "5m", "1d")),
    timeframes=st.sampled_from((("1m", "5m", "1d", "2t", "1v"), ("1m", "0.001r"))),
    overnight=st.sampled_from(("close", "carry")),
    size=st.sampled_from((1, 7, 1024)),
)
@settings(max_examples=80)
def test_bars_as_input_do_not_enter_and_runs_in_time_order_close_days(
    stream: list[Input], timeframes: tuple[str, ...], overnight: str, size: int
) -> None:
    config = Config.make(timeframes=timeframes, calendar="fx", overnight=overnight)
    stream = in_order(stream, config)
    follow(config, stream, blocks(stream, size=size, config=config, straddling=[]))
