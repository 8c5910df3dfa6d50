"""The pytest plug-in: fixtures for pipelines on a clock that a test moves. pytest loads it if mtf is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mtf.pipeline import Pipeline
    from mtf.testing.fake_clock import FakeClock

__all__ = ["mtf_clock", "mtf_pipeline"]

# A failure in a contract is shown with its values, as in any other test.
for _name in ("indicator_contract", "source_contract", "log_contract", "consumer_contract"):
    pytest.register_assert_rewrite(f"mtf.testing.{_name}")


@pytest.fixture
def mtf_clock() -> FakeClock:
    """A wall clock that shows 2024-03-06T10:00Z until the test moves it."""
    testing: Any = importlib.import_module("mtf.testing")
    clock: FakeClock = testing.FakeClock(testing.at("10:00"))
    return clock


@pytest.fixture
def mtf_pipeline(mtf_clock: FakeClock) -> Callable[..., Pipeline]:
    """Makes pipelines on that clock: `async with mtf_pipeline(timeframes=["1m"]) as p`."""
    from mtf.pipeline import Pipeline

    def make(**settings: Any) -> Pipeline:
        return Pipeline(**{"wall": mtf_clock, "calendar": "crypto", **settings})

    return make
