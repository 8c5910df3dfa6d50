"""The segments of a log by name, listed once and then only checked: a question must not cost more in a longer log.

A log changes at its ends alone. A segment is sealed before the next is made, and the seal says what that one is called;
old ones are removed from the oldest on; another log in this place has another run id. So the list still holds if its
oldest segment is there and its newest is of the same run and not sealed, or the one after it is not there yet. Nothing
rests on the times of files, which may be coarse or set back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mtf.errors import CorruptLog, DataDirError
from mtf.log.filesystem import FileSystem, OsFileSystem, join
from mtf.log.segment import logged_segments, read_ends, segment_name

__all__ = ["SegmentList"]


class SegmentList:
    """The segments of the log in *directory*, which may be written or replaced meanwhile."""

    def __init__(self, directory: str | Path, *, fs: FileSystem | None = None) -> None:
        self.directory: Final = str(directory)
        self._fs: Final = fs or OsFileSystem()
        self._run_id = b""  # of the segments in `_names`
        self._names: tuple[str, ...] = ()  # as of the last look; none if the newest one's header is damaged

    @property
    def run_id(self) -> bytes:
        """Which log it is; DataDirError if there is none, CorruptLog if the newest segment's header is damaged."""
        names = self.look()
        return self._run_id if self._names else self._newest(names[-1])[0]

    def look(self) -> tuple[str, ...]:
        """Return the names of the segments there are now, oldest first and at least one; DataDirError if there is none.

        As `logged_segments` does, without looking whether they are plain files.
        """
        if not self._names or not self._holds():
            self._names = ()
            names = tuple(logged_segments(self._fs, self.directory, look=False))
            try:
                self._run_id, _ = self._newest(names[-1])
            except (CorruptLog, DataDirError, FileNotFoundError):
                return names  # whoever reads it finds that out, and others can do without
            self._names = names
        return self._names

    def _holds(self) -> bool:
        """Return whether the names are still those of the log, after adding segments that have come."""
        fs, directory = self._fs, self.directory
        if fs.kind(directory) != "directory" or fs.kind(join(directory, self._names[0])) != "file":
            return False
        while True:
            try:
                run_id, following = self._newest(self._names[-1])
            except (CorruptLog, DataDirError, FileNotFoundError):
                return False
            if run_id != self._run_id:
                return False
            if not following or fs.kind(join(directory, following)) == "nothing":
                return True
            if following <= self._names[-1]:  # it has the content of an earlier one
                return False
            self._names = (*self._names, following)

    def _newest(self, name: str) -> tuple[bytes, str]:
        """Return the run id of the segment *name*, and what the one after it is called if it is sealed."""
        header, last, _ = read_ends(self._fs, join(self.directory, name))
        return header.run_id, segment_name(last.first_seq) if last is not None and last.is_seal else ""
