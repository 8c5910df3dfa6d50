"""Series of bars for indicator tests: the vendors' real ones, and made ones that are awkward on purpose.

A series is columns of equal length; `made()` gives the awkward ones by name, `vendors(folder)` the real ones.
"""

from __future__ import annotations

import functools
import gzip
import io
import zipfile
from pathlib import Path
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from mtf.indicators import Indicator, IndicatorSet
from mtf.indicators.rolling import filled

__all__ = ["Series", "made", "run", "vendors", "walk"]

Column = NDArray[np.float64]
SEED: Final = 20_240_310


@attrs.frozen(eq=False)
class Series:
    """Bars as columns; `day` is the ordinal of the trading day."""

    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    day: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.close)

    def tail(self, count: int) -> Series:
        return Series(
            self.open[-count:],
            self.high[-count:],
            self.low[-count:],
            self.close[-count:],
            self.volume[-count:],
            self.day[-count:],
        )

    def head(self, count: int) -> Series:
        return Series(
            self.open[:count],
            self.high[:count],
            self.low[:count],
            self.close[:count],
            self.volume[:count],
            self.day[:count],
        )


def run(indicator: Indicator | IndicatorSet, series: Series) -> NDArray[np.float64]:
    """Commit every bar and return the completed values, one row an output."""
    width = int(indicator.width)
    row = filled(width, 0.0)
    out = np.empty((width, len(series)))
    commit = indicator.commit
    for i in range(len(series)):
        commit(
            float(series.open[i]),
            float(series.high[i]),
            float(series.low[i]),
            float(series.close[i]),
            float(series.volume[i]),
            int(series.day[i]),
            0,
        )
        indicator.current(row, 0)
        for k in range(width):
            out[k, i] = row[k]
    return out


def of_closes(close: Column, *, spread: float = 0.0, volume: Column | None = None, bars_a_day: int = 50) -> Series:
    """Return bars that open where the one before closed, and reach *spread* times the price beyond."""
    count = len(close)
    opening = np.concatenate([close[:1], close[:-1]])
    rng = np.random.default_rng(SEED)
    high = np.maximum(opening, close) + spread * np.abs(close) * rng.random(count)
    low = np.minimum(opening, close) - spread * np.abs(close) * rng.random(count)
    if volume is None:
        volume = np.floor(rng.random(count) * 1000.0)
    day = 738_000 + np.arange(count, dtype=np.int64) // bars_a_day
    return Series(opening, high, low, close.astype(np.float64), volume.astype(np.float64), day)


def walk(count: int, *, price: float = 100.0, step: float = 0.01, tick: float = 0.0, seed: int = SEED) -> Column:
    """Return a geometric random walk; with *tick*, on a grid of prices."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(size=count)) * step)
    return np.round(close / tick) * tick if tick else close


def made(count: int = 400) -> dict[str, Series]:
    """Return the awkward series by name."""
    ramp = np.arange(count, dtype=np.float64)
    base = walk(count)
    halves = base.copy()
    halves[count // 2 :] = halves[count // 2]
    gapped = base * np.where(ramp // 40 % 2 == 1, 3.0, 1.0)
    spike = np.full(count, 1.1)
    spike[60:70] = 1e6
    return {
        "walk": of_closes(base, spread=0.004),
        "grid": of_closes(walk(count, price=1.1, step=1e-4, tick=1e-4), spread=0.0),
        "flat": of_closes(np.full(count, 1.1)),
        "flat_huge": of_closes(np.full(count, 123_456_789_012.3)),
        "flat_after_walk": of_closes(halves),
        "zero_volume": of_closes(base, spread=0.004, volume=np.zeros(count)),
        "volume_comes_and_goes": of_closes(base, spread=0.004, volume=np.where(ramp // 30 % 2 == 1, 100.0, 0.0)),
        "rising": of_closes(100.0 + 0.25 * ramp, spread=0.001),
        "falling": of_closes(1000.0 - 0.25 * ramp, spread=0.001),
        "rising_without_wicks": of_closes(100.0 + 0.25 * ramp),
        "falling_without_wicks": of_closes(1000.0 - 0.25 * ramp),
        "gapped": of_closes(gapped, spread=0.002),
        "to_and_fro": of_closes(100.0 + np.where(ramp % 2 == 1, 1.0, -1.0)),
        "huge": of_closes(base * 1e12, spread=0.004),
        "tiny": of_closes(base * 1e-14, spread=0.004),
        "spike": of_closes(spike),
        "huge_with_small_steps": of_closes(1e9 + np.cumsum(np.random.default_rng(3).normal(size=count)), spread=1e-9),
        "large_against_its_tick": of_closes(
            np.round(65_000.0 + 0.01 * np.cumsum(np.random.default_rng(4).integers(-2, 3, count)), 2)
        ),
        "one_in_a_million": of_closes(1.1 * (1.0 + 1e-6 * np.sin(ramp))),
    }


@functools.cache
def vendors(folder: Path) -> dict[str, Series]:
    """Return real bars by name, some hundreds to thousands each."""
    series = {}
    for pair, frame, count in (("EUR_USD", "M1", 2000), ("USD_JPY", "H1", 1200), ("AUD_USD", "D", 1200)):
        path = folder / "bars_oanda_v20" / f"{pair}_{frame}.csv.gz"
        with gzip.open(path, "rt") as file:
            lines = [line.split(",") for line in file.read().splitlines()[1 : count + 1]]
        table = np.array([[float(line[k]) for k in (3, 4, 5, 6, 1)] for line in lines])
        days = np.array([np.datetime64(line[2][:10], "D") for line in lines]).astype(np.int64) + 719_163
        series[f"oanda_{pair}_{frame}"] = _of_table(table, days)
    with zipfile.ZipFile(folder / "lean/equity/usa/daily/spy.zip") as archive:
        text = archive.read("spy.csv").decode()
    table = np.loadtxt(io.StringIO(text), delimiter=",", usecols=(1, 2, 3, 4, 5))[-1200:]
    table[:, :4] /= 10_000.0
    series["lean_spy_daily"] = _of_table(table, np.arange(len(table), dtype=np.int64) + 730_000)
    series["skender_zeros"] = _skender(folder / "robustness/skender_zeros.csv")
    series["skender_penny"] = _skender(folder / "robustness/skender_penny.csv")
    return series


def _skender(path: Path) -> Series:
    lines = [line.split(",") for line in path.read_text().splitlines()]
    head = [name.strip().lower() for name in lines[0]]
    columns = [head.index(name) for name in ("open", "high", "low", "close", "volume")]
    table = np.array([[float(line[k]) for k in columns] for line in lines[1:] if len(line) == len(head)])
    return _of_table(table, np.arange(len(table), dtype=np.int64) + 730_000)


def _of_table(table: NDArray[np.float64], days: NDArray[np.int64]) -> Series:
    open_, high, low, close, volume = (np.ascontiguousarray(table[:, k]) for k in range(5))
    return Series(open_, high, low, close, volume, days)
