"""The actor: a synchronous core with a mailbox, a task that reads it, and the actors that receive its answers.

A message to an idle actor is handled within the sender's call, without a task switch, if all its outlets have room;
otherwise it waits in the mailbox. Either way messages are handled one at a time, in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from mypy_extensions import mypyc_attr

from mtf.actors.mailbox import Mailbox
from mtf.image import Core, Image

__all__ = ["MAILBOX_LIMIT", "Actor", "Marker", "MarkerKind", "Supervised", "ended"]

MAILBOX_LIMIT: Final = 8  # messages; each is a block or a part of a frame


class MarkerKind(Enum):
    """What a marker is for."""

    DRAIN = "drain"  # somebody waits for consumers to have been shown everything before it
    CHECKPOINT = "checkpoint"  # every actor adds its state
    STOP = "stop"  # nothing comes after it


@mypyc_attr(native_class=True)
class Marker:
    """Passes through all actors between two blocks: everything sent before it is done when it arrives.

    For a checkpoint, `images` and `parts` collect the states of the actors on the way. The images are completed later.
    `shares` has what workers know of a part, of which an image has the pipeline's own share, if there is one.
    """

    __slots__ = ("closed", "digest", "images", "kind", "newest_ns", "parts", "seq", "shares")

    def __init__(self, kind: MarkerKind, seq: int) -> None:
        self.kind: Final = kind
        self.seq = seq  # of the last event before it; set when it is sent
        self.newest_ns = -1  # the latest stamp of an accepted event before it; set when it is sent
        self.digest = ""  # of everything before it; set by the synchronizer
        self.images: Final[dict[str, Image]] = {}
        self.parts: Final[dict[str, bytes]] = {}
        self.shares: Final[dict[str, list[bytes]]] = {}
        self.closed = False  # nobody waits for answers any longer


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Supervised:
    """Something that a supervisor runs in its own task until it ends or fails."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.on_failure: Callable[[Supervised, BaseException], None] | None = None  # set by the supervisor
        self._failed = False  # nothing more is handled

    async def run(self) -> None:
        """Do the work; may be cancelled at any await."""
        raise NotImplementedError

    def leave(self) -> None:
        """Handle nothing more; work in progress ends on its own."""

    def _fail(self, error: BaseException) -> None:
        """Handle nothing more, and stop the pipeline."""
        self._failed = True
        if self.on_failure is None:
            raise error
        self.on_failure(self, error)


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class Actor(Supervised):
    """The shell around a core: a subclass implements `handle`, and `on_marker` if it adds something to markers.

    A subclass that has to wait overrides `answer` or `answer_marker`, and `_can_handle_now`.
    """

    def __init__(self, name: str, limit: int = MAILBOX_LIMIT, mailbox: Mailbox | None = None) -> None:
        super().__init__(name)
        self.mailbox: Final[Mailbox] = Mailbox(limit) if mailbox is None else mailbox
        self.outlets: list[Actor] = []  # receive the answers; the list is replaced when one leaves
        self.saved: Core | None = None  # the core, if its state belongs in a checkpoint
        self._busy = False  # a message is being handled, or its answer waits for room

    @property
    def idle(self) -> bool:
        """Whether every message so far has been handled."""
        return not self._busy and self.mailbox.empty

    def handle(self, message: Any) -> Any:
        """Return the answer to *message*; None if there is none (yet)."""
        raise NotImplementedError

    def on_marker(self, marker: Marker) -> Any:
        """Return the message to pass on once everything before *marker* is done."""
        return marker

    def accept(self, message: Any) -> bool:
        """Handle *message* now, or put it in the mailbox; False if neither is possible."""
        if self._can_handle_now():
            self._handle_now(message)
            return True
        return self.mailbox.offer(message)

    async def send(self, message: Any) -> None:
        """Send *message* to this actor, waiting for room."""
        while not self.accept(message):
            await self.mailbox.room()

    async def run(self) -> None:
        """Read the mailbox until it is closed."""
        while True:
            message = await self.mailbox.get()
            if message is None:
                return
            self._busy = True
            try:
                if isinstance(message, Marker):
                    answer = await self.answer_marker(message)
                else:
                    answer = await self.answer(message)
                if answer is not None:
                    for outlet in tuple(self.outlets):
                        await outlet.send(answer)
            finally:
                self._busy = False

    def leave(self) -> None:
        self.mailbox.close()

    def marked(self, marker: Marker, part: str) -> Marker:
        """Add an image of this actor's core to *marker* if it is for a checkpoint, and return it."""
        if marker.kind is MarkerKind.CHECKPOINT and self.saved is not None:
            marker.images[part] = Image(self.saved)
        return marker

    async def answer(self, message: Any) -> Any:
        """Handle *message* in this actor's own task."""
        try:
            return self.handle(message)
        except StopIteration as error:
            raise ended(error) from error

    async def answer_marker(self, marker: Marker) -> Any:
        """Handle *marker* in this actor's own task."""
        try:
            return self.on_marker(marker)
        except StopIteration as error:
            raise ended(error) from error

    def _can_handle_now(self) -> bool:
        if self._busy or self._failed or not self.mailbox.empty:
            return False
        for outlet in self.outlets:
            if outlet.mailbox.full:
                return False
        return True

    def _handle_now(self, message: Any) -> None:
        self._busy = True
        try:
            answer = self.on_marker(message) if isinstance(message, Marker) else self.handle(message)
            if answer is not None:
                outlets = self.outlets
                for k in range(len(outlets)):  # an outlet that a callback adds meanwhile starts after this answer
                    taken = outlets[k].accept(answer)
                    assert taken, "an outlet with room takes the answer"
        except BaseException as error:  # noqa: BLE001 - the sender, in whose call this runs, is not at fault
            self._fail(error)
        finally:
            self._busy = False


def ended(error: StopIteration) -> RuntimeError:
    """Return what to raise in a coroutine in place of *error*, which in a compiled one would pass for its result."""
    return RuntimeError(f"a consumer or an indicator raised {error!r}")
