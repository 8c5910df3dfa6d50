"""JSON, one object per line (NDJSON, JSON Lines): quotes, trades or bars, by the names of the fields."""

from __future__ import annotations

from typing import Final

from mtf.errors import ConfigError
from mtf.sources.file_format import CERTAIN, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.input_files import InputFile
from mtf.sources.sniffing import is_json

__all__ = ["FORMAT"]


def _sniff(part: InputFile) -> int:
    return CERTAIN if is_json(part) else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    if options.delimiter is not None or options.header is not None:
        raise ConfigError("the rows are JSON objects, which have no delimiter and no header: omit these options")
    if part.head.strip() and not is_json(part):
        raise ConfigError("its first lines are not JSON objects, one per line: omit the format, or give another one")
    return guessed_plan(part, options)


FORMAT: Final = Format(
    name="ndjson",
    description="JSON, one object per line: quotes, trades or bars, by the names of its fields",
    sniff=_sniff,
    plan=_plan,
)
