"""No error builds up: after a long stream each value agrees with one computed afresh from the last bars alone."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pytest

from mtf.indicators import IndicatorSet, create_set
from mtf.indicators.rolling import filled
from tests.indicators.series import Series, of_closes, run, walk

TOLERANCE: Final = 1e-9
CHUNK: Final = 100_000  # bars
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
    "cci:20",
    "mfi:14",
    "cmf:20",
    "adx:14",
    "obv",
)


def chunk(seed: int) -> Series:
    """A walk over many orders of magnitude: what was added a million times larger must leave without a trace."""
    rng = np.random.default_rng(seed)
    close = walk(CHUNK, step=0.002, seed=seed)
    close *= np.where(np.arange(CHUNK) // 997 % 5 == 0, 1e6, 1.0)
    return of_closes(close, spread=0.001, volume=np.floor(rng.random(CHUNK) * 1e6) / 7.0)


def feed(items: IndicatorSet, series: Series) -> dict[str, float]:
    """Commit every bar and return the last values by name."""
    columns = (series.open, series.high, series.low, series.close, series.volume, series.day)
    for open_, high, low, close, volume, day in zip(*(column.tolist() for column in columns), strict=True):
        items.commit(open_, high, low, close, volume, day, 0)
    row = filled(items.width, 0.0)
    items.current(row, 0)
    return {name: row[k] for k, name in enumerate(items.names)}


def check(count: int) -> None:
    """Compare the values after *count* bars, a multiple of CHUNK, with fresh ones."""
    items = create_set(SPECS)
    flows: list[float] = []
    last: dict[str, float] = {}
    before = 0.0
    series = chunk(0)
    for seed in range(count // CHUNK):
        series = chunk(seed)
        last = feed(items, series)
        flows.append(math.fsum(np.sign(np.diff(series.close, prepend=before)) * series.volume))
        before = float(series.close[-1])
    tail = series.tail(TAIL)
    again = feed(create_set(SPECS), tail)
    close = tail.close
    for name, value in last.items():
        if name == "obv":
            continue
        scale = 100.0 if name.partition("_")[0] in ("rsi", "cci", "mfi", "stoch", "adx") else close[-60:].max()
        scale = tail.volume[-60:].max() if name.startswith("volume") else scale
        assert abs(value - again[name]) <= TOLERANCE * max(abs(again[name]), scale), name
    window = close[-20:]
    mean = math.fsum(window) / 20
    assert math.isclose(last["sma_20"], mean, rel_tol=TOLERANCE)
    deviation = math.sqrt(math.fsum((window - mean) ** 2) / 20)
    assert abs(last["stddev_20"] - deviation) <= TOLERANCE * window.max()
    assert math.isclose(last["wma_20"], math.fsum(window * np.arange(1, 21)) / 210, rel_tol=TOLERANCE)
    obv = math.fsum(flows)
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
