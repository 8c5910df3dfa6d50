"""Verdicts on logged events. A verdict depends on earlier events, and is not in the log.

The history has the rejected events; events that it does not cover are judged again, from the nearest checkpoint before
them, or from the first event that is kept.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from librt.vecs import vec
from mypy_extensions import u8

from mtf.events.block import Block, cut
from mtf.log import ReadableLog
from mtf.storage.history.rejected import Rejects
from mtf.storage.restore import entries_of, gates_over, logged_blocks
from mtf.storage.storage import Storage

__all__ = ["Known", "judged_events", "runs_within", "stored_events"]

_ACCEPTED: Final = vec[u8]([])  # the verdicts of a block whose events were all accepted


class Known(NamedTuple):
    """The history has the rejected ones among the events after *after_seq*, up to *last_seq*."""

    after_seq: int
    last_seq: int


def runs_within(runs: Sequence[tuple[int, int]], first_seq: int, last_seq: int) -> list[tuple[int, int]]:
    """Return the parts of *runs* (first and last seq) between *first_seq* and *last_seq*."""
    return [
        (max(first, first_seq), min(last, last_seq)) for first, last in runs if first <= last_seq and last >= first_seq
    ]


def stored_events(
    log: ReadableLog, runs: Sequence[tuple[int, int]], names: Sequence[str], rejects: Iterator[Rejects]
) -> Iterator[tuple[Block, vec[u8]]]:
    """Yield the events of *runs*, in order, of *log* with their verdicts.

    *rejects* are the rejected ones, in order, a page at a time; the others were accepted.
    """
    page: Rejects | None = None
    for first_seq, last_seq in runs:
        for block, _ in entries_of(log, first_seq, last_seq, names=names):
            verdicts = _ACCEPTED
            while True:
                while page is None or not page.seqs or page.seqs[-1] < block.first_seq:
                    page = next(rejects, None)
                    if page is None:
                        break
                if page is None:
                    break
                seqs = page.seqs
                found = range(bisect_left(seqs, block.first_seq), bisect_right(seqs, block.last_seq))
                if found and not verdicts:
                    verdicts = vec[u8]([0] * block.count)
                for k in found:
                    verdicts[seqs[k] - block.first_seq] = page.verdicts[k]
                if seqs[-1] > block.last_seq:
                    break
                page = None
            yield block, verdicts


def judged_events(
    storage: Storage, runs: Sequence[tuple[int, int]], names: Sequence[str]
) -> Iterator[tuple[Block, vec[u8]]]:
    """Yield the events of *runs* (first and last seq, in order) of *storage*, with their verdicts.

    *names* are the symbols by number.
    """
    if not runs:
        return
    left = list(reversed(runs))
    for gate, first_seq, last_seq in gates_over(storage, runs[0][0], runs[-1][1]):
        for block in logged_blocks(storage, first_seq, last_seq, names=names):
            verdicts = gate.judge(block).verdicts
            while left and left[-1][0] <= block.last_seq:
                first, last = left[-1]
                yield _part(block, verdicts, first, last)
                if last > block.last_seq:
                    break
                left.pop()


def _part(block: Block, verdicts: vec[u8], first_seq: int, last_seq: int) -> tuple[Block, vec[u8]]:
    """Return the part of *block* from *first_seq* to *last_seq*, which is not empty."""
    skipped = first_seq - block.first_seq
    if skipped > 0:
        block = cut(block, skipped)[1]
        verdicts = verdicts[skipped:]
    if last_seq < block.last_seq:
        block = cut(block, last_seq - block.first_seq + 1)[0]
        verdicts = verdicts[: block.count]
    return block, verdicts
