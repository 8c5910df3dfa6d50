"""Replay: the log of a data directory through a new pipeline, which can go on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mtf.errors import ConfigError, ConfigMismatch
from mtf.events.block import Block
from mtf.order import BY_TIME, ORDER, LogOrder, order_of
from mtf.pipeline.pace import Pace
from mtf.pipeline.run import Run
from mtf.storage.datadir import LOG, logged_config
from mtf.storage.restore import engine_at, logged_entries

__all__ = ["play"]


async def play(
    run: Run, path: Path, *, start: int, until: int | None, until_ns: int | None, speed: float | None
) -> None:
    """Play the log in *path* through *run*, as `Pipeline.replay` describes it."""
    await run.ready()
    for name, value in (("start", start), ("until", until), ("until_ns", until_ns)):
        if value is not None and type(value) is not int:
            raise ConfigError(f"{name} must be an int, got {value!r}")
    if start < 1 or (until is not None and until < start):
        raise ConfigError(f"start={start}, until={until}: start must be 1 or more, and until not before it")
    differences = run.config.differences(logged_config(path))
    if differences:
        raise ConfigMismatch(f"{path} was made with another configuration: {'; '.join(differences)}")
    pace = None if speed is None else Pace(run.options.wall, speed)
    async with run.pushes.turn():  # what is pushed meanwhile follows the log
        if run.datadir is not None or run.source.next_seq != 1:
            raise ConfigError("a replay needs a new pipeline without a data directory")
        with run.reading.beside(BY_TIME):
            if start > 1:
                run.keep_order(await asyncio.to_thread(order_of, path / LOG))
                run.adopt(await asyncio.to_thread(engine_at, path, seq=start - 1))
            gate = run.engine.gate
            if until_ns is not None:
                gate.horizon_ns = until_ns
            try:
                await _play(run, logged_entries(path, start, until), pace)
            finally:
                gate.end_look_back()
                run.begin_pushes()


async def _play(run: Run, logged: Iterable[tuple[Block, Mapping[str, Any]]], pace: Pace | None) -> None:
    for block, entries in logged:
        if ORDER in entries:
            run.keep_order(LogOrder(entries[ORDER]))
        for piece in (block,) if pace is None else pace.pieces(block):
            if pace is not None:
                await run.unless_it_stops(pace.wait(piece))
            await run.source.replay(piece)
            run.check()
        await asyncio.sleep(0)
    run.pushes.ended = True
    await run.drain()
