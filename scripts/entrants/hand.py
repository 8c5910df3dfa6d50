"""Plain Python by hand: dicts and lists, no library; what most people write first, and then tune a little."""

from __future__ import annotations

import platform

from contest import SECOND_NS, Cannot, Case, Entry, FullBar, Result, Ticks, answer_all

__all__ = ["Values", "prepare", "prepare_values"]


class Values:
    """SMA, EMA, RSI and ATR of the bars of one symbol and length, kept up to date bar by bar."""

    __slots__ = ("atr", "before", "closes", "count", "ema", "gain", "last", "loss", "total")

    def __init__(self) -> None:
        self.closes: list[float] = []  # the last 20
        self.count = 0
        self.total = 0.0
        self.ema = self.gain = self.loss = self.atr = self.before = 0.0
        self.last: tuple[float, ...] = ()

    def peek(self, high: float, low: float, close: float) -> tuple[float, ...]:
        """Return the values as if a bar closed now; NaN for what is not ready."""
        nan = float("nan")
        count = self.count + 1
        sma = ema = rsi = atr = nan
        if count >= 20:
            sma = (self.total - (self.closes[0] if count > 20 else 0.0) + close) / 20
            ema = sma if count == 20 else self.ema + (close - self.ema) * (2 / 21)
        if count >= 15:
            change = close - self.before
            gain, loss = (change if change > 0 else 0.0), (-change if change < 0 else 0.0)
            span = max(high, self.before) - min(low, self.before)
            if count == 15:
                gain, loss, atr = (self.gain + gain) / 14, (self.loss + loss) / 14, (self.atr + span) / 14
            else:
                gain, loss = (self.gain * 13 + gain) / 14, (self.loss * 13 + loss) / 14
                atr = (self.atr * 13 + span) / 14
            rsi = 100 * gain / (gain + loss) if gain + loss else 50.0
        return sma, ema, rsi, atr

    def close(self, high: float, low: float, close: float) -> None:
        """Take a complete bar."""
        self.last = found = self.peek(high, low, close)
        count = self.count = self.count + 1
        closes = self.closes
        closes.append(close)
        self.total += close
        if count > 20:
            self.total -= closes.pop(0)
        self.ema = found[1]
        if count > 1:
            change = close - self.before
            gain, loss = (change if change > 0 else 0.0), (-change if change < 0 else 0.0)
            span = max(high, self.before) - min(low, self.before)
            if count < 15:
                self.gain, self.loss, self.atr = self.gain + gain, self.loss + loss, self.atr + span
            elif count == 15:
                self.gain, self.loss, self.atr = (self.gain + gain) / 14, (self.loss + loss) / 14, found[3]
            else:
                self.gain, self.loss = (self.gain * 13 + gain) / 14, (self.loss * 13 + loss) / 14
                self.atr = found[3]
        self.before = close


def prepare_values(case: Case, ticks: Ticks, values: type[Values]) -> Entry:
    """Prepare the loop with the indicators of a library that has no bars."""
    if case.values == "none":
        raise Cannot("indicators alone: bars are those by hand")
    return prepare(case, ticks, values)


def prepare(case: Case, ticks: Ticks, values: type[Values] = Values) -> Entry:
    """Prepare a loop in plain Python; *values* keeps the indicators."""
    rows = list(zip(ticks.symbols, ticks.ts_ns, ticks.prices, ticks.sizes, strict=True))
    lengths = [length * SECOND_NS for length in case.lengths]
    keeps, live = case.values != "none", case.values == "live"
    closed: list[FullBar] = []
    kept: dict[tuple[int, int], list[float]] = {}
    indicators: dict[tuple[int, int], Values] = {}

    def run() -> None:
        closed.clear()
        kept.clear()
        indicators.clear()
        ranks = list(enumerate(lengths))
        for symbol, ts_ns, price, size in rows:
            for rank, length in ranks:
                key = (symbol, rank)
                bar = kept.get(key)
                if bar is None or ts_ns >= bar[7]:
                    if bar is not None:
                        closed.append((symbol, rank, bar[0], *bar[1:7]))  # type: ignore[arg-type]
                        if keeps:
                            indicators[key].close(bar[2], bar[3], bar[4])
                    elif keeps:
                        indicators[key] = values()
                    start = ts_ns - ts_ns % length
                    kept[key] = [start, price, price, price, price, size, 1, start + length]
                    bar = kept[key]
                else:
                    if price > bar[2]:
                        bar[2] = price
                    if price < bar[3]:
                        bar[3] = price
                    bar[4] = price
                    bar[5] += size
                    bar[6] += 1
                if live:
                    indicators[key].peek(bar[2], bar[3], bar[4])

    def result() -> Result:
        found: dict[tuple[int, int], tuple[float, ...]] = {}
        for key, each in indicators.items():
            bar = kept[key]
            found[key] = each.last + (each.peek(bar[2], bar[3], bar[4]) if live else ())
        return Result(closed, found)

    return Entry(run, result)


if __name__ == "__main__":
    answer_all(f"Python {platform.python_version()}", prepare)
