"""Event loops that every promise of the actors holds on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import pytest

__all__ = ["LOOPS", "on_loop"]

_T = TypeVar("_T")

LOOPS: Final = ("asyncio", "uvloop")


def on_loop(name: str, main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run *main* on a new loop of that kind, to its end."""
    factory = None if name == "asyncio" else pytest.importorskip(name).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(asyncio.wait_for(main(), 60))
