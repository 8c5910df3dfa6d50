"""The core actors: an aggregator and an indicator actor a timeframe, and the synchronizer that joins their parts.

Thin shells: each carries messages in and out of a pure core. A block goes from the source to all aggregators, the part
of each timeframe through its indicator actor to the synchronizer, and the frame from there to every consumer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64, mypyc_attr

from mtf.actors.actor import Actor, Marker, MarkerKind
from mtf.archive import Archive
from mtf.bars.aggregate import Aggregator
from mtf.bars.columns import Columns
from mtf.bars.digest import Digest
from mtf.bars.judged_block import JudgedBlock
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner
from mtf.image import Core, Image
from mtf.indicators.calculator import Calculator
from mtf.indicators.values import Numbers
from mtf.saved_parts import BARS, INDICATORS, saved

__all__ = ["AggregatorActor", "Demand", "IndicatorActor", "Synchronizer", "TimeframeResult"]


class Demand:
    """Which live values are computed: those of each row, or only those of a symbol's newest row in a block."""

    __slots__ = ("_always", "rows")

    def __init__(self, always: bool = True) -> None:
        self._always = always
        self.rows = always

    def set_rows(self, looked_at: bool) -> None:
        """Note whether single rows are looked at by anyone who is shown frames."""
        self.rows = looked_at or self._always


@mypyc_attr(native_class=True, acyclic=True)
class TimeframeResult:
    """One timeframe's share of a block: its bars, and once they are known its indicator values."""

    __slots__ = ("columns", "judged", "numbers")

    def __init__(self, judged: JudgedBlock, columns: Columns) -> None:
        self.judged = judged
        self.columns = columns
        self.numbers: Numbers | None = None  # set by the indicator actor, which owns the part then


@mypyc_attr(native_class=True, acyclic=True)
class _Parts:
    """The results of all timeframes for one block, by rank, as they come in; the first stands for those to come.

    Either all have numbers, or none has.
    """

    __slots__ = ("columns", "first_seq", "missing", "numbers")

    def __init__(self, first: TimeframeResult, ranks: i64) -> None:
        self.first_seq: Final[i64] = first.judged.block.first_seq
        self.missing = ranks
        self.columns = [first.columns] * ranks
        numbers = first.numbers
        self.numbers: list[Numbers] = [] if numbers is None else [numbers] * ranks

    def put(self, part: TimeframeResult) -> None:
        rank: i64 = part.columns.rank
        self.columns[rank] = part.columns
        if part.numbers is not None:
            self.numbers[rank] = part.numbers
        self.missing -= 1


class AggregatorActor(Actor):
    """Makes the bars of one timeframe."""

    def __init__(self, core: Aggregator) -> None:
        super().__init__(f"aggregator {core.timeframe}")
        self.core = core
        self.part = f"{BARS}{core.timeframe}"  # names its state in a checkpoint

    def handle(self, message: JudgedBlock) -> TimeframeResult:
        return TimeframeResult(message, self.core.aggregate(message))

    def on_marker(self, marker: Marker) -> Marker:
        return self.marked(marker, self.part)


@mypyc_attr(native_class=True, allow_interpreted_subclasses=True)
class IndicatorActor(Actor):
    """Computes the indicators of one timeframe."""

    def __init__(self, name: str) -> None:
        super().__init__(f"indicators {name}")
        self.calculator: Calculator | None = None
        self.part = f"{INDICATORS}{name}"  # names the calculator's state in a checkpoint
        self.demand = Demand()

    def handle(self, message: TimeframeResult) -> TimeframeResult:
        if self.calculator is not None:
            message.numbers = self.calculator.compute(message.judged, message.columns, self.demand.rows)
        return message

    def on_marker(self, marker: Marker) -> Marker:
        return self.marked(marker, self.part)


class Synchronizer(Actor):
    """Joins the parts of each block into a frame and publishes it."""

    def __init__(
        self,
        joiner: Joiner,
        digest: Digest,
        ranks: int,
        published: Callable[[Frame], None],
        passed: Callable[[Marker], None],
    ) -> None:
        super().__init__("synchronizer", limit=8 * ranks)
        self.joiner = joiner
        self.digest = digest
        self._ranks = ranks
        self._published = published  # called with each frame before the consumers
        self._passed = passed  # called with each marker before the consumers
        self.values: dict[str, Core] = {}  # the value histories, by part of a checkpoint
        self.others: dict[str, Callable[[Archive], None]] = {}  # of the joiner and the digest
        self._gathering: list[_Parts] = []  # parts that have come in, by block
        self._markers: dict[Marker, int] = {}  # how often a marker has come in

    def handle(self, message: TimeframeResult) -> Frame | None:
        parts = self._parts_of(message)
        parts.put(message)
        if parts.missing:
            return None
        # Each timeframe answers in order, so the parts of a block are complete before those of the next.
        assert self._gathering[0] is parts, "blocks are complete in order"
        del self._gathering[0]
        frame = self.joiner.join(message.judged, parts.columns, parts.numbers)
        frame.feed(self.digest)
        self._published(frame)
        return frame

    def _parts_of(self, message: TimeframeResult) -> _Parts:
        """Return what is gathered of the block of *message*, of which it may be the first part."""
        first_seq = message.judged.block.first_seq
        for parts in self._gathering:
            if parts.first_seq == first_seq:
                return parts
        begun = _Parts(message, self._ranks)
        self._gathering.append(begun)
        return begun

    def on_marker(self, marker: Marker) -> Marker | None:
        count = self._markers.get(marker, 0) + 1
        if count < self._ranks:
            self._markers[marker] = count
            return None
        self._markers.pop(marker, None)
        if marker.kind is MarkerKind.CHECKPOINT:
            marker.digest = self.digest.value()
            for part, core in self.values.items():
                marker.images[part] = Image(core)
            for part, archive in self.others.items():
                marker.parts[part] = saved(archive)
        assert all(parts.first_seq > marker.seq for parts in self._gathering), "a marker comes after blocks before it"
        self._passed(marker)
        return marker
