"""Files of tables: Parquet and Arrow IPC (Feather), written a batch at a time.

A file appears under its name when it is complete; until then, and if anything fails, the old one stays.
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
ROW_GROUP: Final = 131_072  # rows that a reader must read at once

TableWriter = Callable[["RecordBatchReader", BinaryIO], None]


def binary_writer(format: str) -> TableWriter:
    """Return the writer of one of `BINARY_FORMATS`; MissingPackage if the extra `arrow` is not installed."""
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
    """Open a file that replaces *path* once everything is written; if that fails, nothing has changed.

    ConfigError if *path* is a directory, or its folder does not exist.
    """
    target = Path(path)
    if target.is_dir():
        raise ConfigError(f"{target} is a directory: give the name of a file")
    if not target.parent.is_dir():
        raise ConfigError(f"{target}: directory {target.parent} does not exist")
    if target.exists() and not target.is_file():  # a pipe or a device is written directly
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
