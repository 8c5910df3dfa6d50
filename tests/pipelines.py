"""A pipeline for tests, a consumer that writes down what it is shown, and a few ticks."""

from __future__ import annotations

from typing import Any

import mtf
from tests.builders import ticks

__all__ = ["TICKS", "Notes", "pipeline"]

TICKS = ticks("10:00:01@1.5x2 10:00:20@1.75x1 10:01:05@1.25x4")


def pipeline(**settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(**{"calendar": "crypto", "clock": "ticks", **settings})


class Notes(mtf.Consumer):
    """Writes down what it gets."""

    def __init__(self, name: str = "notes") -> None:
        self.name = name
        self.told: list[str] = []

    def on_start(self) -> None:
        self.told.append("start")

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        self.told.append(f"{view.seq} bar {bar.timeframe} {bar.close}")

    def on_tick(self, tick: mtf.Tick, view: mtf.View) -> None:
        self.told.append(f"{view.seq} tick {tick.bid}")

    def on_clock(self, ts_ns: int, view: mtf.View) -> None:
        self.told.append(f"{view.seq} clock {ts_ns}")

    def on_reject(self, tick: mtf.Tick | None, reason: str, view: mtf.View) -> None:
        self.told.append(f"{view.seq} reject {reason}")

    def on_frame(self, frame: mtf.Frame) -> None:
        self.told.append(f"frame {frame.first_seq}..{frame.last_seq}")

    def on_stop(self) -> None:
        self.told.append("stop")
