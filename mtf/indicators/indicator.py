"""The contract of every stand-alone indicator: commit a completed bar, preview the partial one, return last values.

An indicator is two operations on a bounded state. `preview` computes the outputs as if a bar closed now, and writes
only to the caller's row; `push` updates the state with that bar. `commit` does both, in that order, so that a preview
is by construction bit-identical to the value after the commit.

A subclass defines `preview`, `push` and `archive`; everything else is here. NaN means "no value yet". The built-in
indicators have their formulas elsewhere (`formula`): one serves many symbols.
"""

from __future__ import annotations

import zlib
from typing import Final, cast

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import Archive
from mtf.bars.bar import Bar
from mtf.bars.bar_codes import flags_of
from mtf.errors import CorruptCheckpoint
from mtf.indicators.declaration import Declaration, Output, ParamValue
from mtf.indicators.rolling import NAN, filled
from mtf.units import DAY_NS, EPOCH_ORDINAL

__all__ = ["COUNT_MAX", "Indicator", "bar_day", "bar_flags", "sealed", "unsealed"]

COUNT_MAX: Final = 1 << 62  # bars


def bar_day(bar: Bar) -> i64:
    """Return the ordinal of *bar*'s trading day or, if it has none, of the UTC date on which it starts."""
    day = bar.trading_day
    if day is None:
        return bar.start_ns // DAY_NS + EPOCH_ORDINAL
    return day.toordinal()


def bar_flags(bar: Bar) -> i64:
    """Return the flags of *bar*, for `commit` and `preview`."""
    return flags_of(bar.incomplete, bar.day_incomplete, bar.off_session)


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Indicator:
    """The base class of all indicators, built-in or not.

    *warmups* is the number of bars until each output's first value; for outputs that wait for an event (a complete
    trading day, a swing), the minimum. *source* and *source_output* name its source if that is not the bar (`@rsi:14`,
    `@rsi_14`).
    """

    def __init__(
        self,
        declaration: Declaration,
        values: tuple[ParamValue, ...],
        warmups: tuple[int, ...],
        source: str = "",
        source_output: str = "",
    ) -> None:
        checked = declaration.check(values)
        suffixes = declaration.suffixes(checked)
        assert len(warmups) == len(suffixes), "each output needs a warm-up"
        self.declaration: Final = declaration
        self.param_values: Final = checked
        self.name: Final[str] = declaration.name
        self.spec: Final[str] = declaration.spec(checked) + source
        self.suffixes: Final = suffixes
        self.outputs: Final[tuple[str, ...]] = tuple(
            [name + source_output for name in declaration.output_names(checked)]
        )
        self.warmups: Final = warmups
        self.warmup: Final[int] = max(warmups)
        self.width: Final[i64] = len(warmups)
        self.on_price: tuple[bool, ...] = tuple([suffix in declaration.on_price for suffix in suffixes])  # by output
        self.waits: bool = declaration.waits  # for an event; set only by constructors, like `on_price`
        self.state_name: str = self.spec + _version_mark(declaration.version)  # identifies saved states; likewise
        self.count: i64 = 0  # bars committed
        self._last: Final = filled(len(warmups), NAN)  # the outputs after the last committed bar

    # What a subclass defines.

    def preview(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        day: i64,
        flags: i64,
        out: vec[float],
        at: i64,
    ) -> None:
        """Write the outputs as if this bar closed now at `out[at]`, `out[at + 1]`, ...; change nothing else."""
        raise NotImplementedError(f"{self.name} has no preview")

    def push(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Update the state with one completed bar, after `commit` has previewed it."""
        raise NotImplementedError(f"{self.name} has no push")

    def archive(self, archive: Archive) -> None:
        """Pass every piece of state to *archive* and keep what it returns: this both saves and loads."""
        raise NotImplementedError(f"{self.name} has no archive")

    # The hot path: unboxed numbers, rows owned by the caller.

    def commit(self, open_: float, high: float, low: float, close: float, volume: float, day: i64, flags: i64) -> None:
        """Add one completed bar; *day* is the ordinal of its trading day."""
        self.preview(open_, high, low, close, volume, day, flags, self._last, 0)
        self.push(open_, high, low, close, volume, day, flags)
        self.count += 1

    def skip(self) -> None:
        """Add a bar for which the source has no value: this indicator has none either, and no other state changes."""
        last = self._last
        for i in range(self.width):
            last[i] = NAN

    def current(self, out: vec[float], at: i64) -> None:
        """Write the completed values at `out[at]`, `out[at + 1]`, ..."""
        last = self._last
        for i in range(self.width):
            out[at + i] = last[i]

    # The public interface.

    def update(self, bar: Bar) -> None:
        """Add one completed bar."""
        self.commit(bar.open, bar.high, bar.low, bar.close, bar.volume, bar_day(bar), bar_flags(bar))

    def peek(self, partial: Bar) -> tuple[float, ...]:
        """Return the values as if *partial* closed now, without changing anything."""
        out = filled(self.width, NAN)
        self.preview(
            partial.open,
            partial.high,
            partial.low,
            partial.close,
            partial.volume,
            bar_day(partial),
            bar_flags(partial),
            out,
            0,
        )
        return _as_tuple(out)

    def values(self) -> tuple[float, ...]:
        """Return the values after the last completed bar, in the order of `outputs`; NaN if there is none yet."""
        return _as_tuple(self._last)

    @property
    def ready(self) -> bool:
        """True if every output has a value."""
        last = self._last
        known = True
        for i in range(self.width):
            known = known and last[i] == last[i]
        return known

    @property
    def described(self) -> list[Output]:
        """The properties of the outputs, in the order of `outputs`."""
        return [
            Output(name=name, warmup=warmup, waits=self.waits, on_price=on_price)
            for name, warmup, on_price in zip(self.outputs, self.warmups, self.on_price, strict=True)
        ]

    @property
    def params(self) -> dict[str, ParamValue]:
        """The parameters by name, including defaults."""
        return {param.name: value for param, value in zip(self.declaration.params, self.param_values, strict=True)}

    def save(self) -> bytes:
        """Return the state; an indicator of the same spec that loads it continues with bit-identical values."""
        archive = Archive()
        self.archive_all(archive)
        return sealed(self.state_name, archive.finish())

    def load(self, data: bytes) -> None:
        """Replace the state with one that `save` returned.

        CorruptCheckpoint, and no change, if it is for another spec or version.
        """
        body = unsealed(self.state_name, data)
        before = Archive()
        self.archive_all(before)
        try:
            archive = Archive(body)
            self.archive_all(archive)
            archive.finish()
        except BaseException:
            self.archive_all(Archive(before.finish()))
            raise

    def fresh(self) -> Indicator:
        """Return a new indicator of the same spec, without any bars."""
        make = cast(object, type(self))
        return cast(Indicator, make(*self.param_values))  # type: ignore[operator]

    def copy(self) -> Indicator:
        """Return an independent indicator in the same state."""
        twin = self.fresh()
        twin.load(self.save())
        return twin

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (type(self), self.param_values, self.save()))

    def reset(self) -> None:
        """Forget every bar."""
        self.load(self.fresh().save())

    def archive_all(self, archive: Archive) -> None:
        """Pass the whole state to *archive*, including that of this base class."""
        self.count = archive.int64(self.count, 0, COUNT_MAX)
        archive.numbers(self._last)
        self.archive(archive)

    def __repr__(self) -> str:
        return f"<{self.spec}: {self.count} bars, {'ready' if self.ready else f'warm-up {self.warmup}'}>"


STATE_MAGIC: Final = b"mtfi\x01"  # the last byte is the version of the format


def sealed(state_name: str, body: bytes) -> bytes:
    """Return the archived state *body* behind the name of what it is of, and a checksum."""
    head = _head(state_name)
    return head + zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little") + body


def unsealed(state_name: str, data: bytes) -> bytes:
    """Return the body of what `sealed` returned; CorruptCheckpoint if it is of another name, or damaged."""
    head = _head(state_name)
    if not data.startswith(head):
        raise CorruptCheckpoint(f"not a saved state of {state_name}, or one of another version")
    body = data[len(head) + 4 :]
    if data[len(head) : len(head) + 4] != zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little"):
        raise CorruptCheckpoint(f"the state of {state_name} is damaged: its checksum does not match")
    return body


def _head(state_name: str) -> bytes:
    name = state_name.encode()
    return STATE_MAGIC + len(name).to_bytes(2, "little") + name


def _version_mark(version: int) -> str:
    """Return the suffix of a spec for the version of its formula: empty for version 1."""
    return "" if version == 1 else f" version {version}"


def _restored(make: object, values: tuple[ParamValue, ...], state: bytes) -> Indicator:
    """Rebuild an indicator for pickle and copy."""
    found = cast(Indicator, make(*values))  # type: ignore[operator]
    found.load(state)
    return found


def _as_tuple(values: vec[float]) -> tuple[float, ...]:
    return tuple(values)
