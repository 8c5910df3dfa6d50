"""No error builds up: after a long stream each value agrees with one computed afresh from the last bars alone."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pytest

from mtf.indicators import create_set
from tests.indicators.series import Series, of_closes, run, walk

TOLERANCE: Final = 1e-9
TAIL: Final = 1500  # bars after which nothing is left of what was before
SPECS: Final = (
    "sma:20",
    "wma:20",
    "stddev:20",
    "bbands:20,2",
    "linregslope:14",
    "volume_sma:20",
    "kama:10",
    "hma:20",
    "rsi:14",
    "macd:12,26,9",
    "cci:20",
    "mfi:14",
    "cmf:20",
    "stoch:14,3,3",
    "atr:14",
    "adx:14",
    "obv",
)


def long_series(count: int) -> Series:
    """A walk over many orders of magnitude: what was added a thousand times larger must leave without a trace."""
    rng = np.random.default_rng(99)
    close = walk(count, step=0.002)
    close *= np.where(np.arange(count) // 997 % 5 == 0, 1e6, 1.0)
    close /= np.maximum(np.abs(close).max() / 1e9, 1.0)
    return of_closes(close, spread=0.001, volume=np.floor(rng.random(count) * 1e6) / 7.0)


def check(count: int) -> None:
    series = long_series(count)
    items, fresh = create_set(SPECS), create_set(SPECS)
    whole = run(items, series)
    tail = series.tail(TAIL)
    again = run(fresh, tail)
    close = tail.close
    last = {name: whole[k][-1] for k, name in enumerate(items.names)}
    for k, name in enumerate(items.names):
        if name == "obv":
            continue
        scale = 100.0 if name.partition("_")[0] in ("rsi", "cci", "mfi", "stoch", "adx") else np.abs(close[-60:]).max()
        scale = np.abs(tail.volume[-60:]).max() if name.startswith("volume") else scale
        assert abs(whole[k][-1] - again[k][-1]) <= TOLERANCE * max(abs(again[k][-1]), scale), name
    window = close[-20:]
    mean = math.fsum(window) / 20
    assert math.isclose(last["sma_20"], mean, rel_tol=TOLERANCE)
    deviation = math.sqrt(math.fsum((window - mean) ** 2) / 20)
    assert abs(last["stddev_20"] - deviation) <= TOLERANCE * window.max()
    assert math.isclose(last["wma_20"], math.fsum(window * np.arange(1, 21)) / 210, rel_tol=TOLERANCE)
    signs = np.concatenate([[1.0], np.sign(np.diff(series.close))])
    obv = math.fsum(signs * series.volume)
    assert abs(last["obv"] - obv) <= TOLERANCE * max(abs(obv), float(series.volume.max()))


def test_values_do_not_drift() -> None:
    """Two hundred thousand bars: seven months of minutes."""
    check(200_000)


@pytest.mark.slow
def test_values_do_not_drift_in_ten_million_bars() -> None:
    """Nineteen years of minutes."""
    check(10_000_000)


def test_a_flat_market_after_a_huge_price_is_exactly_flat() -> None:
    """A rolling sum that subtracts would keep the rounding of 1e15 for ever."""
    close = np.full(200, 1.1)
    close[50:55] = 1e15
    items = create_set(["sma:20", "stddev:20", "bbands:20,2", "cci:20", "linregslope:14", "wma:20"])
    values = dict(zip(items.names, run(items, of_closes(close)), strict=True))
    assert values["stddev_20"][-1] == 0.0
    assert values["bbands_20_2_upper"][-1] == values["bbands_20_2_lower"][-1] == values["sma_20"][-1]
    assert values["cci_20"][-1] == 0.0
    assert abs(values["sma_20"][-1] - 1.1) < 1e-15
    assert abs(values["wma_20"][-1] - 1.1) < 1e-15
    assert abs(values["linregslope_14"][-1]) < 1e-15
