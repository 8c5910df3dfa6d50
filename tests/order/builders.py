"""Two symbols in a folder, and a consumer that looks at one while it is shown the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import mtf
from tests.builders import MINUTE_NS, at


def pipeline(data: Path | None, **settings: Any) -> mtf.Pipeline:
    return mtf.Pipeline(data=data, clock="ticks", **{"calendar": "crypto", "timeframes": ["1m", "5m"], **settings})


def quotes(minutes: int, *, seconds: int, first: int = 0) -> str:
    """Return a file of a quote a minute, so many *seconds* after it begins, from the minute *first* after 10:00 on."""
    stamps = (at("10:00") + (first + minute) * MINUTE_NS + seconds * 10**9 for minute in range(minutes))
    return "time,bid,ask\n" + "".join(f"{stamp},1.1,1.1\n" for stamp in stamps)


def two(folder: Path, *, minutes: int = 30) -> Path:
    """Write EURUSD and GBPUSD of so many minutes into *folder*, GBPUSD 20 seconds later, and return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "EURUSD.csv").write_text(quotes(minutes, seconds=10))
    (folder / "GBPUSD.csv").write_text(quotes(minutes, seconds=30))
    return folder


class Seen(NamedTuple):
    """A bar as it was shown: its end, the time of the view, and the end of the newest bar of the other symbol."""

    symbol: str
    end_ns: int
    time_ns: int
    other_end_ns: int | None


class Watcher(mtf.Consumer):
    """Looks at the symbol *of* in each 5m bar's callback, or only in those of *symbol*."""

    def __init__(self, *, of: str, symbol: str | None = None) -> None:
        self.of = of
        self.symbol = symbol
        self.seen: list[Seen] = []

    def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
        if str(bar.timeframe) != "5m" or (self.symbol is not None and bar.symbol != self.symbol):
            return
        bars = view.of(self.of)["5m"].bars
        self.seen.append(Seen(bar.symbol, bar.end_ns, view.time_ns, bars[-1].end_ns if bars else None))
