"""Notes: what users should know beyond the results, as sentences that are log records, too."""

from __future__ import annotations

from typing import Any, Final, Protocol

from mtf.loggers import report

__all__ = ["Noted", "Notes"]

NOTES_MAX: Final = 1_000  # kept; later ones are only logged


class Noted(Protocol):
    """What takes a note: its event, the sentence, and its facts."""

    def __call__(self, event: str, sentence: str, **facts: Any) -> None: ...


class Notes(list[str]):
    """Sentences in the order in which they came, each once; `note` logs each every time."""

    def append(self, sentence: str) -> None:
        """Note a sentence that has no event of its own."""
        self.note("noted", sentence)

    def note(self, event: str, sentence: str, **facts: Any) -> None:
        report(event, sentence, **facts)
        if len(self) < NOTES_MAX and sentence not in self:
            super().append(sentence)

    def note_once(self, event: str, sentence: str, **facts: Any) -> None:
        """Note what was perhaps noted before, and log it the first time only."""
        if sentence not in self:
            self.note(event, sentence, **facts)
