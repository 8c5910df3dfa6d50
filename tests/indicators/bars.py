"""Bars for indicator tests: `bars("100 101/99.5 98x3 | 97")`, and random histories drawn by hypothesis."""

from __future__ import annotations

import datetime
import random
import struct
from typing import Final

from hypothesis import strategies as st

from mtf import Bar, Timeframe
from mtf.indicators import Indicator

__all__ = ["MINUTE_NS", "START_NS", "bar", "bars", "bits", "histories", "own_specs"]

MINUTE_NS: Final = 60_000_000_000
START_NS: Final = 1_709_683_200_000_000_000  # 2024-03-06T00:00Z
MINUTES: Final = Timeframe("1m")

# Short periods, so that short histories pass the warm-up; an indicator that is not listed is taken with its defaults.
SHORT: Final = {
    "macd": ("macd:2,4,3",),
    "stoch": ("stoch:3,1,2", "stoch:2,3,2"),
    "bbands": ("bbands:3,2", "bbands:2,0"),
    "keltner": ("keltner:3,2,2", "keltner:2,1.5,4,typical", "keltner:4,2,2,typical"),
    "obv": ("obv",),
    "vwap": ("vwap",),
    "pivots": tuple(f"pivots:{kind}" for kind in ("standard", "fibonacci", "woodie", "camarilla", "demark")),
    "swings": ("swings:2,2", "swings:1,3"),
    "sar": ("sar:0.02,0.2", "sar:0.5,0.2"),
    "stochrsi": ("stochrsi:3,2,2",),
    "supertrend": ("supertrend:3,1",),
    "ichimoku": ("ichimoku:2,3,4",),
    "hma": ("hma:5", "hma:2"),
    "aroon": ("aroon:2", "aroon:5"),
    "sma": ("sma:1", "sma:4", "sma:3@rsi:3", "sma:2@macd:2,4,3/hist@ema:2"),
    "rsi": ("rsi:3", "rsi:2@obv"),
}


def own_specs(name: str) -> tuple[str, ...]:
    """Return specs of the indicator *name* with short periods."""
    if name in SHORT:
        return SHORT[name]
    from mtf.indicators import create

    return (f"{name}:4",) if "period" in create(name).params else (name,)


def bar(
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float = 0.0,
    *,
    minute: int = 0,
    day: datetime.date | None = None,
    incomplete: bool = False,
    day_incomplete: bool = False,
    off_session: bool = False,
) -> Bar:
    start_ns = START_NS + minute * MINUTE_NS
    return Bar(
        symbol="X",
        timeframe=MINUTES,
        start_ns=start_ns,
        end_ns=start_ns + MINUTE_NS,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        ticks=1,
        trading_day=day,
        incomplete=incomplete,
        day_incomplete=day_incomplete,
        off_session=off_session,
    )


def bars(text: str) -> list[Bar]:
    """Return the bars of *text*: `CLOSE` or `OPEN/HIGH/LOW/CLOSE`, either with `xVOLUME`; `|` begins a day.

    `?` at the end of a word marks a bar whose beginning was not seen.
    """
    made: list[Bar] = []
    date = datetime.date(2024, 3, 6)
    for word in text.split():
        if word == "|":
            date += datetime.timedelta(days=1)
            continue
        prices, _, volume = word.rstrip("?").partition("x")
        numbers = [float(price) for price in prices.split("/")]
        open_, high, low, close = numbers if len(numbers) == 4 else numbers * 4
        made.append(
            bar(
                open_,
                high,
                low,
                close,
                float(volume or 0),
                minute=len(made),
                day=date,
                incomplete=word.endswith("?"),
            )
        )
    return made


def bits(values: tuple[float, ...]) -> bytes:
    """Return *values* as bytes, every NaN alike."""
    return struct.pack(f"<{len(values)}d", *(value if value == value else float("nan") for value in values))


def values_of(indicator: Indicator) -> bytes:
    return bits(indicator.values())


@st.composite
def histories(draw: st.DrawFn, *, most: int = 40) -> list[Bar]:
    """Draw bars of several days in one of a few manners: on a grid, wild, flat for stretches, without volume."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, most))
    manner = draw(st.sampled_from(("grid", "wild", "flat", "level", "silent")))
    scale = draw(st.sampled_from((1.0, 1e-9, 1e9)))
    price = 100.0
    made = []
    date = datetime.date(2024, 3, 6)
    for minute in range(count):
        step = rng.choice((-1.0, -0.5, 0.0, 0.5, 1.0)) if manner != "wild" else rng.gauss(0.0, 5.0)
        if manner == "level" or (manner == "flat" and rng.random() < 0.7):
            step = 0.0
        open_ = price
        price = max(price + step, 1.0)
        wick = 0.0 if manner in ("flat", "level") else rng.choice((0.0, 0.25, 1.0))
        high, low = max(open_, price) + wick, max(min(open_, price) - wick, 0.5)
        volume = 0.0 if manner == "silent" else float(rng.randrange(4)) * 10.0
        if rng.random() < 0.15:
            date += datetime.timedelta(days=rng.choice((1, 1, 3)))
        made.append(
            bar(
                open_ * scale,
                high * scale,
                low * scale,
                price * scale,
                volume,
                minute=minute,
                day=date,
                incomplete=minute == 0 and rng.random() < 0.5,
            )
        )
    return made
