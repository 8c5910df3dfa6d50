"""Published figures agree to their printed digits, where their convention is ours.

The files and their conventions stand in the data folder's PROVENANCE.md; `docs/indicators.md` lists both kinds.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from mtf.indicators import create

# file, spec, columns of close and volume, {output: column}, first row that is compared, and how far a value may lie
# from the printed one where half of its last digit is not enough: most files were computed in single precision, or
# from prices with more digits than are printed.
LEAN: Final = [
    ("spy_with_indicators.txt", "sma:14", "Close", None, {0: "SMA14"}, 0, 0.006),
    ("spy_with_indicators.txt", "ema:14", "Close", None, {0: "EMA14"}, 0, 0.006),
    ("spy_with_indicators.txt", "rsi:14", "Close", None, {0: "RSI 14 Wilder"}, 0, 0.0),
    ("spy_with_indicators.txt", "macd:12,26,9", "Close", None, {0: "MACD 12 26"}, 350, 2e-4),
    ("spy_ema.csv", "ema:14", "close", None, {0: "EMA14"}, 0, 0.0),
    ("spy_dema.txt", "dema:5", "close", None, {0: "DEMA_5"}, 0, 0.0),
    ("spx_lwma.csv", "wma:6", "Close", None, {0: "LWMA"}, 0, 1e-3),
    ("spy_with_macd.txt", "macd:12,26,9", "Close", None, {0: "MACD", 1: "Signal", 2: "Histogram"}, 0, 6e-6),
    ("spy_with_stoch12k3.txt", "stoch:12,3,5", "Close", None, {0: "Stochastics 12 %K 3", 1: "%D 5"}, 0, 4e-4),
    ("spy_with_cci.txt", "cci:14", "Close", None, {0: "Commodity Channel Index (CCI) 14"}, 0, 3e-3),
    ("spy_with_williamsR14.txt", "willr:14", "Close", None, {0: "Williams %R 14"}, 0, 4e-4),
    (
        "spy_bollinger_bands.txt",
        "bbands:20,2",
        "Close",
        None,
        {0: "Moving Average 20", 1: "Bollinger Bands® 20 2 Top", 2: "Bollinger Bands® 20 2 Bottom"},
        0,
        7e-5,
    ),
    (
        "spy_with_don50.txt",
        "donchian:50",
        "Close",
        None,
        {1: "Donchian Channels 50 Top", 2: "Donchian Channels 50 Bottom", 0: "Donchian Channels 50 Mean"},
        49,
        0.0,
    ),
    ("spy_with_obv.txt", "obv", "Close", "Volume", {0: "OBV "}, 0, 2000.0),
    ("spy_sarext.txt.gz", "sar:0.02,0.2", "close", None, {0: "SAR"}, 0, 0.0),
    # Wilder's averages forget that these began otherwise: from here on the digits are the same.
    ("spy_atr_wilder.txt", "atr:14", "Close", None, {0: "Average True Range 14"}, 200, 0.0),
    ("spy_with_adx.txt", "adx:14", "Close", None, {0: "ADX 14", 1: "+DI14", 2: "-DI14"}, 250, 0.0),
]

PYALGOTRADE: Final = [
    ("nt-sma-15.csv", "sma:15"),
    ("sc-sma-10.csv", "sma:10"),
    ("sc-ema-10.csv", "ema:10"),
    ("rsi-test.csv", "rsi:14"),
]

# name in the book's file, spec, input columns, outputs in the file's order
TULIP: Final = [
    ("sma 5", "sma:5", "c", (0,)),
    ("wma 5", "wma:5", "c", (0,)),
    ("rsi 5", "rsi:5", "c", (0,)),
    ("stddev 5", "stddev:5", "c", (0,)),
    ("bbands 5 2", "bbands:5,2", "c", (2, 0, 1)),
    ("stoch 5 3 3", "stoch:5,3,3", "hlc", (0, 1)),
    ("willr 5", "willr:5", "hlc", (0,)),
    ("cci 5", "cci:5", "hlc", (0,)),
    ("aroon 5", "aroon:5", "hl", (1, 0)),
    ("mfi 14", "mfi:14", "hlcv", (0,)),
    ("atr 4", "atr:4", "hlc", (0,)),
    ("di 14", "adx:14", "hlc", (1, 2)),
]


def values(
    spec: str,
    closes: Iterable[float],
    highs: Iterable[float] | None = None,
    lows: Iterable[float] | None = None,
    volumes: Iterable[float] | None = None,
) -> list[tuple[float, ...]]:
    """Return the completed values after each bar."""
    indicator = create(spec)
    close = list(closes)
    high, low = list(highs or close), list(lows or close)
    volume = list(volumes or [0.0] * len(close))
    found = []
    for i, price in enumerate(close):
        indicator.commit(price, high[i], low[i], price, volume[i], 0, 0)
        found.append(indicator.values())
    return found


def half_of_the_last_digit(text: str) -> float:
    """Half a unit of the last printed digit, and a hair for the rounding of a half."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5000001 * 10.0 ** (int(exponent or 0) - decimals)


def table(path: Path) -> list[dict[str, str]]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def column(rows: list[dict[str, str]], *wanted: str) -> list[float] | None:
    name = next((name for name in wanted if name in rows[0]), None)
    return None if name is None else [float(row[name]) for row in rows]


@pytest.mark.parametrize(("file", "spec", "close", "volume", "outputs", "first", "apart"), LEAN)
def test_lean_figures(
    vendor_data: Path,
    file: str,
    spec: str,
    close: str,
    volume: str | None,
    outputs: dict[int, str],
    first: int,
    apart: float,
) -> None:
    """Lean checks itself against figures of charting packages."""
    rows = [row for row in table(vendor_data / "indicators" / "lean" / file) if row[close]]
    closes = column(rows, close)
    assert closes is not None
    got = values(
        spec, closes, column(rows, "High", "high"), column(rows, "Low", "low"), column(rows, volume) if volume else None
    )
    compared = 0
    for i, row in enumerate(rows):
        for output, name in outputs.items():
            text = row[name]
            if i < first or text in ("", "NaN", "0", None) or got[i][output] != got[i][output]:
                continue
            error = abs(got[i][output] - float(text))
            assert error <= max(apart, half_of_the_last_digit(text), 1e-12 * abs(float(text))), f"row {i}, {name}"
            compared += 1
    assert compared >= (len(rows) - first) * len(outputs) * 0.4


@pytest.mark.parametrize(("file", "spec"), PYALGOTRADE)
def test_chart_school_worked_examples(vendor_data: Path, file: str, spec: str) -> None:
    """The examples that most people learned these by."""
    rows = table(vendor_data / "indicators" / "pyalgotrade" / file)
    got = values(spec, [float(row["Input"]) for row in rows])
    compared = 0
    for i, row in enumerate(rows):
        text = row["Expected"]
        if text:
            assert abs(got[i][0] - float(text)) <= max(half_of_the_last_digit(text), 1e-9), f"row {i}"
            compared += 1
    assert compared > 10


@pytest.mark.parametrize(("name", "spec", "inputs", "outputs"), TULIP)
def test_worked_examples_of_achelis(
    vendor_data: Path, name: str, spec: str, inputs: str, outputs: tuple[int, ...]
) -> None:
    """Technical Analysis from A to Z: the last rows are the same, where a first one may be a bar earlier."""
    rows = _tulip(vendor_data / "indicators" / "tulip" / "atoz.txt")[name]
    columns = {key: [float(text) for text in row] for key, row in zip(inputs, rows, strict=False)}
    close = columns.get("c") or columns["l"]
    got = values(spec, close, columns.get("h"), columns.get("l"), columns.get("v"))
    for output, row in zip(outputs, rows[len(inputs) :], strict=True):
        ours = [value[output] for value in got if value[output] == value[output]]
        count = min(len(ours), len(row))
        assert count >= 4
        for mine, text in zip(ours[-count:], row[-count:], strict=True):
            assert abs(mine - float(text)) <= half_of_the_last_digit(text)


def _tulip(path: Path) -> dict[str, list[list[str]]]:
    """Return the rows of numbers by the name of each example."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in path.read_text().splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("{"):
            rows.append([number.strip() for number in text.strip("{}").split(",") if number.strip()])
        else:
            rows = found.setdefault(" ".join(text.split()), [])
    return found


def test_swings_are_those_of_lean(vendor_data: Path) -> None:
    """A swing is reported on the bar that confirms it, ten bars after it."""
    rows = table(vendor_data / "indicators" / "lean" / "spy_pivot_pnt_hl.txt")
    got = values("swings:10,10", *([float(row[name]) for row in rows] for name in ("Close", "High", "Low")))
    highs, lows = np.array([float(row["High"]) for row in rows]), np.array([float(row["Low"]) for row in rows])
    told = 0
    last_high = last_low = float("nan")
    for i, row in enumerate(rows):
        if row["PPHL"] in ("1", "2"):  # 2: a high and a low in one bar
            last_high = highs[i - 10]
            told += 1
        if row["PPHL"] in ("-1", "2"):
            last_low = lows[i - 10]
            told += 1
        np.testing.assert_equal(got[i], (last_high, last_low), f"row {i}")
    assert told > 10
