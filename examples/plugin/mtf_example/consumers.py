"""A consumer: counts bars by timeframe, and remembers its counts over restarts."""

from __future__ import annotations

import json
from collections import Counter

import mtf

__all__ = ["BarCount"]


class BarCount(mtf.Consumer):
    """Prints its counts at the end."""

    name = "barcount"

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.counts[bar.timeframe.name] += 1

    def save(self) -> bytes:
        return json.dumps(self.counts).encode()

    def load(self, state: bytes) -> None:
        self.counts = Counter(json.loads(state))

    def on_stop(self) -> None:
        print("bars:", dict(self.counts))
