"""Rows of JSON, one object a line, to ticks: quotes, trades and bars, by the names of their fields. Compiled.

A row means the same as in delimited text with a header of the same names; only its cells are found differently. Numbers
are taken as written, digit by digit, so that both give the same bits. A row with a price and without a side of a quote
is a trade: both are often in one stream.
"""

from __future__ import annotations

import json
from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.events.block_builder import BlockBuilder
from mtf.sources.quotes import QuoteReader

__all__ = ["JsonLines", "cell_text", "object_of"]

# Numbers as text, including those that JSON does not have but many programs write: NaN, Infinity.
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
NO_OBJECT: Final = "not a JSON object"


@mypyc_attr(native_class=True)
class JsonLines(QuoteReader):
    """Reads JSON objects, one per line. `begin` comes first, and names the fields."""

    def begin(self, keys: list[str]) -> None:
        """Make the field *keys[i]* column *i* of the layout."""
        self._keys = keys
        read: list[int] = []
        for i in range(len(self._columns)):
            column = self._columns[i]
            if column >= 0 and int(column) not in read:
                read.append(int(column))
        for watched, _ in self._watched:
            if watched not in read:
                read.append(watched)
        self._read = vec[i64]([i64(column) for column in read])
        self._data = b""

    def leave_out(self, *, unchanged: bool, undefined: bytes) -> None:
        super().leave_out(unchanged=unchanged, undefined=undefined)
        self._complete = False

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        self.left = limit
        self._data = data
        stamps = self._stamps
        size: i64 = len(data)
        if self.line == 0 and at == 0 and data[:3] == b"\xef\xbb\xbf":
            at = 3
        while self.left > 0 and at < size:
            end: i64 = data.find(b"\n", at)
            stop: i64 = size if end < 0 else end
            if stop - at > self.line_bytes_max:
                raise self.too_long()
            if end < 0 and not final:
                break
            raw = data[at:stop].strip()
            self._next = size if end < 0 else end + 1
            if not raw:
                self.line += 1
                self.passed += 1
                at = self._next
                continue
            self._problem = ""
            stamps.last_ns = self.last_ns + self._step_ns
            row = self._row_of(raw)
            if not self._problem and (not self._careful or self._prepare(row)):
                self._deliver(builder, row)
                if self._left_out:
                    self._left_out = False
                    break
            self.line += 1
            if self._problem:
                self.refuse(builder, self._problem, raw)
                self.left -= 1
            at = self._next
        self.doubled_rows = stamps.doubled - self._read_again
        return at

    def _row_of(self, raw: bytes) -> bytes:
        """Return the needed cells of *raw*, one after the other, or set the problem."""
        found = object_of(raw)
        if found is None:
            self._problem = NO_OBJECT
            return b""
        cells: list[bytes] = []
        at: i64 = 0
        for i in range(len(self._read)):
            column = self._read[i]
            key = self._keys[column]
            text = cell_text(found.get(key))
            if text is None:
                self._problem = f"{key} is not a single value"
                return b""
            cell = text.encode("utf-8", "replace")
            cells.append(cell)
            self._starts[column] = at
            at += len(cell)
            self._ends[column] = at
        return b"".join(cells)

    def _is_last_row(self, data: bytes) -> bool:
        return super()._is_last_row(self._data)


def object_of(raw: bytes) -> dict[str, Any] | None:
    """Return *raw* as a JSON object, with its numbers as text; None if it is not one."""
    try:
        text = raw.decode()
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and end == len(text) else None


def cell_text(value: Any) -> str | None:
    """Return a value of `object_of` as a cell of delimited text, "" for null; None for a list or an object."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return None
