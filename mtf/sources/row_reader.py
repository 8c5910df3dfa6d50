"""The reader that turns the bytes of one file, or of one member of an archive, into rows.

A reader owns its position in the text, as a number of lines. Its caller (`mtf.sources.files`) owns the bytes, and
passes the same ones again, with more after them, until the reader takes them.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.errors import HostileFile
from mtf.events.bar_rows import EVENTS_PER_BAR, length_kind, length_ns
from mtf.events.block_builder import TRADES, BlockBuilder
from mtf.events.malformed import REASONS
from mtf.timeframe import INTRADAY
from mtf.units import DAY_NS, EPOCH_ORDINAL

__all__ = ["LINE_BYTES_MAX", "TRADES", "Reader", "reason"]

LINE_BYTES_MAX: Final = 65_536
RAW_BYTES_MAX: Final = 2_000  # of a malformed row; the block builder keeps fewer


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Reader:
    """Reads one text, called *place* in messages, from its start or from the position in its counters."""

    def __init__(self, place: str) -> None:
        self.place: Final = place
        self.line_bytes_max: i64 = LINE_BYTES_MAX
        self.by_line = False  # whether rows end with a line break, and the last one perhaps with the text
        self.backward = False  # the text is read from its last line on, after its first `header_lines`
        self.header_lines: i64 = 0
        self.lines: i64 = 0  # the number of lines of a text that is read backward
        # The only symbol in a column if all rows get another name; or the content of watched columns.
        self.constant = ""
        self.line: i64 = 0  # lines (or records) that are finished
        self.passed: i64 = 0  # lines among them, since the reader was created, that are not rows: empty ones, a header
        self.refused: i64 = 0  # rows among them, since the reader was created, that were refused
        self.doubled: dict[str, int] = {}  # by symbol, the last stamp that its clock showed twice
        self.doubled_rows: i64 = 0  # rows whose stamp the clock showed twice
        self.last_ns: i64 = 0  # the time of the last row; decides a doubled hour
        self.left: i64 = 0  # rows that this call may still pass on or refuse

    def scan(self, builder: BlockBuilder, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        """Pass on up to *limit* rows of `data[at:]`, including malformed ones, and return where the next one starts.

        *final* says that nothing follows *data*. An incomplete row waits for more. Sets `left` to the rest of *limit*.
        """
        raise NotImplementedError

    def refuse(self, builder: BlockBuilder, reason: str, raw: bytes) -> None:
        """Refuse the row `line`."""
        self.refused += 1
        builder.refuse(self.place, self.number(self.line), reason, raw[:RAW_BYTES_MAX].decode("utf-8", "replace"))

    def number(self, line: i64) -> i64:
        """Return the number in the file of the line that is read as number *line*."""
        if self.lines == 0 or line <= self.header_lines:
            return line
        return self.lines + self.header_lines + 1 - line

    def too_long(self) -> HostileFile:
        """Return the error for a row without an end."""
        line = self.number(self.line + 1)
        return HostileFile(
            f"{self.place}:{line}: a line longer than {self.line_bytes_max} bytes is not market data; "
            "if this one is, raise {limit}",
            path=self.place,
            line=line,
            limit="line_bytes",
        )

    def give_bar(
        self,
        builder: BlockBuilder,
        symbol: str,
        stamp_ns: i64,
        length: i64,
        bids: tuple[float, float, float, float],
        asks: tuple[float, float, float, float],
        sizes: tuple[float, float],
        sides: i64,
        *,
        local_ns: i64,
        close_stamped: bool = False,
        is_last: bool = False,
    ) -> i64:
        """Pass on a whole bar and return a reason or 0; STILL_FORMS for one that is the source's last and is left.

        *length* is a `length_code`; *sides* are those of the block builder.

        The bar is stamped *stamp_ns*, which is *local_ns* in the file's zone. A bar of a day or longer that is stamped
        at midnight there belongs to that date; any other stamp is an instant. With *close_stamped*, the stamp is the
        bar's end. A bar that is still forming is logged as unfinished, but not if it *is_last*: it will be read once it
        is complete.
        """
        date: i64 = 0
        start_ns = stamp_ns
        if length_kind(length) == INTRADAY:
            if close_stamped:
                start_ns -= length_ns(length)
        elif local_ns % DAY_NS == 0:
            date = EPOCH_ORDINAL + local_ns // DAY_NS
            if close_stamped:
                date -= 1
        elif close_stamped:
            start_ns -= 1
        code = builder.bar(symbol, length, start_ns, date, bids, asks, sizes, sides, not is_last)
        if not code:
            self.left -= EVENTS_PER_BAR
        return code


def reason(code: i64) -> str:
    """Return the block builder's result *code* in words."""
    return REASONS[code]
