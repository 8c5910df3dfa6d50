"""The event loop that commands run on, and how signals stop them: the first cleanly, the second at once.

uvloop if it is installed; `MTF_LOOP=asyncio` selects the other one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

from mtf.errors import ConfigError

__all__ = ["LOOPS", "loop_name", "run_async", "signals_heard", "stop_on_signals"]

VARIABLE: Final = "MTF_LOOP"
LOOPS: Final = ("uvloop", "asyncio")

_Result = TypeVar("_Result")


def loop_name() -> str:
    """Return which loop `run_async` uses; ConfigError if the requested one is not installed."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", *LOOPS):
        raise ConfigError(f"{VARIABLE} must be one of {', '.join(LOOPS)}, got {wanted!r}")
    if wanted == "asyncio":
        return wanted
    try:
        import uvloop  # noqa: F401 - whether it is installed
    except ImportError:
        if wanted:
            raise ConfigError(f"{VARIABLE} requests uvloop, which is not installed") from None
        return "asyncio"
    return "uvloop"


def run_async(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run *main* to its end on the loop of `loop_name`."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if loop_name() == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[int], bool], reload: Callable[[], None] | None = None) -> Iterator[None]:
    """Call *stop* with the number of the first SIGINT, SIGTERM or SIGHUP; a second one cancels the task.

    *stop* returns whether the task will end by itself; if not, the task is cancelled at once. With *reload*, SIGHUP
    calls that instead.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None, "signals stop the task that asks for it"
    asked = False

    def heard(number: int) -> None:
        nonlocal asked
        if asked or not stop(number):
            task.cancel()
        asked = True

    numbers = [signal.SIGINT, signal.SIGTERM]
    hangs_up = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN  # as nohup does
    if hangs_up or reload is not None:
        numbers.append(signal.SIGHUP)
    # Not every platform and thread supports signals for a loop; Ctrl-C then cancels the task, as asyncio does.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in numbers:
            loop.add_signal_handler(number, heard, number)
        if reload is not None:
            loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in numbers:
                loop.remove_signal_handler(number)


@contextlib.contextmanager
def signals_heard(hear: Callable[[int], object]) -> Iterator[None]:
    """Call *hear* with the number of each SIGINT and SIGTERM, in a command that runs on no loop."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _: hear(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
