"""The market that is served: the newest state of a data directory, followed as its log grows.

Another process may be writing the log. Owns an engine that takes in each block once, the newest tick of each symbol,
and the newest rejected ticks; notifies waiters of anything new. A page sees nothing else of the present.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from mtf.bars.judged_block import JudgedBlock
from mtf.bars.verdicts import LATE_ACCEPTED, VERDICT_NAMES
from mtf.calendars.calendar import Calendar
from mtf.errors import MtfError, UnknownSymbol
from mtf.events.block import Block, tick_at
from mtf.events.tick import Tick
from mtf.frames.snapshot import Snapshot
from mtf.kernel import Kernel
from mtf.log import LogReader, SegmentList, read_log
from mtf.storage.datadir import LOG
from mtf.storage.restore import engine_at
from mtf.web.closing_seqs import ClosingSeqs
from mtf.web.readers import Readers

__all__ = ["Market", "Reject", "newest_after", "rejects_in"]

POLL_S: Final = 0.02
LOOK_S: Final = 1.0  # how often to look, if nothing comes, whether it is still the same log
SETTLE_S: Final = 0.5  # an import is done with its renames by then
SLICE_S: Final = 0.004  # how long blocks are taken in at a time before others get a turn
BLOCK_EVENTS: Final = 256
REJECTS_KEPT: Final = 100
CLOSED_KEPT: Final = 500  # closings of a symbol and timeframe of activity


@attrs.frozen
class Reject:
    """A rejected tick."""

    seq: int
    symbol: str
    time_ns: int
    reason: str
    price: float | None


class Market:
    """The state of the data directory *path* as of the newest event of its log."""

    def __init__(self, path: Path, *, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        self.path: Final = path
        self.readers: Final = Readers(path)  # of the same log
        self.failure: str = ""  # why nothing new comes any more
        self.rejects: Final[deque[Reject]] = deque(maxlen=REJECTS_KEPT)
        self.rate = 0.0  # recent events per second
        self._engine: Kernel | None = None
        self._reader: LogReader | None = None
        self._closed: ClosingSeqs | None = None
        self._sleep: Final = sleep
        self._ticks: Final[
            dict[int, Tick]
        ] = {}  # the newest, accepted or rejected, of each symbol with events since the start
        self._changed: asyncio.Event = asyncio.Event()
        self._newest_ns = -1  # of the accepted events
        self._newest_s = 0.0  # when the newest block came, by the monotonic clock
        self._counted: deque[tuple[float, int]] = deque(maxlen=64)

    async def start(self) -> None:
        """Read to the end of the log; raises the directory's errors."""
        self._engine = await asyncio.to_thread(engine_at, self.path)
        self._closed = ClosingSeqs(self._engine.config.timeframes, self.seq, CLOSED_KEPT)
        self._newest_ns = int(self._engine.gate.newest_ns)
        self._reader = await asyncio.to_thread(read_log, self.path / LOG, self._engine.joiner.seq + 1)

    async def follow(self) -> None:
        """Take in new events until another log takes its place; a damaged log becomes `failure`."""
        engine, reader = self.engine, self._reader
        assert reader is not None, "the market has started"
        segments = SegmentList(self.path / LOG)
        next_look_s = 0.0
        try:
            while True:
                until = time.monotonic() + SLICE_S
                before = engine.joiner.seq
                while time.monotonic() < until:
                    logged = reader.poll()
                    if logged is None:
                        break
                    self._take(logged.block)
                if engine.joiner.seq != before:
                    self._announce(engine.joiner.seq - before)
                    await self._sleep(0)
                else:
                    self._announce(0)
                    if time.monotonic() >= next_look_s:
                        next_look_s = time.monotonic() + LOOK_S
                        if _is_other(segments, reader.run_id):
                            return
                    await self._sleep(POLL_S)
        except (MtfError, OSError) as error:
            await self._sleep(SETTLE_S)
            if _is_other(segments, reader.run_id):  # which was taken for damage
                return
            self.failure = str(error)
            self._changed.set()
        finally:
            reader.close()

    @property
    def engine(self) -> Kernel:
        assert self._engine is not None, "the market has started"
        return self._engine

    @property
    def seq(self) -> int:
        """The newest event."""
        return int(self.engine.joiner.seq)

    @property
    def newest_ns(self) -> int:
        """The newest stamp of any accepted event; negative if there is none."""
        return self._newest_ns

    @property
    def run_id(self) -> str:
        """The id of this log."""
        assert self._reader is not None, "the market has started"
        return self._reader.run_id.hex()

    @property
    def idle_s(self) -> float | None:
        """The time since the newest event came; None if none came since the start."""
        return time.monotonic() - self._newest_s if self._newest_s else None

    def symbols(self) -> list[str]:
        return self.engine.symbols()

    def snapshot(self, symbol: str) -> Snapshot:
        """Return the newest state of *symbol*; UnknownSymbol if it has no event yet."""
        return self.engine.snapshot(self._number(symbol))

    def found(self, text: str) -> list[str]:
        """Return the symbols that begin with *text*, then those that contain it; case does not matter."""
        names = self.symbols()
        if not text:
            return names
        wanted = text.lower()
        names = [name for name in names if wanted in name.lower()]
        names.sort(key=lambda name: not name.lower().startswith(wanted))  # stable: in order of appearance otherwise
        return names

    def tick(self, symbol: str) -> Tick | None:
        """Return the newest tick of *symbol* that came while the log was followed; None if there is none."""
        return self._ticks.get(self._number(symbol))

    def remember(self, symbol: str, tick: Tick) -> None:
        """Take *tick*, found in the log, as the newest one of *symbol*, unless a newer one has come."""
        self._ticks.setdefault(self._number(symbol), tick)

    def closed_after(self, symbol: str, seq: int) -> dict[str, int | None]:
        """Return by timeframe of activity how many bars events after *seq* closed; None if that is too long ago."""
        assert self._closed is not None, "the market has started"
        return self._closed.after(self._number(symbol), seq)

    def calendar(self, symbol: str) -> Calendar:
        return self.engine.config.calendars.calendar_of(symbol)

    def zone(self) -> str:
        """Return the IANA name of the time zone of the first symbol's exchange."""
        symbols = self.symbols()
        return self.calendar(symbols[0] if symbols else "").local_time(0)[1]

    async def changed(self) -> None:
        """Return once there is something new."""
        await self._changed.wait()

    def _number(self, symbol: str) -> int:
        number = self.engine.number_of(symbol)
        if number < 0:
            raise UnknownSymbol(f"no event of {symbol!r} is in {self.path}")
        return number

    def _take(self, block: Block) -> None:
        engine = self.engine
        judged = engine.gate.judge(block)
        assert self._closed is not None, "the market has started"
        self._closed.note(engine.apply(judged))
        self._newest_ns = newest_after(engine, judged, self._newest_ns)
        self._note_ticks(judged)

    def _note_ticks(self, judged: JudgedBlock) -> None:
        """Remember the newest tick of each symbol in the block, and the rejected ones."""
        block = judged.block
        left = set(judged.touched)
        for i in range(block.count - 1, -1, -1):
            number = block.symbol_at(i)
            if number in left:
                left.discard(number)
                self._ticks[number] = tick_at(block.rows, i, self.engine.gate.instruments[number].name)
                if not left:
                    break
        self.rejects.extend(rejects_in(judged))

    def _announce(self, events: int) -> None:
        now = time.monotonic()
        self._counted.append((now, events))
        first = self._counted[0][0]
        total = sum(count for at, count in self._counted if at > now - 1.0)
        self.rate = total / min(1.0, max(now - first, 0.05))
        if events:
            self._newest_s = now
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


def _is_other(segments: SegmentList, run_id: bytes) -> bool:
    """Return whether a log that is not that of *run_id* is in its place."""
    try:
        return segments.run_id != run_id
    except (MtfError, OSError):
        return False  # it is damaged, or being replaced


def newest_after(engine: Kernel, judged: JudgedBlock, before_ns: int) -> int:
    """Return the newest stamp of any accepted event after a block, given that it was *before_ns* until then.

    It equals `engine.gate.newest_ns`, which looks at every symbol; this only looks at those in the block.
    """
    if judged.has_clock:
        return int(engine.gate.newest_ns)
    return max([before_ns, *(int(engine.gate.outlook(number)[1]) for number in judged.touched)])


def rejects_in(judged: JudgedBlock) -> list[Reject]:
    """Return the rejected ticks of a block, in order."""
    block = judged.block
    found = []
    for i, verdict in enumerate(judged.verdicts):
        if verdict > LATE_ACCEPTED and block.symbol_at(i) >= 0:
            name = judged.instruments[block.symbol_at(i)].name
            tick = tick_at(block.rows, i, name)
            price = tick.price if tick.is_trade else tick.mid
            found.append(Reject(int(block.first_seq) + i, name, int(tick.ts_ns), VERDICT_NAMES[verdict], price))
    return found
