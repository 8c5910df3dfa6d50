"""What the vendors' own files say, read without mtf, and the merging of bars written the obvious way.

Nothing here knows of calendars, sources or engines: a bar is a start in nanoseconds, four prices and a volume.
"""

from __future__ import annotations

import csv
import datetime
import functools
import gzip
import itertools
import json
import lzma
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

__all__ = [
    "DAY_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "NY_CLOSE",
    "SECOND_NS",
    "UTC_MIDNIGHT",
    "Grid",
    "VendorBar",
    "binance_trades",
    "candles",
    "differences",
    "gap_free",
    "grid_differences",
    "lean_bars",
    "lean_ticks",
    "length_of",
    "local_ns",
    "merged",
    "minutes_of",
    "oanda_bars",
    "records",
    "text",
]

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_UNITS_NS: Final = {"m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}


class VendorBar(NamedTuple):
    """One bar as a vendor tells it."""

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarLike(Protocol):
    """A bar of ours, or a vendor's."""

    @property
    def start_ns(self) -> int: ...
    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def close(self) -> float: ...
    @property
    def volume(self) -> float: ...


# Time.


def text(ts_ns: int) -> str:
    """Return the UTC second that *ts_ns* is."""
    return f"{_EPOCH + datetime.timedelta(seconds=ts_ns // SECOND_NS):%Y-%m-%d %H:%M:%S}"


def local_ns(moment: datetime.datetime, zone: datetime.tzinfo = datetime.UTC) -> int:
    """Return the nanoseconds of a wall clock's *moment* in *zone*."""
    return (moment.replace(tzinfo=zone) - _EPOCH) // datetime.timedelta(microseconds=1) * 1000


def length_of(timeframe: str) -> int:
    """Return the nominal length of 1m, 4h, 1d in nanoseconds."""
    return int(timeframe[:-1]) * _UNITS_NS[timeframe[-1]]


class Grid:
    """Days from one local time to the next, and bars that count from their starts."""

    def __init__(self, zone: str, hour: int) -> None:
        self._zone: Final = ZoneInfo(zone)
        self._hour: Final = hour
        self._day = functools.lru_cache(maxsize=4096)(self._day_of_hour)

    def day(self, ts_ns: int) -> tuple[int, int]:
        """Return the start and the end of the day that *ts_ns* lies in."""
        return self._day(ts_ns // HOUR_NS)

    def start(self, ts_ns: int, timeframe: str) -> int:
        """Return the start of the bar that *ts_ns* lies in."""
        begin, _ = self.day(ts_ns)
        if timeframe == "1d":
            return begin
        return ts_ns - (ts_ns - begin) % length_of(timeframe)

    def _day_of_hour(self, hour: int) -> tuple[int, int]:
        local = (_EPOCH + datetime.timedelta(hours=hour)).astimezone(self._zone)
        date = local.date() - datetime.timedelta(days=local.hour < self._hour)
        return self._boundary(date), self._boundary(date + datetime.timedelta(days=1))

    def _boundary(self, date: datetime.date) -> int:
        return local_ns(datetime.datetime.combine(date, datetime.time(self._hour)), self._zone)


NY_CLOSE: Final = Grid("America/New_York", 17)
UTC_MIDNIGHT: Final = Grid("UTC", 0)


# Merging and comparing.


def merged(bars: Iterable[BarLike], start_of: Callable[[int], int]) -> list[VendorBar]:
    """Return the bars that *bars* make when those with the same *start_of* their start are one."""
    made: list[VendorBar] = []
    for bar in bars:
        start_ns = start_of(bar.start_ns)
        if made and made[-1].start_ns == start_ns:
            last = made[-1]
            made[-1] = VendorBar(
                start_ns,
                last.open,
                max(last.high, bar.high),
                min(last.low, bar.low),
                bar.close,
                last.volume + bar.volume,
            )
        else:
            made.append(VendorBar(start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume))
    return made


def differences(made: Iterable[BarLike], expected: Iterable[BarLike], *, volume: bool = True) -> list[str]:
    """Return a line for each bar that is in one of the two alone, or is not the same in both; volumes to 1e-12."""
    ours = {bar.start_ns: bar for bar in made}
    theirs = {bar.start_ns: bar for bar in expected}
    found: list[str] = []
    for start_ns in sorted({*ours, *theirs}):
        mine, other = ours.get(start_ns), theirs.get(start_ns)
        if mine is None or other is None:
            found.append(f"{text(start_ns)} {'only theirs' if mine is None else 'only ours'}")
        elif not _same(mine, other, volume=volume):
            found.append(f"{text(start_ns)} ours {_values(mine)}, theirs {_values(other)}")
    return found


def grid_differences(bars: dict[str, Any], grid: Grid) -> list[str]:
    """Return where bars of a timeframe are not the finer ones merged; the last, forming one is left out.

    *bars* has the completed ones by timeframe, finest first, each timeframe dividing the next.
    """
    found: list[str] = []
    names = list(bars)
    for finer, coarser in itertools.pairwise(names):
        starts = {bar.start_ns for bar in bars[coarser]}
        want = merged(bars[finer], lambda ts_ns, name=coarser: grid.start(ts_ns, name))  # type: ignore[misc]
        assert starts <= {bar.start_ns for bar in want}, f"each {coarser} bar has {finer} bars in it"
        # What is left over is the bar that forms; its finer bars are completed in part.
        assert [bar.start_ns for bar in want if bar.start_ns not in starts] in ([], [want[-1].start_ns])
        found += [
            f"{coarser}: {line}" for line in differences(bars[coarser], [b for b in want if b.start_ns in starts])
        ]
        ticks: dict[int, int] = {}
        for bar in bars[finer]:
            start_ns = grid.start(bar.start_ns, coarser)
            ticks[start_ns] = ticks.get(start_ns, 0) + bar.ticks
        found += [f"{coarser}: {bar} ticks" for bar in bars[coarser] if bar.ticks != ticks[bar.start_ns]]
    return found


def gap_free(bars: Iterable[Any]) -> bool:
    """Return whether no two bars overlap and each starts no earlier than the one before ends."""
    end_ns = 0
    for bar in bars:
        if bar.start_ns < end_ns:
            return False
        end_ns = bar.end_ns
    return True


def _same(mine: BarLike, other: BarLike, *, volume: bool) -> bool:
    if (mine.open, mine.high, mine.low, mine.close) != (other.open, other.high, other.low, other.close):
        return False
    return not volume or abs(mine.volume - other.volume) <= 1e-12 * max(abs(other.volume), 1.0)


def _values(bar: BarLike) -> str:
    return f"{bar.open} {bar.high} {bar.low} {bar.close} v{bar.volume}"


# Files.


def _lines(path: Path) -> list[str]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0]).decode("ascii").splitlines()
    with gzip.open(path, "rt", encoding="ascii") as file:
        return file.read().splitlines()


def lean_bars(path: Path, side: str, *, zone: str = "UTC") -> list[VendorBar]:
    """Return the bars of *side* (`bid`, `ask`, `trade`) of a Lean zip: of a day, times in ms, or of all days."""
    at = {"bid": 1, "ask": 6, "trade": 1}[side]
    scale = 4 if side == "trade" else 0
    tz = ZoneInfo(zone)
    day = path.name[:8]
    made = []
    for line in _lines(path):
        fields = line.split(",")
        if day.isdigit():
            midnight = datetime.datetime.strptime(day, "%Y%m%d").replace(tzinfo=tz)
            start_ns = local_ns(midnight, tz) + int(fields[0]) * 1_000_000
        else:
            start_ns = local_ns(datetime.datetime.strptime(fields[0], "%Y%m%d %H:%M").replace(tzinfo=tz), tz)
        prices = [float(Decimal(field).scaleb(-scale)) for field in fields[at : at + 4]]
        made.append(VendorBar(start_ns, *prices, float(fields[at + 4])))  # type: ignore[call-arg]
    return made


def lean_ticks(path: Path, *, zone: str = "UTC") -> list[tuple[int, float, float]]:
    """Return (time, bid, ask) of a day's Lean zip."""
    tz = ZoneInfo(zone)
    midnight_ns = local_ns(datetime.datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=tz), tz)
    rows = (line.split(",") for line in _lines(path))
    return [(midnight_ns + int(row[0]) * 1_000_000, float(row[1]), float(row[2])) for row in rows]


def oanda_bars(path: Path) -> list[VendorBar]:
    """Return the bars of an OANDA v20 file."""
    with gzip.open(path, "rt", encoding="ascii", newline="") as file:
        return [
            VendorBar(
                local_ns(datetime.datetime.fromisoformat(row["time"][:19])),
                float(row["Open"]),
                float(row["High"]),
                float(row["Low"]),
                float(row["Close"]),
                float(row["volume"]),
            )
            for row in csv.DictReader(file)
        ]


def records(path: Path, layout: str) -> Iterator[tuple[Any, ...]]:
    """Yield the records of a Dukascopy .bi5 file; an empty file has none."""
    data = path.read_bytes()
    yield from struct.iter_unpack(layout, lzma.decompress(data) if data else b"")


def binance_trades(data: Path) -> list[list[Any]]:
    """Return [time in ms, id, None, side, price, amount, cost] of each trade."""
    with gzip.open(data / "trades" / "binance_XRP_ETH-trades.json.gz") as file:
        rows: list[list[Any]] = json.load(file)
    return rows


def candles(path: Path, start: datetime.datetime) -> list[VendorBar]:
    """Return the candles of a EURUSD .bi5 file that starts at *start*: (seconds, open, close, low, high, volume)."""
    start_ns = local_ns(start)
    made = []
    for seconds, open_, close, low, high, volume in records(path, ">IIIIIf"):
        prices = [float(Decimal(points).scaleb(-5)) for points in (open_, high, low, close)]
        made.append(VendorBar(start_ns + seconds * SECOND_NS, *prices, volume))  # type: ignore[call-arg]
    return made


def minutes_of(ticks: Iterable[tuple[int, float, float]], length_ns: int = MINUTE_NS) -> list[VendorBar]:
    """Return the bars of (time, price, size) by plain division of their times."""
    return merged(
        (VendorBar(ts_ns, price, price, price, price, size) for ts_ns, price, size in ticks),
        lambda ts_ns: ts_ns - ts_ns % length_ns,
    )
