"""Which old segments of a log expire by age or size: whole ones, oldest first, that nobody needs.

Only decides; `mtf.log.retention` removes. The stamps of a segment come from its index, or by reading it.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.index_file import index_path, made_spans, read_spans
from mtf.log.recovery import check_ended
from mtf.log.segment import Segment, logged_segments, segment_seq

__all__ = ["expired_seq"]


def expired_seq(
    directory: str | Path,
    *,
    needed_seq: int,
    before_ns: int | None = None,
    max_bytes: int | None = None,
    fs: FileSystem | None = None,
) -> int:
    """Return the first seq to keep, for `retain`, if old segments are removed by age or size.

    A segment goes if all of its ticks are stamped before *before_ns*, or while all segments with their indexes take
    more than *max_bytes*. Segments with *needed_seq* or a later event stay, and so does the newest. DataDirError if
    there is no log, CorruptLog if a segment without an index is damaged.
    """
    fs = fs or OsFileSystem()
    directory = str(directory)
    names = logged_segments(fs, directory)
    sizes = {name: _size(fs, join(directory, name)) for name in names} if max_bytes is not None else {}
    total = sum(sizes.values())
    for name, following in pairwise(names):
        too_large = max_bytes is not None and total > max_bytes
        too_old = before_ns is not None and _newest_ns(fs, directory, name) < before_ns
        if not (too_large or too_old) or segment_seq(following) > needed_seq:
            return segment_seq(name)
        total -= sizes.get(name, 0)
    return segment_seq(names[-1])


def _newest_ns(fs: FileSystem, directory: str, name: str) -> int:
    """Return the greatest stamp of a tick in the sealed segment *name*."""
    path = join(directory, name)
    stored = read_spans(fs, path, segment_seq(name))
    if stored is not None:
        return stored.greatest_ns
    segment = Segment(fs, path)
    try:
        maker = made_spans(segment)
        check_ended(segment)
    finally:
        segment.close()
    maker.complete()
    return maker.spans.greatest_ns


def _size(fs: FileSystem, path: str) -> int:
    """Return the size of the segment at *path* with its index."""
    total = 0
    for each in (path, index_path(path)):
        if fs.kind(each) == "file":
            file = fs.open(each, "read")
            try:
                total += fs.size(file)
            finally:
                fs.close(file)
    return total
