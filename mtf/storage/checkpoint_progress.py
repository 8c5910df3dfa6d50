"""How checkpoints come along: how many, how large and how long, and for how long the event loop saved state."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from mtf.loggers import report

__all__ = ["CheckpointProgress"]


class CheckpointProgress:
    """Counts of this run, and the facts of its newest checkpoint; *after* is called once one is written."""

    def __init__(self, after: Callable[[], None]) -> None:
        self._after: Final = after
        self.written_count = 0
        self.failed = 0  # that could not be made
        self.written_at_ns = 0  # wall time of the newest; 0: there is none yet
        self.bytes = 0  # of the states in it, before compression
        self.took_ns = 0  # from the marker that began it until its file was synced
        self.stall_ns = 0  # during which actors saved their states, and the loop did nothing else
        self._saving_ns = 0  # the same of the one that is under way

    def begin(self) -> None:
        """A checkpoint begins."""
        self._saving_ns = 0

    def timed(self, save: Callable[[], bytes]) -> Callable[[], bytes]:
        """Return *save*, its time being added to what the checkpoint stalls."""

        def saved() -> bytes:
            begun_ns = time.perf_counter_ns()
            state = save()
            self._saving_ns += time.perf_counter_ns() - begun_ns
            return state

        return saved

    def written(self, seq: int, parts: Mapping[str, bytes], took_ns: int, now_ns: int) -> None:
        """The checkpoint of *seq* is on disk, at *now_ns* of the wall clock."""
        self.written_count += 1
        self.written_at_ns, self.took_ns, self.stall_ns = now_ns, took_ns, self._saving_ns
        self.bytes = sum(map(len, parts.values()))
        report(
            "checkpoint_written",
            f"the checkpoint of seq {seq} was written: {self.bytes:,} bytes in {took_ns / 1e9:.3f} s",
            seq=seq,
            bytes=self.bytes,
            seconds=took_ns / 1e9,
            stall_seconds=self.stall_ns / 1e9,
        )
        self._after()
