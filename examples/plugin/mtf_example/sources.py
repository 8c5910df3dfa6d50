"""A source: a random walk, opened as `walk` or `walk:ticks=1000,seed=3`."""

from __future__ import annotations

import random
from typing import Any, Final

import mtf
from mtf.errors import ConfigError, SourceError
from mtf.sources import BlockBuilder, hand_in

__all__ = ["Walk", "open_walk"]

START_NS: Final = 1_709_719_200_000_000_000  # 2024-03-06T10:00Z
SECOND_NS: Final = 1_000_000_000


class Walk:
    """Quotes of the symbol WALK, one a second. Its position is how many were delivered."""

    def __init__(self, ticks: int, seed: int) -> None:
        self.name: Final = "walk"
        self._ticks: Final = ticks
        self._seed: Final = seed
        self._rewind()

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        for _ in range(min(limit, self._ticks - self._count)):
            ts_ns, price = self._next()
            tick = mtf.Tick("WALK", ts_ns, price, price + 0.01)
            hand_in(builder, tick, place=self.name, line=self._count)
        return self._count < self._ticks

    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "format": ["walk"], "ticks": self._ticks, "seed": self._seed}

    def position(self) -> dict[str, Any]:
        return {"count": self._count}

    def seek(self, position: dict[str, Any]) -> None:
        count = position["count"]
        if not 0 <= count <= self._ticks:
            raise SourceError(f"walk has {self._ticks} ticks, and {count} were read before", path=self.name)
        self._rewind()
        while self._count < count:
            self._next()

    def progress(self) -> float | None:
        return self._count / self._ticks

    def close(self) -> None:
        """There is nothing to close."""

    def _rewind(self) -> None:
        self._random = random.Random(self._seed)
        self._count = 0
        self._price = 100.0

    def _next(self) -> tuple[int, float]:
        self._price = max(1.0, self._price + self._random.choice((-0.25, 0.0, 0.25)))
        self._count += 1
        return START_NS + self._count * SECOND_NS, self._price


def open_walk(text: str) -> Walk:
    """Make the source of what stands behind `walk:`."""
    values = {"ticks": 600, "seed": 1}
    for word in filter(None, text.split(",")):
        name, _, value = word.partition("=")
        if name not in values or not value.isdecimal() or not int(value):
            raise ConfigError(f"walk: cannot read {word!r}: write it as walk:ticks=1000,seed=3")
        values[name] = int(value)
    return Walk(**values)
