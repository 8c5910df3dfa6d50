"""The state behind `mtf watch`: the newest of a data directory, updated as its log grows, or an earlier one.

Another process may be writing the log. Events are only taken in by calls, so everything that is read between two calls
of `take` or `step` is as of the same event. While the past is shown, the log is still taken in.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mtf.calendars.day import OPEN
from mtf.data import open_data
from mtf.data.next_close import next_close
from mtf.frames.snapshot import NO_TIME_NS, Snapshot
from mtf.kernel import Kernel
from mtf.log import LogReader, read_log
from mtf.storage.datadir import LOG
from mtf.storage.restore import engine_at
from mtf.web.past import Past

__all__ = ["Watched"]

RATE_S: Final = 5.0  # the span for counting events per second
TAKES_MAX: Final = 1024  # that are counted


class Watched:
    """The state of *directory* as of `seq`, at first the newest; a context manager. Raises the directory's errors."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory: Final = directory
        self._engine: Final[Kernel] = engine_at(directory)
        self._past: Past | None = None  # from the first step back on
        self._at: int | None = None  # the event of the past that is shown; None: the newest
        self._reader: Final[LogReader] = read_log(directory / LOG, self._engine.joiner.seq + 1)
        self._clock: Final = clock
        self._began_s: Final = clock()
        self._takes: Final[deque[tuple[float, int]]] = deque(maxlen=TAKES_MAX)  # times and numbers of events
        self._rejected: Final[dict[str, int]] = {}  # counts of each symbol when it was first shown

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_error: object) -> None:
        self._reader.close()
        if self._past is not None:
            self._past.close()

    @property
    def newest_seq(self) -> int:
        """The newest event that has been taken in."""
        return int(self._engine.joiner.seq)

    @property
    def seq(self) -> int:
        """The event whose state is shown."""
        return self.newest_seq if self._at is None else self._at

    @property
    def is_live(self) -> bool:
        """Whether that is the newest one."""
        return self._at is None

    @property
    def timeframe_names(self) -> list[str]:
        """The timeframes that each symbol has, shortest first."""
        return self._engine.config.timeframes.names

    @property
    def timeframes(self) -> int:
        """The number of symbols."""
        return len(self._engine.config.timeframes)

    def take(self, budget_s: float) -> bool:
        """Take in new events, for at most *budget_s* seconds; return whether there may be more already."""
        until_s = self._clock() + budget_s
        before = self.newest_seq
        more = True
        while more and self._clock() < until_s:
            logged = self._reader.poll()
            more = logged is not None
            if logged is not None:
                self._engine.step(logged.block)
        if self.newest_seq > before:
            self._takes.append((self._clock(), self.newest_seq - before))
        return more

    def step(self, symbol: str, direction: int, timeframe: str | None = None) -> None:
        """Go to the tick of *symbol*, or close of its *timeframe*, before (-1) or after (1) `seq`; 0: to the newest.

        Stays if there is none before; after the last one comes the newest. The first call takes as long as replaying
        the log up to there; call it in a thread.
        """
        if direction == 0:
            self._at = None
        if direction == 0 or (direction > 0 and self._at is None):
            return
        past = self._past
        if past is None:
            past = self._past = Past(self._directory)
            past.start()
        if timeframe is None:
            found = past.next_tick(symbol, self.seq, direction)
        else:
            found = self._next_close(symbol, timeframe, direction)
        if found is not None and found < self.newest_seq:
            self._at = found
        elif direction > 0:
            self._at = None

    def _next_close(self, symbol: str, timeframe: str, direction: int) -> int | None:
        """Return the event that closed the bar before, or closes the one after, `seq`; None if there is none."""
        known = self.snapshot(symbol)[timeframe].bars
        with open_data(self._directory) as reader:
            return next_close(reader, symbol, timeframe, self.seq, known, direction)

    def _in_past(self, symbol: str) -> Snapshot | None:
        """Return the state of *symbol* in the past that is shown; None in the present, and before its first event."""
        return None if self._past is None or self._at is None else self._past.snapshot(symbol, self._at)

    def rate(self) -> float:
        """Return events per second, of the last few seconds."""
        now_s = self._clock()
        span_s = min(RATE_S, now_s - self._began_s)
        events = sum(count for at_s, count in self._takes if at_s > now_s - RATE_S)
        return events / span_s if span_s > 0.0 else 0.0

    def symbols(self) -> list[str]:
        """Return the symbols that have had an event, in order of appearance."""
        symbols = self._engine.symbols()
        if self._at is None:
            return symbols
        known = bisect_left(symbols, True, key=lambda symbol: self._in_past(symbol) is None)
        return symbols[:known]

    def snapshot(self, symbol: str) -> Snapshot:
        """Return the state of *symbol* as of `seq`."""
        found = self._in_past(symbol)
        return self._engine.snapshot(self._engine.number_of(symbol)) if found is None else found

    def is_open(self, snapshot: Snapshot) -> bool:
        """Return whether the market of a symbol is open by its calendar, at the symbol's own clock."""
        if snapshot.time_ns == NO_TIME_NS:
            return True
        calendar = self._engine.config.calendars.calendar_of(snapshot.symbol)
        return bool(calendar.span_at(snapshot.time_ns).state == OPEN)

    def newly_rejected(self, snapshot: Snapshot) -> int:
        """Return how many events of a symbol have been rejected since it was first shown; 0 in the past."""
        if self._at is not None:
            return 0
        total = sum(snapshot.counts.rejected.values())
        return total - self._rejected.setdefault(snapshot.symbol, total)
