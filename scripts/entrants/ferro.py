"""ferro-ta's streaming indicators, over bars by hand; `closed=False` is a bar that forms."""

from __future__ import annotations

import ferro_ta
from contest import Case, Entry, Ticks, answer_all
from hand import Values, prepare_values

__all__ = ["Streams"]


class Streams(Values):
    """The four indicators of one symbol and length."""

    __slots__ = ("streams",)

    def __init__(self) -> None:
        super().__init__()
        self.streams = (
            ferro_ta.StreamingSMA(20),
            ferro_ta.StreamingEMA(20),
            ferro_ta.StreamingRSI(14),
            ferro_ta.StreamingATR(14),
        )

    def peek(self, high: float, low: float, close: float) -> tuple[float, ...]:
        sma, ema, rsi, atr = self.streams
        return (
            sma.update(close, closed=False),
            ema.update(close, closed=False),
            rsi.update(close, closed=False),
            atr.update(high, low, close, closed=False),
        )

    def close(self, high: float, low: float, close: float) -> None:
        sma, ema, rsi, atr = self.streams
        self.last = (sma.update(close), ema.update(close), rsi.update(close), atr.update(high, low, close))


def prepare(case: Case, ticks: Ticks) -> Entry:
    """Prepare the loop by hand with streams."""
    return prepare_values(case, ticks, Streams)


if __name__ == "__main__":
    answer_all(f"ferro-ta {ferro_ta.__version__}", prepare)
