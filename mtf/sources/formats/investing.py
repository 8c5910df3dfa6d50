"""investing.com: `"Date","Price","Open","High","Low","Vol.","Change %"`, days, weeks or months, newest first.

`Price` is the close. The symbol is the file's name without `Historical Data`, the words that the site adds. Whether the
month or the day stands first depends on the site's language: if the dates do not show it, an option is needed.
"""

from __future__ import annotations

import re
from typing import Final

from mtf.sources.file_format import LIKELY, NO, Format, FormatOptions, Plan
from mtf.sources.formats.csv import guessed_plan
from mtf.sources.guess import look
from mtf.sources.input_files import InputFile
from mtf.sources.naming import symbol_of
from mtf.sources.read_as import BY_FORMAT

__all__ = ["FORMAT"]

_NEEDED: Final = {"date", "price", "open", "high", "low"}
_OWN: Final = {"change", "vol"}
_WORDS: Final = re.compile(
    r"[ _-]+(?:stock )?(?:price )?(?:historical data|price history|history)(?:[ _-]+investing.*)?$",
    re.IGNORECASE,
)


def _sniff(part: InputFile) -> int:
    table = look(part)
    if table is None or table.header is None:
        return NO
    named = set(table.named())
    return LIKELY + 1 if named >= _NEEDED and "close" not in named and named & _OWN else NO


def _plan(part: InputFile, options: FormatOptions) -> Plan:
    return guessed_plan(part, options, symbol=symbol_of(_WORDS.sub("", part.stem)), zone_by=BY_FORMAT)


FORMAT: Final = Format(
    name="investing", description="investing.com's daily, weekly and monthly prices", sniff=_sniff, plan=_plan
)
