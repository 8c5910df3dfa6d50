"""The rows of delimited text: one line each, cut into its fields. Compiled.

A field may be quoted, and may then contain the delimiter and doubled quotes, but no line break.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.sources.row_reader import Reader

__all__ = ["BROKEN", "NOT_SPLIT", "RowReader"]

TAB: Final = 9
NEWLINE: Final = 10
RETURN: Final = 13
SPACE: Final = 32
QUOTE_MARK: Final = 34
WORD: Final = 8  # bytes
BYTE: Final = 255

NOT_SPLIT: Final = -1  # the row is incomplete so far
BROKEN: Final = -2  # a quoted field without its end


@mypyc_attr(native_class=True)
class RowReader(Reader):
    """Cuts rows into *fields* fields, separated by *delimiter*; subclasses interpret them."""

    def __init__(self, place: str, delimiter: i64, fields: i64) -> None:
        super().__init__(place)
        self.by_line = True
        self._delimiter: Final = delimiter
        self._fields: Final = fields
        self._starts: Final = vec[i64]([i64(0) for _ in range(fields)])  # of the fields of the row being read
        self._ends: Final = vec[i64]([i64(0) for _ in range(fields)])
        self._next: i64 = 0  # after the row being read, including its line break

    def _split(self, data: bytes, at: i64, final: bool) -> i64:
        """Find the fields of the row at *at* and the row after it; return their number, 0 for an empty line."""
        delimiter = self._delimiter
        most = self._fields
        starts = self._starts
        ends = self._ends
        size: i64 = len(data)
        i = at
        begin = at
        count: i64 = 0
        while i < size:
            # Eight bytes are read at once, and the last few of the data one by one.
            stop = i + 1
            word: i64 = 0
            if i + WORD <= size:
                stop = i + WORD
                word = read_i64_le(data, i)
            else:
                word = i64(data[i])
            while i < stop:
                byte = word & BYTE
                word >>= 8
                if byte == delimiter:
                    if count < most:
                        starts[count] = begin
                        ends[count] = i
                    count += 1
                    begin = i + 1
                elif byte <= QUOTE_MARK:
                    if byte == NEWLINE:
                        # The same as `_end`, inline for nearly all rows.
                        if i - at > self.line_bytes_max:
                            raise self.too_long()
                        self._next = i + 1
                        if i > begin and data[i - 1] == RETURN:
                            i -= 1
                        if count < most:
                            if i == begin and count == 0:
                                return 0
                            starts[count] = begin
                            ends[count] = i
                        return count + 1
                    if byte == QUOTE_MARK:
                        return self._split_quoted(data, at, final)
                i += 1
        return self._end(data, at, i, begin, count, final)

    def _split_quoted(self, data: bytes, at: i64, final: bool) -> i64:
        """Do the same as `_split`, for a row with a quotation mark."""
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
            elif byte == QUOTE_MARK and (i == begin or self._is_space(data, begin, i)):
                begin = i
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
                while i < size and (data[i] == SPACE or data[i] == RETURN):
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
        found = self._end(data, at, i, begin, count, final)
        return BROKEN if broken and found != NOT_SPLIT else found

    def _end(self, data: bytes, at: i64, i: i64, begin: i64, count: i64, final: bool) -> i64:
        """Return the number of fields in the row `[at, i)`: *count*, plus one from *begin* on unless that is -1."""
        size: i64 = len(data)
        if i - at > self.line_bytes_max:
            raise self.too_long()
        if i >= size and (not final or at >= size):
            return NOT_SPLIT
        self._next = i + 1 if i < size else size
        if begin < 0:
            return count
        if i > begin and data[i - 1] == RETURN:
            i -= 1
        if count == 0 and begin == i:
            return 0
        if count < self._fields:
            self._starts[count] = begin
            self._ends[count] = i
        return count + 1

    def _is_blank(self, data: bytes, at: i64) -> bool:
        """Whether only empty fields follow in the row from *at* on."""
        while at < self._next:
            byte: i64 = i64(data[at])
            if byte != self._delimiter and byte != SPACE and byte != TAB and byte != QUOTE_MARK:
                return byte == NEWLINE or (byte == RETURN and at + 2 >= self._next)
            at += 1
        return True

    def _is_space(self, data: bytes, start: i64, end: i64) -> bool:
        while start < end:
            byte: i64 = i64(data[start])
            if byte != SPACE and byte != TAB and byte != RETURN and byte != NEWLINE:
                return False
            start += 1
        return True

    def _trim(self, data: bytes) -> bool:
        """Strip the space around the fields; return whether there was any."""
        trimmed = False
        for i in range(self._fields):
            start = self._starts[i]
            end = self._ends[i]
            while start < end and (data[start] == SPACE or data[start] == TAB):
                start += 1
            while end > start and (data[end - 1] == SPACE or data[end - 1] == TAB):
                end -= 1
            if start != self._starts[i] or end != self._ends[i]:
                self._starts[i] = start
                self._ends[i] = end
                trimmed = True
        return trimmed
