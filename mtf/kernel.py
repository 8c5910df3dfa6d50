"""The kernel: the pure cores of one configuration, and the path of a block through them.

The pipeline distributes these cores over actors; state queries, tests and workers run them in one place. Both get the
same frames from the same blocks, because they run the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from mtf.archive import VERSION, WITH_HISTORY, Archive
from mtf.bars.activity import ActivityAggregator
from mtf.bars.aggregate import Aggregator
from mtf.bars.digest import Digest
from mtf.bars.gate import Gate
from mtf.bars.judged_block import Instrument, JudgedBlock
from mtf.bars.placement import MarketBarClock
from mtf.bars.verdicts import PRICE_SIDES
from mtf.config import Config
from mtf.errors import CorruptCheckpoint
from mtf.events.block import Block
from mtf.frames.frame import Frame
from mtf.frames.joiner import Joiner
from mtf.frames.snapshot import Snapshot
from mtf.frames.timeframe_state import Schema
from mtf.image import Core, Image, StoredRows
from mtf.indicators.calculator import Calculator
from mtf.indicators.catalogue import create_set
from mtf.indicators.value_history import ValueHistory
from mtf.indicators.values import places_of
from mtf.saved_parts import (
    BARS,
    GATE,
    INDICATORS,
    VALUES,
    has_history,
    history_of,
    is_with_history,
    parts_of,
    pieces_of,
    saved,
)
from mtf.timeframe import Timeframe

__all__ = ["RESULTS", "Kernel", "bar_clock_of"]

RESULTS: Final = 2  # increased when the same log gives different results; results stored before that are not used


class Kernel:
    """All cores of a pipeline: gate, an aggregator per timeframe, indicators, joiner, digest.

    A worker's kernel computes indicators only for the symbols that it *owns*, by timeframe rank and symbol number.
    """

    def __init__(self, config: Config, owns: Callable[[int, int], bool] | None = None) -> None:
        self.config = config
        config.calendars.prepare()  # now, not while ticks wait
        self.gate = Gate(
            config.calendars.calendar_of,
            config.clocked,
            anchor_ns=config.anchor_ns,
            side=PRICE_SIDES.index(config.price),
            keep_closed=config.closed == "keep",
            accept_late=config.late == "accept",
            any_price=config.prices == "any",
            price_max=config.price_max,
            delay_of=config.delay_of if config.delays else None,
        )
        self.aggregators = [_aggregator(config, rank, timeframe) for rank, timeframe in enumerate(config.timeframes)]
        self.calculators: list[Calculator] = []  # by rank; empty without indicators
        self.value_histories: list[ValueHistory] = []
        if any(config.indicators):
            for rank, (timeframe, specs) in enumerate(zip(config.timeframes, config.indicators, strict=True)):
                items = create_set(specs, timeframe=timeframe)
                owned = None if owns is None else partial(owns, rank)
                calculator = Calculator(items, config.live != "off", owned)
                self.calculators.append(calculator)
                self.value_histories.append(ValueHistory(calculator.width, config.history))
        self.joiner = Joiner(len(self.aggregators), config.history, self.value_histories)
        self.digest = Digest()
        self._numbers: dict[str, int] = {}  # of the joiner's symbols, filled on demand
        outputs = [calculator.items.described for calculator in self.calculators]
        self.schema = Schema(list(config.timeframes), outputs or [[] for _ in self.aggregators])

    def begin(self, seq: int, names: Sequence[str]) -> None:
        """Start after event *seq*, for a log whose beginning was deleted; call it before processing any block.

        *names* are the symbols that had appeared by then; nothing else is known about them.
        """
        self.gate.begin(names)
        self.joiner.begin(seq, self.gate.instruments)

    def step(self, block: Block, rows: bool = True) -> Frame:
        """Process the next block of the log and return its frame.

        With *rows*, live values are computed for each row; without, only for each symbol's last row.
        """
        return self.apply(self.gate.judge(block), rows)

    def apply(self, judged: JudgedBlock, rows: bool = True, before_bars_of: int = -1) -> Frame:
        """Process the next block, already judged, and return its frame.

        See `step`. Without *rows*, live values are also computed for the last row of a symbol before each of its bars
        closes on the timeframe with rank *before_bars_of*.
        """
        columns = [aggregator.aggregate(judged) for aggregator in self.aggregators]
        places = None
        if self.calculators and not rows:
            places = places_of(judged, columns[before_bars_of].closings if before_bars_of >= 0 else None)
        numbers = [
            calculator.compute(judged, part, rows, places)
            for calculator, part in zip(self.calculators, columns, strict=False)
        ]
        frame = self.joiner.join(judged, columns, numbers)
        frame.feed(self.digest)
        return frame

    def save(self) -> dict[str, bytes]:
        """Return the state of every core by name, all as of the same event."""
        images = {name: Image(core) for name, core in self.cores().items()}
        for image in images.values():
            image.complete()
        others = {name: saved(archive) for name, archive in self.others().items()}
        return {name: b"".join(pieces_of(part)) for name, part in parts_of(images, others).items()}

    def load(self, parts: Mapping[str, bytes], histories: Mapping[str, StoredRows] | None = None) -> None:
        """Load a saved state into a kernel that has processed nothing; *histories* are the parts that are read later.

        CorruptCheckpoint if a part is missing, or does not match this configuration; the kernel is then unusable.
        """
        wanted = [*self.cores(), *self.others()]
        version = VERSION
        stored = histories or {}
        if is_with_history([*parts, *stored]):
            version = WITH_HISTORY
        else:
            wanted += [history_of(name) for name in self.cores() if has_history(name)]
        missing = [name for name in wanted if name not in parts and name not in stored]
        if missing:
            raise CorruptCheckpoint(f"the state of {', '.join(missing)} is missing")
        self.load_parts(parts, version)
        for name, core in self.cores().items():
            if has_history(name) and history_of(name) in stored:
                _load_later(core, stored[history_of(name)])
        for calculator, value_history in zip(self.calculators, self.value_histories, strict=True):
            value_history.recount(calculator.counts())
        for core in self.cores().values():
            if isinstance(core.stored, StoredRows):
                core.stored.ends = core.history_ends()
        self.joiner.published.fill(self.gate.counts(), self.aggregators)

    def load_parts(self, parts: Mapping[str, bytes], version: int = VERSION) -> None:
        """Load the state of only the cores in *parts*, saved in this *version*; see `load`."""
        for name, archive in self._loaders().items():
            if name not in parts:
                continue
            loading = Archive(parts[name], version)
            try:
                archive(loading)
                loading.finish()
            except (IndexError, ValueError, OverflowError) as error:
                raise CorruptCheckpoint(f"the saved state of {name} is invalid: {error}") from error

    def cores(self) -> dict[str, Core]:
        """Return the cores whose state is saved symbol by symbol, by the name of their part."""
        found: dict[str, Core] = {GATE: self.gate}
        for aggregator in self.aggregators:
            found[f"{BARS}{aggregator.timeframe}"] = aggregator
        for timeframe, calculator, value_history in zip(
            self.config.timeframes, self.calculators, self.value_histories, strict=False
        ):
            found[f"{INDICATORS}{timeframe}"] = calculator
            found[f"{VALUES}{timeframe}"] = value_history
        return found

    def history_bytes(self) -> int:
        """Return how much memory completed bars and values take."""
        return sum(int(core.history_bytes()) for name, core in self.cores().items() if has_history(name))

    def others(self) -> dict[str, Callable[[Archive], None]]:
        """Return what saves and loads the other cores, by the name of their part."""
        return {"joiner": partial(_archive_joiner, self.joiner, self.gate.instruments), "digest": self.digest.archive}

    def _loaders(self) -> dict[str, Callable[[Archive], None]]:
        """Return what loads each part, by name, in the order in which they must be loaded."""
        instruments = self.gate.instruments
        found: dict[str, Callable[[Archive], None]] = {}
        for name, core in self.cores().items():
            found[name] = partial(_load_core, core, instruments)
            if has_history(name):
                found[history_of(name)] = partial(_load_history, core)
        return found | self.others()

    def symbols(self) -> list[str]:
        """Return the symbols that have had an event, in order of appearance."""
        return [name for number, name in enumerate(self.joiner.names()) if self.joiner.is_seen(number)]

    def number_of(self, symbol: str) -> int:
        """Return the number of a symbol; -1 if it has had no event."""
        joiner = self.joiner
        while len(self._numbers) < joiner.count:
            number = len(self._numbers)
            self._numbers[joiner.name_of(number)] = number
        found = self._numbers.get(symbol, -1)
        return found if found >= 0 and joiner.is_seen(found) else -1

    def snapshot(self, number: int, last: bool = False) -> Snapshot:
        """Return the newest state of the symbol with this number."""
        joiner = self.joiner
        return joiner.snapshot(self.schema, number, last)


def _aggregator(config: Config, rank: int, timeframe: Timeframe) -> Aggregator:
    codes = any(config.indicators)
    if timeframe.timed:
        return Aggregator(timeframe, rank, config.history, config.anchor_ns, codes=codes)
    split, daily = config.overfill == "split", config.overnight == "close"
    return ActivityAggregator(timeframe, rank, config.history, split, daily, codes=codes)


def _load_core(core: Core, instruments: list[Instrument], archive: Archive) -> None:
    core.archive_head(archive)
    count = archive.count(0, 8)
    if isinstance(core, Aggregator | Calculator | ValueHistory):
        if count > len(instruments):
            raise CorruptCheckpoint(f"saved state: {count} symbols, but {len(instruments)} are known")
        core.make_room(instruments, count)
    for number in range(count):
        core.archive_symbol(archive, number)
    core.archive_end(archive)


def _load_history(core: Core, archive: Archive) -> None:
    count = archive.count(0, 8)
    if count != core.symbols_saved():
        raise CorruptCheckpoint(f"saved state: the history of {count} symbols, but {core.symbols_saved()} have one")
    for number in range(count):
        core.load_history(archive, number)


def _load_later(core: Core, stored: StoredRows) -> None:
    try:
        for number, count in stored.counts():
            if number >= core.symbols_saved():
                raise CorruptCheckpoint(f"saved state: a history of symbol {number} of {core.symbols_saved()}")
            core.load_later(number, count, stored)
    except OverflowError as error:
        raise CorruptCheckpoint(f"saved state: a history that cannot be: {error}") from error
    core.stored = stored


def _archive_joiner(joiner: Joiner, instruments: list[Instrument], archive: Archive) -> None:
    joiner.archive(archive, instruments)


def bar_clock_of(config: Config, noted: Callable[[str], None] | None = None) -> MarketBarClock:
    """Return the bar clock that places input bars under *config*; see `MarketBarClock` for *noted*."""
    return MarketBarClock(
        config.calendars.calendar_of,
        list(config.timeframes),
        anchor_ns=config.anchor_ns,
        keep_closed=config.closed == "keep",
        noted=noted,
    )
