"""Checking, beside a running pipeline, what its start skipped: the log before the newest checkpoint.

Reads only, and in small pieces. Every frame is checked as at a start that checks everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

from mtf.log.filesystem import FileSystem, join
from mtf.log.recovery import check_ended, check_follows
from mtf.log.retention import retained_seq
from mtf.log.segment import Segment, segment_names, segment_seq

__all__ = ["CHECKS", "Check", "check_before"]

# How much of a log is checked: all of it before the start, the rest while the pipeline runs, or what is played.
Check: TypeAlias = Literal["all", "background", "tail"]
CHECKS: Final[tuple[Check, ...]] = get_args(Check)
PIECE_EVENTS: Final = 128  # checked in one go: single events take a tenth of a millisecond


def check_before(fs: FileSystem, directory: str, seq: int, pause: Callable[[], None]) -> None:
    """Check each frame of the log in *directory* that comes before the event *seq*; CorruptLog if one is damaged.

    *pause* is called regularly. Segments that are removed meanwhile are skipped.
    """
    before: Segment | None = None
    for name in segment_names(fs, directory, look=False):
        if segment_seq(name) >= seq:
            return
        pause()
        try:
            segment = Segment(fs, join(directory, name))
        except FileNotFoundError:
            if retained_seq(fs, directory) <= segment_seq(name):
                raise
            before = None
            continue
        try:
            check_follows(segment, before)
            _check(segment, seq, pause)
        finally:
            segment.close()
        before = segment


def _check(segment: Segment, seq: int, pause: Callable[[], None]) -> None:
    while segment.next_seq < seq and segment.next() is not None:
        segment.skim(learn=False, until=min(seq, segment.next_seq + PIECE_EVENTS))
        pause()
    if segment.next_seq < seq:
        check_ended(segment)
