"""Any iterable of ticks as a source: a list, a generator, a reader of your own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.bars.intake import Intake, take_or_refuse
from mtf.errors import SourceError
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.sources.source import iterate

__all__ = ["IterSource", "hand_in"]


def hand_in(builder: BlockBuilder, event: Tick | Bar, *, place: str, line: int) -> bool:
    """Pass *event* to *builder* by the rules of a file's rows; if it is malformed, refuse it there and return False.

    *place* and *line* tell where it was, for reports.
    """
    return take_or_refuse(builder, event, place, line)


class IterSource:
    """The ticks, or bars, of *ticks*, once, in order; the position is the number taken.

    A tick that the block builder does not accept is refused with its number, from 1 on. `seek` takes as many ticks
    again and drops them, so it needs an iterable that starts over with the same ticks.
    """

    def __init__(self, ticks: Iterable[Tick | Bar], *, name: str = "ticks") -> None:
        self.name: Final = name
        self._ticks: Final = ticks
        self._left: Iterator[Tick | Bar] = iter(ticks)
        self._intake: Final = Intake()  # from `_left`

    @property
    def rows(self) -> tuple[int, int]:
        """The number of rows read since this source was created, and of malformed ones among them; a bar is one."""
        return int(self._intake.read), int(self._intake.refused)

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        return self._intake.fill(builder, self._left, limit, self.name)

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self)

    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "format": ["ticks"]}

    def position(self) -> dict[str, Any]:
        return {"count": int(self._intake.count)}

    def seek(self, position: dict[str, Any]) -> None:
        """Skip as many ticks as *position* says; SourceError if there are fewer."""
        count = position.get("count", 0)
        intake = self._intake
        if count < intake.count:
            self._left = iter(self._ticks)
            intake.count = 0
        intake.count += sum(1 for _ in itertools.islice(self._left, count - int(intake.count)))
        if intake.count != count:
            raise SourceError(
                f"{self.name}: it has {intake.count} ticks, but {count} were read before: pass the same ones",
                path=self.name,
                line=int(intake.count),
            )

    def progress(self) -> float | None:
        return None

    def close(self) -> None:
        """There is nothing to close."""
