"""Market data that is not text: recognized by its first bytes, so that the refusal can name it."""

from __future__ import annotations

from typing import Final

from mtf.sources.input_files import InputFile

__all__ = ["foreign"]

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PAR1", "a Parquet file: decompress it, or save the pipe to a file, and use that file"),
    (b"PARE", "an encrypted Parquet file: decrypt it"),
    (b"ARROW1", "an Arrow file: decompress it, or save the pipe to a file, and use that file"),
    (b"\xff\xff\xff\xff", "a stream of Arrow: decompress it, or save the pipe to a file, and use that file"),
    (b"FEA1", "a Feather file of version 1: save it as version 2, or as CSV"),
    (b"SQLite format 3\x00", "a SQLite database: export a table as CSV"),
    (b"\x89HDF", "an HDF5 file: save it as CSV"),
    (b"DBN", "Databento's binary encoding: convert it to CSV"),
    (b"SCID", "Sierra Chart's binary file: export it as text"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file: save it as CSV"),
    (b"%PDF", "a PDF file"),
)
_SPREADSHEET: Final = ("xl/", "[Content_Types].xml", "docProps/", "_rels/")


def foreign(part: InputFile) -> str:
    """Return what *part* is, and what to do about it; "" if unknown."""
    if part.member.startswith(_SPREADSHEET):
        return "an Excel file: save it as CSV"
    return next((what for magic, what in _MAGIC if part.head.startswith(magic)), "")
