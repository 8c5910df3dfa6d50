"""The newest state of a log that is being written, and the bars it has closed that are not stored yet; for one reader.

Restoring a market for each question would cost as much as the market is large. The engine here is restored for the
first one, and then continued: a further question costs what has come since.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Final

from mtf.bars.bar import Bar
from mtf.kernel import Kernel
from mtf.storage.restore import closed_between, closed_by, engine_before, entries_of, lacks_past
from mtf.storage.storage import Storage

__all__ = ["Closed", "Newest"]

EVENTS_MAX: Final = 1 << 16  # to continue over, or not stored: what is further away is restored, or not held
CLOSED_MAX: Final = 1 << 18  # bars held for a question about bars, of few events that closed many
IDLE_MAX: Final = 1 << 12  # bars held while there are questions about states only

Closed = tuple[Bar, int, list[float]]  # a completed bar, the seq of the event that closed it, and its values


class Newest:
    """Follows the log of *storage*, from the first question on; for any thread, one after the other."""

    def __init__(self, storage: Storage) -> None:
        self._storage: Final = storage
        self._lock: Final = Lock()
        self._keeps = True
        self._engine: Kernel | None = None
        self._bars_only = True  # the engine has no indicators
        self._lacks_past = False  # events before the engine's first one were removed
        self._after_seq = 0  # bars closed by later events, up to the engine's seq, are held
        self._closed: list[Closed] = []  # in the order of the log

    @contextlib.contextmanager
    def engine(self, last_seq: int) -> Iterator[Kernel]:
        """A context with the engine as it is after *last_seq*, the newest event, to look at."""
        with self._lock:
            if self._bars_only or self._lacks_past or not self._is_near(last_seq):
                self._restore(last_seq, bars_only=False)
            yield self._continued(last_seq)
            if len(self._closed) > IDLE_MAX:
                dropped = len(self._closed) - IDLE_MAX // 2
                self._after_seq = self._closed[dropped - 1][1]
                del self._closed[:dropped]

    def closed_between(self, after_seq: int, last_seq: int, *, bars_only: bool) -> Iterable[Closed]:
        """Return the bars that `mtf.storage.restore.closed_between` yields."""
        if after_seq >= last_seq:
            return ()
        if self._keeps and last_seq - after_seq <= EVENTS_MAX:
            with self._lock:
                held = after_seq >= self._after_seq and (bars_only or not self._bars_only) and self._is_near(last_seq)
                if not held:
                    self._restore(after_seq, bars_only=bars_only and self._bars_only)
                self._continued(last_seq)
                if after_seq >= self._after_seq:
                    del self._closed[: self._place(after_seq)]
                    self._after_seq = after_seq
                    return self._closed[: self._place(last_seq)]
        return closed_between(self._storage, after_seq, last_seq, bars_only=bars_only)

    def close(self) -> None:
        """Forget the state of the market, and keep none from now on."""
        self._keeps = False
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._engine, self._bars_only, self._lacks_past, self._after_seq, self._closed = None, True, False, 0, []

    def _is_near(self, last_seq: int) -> bool:
        """Whether the engine exists, and it takes less to continue it to *last_seq* than to restore another."""
        return self._engine is not None and last_seq - self._engine.joiner.seq <= EVENTS_MAX

    def _restore(self, seq: int, *, bars_only: bool) -> None:
        """Begin again, at or before *seq*."""
        self._forget()
        self._engine = engine_before(self._storage, seq, bars_only=bars_only)
        self._bars_only = bars_only
        self._after_seq = self._engine.joiner.seq
        self._lacks_past = lacks_past(self._storage, self._after_seq)

    def _continued(self, last_seq: int) -> Kernel:
        """Return the engine, after *last_seq*, or a later event if it is there already."""
        engine = self._engine
        assert engine is not None, "it was restored"
        if engine.joiner.seq >= last_seq:
            return engine
        log = self._storage.read_log()
        if log.first_seq > engine.joiner.seq + 1:  # what it would continue over was removed
            self._restore(last_seq, bars_only=self._bars_only)
            return self._continued(last_seq)
        names = engine.joiner.names()
        try:
            for block, _ in entries_of(log, engine.joiner.seq + 1, last_seq, names=names):
                self._closed.extend(closed_by(engine, block))
                if len(self._closed) > CLOSED_MAX:
                    self._closed, self._after_seq = [], engine.joiner.seq
        except BaseException:
            self._forget()  # what was interrupted in an event cannot be continued
            raise
        return engine

    def _place(self, seq: int) -> int:
        """Return how many of the bars that are held were closed by events up to *seq*."""
        return bisect_right(self._closed, seq, key=_seq_of)


def _seq_of(closed: Closed) -> int:
    return closed[1]
