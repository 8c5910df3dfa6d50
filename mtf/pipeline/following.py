"""Growing files into the pipeline: their rows, and in the log, beside them, how far they were read.

The rows of one read of the file become one block, with the position after them: both are in the log, or neither. The
position is the same as for `Pipeline.run`, so that each resumes where the other stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from mtf.errors import ConfigError
from mtf.events.block import BY_FEED
from mtf.feeds.file_feed import FileFeed, Rows, Terms
from mtf.pipeline.run import Run
from mtf.sources.feed import WINDOW
from mtf.sources.merge import SKIPPED
from mtf.sources.sort import SORTED
from mtf.storage.resuming import check_same
from mtf.units import NEVER_NS

__all__ = ["follow_live"]


async def follow_live(run: Run, feed: FileFeed) -> None:
    """Feed the rows of *feed* into *run* until it is stopped or its pipe ends."""
    if run.pushes.reorder_ns:
        raise ConfigError(
            f"feed {feed.name}: a followed file is logged in the order of its rows: use a pipeline without reorder_ns"
        )
    await _Following(run, feed).run()


class _Following:
    """Hands the rows of *feed* to the pushes of *run*."""

    def __init__(self, run: Run, feed: FileFeed) -> None:
        self._run: Final = run
        self._feed: Final = feed
        self._known: Final = _known(feed.name, {} if run.storage is None else run.storage.log.positions)

    async def run(self) -> None:
        """Run until the feed ends."""
        run = self._run
        options = run.options
        name = "" if run.storage is None else run.storage.name
        terms = Terms(
            limit=options.events_at_once,
            bar_clock=run.bar_clock,
            ahead_ns=options.max_ahead_ns if options.is_live else None,
            check=lambda known, now: check_same(name, self._feed.name, known, now),
        )
        newest_ns = int(run.engine.gate.newest_ns)
        since_ns = None if self._known is None or newest_ns == NEVER_NS else newest_ns
        async with contextlib.aclosing(self._feed.rows(self._known, since_ns, terms)) as looks:
            async for rows in looks:
                await run.pushes.together(partial(self._write, rows))

    def _write(self, rows: Rows) -> None:
        """Write *rows* into the block builder, and log the position after them in the same block."""
        pushes, builder, outage = self._run.pushes, self._run.builder, rows.outage
        if outage is not None:
            builder.clock(outage.until_ns, BY_FEED, outage.since_ns, outage.reason)
        for place, line, reason, raw in rows.refused:
            builder.refuse(place, line, reason, raw)
        pushes.arrivals.accept_rows(rows.block, rows.names, rows.arrival_ns)
        self._run.source.positions[self._feed.name] = rows.entry


def _known(name: str, positions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the log's entry for the source *name*; None if it was never read."""
    entry: Mapping[str, Any] | None = positions.get(name)
    if entry is None:
        return None
    at = entry.get("position", {})
    if WINDOW in at or SORTED in at or positions.get(name + SKIPPED):
        raise ConfigError(
            f"{name}: the previous run, with a reorder window, sorted, or together with other sources, stopped in the "
            "middle of it: finish that run before following the file"
        )
    return entry
