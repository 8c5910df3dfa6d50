"""The aggregator: builds one timeframe's bars, for every symbol, from judged blocks.

Owns the forming bars and the history of completed ones. For each row it writes the partial bar of the row's symbol
after that row into columns, and lists the bars that closed, each with the row that closed it. Bars that are over close
before the tick is applied, so a bar never contains data of the tick that revealed its end.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, WITH_HISTORY, Archive
from mtf.bars.bar_builder import BarBuilder, fetch_moved, fetch_rows
from mtf.bars.bar_codes import FROM_BARS, INCOMPLETE, code_of, flags_of
from mtf.bars.bar_history import BarHistory
from mtf.bars.bar_window import BarWindow
from mtf.bars.closings import Closings
from mtf.bars.columns import (
    AS_BEFORE,
    CLOSE,
    COUNT,
    HIGH,
    LOW,
    NO_BAR,
    NUMBERS,
    OPEN,
    SHOWN,
    VOLUME,
    BarHeader,
    Columns,
)
from mtf.bars.forming import CARRY, END_MS, STRIDE, TICKS, FormingBars
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.read_ahead import FETCH_ROWS, FETCH_SYMBOLS
from mtf.bars.verdicts import APPLY, APPLY_BAR, MOVE, NOTHING, TEAR, TIME, WHOLE_BAR, WIDEN
from mtf.calendars.day import Gap
from mtf.calendars.grid import DAY_START, bar_bounds
from mtf.events.bar_rows import EVENTS_PER_BAR
from mtf.events.block import ROW_BYTES
from mtf.image import Core, StoredRows
from mtf.timeframe import INTRADAY, Timeframe
from mtf.units import MS_NS, NEVER_NS

__all__ = ["Aggregator"]

BARS_ONLY: Final = "the history of a symbol is a window of bars"


@mypyc_attr(native_class=True)
class Aggregator(Core):
    """Keeps the bars of one timeframe, for all symbols."""

    __slots__ = (
        "_anchor_ns",
        "_builders",
        "_codes",
        "_expected",
        "_forming",
        "_history",
        "_kind",
        "_length_ns",
        "_none",
        "_read",
        "completed",
        "rank",
        "timeframe",
    )

    def __init__(
        self, timeframe: Timeframe, rank: i64, history: i64, anchor_ns: i64 = DAY_START, codes: bool = False
    ) -> None:
        super().__init__()
        self.timeframe: Final = timeframe
        self.rank: Final[i64] = rank
        self._history: Final[i64] = history  # completed bars kept per symbol
        self._kind: Final[i64] = timeframe.kind
        self._length_ns: Final[i64] = timeframe.length_ns
        self._anchor_ns: Final[i64] = anchor_ns  # what intraday bars count from: see `mtf.calendars.grid`
        self._codes: Final = codes  # columns have the codes of headers
        self._none: Final = Closings(timeframe, history)  # of blocks in which no bar closes
        self._forming: Final = FormingBars(timeframe.length_ns)
        self._builders: list[BarBuilder] = []  # by number of the symbol
        self.completed: i64 = 0  # bars closed
        self._expected: i64 = 0  # as in the block before, and some more
        self._read = 0.0  # of no meaning: it keeps what is read ahead from being optimized away

    def aggregate(self, judged: JudgedBlock) -> Columns:
        """Apply *judged* to this timeframe and return the resulting columns."""
        if self.image is not None:
            self.image.before(judged.touched)
        block = judged.block
        n = block.count
        rows = block.rows
        columns = Columns(self.timeframe, self.rank, n, self._codes, self._none)
        effects, prices, volumes, clocks = judged.effects, judged.prices, judged.volumes, judged.clocks
        shown, headers, codes = columns.numbers, columns.header, columns.codes
        self.make_room(judged.instruments, judged.symbols)
        forming = self._forming
        numbers, indices, bounds, found_codes = forming.numbers, forming.index, forming.bounds, forming.code
        has_codes = self._codes
        rank = self.rank
        ranks = judged.ranks
        no_repairs = len(judged.repairs) == 0
        bars_enter = no_repairs and judged.rank_max <= rank  # all of them
        marked: i64 = _NOT_MARKED  # the index of the header, once it is known to have from_bars set
        many = len(self._builders) > FETCH_SYMBOLS
        fetched: i64 = 0 if many else n
        moves: i64 = len(judged.moves_row)
        moved: i64 = 0  # clocks moved so far
        fetched_moves: i64 = 0 if many else moves
        move_row: i64 = judged.moves_row[0] if moves else n
        base: i64 = 8
        to: i64 = -SHOWN  # of the row's numbers
        # The bar of the rows' symbol, in locals while it is the same one.
        number: i64 = _NOBODY
        at: i64 = 0  # of its numbers
        open_ = high = low = close = volume = carry = ticks = 0.0
        end_ns: i64 = NEVER_NS
        index: i64 = NO_BAR
        code: i64 = 0
        i: i64 = -1
        while i + 1 < n:
            i += 1
            found: i64 = i64(read_i32_le(rows, base))
            base += ROW_BYTES
            to += SHOWN
            effect: i64 = i64(effects[i])
            if i >= fetched:
                fetched = min(n, i + FETCH_ROWS)
                self._read = fetch_rows(self._builders, forming, judged, i, fetched)
            applies = effect == APPLY
            is_other = False
            if not applies:
                if effect == WHOLE_BAR:
                    effect = APPLY_BAR
                    last = i + EVENTS_PER_BAR - 1
                    if found == number and bars_enter and index == marked and last < move_row and clocks[last] < end_ns:
                        # Its bar is open already, and there is no volume before its last event.
                        while i < last:
                            price = prices[i]
                            if price > high:
                                high = price
                            elif price < low:
                                low = price
                            ticks += 1.0
                            shown[to + OPEN] = open_
                            shown[to + HIGH] = high
                            shown[to + LOW] = low
                            shown[to + CLOSE] = price
                            shown[to + VOLUME] = volume + carry
                            shown[to + COUNT] = ticks
                            headers[i] = index
                            if has_codes:
                                codes[i] = code
                            i += 1
                            base += ROW_BYTES
                            to += SHOWN
                applies = effect == APPLY_BAR and (bars_enter or (no_repairs and i64(ranks[i]) <= rank))
                is_other = not applies and effect != NOTHING
            if found != number or is_other or i == move_row:
                if number >= 0:
                    forming.put(number, high, low, close, volume, carry, ticks)
                if i == move_row:
                    while moved < moves and judged.moves_row[moved] == i:
                        if moved >= fetched_moves:
                            fetched_moves = min(moves, moved + FETCH_ROWS)
                            self._read = fetch_moved(self._builders, forming, judged, moved, fetched_moves)
                        self._move(columns, i, judged.moves_number[moved], judged.moves_ns[moved])
                        moved += 1
                    move_row = judged.moves_row[moved] if moved < moves else n
                number = found
                if number < 0:
                    if effect == TIME:
                        self._close_all(columns, i, clocks[i])
                    headers[i] = NO_BAR
                    number = _NOBODY
                    continue
                at = number * STRIDE
                if is_other:
                    self._apply_other(columns, judged, i, effect, number)
                open_ = numbers[at]
                high = numbers[at + HIGH]
                low = numbers[at + LOW]
                close = numbers[at + CLOSE]
                volume = numbers[at + VOLUME]
                carry = numbers[at + CARRY]
                ticks = numbers[at + TICKS]
                end_ns = 0
                if many:  # of few symbols, everything is near
                    end_ns = i64(numbers[at + END_MS]) * MS_NS
                    index = AS_BEFORE
                if end_ns == 0:
                    end_ns = bounds[2 * number + 1]
                    index = i64(indices[number])
                if has_codes:
                    code = found_codes[number]
                marked = _NOT_MARKED
            if applies:
                clock = clocks[i]
                price = prices[i]
                if clock >= end_ns or (effect != APPLY and index != marked):
                    if clock >= end_ns:
                        if end_ns != NEVER_NS:
                            forming.put(number, high, low, close, volume, carry, ticks)
                            self._close(columns, i, number)
                        self._open(columns, number, clock, price, effect != APPLY)
                        open_ = high = low = price
                        volume = carry = ticks = 0.0
                    else:
                        self._mark_from_bars(columns, number)
                    end_ns = bounds[2 * number + 1]
                    index = i64(indices[number])
                    code = found_codes[number]
                    if effect != APPLY:
                        marked = index
                if price > high:
                    high = price
                elif price < low:
                    low = price
                close = price
                size = volumes[i]
                if size != 0.0:
                    # Compensated summation, with `carry` the rounding error: a million trades of 0.1 make 100,000.
                    total = volume + size
                    back = total - volume
                    lost = (volume - (total - back)) + (size - back)
                    if lost == lost:  # it is NaN once the sum overflows
                        carry += lost
                    volume = total
                ticks += 1.0
            shown[to + OPEN] = open_
            shown[to + HIGH] = high
            shown[to + LOW] = low
            shown[to + CLOSE] = close
            shown[to + VOLUME] = volume + carry
            shown[to + COUNT] = ticks
            headers[i] = index
            if has_codes:
                codes[i] = code
        if number >= 0:
            forming.put(number, high, low, close, volume, carry, ticks)
        self._settle(columns, judged)
        return columns

    def header(self, number: i64) -> BarHeader | None:
        """Return the header of a symbol's forming bar; None if there is none."""
        forming = self._forming
        if not forming.has_bar(number):
            return None
        gap = self._builders[number].gap
        return BarHeader(forming.start_ns(number), forming.end_ns(number), forming.code[number], gap)

    def numbers(self, number: i64) -> vec[float]:
        """Return the NUMBERS of a symbol's forming bar; undefined if there is none."""
        found = vec[float]([0.0] * NUMBERS)
        self._forming.show(number, found, 0)
        return found

    def window(self, number: i64) -> BarWindow:
        """Return the completed bars of a symbol, oldest first."""
        return self._builders[number].window(self._history)

    def end_of(self, number: i64) -> i64:
        """Return the end of a symbol's forming bar; NEVER_NS if there is none."""
        return self._forming.end_ns(number)

    def make_room(self, instruments: list[Instrument], symbols: i64) -> None:
        """Have room for so many *symbols* of the gate's *instruments*."""
        while len(self._builders) < symbols:
            self._add_symbol(instruments[len(self._builders)])

    def symbols_saved(self) -> i64:
        """Return how many symbols there are."""
        return len(self._builders)

    def archive_head(self, archive: Archive) -> None:
        """Save or load what is counted of all symbols."""
        self.completed = archive.int64(self.completed, 0, ANY_MAX)

    def archive_symbol(self, archive: Archive, number: i64) -> None:
        """Save or load the forming bar of a symbol; see `make_room`."""
        builder = self._builders[number]
        builder.archive(archive, self._forming)
        if archive.version == WITH_HISTORY:
            builder.load_bars(archive, self._history)

    def window_of(self, number: i64) -> BarWindow:
        """Return the completed bars of a symbol."""
        return self.window(number)

    def history_end(self, window: object) -> i64:
        """Return the place after the last bar of a window."""
        assert isinstance(window, BarWindow), BARS_ONLY
        return window.end()

    def save_window(self, archive: Archive, window: object, after: i64) -> i64:
        """Save the completed bars from the place *after* on as columns."""
        assert isinstance(window, BarWindow), BARS_ONLY
        return window.save(archive, after)

    def load_history(self, archive: Archive, number: i64) -> None:
        """Load the completed bars of a symbol that has none."""
        self._builders[number].load_history(archive, self._history)

    def history_bytes(self) -> i64:
        """Return how much memory completed bars take."""
        found: i64 = 0
        for builder in self._builders:
            found += builder.history.size()
        return found

    def rebind(self, stored: StoredRows) -> None:
        """Read what is absent of unchanged histories from here from now on."""
        ends = stored.ends
        for number in range(min(len(self._builders), len(ends))):
            self._builders[number].history.rebind(ends[number], stored)

    def table(self, number: i64) -> BarHistory:
        """Return the table of a symbol's completed bars."""
        return self._builders[number].history

    def replace_table(self, number: i64, table: BarHistory) -> None:
        """Go on with another table of the same bars."""
        self._builders[number].history = table

    def load_later(self, number: i64, count: i64, stored: StoredRows) -> None:
        """Give a symbol its stored bars, which are read later."""
        self._builders[number].load_later(min(count, self._history), stored)

    def _add_symbol(self, instrument: Instrument) -> None:
        self._builders.append(BarBuilder(instrument, self.timeframe))
        self._forming.add_symbol()

    def _open(self, columns: Columns, number: i64, ts_ns: i64, price: float, from_bars: bool) -> None:
        """Open the bar that holds *ts_ns*."""
        builder = self._builders[number]
        calendar = builder.instrument.calendar
        day = builder.day
        if day is None or builder.day_is_saved or ts_ns < day.start_ns or ts_ns >= day.end_ns:
            day = calendar.period_at(ts_ns, self._kind)
            builder.day = day
            builder.day_is_saved = False
        start_ns = day.start_ns
        end_ns = day.end_ns
        if self._kind == INTRADAY:
            start_ns, end_ns = bar_bounds(day, ts_ns, self._length_ns, self._anchor_ns)
        first = builder.previous_end_ns == NEVER_NS
        gap: Gap | None = None
        if not first and builder.previous_end_ns < start_ns:
            gap = calendar.gap(builder.previous_end_ns, start_ns)
        first_ns = builder.instrument.first_ns
        incomplete = first and first_ns > start_ns
        if start_ns <= builder.torn_ns < end_ns:
            builder.torn = not incomplete
            incomplete = True
        builder.gap = gap
        flags = flags_of(incomplete, first_ns > day.start_ns, day.off_session)
        self._set_header(
            columns, number, start_ns, end_ns, code_of(day.number, flags, first, from_bars, gap is not None)
        )
        self._forming.start(number, price)

    def _mark_from_bars(self, columns: Columns, number: i64) -> None:
        """Mark the forming bar as made of bars."""
        forming = self._forming
        if forming.has_bar(number) and forming.code[number] & FROM_BARS == 0:
            self._set_code(columns, number, forming.code[number] | FROM_BARS)

    def _tear(self, columns: Columns, number: i64, start_ns: i64) -> None:
        """Mark the bar containing *start_ns*, the start of an unfinished bar, as incomplete (now or when it opens)."""
        builder = self._builders[number]
        if start_ns == builder.torn_ns:
            return
        builder.torn_ns = start_ns
        builder.torn = False
        forming = self._forming
        if (
            forming.has_bar(number)
            and forming.start_ns(number) <= start_ns < forming.end_ns(number)
            and forming.code[number] & INCOMPLETE == 0
        ):
            builder.torn = True
            self._set_code(columns, number, forming.code[number] | INCOMPLETE)

    def _repair(self, columns: Columns, number: i64) -> None:
        """Undo `_tear`: the bar that was unfinished has arrived complete."""
        builder = self._builders[number]
        builder.torn_ns = NEVER_NS
        if builder.torn and self._forming.has_bar(number):
            self._set_code(columns, number, self._forming.code[number] & ~INCOMPLETE)
        builder.torn = False

    def _set_code(self, columns: Columns, number: i64, code: i64) -> None:
        """Set the code of the forming bar, for the rows of the block from here on."""
        self._set_header(columns, number, self._forming.start_ns(number), self._forming.end_ns(number), code)

    def _set_header(self, columns: Columns, number: i64, start_ns: i64, end_ns: i64, code: i64) -> None:
        """Set the header of the forming bar, for the rows of the block from here on."""
        index = columns.add_header(start_ns, end_ns, code, self._builders[number].gap)
        self._forming.open(number, start_ns, end_ns, code, index)

    def _apply_other(self, columns: Columns, judged: JudgedBlock, i: i64, effect: i64, number: i64) -> None:
        """Apply a row that the main loop skips: late, without a price, a tear or repair, or of too long a bar."""
        if effect == TEAR:
            self._tear(columns, number, judged.tears[i])
            return
        forming = self._forming
        clock = judged.clocks[i]
        if effect != WIDEN:
            self._move(columns, i, number, clock)
        if len(judged.repairs) > 0 and int(i) in judged.repairs:
            self._repair(columns, number)
        if effect == MOVE or (effect == APPLY_BAR and i64(judged.ranks[i]) > self.rank):
            return
        price = judged.prices[i]
        if not forming.has_bar(number):
            assert effect != WIDEN, "a late tick is accepted only while a bar forms"
            self._open(columns, number, clock, price, effect == APPLY_BAR)
        if effect == APPLY_BAR:
            self._mark_from_bars(columns, number)
        forming.apply(number, price, judged.volumes[i], effect != WIDEN)

    def _move(self, columns: Columns, row: i64, number: i64, clock_ns: i64) -> None:
        """Complete the forming bar if it ends by *clock_ns*; for clocks moved by clock events or other symbols."""
        end_ns = self._forming.end_ns(number)
        if end_ns <= clock_ns and end_ns != NEVER_NS:
            self._close(columns, row, number)

    def _close(self, columns: Columns, row: i64, number: i64) -> None:
        """Complete the forming bar, at its own end time."""
        builder = self._builders[number]
        forming = self._forming
        numbers = forming.numbers
        at = number * STRIDE
        end_ns = forming.end_ns(number)
        closings = columns.closings
        if closings is self._none:
            closings = Closings(self.timeframe, self._history, min(self._expected, len(columns.header)))
            columns.closings = closings
        closings.add(
            row,
            number,
            forming.start_ns(number),
            end_ns,
            numbers[at + OPEN],
            numbers[at + HIGH],
            numbers[at + LOW],
            numbers[at + CLOSE],
            numbers[at + VOLUME] + numbers[at + CARRY],
            i64(numbers[at + TICKS]),
            forming.code[number],
            builder.gap,
            builder.room(self._history),
        )
        self.completed += 1
        forming.close(number)
        builder.gap = None
        builder.previous_end_ns = end_ns
        builder.torn = False

    def _close_all(self, columns: Columns, row: i64, clock_ns: i64) -> None:
        """Complete every bar that ends at or before *clock_ns*, in order of appearance of the symbols."""
        for number in range(len(self._builders)):
            self._move(columns, row, number, clock_ns)

    def _settle(self, columns: Columns, judged: JudgedBlock) -> None:
        """Write what the touched symbols' bars are after the block."""
        columns.after = self._forming.after(judged.touched)
        self._forming.end_block()
        self._expected = columns.closings.count + (columns.closings.count >> 3)


_NOBODY: Final = -2  # in place of a symbol's number; that of a clock event is -1
_NOT_MARKED: Final = -3  # in place of the index of a header
