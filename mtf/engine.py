"""The engine: the pure cores of one configuration, and how a block goes through them.

The pipeline spreads these cores over actors; state queries, tests and workers run them in one place. Both get the same
frames from the same blocks, because they are the same code.
"""

from __future__ import annotations

from mtf.bars.aggregate import Aggregator
from mtf.bars.digest import Digest
from mtf.bars.gate import PRICE_SIDES, Gate
from mtf.config import Config
from mtf.events.block import Block
from mtf.frames.frame import Frame, Joiner
from mtf.frames.snapshot import Snapshot
from mtf.frames.state import Kept
from mtf.indicators.bank import Bank
from mtf.indicators.catalogue import create_set
from mtf.timeframe import DAY_NS

__all__ = ["Engine"]


class Engine:
    """All cores of a pipeline: gate, an aggregator a timeframe, indicators, joiner, digest."""

    def __init__(self, config: Config) -> None:
        self.config = config
        finest = config.timeframes[0]
        self.gate = Gate(
            config.calendars.calendar_of,
            side=PRICE_SIDES.index(config.price),
            keep_closed=config.closed == "keep",
            accept_late=config.late == "accept",
            finest_ns=finest.length_ns if finest.length_ns < DAY_NS else 0,
        )
        self.aggregators = [
            Aggregator(timeframe, rank, config.history) for rank, timeframe in enumerate(config.timeframes)
        ]
        any_kept = any(config.indicators)  # a frame has values of all timeframes, or of none
        self.banks = [
            Bank(create_set(specs, timeframe=timeframe), config.history, config.live == "each") if any_kept else None
            for timeframe, specs in zip(config.timeframes, config.indicators, strict=True)
        ]
        self.joiner = Joiner()
        self.digest = Digest()
        self._numbers: dict[str, int] = {}  # of the joiner's symbols, filled when asked
        self.kept = Kept(list(config.timeframes), [bank.names if bank else [] for bank in self.banks])

    def step(self, block: Block) -> Frame:
        """Take the next block of the log and return its frame."""
        judged = self.gate.judge(block)
        columns = [aggregator.aggregate(judged) for aggregator in self.aggregators]
        values = [
            bank.compute(judged, part) for bank, part in zip(self.banks, columns, strict=True) if bank is not None
        ]
        frame = self.joiner.join(judged, columns, values)
        frame.feed(self.digest)
        return frame

    def number_of(self, symbol: str) -> int:
        """Return the number of a symbol that has been published; -1 where there is none."""
        states = self.joiner.states
        while len(self._numbers) < len(states):
            self._numbers[states[len(self._numbers)].instrument.name] = len(self._numbers)
        return self._numbers.get(symbol, -1)

    def snapshot(self, number: int, last: bool = False) -> Snapshot:
        """Return the newest state of the symbol with this number."""
        joiner = self.joiner
        return Snapshot(self.kept, joiner.states[number], joiner.seq, joiner.clock_ns, last)
