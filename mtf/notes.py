"""Notes: what users should know beyond the results, as sentences that also go to the standard library's logging.

The logger is called `mtf`. If logging is not configured, Python writes its warnings to stderr.
"""

from __future__ import annotations

import logging
from typing import Final

__all__ = ["LOGGER", "Notes"]

LOGGER: Final = logging.getLogger("mtf")
NOTES_MAX: Final = 1_000  # kept; later ones are only logged


class Notes(list[str]):
    """Sentences in the order in which they came, each once; `append` logs it as a warning each time."""

    def append(self, sentence: str) -> None:
        LOGGER.warning("%s", sentence)
        if len(self) < NOTES_MAX and sentence not in self:
            super().append(sentence)
