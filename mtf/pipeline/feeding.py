"""Live feeds into the pipeline: their events, their outages, and which of their messages are in the log.

The events of a message go into one block, with its number beside it: both are in the log, or neither. So after a crash,
the log says exactly what to request from the server. While the pipeline is busy, several messages share a block.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from mtf.actors.reorder import ReorderWindow
from mtf.actors.sequencer import Sequencer
from mtf.bars.bar import Bar
from mtf.errors import MalformedEvent
from mtf.events.block import BY_FEED
from mtf.events.tick import Tick
from mtf.feeds.live_feed import Delivery, Feed
from mtf.feeds.numbering import Numbering
from mtf.pipeline.pushes import Pushes, stamp_of
from mtf.pipeline.run import Run
from mtf.units import NEVER_NS

__all__ = ["feed_live"]

PREFIX: Final = "feed:"
STREAM: Final = "/"  # between the feed's name and the stream's, in the name of a position


async def feed_live(run: Run, feed: Feed) -> None:
    """Feed the deliveries of *feed* into *run* until it ends; FeedDown if it gives up."""
    positions = {} if run.storage is None else run.storage.log.positions
    newest_ns = int(run.engine.gate.newest_ns)
    await _Feeding(feed, run.pushes, run.source, positions, None if newest_ns == NEVER_NS else newest_ns).run()


class _Feeding:
    """Hands the deliveries of *feed* to *pushes*. *positions* and *newest_ns*, its newest time, are the log's."""

    def __init__(
        self, feed: Feed, pushes: Pushes, source: Sequencer, positions: Mapping[str, Any], newest_ns: int | None
    ) -> None:
        self._feed: Final = feed
        self._pushes: Final = pushes
        self._source: Final = source
        self._key: Final = PREFIX + feed.name
        self._is_known: Final = self._key in positions
        self._since_ns: Final = newest_ns if self._is_known else None
        # By stream: what is in the log, and how many events of a message the window still holds.
        self._logged: Final[dict[str, Numbering]] = _numberings(self._key, positions)
        self._held: Final[dict[tuple[str, int], int]] = {}
        self._acknowledged: list[tuple[str, int]] = []  # in the log, but not acknowledged yet
        self._window: ReorderWindow | None = None

    async def run(self) -> None:
        """Run until the feed ends; FeedDown if it gives up."""
        length_ns = self._pushes.reorder_ns if self._feed.reorder_ns is None else self._feed.reorder_ns
        if length_ns:
            self._window = self._pushes.open_window(length_ns, self._release)
        if not self._is_known:
            self._source.positions[self._key] = {"identity": {"feed": self._feed.name}, "position": {}}
        streams = {name: Numbering.at(each.position()) for name, each in self._logged.items()}
        try:
            async with contextlib.aclosing(self._feed.deliveries(streams, self._since_ns)) as deliveries:
                async for delivery in deliveries:
                    if not self._feed.acknowledges:  # then messages that are there already go into one block
                        await self._pushes.in_turn(partial(self._write, delivery))
                        self._acknowledged.clear()
                        continue
                    await self._pushes.together(partial(self._write, delivery))
                    done, self._acknowledged = self._acknowledged, []
                    for stream, number in done:
                        await self._feed.acknowledge(stream, number)
        finally:
            if self._window is not None:
                self._pushes.close_window(self._window)

    def _write(self, delivery: Delivery) -> None:
        """Write the events of *delivery* into the block builder, or hold them in the window."""
        builder = self._source.builder
        for outage in delivery.outages:
            builder.clock(outage.until_ns, BY_FEED, outage.since_ns, outage.reason)
            if outage.numbers is not None:
                self._numbering(outage.stream).report(*outage.numbers)
                self._place(outage.stream)
        if delivery.refused is not None:
            builder.refuse(self._key, builder.malformed + 1, *delivery.refused)
        stream, number = delivery.stream, delivery.number
        if not delivery.is_new:
            if number is not None and self._numbering(stream).has(number):
                self._acknowledged.append((stream, number))  # the server does not know that it is in the log
            return
        if number is not None:
            self._held[stream, number] = len(delivery.events)
        for event in delivery.events:
            if self._window is None:
                with contextlib.suppress(MalformedEvent):
                    self._take(event, delivery.arrival_ns, stream, number)
            else:
                _ = self._window.add(event.symbol, stamp_of(event), (event, stream, number))
        if number is not None and not delivery.events:
            self._note(stream, number)

    def _release(self, held: tuple[Tick | Bar, str, int | None], arrival_ns: int) -> int:
        """Take an event that the window releases; return its seq."""
        event, stream, number = held
        return self._take(event, arrival_ns, stream, number)

    def _take(self, event: Tick | Bar, arrival_ns: int, stream: str, number: int | None) -> int:
        """Write *event* of the message *number* into the block builder; return its seq."""
        try:
            return self._pushes.arrivals.accept(event, arrival_ns)
        finally:
            if number is not None:
                self._held[stream, number] -= 1
                if not self._held[stream, number]:
                    self._note(stream, number)

    def _note(self, stream: str, number: int) -> None:
        """Note that the message *number* will be complete in the log with the next block."""
        del self._held[stream, number]
        self._numbering(stream).add(number, self._feed.wall.now_ns())
        self._place(stream)
        self._acknowledged.append((stream, number))

    def _numbering(self, stream: str) -> Numbering:
        return self._logged.setdefault(stream, Numbering())

    def _place(self, stream: str) -> None:
        """Write the position of *stream* with the next block."""
        key = self._key + STREAM + stream if stream else self._key
        position = self._numbering(stream).position()
        self._source.positions[key] = {"identity": {"feed": self._feed.name}, "position": position}


def _numberings(key: str, positions: Mapping[str, Any]) -> dict[str, Numbering]:
    """Return the positions of the streams of the feed *key* in the log."""
    found = {}
    for name, entry in positions.items():
        stream = "" if name == key else name.removeprefix(key + STREAM)
        if (stream != name) and entry["position"]:
            found[stream] = Numbering.at(entry["position"])
    return found
