"""Malformed rows, stored with their place in a file of the data directory, and their count over all runs.

One JSON object per line: a row, or the total so far at the end of a run with more malformed rows than are stored. A
crash of such a run loses the count of the rows that were not stored.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import orjson

from mtf.log.filesystem import open_plain

__all__ = ["Aside", "rows_aside"]

READ_BYTES: Final = 1 << 20
TOTAL_BYTES_MAX: Final = 64
TOTAL: Final = b'{"total":'


class Aside:
    """The file at *path*, which is created for the first row."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._file = -1  # open from the first row on
        self.before: Final = _count(path)[1]  # rows of earlier runs
        self._kept = 0  # in this run

    def keep(self, place: str, line: int, reason: str, raw: str) -> None:
        """Append a malformed row."""
        self._kept += 1
        # Written immediately: the source's position, which is logged later, means that the row has been handled.
        self._write(orjson.dumps({"place": place, "line": line, "reason": reason, "raw": raw}) + b"\n")

    def close(self, malformed: int) -> None:
        """Write the total, this run having had *malformed* rows, and close the file."""
        if malformed > self._kept:
            self._write(b"%b%d}\n" % (TOTAL, self.before + malformed))
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: bytes) -> None:
        if self._file < 0:
            self._file = open_plain(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            size = os.fstat(self._file).st_size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                line = b"\n" + line  # a crash cut the last one
        os.write(self._file, line)


def rows_aside(path: Path) -> int:
    """Return how many rows the file at *path* has; 0 if there is no such plain file."""
    return _count(path)[0]


def _count(path: Path) -> tuple[int, int]:
    """Return how many rows are in the file, and how many there have been, stored or not."""
    if path.is_symlink() or not path.is_file():
        return 0, 0
    rows = total = 0
    rest = b""  # the beginning of a line, long enough to recognize a total: a stranger's line may have any length
    file = open_plain(path, os.O_RDONLY)
    try:
        while chunk := os.read(file, READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                found = _total_of(line)
                rows += found < 0
                total = max(total, found) if found >= 0 else total + 1
            rest = rest[:TOTAL_BYTES_MAX]
    finally:
        os.close(file)
    cut = rest != b""  # by a crash
    return rows + cut, total + cut


def _total_of(line: bytes) -> int:
    digits = line[len(TOTAL) : -1]
    fits = line.startswith(TOTAL) and line.endswith(b"}") and digits.isdigit() and len(digits) < 19
    return int(digits) if fits else -1
