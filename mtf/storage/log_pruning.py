"""Pruning the log of a data directory that no run has open: its oldest segments, by age or size, only on request.

Nothing is removed that a start still needs: events after the oldest checkpoint, or after the last state of a consumer
that has been absent since, or whose bars are not stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from mtf.errors import CorruptCheckpoint
from mtf.log.expiry import expired_seq
from mtf.log.log_reader import first_logged_seq
from mtf.log.retention import retain
from mtf.storage.checkpoint_meta import is_meta, saved_states
from mtf.storage.datadir import CHECKPOINTS, HISTORY, LOG, bytes_of, checkpoints_of, history_of, logged_config
from mtf.storage.history.pruning import Keep

__all__ = ["PrunedLog", "prune_log"]

_ANY: Final = 1 << 62


class PrunedLog(NamedTuple):
    """What pruning has removed from a log."""

    segments: int
    first_seq: int  # the log's new beginning
    bytes: int  # by which the log is smaller
    held: str  # what prevents the removal of more, as a sentence; "" if nothing does


def prune_log(path: Path, keep: Keep) -> PrunedLog:
    """Remove the oldest segments of the log of *path*; the caller holds the writer's lock.

    Age is counted back from the newest tick of the newest checkpoint. CorruptLog if a segment without an index is
    damaged.
    """
    folder = path / LOG
    needed_seq, newest_ns, held = _needed(path)
    before_ns = None if keep.age_ns is None else newest_ns - keep.age_ns
    asked = expired_seq(folder, needed_seq=_ANY, before_ns=before_ns, max_bytes=keep.bytes_max)
    first_seq = expired_seq(folder, needed_seq=needed_seq, before_ns=before_ns, max_bytes=keep.bytes_max)
    size = _size(folder)
    gone = retain(folder, first_seq)
    return PrunedLog(len(gone), first_logged_seq(folder), size - _size(folder), held if asked > first_seq else "")


def _needed(path: Path) -> tuple[int, int, str]:
    """Return the first event that a start may still need, the newest stamp, and why that event is needed."""
    store = checkpoints_of(path, logged_config(path))
    seqs = store.list()
    if not seqs:
        return 1, 0, f"{path / CHECKPOINTS}: there is no checkpoint, so a start needs the whole log"
    needed_seq, newest_ns = seqs[0] + 1, 0
    held = f"a start may need the events after the checkpoint of seq {seqs[0]}"
    for seq in seqs:
        try:
            found = store.read(seq)
        except (CorruptCheckpoint, OSError):
            continue
        if not is_meta(found.meta):
            continue
        newest_ns = max(newest_ns, found.meta["newest_ns"])
        for name, (of_seq, _) in saved_states(found).items():
            if of_seq + 1 < needed_seq:
                needed_seq, held = of_seq + 1, f"the consumer {name} has only seen events up to seq {of_seq}"
    stored_seq = history_of(path).position() if (path / HISTORY).exists() else 0
    if stored_seq + 1 < needed_seq:
        needed_seq, held = stored_seq + 1, f"bars are only stored up to seq {stored_seq}"
    return needed_seq, newest_ns, held


def _size(folder: Path) -> int:
    return bytes_of(each for each in folder.iterdir() if each.suffix in (".log", ".idx"))
