"""Reading: how a source that is read at the pipeline's own pace goes through the door."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any, Final

from mtf.actors.source import SourceActor
from mtf.datadir import DataDir
from mtf.errors import ConfigError
from mtf.sources import IterSource, Source, open_source

__all__ = ["open_given", "read_source"]

YIELD_EVERY_S: Final = 0.002  # how long a source may be read before other tasks get their turn


def open_given(given: Any, options: dict[str, Any]) -> tuple[Source, bool]:
    """Return the source that `Pipeline.run` was *given*, and whether it can be known again at a next start.

    Ticks without a name cannot: those of the next call are other ones.
    """
    if isinstance(given, str | os.PathLike):
        return open_source(given, **options), True
    if isinstance(given, Source):
        return given, True
    if isinstance(given, Iterable):
        return IterSource(given, **options), "name" in options
    raise ConfigError(f"{given!r} is no source: give a path, a Source, or an iterable of ticks")


async def read_source(
    source: Source, actor: SourceActor, datadir: DataDir | None, block_events: int, check: Callable[[], None]
) -> None:
    """Read *source* to its end, from where *datadir* knows that it was; *check* raises once nothing runs any more.

    The rows of a `fill` become a block with the source's position beside it, so that both are in the log or neither.
    """
    loop = asyncio.get_running_loop()
    door = actor.door
    identity = None
    if actor.sent_seq < actor.next_seq - 1:  # a run that was cancelled has left rows behind: into the log first
        await actor.flush(actor.next_seq - 1)
    if datadir is not None:
        identity = source.identity()
        datadir.resume(source, identity)
    turn_s = loop.time()
    more = True
    while more:
        if door.count:
            await actor.flush(actor.next_seq - 1)
        more = source.fill(door, block_events)
        if not door.count:
            continue
        if identity is not None:
            actor.positions[source.name] = {"identity": identity, "position": source.position()}
        if not actor.flush_now():
            await actor.flush(actor.next_seq - 1)
        check()
        if loop.time() - turn_s > YIELD_EVERY_S:
            await asyncio.sleep(0)
            turn_s = loop.time()
