"""The consumer: the base class of what users add to a pipeline.

A consumer gets each completed bar once per run, at the instant at which it closed, then the tick that revealed that. A
callback may be plain or async; plain callbacks of an idle consumer run within the call that pushed the event.
"""

from __future__ import annotations

from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.errors import ConsumerAhead
from mtf.events.tick import Tick
from mtf.frames.frame import Frame
from mtf.frames.view import View

__all__ = ["PART", "ClosingsOnly", "Consumer", "OwnConsumer"]

PART: Final = "consumer:"  # prefix of the name of a consumer's state in a checkpoint


class Consumer:
    """The base class of all consumers: override the callbacks that you need, plain or async.

    `name`, by default that of the class, must be unique in a pipeline. Within a callback, `view` is the state at that
    very instant; pushing raises. All other names are yours, unless they look like those of callbacks.

    An exception from a callback stops the pipeline at that event and is given as the reason: the other consumers are
    shown everything up to that event, and nothing after it. (A run shows events in blocks: another consumer may have
    been shown more of the block by then.) With `on_error` `detach` or `restart` it affects this consumer alone.
    """

    name: str = ""

    def on_start(self) -> Any:
        """Called once before anything else."""

    def on_bar(self, bar: Bar, view: View) -> Any:
        """A bar closed. `view.closing` is true: all bars with this end are complete, and nothing later is visible.

        Of a bar of activity (`100t`) `view.closing` is false: the view has the tick that filled it, which comes next.
        """

    def on_tick(self, tick: Tick, view: View) -> Any:
        """A tick was accepted and is included in the bars."""

    def on_clock(self, ts_ns: int, view: View) -> Any:
        """The time is *ts_ns*, by a clock event; the bars that were due have been delivered."""

    def on_reject(self, tick: Tick | None, reason: str, view: View) -> Any:
        """An event was rejected: `duplicate`, `price`, `closed` or `late`. *tick* is None for a clock event."""

    def on_frame(self, frame: Frame) -> Any:
        """All rows of a block have been shown; *frame* has them as columns."""

    def on_stop(self) -> Any:
        """Called once after everything else in an orderly stop; not for a consumer that was removed."""

    def save(self) -> Any:
        """Return the state (bytes) to keep in a checkpoint, None for none; may be async.

        What this consumer did so far is durable once this returns. A consumer that takes too long is left out.
        """
        return None

    def load(self, state: bytes) -> Any:
        """Restore a state that `save` returned; called before `on_start`; may be async.

        The next event shown is the first after that `save`, even if this consumer was absent from the runs in between.
        """

    def committed_seq(self) -> int | None:
        """Return the last event whose effects this consumer has committed to its own storage; None if it has none.

        A recovery shows it all events after that one, and perhaps some that are already committed.
        """
        return None

    def on_rollback(self, seq: int) -> None:
        """The log ends at *seq*, before `committed_seq()`: a crash lost events. Undo the effects of those after it.

        Called at a start, before anything else; raises ConsumerAhead by default.
        """
        raise ConsumerAhead(
            f"consumer {self.name or type(self).__name__} has committed seq {self.committed_seq()}, and the log ends "
            f"at {seq}: override on_rollback() to undo the effects of the events after that"
        )


class OwnConsumer(Consumer):
    """A consumer of mtf's own; it never queries the pipeline, so a query cannot come from it."""

    def take(self, frame: Frame) -> bool:
        """Do the work of `on_frame` within the call that pushed the event; False if that has to wait."""
        return False


class ClosingsOnly(OwnConsumer):
    """A consumer that only reads closed bars, through `on_frame`: no live values are computed for it."""
