"""Events of a log as rows: what was logged and, if known, why it was rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, Final

from librt.vecs import vec
from mypy_extensions import u8

from mtf.bars.verdicts import REASONS
from mtf.cli.output import Column
from mtf.events.block import (
    CLOCK,
    FROM_BAR,
    HAS_ASK,
    HAS_BID,
    HAS_ID,
    NEW_SYMBOL,
    ROW_BYTES,
    TRADE,
    Block,
    heap_length,
    heap_text,
)

__all__ = ["EVENT_COLUMNS", "event_rows"]

KINDS: Final = ("clock", "quote", "trade")
EVENT_COLUMNS: Final = [
    Column("seq", "whole", "seq"),
    Column("ts_ns", "time", "time"),
    Column("symbol", "text", "symbol"),
    Column("kind", "text", "kind"),
    Column("bid", "price", "bid"),
    Column("ask", "price", "ask"),
    Column("bid_size", "size", "bid size"),
    Column("ask_size", "size", "ask size"),
    Column("price", "price", "price"),
    Column("size", "size", "size"),
    Column("id", "text", "id"),
    Column("from_bar", "flag"),
]

_ROW: Final = Struct("<qiBBHdddd")
assert _ROW.size == ROW_BYTES, "a row is read whole"


def event_rows(
    block: Block, names: Sequence[str], *, number: int | None = None, verdicts: vec[u8] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the events of *block*, of the symbol with this *number* or of all; *names* are the symbols by number.

    With *verdicts* each has `rejected`: the reason, or None if it was accepted.
    """
    heap = block.heap
    at = 0
    for i, (ts_ns, symbol, kind, flags, _, first, second, third, fourth) in enumerate(_ROW.iter_unpack(block.rows)):
        id: str | None = None
        if heap:
            if flags & NEW_SYMBOL:
                at += 2 + heap_length(heap, at)
            if flags & HAS_ID:
                id = heap_text(heap, at)
                at += 2 + heap_length(heap, at)
        if number is not None and symbol != number:
            continue
        trade = kind == TRADE
        quote = kind not in (TRADE, CLOCK)
        bid, ask = quote and bool(flags & HAS_BID), quote and bool(flags & HAS_ASK)
        row = {
            "seq": block.first_seq + i,
            "ts_ns": ts_ns,
            "symbol": names[symbol] if symbol >= 0 else None,
            "kind": KINDS[kind],
            "bid": first if bid else None,
            "ask": second if ask else None,
            "bid_size": third if bid else None,
            "ask_size": fourth if ask else None,
            "price": first if trade else None,
            "size": second if trade else None,
            "id": id,
            "from_bar": bool(flags & FROM_BAR),
        }
        if verdicts is not None:
            row["rejected"] = REASONS[verdicts[i]] or None
        yield row
