"""Any iterable of ticks as a source: a list, a generator, a reader of your own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.bars.intake import take
from mtf.errors import MalformedEvent, SourceError
from mtf.events.block_builder import BlockBuilder
from mtf.events.malformed import REASONS
from mtf.events.tick import Tick
from mtf.sources.source import iterate

__all__ = ["IterSource", "hand_in"]


def hand_in(builder: BlockBuilder, event: Tick | Bar, *, place: str, line: int) -> bool:
    """Pass *event* to *builder* by the rules of a file's rows; if it is malformed, refuse it there and return False.

    *place* and *line* tell where it was, for reports.
    """
    try:
        reason = REASONS[take(builder, event)]
    except (MalformedEvent, TypeError, AttributeError, OverflowError) as error:
        reason = str(error)
    if reason:
        builder.refuse(place, line, reason, repr(event))
    return not reason


class IterSource:
    """The ticks, or bars, of *ticks*, once, in order; the position is the number taken.

    A tick that the block builder does not accept is refused with its number, from 1 on. `seek` takes as many ticks
    again and drops them, so it needs an iterable that starts over with the same ticks.
    """

    def __init__(self, ticks: Iterable[Tick | Bar], *, name: str = "ticks") -> None:
        self.name: Final = name
        self._ticks: Final = ticks
        self._left: Iterator[Tick | Bar] = iter(ticks)
        self._count = 0  # taken from `_left`
        self.rows = (0, 0)  # read since this source was created, and how many of them were malformed; a bar is one

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        for tick in itertools.islice(self._left, limit):
            self._count += 1
            limit -= 1
            taken = hand_in(builder, tick, place=self.name, line=self._count)
            self.rows = (self.rows[0] + 1, self.rows[1] + (not taken))
        return limit == 0

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self)

    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "format": ["ticks"]}

    def position(self) -> dict[str, Any]:
        return {"count": self._count}

    def seek(self, position: dict[str, Any]) -> None:
        """Skip as many ticks as *position* says; SourceError if there are fewer."""
        count = position.get("count", 0)
        if count < self._count:
            self._left = iter(self._ticks)
            self._count = 0
        wanted = count - self._count
        self._count += sum(1 for _ in itertools.islice(self._left, wanted))
        if self._count != count:
            raise SourceError(
                f"{self.name}: it has {self._count} ticks, but {count} were read before: pass the same ones",
                path=self.name,
                line=self._count,
            )

    def progress(self) -> float | None:
        return None

    def close(self) -> None:
        """There is nothing to close."""
