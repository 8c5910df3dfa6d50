"""Progress of checkpoints: how many, how large, how long they took, and how long the event loop was held at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mtf.loggers import report

__all__ = ["CheckpointProgress"]


class CheckpointProgress:
    """Counts of this run, and figures of its newest checkpoint; *after* is called each time one is written."""

    def __init__(self, after: Callable[[], None]) -> None:
        self._after: Final = after
        self.written_count = 0
        self.failed = 0  # attempts that failed
        self.written_at_ns = 0  # wall time of the newest; 0 if there is none yet
        self.bytes = 0  # of the states in it, before compression
        self.took_ns = 0  # from its marker until its file was synced
        self.stall_ns = 0  # the longest time that the loop did nothing but save states, or free saved ones
        self._held_ns = 0  # the same, of the one in progress

    def begin(self) -> None:
        """Record the start of a checkpoint."""
        self._held_ns = 0

    def held(self, took_ns: int) -> None:
        """Record that the loop did nothing but save states, or free saved ones, for so long."""
        self._held_ns = max(self._held_ns, took_ns)

    def written(self, seq: int, size: int, took_ns: int, now_ns: int) -> None:
        """Record that the checkpoint of *seq*, *size* bytes before compression, is on disk, at wall time *now_ns*."""
        self.written_count += 1
        self.written_at_ns, self.took_ns, self.stall_ns = now_ns, took_ns, self._held_ns
        self.bytes = size
        report(
            "checkpoint_written",
            f"the checkpoint of seq {seq} was written: {self.bytes:,} bytes in {took_ns / 1e9:.3f} s",
            seq=seq,
            bytes=self.bytes,
            seconds=took_ns / 1e9,
            stall_seconds=self.stall_ns / 1e9,
        )
        self._after()
