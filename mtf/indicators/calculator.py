"""The calculator: one timeframe's indicators, of every symbol, fed from the aggregator's columns.

Owns a set of indicators for each symbol and nothing of what they found before: each bar that closed is committed, each
row previewed, and the numbers are handed on. It may run in another process than the rest.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr, u8

from mtf.archive import Archive
from mtf.bars.columns import Closing, Columns
from mtf.bars.gate import Judged
from mtf.errors import CorruptCheckpoint
from mtf.indicators.indicator import INCOMPLETE
from mtf.indicators.set import IndicatorSet
from mtf.indicators.values import Completed, Numbers

__all__ = ["Calculator"]

NAN: Final = float("nan")


@mypyc_attr(native_class=True)
class Calculator:
    """Computes the indicators of one timeframe; live values only where *live* is true."""

    __slots__ = ("_live", "_sets", "items", "names", "width")

    def __init__(self, items: IndicatorSet, live: bool) -> None:
        self.items: Final = items  # never fed: each symbol has a fresh one
        self.names: Final[list[str]] = list(items.names)
        self.width: Final[i64] = items.width
        self._live: Final = live
        self._sets: list[IndicatorSet] = []  # by number of the symbol

    def compute(self, judged: Judged, columns: Columns, rows: bool = True) -> Numbers:
        """Return the values for the closings of *columns*, and live ones for all *rows*, or each symbol's last."""
        block = judged.block
        count = block.count
        width = self.width
        while len(self._sets) < len(judged.instruments):
            self._sets.append(self.items.fresh())
        sets = self._sets
        size: i64 = 0
        if self._live:
            size = count * width
        numbers = Numbers(vec[float]([0.0] * size), rows, [])
        live = numbers.live
        closings = columns.closings
        total: i64 = len(closings)
        told: i64 = 0
        if not self._live:
            while told < total:
                numbers.completed.append(self._commit(closings[told]))
                told += 1
            return numbers
        opens, highs, lows, closes = columns.open, columns.high, columns.low, columns.close
        sums, slots = columns.volume, columns.slot
        wanted = vec[u8]([]) if rows else _last_rows(judged)
        slot_index: i64 = -1  # of which `day` and `flags` are
        day: i64 = 0
        flags: i64 = 0
        for i in range(count):
            while told < total and closings[told].row == i:
                numbers.completed.append(self._commit(closings[told]))
                told += 1
            index = slots[i]
            if index < 0 or (not rows and wanted[i] == 0):
                continue
            if index != slot_index:
                slot = columns.slots[index]
                slot_index = index
                day = slot.day.number
                flags = INCOMPLETE if slot.incomplete else 0
            sets[block.symbol_at(i)].preview(
                opens[i], highs[i], lows[i], closes[i], sums[i], day, flags, live, i * width
            )
        return numbers

    def archive(self, archive: Archive, symbols: i64) -> None:
        """Save all state, or load it into a calculator that has seen nothing; the gate knows *symbols*."""
        count = archive.count(len(self._sets), 8)
        if count > symbols:
            raise CorruptCheckpoint(f"saved state: indicators of {count} symbols, where {symbols} are known")
        for number in range(count):
            if archive.loading:
                self._sets.append(self.items.fresh())
                self._sets[number].load(archive.blob(b""))
            else:
                archive.blob(self._sets[number].save())

    def _commit(self, closing: Closing) -> Completed:
        """Take in a completed bar and return the values after it."""
        bar = closing.bar
        items = self._sets[closing.number]
        items.commit(
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            closing.day.number,
            INCOMPLETE if bar.incomplete else 0,
        )
        values = vec[float]([NAN] * self.width)
        items.current(values, 0)
        return Completed(values)


def _last_rows(judged: Judged) -> vec[u8]:
    """Return 1 for the last row of each symbol in the block, 0 for the others."""
    block = judged.block
    found = vec[u8]([0] * block.count)
    seen: set[int] = set()
    for i in range(block.count - 1, -1, -1):
        number = block.symbol_at(i)
        if number >= 0 and number not in seen:
            seen.add(number)
            found[i] = 1
            if len(seen) == len(judged.touched):
                break
    return found
