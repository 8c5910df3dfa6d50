"""The aggregator: one timeframe's bars, of every symbol, from judged blocks.

Owns the forming bars and the history of completed ones. For each row it writes the partial bar of the row's symbol
after that row into columns, and lists the bars that closed, each with the row that closed it. Time closes bars first,
then the tick is applied: nothing of a tick is in a bar that the tick reveals as over.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, Archive
from mtf.bars.bar import Bar
from mtf.bars.columns import NO_BAR, BarState, Closing, Columns, Slot
from mtf.bars.forming import Forming
from mtf.bars.gate import APPLY, NOTHING, STRETCH, TIME, Instrument, Judged
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import Gap
from mtf.calendars.grid import DAY_START, bar_bounds
from mtf.errors import CorruptCheckpoint
from mtf.events.block import ROW_BYTES
from mtf.timeframe import INTRADAY, Timeframe

__all__ = ["Aggregator"]


@mypyc_attr(native_class=True)
class Aggregator:
    """Keeps the bars of one timeframe, for all symbols."""

    __slots__ = ("_anchor_ns", "_forming", "_history", "completed", "rank", "timeframe")

    def __init__(self, timeframe: Timeframe, rank: i64, history: i64, anchor_ns: i64 = DAY_START) -> None:
        self.timeframe: Final = timeframe
        self.rank: Final[i64] = rank
        self._history: Final[i64] = history  # completed bars kept a symbol
        self._anchor_ns: Final[i64] = anchor_ns  # what intraday bars count from: see `mtf.calendars.grid`
        self._forming: list[Forming] = []  # by number of the symbol
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
            self._forming.append(Forming(judged.instruments[len(self._forming)]))
        forming = self._forming
        first_seq = block.first_seq
        base: i64 = 8
        number: i64 = -1
        if n and not judged.has_clock and judged.touched:
            number = judged.touched[0]
        bar = forming[number] if number >= 0 else Forming(_NOBODY)
        for i in range(n):
            found: i64 = i64(read_i32_le(rows, base))
            base += ROW_BYTES
            deed = deeds[i]
            if found != number or found < 0:
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

    def after(self, number: i64) -> BarState:
        """Return the newest state of a symbol."""
        return self._after(self._forming[number])

    def archive(self, archive: Archive, instruments: list[Instrument]) -> None:
        """Save all state, or load it into an aggregator that has seen nothing; *instruments* are the gate's."""
        self.completed = archive.whole(self.completed, 0, ANY_MAX)
        count = archive.count(len(self._forming), 8)
        if count > len(instruments):
            raise CorruptCheckpoint(f"saved state: {count} symbols, where {len(instruments)} are known")
        for number in range(count):
            if archive.loading:
                self._forming.append(Forming(instruments[number]))
            self._forming[number].archive(archive, self.timeframe, self._history)

    def _enter(self, columns: Columns, bar: Forming) -> None:
        """Give the bar that forms its index in the columns of a block."""
        slot = bar.slot
        if slot is None:
            bar.columns_index = NO_BAR
        else:
            bar.columns_index = len(columns.slots)
            columns.slots.append(slot)

    def _open(self, columns: Columns, bar: Forming, ts_ns: i64, price: float) -> None:
        calendar = bar.instrument.calendar
        day = bar.day
        if day is None or ts_ns < day.start_ns or ts_ns >= day.end_ns:
            day = calendar.period_at(ts_ns, self.timeframe.kind)
            bar.day = day
        start_ns = day.start_ns
        end_ns = day.end_ns
        if self.timeframe.kind == INTRADAY:
            start_ns, end_ns = bar_bounds(day, ts_ns, self.timeframe.length_ns, self._anchor_ns)
        first = bar.previous_end_ns < 0
        gap: Gap | None = None
        if not first and bar.previous_end_ns < start_ns:
            gap = calendar.gap(bar.previous_end_ns, start_ns)
        first_ns = bar.instrument.first_ns
        slot = Slot(start_ns, end_ns, day, first, first and first_ns > start_ns, gap, first_ns)
        bar.slot = slot
        bar.end_ns = end_ns
        bar.columns_index = len(columns.slots)
        columns.slots.append(slot)
        bar.open = price
        bar.high = price
        bar.low = price
        bar.volume = 0.0
        bar.ticks = 0

    def _stretch(self, bar: Forming, price: float, volume: float) -> None:
        """Apply a late tick: it lies in the open bar of the shortest timeframe, so in this one."""
        assert bar.slot is not None, "a late tick is accepted only while a bar forms"
        if price > bar.high:
            bar.high = price
        elif price < bar.low:
            bar.low = price
        bar.volume += volume
        bar.ticks += 1

    def _close(self, columns: Columns, row: i64, bar: Forming) -> None:
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
            day_incomplete=slot.day_incomplete,
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
        columns.closings.append(Closing(row, instrument.number, self.rank, completed, slot.day, bar.bars, start, stop))
        bar.changed = True

    def _remember(self, bar: Forming, completed: Bar) -> None:
        """Append to the history; a window that was given out looks into a list that never changes before its end."""
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

    def _after(self, bar: Forming) -> BarState:
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
