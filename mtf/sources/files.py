"""A file, or many in a row, as a source: reads the parts in their order and knows its place to the byte.

Owns the open file and the bytes between it and the reader. Memory is one chunk and one line, however long the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import attrs

from mtf.errors import SourceError
from mtf.events.door import Door
from mtf.sources.format import Plan
from mtf.sources.parts import HEAD_BYTES, Part
from mtf.sources.reader import Reader
from mtf.sources.streams import Stream

__all__ = ["FileSource", "PlannedPart"]

NEWLINE: Final = 10


@attrs.frozen
class PlannedPart:
    """A part and how it is read."""

    part: Part
    plan: Plan
    format: str


class FileSource:
    """Reads *parts* one after another. *skipped* are the files of a folder that no format took."""

    def __init__(
        self,
        name: str,
        parts: Sequence[PlannedPart],
        skipped: Sequence[str] = (),
        read_as: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.name: Final = name
        self.read_as: Final = dict(read_as)  # what was said of the file, and decides what its rows mean
        self.parts: Final = tuple(parts)
        self.skipped: Final = tuple(skipped)
        self._index = -1  # of the part being read, or read last; -1 before the first
        self._reader: Reader | None = None  # of that part; stays once it has been read to its end
        self._stream: Stream | None = None  # open while the part is being read
        self._data = b""  # bytes of the text from `_base` on
        self._base = 0
        self._at = 0  # what of `_data` the reader has taken
        self._final = False  # nothing comes behind `_data`
        self._told = ""  # the symbol that the parts behind have, where all rows are said to be of another name
        self._open = False  # the last row that was taken had no line break behind it
        self._closed = False  # by `close`, until `seek`
        self._check: list[int | str] = []  # how many bytes of the part's file, and their hash
        self._weights: Final = _weights(self.parts)
        self._behind: Final[dict[str, int]] = {}  # bytes of the files that are read to their end, by path
        self._behind_bytes = 0  # of all of them

    def fill(self, door: Door, limit: int) -> bool:
        """Hand up to *limit* rows to *door*; a malformed row counts as one, so that one call is bounded."""
        assert not self._closed, "a source that is closed is read on from a position: seek first"
        left = limit
        while left > 0:
            reader = self._reader
            stream = self._stream
            if reader is None or stream is None:
                if self._index + 1 >= len(self.parts):
                    return False
                self._leave_behind(self._index)
                self._start(self._index + 1)
                continue
            self._at = reader.scan(door, self._data, self._at, left, self._final)
            if self._at:
                self._open = reader.by_line and self._data[self._at - 1] != NEWLINE
            left = reader.left
            if left == 0:
                break
            if self._final:
                self._finish()
                continue
            more = stream.read()
            self._base += self._at
            self._data = self._data[self._at :] + more
            self._at = 0
            self._final = not more
        return True

    def identity(self) -> dict[str, Any]:
        """Return which data this is. The files may grow: `seek` checks what was read, not this."""
        answer: dict[str, Any] = {
            "name": self.name,
            "format": sorted({planned.format for planned in self.parts}),
            "parts": len(self.parts),
            "bytes": sum({planned.part.path: planned.part.file_bytes for planned in self.parts}.values()),
        }
        if self.parts:
            part = self.parts[0].part
            answer["head_bytes"] = min(HEAD_BYTES, part.file_bytes)
            answer["head_xxh3"] = part.check(HEAD_BYTES)
        if self.read_as:
            answer["read_as"] = self.read_as
        if self.skipped:
            answer["skipped"] = list(self.skipped[:20])
        return answer

    def position(self) -> dict[str, Any]:
        """Return the part, the byte of its text, the line, and in the midst of a bar how many of its ticks are out."""
        if self._index < 0:
            return {}
        reader = self._reader
        position: dict[str, Any] = {
            "part": self._index,
            "name": self.parts[self._index].part.name,
            "check": self._check,
            "behind": self._bytes_behind(),
            "offset": self._base + self._at,
        }
        if reader is not None:
            position |= {"line": reader.line, "step": reader.step, "last_ns": reader.last_ns}
            if reader.told:
                position["told"] = reader.told
            if self._open:
                position["open"] = True
        return position

    def seek(self, position: dict[str, Any]) -> None:
        """Go on from *position*: at once in a plain file, by decompressing up to it in a packed one."""
        self._let_go()
        self._index, self._reader, self._closed = -1, None, False
        self._behind.clear()
        self._behind_bytes = 0
        self._told = position.get("told", "")
        if not position:
            return
        index = position["part"]
        name = position["name"]
        if not 0 <= index < len(self.parts) or self.parts[index].part.name != name:
            raise SourceError(
                f"{self.name}: {name!r} was its part {index + 1}, and is not: files before it have come or gone; "
                "put them back, or start afresh",
                path=name,
            )
        part = self.parts[index].part
        if position["check"] and part.check(position["check"][0]) != position["check"][1]:
            raise SourceError(
                f"{part.place}: it does not start as it did: it is another file now; put the old one back, or start "
                "afresh",
                path=part.place,
            )
        for before in range(index):
            self._leave_behind(before)
        self._index = index
        if self._bytes_behind() != position.get("behind", self._bytes_behind()):
            raise SourceError(
                f"{self.name}: a file before {name!r}, which was read to its end, has another size now: rows that came "
                "later belong into a file that comes later; put it back, or start afresh",
                path=name,
            )
        reader, stream = self._start(index)
        if reader is None or stream is None:
            return
        stream.skip_to(position["offset"])
        self._base = position["offset"]
        reader.line = position["line"]
        reader.step = position["step"]
        reader.last_ns = position["last_ns"]
        if position.get("open"):
            self._open = True
            self._data = stream.read()
            if self._data[:1] not in (b"", b"\n", b"\r"):
                raise SourceError(
                    f"{part.place}:{reader.line}: this row had no end when it was read, and goes on now: what was "
                    "logged of it is not what stands there; start afresh",
                    path=part.place,
                    line=reader.line,
                )
            self._at = 2 if self._data[:2] == b"\r\n" else len(self._data[:1])
            self._open = not self._at

    def progress(self) -> float | None:
        """Return the share of the bytes that has been read."""
        total = sum(self._weights)
        if not total or self._index < 0:
            return 1.0 if not total else 0.0
        done = sum(self._weights[: self._index])
        share = 1.0
        if self._stream is not None:
            share = min(1.0, self._stream.raw_offset() / max(1, self.parts[self._index].part.text_bytes))
        return (done + share * self._weights[self._index]) / total

    def close(self) -> None:
        """Let go of the open file; `position` stays, and `seek` opens it again."""
        self._closed = True
        self._let_go()

    def _start(self, index: int) -> tuple[Reader | None, Stream | None]:
        """Open the part *index* at its start; one without rows is done with at once."""
        self._let_go()
        self._index = index
        planned = self.parts[index]
        self._data, self._base, self._at, self._final, self._open = b"", 0, 0, False, False
        if self._reader is not None:
            self._told = self._reader.told
        self._reader = None
        size = min(HEAD_BYTES, planned.part.file_bytes)
        self._check = [size, planned.part.check(size)]
        if planned.plan.reader is not None:
            self._reader = planned.plan.reader()
            self._reader.told = self._told
            self._stream = planned.part.open()
        return self._reader, self._stream

    def _leave_behind(self, index: int) -> None:
        """Note how large the file of a part is that has been read to its end."""
        if index >= 0:
            part = self.parts[index].part
            path = str(part.path)
            with suppress(SourceError):  # it may be gone by now: it has been read
                size = part.file_bytes
                self._behind_bytes += size - self._behind.get(path, 0)
                self._behind[path] = size

    def _bytes_behind(self) -> int:
        """Return how large the files are that have been read to their end; not the one that the present part is of."""
        return self._behind_bytes - self._behind.get(str(self.parts[self._index].part.path), 0)

    def _let_go(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._index >= 0:
            self.parts[self._index].part.release()

    def _finish(self) -> None:
        """Close a part that has been read to its end; its place there stays, should it grow."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        following = self._index + 1
        if following >= len(self.parts) or self.parts[following].part.path != self.parts[self._index].part.path:
            self.parts[self._index].part.release()


def _weights(parts: Sequence[PlannedPart]) -> list[float]:
    """Return how many bytes each part stands for; the members of an archive share it evenly."""
    members: dict[str, int] = {}
    for planned in parts:
        members[str(planned.part.path)] = members.get(str(planned.part.path), 0) + 1
    return [planned.part.file_bytes / members[str(planned.part.path)] for planned in parts]
