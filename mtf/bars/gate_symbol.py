"""What the gate remembers of one symbol."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from mtf.archive import ANY_MAX, ANY_MIN, Archive
from mtf.bars.judged_block import NO_ROW, Instrument
from mtf.bars.recent import RecentBars, RecentIds
from mtf.bars.verdicts import ACCEPTED, AUTO, COUNTS, LAST, VERDICTS, Counts
from mtf.calendars.session_edges import SessionEdges
from mtf.events.block import BOTH_SIDES
from mtf.units import NEVER_NS

__all__ = ["NOT_PLAIN", "GateSymbol"]

NOT_PLAIN: Final = -1  # not the tag of any row
RANKS_MAX: Final = 255


@mypyc_attr(native_class=True)
class GateSymbol:
    """A symbol: its clocks, what its bars are made of, its newest ids and bars, and its counts."""

    __slots__ = (
        "applied_ns",
        "bar_rank",
        "bar_sides",
        "bar_tag",
        "bar_verdict",
        "bars",
        "beyond_ns",
        "by_bar",
        "clock_ns",
        "counted",
        "counts",
        "due_ns",
        "edges",
        "ends",
        "finest_end",
        "finest_start",
        "frozen",
        "ids",
        "instrument",
        "last_row",
        "live",
        "newest_block",
        "open",
        "ordered",
        "plain",
        "plain_before",
        "plain_tag",
        "side",
        "span_end",
        "span_start",
        "tick_ns",
        "torn_ns",
        "unsteady",
    )

    def __init__(self, instrument: Instrument, side: i64, ranks: i64) -> None:
        # Read for every row, so they stand together.
        self.clock_ns: i64 = NEVER_NS  # bars that end by then are over; the newest tick or a timer's clock event
        self.plain_tag: i64 = NOT_PLAIN  # a row with this tag, in order and in the span, is accepted at once
        self.newest_block: i64 = 0  # first seq of the newest block that touched it
        self.span_end: i64 = 0  # of the calendar's span that was last looked up, [span_start, span_end)
        self.tick_ns: i64 = NEVER_NS  # the latest stamp of an accepted tick, or the end of its imported history
        self.applied_ns: i64 = NEVER_NS  # time of the newest tick that changed bars
        self.last_row: i64 = NO_ROW  # its last row in that block
        self.plain: i64 = 0  # accepted events of the current block not yet in `counts`
        self.plain_before: i64 = 0  # those of earlier blocks
        self.counted = False  # the current block has changed `counts`
        self.live = False  # its newest accepted tick arrived shortly after its stamp
        self.ordered = False  # its newest accepted tick was read in time order
        self.unsteady = True  # call `_accept` even for a tick that is neither LIVE nor ORDERED
        self.counts: vec[i64] = vec[i64]([0] * COUNTS)  # events by verdict, then the other counts of `Counts`
        # The others.
        self.instrument: Final = instrument
        self.side: i64 = side  # AUTO until the first accepted tick decides
        self.by_bar = False  # an input bar decided that
        self.beyond_ns: i64 = NEVER_NS  # its clock as moved by timer events after the horizon of a look back
        self.frozen = False  # a look back in time has passed its first tick after the horizon
        self.edges: SessionEdges | None = None  # ticks rejected near a session; not saved, affects no result
        self.span_start: i64 = 0
        self.open = False  # whether ticks count in that span
        self.finest_start: i64 = 0  # the finest bar containing the newest applied tick: [start, end)
        self.finest_end: i64 = NEVER_NS
        # Of the bars that contain `applied_ns`, by rank; valid while `due_ns` is known.
        self.ends: vec[i64] = vec[i64]([NEVER_NS] * ranks)
        self.due_ns: i64 = NEVER_NS  # the first of them after the clock; NEVER_NS: not looked up, TS_MAX_NS + 1: none
        self.torn_ns: i64 = NEVER_NS  # start of the newest unfinished bar; NEVER_NS once it has arrived complete
        self.bar_verdict: i64 = ACCEPTED  # on the input bar whose events are being judged
        self.bar_sides: i64 = 0  # which of its sides count
        self.bar_rank: i64 = 0  # of the shortest timeframe that it counts in
        self.bar_tag: i64 = NOT_PLAIN  # of its remaining events, except for the place, if they need no check
        self.ids: RecentIds | None = None  # created with the first id
        self.bars: RecentBars | None = None  # created with the first bar

    def settle_counts(self) -> None:
        """Have all accepted events in `counts`."""
        self.counts[ACCEPTED] += self.plain_before + self.plain
        self.plain_before = 0
        self.plain = 0

    def totals(self) -> Counts:
        """Return all that was counted."""
        numbers = self.counts[:]
        numbers[ACCEPTED] += self.plain_before + self.plain
        return Counts(numbers)

    def archive(self, archive: Archive) -> None:
        """Save or load; spans and ends are looked up again."""
        self.settle_counts()
        instrument = self.instrument
        instrument.first_ns = archive.int64(instrument.first_ns, ANY_MIN, ANY_MAX)
        self.clock_ns = archive.int64(self.clock_ns, ANY_MIN, ANY_MAX)
        self.tick_ns = archive.int64(self.tick_ns, ANY_MIN, ANY_MAX)
        self.applied_ns = archive.int64(self.applied_ns, ANY_MIN, ANY_MAX)
        self.side = archive.int64(self.side, AUTO, LAST)
        instrument.side = self.side
        self.by_bar = archive.flag(self.by_bar)
        self.live = archive.flag(self.live)
        self.ordered = archive.flag(self.ordered)
        self.unsteady = True
        self.finest_start = archive.int64(self.finest_start, ANY_MIN, ANY_MAX)
        self.finest_end = archive.int64(self.finest_end, ANY_MIN, ANY_MAX)
        self.torn_ns = archive.int64(self.torn_ns, ANY_MIN, ANY_MAX)
        self.bar_verdict = archive.int64(self.bar_verdict, 0, VERDICTS)
        self.bar_sides = archive.int64(self.bar_sides, 0, BOTH_SIDES)
        self.bar_rank = archive.int64(self.bar_rank, 0, RANKS_MAX)
        for each in range(COUNTS):
            self.counts[each] = archive.int64(self.counts[each], 0, ANY_MAX)
        if archive.flag(self.ids is not None and len(self.ids) > 0):
            self.recent_ids().archive(archive)
        if archive.flag(self.bars is not None):
            self.recent_bars().archive(archive)

    def session_edges(self) -> SessionEdges:
        if self.edges is None:
            self.edges = SessionEdges()
        return self.edges

    def recent_ids(self) -> RecentIds:
        if self.ids is None:
            self.ids = RecentIds()
        return self.ids

    def recent_bars(self) -> RecentBars:
        if self.bars is None:
            self.bars = RecentBars()
        return self.bars
