"""A table of columns as a part of a source: read like a text in which each row is one byte.

So a position in it is a row number, and whatever reads parts (`mtf.sources.files`) handles it like text. The reader
gets the contents of rows from the stream, as batches.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import xxhash

from mtf.errors import SourceError
from mtf.events.block_builder import BlockBuilder
from mtf.sources.column_reader import ColumnBatch, ColumnReader
from mtf.sources.input_files import InputFile
from mtf.sources.limits import Limits
from mtf.sources.row_reader import Reader
from mtf.sources.sniffing import SAMPLE_ROWS, SniffedTable, typical_rows
from mtf.sources.streams import CHUNK_BYTES, Stream
from mtf.sources.tabular import Tabular

__all__ = ["ColumnInput", "RowStream"]

ROW: Final = b"\x01"  # stands for a row; not white space
ROWS_MIN: Final = 1_024
ROWS_MAX: Final = 65_536
READ_BYTES_A_ROW: Final = CHUNK_BYTES // ROWS_MAX


class ColumnInput(InputFile):
    """The table made by *make*, in the file *path*, or in memory and called *place*."""

    def __init__(
        self,
        path: Path,
        root: Path,
        limits: Limits,
        make: Callable[[], Tabular],
        *,
        format: str,
        place: str = "",
    ) -> None:
        super().__init__(path, root, limits, place=place)
        self.format: Final = format  # the name of the format that reads it
        self._make: Final = make
        self.in_memory: Final = place != ""
        self._tabular: Tabular | None = None
        self._rows: list[list[str]] | None = None  # the first ones
        self._checks: Final[dict[int, str]] = {}  # hashes by the number of first rows
        self._checked_rows = -1  # the number of rows to hash, if known

    @property
    def tabular(self) -> Tabular:
        """The table itself."""
        if self._tabular is None:
            self._tabular = self._make()
        return self._tabular

    @property
    def symbol(self) -> str:
        return "" if self.in_memory else super().symbol

    @property
    def file_bytes(self) -> int:
        return (self.tabular.rows or 0) if self.in_memory else super().file_bytes

    @property
    def least_bytes(self) -> int:
        """0 for a file, which is rewritten when rows are added, and may then be compressed better."""
        return self.file_bytes if self.in_memory else 0

    @property
    def text_bytes(self) -> int:
        return self.file_bytes

    @property
    def endless(self) -> bool:
        return self.in_memory and self.tabular.rows is None

    @property
    def check_bytes(self) -> int:
        """The number of first rows that identify the table."""
        if self._checked_rows < 0:
            self._checked_rows = len(self._rows_apart())
        return self._checked_rows

    def check(self, head_bytes: int) -> str:
        """Return the xxh3 of that many first rows as text, in hexadecimal."""
        if head_bytes not in self._checks:
            rows = self._rows_apart()[:head_bytes]
            lines = ["\x1f".join(self.tabular.names), *("\x1f".join(row) for row in rows)]
            self._checks[head_bytes] = xxhash.xxh3_64_hexdigest("\n".join(lines).encode("utf-8", "replace"))
        return self._checks[head_bytes]

    @property
    def head(self) -> bytes:
        """Empty: it is not text."""
        return b""

    @property
    def first_rows(self) -> list[list[str]]:
        """The first rows, at most `SAMPLE_ROWS`, as text."""
        if self._rows is None:
            self._rows = self.tabular.head(SAMPLE_ROWS)
        return self._rows

    def _rows_apart(self) -> list[list[str]]:
        """Return `first_rows`, without leaving a file open that was closed before."""
        opened = self._rows is None and not self.in_memory
        rows = self.first_rows
        if opened:
            self.forget()
        return rows

    def glance(self) -> ColumnInput:
        """Return the part itself: there is nothing shorter to look at."""
        return self

    def table(self) -> SniffedTable:
        """Return the start of the table, as if it were text."""
        names = [name.strip() for name in self.tabular.names]
        rows = [[cell.replace("\n", " ").strip() for cell in row] for row in self.first_rows]
        return SniffedTable(
            delimiter=",",
            skip=0,
            header=names,
            rows=typical_rows(rows, len(names)),
            fitted=rows,
            fields=len(names),
            what="table",
        )

    def lines_backward(self) -> int:
        """Return the number of rows that can be read from the last one; SourceError if that is not possible."""
        rows = self.tabular.rows
        if rows is None:
            raise SourceError(
                f"{self.place}: the rows are newest first, and this can only be read from its start: sort them with "
                "sort=True (--sort), or read it into a frame",
                path=self.place,
            )
        return rows

    def open(self) -> RowStream:
        return RowStream(self)

    def read_start(self, reader: Reader, builder: BlockBuilder, rows: int) -> None:
        """Have *reader* read the first rows, at most so many, to *builder*."""
        stream = self.open()
        stream.serve(reader)
        try:
            reader.scan(builder, stream.read(1), 0, rows, False)
        finally:
            stream.close()

    def forget(self) -> None:
        """Keep a table in memory; a file is opened again."""
        if not self.in_memory:
            self._rows = None
            self.stop()

    def stop(self) -> None:
        """Close the file, if there is one."""
        if self._tabular is not None and not self.in_memory:
            self._tabular.close()

    def release(self) -> None:
        """Close the file, and forget its start."""
        self.forget()

    def close(self) -> None:
        if self._tabular is not None:
            self._tabular.close()


class RowStream(Stream):
    """The rows of *part* as bytes, one each; `serve` sets the reader that gets their contents."""

    def __init__(self, part: ColumnInput) -> None:
        super().__init__(part.place, io.BytesIO(), io.BytesIO(), part.limits, 0)
        self._part: Final = part
        self._reader: ColumnReader | None = None
        self._batches: Iterator[ColumnBatch] | None = None
        self._size = 0  # rows per batch, as requested
        self.backward = False

    def serve(self, reader: Reader) -> None:
        """Also pass the rows that will be read to *reader*."""
        assert isinstance(reader, ColumnReader), "what reads rows in columns"
        self._reader = reader
        self.backward = reader.backward

    @property
    def seekable(self) -> bool:
        return self._part.in_memory

    @property
    def grows(self) -> bool:
        return False

    def ready(self) -> bool:
        return True

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Return one byte per row read: at most a quarter of *size*, and none at the end."""
        rows = max(ROWS_MIN, min(ROWS_MAX, size // READ_BYTES_A_ROW))
        if self._batches is None or rows != self._size:
            self._size = rows
            self._batches = self._begin(rows)
        batch = next(self._batches, None)
        if batch is None or self._reader is None:
            return b""
        self._reader.take(batch)
        self.offset = int(batch.first + batch.rows)
        return ROW * int(batch.rows)

    def skip_to(self, offset: int) -> None:
        assert self._batches is None, "what is skipped was not read"
        self.offset = offset

    def raw_offset(self) -> int:
        offset = self._part.tabular.read_bytes
        return self.offset if offset is None else offset

    def close(self) -> None:
        self._batches = None
        self._part.stop()

    def _begin(self, rows: int) -> Iterator[ColumnBatch]:
        assert self._reader is not None, "a reader says what it wants"
        return self._part.tabular.batches(self.offset, rows, self._reader.wanted, backward=self.backward)
