"""What a consumer that may lag behind needs: a summary of skipped frames, and single steps.

Neither keeps a frame alive: both hold symbols' states, which are small and shared.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar import Bar
from mtf.events.tick import Tick
from mtf.frames.frame import Frame
from mtf.frames.symbol_state import SymbolState
from mtf.units import NEVER_NS

__all__ = ["Leap", "Passed", "Still"]


@mypyc_attr(native_class=True)
class Passed:
    """A summary of skipped frames: the newest state of each symbol that they touched, and the clocks after them."""

    __slots__ = ("clock_ns", "run_ns", "seq", "states")

    def __init__(self) -> None:
        self.states: dict[int, SymbolState] = {}  # by number; new symbols in order
        self.seq: i64 = 0  # of the last event in it
        self.clock_ns: i64 = NEVER_NS
        self.run_ns: i64 = NEVER_NS

    def add(self, frame: Frame) -> None:
        """Skip *frame*, which comes after those summarized so far."""
        touched = frame.judged.touched
        after = frame.states_after
        assert after is not None, "frames for consumers that may lag behind bring the states after them"
        states = self.states
        for k in range(len(touched)):
            states[int(touched[k])] = after[k]
        self.reach(frame.last_seq, frame.clock_ns, frame.judged.run_ns)

    def join(self, later: Passed) -> None:
        """Append a later summary."""
        self.states.update(later.states)
        self.reach(later.seq, later.clock_ns, later.run_ns)

    def copy(self) -> Passed:
        """Return an independent copy."""
        copied = Passed()
        copied.join(self)
        return copied

    def reach(self, seq: i64, clock_ns: i64, run_ns: i64) -> None:
        """Advance to *seq*, and to those clocks that are later than the current ones."""
        if seq > self.seq:
            self.seq = seq
        if clock_ns > self.clock_ns:
            self.clock_ns = clock_ns
        if run_ns > self.run_ns:
            self.run_ns = run_ns


@mypyc_attr(native_class=True)
class Leap:
    """A frame, and a summary of the frames skipped before it."""

    __slots__ = ("frame", "passed")

    def __init__(self, passed: Passed, frame: Frame) -> None:
        self.passed: Final = passed
        self.frame: Final = frame


@mypyc_attr(native_class=True)
class Still:
    """One step of a frame, kept without the frame: the changes up to it, and what happened."""

    __slots__ = ("bar", "closing", "kind", "number", "passed", "reason", "seq", "tick", "time_ns", "void")

    def __init__(
        self,
        passed: Passed,
        kind: i64,
        number: i64,
        seq: i64,
        time_ns: i64,
        bar: Bar | None,
        tick: Tick | None,
        reason: str,
        closing: bool = False,
    ) -> None:
        self.passed: Final = passed  # the changes since the previous step
        self.kind: Final[i64] = kind
        self.number: Final[i64] = number  # of the symbol; -1 for a clock event
        self.seq: Final[i64] = seq
        self.time_ns: Final[i64] = time_ns  # of the step
        self.bar: Final = bar
        self.tick: Final = tick
        self.reason: Final = reason
        self.closing: Final = closing  # a bar closed, and the event that revealed it is not visible yet
        self.void = False  # superseded by a newer row: only its changes still count
