"""The columns of a window: what its bars say, as buffers that others take without a copy."""

from __future__ import annotations

import numpy as np
import pytest

from mtf.bars.bar_window import BarWindow, table_of
from tests.bars.test_bar_history import MINUTE_NS, bar


def test_columns_are_those_of_the_bars_in_the_window() -> None:
    bars = [bar(k) for k in range(5)]
    window = BarWindow(table_of(bars), 1, 4)
    assert list(window.start_ns) == [MINUTE_NS, 2 * MINUTE_NS, 3 * MINUTE_NS]
    assert list(window.end_ns) == [2 * MINUTE_NS, 3 * MINUTE_NS, 4 * MINUTE_NS]
    assert list(window.open) == [3.0, 4.0, 5.0]
    assert list(window.high) == [5.0, 6.0, 7.0]
    assert list(window.low) == [2.0, 3.0, 4.0]
    assert list(window.close) == [4.0, 5.0, 6.0]
    assert list(window.volume) == [0.5, 1.0, 1.5]
    assert list(window.ticks) == [1, 2, 3]
    assert window.newest == bars[3]
    assert list(window) == bars[1:4]


def test_columns_are_read_only_buffers_that_numpy_takes_as_they_are() -> None:
    closes = BarWindow(table_of([bar(0), bar(1)]), 0, 2).close
    taken = np.asarray(closes)
    assert taken.dtype == np.float64
    assert taken.flags.c_contiguous
    assert not taken.flags.owndata
    assert not taken.flags.writeable
    with pytest.raises(TypeError):
        closes[0] = 1.0


def test_empty_window_has_empty_columns() -> None:
    window = BarWindow(table_of([bar(0)]), 1, 1)
    assert (len(window.close), len(window.start_ns), window.newest) == (0, 0, None)
