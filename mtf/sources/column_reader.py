"""Rows in columns, as in frames and Parquet files, to ticks: with the same verdicts as for delimited text. Compiled.

A batch is a run of rows, with the cells of each needed column in one bytes object. `TableReader` and `QuoteReader` know
what a row means; only the cells are read differently. The text passed in by `mtf.sources.files` is one byte per row,
whose value means nothing.
"""

from __future__ import annotations

from typing import Any, Final

from librt.strings import read_f64_le, read_i32_le, read_i64_le
from mypy_extensions import i64, mypyc_attr

from mtf.events.block_builder import BlockBuilder
from mtf.sources.decimals import decimal
from mtf.sources.local_time import BAD_TIME
from mtf.sources.quotes import ASK, ASK_SIZE, BID, BID_SIZE, ID, QuoteReader
from mtf.sources.row_reader import reason
from mtf.sources.stamps import EPOCH_MAX_NS, EPOCH_MIN_NS
from mtf.sources.text_table import QUOTES, ROLES
from mtf.units import DAY_NS

__all__ = ["CODES", "FLOATS", "TEXTS", "TIMES", "UNREAD", "Cells", "ColumnBatch", "ColumnReader", "cells_text"]

# What the cells of a column are.
UNREAD: Final = 0  # the column is not needed
FLOATS: Final = 1  # f64
TIMES: Final = 2  # i64, in some unit since 1970
TEXTS: Final = 3  # UTF-8, with an i32 offset for each cell and one more at the end
CODES: Final = 4  # i32, each the index of a name

CLOCK: Final = 1  # as in ROLES
NAN: Final = float("nan")
SPACE: Final = 32
TAB: Final = 9

CIVIL_MIN_DAYS: Final = -25_567  # 1900-01-01: earlier dates, and those after 2200, are not read as dates in text either
CIVIL_MAX_DAYS: Final = 84_370  # 2201-01-01


@mypyc_attr(native_class=True, acyclic=True)
class Cells:
    """The cells of one column in a batch, little-endian, of the kind FLOATS, TIMES, TEXTS, CODES, or UNREAD.

    *valid* has one bit per cell, the lowest first, or is empty if no cell is empty; with *hollow*, NaN is an empty cell
    too. TEXTS: the offsets, less *base*, point into *text*. CODES: they index *names*. TIMES: in units of *unit_ns*;
    *civil* if they were written as dates; *local* if they are in the zone of the table, otherwise UTC; *walls* has the
    same times as local times, if they were not written in UTC.
    """

    __slots__ = (
        "base",
        "civil",
        "hollow",
        "kind",
        "least",
        "local",
        "most",
        "names",
        "text",
        "unit_ns",
        "valid",
        "values",
        "walls",
    )

    def __init__(
        self,
        kind: i64,
        values: bytes = b"",
        valid: bytes = b"",
        *,
        hollow: bool = False,
        text: bytes = b"",
        base: i64 = 0,
        names: list[str] | None = None,
        unit_ns: i64 = 1,
        civil: bool = False,
        local: bool = False,
        walls: bytes = b"",
    ) -> None:
        self.kind: Final[i64] = kind
        self.values: Final = values
        self.valid: Final = valid
        self.hollow: Final = hollow
        self.text: Final = text
        self.base: Final[i64] = base
        self.names: Final[list[str]] = [] if names is None else names
        self.unit_ns: Final[i64] = unit_ns
        self.civil: Final = civil
        self.local: Final = local
        self.walls: Final = walls
        # The bounds of a valid time, in units.
        day: i64 = DAY_NS // unit_ns
        self.least: Final[i64] = CIVIL_MIN_DAYS * day if civil else EPOCH_MIN_NS // unit_ns
        self.most: Final[i64] = CIVIL_MAX_DAYS * day - 1 if civil else EPOCH_MAX_NS // unit_ns


@mypyc_attr(native_class=True, acyclic=True)
class ColumnBatch:
    """*rows* rows, the first of which has the number *first*, from 0 on; *cells* of each column of the table."""

    __slots__ = ("cells", "first", "rows")

    def __init__(self, first: i64, rows: i64, cells: list[Cells]) -> None:
        self.first: Final[i64] = first
        self.rows: Final[i64] = rows
        self.cells: Final[list[Cells]] = cells


@mypyc_attr(native_class=True)
class ColumnReader(QuoteReader):
    """Reads rows in columns. `begin` comes first; `take` gets the batches, in order, before their rows are read.

    `line` counts rows, from 1 on: there is no header.
    """

    _row: i64 = 0  # the row being read, in its batch
    _first: i64 = 0  # the number of the first row in that batch
    _stop: i64 = 0  # and the number after its last row
    _code: i64 = -1  # the code of the previous row's symbol in its batch
    _called: str = ""  # and its name
    _last: bytes = b""  # its bytes, if symbols are texts
    # For a batch of quotes with both sides in each row and nothing else to look at: their numbers, and a flag.
    _plain: bool = False
    _times: Cells
    _bids: bytes = b""
    _asks: bytes = b""
    _bid_sizes: bytes = b""  # nothing if there are none
    _ask_sizes: bytes = b""

    def begin(self, wanted: list[Any], *, unchanged: bool) -> None:
        """Prepare the reader; with *unchanged*, an empty side means that it is as before.

        *wanted* gives the kind of cells that each column should have (`mtf.sources.tabular.Wanted`).
        """
        self.leave_out(unchanged=unchanged, undefined=b"")
        self.wanted = wanted
        self.by_line = False
        self._batches: list[ColumnBatch] = []
        self._cells: list[Cells] = []

    def take(self, batch: ColumnBatch) -> None:
        """Add a batch after the present ones."""
        self._batches.append(batch)

    def drop(self) -> None:
        """Drop all batches: others will come."""
        self._batches = []
        self._stop = 0

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        self.left = limit
        stamps = self._stamps
        size: i64 = len(data)
        while self.left > 0 and at < size:
            if self.line >= self._stop:
                self._enter()
            self._row = self.line - self._first
            self._next = at + 1
            self._problem = ""
            stamps.last_ns = self.last_ns + self._step_ns
            if not self._careful or self._prepare(data):
                self._deliver(builder, data)
                if self._left_out:
                    self._left_out = False
                    break
            self.line += 1
            if self._problem:
                self.refuse(builder, self._problem, self._shown())
                self.left -= 1
            at += 1
        self.doubled_rows = stamps.doubled - self._read_again
        return at

    def _enter(self) -> None:
        """Move to the batch that has the row `line`."""
        batches = self._batches
        while self.line >= batches[0].first + batches[0].rows:
            batches.pop(0)
        batch = batches[0]
        self._cells = batch.cells
        self._first = batch.first
        self._stop = batch.first + batch.rows
        self._code = -1
        self._plain = self._kind == QUOTES and self._is_plain()

    def _is_plain(self) -> bool:
        """Whether the batch has only plain quotes; if so, take their numbers."""
        columns = self._columns
        if not self._complete:
            return False  # each quote is kept, for a side that is empty later
        if columns[ID] >= 0 or columns[CLOCK] >= 0 or columns[BID] < 0 or columns[ASK] < 0 or self._shift:
            return False
        times = self._cells[columns[0]]
        if times.kind != TIMES or len(times.valid) > 0 or len(times.walls) > 0:
            return False
        for role in (BID, ASK, BID_SIZE, ASK_SIZE):
            column = columns[role]
            if column >= 0 and (self._cells[column].kind != FLOATS or len(self._cells[column].valid) > 0):
                return False
        self._times = times
        self._bids = self._cells[columns[BID]].values
        self._asks = self._cells[columns[ASK]].values
        self._bid_sizes = self._cells[columns[BID_SIZE]].values if columns[BID_SIZE] >= 0 else b""
        self._ask_sizes = self._cells[columns[ASK_SIZE]].values if columns[ASK_SIZE] >= 0 else b""
        return True

    def _quote(self, builder: BlockBuilder, data: bytes) -> None:
        """Read a row like the other readers, but a plain quote in one step."""
        if not self._plain:
            super()._quote(builder, data)
            return
        at = 8 * self._row
        times = self._times
        value = read_i64_le(times.values, at)
        bid = read_f64_le(self._bids, at)
        ask = read_f64_le(self._asks, at)
        bid_size = read_f64_le(self._bid_sizes, at) if len(self._bid_sizes) > 0 else 0.0
        ask_size = read_f64_le(self._ask_sizes, at) if len(self._ask_sizes) > 0 else 0.0
        odd = (bid - bid) + (ask - ask) + (bid_size - bid_size) + (ask_size - ask_size) != 0.0
        if odd or times.local or value < times.least or value > times.most:
            super()._quote(builder, data)
            return
        ts_ns = value * times.unit_ns
        code = builder.quote(self._name(data), ts_ns, bid, ask, bid_size, ask_size)
        if code:
            self._problem = reason(code)
            return
        self.last_ns = ts_ns
        self.left -= 1

    def _given(self, role: i64) -> bool:
        column = self._columns[role]
        if column < 0:
            return False
        cells = self._cells[column]
        if cells.kind == TEXTS:
            self._locate(cells, column)
            return self._starts[column] < self._ends[column]
        if not _is_valid(cells, self._row):
            return False
        if cells.kind == FLOATS and cells.hollow:
            value = read_f64_le(cells.values, 8 * self._row)
            return value == value
        return True

    def _price(self, data: bytes, role: i64) -> float:
        column = self._columns[role]
        cells = self._cells[column]
        if cells.kind == TEXTS:
            return super()._price(self._locate(cells, column), role)
        if not self._given(role):
            self._problem = self._problem or "a price is missing"
            return 0.0
        value = read_f64_le(cells.values, 8 * self._row)
        if value - value != 0.0:
            if role in (BID, ASK):
                return NAN  # for the gate to judge, as with text, which has no infinity
            self._problem = self._problem or f"{ROLES[role]} is not a number"
        elif self._shift:
            value = _scaled(value, self._shift)
        return value

    def _size(self, data: bytes, role: i64) -> float:
        column = self._columns[role]
        if column < 0:
            return 0.0
        cells = self._cells[column]
        if cells.kind == TEXTS:
            return super()._size(self._locate(cells, column), role)
        if not _is_valid(cells, self._row):
            return 0.0
        value = read_f64_le(cells.values, 8 * self._row)
        if value != value:
            return 0.0
        if value - value != 0.0:
            self._problem = self._problem or f"{ROLES[role]} is not a number"
        return value

    def _stamp(self, data: bytes) -> i64:
        column = self._columns[0]
        clock = self._columns[1]
        if clock >= 0:
            date = self._word(data, column)
            both = date + self._word(data, clock)
            return self._stamps.read_two(both, 0, len(date), len(date), len(both))
        cells = self._cells[column]
        if cells.kind == TIMES:
            i = self._row
            value = read_i64_le(cells.values, 8 * i)
            if not _is_valid(cells, i) or value < cells.least or value > cells.most:
                return BAD_TIME
            wall = read_i64_le(cells.walls, 8 * i) if len(cells.walls) > 0 else value
            return self._stamps.take(value * cells.unit_ns, wall * cells.unit_ns, local=cells.local)
        text = self._locate(cells, column)
        return self._stamps.read(text, self._starts[column], self._ends[column])

    def _name(self, data: bytes) -> str:
        column = self._columns[2]
        if column < 0:
            return self._symbol
        cells = self._cells[column]
        i = self._row
        if cells.kind == CODES:
            code: i64 = i64(read_i32_le(cells.values, 4 * i)) if _is_valid(cells, i) else -1
            if code != self._code or code < 0:
                self._called = self._symbol_of(cells.names[code] if code >= 0 else "")
                self._code = code
            return self._called
        text = self._locate(cells, column)
        start = self._starts[column]
        end = self._ends[column]
        if self._code < 0 or not _is_same(text, start, end, self._last):
            self._last = text[start:end]
            self._called = self._symbol_of(self._last.decode())
            self._code = 0
        return self._called

    def _symbol_of(self, name: str) -> str:
        """Return the symbol of a row that calls it *name*."""
        name = name.strip()
        if "\x00" in name:
            return ""  # which is not a symbol either
        if not self._symbol:
            return name
        if name not in ("", self.constant):
            if self.constant:
                raise self._several(name)
            self.constant = name
        return self._symbol

    def _text(self, data: bytes, role: i64) -> str:
        column = self._columns[role]
        cells = self._cells[column]
        text = self._locate(cells, column)
        return text[self._starts[column] : self._ends[column]].decode()

    def _word(self, data: bytes, column: i64) -> bytes:
        text = self._locate(self._cells[column], column)
        return text[self._starts[column] : self._ends[column]]

    def _locate(self, cells: Cells, column: i64) -> bytes:
        """Return the text of a column; `_starts` and `_ends` are then the bounds of the row's trimmed cell in it."""
        i = self._row
        text = cells.text
        start: i64 = 0
        end: i64 = 0
        if _is_valid(cells, i):
            start = i64(read_i32_le(cells.values, 4 * i)) - cells.base
            end = i64(read_i32_le(cells.values, 4 * i + 4)) - cells.base
            while start < end and (text[start] == SPACE or text[start] == TAB):
                start += 1
            while end > start and (text[end - 1] == SPACE or text[end - 1] == TAB):
                end -= 1
        self._starts[column] = start
        self._ends[column] = end
        return text

    def _shown(self) -> bytes:
        """Return the row as text, without the columns that are not read."""
        found: list[str] = []
        for cells in self._cells:
            if cells.kind != UNREAD:
                found.append(cells_text(cells, self._row))
        return ",".join(found).encode("utf-8", "replace")


def cells_text(cells: Cells, i: i64) -> str:
    """Return cell *i* as text; "" for an empty one."""
    if not _is_valid(cells, i):
        return ""
    if cells.kind == FLOATS:
        value = read_f64_le(cells.values, 8 * i)
        if value != value and cells.hollow:
            return ""
        text = repr(value)
        return text.removesuffix(".0")
    if cells.kind == CODES:
        code: i64 = i64(read_i32_le(cells.values, 4 * i))
        return cells.names[code] if code >= 0 else ""
    if cells.kind == TEXTS:
        start = i64(read_i32_le(cells.values, 4 * i)) - cells.base
        end = i64(read_i32_le(cells.values, 4 * i + 4)) - cells.base
        return cells.text[start:end].decode()
    number = read_i64_le(cells.values, 8 * i)
    if not cells.civil:
        return str(int(number))
    a_day: i64 = DAY_NS // cells.unit_ns
    days = number // a_day
    return _moment(days, (number - days * a_day) * cells.unit_ns, cells.local)


def _moment(days: i64, rest: i64, local: bool) -> str:
    """Return a day and its nanoseconds in ISO 8601: only a date if it is a local midnight."""
    shifted = days + 719_468  # as in `civil_day`, whose inverse this is
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    date = f"{int(year):04d}-{int(month):02d}-{int(day):02d}"
    if rest == 0 and local:
        return date
    seconds = rest // 1_000_000_000
    text = f"{date}T{int(seconds // 3600):02d}:{int(seconds // 60 % 60):02d}:{int(seconds % 60):02d}"
    rest -= seconds * 1_000_000_000
    if rest:
        text += f".{int(rest):09d}"
    return text if local else text + "Z"


def _is_valid(cells: Cells, i: i64) -> bool:
    valid = cells.valid
    return len(valid) == 0 or (i64(valid[i >> 3]) >> (i & 7)) & 1 == 1


def _is_same(text: bytes, start: i64, end: i64, other: bytes) -> bool:
    size: i64 = len(other)
    if end - start != size:
        return False
    for k in range(size):
        if text[start + k] != other[k]:
            return False
    return True


def _scaled(value: float, shift: i64) -> float:
    """Return *value* times 10**shift, rounded once from its shortest decimal, as if it had been read as text."""
    digits = repr(value).encode()
    return decimal(digits, 0, len(digits), shift)
