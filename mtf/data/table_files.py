"""Files of tables: Parquet and Arrow IPC (Feather), written a batch at a time.

A file appears under its name when it is whole; until then, and if something fails, what was there stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from mtf.data.needed import needs
from mtf.errors import ConfigError

if TYPE_CHECKING:
    from arro3.core import RecordBatchReader

__all__ = ["BINARY_FORMATS", "TableWriter", "binary_writer", "whole_file"]

BINARY_FORMATS: Final = ("parquet", "arrow")
ROW_GROUP: Final = 131_072  # rows: what a reader has to take at once

TableWriter = Callable[["RecordBatchReader", BinaryIO], None]


def binary_writer(format: str) -> TableWriter:
    """Return what writes a table in one of `BINARY_FORMATS`; MissingPackage if the extra `arrow` is not installed."""
    with needs("arro3-io", "'mtf-engine[arrow]'"):
        from arro3.io import write_ipc, write_parquet

    def write(reader: RecordBatchReader, stream: BinaryIO) -> None:
        if format == "parquet":
            write_parquet(reader, stream, compression="zstd(3)", max_row_group_size=ROW_GROUP)
        else:
            write_ipc(reader, stream, compression=None)

    return write


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that replaces what *path* has once all is written; if that fails, nothing has changed.

    ConfigError if *path* is a directory, or its folder is not there.
    """
    target = Path(path)
    if target.is_dir():
        raise ConfigError(f"{target} is a directory: give the name of a file")
    if not target.parent.is_dir():
        raise ConfigError(f"{target}: there is no directory {target.parent}")
    if target.exists() and not target.is_file():  # a pipe or a device takes what comes
        with target.open("wb") as stream:
            yield stream
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, os.path.realpath(target))
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
