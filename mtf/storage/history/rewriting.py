"""Rewriting runs: merges several into one, and removes bars from one. Reads packs as needed, and stores nothing.

A merged run has the same bars in the same order for each series as the runs it was merged from. It is made a pack at a
time, with one pack of each source run in memory.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mtf.storage.history.gather import rearranged
from mtf.storage.history.packs import PACK_BARS, SEQ, START, Pack, bars_a_pack, spans_of
from mtf.storage.history.runs import Entry, NewRun, Run, entry_of

__all__ = ["FAN", "Part", "cut", "mergeable", "merged", "packed"]

FAN: Final = 8  # the number of runs of one level that are merged
RUN_BARS: Final = 1 << 18  # a run with this many bars is not merged any more
MIXED_BARS: Final = 1_024  # a pack of several series is ended once it has this many

Fetch = Callable[[int, Run], Pack]  # the number of a pack, and its run
Part = tuple[int, Pack, int, int]  # series, pack, first row, stop


def mergeable(runs: Sequence[Run]) -> list[Run]:
    """Return adjacent runs to merge now; none if there are few enough."""
    start = len(runs)
    while start > 0:
        stop, last = start, runs[start - 1]
        while start > 0 and (runs[start - 1].level, runs[start - 1].layout) == (last.level, last.layout):
            start -= 1
        group = list(runs[start:stop])
        if len(group) >= FAN and sum(run.bars for run in group[:FAN]) <= RUN_BARS:
            return group[:FAN]
    return []


def merged(runs: Sequence[Run], fetch: Fetch) -> NewRun:
    """Return the run that adjacent *runs* make together."""
    parts = heapq.merge(*(_parts(run, fetch) for run in runs), key=_series)
    return NewRun(runs[-1].last_seq, runs[-1].level + 1, runs[-1].layout, list(packed(parts)))


def cut(run: Run, fetch: Fetch, *, from_ns: int | None = None, last_seq: int | None = None) -> NewRun:
    """Return *run* without the bars that start before *from_ns*, and those that events after *last_seq* closed."""
    packs: list[tuple[Entry, bytes]] = []
    for number in run.packs:
        pack = fetch(number, run)
        starts, seqs = pack.whole(START), pack.whole(SEQ)
        parts = []
        for series, first, stop in spans_of(pack):
            if from_ns is not None:
                first = bisect_left(starts, from_ns, first, stop)
            if last_seq is not None:
                stop = bisect_right(seqs, last_seq, first, stop)
            if first < stop:
                parts.append((series, pack, first, stop))
        if parts:
            packs.append(entry_of(_joined(parts)))
    return NewRun(run.last_seq, run.level, run.layout, packs)


def _series(part: Part) -> int:
    return part[0]


def _parts(run: Run, fetch: Fetch) -> Iterator[Part]:
    for number in run.packs:
        pack = fetch(number, run)
        for series, first, stop in spans_of(pack):
            yield series, pack, first, stop


def packed(parts: Iterator[Part]) -> Iterator[tuple[Entry, bytes]]:
    """Yield packs of *parts*, which come by series, with their entries; a long series has its own packs."""
    pending: list[Part] = []
    size = 0
    for series, pack, first, stop in parts:
        pack_bars = min(PACK_BARS, bars_a_pack(pack.width))
        if pending and series != pending[-1][0] and size >= min(MIXED_BARS, pack_bars):
            yield entry_of(_joined(pending))
            pending, size = [], 0
        while size + stop - first >= pack_bars:
            taken = pack_bars - size
            yield entry_of(_joined([*pending, (series, pack, first, first + taken)]))
            pending, size = [], 0
            first += taken
        if first < stop:
            pending.append((series, pack, first, stop))
            size += stop - first
    if pending:
        yield entry_of(_joined(pending))


def _joined(parts: Sequence[Part]) -> Pack:
    packs = list({id(pack): pack for _, pack, _, _ in parts}.values())
    place = {id(pack): k for k, pack in enumerate(packs)}
    width = packs[0].width
    data = rearranged(
        [pack.data for pack in packs],
        [pack.bars for pack in packs],
        width,
        [(place[id(pack)], first, stop) for _, pack, first, stop in parts],
    )
    return Pack(data, sum(stop - first for _, _, first, stop in parts), width)
