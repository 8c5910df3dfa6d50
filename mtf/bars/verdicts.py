"""Verdicts: what can become of an event, what it does to its symbol's bars, and how often each was so."""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

__all__ = [
    "ACCEPTED",
    "APPLY",
    "APPLY_BAR",
    "ASK",
    "AUTO",
    "BAD_SIDES",
    "BID",
    "CLOSED_MARKET",
    "COUNTS",
    "CROSSED",
    "DUPLICATE",
    "ID_REUSED",
    "LAST",
    "LATE",
    "LATE_ACCEPTED",
    "LOCKED",
    "MID",
    "MOVE",
    "NOTHING",
    "PRICE_MAX",
    "PRICE_SIDES",
    "REASONS",
    "TEAR",
    "TIME",
    "TIMER",
    "UNFINISHED_BAR",
    "VERDICTS",
    "VERDICT_NAMES",
    "WIDEN",
    "WRONG_PRICE",
    "Counts",
    "total_of",
]

# Verdicts, in the order in which they are looked for; the first that fits counts.
ACCEPTED: Final = 0
LATE_ACCEPTED: Final = 1  # late="accept": changes high, low, volume and ticks of the open bars, nothing else
DUPLICATE: Final = 2
WRONG_PRICE: Final = 3
CLOSED_MARKET: Final = 4
LATE: Final = 5
UNFINISHED_BAR: Final = 6  # a bar that was still forming when it arrived
VERDICTS: Final = 7
CROSSED: Final = 7  # not a verdict: an accepted quote with ask < bid
LOCKED: Final = 8  # an accepted quote with ask = bid
BAD_SIDES: Final = 9  # an accepted quote of which one side is not a price
ID_REUSED: Final = 10  # an accepted tick with the id of another
COUNTS: Final = 11
REASONS: Final = ("", "", "duplicate", "price", "closed", "late", "unfinished")
VERDICT_NAMES: Final = ("accepted", "late_accepted", *REASONS[2:])  # by number

# What a row does to its symbol's bars.
NOTHING: Final = 0  # rejected
MOVE: Final = 1  # moves the clock, changes no bar: a tick without a price on the side that is kept
APPLY: Final = 2
WIDEN: Final = 3  # a late tick that is accepted
TIME: Final = 4  # a clock event of a user: moves the clock of every symbol
APPLY_BAR: Final = 5  # an event of a bar: changes the bars of timeframes that are at least as long
TEAR: Final = 6  # an unfinished bar: what it stands for is missing from the bars that hold its start, until it is whole
TIMER: Final = 7  # a clock event of the timer: moves the clocks that `JudgedBlock.moves_*` list

AUTO: Final = 0
MID: Final = 1
BID: Final = 2
ASK: Final = 3
LAST: Final = 4
PRICE_SIDES: Final = ("auto", "mid", "bid", "ask", "last")

PRICE_MAX: Final = 1e12  # from here on, up or down, a number is not a price; the default of a setting


@mypyc_attr(native_class=True, acyclic=True)
class Counts:
    """How many events a symbol had, by what became of them; immutable."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: vec[i64]) -> None:
        self.numbers: vec[i64] = numbers  # by verdict, then CROSSED, LOCKED, BAD_SIDES and ID_REUSED

    @property
    def ticks(self) -> int:
        """Accepted ticks."""
        return self.numbers[ACCEPTED] + self.numbers[LATE_ACCEPTED]

    @property
    def rejected(self) -> dict[str, int]:
        """Rejected ticks by reason, those that there are."""
        return {REASONS[each]: self.numbers[each] for each in range(DUPLICATE, VERDICTS) if self.numbers[each]}

    @property
    def crossed(self) -> int:
        """Accepted quotes with the ask below the bid."""
        return self.numbers[CROSSED]

    @property
    def locked(self) -> int:
        """Accepted quotes with the ask at the bid."""
        return self.numbers[LOCKED]

    @property
    def bad_sides(self) -> int:
        """Accepted quotes of which one side was not a price: they count as one-sided."""
        return self.numbers[BAD_SIDES]

    @property
    def id_reused(self) -> int:
        """Accepted ticks with an id that another, different tick had before."""
        return self.numbers[ID_REUSED]

    @property
    def late_accepted(self) -> int:
        """Late ticks that were accepted."""
        return self.numbers[LATE_ACCEPTED]

    def _key(self) -> list[int]:
        return list(self.numbers)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored_counts, (self._key(),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(tuple(self._key()))

    def __repr__(self) -> str:
        return f"Counts(ticks={self.ticks}, rejected={self.rejected}, crossed={self.crossed}, locked={self.locked})"


def total_of(counts: list[Counts]) -> Counts:
    """Return the sum of *counts*, of which there may be many thousands."""
    total = vec[i64]([0] * COUNTS)
    for k in range(len(counts)):
        numbers = counts[k].numbers
        for each in range(COUNTS):
            total[each] += numbers[each]
    return Counts(total)


def _restored_counts(numbers: list[int]) -> Counts:
    return Counts(vec[i64](numbers))
