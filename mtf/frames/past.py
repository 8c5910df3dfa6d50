"""The past of a cursor: what was known before the frame that it walks, or between two frames.

It looks into the published state, as of the first block in flight that it has not passed. A consumer that may lag
behind at will, or that runs in another thread, has states of its own instead, for nobody waits for it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.bars.bar_window import BarWindow
from mtf.bars.columns import BarHeader, BarState
from mtf.bars.judged_block import Instrument
from mtf.bars.verdicts import Counts
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner
from mtf.frames.symbol_state import SymbolState, unseen
from mtf.frames.undo import Undo
from mtf.indicators.values import ValueState
from mtf.units import NEVER_NS

__all__ = ["KeptPast", "Past", "PublishedPast"]


@mypyc_attr(native_class=True)
class Past:
    """Answers for one cursor, by number of the symbol and rank of the timeframe."""

    def __init__(self, keeps: bool) -> None:
        self.keeps: Final = keeps

    def enter(self, frame: Frame) -> None:
        """Stand before *frame*."""
        raise NotImplementedError

    def leave(self, frame: Frame) -> None:
        """Stand after *frame*."""
        raise NotImplementedError

    def instrument(self, number: i64) -> Instrument:
        raise NotImplementedError

    def clock(self, number: i64) -> i64:
        """Return a symbol's own clock; NEVER_NS before its first accepted tick."""
        raise NotImplementedError

    def is_ordered(self, number: i64) -> bool:
        """Return whether a symbol is read in time order."""
        raise NotImplementedError

    def is_live(self, number: i64) -> bool:
        """Return whether a symbol's newest accepted tick arrived within moments of its stamp."""
        raise NotImplementedError

    def counts(self, number: i64) -> Counts:
        raise NotImplementedError

    def bars(self, number: i64, rank: i64) -> BarState:
        raise NotImplementedError

    def header(self, number: i64, rank: i64) -> BarHeader | None:
        """Return the header of the forming bar alone; None if there is none."""
        raise NotImplementedError

    def bounds(self, number: i64, rank: i64) -> tuple[i64, i64]:
        """Return start and end of the forming bar; the end is NEVER_NS if there is none."""
        raise NotImplementedError

    def window(self, number: i64, rank: i64) -> BarWindow:
        """Return the completed bars alone."""
        raise NotImplementedError

    def values(self, number: i64, rank: i64) -> ValueState:
        raise NotImplementedError

    def completed(self, number: i64, rank: i64) -> ValueState:
        """Return the values after the newest bar that closed; live ones in it are of no meaning."""
        raise NotImplementedError


@mypyc_attr(native_class=True, acyclic=True)
class _BeforeFrame:
    """Bars and values of one symbol and timeframe before the block of *undo*; None: not looked for yet."""

    __slots__ = ("completed", "header", "number", "undo", "window")

    def __init__(self, number: i64, undo: Undo, header: BarHeader | None) -> None:
        self.number: Final[i64] = number
        self.undo: Final = undo
        self.header: Final = header
        self.window: BarWindow | None = None
        self.completed: ValueState | None = None


@mypyc_attr(native_class=True)
class PublishedPast(Past):
    """Looks into what *joiner* has published.

    What was before a frame stays the same for all of its rows: for each timeframe the newest answer is kept.
    """

    __slots__ = ("_joiner", "_known", "_published", "_seq", "_undo")

    def __init__(self, joiner: Joiner) -> None:
        super().__init__(False)
        self._joiner: Final = joiner
        self._published: Final = joiner.published
        self._known: Final[list[_BeforeFrame | None]] = [None] * joiner.published.ranks  # by rank
        self._seq: i64 = joiner.seq  # after which event it stands, between two frames
        self._undo: Undo | None = None  # of the frame that is walked; None between two

    @property
    def count(self) -> i64:
        """How many symbols there were."""
        undo = self._before()
        return self._published.count if undo is None else undo.count

    @property
    def clock_ns(self) -> i64:
        """The newest clock event of a user."""
        undo = self._before()
        return self._joiner.clock_ns if undo is None else undo.clock_ns

    @property
    def run_ns(self) -> i64:
        """The newest accepted event of sources read in time order."""
        undo = self._before()
        return self._joiner.run_ns if undo is None else undo.run_ns

    def enter(self, frame: Frame) -> None:
        first_seq: i64 = frame.first_seq
        undo = self._joiner.undo_after(first_seq - 1)
        assert undo is not None, "a frame is entered while it is in flight"
        assert undo.first_seq == first_seq, "a frame is entered while it is in flight"
        self._undo = undo

    def leave(self, frame: Frame) -> None:
        self._seq = frame.last_seq
        self._undo = None
        known = self._known
        for rank in range(len(known)):
            known[rank] = None

    def move_to(self, seq: i64) -> None:
        """Stand after the event *seq*, at which a block in flight ends, or the newest one."""
        self._seq = seq

    def kept(self) -> KeptPast:
        """Return the same past without the blocks in flight, for a cursor that is left behind."""
        before = self._before()
        count = self._published.count if before is None else before.count
        return KeptPast([self._published.state(number, before) for number in range(count)])

    def instrument(self, number: i64) -> Instrument:
        return self._published.instruments[number]

    def clock(self, number: i64) -> i64:
        return self._published.clock(number, self._before())

    def is_ordered(self, number: i64) -> bool:
        return self._published.is_ordered(number, self._before())

    def is_live(self, number: i64) -> bool:
        return self._published.is_live(number, self._before())

    def counts(self, number: i64) -> Counts:
        return self._published.counts(number, self._before())

    def bars(self, number: i64, rank: i64) -> BarState:
        return self._published.bars(number, rank, self._before())

    def header(self, number: i64, rank: i64) -> BarHeader | None:
        known = self._before_frame(number, rank)
        return self._published.header(number, rank, self._before()) if known is None else known.header

    def bounds(self, number: i64, rank: i64) -> tuple[i64, i64]:
        return self._published.bounds(number, rank, self._before())

    def window(self, number: i64, rank: i64) -> BarWindow:
        known = self._before_frame(number, rank)
        if known is None:
            return self._published.window(number, rank, self._before())
        found = known.window
        if found is None:
            found = self._published.window(number, rank, known.undo)
            known.window = found
        return found

    def values(self, number: i64, rank: i64) -> ValueState:
        return self._published.value_state(number, rank, self._before())

    def completed(self, number: i64, rank: i64) -> ValueState:
        known = self._before_frame(number, rank)
        if known is None:
            return self._published.completed(number, rank, self._before())
        found = known.completed
        if found is None:
            found = self._published.completed(number, rank, known.undo)
            known.completed = found
        return found

    def _before_frame(self, number: i64, rank: i64) -> _BeforeFrame | None:
        """Return what is known of a symbol and timeframe before the frame; None between two frames.

        Other threads may ask meanwhile: an entry is complete before it is kept, and says of whom and of when it is.
        """
        undo = self._undo
        if undo is None:
            return None
        known = self._known[rank]
        if known is None or known.number != number or known.undo is not undo:
            known = _BeforeFrame(number, undo, self._published.header(number, rank, undo))
            self._known[rank] = known
        return known

    def _before(self) -> Undo | None:
        """Return the undo of the first block that was not passed; None if there is none in flight."""
        return self._joiner.undo_after(self._seq) if self._undo is None else self._undo


@mypyc_attr(native_class=True)
class KeptPast(Past):
    """Keeps the state of every symbol, and takes over those that each frame has changed (`Joiner.states_after`)."""

    __slots__ = ("states",)

    def __init__(self, states: list[SymbolState]) -> None:
        super().__init__(True)
        self.states: Final = states  # by number

    def enter(self, frame: Frame) -> None:
        states = self.states
        instruments = frame.judged.instruments
        touched = frame.judged.touched
        for k in range(len(touched)):
            if touched[k] == len(states):  # appears in this frame: nobody can name it before its first row
                fresh = [value.fresh for value in frame.values]
                states.append(unseen(instruments[touched[k]], len(frame.columns), fresh))

    def leave(self, frame: Frame) -> None:
        after = frame.states_after
        if after is None:
            return  # to one that was left behind in this frame no other comes
        touched = frame.judged.touched
        for k in range(len(touched)):
            self.states[touched[k]] = after[k]

    def put(self, number: i64, state: SymbolState) -> bool:
        """Take over the state of a symbol; return whether it was not known before."""
        if number < len(self.states):
            self.states[number] = state
            return False
        assert number == len(self.states), "symbols appear in order"
        self.states.append(state)
        return True

    def instrument(self, number: i64) -> Instrument:
        return self.states[number].instrument

    def clock(self, number: i64) -> i64:
        return self.states[number].clock_ns

    def is_ordered(self, number: i64) -> bool:
        return self.states[number].ordered

    def is_live(self, number: i64) -> bool:
        return self.states[number].live

    def counts(self, number: i64) -> Counts:
        return self.states[number].counts

    def bars(self, number: i64, rank: i64) -> BarState:
        return self.states[number].bars[rank]

    def header(self, number: i64, rank: i64) -> BarHeader | None:
        return self.states[number].bars[rank].header

    def bounds(self, number: i64, rank: i64) -> tuple[i64, i64]:
        header = self.header(number, rank)
        return (NEVER_NS, NEVER_NS) if header is None else (header.start_ns, header.end_ns)

    def window(self, number: i64, rank: i64) -> BarWindow:
        return self.states[number].bars[rank].window

    def values(self, number: i64, rank: i64) -> ValueState:
        return self.states[number].values[rank]

    def completed(self, number: i64, rank: i64) -> ValueState:
        return self.states[number].values[rank]
