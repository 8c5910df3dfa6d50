"""Events of a log as rows: their content and, if known, why they were rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from mtf.bars.picking import Picked
from mtf.bars.verdicts import REASONS
from mtf.cli.output import OutputColumn
from mtf.data.logged_ticks import KINDS
from mtf.events.block import FROM_BAR, HAS_ASK, HAS_BID, QUOTE, TRADE

__all__ = ["EVENT_COLUMNS", "event_rows"]

EVENT_COLUMNS: Final = [
    OutputColumn("seq", "whole", "seq"),
    OutputColumn("ts_ns", "time", "time"),
    OutputColumn("symbol", "text", "symbol"),
    OutputColumn("kind", "text", "kind"),
    OutputColumn("bid", "price", "bid"),
    OutputColumn("ask", "price", "ask"),
    OutputColumn("bid_size", "size", "bid size"),
    OutputColumn("ask_size", "size", "ask size"),
    OutputColumn("price", "price", "price"),
    OutputColumn("size", "size", "size"),
    OutputColumn("id", "text", "id"),
    OutputColumn("from_bar", "flag"),
]


def event_rows(picked: Picked, names: Sequence[str], *, judged: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the events of *picked*; *names* are the symbols by its codes.

    With *judged* each has `rejected`: the reason, or None if it was accepted.
    """
    for i in range(len(picked)):
        kind, flags, code = picked.kinds[i], picked.flags[i], picked.codes[i]
        trade = kind == TRADE
        bid, ask = kind == QUOTE and bool(flags & HAS_BID), kind == QUOTE and bool(flags & HAS_ASK)
        row = {
            "seq": picked.seqs[i],
            "ts_ns": picked.ts_ns[i],
            "symbol": names[code] if code >= 0 else None,
            "kind": KINDS[kind],
            "bid": picked.first[i] if bid else None,
            "ask": picked.second[i] if ask else None,
            "bid_size": picked.third[i] if bid else None,
            "ask_size": picked.fourth[i] if ask else None,
            "price": picked.first[i] if trade else None,
            "size": picked.second[i] if trade else None,
            "id": picked.ids[i],
            "from_bar": bool(flags & FROM_BAR),
        }
        if judged:
            row["rejected"] = REASONS[picked.verdicts[i]] or None
        yield row
