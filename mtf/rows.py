"""The outcome of the rows of sources: each one read is accepted, rejected or malformed.

A bar is one row, although it becomes four events.
"""

from __future__ import annotations

from typing import Final

import attrs

from mtf.kernel import Kernel

__all__ = ["NO_ROWS", "RowCounts", "rejected_by"]


@attrs.frozen(kw_only=True)
class RowCounts:
    """Counts of rows, of which `read` is the sum of the others."""

    read: int = 0
    accepted: int = 0
    rejected: int = 0  # logged, and not counted: duplicate, impossible price, closed, late
    malformed: int = 0  # not logged: it could not be read, or contradicts itself

    def and_those_of(self, other: RowCounts) -> RowCounts:
        """Return the sum of both."""
        return RowCounts(
            read=self.read + other.read,
            accepted=self.accepted + other.accepted,
            rejected=self.rejected + other.rejected,
            malformed=self.malformed + other.malformed,
        )

    @classmethod
    def of(cls, read: int, rejected: int, malformed: int) -> RowCounts:
        """Return the counts of *read* rows, of which all are accepted but for the *rejected* and *malformed* ones."""
        return cls(read=read, accepted=read - rejected - malformed, rejected=rejected, malformed=malformed)


NO_ROWS: Final = RowCounts()


def rejected_by(engine: Kernel) -> int:
    """Return how many rows the gate of *engine* has rejected so far."""
    return sum(sum(each.rejected.values()) for each in engine.gate.counts())
