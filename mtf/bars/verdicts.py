"""Verdicts: the possible outcomes for an event, its effects on bars, and counts of both."""

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
    "WHOLE_BAR",
    "WIDEN",
    "WRONG_PRICE",
    "Counts",
    "total_of",
]

# Verdicts, in the order in which they are checked; the first that applies counts.
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
BAD_SIDES: Final = 9  # an accepted quote with one side that is not a valid price
ID_REUSED: Final = 10  # an accepted tick with an id that another one had
COUNTS: Final = 11
REASONS: Final = ("", "", "duplicate", "price", "closed", "late", "unfinished")
VERDICT_NAMES: Final = ("accepted", "late_accepted", *REASONS[2:])  # by number

# What a row does to its symbol's bars.
NOTHING: Final = 0  # rejected
MOVE: Final = 1  # moves the clock, changes no bar: a tick without a price on the side that bars are made of
APPLY: Final = 2
WIDEN: Final = 3  # a late tick that is accepted
TIME: Final = 4  # a user's clock event: moves the clock of every symbol
APPLY_BAR: Final = 5  # an event of an input bar: changes bars of timeframes that are at least as long
TEAR: Final = 6  # an unfinished input bar: the bars that contain its start are incomplete until it arrives complete
TIMER: Final = 7  # a timer's or an import's clock event: moves the clocks listed in `JudgedBlock.moves_*`
WHOLE_BAR: Final = 8  # the first of the four of an input bar that follow each other, with a volume only on the last

AUTO: Final = 0
MID: Final = 1
BID: Final = 2
ASK: Final = 3
LAST: Final = 4
PRICE_SIDES: Final = ("auto", "mid", "bid", "ask", "last")

PRICE_MAX: Final = 1e12  # numbers at or beyond it, up or down, are not prices; the default of a setting


@mypyc_attr(native_class=True, acyclic=True)
class Counts:
    """A symbol's number of events by outcome; immutable."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: vec[i64]) -> None:
        self.numbers: vec[i64] = numbers  # by verdict, then CROSSED, LOCKED, BAD_SIDES and ID_REUSED

    @property
    def ticks(self) -> int:
        """The number of accepted ticks."""
        return self.numbers[ACCEPTED] + self.numbers[LATE_ACCEPTED]

    @property
    def rejected(self) -> dict[str, int]:
        """The number of rejected ticks by reason, without the reasons that did not occur."""
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
        """Accepted quotes with one side that was not a valid price: they count as one-sided."""
        return self.numbers[BAD_SIDES]

    @property
    def id_reused(self) -> int:
        """Accepted ticks with an id that a different tick had before."""
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
    """Return the sum of *counts*; fast, as there may be many thousands."""
    total = vec[i64]([0] * COUNTS)
    for k in range(len(counts)):
        numbers = counts[k].numbers
        for each in range(COUNTS):
            total[each] += numbers[each]
    return Counts(total)


def _restored_counts(numbers: list[int]) -> Counts:
    return Counts(vec[i64](numbers))
