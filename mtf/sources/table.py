"""Rows of delimited text to ticks: quotes, trades and bars, in columns as a layout says. Compiled.

One row is one line; a field may be quoted, and then hold the delimiter and doubled quotes, but no line break. Empty
lines are passed over. A row with another number of fields than the layout's, with a time or a number that cannot be
read, or that the door does not take, is refused with its line.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.errors import SourceError
from mtf.events.block import HAS_ASK, HAS_BID
from mtf.events.door import Door
from mtf.sources.decimals import decimal
from mtf.sources.reader import TRADES, Reader, reason
from mtf.sources.stamps import StampReader, time_problem
from mtf.sources.zone import SKIPPED_TIME

__all__ = ["BARS", "QUOTES", "QUOTE_BARS", "ROLES", "TRADE_TICKS", "TableReader"]

# What the rows are.
QUOTES: Final = 0
TRADE_TICKS: Final = 1
BARS: Final = 2
QUOTE_BARS: Final = 3

# What a column holds; a layout names each by this word, and its index here is the column's place in `columns`.
ROLES: Final = (
    "time",
    "clock",
    "symbol",
    "id",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "price",
    "size",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "bid_open",
    "bid_high",
    "bid_low",
    "bid_close",
    "ask_open",
    "ask_high",
    "ask_low",
    "ask_close",
)

NEWLINE: Final = 10
RETURN: Final = 13
SPACE: Final = 32
QUOTE_MARK: Final = 34
SYMBOLS_MAX: Final = 100_000  # names remembered by their bytes; more are decoded each time

NOT_SPLIT: Final = -1  # the row is not whole yet
BROKEN: Final = -2  # a quoted field without its end


@mypyc_attr(native_class=True)
class TableReader(Reader):
    """Reads rows of *kind* with *fields* fields; `columns[i]` is the column of `ROLES[i]`, or -1.

    *skip* lines at the start are a header. Prices are times 10**shift; with *whole* rounded to a whole number before
    that. *symbol* is that of all rows; "": that of its column. Bars last *length_ns*, are stamped at their start, or
    with *close_stamped* at their end, and are of *side* (BARS: TRADES, HAS_BID or HAS_ASK).
    """

    def __init__(
        self,
        place: str,
        *,
        kind: i64,
        delimiter: i64,
        fields: i64,
        columns: list[int],
        stamps: StampReader,
        symbol: str,
        skip: i64 = 0,
        shift: i64 = 0,
        whole: bool = False,
        length_ns: i64 = 0,
        close_stamped: bool = False,
        side: i64 = TRADES,
    ) -> None:
        super().__init__(place)
        self.by_line = True
        assert len(columns) == len(ROLES), "one column a role"
        assert all(-1 <= column < fields for column in columns), "columns are among the fields"
        self._kind: Final = kind
        self._delimiter: Final = delimiter
        self._fields: Final = fields
        self._stamps: Final = stamps
        self._symbol: Final = symbol
        self._skip: Final = skip
        self._shift: Final = shift
        self._whole: Final = whole
        self._length_ns: Final = length_ns
        self._close_stamped: Final = close_stamped
        self._side: Final = side
        self._columns: Final = vec[i64]([i64(column) for column in columns])
        self._starts: Final = vec[i64]([i64(0) for _ in range(fields)])  # of the fields of the row being read
        self._ends: Final = vec[i64]([i64(0) for _ in range(fields)])
        self._next: i64 = 0  # behind the row being read, its line break included
        self._names: Final[dict[bytes, str]] = {}  # symbols by the bytes they are written with
        self._problem = ""  # the first thing that is wrong with the row being read

    def scan(self, door: Door, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        self.left = limit
        stamps = self._stamps
        fields = self._fields
        if self.line == 0 and at == 0 and data[:3] == b"\xef\xbb\xbf":
            at = 3
        while self.left > 0:
            found = self._split(data, at, final)
            if found == NOT_SPLIT:
                break
            if self.line < self._skip or found == 0:
                self.line += 1
                at = self._next
                continue
            self._problem = ""
            stamps.last_ns = self.last_ns
            if found == fields:
                if self._kind == QUOTES:
                    self._quote(door, data)
                elif self._kind == TRADE_TICKS:
                    self._trade(door, data)
                else:
                    self._bar(door, data)
                if self.step > 0:
                    break
            elif found == BROKEN:
                self._problem = "a quoted field has no end, or something behind it"
            else:
                self._problem = f"{found} fields where there should be {fields}"
            self.line += 1
            if self._problem:
                self.refuse(door, self._problem, data[at : self._next].rstrip(b"\r\n"))
                if self._kind < BARS or found != fields:
                    self.left -= 1
            at = self._next
        return at

    def _split(self, data: bytes, at: i64, final: bool) -> i64:
        """Find the fields of the row at *at* and the row after it; return their number, 0 for an empty line."""
        delimiter = self._delimiter
        most = self._fields
        size: i64 = len(data)
        i = at
        begin = at
        count: i64 = 0
        broken = False
        while i < size:
            byte: i64 = i64(data[i])
            if byte == delimiter:
                if count < most:
                    self._starts[count] = begin
                    self._ends[count] = i
                count += 1
                begin = i + 1
            elif byte == NEWLINE:
                break
            elif byte == QUOTE_MARK and i == begin:
                i += 1
                while i < size and data[i] != NEWLINE:
                    if data[i] == QUOTE_MARK:
                        if i + 1 < size and data[i + 1] == QUOTE_MARK:
                            i += 1
                        else:
                            break
                    i += 1
                if i == size or data[i] == NEWLINE:
                    broken = True
                    continue
                if count < most:
                    self._starts[count] = begin + 1
                    self._ends[count] = i
                count += 1
                i += 1
                if i < size and data[i] == RETURN:
                    i += 1
                begin = -1
                if i < size and i64(data[i]) == delimiter:
                    i += 1
                    begin = i
                elif i < size and data[i] != NEWLINE:
                    broken = True
                    while i < size and data[i] != NEWLINE:
                        i += 1
                if begin >= 0:
                    continue
                break
            i += 1
        if i - at > self.line_bytes_max:
            raise self.too_long()
        if i >= size and (not final or at >= size):
            return NOT_SPLIT
        self._next = i + 1 if i < size else size
        if broken:
            return BROKEN
        if begin >= 0:
            end = i
            if end > begin and data[end - 1] == RETURN:
                end -= 1
            if count == 0 and begin == end:
                return 0
            if count < most:
                self._starts[count] = begin
                self._ends[count] = end
            count += 1
        return count

    def _quote(self, door: Door, data: bytes) -> None:
        ts_ns = self._time(data)
        sides: i64 = 0
        bid = 0.0
        ask = 0.0
        if self._given(4):
            bid = self._price(data, 4)
            sides |= HAS_BID
        if self._given(5):
            ask = self._price(data, 5)
            sides |= HAS_ASK
        bid_size = self._size(data, 6)
        ask_size = self._size(data, 7)
        if self._problem:
            return
        id = self._text(data, 3) if self._given(3) else None
        code = door.quote(self._name(data), ts_ns, bid, ask, bid_size, ask_size, sides, id)
        if code:
            self._problem = reason(code)
            return
        self.last_ns = ts_ns
        self.left -= 1

    def _trade(self, door: Door, data: bytes) -> None:
        ts_ns = self._time(data)
        price = self._price(data, 8)
        size = self._size(data, 9)
        if self._problem:
            return
        id = self._text(data, 3) if self._given(3) else None
        code = door.trade(self._name(data), ts_ns, price, size, id)
        if code:
            self._problem = reason(code)
            return
        self.last_ns = ts_ns
        self.left -= 1

    def _bar(self, door: Door, data: bytes) -> None:
        start_ns = self._time(data)
        if self._close_stamped:
            start_ns -= self._length_ns
        bids = (0.0, 0.0, 0.0, 0.0)
        asks = (0.0, 0.0, 0.0, 0.0)
        sides = self._side
        if self._kind == BARS:
            bids = self._four(data, 10)
            volume = self._size(data, 14)
            sizes = (volume, volume)
            asks = bids
        else:
            sides = 0
            if self._any_given(15):
                bids = self._four(data, 15)
                sides |= HAS_BID
            if self._any_given(19):
                asks = self._four(data, 19)
                sides |= HAS_ASK
            sizes = (self._size(data, 6), self._size(data, 7))
            if not sides and not self._problem:
                self._problem = "a price is missing"
        if not self._problem and (sizes[0] < 0.0 or sizes[1] < 0.0):
            self._problem = "a size is negative"
        if self._problem:
            self.left -= 1
            return
        code = self.give_bar(door, self._name(data), start_ns, self._length_ns, bids, asks, sizes, sides)
        if code:
            self._problem = reason(code)

    def _four(self, data: bytes, role: i64) -> tuple[float, float, float, float]:
        return (
            self._price(data, role),
            self._price(data, role + 1),
            self._price(data, role + 2),
            self._price(data, role + 3),
        )

    def _time(self, data: bytes) -> i64:
        column = self._columns[0]
        clock = self._columns[1]
        if clock >= 0:
            answer = self._stamps.read_two(
                data, self._starts[column], self._ends[column], self._starts[clock], self._ends[clock]
            )
        else:
            answer = self._stamps.read(data, self._starts[column], self._ends[column])
        if answer <= SKIPPED_TIME:
            self._problem = time_problem(answer)
        return answer

    def _given(self, role: i64) -> bool:
        """Whether there is such a column, with something in it on this row."""
        column = self._columns[role]
        return column >= 0 and self._starts[column] < self._ends[column]

    def _any_given(self, role: i64) -> bool:
        return self._given(role) or self._given(role + 1) or self._given(role + 2) or self._given(role + 3)

    def _price(self, data: bytes, role: i64) -> float:
        column = self._columns[role]
        start = self._starts[column]
        end = self._ends[column]
        if start == end:
            self._problem = self._problem or "a price is missing"
            return 0.0
        if self._whole:
            value = _whole(decimal(data, start, end, 0), self._shift)
        else:
            value = decimal(data, start, end, self._shift)
        if value - value != 0.0:
            self._problem = self._problem or f"{ROLES[role]} is not a number"
        return value

    def _size(self, data: bytes, role: i64) -> float:
        column = self._columns[role]
        if column < 0:
            return 0.0
        start = self._starts[column]
        end = self._ends[column]
        if start == end:
            return 0.0
        value = decimal(data, start, end, 0)
        if value - value != 0.0:
            self._problem = self._problem or f"{ROLES[role]} is not a number"
        return value

    def _name(self, data: bytes) -> str:
        column = self._columns[2]
        if column < 0:
            return self._symbol
        raw = data[self._starts[column] : self._ends[column]]
        name = self._names.get(raw)
        if name is None:
            name = _unquoted(raw)
            if self._symbol:
                if self.told not in ("", name):
                    raise self._several(name)
                self.told = name
                self._names[raw] = self._symbol
                return self._symbol
            if len(self._names) < SYMBOLS_MAX:
                self._names[raw] = name
        return name

    def _several(self, name: str) -> SourceError:
        """Return the error for a second symbol where all rows are to be of one."""
        line = self.line + 1
        return SourceError(
            f"{self.place}:{line}: the symbol is {name!r} here and {self.told!r} before, where all were to be "
            f"{self._symbol!r}: leave that away, or give a file of one symbol",
            path=self.place,
            line=line,
        )

    def _text(self, data: bytes, role: i64) -> str:
        column = self._columns[role]
        return _unquoted(data[self._starts[column] : self._ends[column]])


def _unquoted(raw: bytes) -> str:
    return raw.strip().replace(b'""', b'"').decode("utf-8", "replace")


def _whole(value: float, shift: i64) -> float:
    """Return *value* rounded to a whole number, times 10**shift."""
    if not -1e15 < value < 1e15:
        return value
    digits = str(round(value)).encode()
    return decimal(digits, 0, len(digits), shift)
