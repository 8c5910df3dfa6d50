"""Python's global lock: how a thread beside an event loop leaves it to the loop in time."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["make_way"]

REST_S: Final = 0.00005


def make_way() -> None:
    """Let other threads run; to be called after each half millisecond of work that only computes.

    Else a loop that wants to go on waits for the lock until the interpreter has it passed on, 5 ms later. Neither is it
    enough to release the lock for an instant: it is taken back before a loop that sleeps for it has woken up.
    """
    time.sleep(REST_S)
