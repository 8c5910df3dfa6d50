"""The aggregator: one timeframe's bars, of every symbol, from judged blocks.

Owns the forming bars and the history of completed ones. For each row it writes the partial bar of the row's symbol
after that row into columns, and lists the bars that closed, each with the row that closed it. Time closes bars first,
then the tick is applied: nothing of a tick is in a bar that the tick reveals as over.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar, BarWindow, PartialBar
from mtf.bars.gate import APPLY, NOTHING, STRETCH, TIME, Instrument, Judged
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import Day, Gap
from mtf.events.block import ROW_BYTES
from mtf.timeframe import DAY, INTRADAY, WEEK, Timeframe

__all__ = ["Aggregator", "BarState", "Closing", "Columns", "Slot"]

NO_BAR: Final = -1


@mypyc_attr(native_class=True)
class Slot:
    """What stays the same while a bar forms: its bounds, day, flags, and the gap before it."""

    __slots__ = ("day", "end_ns", "first", "gap", "incomplete", "start_ns")

    def __init__(self, start_ns: i64, end_ns: i64, day: Day, first: bool, incomplete: bool, gap: Gap | None) -> None:
        self.start_ns: Final[i64] = start_ns
        self.end_ns: Final[i64] = end_ns
        self.day: Final = day
        self.first: Final = first
        self.incomplete: Final = incomplete
        self.gap: Final = gap


@mypyc_attr(native_class=True)
class BarState:
    """One symbol's bars of one timeframe at one instant: the partial bar, and the window of completed ones. Immutable."""

    __slots__ = ("bars", "close", "high", "low", "open", "slot", "start", "stop", "ticks", "volume")

    def __init__(
        self,
        slot: Slot | None,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        ticks: i64,
        bars: list[Bar],
        start: i64,
        stop: i64,
    ) -> None:
        self.slot: Final = slot  # None where no bar forms; the prices are then of no meaning
        self.open: Final[float] = open
        self.high: Final[float] = high
        self.low: Final[float] = low
        self.close: Final[float] = close
        self.volume: Final[float] = volume
        self.ticks: Final[i64] = ticks
        self.bars: Final = bars
        self.start: Final[i64] = start
        self.stop: Final[i64] = stop

    def partial(self, symbol: str, timeframe: Timeframe, time_ns: i64, last: bool = False) -> PartialBar | None:
        """Return the partial bar as of *time_ns*, or None."""
        slot = self.slot
        if slot is None:
            return None
        return PartialBar(
            symbol=symbol,
            timeframe=timeframe,
            start_ns=slot.start_ns,
            end_ns=slot.end_ns,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            time_ns=time_ns,
            volume=self.volume,
            ticks=self.ticks,
            trading_day=slot.day.date,
            first=slot.first,
            last=last,
            incomplete=slot.incomplete,
            off_session=slot.day.off_session,
            gap=slot.gap,
        )

    def window(self) -> BarWindow:
        """Return the completed bars, oldest first."""
        return BarWindow(self.bars, self.start, self.stop)


@mypyc_attr(native_class=True)
class Closing:
    """A bar that closed: the row that revealed it, and the symbol's history just after."""

    __slots__ = ("bar", "bars", "day", "number", "rank", "row", "start", "stop")

    def __init__(
        self, row: i64, number: i64, rank: i64, bar: Bar, day: Day, bars: list[Bar], start: i64, stop: i64
    ) -> None:
        self.row: Final[i64] = row
        self.number: Final[i64] = number  # of the symbol
        self.rank: Final[i64] = rank  # of the timeframe, 0 for the shortest
        self.bar: Final = bar
        self.day: Final = day
        self.bars: Final = bars
        self.start: Final[i64] = start
        self.stop: Final[i64] = stop

    def state(self) -> BarState:
        """Return the symbol's state just after: no bar forms."""
        return BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, self.bars, self.start, self.stop)


@mypyc_attr(native_class=True)
class Columns:
    """What one timeframe made of one block: a row of numbers for each event, and the bars that closed.

    Row *i* holds the partial bar of the row's symbol after the row; `slot[i]` is the index of its `Slot` in `slots`, or
    -1 where no bar forms (and after a clock event, which has no symbol). `after[k]` is the state after the block of the
    k-th touched symbol.
    """

    __slots__ = ("after", "close", "closings", "high", "low", "open", "rank", "slot", "slots", "ticks", "volume")

    def __init__(self, rank: i64, n: i64) -> None:
        self.rank: Final[i64] = rank
        self.open: vec[float] = vec[float]([0.0] * n)
        self.high: vec[float] = vec[float]([0.0] * n)
        self.low: vec[float] = vec[float]([0.0] * n)
        self.close: vec[float] = vec[float]([0.0] * n)
        self.volume: vec[float] = vec[float]([0.0] * n)
        self.ticks: vec[i64] = vec[i64]([0] * n)
        self.slot: vec[i64] = vec[i64]([0] * n)
        self.slots: list[Slot] = []
        self.closings: list[Closing] = []
        self.after: list[BarState] = []

    def state(self, row: i64, base: BarState) -> BarState:
        """Return the state after *row*, its history that of *base*."""
        index = self.slot[row]
        return BarState(
            None if index < 0 else self.slots[index],
            self.open[row],
            self.high[row],
            self.low[row],
            self.close[row],
            self.volume[row],
            self.ticks[row],
            base.bars,
            base.start,
            base.stop,
        )


@mypyc_attr(native_class=True)
class _Forming:
    """One symbol's bar as it forms, and its history."""

    __slots__ = (
        "after",
        "bars",
        "changed",
        "close",
        "columns_index",
        "day",
        "end_ns",
        "high",
        "instrument",
        "low",
        "newest_block",
        "open",
        "previous_end_ns",
        "slot",
        "ticks",
        "volume",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self.slot: Slot | None = None  # None while no bar forms
        self.end_ns: i64 = 0  # of the bar that forms; 0 while none does
        self.open = 0.0
        self.high = 0.0
        self.low = 0.0
        self.close = 0.0
        self.volume = 0.0
        self.ticks: i64 = 0
        self.day: Day | None = None  # the day of the newest bar
        self.previous_end_ns: i64 = -1  # end of the newest completed bar; -1 before there was one
        self.bars: list[Bar] = []  # completed ones, oldest first; only appended to, and replaced when twice too long
        self.newest_block: i64 = 0  # first seq of the block in which `columns_index` is right
        self.columns_index: i64 = NO_BAR  # of `slot` in the columns of that block
        self.changed = True  # since `after` was made
        self.after: BarState = BarState(None, 0.0, 0.0, 0.0, 0.0, 0.0, 0, self.bars, 0, 0)


@mypyc_attr(native_class=True)
class Aggregator:
    """Keeps the bars of one timeframe, for all symbols."""

    __slots__ = ("_forming", "_history", "completed", "rank", "timeframe")

    def __init__(self, timeframe: Timeframe, rank: i64, history: i64) -> None:
        self.timeframe: Final = timeframe
        self.rank: Final[i64] = rank
        self._history: Final[i64] = history  # completed bars kept a symbol
        self._forming: list[_Forming] = []  # by number of the symbol
        self.completed: i64 = 0  # bars closed

    def aggregate(self, judged: Judged) -> Columns:
        """Return what *judged* makes of this timeframe."""
        block = judged.block
        n = block.count
        rows = block.rows
        columns = Columns(self.rank, n)
        deeds, prices, volumes, clocks = judged.deeds, judged.prices, judged.volumes, judged.clocks
        opens, highs, lows, closes = columns.open, columns.high, columns.low, columns.close
        sums, ticks, slots = columns.volume, columns.ticks, columns.slot
        while len(self._forming) < len(judged.instruments):
            self._forming.append(_Forming(judged.instruments[len(self._forming)]))
        forming = self._forming
        first_seq = block.first_seq
        base: i64 = 8
        number: i64 = -1
        if n and not judged.has_clock and judged.touched:
            number = judged.touched[0]
        bar = forming[number] if number >= 0 else _Forming(_NOBODY)
        for i in range(n):
            found: i64 = i64(read_i32_le(rows, base))
            base += ROW_BYTES
            deed = deeds[i]
            if found != number:
                number = found
                if number < 0:
                    if deed == TIME:
                        self._close_all(columns, i, clocks[i])
                    slots[i] = NO_BAR
                    continue
                bar = forming[number]
            if deed != NOTHING:
                if bar.newest_block != first_seq:
                    bar.newest_block = first_seq
                    self._enter(columns, bar)
                if deed == STRETCH:
                    self._stretch(bar, prices[i], volumes[i])
                else:
                    clock = clocks[i]
                    if clock >= bar.end_ns and bar.end_ns > 0:
                        self._close(columns, i, bar)
                    if deed == APPLY:
                        price = prices[i]
                        if bar.end_ns == 0:
                            self._open(columns, bar, clock, price)
                        elif price > bar.high:
                            bar.high = price
                        elif price < bar.low:
                            bar.low = price
                        bar.close = price
                        bar.volume += volumes[i]
                        bar.ticks += 1
                bar.changed = True
            elif bar.newest_block != first_seq:
                bar.newest_block = first_seq
                self._enter(columns, bar)
            opens[i] = bar.open
            highs[i] = bar.high
            lows[i] = bar.low
            closes[i] = bar.close
            sums[i] = bar.volume
            ticks[i] = bar.ticks
            slots[i] = bar.columns_index
        for touched in judged.touched:
            columns.after.append(self._after(forming[touched]))
        return columns

    def _enter(self, columns: Columns, bar: _Forming) -> None:
        """Give the bar that forms its index in the columns of a block."""
        slot = bar.slot
        if slot is None:
            bar.columns_index = NO_BAR
        else:
            bar.columns_index = len(columns.slots)
            columns.slots.append(slot)

    def _open(self, columns: Columns, bar: _Forming, ts_ns: i64, price: float) -> None:
        calendar = bar.instrument.calendar
        day = bar.day
        if day is None or ts_ns < day.start_ns or ts_ns >= day.end_ns:
            day = self._period(calendar, ts_ns)
            bar.day = day
        start_ns = day.start_ns
        end_ns = day.end_ns
        if self.timeframe.kind == INTRADAY:
            length_ns: i64 = self.timeframe.length_ns
            start_ns = ts_ns - (ts_ns - start_ns) % length_ns
            if start_ns + length_ns < end_ns:
                end_ns = start_ns + length_ns
        first = bar.previous_end_ns < 0
        gap: Gap | None = None
        if not first and bar.previous_end_ns < start_ns:
            gap = calendar.gap(bar.previous_end_ns, start_ns)
        slot = Slot(start_ns, end_ns, day, first, first and bar.instrument.first_ns > start_ns, gap)
        bar.slot = slot
        bar.end_ns = end_ns
        bar.columns_index = len(columns.slots)
        columns.slots.append(slot)
        bar.open = price
        bar.high = price
        bar.low = price
        bar.volume = 0.0
        bar.ticks = 0

    def _period(self, calendar: Calendar, ts_ns: i64) -> Day:
        """Return the day, week or month whose start bars of this timeframe count from."""
        kind = self.timeframe.kind
        if kind == INTRADAY or kind == DAY:
            return calendar.day_at(ts_ns)
        if kind == WEEK:
            return calendar.week_at(ts_ns)
        return calendar.month_at(ts_ns)

    def _stretch(self, bar: _Forming, price: float, volume: float) -> None:
        """Apply a late tick: it lies in the open bar of the shortest timeframe, so in this one."""
        assert bar.slot is not None, "a late tick is accepted only while a bar forms"
        if price > bar.high:
            bar.high = price
        elif price < bar.low:
            bar.low = price
        bar.volume += volume
        bar.ticks += 1

    def _close(self, columns: Columns, row: i64, bar: _Forming) -> None:
        """Complete the bar that forms, at its own end time."""
        slot = bar.slot
        assert slot is not None, "a bar that ends has a slot"
        instrument = bar.instrument
        completed = Bar(
            symbol=instrument.name,
            timeframe=self.timeframe,
            start_ns=slot.start_ns,
            end_ns=slot.end_ns,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            ticks=bar.ticks,
            trading_day=slot.day.date,
            first=slot.first,
            incomplete=slot.incomplete,
            off_session=slot.day.off_session,
            gap=slot.gap,
        )
        self.completed += 1
        bar.slot = None
        bar.end_ns = 0
        bar.columns_index = NO_BAR
        bar.previous_end_ns = slot.end_ns
        self._remember(bar, completed)
        stop: i64 = len(bar.bars)
        start = stop - self._history if stop > self._history else 0
        columns.closings.append(
            Closing(row, instrument.number, self.rank, completed, slot.day, bar.bars, start, stop)
        )
        bar.changed = True

    def _remember(self, bar: _Forming, completed: Bar) -> None:
        """Append to the history; windows that were given out look into a list that is never changed before their end."""
        bars = bar.bars
        if len(bars) >= 2 * self._history:
            bars = bars[len(bars) - self._history + 1 :] if self._history > 1 else []
            bar.bars = bars
        bars.append(completed)

    def _close_all(self, columns: Columns, row: i64, clock_ns: i64) -> None:
        """Complete every bar that ends at or before *clock_ns*, by order of appearance of its symbol."""
        for bar in self._forming:
            if 0 < bar.end_ns <= clock_ns:
                self._close(columns, row, bar)

    def _after(self, bar: _Forming) -> BarState:
        """Return the newest state of a symbol; the same object while nothing changes."""
        if bar.changed:
            bar.changed = False
            stop: i64 = len(bar.bars)
            start = stop - self._history if stop > self._history else 0
            bar.after = BarState(
                bar.slot, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks, bar.bars, start, stop
            )
        return bar.after


_NOBODY: Final = Instrument(-1, "", Calendar())
