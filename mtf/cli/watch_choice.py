"""Which symbol, timeframe and moment `mtf watch` shows, and how keys change that.

Knows names only: neither prices nor lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Step", "WatchChoice", "found"]

PAGE: Final = 10  # symbols
STEPS_MAX: Final = 32  # waiting steps; the effect of a key that is held down ends soon


class Step(NamedTuple):
    """A step in time of the selected symbol: to its next tick, or, with *bar*, to the next close; 0: to the present."""

    direction: int
    bar: bool = False


STEPS: Final = {
    "left": Step(-1),
    "right": Step(1),
    "shift left": Step(-1, True),
    "shift right": Step(1, True),
    "<": Step(-1, True),
    ">": Step(1, True),
    "L": Step(0),
    "l": Step(0),
}


class WatchChoice:
    """The selected symbol, the search, the timeframe of the candles, and the requested steps in time."""

    def __init__(self) -> None:
        self.symbol: str | None = None  # None while there is no symbol
        self.query = ""  # shown symbols match it; all do if it is empty
        self.finding = False  # what is typed belongs to the query
        self.rank = 0  # of the timeframe whose candles are shown, and whose bars steps go by
        self.steps: list[Step] = []  # not taken yet, in the order of their keys
        self.ended = False

    def shown(self, symbols: Sequence[str]) -> list[str]:
        """Return the symbols that match the query; one of them is selected, if there are any."""
        matching = found(symbols, self.query)
        if matching and self.symbol not in matching:
            self.symbol = matching[0]
        elif not matching and self.symbol is None and symbols:
            self.symbol = symbols[0]
        return matching

    def press(self, key: str, symbols: Sequence[str], timeframes: int) -> None:
        """Do what *key* means; *symbols* are all symbols."""
        moves = {"up": -1, "down": 1, "page up": -PAGE, "page down": PAGE, "home": -len(symbols), "end": len(symbols)}
        if key in moves:
            self._move(moves[key], self.shown(symbols))
        elif self.finding:
            self._type(key)
        elif key == "/":
            self.finding, self.query = True, ""
        elif key == "esc":
            self.query = ""
        elif key in ("q", "Q"):
            self.ended = True
        elif key in STEPS:
            self.steps = [*self.steps, STEPS[key]][-STEPS_MAX:]
        elif key in "123456789" and int(key) <= timeframes:
            self.rank = int(key) - 1
        self.shown(symbols)

    def _move(self, by: int, matching: Sequence[str]) -> None:
        if self.symbol in matching:
            place = matching.index(self.symbol) + by
            self.symbol = matching[max(0, min(len(matching) - 1, place))]

    def _type(self, key: str) -> None:
        if key == "enter":
            self.finding = False
        elif key == "esc":
            self.finding, self.query = False, ""
        elif key == "backspace":
            self.query = self.query[:-1]
        elif len(key) == 1:
            self.query += key


def found(symbols: Sequence[str], query: str) -> list[str]:
    """Return the symbols that begin with *query*, then those that contain it; case does not matter."""
    if not query:
        return list(symbols)
    wanted = query.casefold()
    names = [(name, name.casefold()) for name in symbols]
    first = [name for name, folded in names if folded.startswith(wanted)]
    return first + [name for name, folded in names if wanted in folded and not folded.startswith(wanted)]
