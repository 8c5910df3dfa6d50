"""The value history: the values of one timeframe's indicators, for every symbol, one row per bar.

Owns the history of completed values, and the newest live ones of each symbol in packed rows; joins a block's numbers
into value columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.archive import WITH_HISTORY, Archive
from mtf.bars.columns import AFTER, AFTER_HEADER, NO_BAR, Columns
from mtf.bars.growth import LATER, next_room, start_of
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.read_ahead import FETCH_ROWS, FETCH_SYMBOLS, fetched
from mtf.errors import CorruptCheckpoint
from mtf.image import Core, StoredRows
from mtf.indicators.value_rows import ValueRows
from mtf.indicators.values import Numbers, ValueClosings, ValueColumns, ValueState, completed_state

__all__ = ["ValueHistory", "ValueUndo"]

NAN: Final = float("nan")
VALUES_ONLY: Final = "the history of a symbol is that of its values"


@mypyc_attr(native_class=True, acyclic=True)
class ValueUndo:
    """What one block has changed of one timeframe's live values, as they were before it: a row each touched symbol.

    A row is of meaning if it is `known`; there are none if no row is.
    """

    __slots__ = ("known", "live", "width")

    def __init__(self, width: i64, touched: i64) -> None:
        self.width: Final[i64] = width
        self.live: vec[float] = vec[float]([])
        self.known: vec[u8] = vec[u8]([0] * touched)


@mypyc_attr(native_class=True)
class ValueHistory(Core):
    """Keeps the values of one timeframe: *width* per bar, for the last *history* bars of each symbol."""

    __slots__ = ("_fresh", "_history", "_known", "_live", "_read", "_tables", "width")

    def __init__(self, width: i64, history: i64) -> None:
        super().__init__()
        self.width: Final[i64] = width
        self._history: Final[i64] = history
        self._fresh: Final = ValueState(vec[float]([]), ValueRows(width), 0, 0)
        self._read = 0.0  # of no meaning: it keeps `_fetch` from being optimized away
        # By number of the symbol:
        self._live: vec[float] = vec[float]([])  # a row each, of meaning while it is known
        self._known: vec[u8] = vec[u8]([])  # 1: the row is of the bar that forms
        self._tables: Final[list[ValueRows]] = []  # completed values; that of symbols without a bar is the same one

    def record(self, judged: JudgedBlock, columns: Columns, numbers: Numbers, undo: ValueUndo) -> ValueColumns:
        """Return the value columns of a block, of which *numbers* were found; what was before goes into *undo*."""
        if self.image is not None:
            self.image.before(judged.touched)
        closings = columns.closings
        assert len(numbers.completed) == closings.count * self.width, "each bar that closes has its values"
        values = ValueColumns(self.width, numbers, self._fresh)
        while len(self._known) < judged.symbols:
            self._add_symbol()
        self._keep(judged, undo)
        if closings.count:
            written = ValueClosings(self.width, numbers.completed, self._history)
            values.closings = written
            for k in range(closings.count):
                number = closings.number(k)
                written.add(self._room(number))
                self._known[number] = 0
        if len(numbers.live):
            self._show(judged, columns, numbers)
        return values

    @property
    def fresh(self) -> ValueState:
        """The state of a symbol before its first event."""
        return self._fresh

    def completed(self, number: i64) -> ValueState:
        """Return the state after the newest bar of a symbol that closed, without live values."""
        rows = self._tables[number]
        return completed_state(rows, rows.count, self._history)

    def live(self, number: i64) -> vec[float]:
        """Return a symbol's newest live values; none if no bar of it forms, or they were not computed."""
        if number >= len(self._known) or not self._known[number]:
            return vec[float]([])
        at = number * self.width
        return self._live[at : at + self.width]

    def make_room(self, instruments: list[Instrument], symbols: i64) -> None:
        """Have room for so many *symbols* of the gate's *instruments*."""
        while len(self._known) < symbols:
            self._add_symbol()

    def recount(self, counts: Sequence[int]) -> None:
        """Take over how many bars each symbol has had, after a load: the indicators' own state knows it."""
        for number, count in zip(range(len(self._tables)), counts, strict=False):
            rows = self._tables[number]
            if rows.count:
                rows.first = max(i64(count) - rows.count, 0)

    def symbols_saved(self) -> i64:
        """Return how many symbols there are."""
        return len(self._known)

    def archive_symbol(self, archive: Archive, number: i64) -> None:
        """Save or load the live values of a symbol; see `make_room`."""
        if archive.version == WITH_HISTORY:
            self._load_rows(archive, number)
        live = self.live(number)
        if archive.flag(len(live) > 0):
            if archive.loading:
                live = vec[float]([NAN] * self.width)
            archive.numbers(live)
            if archive.loading:
                self._set_live(number, live, 0)

    def window_of(self, number: i64) -> ValueState:
        """Return the completed values of a symbol."""
        return self.completed(number)

    def history_end(self, window: object) -> i64:
        """Return the place after the last row of a window."""
        assert isinstance(window, ValueState), VALUES_ONLY
        return window.rows.first + window.stop

    def save_window(self, archive: Archive, window: object, after: i64) -> i64:
        """Save the completed values from the place *after* on as columns."""
        assert isinstance(window, ValueState), VALUES_ONLY
        start = max(window.start, after - window.rows.first)
        count = archive.count(window.stop - start, 8)
        if count:
            window.rows.save(archive, start, window.stop)
        return count

    def load_history(self, archive: Archive, number: i64) -> None:
        """Load the completed values of a symbol that has none."""
        count = archive.int64(0, 0, self._history)
        if count:
            rows = ValueRows(self.width, next_room(count, self._history, number))
            rows.load(archive, count)
            self._tables[number] = rows

    def history_bytes(self) -> i64:
        """Return how much memory completed values take."""
        found: i64 = 0
        for rows in self._tables:
            found += rows.size()
        return found

    def rebind(self, stored: StoredRows) -> None:
        """Read what is absent of unchanged histories from here from now on."""
        ends = stored.ends
        for number in range(min(len(self._tables), len(ends))):
            self._tables[number].rebind(ends[number], stored)

    def release(self, number: i64, end: i64, stored: StoredRows) -> i64:
        """Have the values of a symbol up to the place *end* be read later; return how many bytes that frees."""
        rows = self._tables[number]
        released = rows.released(start_of(rows.count, self._history), end, stored, number)
        if released is None:
            return 0
        self._tables[number] = released
        return rows.size() - released.size()

    def load_later(self, number: i64, count: i64, stored: StoredRows) -> None:
        """Give a symbol its stored values, which are read later."""
        count = min(count, self._history)
        rows = ValueRows(self.width, count, 0, count, stored, number)
        if not LATER:
            rows.fill()
        self._tables[number] = rows

    def _load_rows(self, archive: Archive, number: i64) -> None:
        """Load the completed values of a symbol, saved one row after the other."""
        values = vec[float]([NAN] * self.width)
        count = archive.count(0, 8)
        if count > self._history:
            raise CorruptCheckpoint(f"saved state: {count} indicator values, but {self._history} are kept")
        for _ in range(count):
            archive.numbers(values)
            self._room(number).add(values, 0)

    def _add_symbol(self) -> None:
        """Make room for the next symbol."""
        for _ in range(self.width):
            self._live = append(self._live, NAN)
        self._known = append(self._known, u8(0))
        self._tables.append(self._fresh.rows)

    def _room(self, number: i64) -> ValueRows:
        """Return the table of a symbol, with room for one more row."""
        rows = self._tables[number]
        if rows.count == rows.room:
            rows = rows.larger(self._history, number)
            self._tables[number] = rows
        return rows

    def _keep(self, judged: JudgedBlock, undo: ValueUndo) -> None:
        """Copy the live values of the symbols that the block touches."""
        width = self.width
        live = self._live
        known, known_before = self._known, undo.known
        touched = judged.touched
        to: i64 = 0
        count: i64 = len(touched)
        if count == 1:  # as for each tick that is pushed
            number = touched[0]
            if known[number]:
                known_before[0] = 1
                undo.live = live[number * width : (number + 1) * width]
            return
        into = vec[float]([0.0] * (width * count))
        undo.live = into
        ahead: i64 = 0 if len(known) > FETCH_SYMBOLS else count  # what was read by now
        for k in range(count):
            if k == ahead:
                ahead = min(count, k + FETCH_ROWS)
                self._fetch(touched, k, ahead)
            number = touched[k]
            if known[number]:
                known_before[k] = 1
                at = number * width
                for i in range(width):
                    into[to + i] = live[at + i]
            to += width

    def _fetch(self, touched: vec[i64], start: i64, stop: i64) -> None:
        """Read a number of each cache line of live values; see `mtf.bars.read_ahead` for why."""
        live, width = self._live, self.width
        total = 0.0
        for k in range(start, stop):
            at = touched[k] * width
            total += fetched(live, at, at + width)
        self._read = total

    def _show(self, judged: JudgedBlock, columns: Columns, numbers: Numbers) -> None:
        """Take over the live values of each touched symbol's last row, if the bar that formed then still does."""
        touched, last_rows = judged.touched, judged.last_rows
        headers, after = columns.header, columns.after
        for k in range(len(touched)):
            row = last_rows[k]
            if row >= 0 and headers[row] != NO_BAR and after[k * AFTER + AFTER_HEADER] != NO_BAR:
                self._set_live(touched[k], numbers.live, (row if numbers.rows else k) * self.width)

    def _set_live(self, number: i64, values: vec[float], at: i64) -> None:
        live = self._live
        to = number * self.width
        for i in range(self.width):
            live[to + i] = values[at + i]
        self._known[number] = 1
