"""Ticks from the log, accepted and rejected, each with its verdict.

The index of the log says where to look. The history has the rejected events; events after its end are judged again.
Memory is limited to one page, however many ticks there are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import attrs
from librt.vecs import vec
from mypy_extensions import u8

from mtf.bars.picking import Picked, pick
from mtf.bars.verdicts import VERDICT_NAMES
from mtf.data.batches import Batch, Coded, Column, Kind
from mtf.data.verdicts import Known, judged_events, runs_within, stored_events
from mtf.errors import DataDirError
from mtf.events.block import FROM_BAR, HAS_ASK, HAS_BID, QUOTE, TRADE, Block
from mtf.events.tick import Tick
from mtf.log import ReadableLog
from mtf.storage.history.rejected import Rejects
from mtf.storage.history.store import HistoryStore
from mtf.storage.storage import Storage
from mtf.units import NEVER_NS

__all__ = ["KINDS", "TICKS", "LoggedTick", "TickQuery"]

PAGE_ROWS: Final = 65_536
KINDS: Final = ("clock", "quote", "trade")

TICKS: Final = (
    Column("symbol", Kind.WORD),
    Column("time", Kind.TIME),
    Column("kind", Kind.WORD),
    Column("bid", Kind.FLOAT),
    Column("ask", Kind.FLOAT),
    Column("bid_size", Kind.FLOAT),
    Column("ask_size", Kind.FLOAT),
    Column("price", Kind.FLOAT),
    Column("size", Kind.FLOAT),
    Column("id", Kind.TEXT),
    Column("from_bar", Kind.FLAG),
    Column("received", Kind.TIME),
    Column("verdict", Kind.WORD),
    Column("seq", Kind.WHOLE),
)


class LoggedTick(NamedTuple):
    """A tick in the log: its seq, its verdict, and the tick itself."""

    seq: int
    verdict: str  # accepted, late_accepted, duplicate, price, closed, late, unfinished
    tick: Tick


@attrs.frozen(kw_only=True)
class TickQuery:
    """The ticks of *symbols* that are stamped in `[start_ns, end_ns)`, among the events up to *last_seq*."""

    storage: Storage
    symbols: Sequence[str]
    names: Sequence[str]  # of all symbols of the log, by number
    start_ns: int
    end_ns: int
    last_seq: int
    log: ReadableLog
    rejected_only: bool = False
    store: HistoryStore | None = None  # which has rejected ones
    late_accepted: bool = False  # whether late ones may be accepted: the history does not tell which

    def pages(self) -> Iterator[Picked | Rejects]:
        """Yield the ticks in columns, a page at a time, in the order of the log."""
        place = {symbol: k for k, symbol in enumerate(self.symbols)}
        codes = [place.get(name, -1) for name in self.names]
        if not codes:
            return
        wanted = sum(1 << number for number, code in enumerate(codes) if code >= 0)
        known = self._known()
        if not self.rejected_only:
            runs = self.log.find(wanted, self.start_ns, self.end_ns, self.last_seq)
            yield from self._picked(codes, self._events(runs, known))
            return
        # Stored ticks need not be searched in the log.
        before = self.log.find(wanted, self.start_ns, self.end_ns, known.after_seq)
        yield from self._picked(codes, judged_events(self.storage, before, self.names))
        for page in self._stored(known):
            found = self._of_mine(page)
            if len(found):
                yield found
        if known.last_seq < self.last_seq:
            runs = self.log.find(wanted, self.start_ns, self.end_ns, self.last_seq)
            after = runs_within(runs, known.last_seq + 1, self.last_seq)
            yield from self._picked(codes, judged_events(self.storage, after, self.names))

    def _known(self) -> Known:
        """Return the events among which the history has the rejected ones."""
        if self.store is None or self.late_accepted:
            return Known(0, 0)
        try:
            stored = self.store.stored()
        except DataDirError:
            if self.rejected_only:
                raise
            return Known(0, 0)  # it is not needed, only faster
        if self.start_ns < stored.pruned_ns and not self.rejected_only:  # some may have been removed
            return Known(0, 0)
        last_seq = min(stored.seq, self.last_seq)
        return Known(min(stored.rejects_after, last_seq), last_seq)

    def _stored(self, known: Known) -> Iterator[Rejects]:
        if self.store is None or known.after_seq >= known.last_seq:
            return iter(())
        return self.store.rejects(known.last_seq, self.start_ns, self.end_ns)

    def _events(self, runs: Sequence[tuple[int, int]], known: Known) -> Iterator[tuple[Block, vec[u8]]]:
        """Yield the events of *runs* with their verdicts."""
        yield from judged_events(self.storage, runs_within(runs, 0, known.after_seq), self.names)
        stored = runs_within(runs, known.after_seq + 1, known.last_seq)
        yield from stored_events(self.log, stored, self.names, self._stored(known))
        yield from judged_events(self.storage, runs_within(runs, known.last_seq + 1, self.last_seq), self.names)

    def _of_mine(self, page: Rejects) -> Rejects:
        """Return the requested part of a stored *page*, with its symbols as indexes into `symbols`."""
        place = {symbol: k for k, symbol in enumerate(self.symbols)}
        codes = [place.get(symbol, -1) for symbol in page.symbols]
        found = page.chosen(
            [
                k
                for k, (code, ts_ns) in enumerate(zip(page.codes, page.ts_ns, strict=True))
                if codes[code] >= 0 and self.start_ns <= ts_ns < self.end_ns
            ]
        )
        return found.called(self.symbols, [codes[code] for code in found.codes])

    def _picked(self, codes: list[int], events: Iterable[tuple[Block, vec[u8]]]) -> Iterator[Picked]:
        picked = Picked()
        for block, verdicts in events:
            pick(picked, block, verdicts, codes, self.start_ns, self.end_ns, self.rejected_only)
            if len(picked) >= PAGE_ROWS:
                yield picked
                picked = Picked()
        if len(picked):
            yield picked

    def batch_of(self, page: Picked | Rejects) -> Batch:
        """Return a page as columns of `TICKS`."""
        rows = len(page)
        quotes = page.bids == page.asks == rows
        return Batch(
            rows,
            (
                Coded(page.codes, self.symbols),
                page.ts_ns,
                Coded(page.kinds, KINDS),
                page.first if quotes else _side(page, page.bids, page.first, HAS_BID),
                page.second if quotes else _side(page, page.asks, page.second, HAS_ASK),
                page.third if quotes else _side(page, page.bids, page.third, HAS_BID),
                page.fourth if quotes else _side(page, page.asks, page.fourth, HAS_ASK),
                _traded(page, page.first),
                _traded(page, page.second),
                page.ids if page.named else None,
                array("B", [bool(flags & FROM_BAR) for flags in page.flags]),
                [None if ns == NEVER_NS else ns for ns in page.received_ns] if page.timed else None,
                Coded(page.verdicts, VERDICT_NAMES),
                page.seqs,
            ),
        )

    def values_of(self, page: Picked | Rejects) -> Iterator[LoggedTick]:
        """Yield a page's ticks one by one."""
        for i in range(len(page)):
            flags = page.flags[i]
            trade = page.kinds[i] == TRADE
            bid, ask = not trade and bool(flags & HAS_BID), not trade and bool(flags & HAS_ASK)
            received_ns = page.received_ns[i]
            tick = Tick(
                self.symbols[page.codes[i]],
                page.ts_ns[i],
                page.first[i] if bid else None,
                page.second[i] if ask else None,
                page.third[i] if bid else 0.0,
                page.fourth[i] if ask else 0.0,
                price=page.first[i] if trade else None,
                size=page.second[i] if trade else 0.0,
                id=page.ids[i],
                from_bar=bool(flags & FROM_BAR),
                received_ns=None if received_ns == NEVER_NS else received_ns,
            )
            yield LoggedTick(page.seqs[i], VERDICT_NAMES[page.verdicts[i]], tick)


def _side(page: Picked | Rejects, count: int, values: Any, side: int) -> Any:
    """Return a column of quotes: None for trades, and for quotes without the *side*."""
    if not count:
        return None
    return [
        value if kind == QUOTE and flags & side else None
        for value, kind, flags in zip(values, page.kinds, page.flags, strict=True)
    ]


def _traded(page: Picked | Rejects, values: Any) -> Any:
    """Return a column of trades: None for quotes."""
    if not page.trades:
        return None
    if page.trades == len(page):
        return values
    return [value if kind == TRADE else None for value, kind in zip(values, page.kinds, strict=True)]
