"""A file, or several in sequence, as a source: reads the parts in order and knows its position to the byte.

Owns the open file and the bytes between it and the reader. Memory is one chunk and one line, however long the file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import attrs
import xxhash

from mtf.errors import SourceError
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.sources.backward import BackwardStream, open_backward
from mtf.sources.column_input import ColumnInput
from mtf.sources.file_format import Plan
from mtf.sources.input_files import InputFile
from mtf.sources.layout import Layout
from mtf.sources.limits import DEFAULT_LIMITS
from mtf.sources.quotes import QuoteReader
from mtf.sources.read_as import ReadAs
from mtf.sources.row_reader import Reader
from mtf.sources.source import SKIPPED_KEPT, iterate, sentences
from mtf.sources.streams import CHUNK_BYTES, Stream

__all__ = ["Again", "FileSource", "PlannedPart", "raise_problem"]

NEWLINE: Final = 10
READINGS_MAX: Final = 100  # ways of reading its parts that the log keeps for one source
UNREAD_MAX: Final = 20  # parts without a readable row that are listed

Again = Callable[[InputFile, Mapping[str, Any], str], Plan]


@attrs.frozen
class PlannedPart:
    """A part and how it is read; *again* plans a part from an earlier reading and its symbol."""

    part: InputFile
    plan: Plan
    format: str
    again: Again


class FileSource:
    """Reads *parts* one after another. *skipped* are the files of a folder that no format reads.

    With *resumable*, the next start continues it, and a last line without a line break is left for that start: a
    growing file may have half a number there. In a compressed file, and in a pipe, such a line is complete.
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[PlannedPart],
        skipped: Sequence[str] = (),
        read_as: Mapping[str, str] = MappingProxyType({}),
        *,
        resumable: bool = False,
    ) -> None:
        self.name: Final = name
        self.read_as: Final = dict(read_as)  # the options of the file that decide what its rows mean
        self.parts: Final = list(parts)
        self.skipped: Final = tuple(skipped)
        self._resumable = resumable
        self._follows = False  # the last file may grow at any time: its end is not that of the source
        self._resumed = False  # by `seek`, past rows that were read before
        self._index = -1  # of the part being read, or read last; -1 before the first
        self._reader: Reader | None = None  # for that part; stays after its end
        self._stream: Stream | None = None  # open while the part is being read
        self._data = b""  # bytes of the text from `_base` on
        self._base = 0
        self._at = 0  # how much of `_data` the reader has consumed
        self._final = False  # nothing follows `_data`
        self._constant = ""  # the parts' own symbol, if `symbol` names all rows differently
        self._open = False  # the last row read had no line break
        self._closed = False  # by `close`, until `seek`
        self._suspended = -1  # the byte of the text at which to continue, if `suspend` closed the file
        self.read_bytes = CHUNK_BYTES  # how much text is read at once
        self._check: list[int | str] = []  # a number of first bytes of the part's file, and their hash
        self._rows = 0  # of the parts before the present one, since this source was made
        self._malformed = 0
        self._doubled = 0
        self._from_line = 0  # in the present part: where reading began
        self._unread: list[tuple[str, int]] = []  # parts without a readable row, and their number of rows
        self._cut = ""  # the place of a last line that is left for the next run
        self._weights: Final = _weights(self.parts)
        self._readings: list[tuple[ReadAs, Layout | None]] = []  # of the parts, each once
        self._reading = 0  # that of the present part
        self._behind: Final[dict[str, int]] = {}  # bytes of the files that were read to their end, by path
        self._behind_bytes = 0  # in total

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        """Deliver up to *limit* rows to *builder*; a malformed row counts as one, so that one call is bounded."""
        assert not self._closed, "a closed source is continued from a position: seek first"
        left = limit
        while left > 0:
            reader = self._reader
            stream = self._stream if self._suspended < 0 else self._reopened()
            if reader is None or stream is None:
                if self._index + 1 >= len(self.parts):
                    return False
                self._leave_behind(self._index)
                self._start(self._index + 1)
                continue
            self._at = reader.scan(builder, self._data, self._at, left, self._final and not self._waits(stream))
            if self._at:
                self._open = reader.by_line and self._data[self._at - 1] != NEWLINE
            left = reader.left
            if left <= 0:
                break
            if self._final:
                self._finish()
                continue
            if not stream.ready():
                break
            more = stream.read(self.read_bytes)
            if not more and self._follows and stream.grows and stream.seekable:
                break
            self._base += self._at
            self._data = self._data[self._at :] + more
            self._at = 0
            self._final = not more
        return True

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self)

    def follow(self) -> None:
        """Make `fill` treat the end of a plain file like a silent pipe: it returns True, without rows."""
        self._follows = True

    def end_following(self) -> None:
        """Treat the file's end as final: nothing will be added, so its last line is complete."""
        self._follows = self._resumable = False

    def held(self) -> tuple[os.stat_result, int] | None:
        """Return the identity of the open file, whatever has its name by now, and how much of it was read."""
        return None if self._stream is None else (self._stream.stat(), self._stream.offset)

    def begins_as_before(self) -> bool:
        """Whether the open file begins as it did when it was opened."""
        size, known = self._check
        return self._stream is None or xxhash.xxh3_64_hexdigest(self._stream.start(int(size))) == known

    def identity(self) -> dict[str, Any]:
        """Return the identity of the data. The files may grow: `seek` checks what was read, not this."""
        answer: dict[str, Any] = {
            "name": self.name,
            "format": sorted({planned.format for planned in self.parts}),
            "parts": len(self.parts),
            "bytes": sum({planned.part.path: planned.part.least_bytes for planned in self.parts}.values()),
        }
        if self.parts:
            part = self.parts[0].part
            answer["head_bytes"] = part.check_bytes
            answer["head_xxh3"] = part.check(part.check_bytes)
        if self.read_as:
            answer["read_as"] = self.read_as
        readings = self._known_readings()
        if readings:
            answer["reading"] = readings
        if self.skipped:
            answer["skipped"] = list(self.skipped[:SKIPPED_KEPT])
        return answer

    def recall(self, identity: Mapping[str, Any], position: Mapping[str, Any]) -> None:
        """Read as recorded in *identity*: what was inferred for the part at *position* still holds when it has grown.

        Raises the ConfigError of a part that needs an option, if it was not read before.
        """
        known = identity.get("reading", ())
        self._readings = [_reading_of(each) for each in known]
        number = position.get("as", 0)
        for i, planned in enumerate(self.parts):
            if planned.part.name == position.get("name") and number < len(known) and "layout" in known[number]:
                plan = planned.again(planned.part, known[number], self._symbol_of(planned, known[number]))
                self.parts[i] = attrs.evolve(planned, plan=plan, format=known[number]["format"])
        raise_problem(self.parts)

    @property
    def resumed(self) -> bool:
        """Whether it was not read from its start."""
        return self._resumed

    @property
    def rows(self) -> tuple[int, int]:
        """The number of rows read since this source was created, and how many of them were malformed."""
        reader = self._reader
        if reader is None:
            return self._rows, self._malformed
        return self._rows + self._rows_of(reader), self._malformed + reader.refused

    def notes(self) -> list[str]:
        """Return facts for the user about how the parts were read so far, one sentence each."""
        found: dict[str, list[str]] = {}
        for planned in self.parts:
            for note in planned.plan.notes:
                found.setdefault(note, []).append(planned.part.place)
        lines = sentences(found)
        unread = [*self._unread, *self._unread_now()]
        lines += [f"{place}: none of its {rows:,} rows could be read" for place, rows in unread[:UNREAD_MAX]]
        if len(unread) > UNREAD_MAX:
            lines.append(f"{self.name}: no row of {len(unread) - UNREAD_MAX:,} more files could be read")
        doubled = self._doubled + (0 if self._reader is None else self._reader.doubled_rows)
        if doubled:
            lines.append(
                f"{self.name}: {doubled:,} rows have a time that their zone's clock showed twice: they were read in "
                "file order"
            )
        if self._cut:
            lines.append(
                f"{self._cut}: the last line has no line break, so it may be incomplete: it is left for the next "
                "run; if it is complete, end it with a line break"
            )
        return lines

    def position(self) -> dict[str, Any]:
        """Return the part, the byte of its text, and the line."""
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
            position |= {"line": reader.line, "last_ns": reader.last_ns}
            if reader.constant:
                position["told"] = reader.constant
            if reader.doubled:
                position["doubled"] = dict(reader.doubled)
            if self._open:
                position["open"] = True
            if isinstance(reader, QuoteReader) and (held := reader.memo()):
                position["held"] = held
            if self._reading:  # 0, the first, is omitted: few sources have another
                position["as"] = self._reading
        return position

    def seek(self, position: dict[str, Any]) -> None:
        """Continue from *position*: at once in a plain file, by decompressing up to it in a compressed one."""
        self._close_stream()
        self._index, self._reader, self._closed = -1, None, False
        self._behind.clear()
        self._behind_bytes = 0
        self._constant = position.get("told", "")
        self._resumed = bool(position)
        if not position:
            return
        index = position["part"]
        name = position["name"]
        if not 0 <= index < len(self.parts) or self.parts[index].part.name != name:
            raise SourceError(
                f"{self.name}: {name!r} was its part {index + 1}, and no longer is: files before it have been added or "
                "removed; restore the former files, or start again with another data directory",
                path=name,
            )
        part = self.parts[index].part
        for before in range(index):
            self._leave_behind(before)
        self._index = index
        if self._bytes_behind() != position.get("behind", self._bytes_behind()):
            raise SourceError(
                f"{self.name}: a file before {name!r}, which was read to its end, has changed its size: later rows "
                "belong in a later file; restore it, or start again with another data directory",
                path=name,
            )
        reader, stream = self._start(index, position["check"])
        if reader is None or stream is None:
            return
        stream.skip_to(position["offset"])
        self._base = position["offset"]
        reader.line = position["line"]
        reader.last_ns = position["last_ns"]
        reader.doubled = dict(position.get("doubled", {}))
        self._from_line = reader.line
        if isinstance(reader, QuoteReader):
            reader.recall(position.get("held", {}))
        if position.get("open"):
            self._open = True
            self._data = stream.read()
            if self._data[:1] not in (b"", b"\n", b"\r"):
                raise SourceError(
                    f"{part.place}:{reader.line}: this row was incomplete when it was read, and is longer now: the "
                    "log differs from the file; start again with another data directory",
                    path=part.place,
                    line=reader.line,
                )
            self._at = 2 if self._data[:2] == b"\r\n" else len(self._data[:1])
            self._open = not self._at

    def progress(self) -> float | None:
        """Return the share of bytes that was read."""
        total = self.total_bytes
        if any(planned.part.endless for planned in self.parts):
            return None
        if not total or self._index < 0:
            return 1.0 if not total else 0.0
        done = sum(self._weights[: self._index])
        share = 1.0
        if self._stream is not None or self._suspended >= 0:
            offset = self._suspended if self._stream is None else self._stream.raw_offset()
            share = min(1.0, offset / max(1, self.parts[self._index].part.text_bytes))
        return (done + share * self._weights[self._index]) / total

    @property
    def total_bytes(self) -> float:
        """The size of all files; an archive's members share its size."""
        return sum(self._weights)

    @property
    def reopens(self) -> bool:
        """Whether closing the file and continuing later costs no more than a seek."""
        return self._stream is None or (self._stream.seekable and not self.parts[self._index].part.endless)

    def suspend(self) -> None:
        """Close the open file until reading continues; not a compressed one, which would start over."""
        if self._stream is not None and self.reopens:
            self._suspended = self._stream.offset
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        """Close the open file; `position` is kept, and `seek` opens it again."""
        self._closed = True
        self._close_stream()
        for planned in self.parts:
            if planned.part.endless:
                planned.part.close()

    def _start(self, index: int, known: Sequence[Any] = ()) -> tuple[Reader | None, Stream | None]:
        """Open the part *index* at its start; one without rows is finished at once.

        SourceError if its beginning is not the *known* one: a number of bytes, and their hash.
        """
        self._close_stream()
        before = self.parts[self._index] if self._index >= 0 else None
        self._index = index
        planned = self.parts[index]
        self._data, self._base, self._at, self._final, self._open = b"", 0, 0, False, False
        self._cut = ""
        if self._reader is not None:
            assert before is not None, "a reader belongs to a part"
            self._unread += self._unread_now(before)
            self._rows, self._malformed = self.rows
            self._doubled += self._reader.doubled_rows
            self._constant = self._reader.constant if before.plan.symbol == planned.plan.symbol else ""
        self._reader = None
        if planned.plan.problem is not None:
            raise planned.plan.problem
        self._from_line = 0
        reader = None if planned.plan.reader is None else planned.plan.reader()
        start: BackwardStream | InputFile = planned.part
        if reader is not None and reader.backward and isinstance(planned.part, ColumnInput):
            reader.lines = planned.part.lines_backward()
        elif reader is not None and reader.backward:
            self._stream = start = open_backward(planned.part, reader.header_lines)
            reader.lines = start.lines
        if known and start.check(known[0]) != known[1]:
            place = planned.part.place
            raise SourceError(
                f"{place}: its beginning has changed, so it is now a different file: restore the old one, or use "
                "another data directory",
                path=place,
            )
        size = planned.part.check_bytes
        self._check = [size, start.check(size)]
        if reader is not None:
            self._reading = self._number_of(planned.plan)
            reader.constant = self._constant
            self._reader = reader
            self._stream = self._stream or planned.part.open()
            self._stream.serve(reader)
        return self._reader, self._stream

    def _reopened(self) -> Stream:
        """Reopen the file that `suspend` closed."""
        stream = self.parts[self._index].part.open()
        if self._reader is not None:
            stream.serve(self._reader)
        stream.skip_to(self._suspended)
        self._stream = stream
        self._suspended = -1
        return stream

    def _symbol_of(self, planned: PlannedPart, known: Mapping[str, Any]) -> str:
        """Return the symbol of a part that is read as *known*; "" if a column has it."""
        if planned.plan.problem is None:
            return planned.plan.symbol or ""
        said = self.read_as.get("symbol") or planned.plan.symbol or known.get("symbol", "")
        return str(said or ("" if "symbol" in known["layout"]["columns"] else planned.part.symbol))

    def _number_of(self, plan: Plan) -> int:
        """Return the number of *plan*'s reading; only the first few readings are kept."""
        if plan.read_as is None:
            return READINGS_MAX
        reading = (plan.read_as, plan.layout)
        with suppress(ValueError):
            return self._readings.index(reading)
        if len(self._readings) < READINGS_MAX:
            self._readings.append(reading)
            return len(self._readings) - 1
        return READINGS_MAX

    def _known_readings(self) -> list[dict[str, Any]]:
        """Return how the parts are read, each reading once, as JSON values."""
        for planned in self.parts:
            self._number_of(planned.plan)
        symbols = {planned.plan.symbol for planned in self.parts}
        alone = {"symbol": symbols.pop()} if len(symbols) == 1 and None not in symbols else {}
        return [
            read_as.to_dict() | alone | ({} if layout is None else {"layout": layout.to_dict()})
            for read_as, layout in self._readings
        ]

    def _waits(self, stream: Stream) -> bool:
        """Whether a last line without a line break is left for the next run."""
        assert self._reader is not None, "a part that is read has a reader"
        return self._resumable and self._reader.by_line and stream.grows and self._index == len(self.parts) - 1

    def _rows_of(self, reader: Reader) -> int:
        return reader.line - self._from_line - reader.passed

    def _unread_now(self, planned: PlannedPart | None = None) -> list[tuple[str, int]]:
        """Return the present part and its number of rows, if none of them could be read."""
        reader = self._reader
        if reader is None or self._from_line or not reader.refused or self._rows_of(reader) != reader.refused:
            return []
        planned = planned or self.parts[self._index]
        return [(planned.part.place, reader.refused)]

    def _leave_behind(self, index: int) -> None:
        """Record the size of a part's file that was read to its end."""
        if index >= 0:
            part = self.parts[index].part
            path = str(part.path)
            with suppress(SourceError):  # it may have been removed after it was read
                size = part.file_bytes
                self._behind_bytes += size - self._behind.get(path, 0)
                self._behind[path] = size

    def _bytes_behind(self) -> int:
        """Return the size of the files that were read to their end, without the file of the present part."""
        return self._behind_bytes - self._behind.get(str(self.parts[self._index].part.path), 0)

    def _close_stream(self) -> None:
        self._suspended = -1
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._index >= 0:
            self.parts[self._index].part.release()

    def _finish(self) -> None:
        """Close a part that was read to its end; its position is kept, in case it grows."""
        rest = self._data[self._at :]
        if rest.strip() and rest[-1] != NEWLINE and self._reader is not None and self._reader.by_line:
            self._cut = f"{self.parts[self._index].part.place}:{self._reader.line + 1}"
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        following = self._index + 1
        if following >= len(self.parts) or self.parts[following].part.path != self.parts[self._index].part.path:
            self.parts[self._index].part.release()


def raise_problem(parts: Sequence[PlannedPart]) -> None:
    """Raise the problem of the first of *parts* that has one."""
    for planned in parts:
        if planned.plan.problem is not None:
            raise planned.plan.problem


def _reading_of(known: Mapping[str, Any]) -> tuple[ReadAs, Layout | None]:
    layout = known.get("layout")
    if layout is None:
        return ReadAs.from_dict(known), None
    return ReadAs.from_dict(known), Layout.from_dict(layout, symbol="?", limits=DEFAULT_LIMITS)


def _weights(parts: Sequence[PlannedPart]) -> tuple[float, ...]:
    """Return the size of each part; the members of an archive share its size evenly."""
    members = Counter(str(planned.part.path) for planned in parts)
    return tuple(planned.part.file_bytes / members[str(planned.part.path)] for planned in parts)
