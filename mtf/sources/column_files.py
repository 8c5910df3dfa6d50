"""Files of columns, Parquet and Arrow: recognized by their first bytes, whatever their names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mtf.sources.column_input import ColumnInput
from mtf.sources.in_memory import arrow_needed
from mtf.sources.input_files import InputFile

if TYPE_CHECKING:
    from mtf.sources.tabular import Tabular

__all__ = ["seen_as"]

# First bytes; the worker's name of the file type; and the format that reads it.
_MAGIC: Final = (
    (b"PAR1", "parquet", "parquet"),
    (b"ARROW1\0\0", "arrow", "arrow"),
    (b"\xff\xff\xff\xff", "arrow-stream", "arrow"),
)


def seen_as(part: InputFile) -> InputFile:
    """Return *part* as a table if it is such a file, else unchanged."""
    for magic, written, format in _MAGIC:
        if part.begins.startswith(magic):
            return ColumnInput(part.path, part.root, part.limits, partial(_file, part.path, written), format=format)
    return part


def _file(path: Path, written: str) -> Tabular:
    try:
        from mtf.sources.arrow_files import ArrowFile
    except ImportError as error:
        raise arrow_needed(error) from error
    return ArrowFile(path, written)
