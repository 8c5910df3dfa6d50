"""A log at a glance: numbers of events and rejected events over time, and when the market was closed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from mtf.calendars.calendar import Calendar
from mtf.calendars.day import HOLIDAY, OPEN
from mtf.storage.checkpoint_files import FileCheckpointStore
from mtf.storage.datadir import CHECKPOINTS
from mtf.web.past import Sample

__all__ = ["log_glance"]

CLOSED_MAX: Final = 2_000  # the maximum of listed spans


def log_glance(path: Path, samples: Sequence[Sample], calendar: Calendar, buckets: int) -> dict[str, Any]:
    """Return the log in *buckets* of equal time, from its first to its newest stamp: events and rejected ones in each.

    Between two samples, events count as evenly spread.
    """
    known = [sample for sample in samples if sample.time_ns > 0]
    if not known:
        return {
            "first_ns": None,
            "last_ns": None,
            "counts": [],
            "rejects": [],
            "closed": [],
            "checkpoints": [],
            "seqs": [],
        }
    first_ns, last_ns = known[0].time_ns, max(known[-1].time_ns, known[0].time_ns + 1)
    step = max(1, -(-(last_ns - first_ns) // buckets))
    times = [sample.time_ns for sample in known]
    seqs, rejects = [], []
    for k in range(buckets + 1):
        at = min(first_ns + k * step, last_ns)
        place = bisect_right(times, at)
        before = known[place - 1] if place else Sample(0, first_ns, 0)
        after = known[place] if place < len(known) else before
        share = (at - before.time_ns) / (after.time_ns - before.time_ns) if after.time_ns > before.time_ns else 0.0
        seqs.append(before.seq + int((after.seq - before.seq) * share))
        rejects.append(before.rejected + int((after.rejected - before.rejected) * share))
    return {
        "first_ns": str(first_ns),
        "last_ns": str(last_ns),
        "bucket_ns": str(step),
        "seq": known[-1].seq,
        "seqs": seqs,
        "counts": [later - sooner for sooner, later in pairwise(seqs)],
        "rejects": [later - sooner for sooner, later in pairwise(rejects)],
        "closed": _closed(calendar, first_ns, last_ns),
        "checkpoints": FileCheckpointStore(path / CHECKPOINTS).list(),
    }


def _closed(calendar: Calendar, first_ns: int, last_ns: int) -> list[tuple[str, str, str]]:
    """Return the spans when the market was not open, joined if they touch: from, to, and closed or holiday."""
    found: list[tuple[int, int, str]] = []
    for span in calendar.spans(first_ns, last_ns):
        if span.state == OPEN:
            continue
        kind = "holiday" if span.state == HOLIDAY else "closed"
        if found and found[-1][1] == span.start_ns:
            found[-1] = (found[-1][0], int(span.end_ns), kind if kind == "holiday" else found[-1][2])
        else:
            found.append((int(span.start_ns), int(span.end_ns), kind))
        if len(found) > CLOSED_MAX:
            return []
    return [(str(max(start, first_ns)), str(min(end, last_ns)), kind) for start, end, kind in found]
