"""Times the steps of an async callback, from one await to the next: a step that blocks delays everyone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final

__all__ = ["Stepped"]


class Stepped:
    """Awaits *awaited* unchanged, and calls *stepped* with the nanoseconds that each step took."""

    def __init__(self, awaited: Awaitable[Any], now_ns: Callable[[], int], stepped: Callable[[int], None]) -> None:
        self._awaited: Final = awaited
        self._now_ns: Final = now_ns
        self._stepped: Final = stepped

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._awaited.__await__()
        now_ns, stepped = self._now_ns, self._stepped
        error: BaseException | None = None
        while True:
            begun_ns = now_ns()
            try:
                waits_for = next(steps) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                error = None
                stepped(now_ns() - begun_ns)
            try:
                yield waits_for
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as raised:  # noqa: BLE001 - whatever it is, even a cancellation, the callback sees it
                error = raised
