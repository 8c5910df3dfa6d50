"""What a source is: something that fills the door with rows, on and on, until its end.

A source that is read by the pipeline at its own pace (a file, a log, a synthetic market) is a `Source`. One that has
to be waited for (a feed) is any async iterator of `mtf.Tick`.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from mtf.events.door import Door

__all__ = ["Source"]


@runtime_checkable
class Source(Protocol):
    """Events in their order, with a position that can be gone back to.

    `name` tells the source apart from others in the log; `identity()` says which data it is (for a file: name, size,
    hash of its start), and `position()` where it stands after the rows handed in so far: both are JSON values.
    """

    @property
    def name(self) -> str: ...

    def fill(self, door: Door, limit: int) -> bool:
        """Hand up to *limit* rows to *door*, and refuse malformed ones there with their line.

        Return False once there is nothing more (rows handed in by this very call count all the same). May hand in
        fewer than *limit* rows and still have more. Raises SourceError where the source cannot be read on.
        """
        ...

    def identity(self) -> dict[str, Any]: ...

    def position(self) -> dict[str, Any]: ...

    def seek(self, position: dict[str, Any]) -> None:
        """Go on from *position*, as `position()` of an equal source gave it; SourceError where that is not there."""
        ...

    def progress(self) -> float | None:
        """The share read so far, 0..1; None where it is not known."""
        ...

    def close(self) -> None:
        """Let go of files. Safe to call twice."""
        ...
