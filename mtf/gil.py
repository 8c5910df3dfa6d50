"""Python's global lock, and the processor: how a thread hands them to an event loop in time."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["make_way"]

REST_S: Final = 0.00005


def make_way() -> None:
    """Let other threads run; to be called after each half millisecond of work that only computes.

    Otherwise an event loop that wants to go on waits until the interpreter forces the lock to be handed over, 5 ms
    later. Releasing it for an instant is not enough: it is taken back before a loop that sleeps has woken up. Nor is
    work without the lock: on a processor that both share, a loop that wakes may wait for the system's next tick, 4 ms.
    """
    time.sleep(REST_S)
