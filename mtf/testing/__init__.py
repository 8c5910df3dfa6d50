"""For tests of code built on mtf: a controllable clock, ticks and bars as text, and contract suites for plug-ins.

Not imported by `import mtf`. pytest loads `mtf.testing.pytest_plugin` by its entry point, which imports nothing else:
names are imported on first use, so that pytest can rewrite the assertions in contracts before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mtf.testing.bar_text import bars
    from mtf.testing.consumer_contract import ConsumerContract
    from mtf.testing.fake_clock import FakeClock
    from mtf.testing.indicator_contract import IndicatorContract
    from mtf.testing.log_contract import LogContract
    from mtf.testing.source_contract import SourceContract
    from mtf.testing.tick_text import at, ticks

__all__ = [
    "ConsumerContract",
    "FakeClock",
    "IndicatorContract",
    "LogContract",
    "SourceContract",
    "at",
    "bars",
    "ticks",
]

_MODULES: Final = {
    "ConsumerContract": "consumer_contract",
    "FakeClock": "fake_clock",
    "IndicatorContract": "indicator_contract",
    "LogContract": "log_contract",
    "SourceContract": "source_contract",
    "at": "tick_text",
    "bars": "bar_text",
    "ticks": "tick_text",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"mtf.testing.{_MODULES[name]}"), name)
