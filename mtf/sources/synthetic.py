"""A simulated fx market from a seed: the same quotes, bit for bit, on every machine and in both builds. Compiled.

Several symbols take turns in one stream. The market is closed from Friday 17:00 to Sunday 17:00 in New York, by the
daylight saving rules of the United States since 2007, written as arithmetic so that no time zone database can change
them. Quotes are dense in London's and New York's hours and sparse in between; prices are a bounded random walk in whole
points; sizes are multiples of 2**-10, so that sums of them are exact. Everything is integer arithmetic in 63 bits; only
the last step, points to price, is one correctly rounded division.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any, Final

import xxhash
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.errors import ConfigError, SourceError
from mtf.events.block import BOTH_SIDES
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import REASONS
from mtf.events.tick import Tick
from mtf.sources.source import iterate
from mtf.sources.stamps import civil_day
from mtf.units import TS_MAX_NS

__all__ = ["SyntheticMarket"]

MILLISECOND_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3_600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS
WEEK_NS: Final = 7 * DAY_NS

MASK: Final = 0xFFFFFFFF
VERSION: Final = 1  # raised when the same seed gives different quotes
SYMBOLS_MAX: Final = 10_000

# The mean wait for the next quote, by hour UTC, in units of `pace_ms` / 16.
_WAITS: Final = (40, 40, 36, 36, 36, 36, 24, 12, 8, 8, 10, 10, 8, 5, 4, 4, 6, 10, 16, 24, 40, 80, 96, 64)

_THREE_DIGITS: Final = ("JPY", "HUF", "RUB", "XAU", "XAG")

# Start prices in points. Any other symbol starts at 1.00000, or 100.000 if its point is 0.001.
_STARTS: Final = {
    "EURUSD": 109_500,
    "GBPUSD": 127_000,
    "USDJPY": 148_000,
    "USDCHF": 88_000,
    "AUDUSD": 66_000,
    "NZDUSD": 61_000,
    "USDCAD": 135_000,
    "EURJPY": 162_000,
    "GBPJPY": 188_000,
    "EURGBP": 86_000,
    "XAUUSD": 2_030_000,
}


@mypyc_attr(native_class=True)
class SyntheticMarket:
    """Quotes of *symbols* from *start* to *end*, or *events* of them, whichever comes first; a Source.

    *start* and *end* are dates or ISO 8601 times UTC; *pace_ms* is the mean wait between two quotes of the market in an
    hour that is neither busy nor quiet. The position holds the whole state, so that `seek` costs nothing.
    """

    def __init__(
        self,
        seed: int = 1,
        symbols: Sequence[str] = ("EURUSD", "GBPUSD", "USDJPY"),
        start: str = "2024-01-01",
        end: str | None = None,
        events: int | None = None,
        pace_ms: int = 400,
        name: str = "synthetic",
    ) -> None:
        if not 0 < len(symbols) <= SYMBOLS_MAX or len(set(symbols)) != len(symbols):
            raise ConfigError(f"a synthetic market must have 1 to {SYMBOLS_MAX} different symbols")
        if not 1 <= pace_ms <= 3_600_000:
            raise ConfigError(f"pace_ms must be between 1 and 3,600,000, got {pace_ms}")
        if end is None and events is None:
            raise ConfigError("a synthetic market does not end by itself: give end= or events=")
        self.name: Final = name
        self._parameters: Final[dict[str, Any]] = {
            "version": VERSION,
            "seed": seed,
            "symbols": list(symbols),
            "start": start,
            "pace_ms": pace_ms,
            "end": end,
            "events": events,
        }
        self._symbols: Final[list[str]] = list(symbols)
        self._start_ns: Final[i64] = _instant(start)
        self._end_ns: Final[i64] = TS_MAX_NS if end is None else _instant(end)
        self._most: Final[i64] = (1 << 62) if events is None else events
        self._pace_ms: Final[i64] = pace_ms

        self._waits: Final = vec[i64]([i64(wait) for wait in _WAITS])  # a constant tuple is built at each use
        self._quantiles: Final = _quantiles()  # of the exponential distribution with mean 4096
        self._divisors: Final[list[float]] = [float(10 ** _digits(symbol)) for symbol in symbols]
        self._starts: Final = vec[i64]([i64(_start_points(symbol)) for symbol in symbols])
        self._points: Final = vec[i64]([i64(_start_points(symbol)) for symbol in symbols])  # of each mid
        self._count: i64 = 0  # quotes made
        self._now_ns: i64 = self._start_ns  # the time of the last one
        self._closes_ns: i64 = 0  # the market is open from `_opens_ns` to here; looked up again once time is past it
        self._x: i64 = 0  # the two generators: xorshift32, never 0, and a linear congruential one
        self._y: i64 = 0
        self._seed(seed)
        self._first: Final = self.position()  # a longer market is the same up to the end of a shorter one

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        """Pass *limit* quotes to *builder*; False once *end* or *events* is reached."""
        symbols: i64 = len(self._symbols)
        left: i64 = limit
        while left > 0:
            if self._count >= self._most or self._now_ns >= self._end_ns:
                return False
            now = self._step()
            if now >= self._end_ns:
                return False
            number = self._draw() % symbols
            mid = self._walk(number)
            dice = self._draw()
            half = 4 + (dice & 7) + self._extra_spread(now)  # half the spread, in points
            divisor = self._divisors[number]
            code = builder.quote(
                self._symbols[number],
                now,
                float(mid - half) / divisor,
                float(mid + half - ((dice >> 3) & 1)) / divisor,
                float(1 + ((dice >> 4) & 8191)) / 1024.0,
                float(1 + ((dice >> 17) & 8191)) / 1024.0,
                BOTH_SIDES,
            )
            self._count += 1
            left -= 1
            if code:
                builder.refuse(self.name, self._count, REASONS[code], "")
        return True

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self)

    def identity(self) -> dict[str, Any]:
        """Return the parameters, which determine everything."""
        return {"name": self.name, "format": ["synthetic"], **self._parameters}

    def position(self) -> dict[str, Any]:
        return {
            "of": xxhash.xxh3_64_hexdigest(repr(list(self._parameters.items())[:5]).encode()),
            "count": int(self._count),
            "now_ns": int(self._now_ns),
            "closes_ns": int(self._closes_ns),
            "state": [int(self._x), int(self._y)],
            "points": [int(points) for points in self._points],
        }

    def seek(self, position: dict[str, Any]) -> None:
        """Continue from *position* of a market with the same parameters."""
        if not position:
            position = self._first
        if position["of"] != self._first["of"]:
            raise SourceError(f"{self.name}: the position belongs to another synthetic market", path=self.name)
        self._count = position["count"]
        self._now_ns = position["now_ns"]
        self._closes_ns = position["closes_ns"]
        self._x, self._y = position["state"]
        for number, points in enumerate(position["points"]):
            self._points[number] = points

    def progress(self) -> float | None:
        """Return the share of the events or of the time that is over."""
        share = 0.0
        if self._end_ns < TS_MAX_NS:
            share = float(self._now_ns - self._start_ns) / float(max(1, self._end_ns - self._start_ns))
        if self._most < (1 << 62):
            share = max(share, float(self._count) / float(self._most))
        return min(1.0, share)

    def close(self) -> None:
        """There is nothing to close."""

    def _seed(self, seed: int) -> None:
        """Start both generators from *seed*; near seeds are far apart after a few draws."""
        self._x = (seed * 2_654_435_761 + 88_675_123) & MASK
        self._y = ((seed >> 32) * 2_246_822_519 + seed * 3_266_489_917 + 362_436_069) & MASK
        if self._x == 0:
            self._x = 2_463_534_242
        for _ in range(16):
            self._draw()

    def _draw(self) -> i64:
        """Return the next 32 random bits: the sum of a xorshift and a congruential generator (after G. Marsaglia)."""
        x = self._x
        x ^= (x << 13) & MASK
        x ^= x >> 17
        x ^= (x << 5) & MASK
        self._x = x
        y = (self._y * 69_069 + 1_234_567) & MASK
        self._y = y
        return (x + y) & MASK

    def _step(self) -> i64:
        """Move the time to the next quote, over the weekend if one comes first, and return it."""
        now = self._now_ns
        wait = self._waits[now // HOUR_NS % 24] * self._pace_ms
        dice = self._draw()
        wait = wait * self._quantiles[dice >> 24] * ((dice & 0xFFFF) + 32_768) // (16 * 4_096 * 65_536)
        now += wait * MILLISECOND_NS
        if now >= self._closes_ns:
            now = self._open_at(now)
        self._now_ns = now
        return now

    def _open_at(self, now: i64) -> i64:
        """Return *now*, or, if the market is closed then, the time when it opens; sets the next close."""
        # Weeks from Monday; 1970-01-01 was a Thursday.
        monday = now - (now + 3 * DAY_NS) % WEEK_NS
        closes = _at_five(monday + 4 * DAY_NS)
        opens = _at_five(monday + 6 * DAY_NS)
        if now < closes:
            self._closes_ns = closes
            return now
        self._closes_ns = _at_five(monday + 11 * DAY_NS)
        if now < opens:
            return opens + (now - closes) % SECOND_NS
        return now

    def _walk(self, number: i64) -> i64:
        """Move the mid of symbol *number* by a few points and return it; it stays between half and twice its start."""
        dice = self._draw()
        points = self._points[number]
        # The sum of four small steps, from -6 to 6 points: most of them near 0.
        step = (dice & 3) + ((dice >> 2) & 3) + ((dice >> 4) & 3) + ((dice >> 6) & 3) - 6
        points += step
        start = self._starts[number]
        if points < start // 2:
            points += 12
        elif points > start * 2:
            points -= 12
        self._points[number] = points
        return points

    def _extra_spread(self, now: i64) -> i64:
        """Return the points by which the hour of *now* widens half the spread."""
        return self._waits[now // HOUR_NS % 24] // 8


def _digits(symbol: str) -> int:
    """Return the digits behind the decimal point: three for yen and metals, else five."""
    return 3 if any(money in symbol.upper() for money in _THREE_DIGITS) else 5


def _start_points(symbol: str) -> int:
    return _STARTS.get(symbol, 100_000)


def _instant(text: str) -> int:
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"invalid time {text!r}: write it as 2024-01-01 or 2024-01-01T12:00:00") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    delta = when - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000


def _quantiles() -> vec[i64]:
    """Return -4096 ln((2 i + 1) / 512) for i in 0..255, rounded, by the series of the inverse hyperbolic tangent.

    In integers with 40 binary places, without a library's logarithm, whose last bit differs between machines.
    """
    one = 1 << 40
    values: list[i64] = []
    for i in range(256):
        # ln(512 / odd) = n ln 2 + ln(m), where m = 512 / (odd 2**n) is in [1, 2)
        odd, twos = 2 * i + 1, 0
        while odd * (1 << (twos + 1)) <= 512:
            twos += 1
        total = twos * _two_atanh(one, 1, 3) + _two_atanh(one, 512 - odd * (1 << twos), 512 + odd * (1 << twos))
        values.append(i64((4_096 * total + one // 2) // one))
    return vec[i64](values)


def _two_atanh(one: int, numerator: int, denominator: int) -> int:
    """Return 2 atanh(numerator / denominator) = ln((1 + q) / (1 - q)) times *one*."""
    power = one * numerator // denominator
    total = 0
    for odd in range(1, 81, 2):
        total += power // odd
        power = power * numerator * numerator // (denominator * denominator)
    return 2 * total


def _at_five(midnight: i64) -> i64:
    """Return 17:00 in New York of the UTC date that starts at *midnight*, by the rule in force since 2007."""
    day = midnight // DAY_NS
    year: i64 = 1970 + day * 400 // 146_097
    if civil_day(year + 1, 1, 1) <= day:
        year += 1
    # Second Sunday of March to first Sunday of November; 1970-01-04 was a Sunday.
    march = civil_day(year, 3, 8)
    march += (3 - march) % 7
    november = civil_day(year, 11, 1)
    november += (3 - november) % 7
    summer = march <= day < november
    return day * DAY_NS + (21 if summer else 22) * HOUR_NS
