"""Policies: what becomes of frames that a consumer is too slow for. Each is a mailbox, and its actor reads all alike.

`wait` is the plain mailbox: a sender with one frame more waits. The others never make anybody wait for rows. What they
leave out, a cursor skips with the next frame, so that every view stays exact. Markers are never left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

from mtf.actors.actor import MAILBOX_LIMIT, Marker
from mtf.actors.mailbox import Mailbox
from mtf.errors import ConfigError
from mtf.frames.frame import Frame
from mtf.frames.passed import Leap, Passed, Still
from mtf.frames.selection import Selection
from mtf.frames.still import StillCamera
from mtf.frames.walk import BAR

__all__ = ["POLICIES", "ConsumerMailbox", "DropMailbox", "FailMailbox", "LatestMailbox", "queue_limit_of"]

POLICIES: Final = ("wait", "latest", "drop", "fail")
CLOSINGS_LIMIT: Final = 4096  # bars that wait for a consumer which is shown the newest row only
QUEUE_LIMIT_MAX: Final = 1 << 20


def queue_limit_of(policy: str, given: object) -> int:
    """Return how much may wait with *policy*; ConfigError if there is no such policy, or for another value."""
    if policy not in POLICIES:
        raise ConfigError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    if given is None:
        return CLOSINGS_LIMIT if policy == "latest" else MAILBOX_LIMIT
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= QUEUE_LIMIT_MAX:
        raise ConfigError(f"queue_limit must be between 1 and {QUEUE_LIMIT_MAX}, got {given!r}")
    return given


@mypyc_attr(native_class=True)
class ConsumerMailbox(Mailbox):
    """`wait`: at most *limit* blocks wait."""

    def __init__(self, limit: i64, selection: Selection) -> None:
        super().__init__(limit)
        self.selection: Final = selection
        self.dropped: i64 = 0  # rows and bars that were lost
        self.conflated: i64 = 0  # rows that newer ones took the place of

    @property
    def waiting(self) -> int:
        """How much waits, in the unit of the limit."""
        return len(self._messages)

    @property
    def limit(self) -> int:
        return self._limit

    def _put_marker(self, marker: Marker) -> bool:
        """Put *marker* whether there is room or not; those that nobody waits for any more go."""
        open = [message for message in self._messages if not (isinstance(message, Marker) and message.closed)]
        if len(open) < len(self._messages):
            self._messages.clear()
            self._messages.extend(open)
        self._messages.append(marker)
        self._wake_reader()
        return True


@mypyc_attr(native_class=True)
class DropMailbox(ConsumerMailbox):
    """`drop`: what comes while *limit* blocks wait is lost, and counted."""

    def __init__(self, limit: i64, selection: Selection) -> None:
        super().__init__(limit, selection)
        self._lost: Passed | None = None  # skipped since the last block that was taken

    @property
    def full(self) -> bool:
        return False

    def offer(self, message: Any) -> bool:
        if self._closed:
            return True
        if isinstance(message, Marker):
            return self._put_marker(message)
        if len(self._messages) < self._limit:
            lost = self._lost
            if lost is not None:
                self._lost = None
                if isinstance(message, Leap):
                    lost.join(message.passed)
                    message = message.frame
                message = Leap(lost, message)
            self._messages.append(message)
            self._wake_reader()
        else:
            self._lose(message)
        return True

    def _lose(self, message: Any) -> None:
        lost = self._lost
        if lost is None:
            lost = Passed()
            self._lost = lost
        frame: Frame
        if isinstance(message, Leap):
            lost.join(message.passed)
            frame = message.frame
        else:
            frame = message
        lost.add(frame)
        self.dropped += self.selection.steps(frame)


@mypyc_attr(native_class=True)
class FailMailbox(ConsumerMailbox):
    """`fail`: *overflowed* is called when a block comes while *limit* wait."""

    def __init__(self, limit: i64, selection: Selection) -> None:
        super().__init__(limit, selection)
        self.overflowed: Callable[[], None] | None = None  # set by its actor

    @property
    def full(self) -> bool:
        return False

    def offer(self, message: Any) -> bool:
        if self._closed:
            return True
        if isinstance(message, Marker):
            return self._put_marker(message)
        if len(self._messages) >= self._limit and self.overflowed is not None:
            self.overflowed()
            return True
        self._messages.append(message)
        self._wake_reader()
        return True


@mypyc_attr(native_class=True)
class LatestMailbox(ConsumerMailbox):
    """`latest`: of the rows that wait only the newest is kept, and every bar that closed. *limit* bars may wait.

    One frame is held at most, the newest (and one before each marker): of the others, what *camera* takes of them.
    """

    def __init__(self, limit: i64, selection: Selection, camera: StillCamera) -> None:
        super().__init__(limit, selection)
        self.camera: Final = camera
        self._bars: i64 = 0  # stills of bars that wait
        self._newest: Frame | None = None  # comes after all messages
        self._passed = Passed()  # since the last message, or the frame that was taken
        self._row: Still | None = None  # the newest row, if it is among the messages

    def __len__(self) -> int:
        return len(self._messages) + (0 if self._newest is None else 1)

    @property
    def empty(self) -> bool:
        return not self._messages and self._newest is None

    @property
    def full(self) -> bool:
        return self._bars >= self._limit

    @property
    def waiting(self) -> int:
        return self._bars

    def offer(self, message: Any) -> bool:
        if self._closed:
            return True
        if isinstance(message, Marker):
            newest = self._take_newest()
            if newest is not None:
                self._messages.append(newest)
            self._row = None  # what comes before a marker is shown before it
            return self._put_marker(message)
        if self._bars >= self._limit:
            return False
        frame: Frame = message.frame if isinstance(message, Leap) else message
        has_row = self.selection.last_row(frame) >= 0
        if has_row and self._row is not None:
            self._row.void = True
            self._row = None
            self.conflated += 1
        newest_frame = self._newest
        if newest_frame is not None:
            self._keep(newest_frame, not has_row)
        if isinstance(message, Leap):
            self._passed.join(message.passed)
            self.camera.skip(message.passed)
        self._newest = frame
        self._wake_reader()
        return True

    def close(self, error: BaseException | None = None) -> None:
        self._newest = None
        super().close(error)

    def _take(self) -> Any:
        if not self._messages:
            return self._take_newest()
        message = self._messages.popleft()
        if isinstance(message, Still):
            if message.kind == BAR:
                self._bars -= 1
            elif message is self._row:
                self._row = None
        return message

    def _take_newest(self) -> Leap | None:
        frame = self._newest
        if frame is None:
            return None
        self._newest = None
        self.camera.skip_frame(frame)
        self.conflated += max(0, self.selection.rows(frame) - 1)
        passed = self._passed
        self._passed = Passed()
        return Leap(passed, frame)

    def _keep(self, frame: Frame, keeps_row: bool) -> None:
        """Keep of *frame*, which is not the newest any more, the bars, and the last row if there is no newer one."""
        selection = self.selection
        row = selection.last_row(frame) if keeps_row else -1
        rows = selection.rows(frame)
        self.conflated += rows - (1 if row >= 0 else 0)
        if row < 0 and not selection.closes(frame):
            self._passed.add(frame)
            self.camera.skip_frame(frame)
            return
        for still in self.camera.take(frame, row, self._passed):
            self._messages.append(still)
            if still.kind == BAR:
                self._bars += 1
            else:
                self._row = still
        self._passed = self.camera.rest
