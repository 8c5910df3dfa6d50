"""A formula: one indicator with its parameters, for any number of states.

It holds constants and places, and no value: the state of a symbol stands in two rows (`Layout`), which the caller
owns. So one formula serves all symbols of a timeframe, and a stand-alone indicator is the same formula with rows of its
own. Two operations: `preview` computes the outputs as if a bar closed now and writes nowhere but into the caller's row;
`push` moves the state on by that bar. `commit` is the two in that order, so that a preview is by construction
bit-identical to the value after the commit. Floats are combined in a fixed order, never with the builtin sum, so that
the compiled and the pure build agree to the bit.

A subclass reserves its numbers in `__init__` and defines `preview`, `push` and `archive`; everything else is here. In
all of them `hot[h]` and `cold[c]` are where the formula's numbers of one symbol begin. NaN means "no value yet".
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.indicators.declaration import Declaration, ParamValue
from mtf.indicators.layout import Layout

__all__ = ["BARS_MAX", "BarNumbers", "Formula"]

BARS_MAX: Final = 1 << 53  # that a float counts exactly


@mypyc_attr(native_class=True)
class BarNumbers:
    """What formulas see of a bar, completed or partial; `day` is the ordinal of its trading day, as states have it."""

    __slots__ = ("close", "day", "flags", "high", "low", "open", "volume")

    def __init__(
        self,
        open_: float = 0.0,
        high: float = 0.0,
        low: float = 0.0,
        close: float = 0.0,
        volume: float = 0.0,
        day: i64 = 0,
        flags: i64 = 0,
    ) -> None:
        self.open: float = open_
        self.high: float = high
        self.low: float = low
        self.close: float = close
        self.volume: float = volume
        self.day: float = float(day)
        self.flags: i64 = flags

    def set_to(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Become the bar of these numbers."""
        self.open = open_
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.day = float(day)
        self.flags = flags

    def become(self, value: float, bar: BarNumbers) -> None:
        """Become a bar that had no price but *value*, in place of *bar*."""
        self.open = value
        self.high = value
        self.low = value
        self.close = value
        self.volume = bar.volume
        self.day = bar.day
        self.flags = bar.flags


@mypyc_attr(native_class=True)
class Formula:
    """The base of all built-in indicators.

    *warmups* is the number of bars until each output's first value; for outputs that wait for an event (a complete
    trading day, a swing), the fewest bars that it can take.
    """

    def __init__(self, declaration: Declaration, values: tuple[ParamValue, ...], warmups: tuple[int, ...]) -> None:
        self.declaration: Final = declaration
        self.param_values: Final = values
        self.warmups: Final = warmups
        self.width: Final[i64] = len(warmups)  # outputs
        self.layout: Final = Layout()

    # What a subclass gives.

    def preview(self, hot: vec[float], h: i64, bar: BarNumbers, out: vec[float], at: i64) -> None:
        """Write the outputs as if *bar* closed now at `out[at]`, `out[at + 1]`, ...; change nothing else."""
        raise NotImplementedError(f"{self.declaration.name} has no preview")

    def push(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers) -> None:
        """Move the state on by one completed bar; `commit` has taken its preview before."""
        raise NotImplementedError(f"{self.declaration.name} has no push")

    def archive(self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64) -> None:
        """Hand every piece of state to *archive* and keep what it returns: this both saves and loads."""
        raise NotImplementedError(f"{self.declaration.name} has no archive")

    # What all have. How many bars were taken in, and the outputs after the last one, are the caller's to keep.

    def begin(self, hot: vec[float], h: i64) -> None:
        """Complete a new state, whose rows are copies of those of `layout`."""

    def commit(self, hot: vec[float], h: i64, cold: vec[float], c: i64, bar: BarNumbers, last: i64) -> None:
        """Add one completed bar, and write the outputs after it at `cold[last]`, `cold[last + 1]`, ..."""
        self.preview(hot, h, bar, cold, last)
        self.push(hot, h, cold, c, bar)

    def skip(self, hot: vec[float], h: i64) -> None:
        """Add a bar without an input value: nothing changes, and there is no output after it."""

    def archive_all(
        self, archive: Archive, hot: vec[float], h: i64, cold: vec[float], c: i64, count: i64, last: i64
    ) -> None:
        """Hand the whole state to *archive*, the bars at `cold[count]` and the outputs at `cold[last]` included."""
        archive.whole_in(cold, count, 0, BARS_MAX)
        archive.numbers_in(cold, last, self.width)
        self.archive(archive, hot, h, cold, c)
