"""Whether the events of finite sources in a log are in order of time, and since when not; recorded in the log.

A file or a history has no times of arrival: an event counts as known at its stamp, so that nothing stamped later may be
seen with it. As long as events of finite sources come in order of time, that holds by itself. From the first one that
does not, or that was requested in the order of the log, a callback cannot see what it could not have known.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mtf.errors import OutOfOrder
from mtf.events.block import Block
from mtf.log import BlockReader, ReadableLog
from mtf.sources.time_order import TimeOrder, without_order
from mtf.units import TS_MAX_NS, TS_MIN_NS

__all__ = [
    "ADVICE",
    "BY_LOG",
    "BY_TIME",
    "ORDER",
    "ORDERS",
    "TAIL_EVENTS",
    "LogOrder",
    "OutOfOrderWarning",
    "moved_order",
    "order_of",
]

ORDER: Final = "\0order"  # the entry among the positions in the log: no source can have this name
BY_TIME: Final = "time"
BY_LOG: Final = "log"
ORDERS: Final = (BY_TIME, BY_LOG)
TAIL_EVENTS: Final = 65_536  # at the end of a log, looked at when a run begins
SPANS_MAX: Final = 64  # of events not in order of time, with pushed ones between; then those are taken for such too
COUNT_MAX: Final = 1 << 62

ADVICE: Final = (
    "run both in one call, as p.run([a, b]), which merges them by time, or keep the order in which they come with "
    "order='log'"
)

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class OutOfOrderWarning(UserWarning):
    """Events of a finite source are stamped before what other symbols have had in the log."""


class LogOrder:
    """The order of the events of finite sources in one log, as *record*, its entry there, has it."""

    def __init__(self, record: Mapping[str, Any] | None = None) -> None:
        known = record if isinstance(record, Mapping) else {}
        kind = known.get("order")
        self.kind: str | None = kind if kind in ORDERS else None  # None: no finite source has been read
        # First and last seq of the events of finite sources that are not in order of time, nor are those after them.
        self.spans = [span for span in _pairs(known.get("spans"), 1, COUNT_MAX) if 0 < span[0] <= span[1]][:SPANS_MAX]
        self.reordered = _whole(known.get("reordered"))  # events that went before others their source had before them
        self.time: Final = TimeOrder(_whole(known.get("out_of_order")))
        self.source = str(known.get("source", ""))  # that was read last
        for number, ts_ns in _pairs(known.get("newest"), TS_MIN_NS, TS_MAX_NS):
            self.time.finite.add(number, ts_ns)
        self.recorded = True  # in a log; else nobody asks for the record
        self.disordered: Callable[[Sequence[tuple[int, int]]], None] | None = None  # called with `spans` as they grow
        self._seeded = False  # by `begin`
        self._first_seq = 1  # of the events of a finite source that may not have been looked at yet
        self._last_seq = 0

    @property
    def from_seq(self) -> int:
        """The first event that is not in order of time; 0: all are."""
        return self.spans[0][0] if self.spans else 0

    @property
    def has_finite(self) -> bool:
        """Whether events of finite sources are in the log."""
        return self.time.finite.number >= 0

    @property
    def seeded(self) -> bool:
        """Whether it follows the log."""
        return self._seeded

    @property
    def out_of_order(self) -> int:
        return int(self.time.out_of_order)

    def record(self) -> dict[str, Any]:
        """Return the entry that stands for this in the log."""
        finite = self.time.finite
        newest = [[int(finite.number), int(finite.ns)], [int(finite.other_number), int(finite.other_ns)]]
        return {
            "order": self.kind,
            "out_of_order": self.out_of_order,
            "reordered": self.reordered,
            "source": self.source,
            "spans": self.spans,
            "newest": [pair for pair in newest if pair[0] >= 0],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return what of it is for people and programs."""
        return {
            "order": self.kind,
            "from_seq": self.from_seq,
            "out_of_order": self.out_of_order,
            "reordered": self.reordered,
        }

    def begin(self, clocks: Sequence[int], tail: BlockReader | None) -> None:
        """Take in what was logged before, once: the events in *tail*, and the *clocks* of other symbols, by number."""
        self._seeded = True
        for logged in tail or ():
            self.time.look(logged.block, 1, 0)
        for number, clock_ns in enumerate(clocks):
            if not self.time.knows(number):
                self.time.add(number, clock_ns)

    def check(self, source: str, number: int, ts_ns: int, names: Sequence[str]) -> None:
        """Raise OutOfOrder if *source*, whose first event is of symbol *number* at *ts_ns*, begins too early."""
        newest = self.time.finite
        others_ns = newest.besides(number)
        if ts_ns >= others_ns:
            return
        other = names[newest.number if newest.number != number else newest.other_number]
        raise OutOfOrder(
            f"{source} begins at {_text(ts_ns)}, when {other} ({self.source}) is already at {_text(int(others_ns))}: "
            "if they are read one after the other, its events are shown next to the other's future",
            ADVICE,
        )

    def given(self, source: str, order: str, first_seq: int, last_seq: int, taken_seq: int) -> None:
        """Note that the events *first_seq* to *last_seq* are of *source*; those up to *taken_seq* were looked at."""
        if last_seq < first_seq:
            return
        if self._last_seq <= taken_seq:
            self._first_seq = first_seq
        self._last_seq = last_seq
        self.source = source
        if order == BY_LOG or self.kind is None:
            self.kind = order

    def look(self, block: Block, positions: dict[str, Any]) -> Block:
        """Return *block* as it goes into the log: without the flag of the order of time once that ends.

        Adds the record to *positions* if it has changed, and is `recorded`.
        """
        row = int(self.time.look(block, self._first_seq, self._last_seq))
        first_seq, last_seq = max(self._first_seq, int(block.first_seq)), min(self._last_seq, block.last_seq)
        if row >= 0 and self.kind == BY_TIME:
            self.kind = BY_LOG
            first_seq = int(block.first_seq) + row
            block = without_order(block, row)
        if first_seq <= last_seq:
            if self.kind == BY_LOG:
                self._extend(first_seq, last_seq)
            if self.recorded:
                positions[ORDER] = self.record()
        return block

    def _extend(self, first_seq: int, last_seq: int) -> None:
        """Note that the events from *first_seq* to *last_seq* are not in order of time."""
        spans = self.spans
        if spans and (first_seq <= spans[-1][1] + 1 or len(spans) >= SPANS_MAX):
            spans[-1] = (spans[-1][0], last_seq)
        else:
            spans.append((first_seq, last_seq))
        if self.disordered is not None:
            self.disordered(spans)


def moved_order(positions: dict[str, Any], now: Callable[[int], int]) -> dict[str, Any]:
    """Return *positions* for a copy of a log in which the event *seq* has become `now(seq)`."""
    if ORDER not in positions:
        return positions
    order = LogOrder(positions[ORDER])
    order.spans = [(now(first_seq), now(last_seq)) for first_seq, last_seq in order.spans]
    return {**positions, ORDER: order.record()}


def order_of(log: ReadableLog) -> LogOrder:
    """Return the order that is noted in *log*."""
    return LogOrder(log.positions.get(ORDER))


def _whole(value: Any) -> int:
    """Return *value* if it is a count, else 0: records come from strangers too."""
    return value if isinstance(value, int) and 0 <= value < COUNT_MAX else 0


def _pairs(value: Any, least: int, most: int) -> list[tuple[int, int]]:
    """Return the pairs in *value* of a count and a whole number from *least* to *most*; none if it is not a list."""
    pairs = value if isinstance(value, list) else []
    return [
        (pair[0], pair[1])
        for pair in pairs
        if isinstance(pair, list)
        and [type(each) for each in pair] == [int, int]
        and 0 <= pair[0] < COUNT_MAX
        and least <= pair[1] <= most
    ]


def _text(ts_ns: int) -> str:
    return (_EPOCH + datetime.timedelta(microseconds=ts_ns // 1000)).isoformat(sep=" ").removesuffix("+00:00") + "Z"
