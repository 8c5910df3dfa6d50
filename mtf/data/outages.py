"""Outages of feeds in the log: clock events of feeds, each with a reason and a span.

They are few, belong to no symbol and are not in the index, but each comes just before the ticks that ended it: so the
log is read from where the ticks of the requested time begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs
from librt.strings import read_i64_le
from librt.vecs import vec
from mypy_extensions import u8

from mtf.bars.picking import Picked, pick
from mtf.events.block import BY_FEED, CLOCK, ROW_BYTES, Block
from mtf.log import ReadableLog
from mtf.log.event_log import ALL_SYMBOLS
from mtf.units import HOUR_NS, TS_MAX_NS, TS_MIN_NS

__all__ = ["LoggedOutage", "logged_outages"]

BLOCK_EVENTS: Final = 4_096
LATE_NS: Final = HOUR_NS  # live ticks are not stamped this long before they come
NO_SYMBOL: Final = b"\xff\xff\xff\xff"  # in the row of every clock event, and in few others
_UNJUDGED: Final = vec[u8]([])


@attrs.frozen
class LoggedOutage:
    """A feed was down from *since_ns* to *until_ns*, by the wall clock: its events of that time are missing.

    *seq* is its event, and *reason* names the feed and what is missing.
    """

    seq: int
    since_ns: int
    until_ns: int
    reason: str


def logged_outages(log: ReadableLog, last_seq: int, start_ns: int, end_ns: int) -> Iterator[LoggedOutage]:
    """Yield the outages among the events of *log* up to *last_seq* that overlap `[start_ns, end_ns)`."""
    first_seq = log.first_seq
    if last_seq < first_seq:
        return
    if start_ns > TS_MIN_NS + LATE_NS:
        runs = log.find(ALL_SYMBOLS, start_ns - LATE_NS, TS_MAX_NS + 1, last_seq)
        if not runs:
            return
        first_seq = max(first_seq, runs[0][0] - BLOCK_EVENTS)
    for logged in log.read(first_seq, last_seq=last_seq, block_events=BLOCK_EVENTS):
        block = logged.block
        if NO_SYMBOL in block.rows:
            for each in _of_block(block):
                if each.seq <= last_seq and each.since_ns < end_ns and each.until_ns >= start_ns:
                    yield each


def _of_block(block: Block) -> Iterator[LoggedOutage]:
    picked = Picked()
    pick(picked, block, _UNJUDGED, [], TS_MIN_NS, TS_MAX_NS + 1)
    for seq, kind, until_ns, reason in zip(picked.seqs, picked.kinds, picked.ts_ns, picked.ids, strict=True):
        base = (seq - block.first_seq) * ROW_BYTES
        maker = int.from_bytes(block.rows[base + 14 : base + 16], "little")
        if kind == CLOCK and maker == BY_FEED:
            yield LoggedOutage(int(seq), int(read_i64_le(block.rows, base + 16)), int(until_ns), reason or "")
