"""The list of rejected ticks keeps the newest ones and says from where on none is missing."""

from __future__ import annotations

from mtf.bars.judged_block import JudgedBlock
from mtf.config import Config
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.kernel import Kernel
from mtf.web.reject_list import RejectList
from tests.builders import SECOND_NS, at


def judged_blocks(count: int) -> list[JudgedBlock]:
    """Return *count* blocks of two events, the second of them late."""
    engine = Kernel(Config.make(timeframes=["1m"], calendar="crypto", late="reject"))
    builder = BlockBuilder(SymbolTable())
    found = []
    for k in range(count):
        for ts_ns in (at("10:00") + k * SECOND_NS, at("09:00")):
            builder.quote("X", ts_ns, 1.0, 2.0, 0.0, 0.0)
        found.append(engine.gate.judge(builder.take(2 * k + 1)))
    return found


def test_the_newest_ones_are_kept_and_since_seq_says_from_where_on() -> None:
    known = RejectList(kept=10)
    assert sum(known.note(judged, at("10:00")) for judged in judged_blocks(25)) == 25
    seqs = [reject.seq for reject in known.up_to(1_000, 1_000)]
    assert seqs == list(range(known.since_seq, 51, 2))
    assert 5 <= len(seqs) <= 10
    assert known.last_ns == {"X": at("10:00")}


def test_none_is_later_than_what_is_asked_for() -> None:
    known = RejectList()
    for judged in judged_blocks(5):
        known.note(judged, at("10:00"))
    assert [reject.seq for reject in known.up_to(6, 2)] == [4, 6]
    assert [reject.seq for reject in known.up_to(5, 2, "X")] == [2, 4]
    assert known.up_to(10, 5, "Y") == []
