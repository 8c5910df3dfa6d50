"""Rows of delimited text to ticks: quotes, trades and bars, with columns given by a layout. Compiled.

Space around a field is dropped, and extra empty fields at the end of a row do not count. Empty lines are skipped. A row
is refused, with its line, if its number of fields differs from the layout's, a time or number cannot be read, its
prices contradict each other, or the block builder refuses it.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.errors import OptionNeeded, SourceError
from mtf.events.bar_rows import length_kind
from mtf.events.block import BOTH_SIDES, HAS_ASK, HAS_BID
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import STILL_FORMS
from mtf.sources.decimals import POINT, UNSURE, amount, decimal, is_special
from mtf.sources.known_names import KnownNames
from mtf.sources.local_time import NO_TIME_MAX, SKIPPED_TIME
from mtf.sources.ohlc import contradiction
from mtf.sources.row_reader import TRADES, reason
from mtf.sources.stamps import StampReader, time_problem
from mtf.sources.text_rows import BROKEN, NOT_SPLIT, RowReader
from mtf.timeframe import INTRADAY
from mtf.units import DAY_NS

__all__ = ["BARS", "QUOTES", "QUOTE_BARS", "ROLES", "TRADE_TICKS", "TableReader", "several_markets"]

# What the rows are.
QUOTES: Final = 0
TRADE_TICKS: Final = 1
BARS: Final = 2
QUOTE_BARS: Final = 3

# The roles of columns; a layout uses these names, and an index here is the column's place in `columns`.
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
    "more_volume",  # of a bar, to be added to its volume
)

QUOTE_MARK: Final = 34
ASCII_MAX: Final = 127

SEPARATOR: Final = "\x1f"  # between the words of several watched columns


@mypyc_attr(native_class=True)
class TableReader(RowReader):
    """Reads rows of *kind* with *fields* fields; `columns[i]` is the column of `ROLES[i]`, or -1.

    *skip* lines at the start are a header. *mark* is the decimal mark, see `decimal`. Prices are multiplied by
    10**shift; with *whole* they are rounded to whole numbers before that. *symbol* is that of all rows; "": each row's
    is in its column. Bars last *length* (a `length_code`), are stamped at their start, or with *close_stamped* at their
    end, and are of *side* (BARS: TRADES, HAS_BID, HAS_ASK or, as mids, BOTH_SIDES). The content of each of the
    *watched* columns, given with their names, must be the same in all rows. With *unread*, a reason, every row is
    refused.
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
        mark: i64 = POINT,
        whole: bool = False,
        length: i64 = 0,
        close_stamped: bool = False,
        side: i64 = TRADES,
        watched: tuple[tuple[int, str], ...] = (),
        unread: str = "",
    ) -> None:
        super().__init__(place, delimiter, fields)
        assert len(columns) == len(ROLES), "one column a role"
        assert all(-1 <= column < fields for column in columns), "columns are among the fields"
        self._kind: Final = kind
        self._stamps: Final = stamps
        self._symbol: Final = symbol
        self._skip: Final = skip
        self._shift: Final = shift
        self._mark: Final = mark
        self._whole: Final = whole
        self._length: Final = length
        self._close_stamped: Final = close_stamped
        self._side: Final = side
        self._watched: Final = watched
        self._unread: Final = unread
        self._columns: Final = vec[i64]([i64(column) for column in columns])
        self._names: Final = KnownNames()  # symbols
        self._left_out = False  # the row being read is a bar that is still forming, and no row follows it
        self._words: list[bytes] = []  # the content of the watched columns in the previous row
        self._spaced = False  # there is space around fields: it is removed before they are read
        self._careful = unread != "" or len(watched) > 0  # `_prepare` has something to do; set with `_spaced`, too
        self._by_symbol: Final = kind >= BARS and columns[2] >= 0  # each symbol's bars have their own stamps
        self._read_again: i64 = 0  # times that were read twice
        # Two bars of one symbol cannot have one stamp, so in a doubled hour the second one must be later.
        self._step_ns: Final[i64] = 1 if kind >= BARS and not self._by_symbol else 0
        self._problem = ""  # the first problem of the row being read

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
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
                self.passed += 1
                at = self._next
                continue
            self._problem = ""
            stamps.last_ns = self.last_ns + self._step_ns
            if found == fields or (found > fields and self._is_blank(data, self._ends[fields - 1])):
                if not self._careful or self._prepare(data):
                    self._deliver(builder, data)
                    if self._problem and not self._spaced and self._trim(data):
                        self._spaced = True
                        self._careful = True
                        self._problem = ""
                        self._deliver(builder, data)
                    if self._left_out:
                        self._left_out = False
                        break
            elif found == BROKEN:
                self._problem = "a quoted field is not closed, or is followed by text"
            elif found == 1 and self._is_space(data, at, self._next):
                self.line += 1
                self.passed += 1
                at = self._next
                continue
            else:
                self._problem = f"expected {fields} fields, got {found}"
            self.line += 1
            if self._problem:
                self.refuse(builder, self._problem, data[at : self._next].rstrip(b"\r\n"))
                self.left -= 1
            at = self._next
        self.doubled_rows = stamps.doubled - self._read_again
        return at

    def _prepare(self, data: bytes) -> bool:
        """Do what only some tables need before a row is read; False to skip the row."""
        if self._unread:
            self._problem = self._unread
            return False
        if self._spaced:
            self._trim(data)
        if self._watched:
            self._watch(data)
        return True

    def _deliver(self, builder: BlockBuilder, data: bytes) -> None:
        """Deliver the row that was split, or set the problem."""
        if self._kind == QUOTES:
            self._quote(builder, data)
        elif self._kind == TRADE_TICKS:
            self._trade(builder, data)
        else:
            self._bar(builder, data)

    def _quote(self, builder: BlockBuilder, data: bytes) -> None:
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
        code = builder.quote(self._name(data), ts_ns, bid, ask, bid_size, ask_size, sides, id)
        if code:
            self._problem = reason(code)
            return
        self.last_ns = ts_ns
        self.left -= 1

    def _trade(self, builder: BlockBuilder, data: bytes) -> None:
        ts_ns = self._time(data)
        price = self._price(data, 8)
        size = self._size(data, 9)
        if self._problem:
            return
        id = self._text(data, 3) if self._given(3) else None
        code = builder.trade(self._name(data), ts_ns, price, size, id)
        if code:
            self._problem = reason(code)
            return
        self.last_ns = ts_ns
        self.left -= 1

    def _bar(self, builder: BlockBuilder, data: bytes) -> None:
        stamp_ns = self._time(data)
        bids = (0.0, 0.0, 0.0, 0.0)
        asks = (0.0, 0.0, 0.0, 0.0)
        sides = self._side
        if self._kind == BARS:
            bids = self._four(data, 10)
            volume = self._size(data, 14) + self._size(data, 23)
            sizes = (volume, 0.0 if sides == BOTH_SIDES else volume)  # at mid, sizes are added up
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
            return
        name = self._name(data)
        is_last = True
        while True:
            code = self.give_bar(
                builder,
                name,
                stamp_ns,
                self._length,
                bids,
                asks,
                sizes,
                sides,
                local_ns=self._stamps.local_ns,
                close_stamped=self._close_stamped,
                is_last=is_last,
            )
            if code != STILL_FORMS:
                break
            if self._is_last_row(data):
                self._left_out = True  # the last bar, or possibly the last: it is left until it is complete
                return
            is_last = False
        if code:
            self._problem = reason(code)
            return
        self.last_ns = stamp_ns

    def _is_last_row(self, data: bytes) -> bool:
        """Whether no row follows the one being read, judging by *data*."""
        return not data[self._next :].strip()

    def _four(self, data: bytes, role: i64) -> tuple[float, float, float, float]:
        open_ = self._price(data, role)
        high = self._price(data, role + 1)
        low = self._price(data, role + 2)
        close = self._price(data, role + 3)
        prices = (open_, high, low, close)
        if not (low <= open_ <= high and low <= close <= high) and not self._problem:
            self._problem = contradiction(prices)
        return prices

    def _time(self, data: bytes) -> i64:
        doubled: i64 = self._stamps.doubled if self._by_symbol else 0
        answer = self._stamp(data)
        if answer <= NO_TIME_MAX:
            if answer == SKIPPED_TIME and self._is_date():
                return self._stamps.local_ns  # a midnight that the clock skipped still names a date
            self._problem = time_problem(answer)
        elif self._by_symbol and self._stamps.doubled != doubled:
            return self._resolve_doubled_hour(data, answer)
        return answer

    def _is_date(self) -> bool:
        """Whether the stamp just read is the date of a bar of a day or longer."""
        return self._kind >= BARS and length_kind(self._length) != INTRADAY and self._stamps.local_ns % DAY_NS == 0

    def _stamp(self, data: bytes) -> i64:
        column = self._columns[0]
        clock = self._columns[1]
        if clock >= 0:
            return self._stamps.read_two(
                data, self._starts[column], self._ends[column], self._starts[clock], self._ends[clock]
            )
        return self._stamps.read(data, self._starts[column], self._ends[column])

    def _resolve_doubled_hour(self, data: bytes, first: i64) -> i64:
        """Return the stamp of a bar in a doubled hour, *first* or an hour later, judging by its symbol's other bars."""
        name = self._name(data)
        before = self.doubled.get(name)
        if before is not None and first <= before:
            self._stamps.last_ns = before + 1
            self._read_again += 1
            first = self._stamp(data)
        self.doubled[name] = first
        return first

    def _given(self, role: i64) -> bool:
        """Whether there is such a column, and it is not empty in this row."""
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
            value = _whole(decimal(data, start, end, 0, self._mark), self._shift)
        else:
            value = decimal(data, start, end, self._shift, self._mark)
        if value - value != 0.0 and not self._is_judged(data, role, value):
            self._refuse_number(data, role)
        return value

    def _is_judged(self, data: bytes, role: i64, value: float) -> bool:
        """Whether *value*, which is not finite, is a quote's side that is written so, which the gate judges."""
        if role != 4 and role != 5:
            return False
        column = self._columns[role]
        return value == value or is_special(data[self._starts[column] : self._ends[column]])

    def _size(self, data: bytes, role: i64) -> float:
        column = self._columns[role]
        if column < 0:
            return 0.0
        start = self._starts[column]
        end = self._ends[column]
        if start == end:
            return 0.0
        value = decimal(data, start, end, 0, self._mark)
        if value - value != 0.0:
            value = amount(data, start, end, self._mark)
            if value - value != 0.0:
                self._refuse_number(data, role)
        return value

    def _refuse_number(self, data: bytes, role: i64) -> None:
        column = self._columns[role]
        text = data[self._starts[column] : self._ends[column]]
        what = "is not a number"
        if self._mark == UNSURE and b"," in text:
            what = (
                f"is {text.decode('utf-8', 'replace')}, whose comma could be a decimal comma or a thousands separator"
            )
        self._problem = self._problem or f"{ROLES[role]} {what}"

    def _watch(self, data: bytes) -> None:
        """Raise OptionNeeded if a watched column has a different word than in the rows before."""
        for i in range(len(self._watched)):
            column, name = self._watched[i]
            if len(self._words) <= i:
                self._words.append(b"")
            word = self._word(data, column)
            if word != self._words[i] and word.strip():
                text = _unquoted(word)
                words = self.constant.split(SEPARATOR) if self.constant else [""] * len(self._watched)
                if words[i] and words[i] != text:
                    raise several_markets(f"{self.place}:{self.number(self.line + 1)}: ", name, text, words[i])
                words[i] = text
                self.constant = SEPARATOR.join(words)
                self._words[i] = word

    def _word(self, data: bytes, column: i64) -> bytes:
        """Return the text in *column*."""
        return data[self._starts[column] : self._ends[column]]

    def _name(self, data: bytes) -> str:
        column = self._columns[2]
        if column < 0:
            return self._symbol
        start = self._starts[column]
        end = self._ends[column]
        name = self._names.get(data, start, end)
        if name is None:
            raw = data[start:end]
            name = _unquoted(raw)
            if "\x00" in name:
                return ""  # which is not a symbol either
            if self._symbol:
                if name and self.constant not in ("", name):
                    raise self._several(name)
                self.constant = name or self.constant
                self._names.add(raw, self._symbol)
                return self._symbol
            self._names.add(raw, name)
        return name

    def _several(self, name: str) -> SourceError:
        """Return the error for a second symbol when all rows must have the same one."""
        line = self.number(self.line + 1)
        return SourceError(
            f"{self.place}:{line}: the symbol is {name!r} here and {self.constant!r} before, but all rows were to be "
            f"{self._symbol!r}: use a file of one symbol, or omit the symbol",
            path=self.place,
            line=line,
        )

    def _text(self, data: bytes, role: i64) -> str:
        column = self._columns[role]
        start = self._starts[column]
        end = self._ends[column]
        i = start
        while i < end:
            byte: i64 = i64(data[i])
            if byte <= QUOTE_MARK or byte > ASCII_MAX:
                return _unquoted(data[start:end])
            i += 1
        return data[start:end].decode()


def several_markets(place: str, heading: str, word: str, before: str) -> OptionNeeded:
    """Return the error for a column, called *heading*, that has another *word* than the rows *before*.

    *place* precedes the message.
    """
    return OptionNeeded(
        f"{place}column {heading!r} has {word!r} and {before!r}: if these are markets, give {{columns}}; if all "
        "rows belong to one, give {symbol}",
        columns=f"symbol={heading}",
        symbol="NAME",
    )


def _unquoted(raw: bytes) -> str:
    text = raw.strip().replace(b'""', b'"')
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")  # within which different names stay different


def _whole(value: float, shift: i64) -> float:
    """Return *value* rounded to a whole number, times 10**shift."""
    if not -1e15 < value < 1e15:
        return value
    digits = str(round(value)).encode()
    return decimal(digits, 0, len(digits), shift)
