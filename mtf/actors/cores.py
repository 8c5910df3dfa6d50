"""The core actors: an aggregator and an indicator actor a timeframe, and the synchronizer that joins their parts.

Thin shells: each carries messages in and out of a pure core. A block goes from the source to all aggregators, the part
of each timeframe through its indicator actor to the synchronizer, and the frame from there to every consumer.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy_extensions import mypyc_attr

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

__all__ = ["AggregatorActor", "IndicatorActor", "Synchronizer", "TimeframeResult"]


class TimeframeResult:
    """One timeframe's share of a block: its bars, and once they are known its indicator values."""

    __slots__ = ("columns", "judged", "numbers")

    def __init__(self, judged: JudgedBlock, columns: Columns) -> None:
        self.judged = judged
        self.columns = columns
        self.numbers: Numbers | None = None  # set by the indicator actor, which owns the part then


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
        self.rows_asked: Callable[[], bool] = _always  # whether someone is shown single rows

    def handle(self, message: TimeframeResult) -> TimeframeResult:
        if self.calculator is not None:
            message.numbers = self.calculator.compute(message.judged, message.columns, self.rows_asked())
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
        self._gathering: dict[
            int, list[TimeframeResult]
        ] = {}  # parts that have come in, by the first seq of their block
        self._markers: dict[Marker, int] = {}  # how often a marker has come in

    def handle(self, message: TimeframeResult) -> Frame | None:
        key = message.judged.block.first_seq
        parts = self._gathering.setdefault(key, [])
        parts.append(message)
        if len(parts) < self._ranks:
            return None
        # Each timeframe answers in order, so the parts of a block are complete before those of the next.
        del self._gathering[key]
        parts.sort(key=_rank)
        numbers = [part.numbers for part in parts if part.numbers is not None]
        frame = self.joiner.join(message.judged, [part.columns for part in parts], numbers)
        frame.feed(self.digest)
        self._published(frame)
        return frame

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
        assert all(key > marker.seq for key in self._gathering), "a marker comes after the blocks before it"
        self._passed(marker)
        return marker


def _rank(part: TimeframeResult) -> int:
    return part.columns.rank


def _always() -> bool:
    return True
