"""Replay: the log of a storage through a new pipeline, which can then continue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from mtf.bars.placement import check_logged_bars
from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch
from mtf.events.block import Block, SymbolTable
from mtf.kernel import Kernel
from mtf.order import BY_TIME, ORDER, LogOrder, order_of
from mtf.pipeline.pace import Pace, give_way
from mtf.pipeline.run import Run
from mtf.pipeline.threads import Stretches, in_thread
from mtf.storage.datadir import logged_config
from mtf.storage.restore import engine_at, fresh_engine, logged_blocks, logged_entries
from mtf.storage.storage import Storage

__all__ = ["play"]


async def play(
    run: Run,
    storage: Storage,
    *,
    start: int,
    until: int | None,
    until_ns: int | None,
    speed: float | None,
    changed: bool = False,
) -> int:
    """Replay the log in *storage* through *run*, as described in `Pipeline.replay`; return the first event replayed."""
    await run.ready()
    for name, value in (("start", start), ("until", until), ("until_ns", until_ns)):
        if value is not None and type(value) is not int:
            raise ConfigError(f"{name} must be an int, got {value!r}")
    if start < 1 or (until is not None and until < start):
        raise ConfigError(f"start={start}, until={until}: start must be 1 or more, and not after until")
    pace = None if speed is None else Pace(run.options.wall, speed)
    async with run.pushes.turn():  # events pushed meanwhile come after the log
        start = await in_thread(partial(_first_seq, storage, start, until))
        logged = await in_thread(partial(logged_config, storage))
        config, kept = run.config.settled(logged)
        differences = "; ".join(config.differences(logged))
        if differences and not changed:
            raise ConfigMismatch(
                f"{storage.name} was made with a different configuration: {differences}; to replay its events with "
                "this one anyway, pass changed=True"
            )
        if run.storage is not None or run.source.next_seq != 1:
            raise ConfigError("a replay needs a new pipeline without a data directory")
        if kept:
            run.settle(config, [f"{storage.name}: {sentence}" for sentence in kept])
        if differences:
            run.notes.note(
                "replay_changed",
                f"{storage.name} was made with a different configuration ({differences}): replayed with this "
                "one, so the digest is expected to differ",
            )
        with run.reading.beside(BY_TIME):
            if start > 1:
                run.keep_order(await in_thread(lambda: order_of(storage.read_log())))
                before = _played if differences else _logged
                run.adopt(await in_thread(partial(before, run.config, storage, start - 1)))
            gate = run.engine.gate
            if until_ns is not None:
                gate.horizon_ns = until_ns
            try:
                entries = logged_entries(storage, start, until)
                await _play(run, _checked(run, entries) if differences else entries, pace)
            finally:
                gate.end_look_back()
                run.begin_pushes()
    return start


def _first_seq(storage: Storage, start: int, until: int | None) -> int:
    """Return the first event to be replayed: seq 1 stands for the first one that is kept."""
    if start > 1:
        return start
    first_seq = max(1, storage.read_log().first_seq)
    if until is not None and until < first_seq:
        raise ConfigError(
            f"{storage.name}: the log begins at seq {first_seq}, and earlier events were removed: until={until}"
        )
    return first_seq


async def _play(run: Run, logged: Iterator[tuple[Block, Mapping[str, Any]]], pace: Pace | None) -> None:
    rest = Stretches(logged, lambda item: item[0].count)
    while stretch := await rest.next():
        for block, entries in stretch:
            if ORDER in entries:
                run.keep_order(LogOrder(entries[ORDER]))
            for piece in (block,) if pace is None else pace.pieces(block):
                if pace is not None:
                    await run.unless_it_stops(pace.wait(piece))
                await run.source.replay(piece)
                run.check()
            await give_way()
    run.pushes.arrivals.ended = True
    await run.drain()


def _logged(config: Config, storage: Storage, seq: int) -> Kernel:
    """Return the state of the log after the event *seq*."""
    return engine_at(storage, seq=seq)


def _played(config: Config, storage: Storage, seq: int) -> Kernel:
    """Return the state after the event *seq* with a different configuration, which no checkpoint has."""
    kernel = fresh_engine(config, storage.read_log())
    for block in logged_blocks(storage, kernel.joiner.seq + 1, seq):
        kernel.step(block, False)
    if kernel.joiner.seq != seq:
        raise ConfigError(f"{storage.name}: the log ends at seq {kernel.joiner.seq}: choose a seq up to there")
    return kernel


def _checked(run: Run, logged: Iterable[tuple[Block, Mapping[str, Any]]]) -> Iterator[tuple[Block, Mapping[str, Any]]]:
    """Yield what was *logged* with a different configuration; raise an error for an input bar that does not fit."""
    symbols = SymbolTable([instrument.name for instrument in run.engine.gate.instruments])
    for block, entries in logged:
        symbols.learn(block)
        check_logged_bars(run.bar_clock, block, symbols.names)
        yield block, entries
