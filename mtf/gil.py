"""Python's global lock: how a thread hands it to an event loop in time."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["make_way"]

REST_S: Final = 0.00005


def make_way() -> None:
    """Let other threads run; to be called after each half millisecond of work that only computes.

    Otherwise an event loop that wants to go on waits until the interpreter forces the lock to be handed over, 5 ms
    later. Releasing it for an instant is not enough: it is taken back before a loop that sleeps has woken up.
    """
    time.sleep(REST_S)
