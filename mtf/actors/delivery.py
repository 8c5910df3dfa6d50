"""Delivery: which consumers a frame is for, and that they get it in the order in which they were added.

A consumer that selects bars or symbols is looked for by what a frame holds, and not asked: frames without anything for
it cost it nothing. Its cursor skips them when the next frame comes that is for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mypy_extensions import i64, mypyc_attr

from mtf.actors.actor import Actor, Marker
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner
from mtf.frames.passed import Leap, Passed
from mtf.frames.selection import Selection

__all__ = ["Delivery", "Seat"]


@mypyc_attr(native_class=True)
class Seat:
    """One consumer's place in the delivery; its cursor stands after the event *seq*, and later after `shown_seq()`."""

    __slots__ = ("actor", "index", "keeps", "look", "selection", "sent_seq", "shown_seq")

    def __init__(self, actor: Actor, selection: Selection, seq: i64, keeps: bool, shown_seq: Callable[[], int]) -> None:
        self.actor: Final = actor
        self.selection: Final = selection
        self.shown_seq: Final = shown_seq
        self.keeps: Final = keeps  # it is given the states that frames have changed
        self.index: i64 = 0  # goes up in the order in which they were added
        self.sent_seq: i64 = seq  # the last event that it was sent
        self.look: i64 = 0  # number of the last look in which a frame was found to be for it


class Delivery(Actor):
    """Sends each frame to the consumers that it is for, and each marker to all."""

    def __init__(self) -> None:
        super().__init__("delivery", limit=1)
        self.seats: list[Seat] = []  # replaced as a whole when one comes or goes
        self.seq: i64 = 0  # the last event that was delivered
        self.delivered: Callable[[], None] | None = None  # called after each frame, if it is set
        self.behind: Callable[[], None] | None = None  # called when a frame comes for a consumer that is busy
        self._count: i64 = 0  # seats there have been
        self._look: i64 = 0  # how often it was looked for whom a frame is
        self._every: list[Seat] = []  # that get every frame
        self._by_timeframe: dict[str, list[Seat]] = {}  # that get those in which a bar of theirs closes
        self._any_timeframe: list[Seat] = []  # likewise, of every timeframe
        self._by_symbol: dict[str, list[Seat]] = {}  # that get those which touch a symbol of theirs
        self.joiner: Joiner | None = None  # that makes the frames
        self._is_for_all = True  # every seat gets every frame
        self._keeps = False  # there is a seat that keeps states
        self._passed: Passed | None = None  # all since there is one that keeps states, and does not get every frame

    def shown_seq(self) -> int:
        """Return up to which event everybody has seen all who looks into the published state."""
        seq = self.seq
        for seat in self.seats:
            if not seat.keeps and not seat.actor.idle:
                seq = min(seq, seat.shown_seq())
        return seq

    def watch(self, behind: Callable[[], None] | None) -> None:
        """Have *behind* called when a consumer is busy with a frame and another one comes; None: nothing."""
        self.behind = behind

    def enter(self, seat: Seat) -> None:
        """Send frames to *seat* from now on."""
        self._count += 1
        seat.index = self._count
        self.seats = [*self.seats, seat]
        self._arrange()

    def remove(self, actor: Actor) -> None:
        self.seats = [seat for seat in self.seats if seat.actor is not actor]
        self._arrange()

    def accept(self, message: Any) -> bool:
        if self._busy or self._failed or not self.mailbox.empty:
            return self.mailbox.offer(message)
        seats = self._seats_of(message)
        for k in range(len(seats)):
            if seats[k].actor.mailbox.full:
                return self.mailbox.offer(message)
        self._busy = True
        try:
            if isinstance(message, Frame):
                self._deliver(message, seats)
            else:
                for k in range(len(seats)):
                    taken = seats[k].actor.accept(message)
                    assert taken, "a consumer that had room has taken the marker"
        except BaseException as error:  # noqa: BLE001 - in the sender's turn, who is not at fault and goes on
            self._fail(error)
        finally:
            self._busy = False
        return True

    async def answer(self, message: Frame) -> None:
        passed: Passed | None = None
        first_seq = message.first_seq
        if self.behind is not None:
            self.behind()
        self._keep_states(message)
        for seat in self._seats_of(message):
            if seat.sent_seq >= first_seq:
                continue  # it came while the frame waited
            if seat.keeps and seat.sent_seq != first_seq - 1:
                passed = self._passed_before() if passed is None else passed
                await seat.actor.send(Leap(passed, message))
            else:
                await seat.actor.send(message)
            seat.sent_seq = message.last_seq
        self._has_delivered(message)

    async def answer_marker(self, marker: Marker) -> None:
        for seat in self.seats:
            await seat.actor.send(marker)

    def _deliver(self, frame: Frame, seats: list[Seat]) -> None:
        first_seq: i64 = frame.first_seq
        last_seq: i64 = frame.last_seq
        passed: Passed | None = None
        self._keep_states(frame)
        for k in range(len(seats)):
            seat = seats[k]
            before = seat.sent_seq
            if before >= first_seq:
                continue  # it came while the frame waited
            seat.sent_seq = last_seq
            if self.behind is not None and not seat.actor.idle:
                self.behind()
            if not seat.keeps or before == first_seq - 1:
                taken = seat.actor.accept(frame)
            else:
                if passed is None:
                    passed = self._passed_before()
                taken = seat.actor.accept(Leap(passed, frame))
            assert taken, "a consumer that had room has taken the frame"
        self._has_delivered(frame)

    def _keep_states(self, frame: Frame) -> None:
        """Have *frame* bring the states after it, if somebody needs them."""
        if self._keeps and self.joiner is not None:
            self.joiner.states_after(frame)

    def _has_delivered(self, frame: Frame) -> None:
        if self._passed is not None:
            self._passed.add(frame)
        self.seq = frame.last_seq
        if self.delivered is not None:
            self.delivered()

    def _passed_before(self) -> Passed:
        return Passed() if self._passed is None else self._passed.copy()

    def _seats_of(self, message: Any) -> list[Seat]:
        """Return the seats that *message* is for, in order."""
        if self._is_for_all:
            return self._every
        if not isinstance(message, Frame):
            return self.seats
        hits: list[Seat] = []
        self._look += 1
        look = self._look
        closings = message.closings
        if closings.count and (self._by_timeframe or self._any_timeframe):
            for k in range(closings.count):
                for seat in self._by_timeframe.get(closings.timeframe(k), []):
                    if seat.look != look and seat.selection.takes(closings, k):
                        seat.look = look
                        hits.append(seat)
                for seat in self._any_timeframe:
                    if seat.look != look and seat.selection.takes(closings, k):
                        seat.look = look
                        hits.append(seat)
        if self._by_symbol:
            instruments = message.judged.instruments
            for number in message.judged.touched:
                for seat in self._by_symbol.get(instruments[number].name, []):
                    if seat.look != look:
                        seat.look = look
                        hits.append(seat)
        if not hits:
            return self._every
        hits.extend(self._every)
        hits.sort(key=_index)
        return hits

    def _arrange(self) -> None:
        """Sort the seats by what they get."""
        every: list[Seat] = []
        any_timeframe: list[Seat] = []
        by_timeframe: dict[str, list[Seat]] = {}
        by_symbol: dict[str, list[Seat]] = {}
        for seat in self.seats:
            selection = seat.selection
            if selection.bars_only:
                if selection.timeframes is None:
                    any_timeframe.append(seat)
                else:
                    for name in selection.timeframes:
                        by_timeframe.setdefault(name, []).append(seat)
            elif selection.by_symbol and selection.symbols is not None:
                for name in selection.symbols:
                    by_symbol.setdefault(name, []).append(seat)
            else:
                every.append(seat)
        self._every, self._any_timeframe = every, any_timeframe
        self._by_timeframe, self._by_symbol = by_timeframe, by_symbol
        self._is_for_all = len(every) == len(self.seats)
        self._keeps = any([seat.keeps for seat in self.seats])
        if not any([seat.keeps and seat not in every for seat in self.seats]):
            self._passed = None
        elif self._passed is None:
            self._passed = Passed()


def _index(seat: Seat) -> int:
    return seat.index
