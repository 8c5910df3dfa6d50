"""Bars: the completed one, and the partial one.

Immutable values, compiled. They do not know how they were made.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

from mtf.calendars.day import Gap
from mtf.errors import MalformedEvent
from mtf.markup import html_table, time_text
from mtf.timeframe import Timeframe

__all__ = ["Bar", "PartialBar", "check_bar"]

# In the order of `_key`; a completed bar has all but the last two.
FIELDS: Final = (
    "symbol",
    "timeframe",
    "start_ns",
    "end_ns",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "ticks",
    "trading_day",
    "first",
    "last",
    "incomplete",
    "off_session",
    "filled",
    "gap",
    "day_incomplete",
    "from_bars",
    "time_ns",
    "share",
)


INF: Final = float("inf")
US_NS: Final = 1_000

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


# Acyclic, like all objects that a run keeps many of: no reference in it leads back to it. Otherwise the garbage
# collector would spend more time traversing the bars of ten thousand symbols than all other work takes.
@mypyc_attr(native_class=True, allow_interpreted_subclasses=True, acyclic=True)
class Bar:
    """A completed bar over `[start_ns, end_ns)`: never changed afterwards.

    Prices are in the feed's unit, on the pipeline's price side; `volume` is the sum of the sizes on that side, `ticks`
    the number of ticks in it. `trading_day` is the date of its trading day in the calendar (None if a bar was made by
    hand). `first` marks the first bar of its symbol and timeframe in this log, `incomplete` a bar whose beginning was
    not seen, `day_incomplete` one whose trading day (or week, or month) was not seen from its beginning, `off_session`
    one on a day when the market is closed (`closed="keep"`), `filled` a flat one created on request for a time without
    ticks, and `from_bars` one that contains input bars (each then counts as four `ticks`). `last` marks the bar that
    was still forming when the source ended, and is never set on a completed bar. `gap` is the time between the previous
    bar and this one, None if there is none.

    MalformedEvent if the numbers contradict each other: prices that are not finite or not between low and high, a
    negative volume or tick count, or an end that is not after the start.
    """

    __slots__ = (
        "close",
        "day_incomplete",
        "end_ns",
        "filled",
        "first",
        "from_bars",
        "gap",
        "high",
        "incomplete",
        "last",
        "low",
        "off_session",
        "open",
        "start_ns",
        "symbol",
        "ticks",
        "timeframe",
        "trading_day",
        "volume",
    )

    def __init__(
        self,
        *,
        symbol: str,
        timeframe: Timeframe,
        start_ns: i64,
        end_ns: i64,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float = 0.0,
        ticks: i64 = 0,
        trading_day: datetime.date | None = None,
        first: bool = False,
        last: bool = False,
        incomplete: bool = False,
        day_incomplete: bool = False,
        off_session: bool = False,
        filled: bool = False,
        from_bars: bool = False,
        gap: Gap | None = None,
    ) -> None:
        check_bar(start_ns, end_ns, open, high, low, close, volume, ticks)
        self.symbol: Final = symbol
        self.timeframe: Final = timeframe
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.open: Final[float] = float(open)
        self.high: Final[float] = float(high)
        self.low: Final[float] = float(low)
        self.close: Final[float] = float(close)
        self.volume: Final[float] = float(volume)
        self.ticks: Final[i64] = ticks
        self.trading_day: Final = trading_day
        self.first: Final = first
        self.last: Final = last
        self.incomplete: Final = incomplete
        self.day_incomplete: Final = day_incomplete
        self.off_session: Final = off_session
        self.filled: Final = filled
        self.from_bars: Final = from_bars
        self.gap: Final = gap

    @property
    def completed(self) -> bool:
        """True for a bar that has closed."""
        return True

    @property
    def start(self) -> datetime.datetime:
        """`start_ns` as a UTC datetime, cut to microseconds."""
        return _datetime(self.start_ns)

    @property
    def end(self) -> datetime.datetime:
        """`end_ns` as a UTC datetime, cut to microseconds."""
        return _datetime(self.end_ns)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name, ready for orjson: the timeframe as its name, the gap as four lengths."""
        gap = self.gap
        return {
            "symbol": self.symbol,
            "timeframe": self.timeframe.name,
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "volume": self.volume,
            "ticks": self.ticks,
            "trading_day": self.trading_day,
            "first": self.first,
            "last": self.last,
            "incomplete": self.incomplete,
            "day_incomplete": self.day_incomplete,
            "off_session": self.off_session,
            "filled": self.filled,
            "from_bars": self.from_bars,
            "gap_closed_ns": 0 if gap is None else gap.closed_ns,
            "gap_holiday_ns": 0 if gap is None else gap.holiday_ns,
            "gap_break_ns": 0 if gap is None else gap.break_ns,
            "gap_silence_ns": 0 if gap is None else gap.silence_ns,
        }

    def _repr_html_(self) -> str:
        """Return an HTML table of one row, for notebooks."""
        partial = not self.completed
        columns = ["start", "end", "open", "high", "low", "close", "volume", "ticks", "trading day", "flags"]
        row: list[Any] = [time_text(self.start_ns), time_text(self.end_ns), self.open, self.high, self.low, self.close]
        row += [self.volume, self.ticks, self.trading_day, ", ".join(self._flags())]
        return html_table(f"{self.symbol} {self.timeframe}{' (forming)' if partial else ''}", columns, [row])

    def _flags(self) -> list[str]:
        """Return the names of the flags that are set."""
        flags = (
            ("first", self.first),
            ("last", self.last),
            ("incomplete", self.incomplete),
            ("day_incomplete", self.day_incomplete),
            ("off_session", self.off_session),
            ("filled", self.filled),
            ("from_bars", self.from_bars),
        )
        return [name for name, on in flags if on]

    def _key(self) -> tuple[object, ...]:
        return (
            self.symbol,
            self.timeframe,
            self.start_ns,
            self.end_ns,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.ticks,
            self.trading_day,
            self.first,
            self.last,
            self.incomplete,
            self.off_session,
            self.filled,
            self.gap,
            self.day_incomplete,
            self.from_bars,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (self._key(),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bar) and self.completed == other.completed and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        flags = "".join([f", {flag}" for flag in self._flags()])
        name = "Bar" if self.completed else "PartialBar"
        return (
            f"{name}({self.symbol} {self.timeframe} {self.start_ns}..{self.end_ns} "
            f"O {self.open} H {self.high} L {self.low} C {self.close} V {self.volume}, {self.ticks} ticks{flags})"
        )


@mypyc_attr(native_class=True, acyclic=True)
class PartialBar(Bar):
    """The bar that is still forming, as of `time_ns`, the clock of its symbol.

    Of a bar of activity (`100t`, `5000v`, `1e6d`, `0.001r`) the end is not known: it is as if the bar closed now.
    *share* is how much of it is filled.
    """

    __slots__ = ("_share", "time_ns")

    def __init__(
        self,
        *,
        symbol: str,
        timeframe: Timeframe,
        start_ns: i64,
        end_ns: i64,
        open: float,
        high: float,
        low: float,
        close: float,
        time_ns: i64,
        volume: float = 0.0,
        ticks: i64 = 0,
        trading_day: datetime.date | None = None,
        first: bool = False,
        last: bool = False,
        incomplete: bool = False,
        day_incomplete: bool = False,
        off_session: bool = False,
        filled: bool = False,
        from_bars: bool = False,
        gap: Gap | None = None,
        share: float = 0.0,
    ) -> None:
        super().__init__(
            symbol=symbol,
            timeframe=timeframe,
            start_ns=start_ns,
            end_ns=end_ns,
            open=open,
            high=high,
            low=low,
            close=close,
            volume=volume,
            ticks=ticks,
            trading_day=trading_day,
            first=first,
            last=last,
            incomplete=incomplete,
            day_incomplete=day_incomplete,
            off_session=off_session,
            filled=filled,
            from_bars=from_bars,
            gap=gap,
        )
        self.time_ns: Final[i64] = time_ns
        self._share: Final[float] = share

    @property
    def completed(self) -> bool:
        return False

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name, like `Bar.to_dict`, and the progress so far."""
        found = super().to_dict()
        found["time_ns"] = self.time_ns
        found["elapsed_ns"] = self.elapsed_ns
        found["remaining_ns"] = self.remaining_ns
        found["progress"] = self.progress
        return found

    def _key(self) -> tuple[object, ...]:
        return (*super()._key(), self.time_ns, self._share)

    @property
    def elapsed_ns(self) -> int:
        """Nanoseconds since the start of the bar."""
        return self.time_ns - self.start_ns

    @property
    def remaining_ns(self) -> int:
        """Nanoseconds until the end of the bar; 0 for a bar of activity, whose end nobody knows."""
        return self.end_ns - self.time_ns if self.timeframe.timed else 0

    @property
    def progress(self) -> float:
        """The share of the bar that has passed, or that is filled, 0..1."""
        if not self.timeframe.timed:
            return self._share
        return float(self.elapsed_ns) / float(self.end_ns - self.start_ns)


def check_bar(
    start_ns: i64, end_ns: i64, open: float, high: float, low: float, close: float, volume: float, ticks: i64
) -> None:
    """Raise MalformedEvent if the numbers of a bar contradict each other."""
    fits = -INF < low <= open <= high < INF and low <= close <= high
    if not (fits and volume >= 0.0 and ticks >= 0 and start_ns < end_ns):
        raise MalformedEvent(_fault(start_ns, end_ns, open, high, low, close, volume, ticks))


def _fault(
    start_ns: int, end_ns: int, open: float, high: float, low: float, close: float, volume: float, ticks: int
) -> str:
    """Return which number of a bar is invalid, and why."""
    if end_ns <= start_ns:
        return f"Bar: end_ns must be after start_ns, got {start_ns} to {end_ns}"
    if not volume >= 0.0:
        return f"Bar: volume must be 0 or more, got {volume}"
    if ticks < 0:
        return f"Bar: ticks must be 0 or more, got {ticks}"
    for name, price in (("open", open), ("high", high), ("low", low), ("close", close)):
        if not -INF < price < INF:
            return f"Bar: {name} must be finite, got {price}"
    if low > high:
        return f"Bar: low must not be above high, got low {low} and high {high}"
    name, price = ("open", open) if not low <= open <= high else ("close", close)
    return f"Bar: {name} must be between low {low} and high {high}, got {price}"


def _datetime(ts_ns: i64) -> datetime.datetime:
    us: int = ts_ns // US_NS
    return _EPOCH + datetime.timedelta(microseconds=us)


def _restored(key: tuple[Any, ...]) -> Bar:
    """Rebuild a bar for pickle and copy."""
    fields: dict[str, Any] = dict(zip(FIELDS, key, strict=False))
    return PartialBar(**fields) if "time_ns" in fields else Bar(**fields)
