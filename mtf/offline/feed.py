"""The events of a whole source as blocks: of a file, an iterable, a frame, or the log of a data directory.

Finite sources are read in order of time, by the same rules as in `Pipeline.run`, so that a kernel gets the same results
from these blocks as a pipeline would. A log is read as it is.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mtf.bars.placement import MarketBarClock, check_logged_bars
from mtf.config import Config
from mtf.data.data_reader import DataReader
from mtf.errors import ConfigError
from mtf.events.block import Block, SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.events.block_size import BlockSize
from mtf.kernel import Kernel, bar_clock_of
from mtf.order import BY_LOG, BY_TIME, LogOrder, OutOfOrderWarning
from mtf.pipeline.reading import OUT_OF_ORDER, open_given
from mtf.sources.merge import MergedSource
from mtf.sources.source import Source
from mtf.storage.datadir import LOG
from mtf.storage.restore import fresh_engine, logged_blocks

__all__ = ["Feed", "feed_of"]


class Feed:
    """A source that can be read from its start, any number of times, under one configuration."""

    def __init__(self, config: Config, name: str) -> None:
        self.config: Final = config
        self.name: Final = name
        self.once = False  # it can only be read once

    def begin(self, config: Config) -> Kernel:
        """Return the kernel, with *config*, for the blocks."""
        return Kernel(config)

    def blocks(self) -> Iterator[Block]:
        """Yield the events from the first on."""
        raise NotImplementedError


class LoggedFeed(Feed):
    """The log of a data directory, up to its current last event."""

    def __init__(self, reader: DataReader, config: Config) -> None:
        super().__init__(config, reader.name)
        self._changed: Final = bool(config.differences(reader.config))
        self._storage: Final = reader.storage
        self._last_seq: Final = reader.seq

    def begin(self, config: Config) -> Kernel:
        return fresh_engine(config, self._storage.read_log())

    def blocks(self) -> Iterator[Block]:
        if not self._last_seq:
            return
        logged = logged_blocks(self._storage, self._storage.read_log().first_seq, self._last_seq)
        yield from self._checked(logged) if self._changed else logged

    def _checked(self, logged: Iterator[Block]) -> Iterator[Block]:
        """Yield blocks logged under another configuration, checking that their input bars fit this one."""
        kernel, clock = self.begin(self.config), _bar_clock(self.config)
        symbols = SymbolTable([instrument.name for instrument in kernel.gate.instruments])
        for block in logged:
            symbols.learn(block)
            check_logged_bars(clock, block, symbols.names)
            yield block


class SourceFeed(Feed):
    """A source as in `Pipeline.run`, except for those that have to be awaited."""

    def __init__(self, config: Config, given: Any, options: dict[str, Any], *, reorder_ns: int, sort: bool) -> None:
        if hasattr(given, "__aiter__"):
            raise ConfigError("an async iterable has to be awaited: run it through a pipeline, with data= to store it")
        self._given: Final = given
        self._options: Final = options
        self._reorder_ns: Final = reorder_ns
        self._sort: Final = sort
        self._start: Final = given.position() if isinstance(given, Source) else None
        self._opened: MergedSource | None = self._open()  # until it is first read
        self._reading = False  # a reader is active
        super().__init__(config, self._opened.name)
        self.once = isinstance(given, Iterator)

    def blocks(self) -> Iterator[Block]:
        opened, self._opened = self._opened, None
        if opened is None:
            if self.once:
                raise ConfigError(f"{self.name}: an iterator can only be read once: pass a list, or keep the result")
            if self._start is not None:
                if self._reading:
                    raise ConfigError(
                        f"{self.name}: it is being read already, and has only one position: finish that, or copy it"
                    )
                self._given.seek(self._start)
            opened = self._open()
        self._reading = True
        try:
            yield from self._read(opened)
        finally:
            self._reading = False
            opened.close()

    def _open(self) -> MergedSource:
        return open_given(self._given, self._options, reorder_ns=self._reorder_ns, sort=self._sort)

    def _read(self, opened: MergedSource) -> Iterator[Block]:
        config, order = self.config, LogOrder()
        builder = BlockBuilder(SymbolTable(), aside=self._malformed, bar_clock=_bar_clock(config))
        builder.one_kind = config.price == "auto"
        size = BlockSize.of(None, len(config.timeframes), indicators=any(config.indicators))
        order.begin((), None)
        known = reordered = 0
        next_seq, more = 1, True
        while more:
            builder.ordered = order.kind != BY_LOG
            try:
                more = opened.fill(builder, size.events(len(builder.symbols.names)))
            finally:
                builder.ordered = False
            last_seq = next_seq + builder.count - 1
            order.given(opened.name, BY_TIME, next_seq, last_seq, next_seq - 1)
            order.reordered, reordered = order.reordered + opened.reordered - reordered, opened.reordered
            if not builder.count:
                continue
            yield order.look(builder.take(next_seq), {})
            next_seq = last_seq + 1
            if order.out_of_order != known == 0:
                known = -1
                warnings.warn(f"{opened.name}: {OUT_OF_ORDER}", OutOfOrderWarning, stacklevel=2)

    def _malformed(self, place: str, line: int, reason: str, raw: str) -> None:
        _warn(f"{place}:{line}: {reason}: malformed rows are skipped")


def feed_of(given: Any, config: Config | None, settings: dict[str, Any], options: dict[str, Any]) -> Feed:
    """Return the feed of *given*, with *settings* of `Config.make` or *config*; *options* are those of the source.

    A data directory has its own configuration, in which *settings* replace those of the same name.
    """
    settings = {name: value for name, value in settings.items() if value is not None}
    if config is not None and settings:
        raise ConfigError(f"{', '.join(settings)}: already set by config=; give one or the other")
    if isinstance(given, str | os.PathLike) and (Path(given) / LOG).is_dir():
        given = DataReader(given)
    if isinstance(given, DataReader):
        if options:
            raise ConfigError(
                f"{', '.join(options)}: not supported for {given.path}, a data directory, read as it was logged"
            )
        own = given.config.changed(**settings) if settings else given.config
        return LoggedFeed(given, own if config is None else config)
    reorder_ns, sort = options.pop("reorder_ns", 0), options.pop("sort", False)
    config = config or Config.make(**settings)
    return SourceFeed(config, given, options, reorder_ns=reorder_ns, sort=sort)


def _bar_clock(config: Config) -> MarketBarClock:
    clock = bar_clock_of(config, _warn)
    clock.strict = config.asked
    return clock


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=2)
