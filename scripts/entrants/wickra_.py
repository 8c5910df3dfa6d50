"""wickra's streaming indicators, over bars by hand; they have no value of a bar that forms."""

from __future__ import annotations

import wickra
from contest import Cannot, Case, Entry, Ticks, answer_all
from hand import Values, prepare_values

__all__ = ["Streams"]

NAN = float("nan")


class Streams(Values):
    """The four indicators of one symbol and length."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        super().__init__()
        self.parts = wickra.SMA(20), wickra.EMA(20), wickra.RSI(14), wickra.ATR(14)

    def close(self, high: float, low: float, close: float) -> None:
        sma, ema, rsi, atr = self.parts
        found = sma.update(close), ema.update(close), rsi.update(close), atr.update((close, high, low, close, 0.0, 0))
        self.last = tuple(NAN if value is None else value for value in found)


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the loop by hand with streams."""
    if case.values == "live":
        raise Cannot("no value of a bar that forms")
    return prepare_values(case, ticks, Streams)


if __name__ == "__main__":
    answer_all(f"wickra {wickra.__version__}", prepare)
