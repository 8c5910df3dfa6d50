"""What `mtf watch` looks at: the newest state of a data directory, taken in as its log grows.

Whoever writes the log may be another process. Nothing is taken in by itself, so that everything that is asked for
between two calls of `take` is as of one and the same event.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mtf.calendars.day import OPEN
from mtf.frames.snapshot import NO_TIME_NS, Snapshot
from mtf.kernel import Kernel
from mtf.log import LogReader, read_log
from mtf.storage.datadir import LOG
from mtf.storage.restore import engine_at

__all__ = ["Watched"]

RATE_S: Final = 5.0  # over which events per second are counted
TAKES_MAX: Final = 1024  # that are counted


class Watched:
    """The state of *directory* as of `seq`; a context manager. Raises what is wrong with the log."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine: Final[Kernel] = engine_at(directory)
        self._reader: Final[LogReader] = read_log(directory / LOG, self._engine.joiner.seq + 1)
        self._clock: Final = clock
        self._began_s: Final = clock()
        self._takes: Final[deque[tuple[float, int]]] = deque(maxlen=TAKES_MAX)  # when, and how many events
        self._rejected: Final[dict[str, int]] = {}  # of each symbol that has been shown, when it first was

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_error: object) -> None:
        self._reader.close()

    @property
    def seq(self) -> int:
        """The newest event that has been taken in."""
        return int(self._engine.joiner.seq)

    @property
    def timeframes(self) -> int:
        """How many timeframes each symbol has."""
        return len(self._engine.config.timeframes)

    def take(self, budget_s: float) -> bool:
        """Take in what has come, for *budget_s* seconds at most; return whether there may be more at once."""
        until_s = self._clock() + budget_s
        before = self.seq
        more = True
        while more and self._clock() < until_s:
            logged = self._reader.poll()
            more = logged is not None
            if logged is not None:
                self._engine.step(logged.block)
        if self.seq > before:
            self._takes.append((self._clock(), self.seq - before))
        return more

    def rate(self) -> float:
        """Return events per second, of the last few seconds."""
        now_s = self._clock()
        span_s = min(RATE_S, now_s - self._began_s)
        events = sum(count for at_s, count in self._takes if at_s > now_s - RATE_S)
        return events / span_s if span_s > 0.0 else 0.0

    def symbols(self) -> list[str]:
        """Return the symbols that have had an event, in order of appearance."""
        return self._engine.symbols()

    def snapshot(self, symbol: str) -> Snapshot:
        """Return the state of *symbol* as of `seq`."""
        return self._engine.snapshot(self._engine.number_of(symbol))

    def is_open(self, snapshot: Snapshot) -> bool:
        """Return whether the market of a symbol is open by its calendar, at the symbol's own clock."""
        if snapshot.time_ns == NO_TIME_NS:
            return True
        calendar = self._engine.config.calendars.calendar_of(snapshot.symbol)
        return bool(calendar.span_at(snapshot.time_ns).state == OPEN)

    def newly_rejected(self, snapshot: Snapshot) -> int:
        """Return how many events of a symbol have been rejected since it was first shown."""
        total = sum(snapshot.counts.rejected.values())
        return total - self._rejected.setdefault(snapshot.symbol, total)
