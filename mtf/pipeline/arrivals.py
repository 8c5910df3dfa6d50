"""Arrivals: what becomes of a pushed event once it is its turn, and of feeds that are late.

Writes each event into the block builder, or says what is wrong with it. Compiled, since it runs for each push.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from librt.strings import read_i64_le
from mypy_extensions import i64, mypyc_attr

from mtf.actors.lateness import AHEAD_NS, Lateness
from mtf.actors.sequencer import Sequencer
from mtf.bars.bar import Bar
from mtf.bars.intake import take
from mtf.config import Config
from mtf.errors import MalformedEvent
from mtf.events.block import ROW_BYTES, Block
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import REASONS
from mtf.events.old_stamps import too_old
from mtf.events.tick import Tick
from mtf.events.waiting_rows import NOT_LIVE
from mtf.notes import Notes
from mtf.units import NEVER_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["Arrivals", "ClockEvent"]

# As whole numbers of any size, as the settings that are added to times are: those of 64 bits would not hold the sum.
FIRST_NS: Final[int] = int(TS_MIN_NS)
LAST_NS: Final[int] = int(TS_MAX_NS)


@mypyc_attr(native_class=True)
class ClockEvent:
    """A clock event that is pushed: "it is now *ts_ns*"."""

    __slots__ = ("ts_ns",)

    def __init__(self, ts_ns: int) -> None:
        self.ts_ns: Final = ts_ns


@mypyc_attr(native_class=True)
class Arrivals:
    """Hands events to the block builder of *source*.

    A tick is live if it comes within *live_ns* of its stamp, and of its feed's delay. If not *live*, none is: the wall
    clock does not matter.
    """

    def __init__(
        self,
        config: Config,
        source: Sequencer,
        notes: Notes,
        *,
        live: bool,
        live_ns: int,
        max_ahead_ns: int,
        oldest_ns: int,
    ) -> None:
        self._config: Final = config
        self._has_delays: Final = bool(config.delays)
        self._source: Final = source
        self._builder: Final[BlockBuilder] = source.builder
        self._notes: Final = notes
        self._is_live: Final = live
        self._live_ns: Final = live_ns
        self._max_ahead_ns: Final = max_ahead_ns
        self._oldest_ns: Final = oldest_ns
        self._lateness: Final = Lateness()
        self.ended = False  # the last source has ended, and nothing was pushed since
        self.are_live = False  # something was pushed, and the wall clock matters

    def accept(self, event: Any, arrival_ns: int) -> int:
        """Hand *event*, a tick, a bar or a clock event, to the block builder, and return its seq.

        MalformedEvent if it is invalid.
        """
        if isinstance(event, ClockEvent):
            self._builder.clock(event.ts_ns)
            return self._source.next_seq - 1
        reason = self._written(event, arrival_ns)
        if reason:
            builder = self._builder
            builder.refuse("push", builder.malformed + 1, reason, repr(event))
            raise MalformedEvent(f"{event!r}: {reason}")
        self.ended = False
        self.are_live = self._is_live
        if self._is_live and isinstance(event, Tick):
            lag_ns = arrival_ns - event.ts_ns - self._delay_of(event.symbol)
            if lag_ns > self._live_ns or lag_ns < -AHEAD_NS:
                self._note_lag(event.symbol, lag_ns, arrival_ns)
        return self._source.next_seq - 1

    def accept_rows(self, block: Block, names: list[str], arrival_ns: int) -> None:
        """Pass the rows of *block*, which came at *arrival_ns*, to the block builder; *names* are its symbols."""
        if not block.count:
            return
        builder = self._builder
        try:
            start = 0
            for stop, delay_ns in self._delays(block, names):
                if self._is_live:
                    builder.live_from_ns = self._live_from(arrival_ns, delay_ns)
                builder.copy(block, names, start, stop)
                start = stop
        finally:
            builder.live_from_ns = NOT_LIVE
        self.ended = False
        self.are_live = self._is_live
        if self._is_live:
            last: i64 = block.count - 1
            symbol = names[block.symbol_at(last)]
            due_ns = int(read_i64_le(block.rows, last * ROW_BYTES)) + self._delay_of(symbol)
            self._note_lag(symbol, arrival_ns - due_ns, arrival_ns)

    def _written(self, event: Any, arrival_ns: int) -> str:
        """Write *event* into the block builder; return what is wrong with it, or ""."""
        builder = self._builder
        try:
            if isinstance(event, Tick) and event.ts_ns < self._oldest_ns:
                return too_old(event.ts_ns, "pipeline")
            if self._is_live and isinstance(event, Tick | Bar):
                builder.arrival_ns = arrival_ns
                builder.limit_ns = min(arrival_ns + self._max_ahead_ns, LAST_NS)
                builder.live_from_ns = self._live_from(arrival_ns, self._delay_of(event.symbol))
            return REASONS[take(builder, event)]
        except (MalformedEvent, TypeError, AttributeError, OverflowError) as error:
            return str(error)
        finally:
            builder.arrival_ns, builder.limit_ns, builder.live_from_ns = NEVER_NS, TS_MAX_NS, NOT_LIVE

    def _live_from(self, arrival_ns: int, delay_ns: int) -> int:
        """Return the first stamp that is live if it comes at *arrival_ns* from a feed with this delay."""
        return max(arrival_ns - self._live_ns - delay_ns, FIRST_NS)

    def _delay_of(self, symbol: str) -> int:
        return self._config.delay_of(symbol) if self._has_delays else 0

    def _delays(self, block: Block, names: list[str]) -> Iterator[tuple[int, int]]:
        """Yield the end of each run of rows in *block* whose feeds have the same delay, and that delay."""
        if not self._has_delays:
            yield block.count, 0
            return
        delays = [self._config.delay_of(name) for name in names]
        numbers = [delays[block.symbol_at(row)] for row in range(block.count)]
        for row in range(1, block.count):
            if numbers[row] != numbers[row - 1]:
                yield row, numbers[row - 1]
        yield block.count, numbers[-1]

    def _note_lag(self, symbol: str, lag_ns: int, arrival_ns: int) -> None:
        """Report a feed whose event of *symbol* came *lag_ns* later than it should have, if that persists."""
        if lag_ns > self._live_ns:
            late = self._lateness.note(symbol, lag_ns, arrival_ns)
            if late is not None:
                self._notes.note("feed_late", late, symbol=symbol, lag_ns=lag_ns)
        elif lag_ns < -AHEAD_NS:
            ahead = self._lateness.note_ahead(symbol, -lag_ns)
            if ahead is not None:
                self._notes.note("feed_ahead", ahead, symbol=symbol, ahead_ns=-lag_ns)
