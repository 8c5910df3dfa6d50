"""`mtf run --follow`: files as feeds, which are read as they grow until a signal ends that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final

from mtf.cli.source_options import SYNTHETIC, file_settings
from mtf.errors import ConfigError
from mtf.feeds import FileFeed
from mtf.pipeline import Pipeline
from mtf.sources.given import told_apart
from mtf.sources.pipes import is_pipe
from mtf.summary import Summary

__all__ = ["FollowedFiles", "refuse_with_follow"]

# Options that need later rows, or the whole source first.
_UNLIKE: Final = ("sort", "reorder", "make_room", "reverse", "pattern")


def refuse_with_follow(given: dict[str, Any], order: str, default: str) -> None:
    """Raise ConfigError for options that --follow does not support: those *given* that are set, and an *order*."""
    words = [f"--{name.replace('_', '-')}" for name in _UNLIKE if given.get(name)]
    words += ["--order"] if order != default else []
    if words:
        raise ConfigError(f"{', '.join(words)}: not supported with --follow; omit it")


class FollowedFiles:
    """*sources*, files and pipes, as one thing to run, like `StoppableSource` for sources that end."""

    skipped: Final = ()
    resumed: Final = True

    def __init__(self, sources: Sequence[str], options: dict[str, Any], *, resumable: bool) -> None:
        files = [source for source in sources if not is_pipe(source)]
        if SYNTHETIC in sources and not os.path.exists(SYNTHETIC):
            raise ConfigError("a synthetic market does not grow: omit --follow")
        if folders := [source for source in files if os.path.isdir(source)]:
            raise ConfigError(f"{', '.join(folders)}: only files can be followed: name the file, or omit --follow")
        given = file_settings(options)
        name = given.pop("name", "")
        if len(sources) > 1 and name:
            raise ConfigError("--source-name needs a single source, but there are several; omit it")
        names = told_apart(files) if len(sources) > 1 else {}
        self.stopped_by = 0
        self.feeds: Final = [
            FileFeed(source, name=names.get(source, name), resumable=resumable, **given) for source in sources
        ]
        self.name: Final = ", ".join(feed.name for feed in self.feeds)

    @property
    def started(self) -> bool:
        return True

    def stop(self, number: int) -> bool:
        """End all of them, as requested by the signal *number*; return True: they will end by themselves."""
        self.stopped_by = number
        for feed in self.feeds:
            feed.stop()
        return True

    async def run_into(self, pipeline: Pipeline, _order: str) -> Summary:
        """Run all of them into *pipeline* until they are stopped, or one fails."""
        tasks = [asyncio.create_task(pipeline.run(feed), name=f"mtf following {feed.name}") for feed in self.feeds]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return pipeline.summary()

    def progress(self) -> None:
        """Return None: how much will come is unknown."""

    def identity(self) -> dict[str, Any]:
        """Return the identity of each file, and how it is read."""
        return {"parts": [dict(feed.identity) for feed in self.feeds]}

    def close(self) -> None:
        """Close nothing: each feed has closed its file."""
