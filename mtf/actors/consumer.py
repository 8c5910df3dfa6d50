"""The consumer: the base of what users plug into a pipeline.

A consumer gets each completed bar once in a run, at the instant at which it closed, then the tick that revealed it. A
callback may be plain or async; plain ones of an idle consumer run in the turn of whoever pushed.
"""

from __future__ import annotations

from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.errors import ConsumerAhead
from mtf.events.tick import Tick
from mtf.frames.frame import Frame
from mtf.frames.view import View

__all__ = ["PART", "ClosingsOnly", "Consumer", "OwnConsumer"]

PART: Final = "consumer:"  # begins the name of a consumer's state in a checkpoint


class Consumer:
    """The base of all consumers: override the callbacks that you need, plain or async.

    `name`, by default that of the class, must be unique in a pipeline. Within a callback, `view` is the state at that
    very instant; pushing raises. All other names are yours, as long as they do not begin like a callback.

    Whatever a callback raises stops the pipeline at that event, with it as the reason: the other consumers are shown
    everything up to that event, and nothing after it. (A run shows events in blocks: another consumer may have been
    shown more of the block by then.) Added with `on_error` `detach` or `restart` it ends this consumer alone.
    """

    name: str = ""

    def on_start(self) -> Any:
        """Called once before anything else."""

    def on_bar(self, bar: Bar, view: View) -> Any:
        """A bar closed. `view.closing` is true: all bars with this end are completed, nothing later is visible."""

    def on_tick(self, tick: Tick, view: View) -> Any:
        """A tick was accepted and is in the bars."""

    def on_clock(self, ts_ns: int, view: View) -> Any:
        """A clock event: it is *ts_ns* now; the bars that were due have been delivered."""

    def on_reject(self, tick: Tick | None, reason: str, view: View) -> Any:
        """An event was rejected: `duplicate`, `price`, `closed` or `late`. *tick* is None for a clock event."""

    def on_frame(self, frame: Frame) -> Any:
        """All rows of a block have been shown; here they are as columns."""

    def on_stop(self) -> Any:
        """Called once after everything else, in an orderly stop; not for a consumer that was removed."""

    def save(self) -> Any:
        """Return the state (bytes) to keep in a checkpoint, None for none; may be async.

        Once it has returned, what this consumer did so far is durable. One that takes too long is left out.
        """
        return None

    def load(self, state: bytes) -> Any:
        """Take over a state that `save` returned, before `on_start`; may be async.

        The next event shown is the first after that `save`, whether or not this consumer was there in the runs between.
        """

    def committed_seq(self) -> int | None:
        """Return the last event whose effects this consumer has committed to storage of its own; None: it has none.

        A recovery shows it events from there on at the latest; perhaps some that are committed already.
        """
        return None

    def on_rollback(self, seq: int) -> None:
        """The log ends at *seq*, before `committed_seq()`: a crash took events back. Undo what came of those after it.

        Called at a start, before anything else; by default raises ConsumerAhead.
        """
        raise ConsumerAhead(
            f"consumer {self.name or type(self).__name__} has committed seq {self.committed_seq()}, and the log ends "
            f"at {seq}: undo in on_rollback() what came of the events after that"
        )


class OwnConsumer(Consumer):
    """A consumer of mtf's own: nothing that it calls asks the pipeline, so that no asker is taken for it."""

    def take(self, frame: Frame) -> bool:
        """Do what `on_frame` would do with *frame*, in the turn of whoever pushed; False if that has to wait."""
        return False


class ClosingsOnly(OwnConsumer):
    """A consumer that looks only at what closed, through `on_frame`: no live value is computed for its sake."""
