"""Bars of activity: one timeframe's bars that a tick fills, for every symbol, from judged blocks.

The same interface as the aggregator of time, and the same columns, with the share that is filled beside them. A tick is
applied first, and closes the bar if that fills it: it is the last one of the bar. Time closes a bar only at the end of
its trading day, and then as it closes all bars: before the tick that reveals it is applied.

Amounts (ticks, volume, price times volume) are summed up, as a pair of floats, from where the symbol's bars begin to
count: the start of the trading day, or of the log. The k-th bar is full at k times the size, rounded once from the
exact number, so that timeframes whose sizes divide each other agree on where each bar ends.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, WITH_HISTORY, Archive
from mtf.bars.aggregate import Aggregator
from mtf.bars.bar_codes import code_of, flags_of
from mtf.bars.columns import CLOSE, HIGH, LOW, NO_BAR, SHARE, SHOWN, VOLUME, Columns
from mtf.bars.forming import CARRY, TICKS
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.verdicts import APPLY, APPLY_BAR, MOVE, TIME, WHOLE_BAR, WIDEN
from mtf.calendars.day import Gap
from mtf.errors import CorruptCheckpoint
from mtf.events.block import ROW_BYTES
from mtf.timeframe import DAY, DOLLARS, RANGE, Timeframe
from mtf.timeframe import TICKS as OF_TICKS
from mtf.units import NEVER_NS, NO_END_NS

__all__ = ["FILLED_MAX", "ActivityAggregator"]

FILLED_MAX: Final = 1_000  # bars that one event fills at most
ROUNDING: Final = 2.0**-51  # of a sum, or of a price: how far it may be from what was meant
# Sums of a symbol.
HI: Final = 0
LO: Final = 1  # rounding error of it: the amount is the sum of both
FILLED: Final = 2  # bars that have been filled since the sums began
SUMS: Final = 4


@mypyc_attr(native_class=True)
class ActivityAggregator(Aggregator):
    """Keeps the bars of one timeframe of activity, for all symbols.

    With *split*, the rest of a trade that is larger than what a bar lacks opens the next one. With *daily*, bars end
    with their trading day at the latest.
    """

    __slots__ = ("_daily", "_denominator", "_numerator", "_size", "_split", "_sums", "_until")

    def __init__(
        self, timeframe: Timeframe, rank: i64, history: i64, split: bool, daily: bool, codes: bool = False
    ) -> None:
        super().__init__(timeframe, rank, history, codes=codes)
        self._numerator: Final[float] = float(timeframe.ratio[0])
        self._denominator: Final[float] = float(timeframe.ratio[1])
        self._size: Final[float] = timeframe.size
        self._split: Final = split and timeframe.kind != OF_TICKS and timeframe.kind != RANGE
        self._daily: Final = daily
        self._sums: vec[float] = vec[float]([])  # SUMS of each symbol
        self._until: vec[i64] = vec[i64]([])  # the end of the day that they are of; NEVER_NS before the first

    def aggregate(self, judged: JudgedBlock) -> Columns:
        """Apply *judged* to this timeframe and return the resulting columns."""
        if self.image is not None:
            self.image.before(judged.touched)
        block = judged.block
        n = block.count
        rows = block.rows
        columns = Columns(self.timeframe, self.rank, n, self._codes, self._none)
        effects, clocks = judged.effects, judged.clocks
        self.make_room(judged.instruments, judged.symbols)
        forming = self._forming
        indices, bar_codes = forming.index, forming.code
        shown, shares, headers, codes = columns.numbers, columns.share, columns.header, columns.codes
        has_codes = self._codes
        moves: i64 = len(judged.moves_row)
        moved: i64 = 0  # clocks moved so far
        for i in range(n):
            while moved < moves and judged.moves_row[moved] == i:
                self._move(columns, i, judged.moves_number[moved], judged.moves_ns[moved])
                moved += 1
            number: i64 = i64(read_i32_le(rows, i * ROW_BYTES + 8))
            effect = effects[i]
            if number < 0:
                if effect == TIME:
                    self._close_all(columns, i, clocks[i])
                headers[i] = NO_BAR
                continue
            if effect in (APPLY, WIDEN):
                self._move(columns, i, number, clocks[i])
                self._take(columns, i, number, clocks[i], judged.prices[i], judged.volumes[i], effect == APPLY)
            elif effect in (MOVE, APPLY_BAR, WHOLE_BAR):
                self._move(columns, i, number, clocks[i])
            forming.show(number, shown, i * SHOWN)
            shares[i] = self._share(number)
            headers[i] = i64(indices[number])
            if has_codes:
                codes[i] = bar_codes[number]
        self._settle(columns, judged)
        return columns

    def numbers(self, number: i64) -> vec[float]:
        """Return the NUMBERS of a symbol's forming bar; undefined if there is none."""
        found = super().numbers(number)
        found[SHARE] = self._share(number)
        return found

    def end_of(self, number: i64) -> i64:
        """Return NEVER_NS: any tick may close the bar."""
        return NEVER_NS

    def archive_symbol(self, archive: Archive, number: i64) -> None:
        """Save or load the forming bar of a symbol, and what it has taken in."""
        super().archive_symbol(archive, number)
        if archive.version != WITH_HISTORY:
            self._archive_sums(archive, number)

    def archive_end(self, archive: Archive) -> None:
        """Load what followed all symbols in a saved state WITH_HISTORY."""
        if archive.version == WITH_HISTORY:
            for number in range(len(self._until)):
                self._archive_sums(archive, number)

    def _archive_sums(self, archive: Archive, number: i64) -> None:
        self._until[number] = archive.int64(self._until[number], ANY_MIN, ANY_MAX)
        for each in range(number * SUMS, number * SUMS + FILLED + 1):
            self._sums[each] = archive.float64(self._sums[each])
        filled = self._sums[number * SUMS + FILLED]
        if not 0.0 <= filled < 2.0**62:
            raise CorruptCheckpoint(f"saved state: {filled} bars of {self.timeframe} were filled")

    def _add_symbol(self, instrument: Instrument) -> None:
        super()._add_symbol(instrument)
        for _ in range(SUMS):
            self._sums = append(self._sums, 0.0)
        self._until = append(self._until, NEVER_NS)

    def _take(
        self, columns: Columns, row: i64, number: i64, clock: i64, price: float, volume: float, closes: bool
    ) -> None:
        """Apply a tick, and close what it fills; it is not the close of a bar that it does not *close*."""
        forming = self._forming
        if not forming.has_bar(number):
            self._begin(columns, number, clock, price)
        if self._split:
            self._split_up(columns, row, number, clock, price, volume, closes)
            return
        forming.apply(number, price, volume, closes)
        if self._kind == OF_TICKS:
            full = forming.get(number, TICKS) >= self._size
        elif self._kind == RANGE:
            high, low = forming.get(number, HIGH), forming.get(number, LOW)
            full = high - low >= self._size - ROUNDING * max(abs(high), abs(low))
        else:
            self._add(number, self._amount(price, volume))
            full = self._beyond(number, 1.0) >= 0.0
        if full:
            self._fill(columns, row, number, clock)
            self._restart(number)

    def _split_up(
        self, columns: Columns, row: i64, number: i64, clock: i64, price: float, volume: float, closes: bool
    ) -> None:
        """Apply a trade, of which each bar takes what it lacks."""
        forming = self._forming
        sums = self._sums
        at = number * SUMS
        lacking = -self._beyond(number, sums[at + FILLED] + 1.0)
        self._add(number, self._amount(price, volume))
        rest = volume  # in no full bar yet
        filled: i64 = 0
        while True:
            over = self._beyond(number, sums[at + FILLED] + 1.0)
            last = filled == FILLED_MAX - 1
            part = volume  # all of it, if it is not split
            if over < 0.0:
                if filled:
                    part = self._in_volume(self._beyond(number, sums[at + FILLED]), price)
            elif last:
                part = rest
            elif filled or over > 0.0:
                part = self._in_volume(lacking, price)
            forming.apply(number, price, part, closes)
            if filled:
                forming.set(number, TICKS, 0.0)  # it has counted, in the bar in which it begins
            if over < 0.0:
                return
            if self._kind != DOLLARS and not (over > 0.0 and last):
                forming.set(number, VOLUME, self._size)
                forming.set(number, CARRY, 0.0)
            self._fill(columns, row, number, clock)
            filled += 1
            sums[at + FILLED] += 1.0
            if over == 0.0:
                return
            if last:
                self._restart(number)
                return
            rest = max(0.0, rest - part)
            lacking = self._size
            self._begin(columns, number, clock, price)

    def _begin(self, columns: Columns, number: i64, clock: i64, price: float) -> None:
        """Open a bar at *clock*."""
        builder = self._builders[number]
        calendar = builder.instrument.calendar
        day = builder.day
        if day is None or clock < day.start_ns or clock >= day.end_ns:
            day = calendar.period_at(clock, DAY)
            builder.day = day
            builder.day_is_saved = False
        end_ns: i64 = NO_END_NS
        if self._daily:
            end_ns = day.end_ns
            if clock >= self._until[number]:
                self._until[number] = end_ns
                self._restart(number)
        first = builder.previous_end_ns == NEVER_NS
        gap: Gap | None = None
        if not first and builder.previous_end_ns < clock:
            gap = calendar.gap(builder.previous_end_ns, clock)
            if gap.closed_ns == 0 and gap.holiday_ns == 0 and gap.break_ns == 0:
                gap = None  # silence alone does not count
        builder.gap = gap
        flags = flags_of(False, builder.instrument.first_ns > day.start_ns, day.off_session)
        self._set_header(columns, number, clock, end_ns, code_of(day.number, flags, first, False, gap is not None))
        self._forming.start(number, price)
        self._forming.set(number, CLOSE, price)

    def _fill(self, columns: Columns, row: i64, number: i64, clock: i64) -> None:
        """Complete the forming bar with an event at *clock*, which is in it."""
        self._forming.bounds[2 * number + 1] = clock + 1
        self._close(columns, row, number)

    # Sums.

    def _amount(self, price: float, volume: float) -> float:
        return abs(price) * volume if self._kind == DOLLARS else volume

    def _in_volume(self, amount: float, price: float) -> float:
        """Return how much was traded at *price* for an amount."""
        return amount / abs(price) if self._kind == DOLLARS else amount

    def _add(self, number: i64, amount: float) -> None:
        """Add to the sum, and keep the rounding error of it."""
        sums = self._sums
        at = number * SUMS
        hi = sums[at + HI]
        total = hi + amount
        back = total - hi
        lost = (hi - (total - back)) + (amount - back)
        if lost == lost:  # it is NaN once the sum overflows
            sums[at + LO] += lost
        sums[at + HI] = total

    def _beyond(self, number: i64, bars: float) -> float:
        """Return how far the sum is beyond that at which so many *bars* are full; 0 within rounding of it."""
        sums = self._sums
        at = number * SUMS
        level = bars * self._numerator / self._denominator
        over = (sums[at + HI] - level) + sums[at + LO]
        return 0.0 if abs(over) <= ROUNDING * level else over

    def _restart(self, number: i64) -> None:
        """Begin to count."""
        for each in range(number * SUMS, (number + 1) * SUMS):
            self._sums[each] = 0.0

    def _share(self, number: i64) -> float:
        """Return how much of the forming bar is filled; undefined if there is none."""
        forming = self._forming
        if self._kind == OF_TICKS:
            amount = forming.get(number, TICKS)
        elif self._kind == RANGE:
            amount = forming.get(number, HIGH) - forming.get(number, LOW)
        else:
            amount = self._beyond(number, self._sums[number * SUMS + FILLED])
        share = amount / self._size
        return min(1.0, share) if share > 0.0 else 0.0
