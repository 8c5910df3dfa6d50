"""What turns the bytes of one file, or of one member of an archive, into rows at the door.

A reader owns where it stands in the text: lines behind it, and how many ticks of a half-told bar are out. The bytes
are its caller's (`mtf.sources.files`), who hands it the same ones again, with more behind them, until it takes them.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.errors import HostileFile
from mtf.events.door import REASONS, Door

__all__ = ["LINE_BYTES_MAX", "TRADES", "Reader", "reason"]

LINE_BYTES_MAX: Final = 65_536
RAW_BYTES_MAX: Final = 2_000  # of a malformed row; the door keeps less

# What a bar's prices are of, where not of the sides HAS_BID and HAS_ASK.
TRADES: Final = 0

TICKS_A_BAR: Final = 4


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Reader:
    """Reads one text, called *place* in messages, from its start or from where its counters are set to."""

    def __init__(self, place: str) -> None:
        self.place: Final = place
        self.line_bytes_max: i64 = LINE_BYTES_MAX
        self.by_line = False  # whether rows end with a line break, and the last one perhaps with the text
        self.told = ""  # the one symbol that a column has, where all rows are said to be of another name
        self.line: i64 = 0  # lines (or records) that are done with
        self.step: i64 = 0  # ticks of the bar after `line` that have been handed in; 0 but in the midst of a bar
        self.last_ns: i64 = 0  # the time of the last row handed in; settles a doubled hour
        self.left: i64 = 0  # rows that this call may still hand in or refuse

    def scan(self, door: Door, data: bytes, at: i64, limit: i64, final: bool) -> i64:
        """Hand in up to *limit* rows of `data[at:]`, malformed ones counted in, and return where the next one starts.

        *final* says that nothing comes behind *data*. What is not a whole row waits for more. Sets `left` to what is
        left of *limit*.
        """
        raise NotImplementedError

    def refuse(self, door: Door, reason: str, raw: bytes) -> None:
        """Keep the row `line` aside."""
        door.refuse(self.place, self.line, reason, raw[:RAW_BYTES_MAX].decode("utf-8", "replace"))

    def too_long(self) -> HostileFile:
        """Return the error for a row without an end."""
        return HostileFile(
            f"{self.place}:{self.line + 1}: a line longer than {self.line_bytes_max} bytes is no market data; "
            "if this one is, raise Limits.line_bytes",
            path=self.place,
            line=self.line + 1,
        )

    def give_bar(
        self,
        door: Door,
        symbol: str,
        start_ns: i64,
        length_ns: i64,
        bids: tuple[float, float, float, float],
        asks: tuple[float, float, float, float],
        sizes: tuple[float, float],
        sides: i64,
    ) -> i64:
        """Hand in what `left` allows of a bar's ticks open, high, low, close, from `step` on; return a reason or 0.

        At the start of the bar, and a fifth, two and three fifths of its length after it (rounded down); the sizes
        are the last one's. *sides* TRADES reads *bids* as prices of trades. Once all four are out `step` is 0 again,
        while it is not the row has to be given again.
        """
        while self.left > 0:
            step = self.step
            ts_ns = start_ns + step * length_ns // 5
            last = step == TICKS_A_BAR - 1
            bid = bids[0] if step == 0 else bids[1] if step == 1 else bids[2] if step == 2 else bids[3]
            ask = asks[0] if step == 0 else asks[1] if step == 1 else asks[2] if step == 2 else asks[3]
            bid_size = sizes[0] if last else 0.0
            ask_size = sizes[1] if last else 0.0
            if sides == TRADES:
                code = door.trade(symbol, ts_ns, bid, bid_size, None, True)
            else:
                code = door.quote(symbol, ts_ns, bid, ask, bid_size, ask_size, sides, None, True)
            self.left -= 1
            if code or last:
                self.step = 0
                self.last_ns = ts_ns
                return code
            self.step += 1
        return 0


def reason(code: i64) -> str:
    """Return the door's answer *code* in words."""
    return REASONS[code]
