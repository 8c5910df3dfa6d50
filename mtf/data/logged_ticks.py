"""Ticks out of the log, accepted and rejected ones, each with its verdict.

A verdict depends on what came before, so the events are judged again from the start of the log, or from the first one
that is kept; rejected ones are stored in the history, and only those since then are looked for in the log. Memory holds
one page, however many ticks there are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import attrs

from mtf.bars.gate import Gate
from mtf.bars.picking import Picked, pick
from mtf.bars.verdicts import REASONS
from mtf.config import Config
from mtf.data.batches import Batch, Coded, Column, Kind
from mtf.events.block import FROM_BAR, HAS_ASK, HAS_BID, QUOTE, TRADE
from mtf.events.tick import Tick
from mtf.storage.history.rejected import Rejects
from mtf.storage.history.store import HistoryStore
from mtf.storage.restore import bars_engine_at, fresh_engine, logged_blocks, restore_oldest
from mtf.storage.storage import Storage
from mtf.units import NEVER_NS

__all__ = ["KINDS", "TICKS", "VERDICTS", "LoggedTick", "TickQuery"]

PAGE_ROWS: Final = 65_536
KINDS: Final = ("clock", "quote", "trade")
VERDICTS: Final = ("accepted", "late_accepted", *REASONS[2:])  # by the gate's numbers

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
    """A tick as it is in the log: its seq, what became of it, and the tick itself."""

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
    rejected_only: bool = False
    store: HistoryStore | None = None  # which has rejected ones

    def pages(self) -> Iterator[Picked | Rejects]:
        """Yield the ticks in columns, a page at a time, in the order of the log."""
        if self.store is None or not self.rejected_only:
            yield from self._judged(_gates(self.storage, self.last_seq))
            return
        stored = self.store.stored()
        stored_seq = min(stored.seq, self.last_seq)
        yield from self._judged(_gates(self.storage, min(stored.rejects_after, stored_seq)))
        for page in self.store.rejects(stored_seq, self.start_ns, self.end_ns):
            found = self._of_mine(page)
            if len(found):
                yield found
        if stored_seq < self.last_seq:
            gate = bars_engine_at(self.storage, stored_seq).gate
            yield from self._judged([(gate, stored_seq + 1, self.last_seq)])

    def _of_mine(self, page: Rejects) -> Rejects:
        """Return what of a stored *page* is asked for, its symbols called by their places among `symbols`."""
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

    def _judged(self, gates: Iterable[tuple[Gate, int, int]]) -> Iterator[Picked]:
        place = {symbol: k for k, symbol in enumerate(self.symbols)}
        codes = [place.get(name, -1) for name in self.names]
        if not codes:
            return
        picked = Picked()
        for gate, first_seq, last_seq in gates:
            for block in logged_blocks(self.storage, first_seq, last_seq):
                verdicts = gate.judge(block).verdicts
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
                Coded(page.verdicts, VERDICTS),
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
            yield LoggedTick(page.seqs[i], VERDICTS[page.verdicts[i]], tick)


def _gates(storage: Storage, last_seq: int) -> Iterator[tuple[Gate, int, int]]:
    """Yield the gates that judge what the log of *storage* still has, each with the first and last seq of its events.

    It is one gate if the log has its beginning. Else a first one judges, knowing nothing of what came before, up to the
    oldest checkpoint that can be used, and then one that is as it was at that checkpoint.
    """
    log = storage.read_log()
    config = Config.from_json(log.config, storage.name)
    engine = fresh_engine(config, log)
    first_seq = engine.joiner.seq + 1
    oldest = restore_oldest(config, storage.checkpoints(config), last_seq, first_seq) if first_seq > 1 else None
    if oldest is not None:
        checkpoint_seq = oldest[1].seq
        if checkpoint_seq >= first_seq:
            yield engine.gate, first_seq, checkpoint_seq
            first_seq = checkpoint_seq + 1
        engine = oldest[0]
    if first_seq <= last_seq:
        yield engine.gate, first_seq, last_seq


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
