"""The promises of every indicator, as tests: inherit, and set `spec`."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import ClassVar

from mtf.indicators import Indicator, create
from mtf.testing.bar_text import walk_of_bars

__all__ = ["IndicatorContract"]


class IndicatorContract:
    """Tests of the indicator that `spec` names; `bars_count` bars must be more than its warm-up."""

    spec: ClassVar[str]
    bars_count: ClassVar[int] = 120

    def make(self) -> Indicator:
        """Return a new indicator."""
        return create(self.spec)

    def test_a_preview_equals_the_value_after_the_update(self) -> None:
        """A live value equals the completed value of the same bar to the bit, before and after the warm-up."""
        indicator = self.make()
        for bar in walk_of_bars(self.bars_count):
            live = indicator.peek(bar)
            indicator.update(bar)
            assert _bits(live) == _bits(indicator.values())

    def test_a_preview_leaves_no_trace(self) -> None:
        """However often a partial bar is previewed, the completed values stay the same."""
        looked, blind = self.make(), self.make()
        others = walk_of_bars(3, seed=2)
        for bar in walk_of_bars(self.bars_count):
            before = looked.save()
            for other in others:
                looked.peek(other)
            assert looked.save() == before
            looked.update(bar)
            blind.update(bar)
            assert _bits(looked.values()) == _bits(blind.values())

    def test_a_loaded_state_goes_on_to_the_bit(self) -> None:
        """After a restart from a checkpoint it continues as if there had been no restart."""
        series = walk_of_bars(self.bars_count)
        for cut in (0, 1, self.bars_count // 2):
            whole, second = self.make(), self.make()
            for bar in series[:cut]:
                whole.update(bar)
            second.load(whole.save())
            for bar in series[cut:]:
                whole.update(bar)
                second.update(bar)
                assert _bits(second.values()) == _bits(whole.values())
            assert second.save() == whole.save()

    def test_no_value_knows_of_a_later_bar(self) -> None:
        """The values of a prefix are a prefix of the values."""
        series = walk_of_bars(self.bars_count)
        whole = _values(self.make(), series)
        for length in (1, self.bars_count // 3, self.bars_count // 2):
            assert _values(self.make(), series[:length]) == whole[:length]

    def test_values_are_nan_until_the_warm_up(self) -> None:
        """Never 0, which would be taken for a value; afterwards there is a value, unless it waits for an event."""
        indicator = self.make()
        assert not indicator.ready or not indicator.warmup
        for count, bar in enumerate(walk_of_bars(self.bars_count), 1):
            indicator.update(bar)
            for warmup, value in zip(indicator.warmups, indicator.values(), strict=True):
                assert count >= warmup or math.isnan(value)
                assert count < warmup or indicator.waits or not math.isnan(value)
        assert indicator.ready or indicator.waits

    def test_memory_is_bounded(self) -> None:
        """The state is as large after a thousand bars as just after the warm-up."""
        indicator = self.make()
        for bar in walk_of_bars(indicator.warmup + 200):
            indicator.update(bar)
        size = len(indicator.save())
        for bar in walk_of_bars(1_000, seed=3):
            indicator.update(bar)
        assert len(indicator.save()) <= size * 1.1 + 64

    def test_its_spec_makes_the_same_indicator(self) -> None:
        """The log's configuration stores an indicator as its spec, which must find the same one."""
        indicator = self.make()
        again = create(indicator.spec)
        assert (again.spec, again.outputs, again.warmups) == (indicator.spec, indicator.outputs, indicator.warmups)
        assert len(set(indicator.outputs)) == len(indicator.outputs)

    def test_reset_forgets_every_bar(self) -> None:
        """Afterwards the indicator is like a new one."""
        indicator = self.make()
        for bar in walk_of_bars(self.bars_count):
            indicator.update(bar)
        indicator.reset()
        assert indicator.save() == self.make().save()


def _bits(values: Sequence[float]) -> list[bytes]:
    return [struct.pack("<d", value if value == value else math.nan) for value in values]


def _values(indicator: Indicator, series: Sequence[object]) -> list[list[bytes]]:
    found = []
    for bar in series:
        indicator.update(bar)  # type: ignore[arg-type]
        found.append(_bits(indicator.values()))
    return found
