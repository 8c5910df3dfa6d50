"""Every value agrees with TA-Lib's, from the same bar on, wherever TA-Lib has the function.

|got - want| <= 1e-9 * max(|want|, scale): scale is the largest input in the window, 100 for percent and index points.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import talib

from mtf.indicators import create
from tests.indicators.series import Series, made, run, vendors

TOLERANCE: Final = 1e-9

PRICE: Final = "price"
PERCENT: Final = "percent"
VOLUME: Final = "volume"
PLAIN: Final = talib.MA_Type.SMA  # type: ignore[attr-defined]

Want = Callable[[Series], tuple[Any, ...]]

REFERENCES: Final[list[tuple[str, str, Want]]] = [
    *((f"sma:{n}", PRICE, lambda s, n=n: (talib.SMA(s.close, n),)) for n in (2, 5, 20)),
    *((f"ema:{n}", PRICE, lambda s, n=n: (talib.EMA(s.close, n),)) for n in (2, 5, 20)),
    *((f"wma:{n}", PRICE, lambda s, n=n: (talib.WMA(s.close, n),)) for n in (2, 5, 20)),
    *((f"dema:{n}", PRICE, lambda s, n=n: (talib.DEMA(s.close, n),)) for n in (2, 5, 20)),
    *((f"tema:{n}", PRICE, lambda s, n=n: (talib.TEMA(s.close, n),)) for n in (2, 5, 20)),
    *((f"hma:{n}", PRICE, lambda s, n=n: (talib.HMA(s.close, n),)) for n in (2, 3, 9, 15, 20)),
    *((f"kama:{n}", PRICE, lambda s, n=n: (talib.KAMA(s.close, n),)) for n in (2, 10, 30)),
    *((f"linregslope:{n}", PRICE, lambda s, n=n: (talib.LINEARREG_SLOPE(s.close, n),)) for n in (2, 5, 14)),
    *((f"mom:{n}", PRICE, lambda s, n=n: (talib.MOM(s.close, n),)) for n in (1, 10)),
    *((f"roc:{n}", PERCENT, lambda s, n=n: (talib.ROC(s.close, n),)) for n in (1, 10)),
    *((f"trix:{n}", PERCENT, lambda s, n=n: (talib.TRIX(s.close, n),)) for n in (2, 15)),
    *((f"rsi:{n}", PERCENT, lambda s, n=n: (talib.RSI(s.close, n),)) for n in (2, 5, 14)),
    *(
        (f"macd:{f},{s},{g}", PRICE, lambda x, f=f, s=s, g=g: talib.MACD(x.close, f, s, g))
        for f, s, g in ((12, 26, 9), (3, 5, 1), (2, 30, 4))
    ),
    *((f"cci:{n}", PERCENT, lambda s, n=n: (talib.CCI(s.high, s.low, s.close, n),)) for n in (2, 3, 5, 14, 20, 50)),
    *((f"willr:{n}", PERCENT, lambda s, n=n: (talib.WILLR(s.high, s.low, s.close, n),)) for n in (2, 5, 14)),
    *(
        (
            f"stoch:{k},{w},{d}",
            PERCENT,
            lambda s, k=k, w=w, d=d: talib.STOCH(s.high, s.low, s.close, k, w, PLAIN, d, PLAIN),
        )
        for k, w, d in ((14, 1, 3), (14, 3, 3), (5, 3, 3), (1, 1, 1))
    ),
    *(
        (f"stochrsi:{n},{k},{d}", PERCENT, lambda s, n=n, k=k, d=d: talib.STOCHRSI(s.close, n, k, d, PLAIN))
        for n, k, d in ((14, 14, 3), (14, 5, 3), (5, 5, 1), (14, 1, 1))
    ),
    *((f"aroon:{n}", PERCENT, lambda s, n=n: talib.AROON(s.high, s.low, n)[::-1]) for n in (2, 5, 14)),
    *(
        (f"bbands:{n},{w}", PRICE, lambda s, n=n, w=w: _middle_first(talib.BBANDS(s.close, n, w, w, PLAIN)))
        for n, w in ((20, 2.0), (5, 1.5), (2, 2.0))
    ),
    *((f"stddev:{n}", PRICE, lambda s, n=n: (talib.STDDEV(s.close, n, 1.0),)) for n in (2, 5, 20)),
    *((f"atr:{n}", PRICE, lambda s, n=n: (talib.ATR(s.high, s.low, s.close, n),)) for n in (1, 2, 14)),
    *(
        (
            f"keltner:{n},{w},{a},typical",
            PRICE,
            lambda s, n=n, a=a, w=w: _middle_first(talib.KC(s.high, s.low, s.close, n, a, w)),
        )
        for n, w, a in ((20, 2.0, 10), (5, 1.5, 10), (10, 2.0, 5), (11, 2.0, 10))
    ),
    *(
        (f"keltner:{n},{w},{a}", PRICE, lambda s, n=n, a=a, w=w: _keltner(s, n, w, a))
        for n, w, a in ((20, 2.0, 10), (5, 1.5, 10), (10, 2.0, 5))
    ),
    *((f"donchian:{n}", PRICE, lambda s, n=n: _middle_first(talib.DONCHIAN(s.high, s.low, n))) for n in (2, 20)),
    *(
        (f"supertrend:{n},{w}", PRICE, lambda s, n=n, w=w: _supertrend(s, n, w))
        for n, w in ((10, 3.0), (5, 1.0), (2, 0.5))
    ),
    ("obv", VOLUME, lambda s: (talib.OBV(s.close, s.volume),)),
    *((f"volume_sma:{n}", VOLUME, lambda s, n=n: (talib.SMA(s.volume, n),)) for n in (2, 20)),
    *((f"mfi:{n}", PERCENT, lambda s, n=n: (talib.MFI(s.high, s.low, s.close, s.volume, n),)) for n in (2, 14)),
    *((f"cmf:{n}", PERCENT, lambda s, n=n: (talib.CMF(s.high, s.low, s.close, s.volume, n),)) for n in (2, 20)),
    *(
        (
            f"adx:{n}",
            PERCENT,
            lambda s, n=n: tuple(f(s.high, s.low, s.close, n) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)),
        )
        for n in (2, 5, 14)
    ),
    *(
        (f"sar:{a},{m}", PRICE, lambda s, a=a, m=m: (talib.SAR(s.high, s.low, a, m),))
        for a, m in ((0.02, 0.2), (0.1, 0.1), (0.3, 0.2))
    ),
    ("sma:5@rsi:14", PERCENT, lambda s: (talib.SMA(talib.RSI(s.close, 14), 5),)),
    ("ema:9@macd:12,26,9/signal", PRICE, lambda s: (talib.EMA(talib.MACD(s.close, 12, 26, 9)[1], 9),)),
]


def _middle_first(bands: tuple[Any, ...]) -> tuple[Any, ...]:
    upper, middle, lower = bands
    return middle, upper, lower


def _keltner(s: Series, period: int, width: float, atr: int) -> tuple[Any, ...]:
    middle, reach = talib.EMA(s.close, period), width * talib.ATR(s.high, s.low, s.close, atr)
    return middle, middle + reach, middle - reach


def _supertrend(s: Series, period: int, width: float) -> tuple[Any, ...]:
    line, trend = talib.SUPERTREND(s.high, s.low, s.close, period, width)
    return line, np.where(np.isnan(line), np.nan, trend)


# What forgets a bar after its window; the others never quite do, so that their window is everything so far. (The Hull
# average forgets too, but TA-Lib's does not: its sums keep 1e-9 of a price a million times larger.)
WINDOWED: Final = {"sma", "wma", "linregslope", "mom", "bbands", "stddev", "donchian", "volume_sma"}


def scale_of(kind: str, spec: str, s: Series) -> Any:
    """The largest input in the window at each bar; 100 for what is in percent or index points."""
    if kind == PERCENT:
        return np.full(len(s), 100.0)
    inputs = np.abs(s.volume) if kind == VOLUME else np.maximum(np.abs(s.high), np.abs(s.low))
    if spec.partition(":")[0] not in WINDOWED:
        return np.maximum.accumulate(inputs)
    window = create(spec).warmup
    padded = np.concatenate([np.zeros(window - 1), inputs])
    return np.lib.stride_tricks.sliding_window_view(padded, window).max(axis=1)


def check(spec: str, kind: str, want: Want, s: Series) -> None:
    got = run(create(spec), s)
    wanted = want(s)
    assert len(got) == len(wanted)
    for name, ours, theirs in zip(create(spec).outputs, got, wanted, strict=True):
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), f"{name}: the first value is at another bar"
        error = np.abs(ours - theirs)
        allowed = TOLERANCE * np.maximum(np.abs(theirs), scale_of(kind, spec, s))
        bad = np.flatnonzero(error > allowed)
        assert not len(bad), f"{name} at bar {bad[0]}: {ours[bad[0]]!r}, TA-Lib {theirs[bad[0]]!r}, {len(bad)} in all"


MADE: Final = made()


@pytest.mark.parametrize(("spec", "kind", "want"), REFERENCES, ids=[spec for spec, _, _ in REFERENCES])
@pytest.mark.parametrize("name", MADE)
def test_made_series_agree_with_talib(name: str, spec: str, kind: str, want: Want) -> None:
    """Flat, monotone, gapped, huge, tiny and silent markets are where packages differ."""
    check(spec, kind, want, MADE[name])


@pytest.mark.parametrize(("spec", "kind", "want"), REFERENCES, ids=[spec for spec, _, _ in REFERENCES])
def test_real_bars_agree_with_talib(vendor_data: Path, spec: str, kind: str, want: Want) -> None:
    """The vendors' bars have the grids, gaps and volumes of real markets."""
    for s in vendors(vendor_data).values():
        check(spec, kind, want, s)
