"""The feeds of a service: each runs in its own task, and can be started and ended by name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import attrs

from mtf.errors import PipelineStopped
from mtf.feeds import Feed, FeedStatistics, FileFeed
from mtf.loggers import report
from mtf.pipeline import Pipeline
from mtf.service.parts import feed_of
from mtf.service.service_settings import FeedSettings

__all__ = ["FeedTasks"]


@attrs.define
class _Running:
    settings: FeedSettings
    feed: Feed | FileFeed
    task: asyncio.Task[None]


class FeedTasks:
    """Runs feeds into *pipeline*. *failed(name, error)* is called for a feed that ends by itself; None: cleanly."""

    def __init__(self, pipeline: Pipeline, failed: Callable[[str, BaseException | None], None]) -> None:
        self._pipeline: Final = pipeline
        self._failed: Final = failed
        self._running: Final[dict[str, _Running]] = {}

    def start(self, settings: FeedSettings) -> None:
        """Run the feed described by *settings*; ConfigError if they are invalid."""
        feed = feed_of(settings)
        task = asyncio.create_task(self._run(feed, settings.name), name=f"mtf feed {settings.name}")
        self._running[settings.name] = _Running(settings, feed, task)

    async def stop(self, *names: str) -> None:
        """End feeds, all at once, and wait until their connections are closed."""
        ended = [self._running.pop(name) for name in names]
        for each in ended:
            each.task.cancel()
        for each in ended:
            with contextlib.suppress(asyncio.CancelledError):
                await each.task

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._running)

    def settings(self) -> dict[str, FeedSettings]:
        return {name: each.settings for name, each in self._running.items()}

    def statistics(self) -> dict[str, FeedStatistics]:
        """Return the counts of each feed by its name in the file."""
        return {name: each.feed.statistics() for name, each in self._running.items()}

    async def _run(self, feed: Feed | FileFeed, name: str) -> None:
        try:
            await self._pipeline.run(feed)
        except PipelineStopped as error:
            self._failed(name, error)
        except Exception as error:  # noqa: BLE001 - whatever a feed's functions raise, the others continue
            report("feed_failed", f"{name}: {type(error).__name__}: {error}", error=error, feed=name)
            self._failed(name, error)
        else:
            self._failed(name, None)
