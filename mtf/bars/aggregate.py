"""The aggregator: builds one timeframe's bars, for every symbol, from judged blocks.

Owns the forming bars and the history of completed ones. For each row it writes the partial bar of the row's symbol
after that row into columns, and lists the bars that closed, each with the row that closed it. Bars that are over close
before the tick is applied, so a bar never contains data of the tick that revealed its end.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, Archive
from mtf.bars.bar import Bar
from mtf.bars.bar_builder import BarBuilder
from mtf.bars.columns import NO_BAR, BarClose, BarHeader, BarState, Columns
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.verdicts import APPLY, APPLY_BAR, MOVE, NOTHING, TEAR, TIME, WIDEN
from mtf.calendars.calendar import Calendar
from mtf.calendars.day import Gap
from mtf.calendars.grid import DAY_START, bar_bounds
from mtf.errors import CorruptCheckpoint
from mtf.events.block import ROW_BYTES
from mtf.timeframe import INTRADAY, Timeframe
from mtf.units import NEVER_NS

__all__ = ["Aggregator"]


@mypyc_attr(native_class=True)
class Aggregator:
    """Keeps the bars of one timeframe, for all symbols."""

    __slots__ = ("_anchor_ns", "_forming", "_history", "_kind", "_length_ns", "completed", "rank", "timeframe")

    def __init__(self, timeframe: Timeframe, rank: i64, history: i64, anchor_ns: i64 = DAY_START) -> None:
        self.timeframe: Final = timeframe
        self.rank: Final[i64] = rank
        self._history: Final[i64] = history  # completed bars kept per symbol
        self._kind: Final[i64] = timeframe.kind
        self._length_ns: Final[i64] = timeframe.length_ns
        self._anchor_ns: Final[i64] = anchor_ns  # what intraday bars count from: see `mtf.calendars.grid`
        self._forming: list[BarBuilder] = []  # by number of the symbol
        self.completed: i64 = 0  # bars closed

    def aggregate(self, judged: JudgedBlock) -> Columns:
        """Apply *judged* to this timeframe and return the resulting columns."""
        block = judged.block
        n = block.count
        rows = block.rows
        columns = Columns(self.rank, n)
        effects, prices, volumes, clocks = judged.effects, judged.prices, judged.volumes, judged.clocks
        opens, highs, lows, closes = columns.open, columns.high, columns.low, columns.close
        sums, ticks, headers = columns.volume, columns.ticks, columns.header
        while len(self._forming) < len(judged.instruments):
            self._forming.append(BarBuilder(judged.instruments[len(self._forming)]))
        forming = self._forming
        rank = self.rank
        ranks = judged.ranks
        no_repairs = len(judged.repairs) == 0
        bars_enter = no_repairs and judged.rank_max <= rank  # all of them
        marked: i64 = NO_BAR  # columns index of the last bar known to have from_bars set
        first_seq = block.first_seq
        moves: i64 = len(judged.moves_row)
        moved: i64 = 0  # clocks moved so far
        move_row: i64 = judged.moves_row[0] if moves else n
        base: i64 = 8
        number: i64 = -1
        if n and not judged.has_clock and judged.touched:
            number = judged.touched[0]
        bar = forming[number] if number >= 0 else BarBuilder(_NOBODY)
        for i in range(n):
            found: i64 = i64(read_i32_le(rows, base))
            base += ROW_BYTES
            effect = effects[i]
            if i == move_row:
                while moved < moves and judged.moves_row[moved] == i:
                    self._move(columns, i, forming[judged.moves_number[moved]], judged.moves_ns[moved])
                    moved += 1
                move_row = judged.moves_row[moved] if moved < moves else n
            if found != number or found < 0:
                number = found
                if number < 0:
                    if effect == TIME:
                        self._close_all(columns, i, clocks[i])
                    headers[i] = NO_BAR
                    continue
                bar = forming[number]
            if bar.newest_block != first_seq:
                bar.newest_block = first_seq
                self._enter(columns, bar)
            if effect == APPLY or (effect == APPLY_BAR and (bars_enter or (no_repairs and i64(ranks[i]) <= rank))):
                clock = clocks[i]
                if clock >= bar.end_ns:
                    if bar.end_ns != NEVER_NS:
                        self._close(columns, i, bar)
                    self._open(columns, bar, clock, prices[i], effect != APPLY)
                elif effect != APPLY and bar.columns_index != marked:
                    self._mark_from_bars(columns, bar)
                    marked = bar.columns_index
                price = prices[i]
                if price > bar.high:
                    bar.high = price
                elif price < bar.low:
                    bar.low = price
                bar.close = price
                # Compensated summation: `carry` is the rounding error, so a million trades of 0.1 add up to 100,000.
                volume = volumes[i]
                total = bar.volume + volume
                back = total - bar.volume
                lost = (bar.volume - (total - back)) + (volume - back)
                if lost == lost:  # it is NaN once the sum overflows
                    bar.carry += lost
                bar.volume = total
                bar.ticks += 1
                bar.changed = True
            elif effect != NOTHING:
                self._apply_other(columns, judged, i, i64(effect), bar)
            opens[i] = bar.open
            highs[i] = bar.high
            lows[i] = bar.low
            closes[i] = bar.close
            sums[i] = bar.volume + bar.carry
            ticks[i] = bar.ticks
            headers[i] = bar.columns_index
        for touched in judged.touched:
            columns.after.append(self._after(forming[touched]))
        return columns

    def after(self, number: i64) -> BarState:
        """Return the newest state of a symbol."""
        return self._after(self._forming[number])

    def end_of(self, number: i64) -> i64:
        """Return the end of a symbol's forming bar; NEVER_NS if there is none."""
        return self._forming[number].end_ns

    def archive(self, archive: Archive, instruments: list[Instrument]) -> None:
        """Save all state, or load it into a new aggregator; *instruments* are the gate's."""
        self.completed = archive.int64(self.completed, 0, ANY_MAX)
        count = archive.count(len(self._forming), 8)
        if count > len(instruments):
            raise CorruptCheckpoint(f"saved state: {count} symbols, but {len(instruments)} are known")
        for number in range(count):
            if archive.loading:
                self._forming.append(BarBuilder(instruments[number]))
            self._forming[number].archive(archive, self.timeframe, self._history)

    def _enter(self, columns: Columns, bar: BarBuilder) -> None:
        """Assign the forming bar its index in the columns of a block."""
        header = bar.header
        if header is None:
            bar.columns_index = NO_BAR
        else:
            self._set_header(columns, bar, header)

    def _open(self, columns: Columns, bar: BarBuilder, ts_ns: i64, price: float, from_bars: bool = False) -> None:
        calendar = bar.instrument.calendar
        day = bar.day
        if day is None or ts_ns < day.start_ns or ts_ns >= day.end_ns:
            day = calendar.period_at(ts_ns, self._kind)
            bar.day = day
        start_ns = day.start_ns
        end_ns = day.end_ns
        if self._kind == INTRADAY:
            start_ns, end_ns = bar_bounds(day, ts_ns, self._length_ns, self._anchor_ns)
        first = bar.previous_end_ns == NEVER_NS
        gap: Gap | None = None
        if not first and bar.previous_end_ns < start_ns:
            gap = calendar.gap(bar.previous_end_ns, start_ns)
        first_ns = bar.instrument.first_ns
        incomplete = first and first_ns > start_ns
        if start_ns <= bar.torn_ns < end_ns:
            bar.torn = not incomplete
            incomplete = True
        self._set_header(columns, bar, BarHeader(start_ns, end_ns, day, first, incomplete, gap, first_ns, from_bars))
        bar.end_ns = end_ns
        bar.open = price
        bar.high = price
        bar.low = price
        bar.volume = 0.0
        bar.carry = 0.0
        bar.ticks = 0

    def _mark_from_bars(self, columns: Columns, bar: BarBuilder) -> None:
        """Mark the forming bar as made of bars."""
        header = bar.header
        if header is not None and not header.from_bars:
            self._set_header(columns, bar, header.marked(header.incomplete, True))

    def _tear(self, columns: Columns, bar: BarBuilder, start_ns: i64) -> None:
        """Mark the bar containing *start_ns*, the start of an unfinished bar, as incomplete (now or when it opens)."""
        if start_ns == bar.torn_ns:
            return
        bar.torn_ns = start_ns
        bar.torn = False
        header = bar.header
        if header is not None and header.start_ns <= start_ns < header.end_ns and not header.incomplete:
            bar.torn = True
            self._set_header(columns, bar, header.marked(True, header.from_bars))

    def _repair(self, columns: Columns, bar: BarBuilder) -> None:
        """Undo `_tear`: the bar that was unfinished has arrived complete."""
        bar.torn_ns = NEVER_NS
        header = bar.header
        if bar.torn and header is not None:
            self._set_header(columns, bar, header.marked(False, header.from_bars))
        bar.torn = False

    def _set_header(self, columns: Columns, bar: BarBuilder, header: BarHeader) -> None:
        """Set the header of the forming bar, for the rows of the block from here on."""
        bar.header = header
        bar.columns_index = len(columns.headers)
        columns.headers.append(header)

    def _apply_other(self, columns: Columns, judged: JudgedBlock, i: i64, effect: i64, bar: BarBuilder) -> None:
        """Apply a row that the main loop skips: late, without a price, a tear or repair, or of too long a bar."""
        bar.changed = True
        if effect == TEAR:
            self._tear(columns, bar, judged.tears[i])
            return
        clock = judged.clocks[i]
        if effect != WIDEN and clock >= bar.end_ns and bar.end_ns != NEVER_NS:
            self._close(columns, i, bar)
        if len(judged.repairs) > 0 and int(i) in judged.repairs:
            self._repair(columns, bar)
        if effect == MOVE or (effect == APPLY_BAR and i64(judged.ranks[i]) > self.rank):
            return
        price = judged.prices[i]
        if bar.header is None:
            assert effect != WIDEN, "a late tick is accepted only while a bar forms"
            self._open(columns, bar, clock, price, effect == APPLY_BAR)
        elif price > bar.high:
            bar.high = price
        elif price < bar.low:
            bar.low = price
        if effect == APPLY_BAR:
            self._mark_from_bars(columns, bar)
        if effect != WIDEN:
            bar.close = price
        volume = judged.volumes[i]
        total = bar.volume + volume
        back = total - bar.volume
        lost = (bar.volume - (total - back)) + (volume - back)
        if lost == lost:
            bar.carry += lost
        bar.volume = total
        bar.ticks += 1

    def _move(self, columns: Columns, row: i64, bar: BarBuilder, clock_ns: i64) -> None:
        """Complete the forming bar if it ends by *clock_ns*; for clocks moved by clock events or other symbols."""
        if bar.end_ns <= clock_ns and bar.end_ns != NEVER_NS:
            self._close(columns, row, bar)

    def _close(self, columns: Columns, row: i64, bar: BarBuilder) -> None:
        """Complete the forming bar, at its own end time."""
        header = bar.header
        assert header is not None, "a bar that ends has a header"
        instrument = bar.instrument
        completed = Bar(
            symbol=instrument.name,
            timeframe=self.timeframe,
            start_ns=header.start_ns,
            end_ns=header.end_ns,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume + bar.carry,
            ticks=bar.ticks,
            trading_day=header.day.date,
            first=header.first,
            incomplete=header.incomplete,
            day_incomplete=header.day_incomplete,
            off_session=header.day.off_session,
            from_bars=header.from_bars,
            gap=header.gap,
        )
        self.completed += 1
        bar.header = None
        bar.end_ns = NEVER_NS
        bar.columns_index = NO_BAR
        bar.previous_end_ns = header.end_ns
        bar.torn = False
        self._remember(bar, completed)
        stop: i64 = len(bar.bars)
        start = stop - self._history if stop > self._history else 0
        columns.closings.append(
            BarClose(row, instrument.number, self.rank, completed, header.day, bar.bars, start, stop)
        )
        bar.changed = True

    def _remember(self, bar: BarBuilder, completed: Bar) -> None:
        """Append to the history; a `BarWindow` reads the same list, which never changes before the window's end."""
        bars = bar.bars
        if len(bars) >= 2 * self._history:
            bars = bars[len(bars) - self._history + 1 :] if self._history > 1 else []
            bar.bars = bars
        bars.append(completed)

    def _close_all(self, columns: Columns, row: i64, clock_ns: i64) -> None:
        """Complete every bar that ends at or before *clock_ns*, in order of appearance of the symbols."""
        for bar in self._forming:
            self._move(columns, row, bar, clock_ns)

    def _after(self, bar: BarBuilder) -> BarState:
        """Return the newest state of a symbol; the same object until something changes."""
        if bar.changed:
            bar.changed = False
            stop: i64 = len(bar.bars)
            start = stop - self._history if stop > self._history else 0
            bar.after = BarState(
                bar.header,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume + bar.carry,
                bar.ticks,
                bar.bars,
                start,
                stop,
            )
        return bar.after


_NOBODY: Final = Instrument(-1, "", Calendar())
