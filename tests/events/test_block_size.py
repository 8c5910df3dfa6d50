"""The size of blocks."""

from __future__ import annotations

import pytest

from mtf.events.block_size import BlockSize


@pytest.mark.parametrize(
    ("symbols", "expected"), [(0, 1_024), (1, 1_024), (341, 1_024), (342, 1_026), (1_366, 4_096), (100_000, 4_096)]
)
def test_size_grows_with_the_symbols(symbols: int, expected: int) -> None:
    assert BlockSize.of(None, 6, indicators=False).events(symbols) == expected


def test_size_stays_with_indicators_or_as_given() -> None:
    assert BlockSize.of(None, 6, indicators=True).events(100_000) == 1_024
    assert BlockSize.of(7, 6, indicators=False).events(100_000) == 7
    assert BlockSize.of(50_000, 6, indicators=True).events(1) == 50_000


@pytest.mark.parametrize(("timeframes", "expected"), [(1, 4_096), (6, 4_096), (12, 2_048), (40, 1_024)])
def test_size_is_smaller_with_more_timeframes(timeframes: int, expected: int) -> None:
    assert BlockSize.of(None, timeframes, indicators=False).events(100_000) == expected
