"""Importing history: the rows of a source become the first events of a data directory's log.

Owns the rules. An import is read like a source in `Pipeline.run`, and ends with a clock event per symbol, after its
newest row: so the bars that end there are closed, and live events stamped before it are late. Importing a day again
replaces it, from its first to its last row in the new source, by making a new log of everything imported. Once anything
else has been logged, nothing can be imported or deleted any more, because decisions may have been based on it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import attrs

from mtf.bars.coverage import Coverage, DaysCovered, kind_text
from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch, SourceError
from mtf.events.block import BY_IMPORT
from mtf.log import read_positions
from mtf.order import BY_TIME
from mtf.pipeline.options import Options
from mtf.pipeline.run import Run
from mtf.pipeline.threads import in_thread
from mtf.rows import NO_ROWS, RowCounts, rejected_by
from mtf.sources.kept_rows import KeptRows
from mtf.sources.log import LogSource
from mtf.sources.merge import MergedSource, MergePart
from mtf.storage.datadir import LOG, DataDir, logged_config
from mtf.storage.generation import Generation
from mtf.storage.imported import IMPORTED, Imported, imported_of
from mtf.storage.restore import engine_at
from mtf.summary import Summary
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["Changed", "Import", "delete_imported", "has_live", "import_history", "read_history"]

READ: Final = "read"  # the folder where the source becomes a log
MERGED: Final = "merged"  # the folder where that is merged with what was imported before


@attrs.frozen(kw_only=True)
class Changed:
    """Rows of one symbol, kind and trading day that are no longer in the log."""

    symbol: str
    day: datetime.date
    kind: str  # `quotes`, `trades`, `bars of 1m`
    rows_before: int  # rows removed; a bar is one
    rows: int  # rows that replaced them


@attrs.frozen(kw_only=True)
class Import:
    """The result of an import or a deletion."""

    summary: Summary  # of everything imported now
    rows: RowCounts  # of the source
    until_ns: Mapping[str, int]  # the time up to which each symbol has history
    changed: Sequence[Changed]  # what was replaced, or deleted
    unchanged: bool = False  # the result equals what was there before, which is kept
    notes: Sequence[str] = ()


def has_live(path: Path) -> bool:
    """Whether the log of *path* has events that were not imported; False if there is none."""
    if not (path / LOG).is_dir():
        return False
    log = DataDir(path).read_log()
    try:
        return log.last_seq > imported_of(log).last_seq
    finally:
        log.close()


async def import_history(path: Path, config: Config, source: MergedSource, options: Options) -> Import:
    """Import *source* as history into the data directory *path*, which is created with *config* if it is missing.

    Afterwards all of it is there, or nothing has changed. ConfigError if the directory has events that were not
    imported, ConfigMismatch if it was made with a different configuration, SourceError if no row can be used.
    """
    for part in source.parts:
        if isinstance(part.source, LogSource):
            raise ConfigError(
                f"{part.source.path} is a log of mtf, not a file of history: read it with run into a new directory"
            )
    with Generation(path) as generation:
        before = await in_thread(partial(_imported_before, path, config, "imported"))
        new = generation.folder(READ)
        plain = config if before is None else config.changed(indicators="none")
        found = await _made(new, plain, options, source)
        if before is None:
            generation.replace(new)
            generation.keep_malformed(new)
            return found
        coverage = Coverage(config.calendars.calendar_of)
        rows_seq = found.summary.seq - len(found.until_ns)
        await in_thread(partial(_cover, coverage, new, rows_seq))
        parts = [
            KeptRows(str(path / LOG), before.last_seq, coverage),
            KeptRows(str(new / LOG), rows_seq, None),
        ]
        entries = await in_thread(lambda: _known_sources(path) | _known_sources(new))
        merged = await _replaced(generation, config, options, parts, entries, coverage, found)
        if not merged.unchanged:
            generation.keep_malformed(new)
        return merged


async def delete_imported(
    path: Path, symbols: Sequence[str], days: tuple[datetime.date, datetime.date] | None, options: Options
) -> Import:
    """Remove the trading *days*, first and last, or all of them, of *symbols* from what was imported into *path*.

    ConfigError if the directory has events that were not imported, or nothing would be left.
    """
    with Generation(path) as generation:
        config = await in_thread(partial(logged_config, path))
        before = await in_thread(partial(_imported_before, path, config, "deleted"))
        assert before is not None, "a configuration comes from a log"
        first, last = days or (datetime.date.min, datetime.date.max)
        gone = DaysCovered(config.calendars.calendar_of, list(symbols), first.toordinal(), last.toordinal())
        parts = [KeptRows(str(path / LOG), before.last_seq, gone)]
        entries = await in_thread(partial(_known_sources, path))
        return await _replaced(generation, config, options, parts, entries, gone, None)


async def read_history(
    run: Run, source: MergedSource, order: str = BY_TIME, entries: Mapping[str, Any] | None = None
) -> Import:
    """Read *source* as the first events of *run*, which has none, and end it; *entries* go with the last event."""
    builder, now_ns = run.builder, run.options.wall.now_ns()
    malformed = builder.malformed
    # A bar that is still forming, or a stamp in the future, would make live events late.
    builder.arrival_ns, builder.limit_ns = now_ns, now_ns
    run.bar_clock.strict = False  # years of days, and minutes of the last ones, form one history
    try:
        await run.reading.read(source, run.engine.joiner.own_clocks(), order)
    finally:
        builder.arrival_ns, builder.limit_ns = NEVER_NS, TS_MAX_NS
        source.close()
    await run.drain()
    rows = RowCounts.of(source.rows[0], rejected_by(run.engine), builder.malformed - malformed)
    gate = run.engine.gate
    until_ns = {
        instrument.name: int(gate.newest_tick_ns(instrument.number)) + 1
        for instrument in gate.instruments
        if gate.newest_tick_ns(instrument.number) != NEVER_NS
    }
    if not until_ns:
        raise SourceError(f"{source.name}: none of its rows can be used, so nothing was imported")
    last_seq = run.source.next_seq - 1 + len(until_ns)
    for name, ns in sorted(until_ns.items(), key=itemgetter(1)):
        builder.clock(ns, BY_IMPORT, 0, name)
        if run.source.next_seq > last_seq:
            run.source.positions.update({**(entries or {}), IMPORTED: Imported(last_seq, until_ns).record()})
        if builder.count >= run.options.events_at_once or run.source.next_seq > last_seq:
            await run.source.flush(run.source.next_seq - 1)
    await run.drain()
    run.pushes.arrivals.ended = True
    summary = Summary.of(run.engine, run.malformed, rows, order=run.reading.order, new_events=run.source.next_seq - 1)
    return Import(summary=summary, rows=rows, until_ns=until_ns, changed=[], notes=[*source.notes(), *run.all_notes()])


async def _made(
    path: Path, config: Config, options: Options, source: MergedSource, entries: Mapping[str, Any] | None = None
) -> Import:
    """Turn *source* into a data directory at *path*, and return the summary and the row counts once it is closed."""
    # Everything is kept, with a checkpoint at its end: consumers are shown later events.
    whole: dict[str, Any] = dict.fromkeys(("keep_events", "keep_log_ns", "keep_log_bytes"))
    whole |= {"data": DataDir(path), "clock": "ticks", "checkpoint_seconds": 60.0}
    run = await Run.open(config, attrs.evolve(options, **whole))
    try:
        await run.start(())
        found = await read_history(run, source, entries=entries)
    except BaseException:
        await run.close(orderly=False)
        raise
    await run.close(orderly=True)
    return found


async def _replaced(
    generation: Generation,
    config: Config,
    options: Options,
    parts: Sequence[KeptRows],
    entries: Mapping[str, Any],
    gone: Coverage,
    read: Import | None,
) -> Import:
    """Make *parts* the log of the directory, unless it has the same rows; *gone* was left out of the first."""
    merged = generation.folder(MERGED)
    source = MergedSource([MergePart(source=part, key=None) for part in parts], name=str(generation.path))
    try:
        found = await _made(merged, config, options, source, entries)
    except SourceError:
        raise ConfigError(f"{generation.path}: nothing would be left: delete the directory instead") from None
    before = await in_thread(partial(engine_at, generation.path))
    unchanged = before.digest.value() == found.summary.digest
    if not unchanged:
        generation.replace(merged)
    changed = [
        Changed(
            symbol=symbol, day=day.day.date, kind=kind_text(kind), rows_before=int(day.left_out), rows=int(day.rows)
        )
        for symbol, kind, day in gone.days
        if day.left_out
    ]
    changed.sort(key=lambda each: (each.symbol, each.kind, each.day))
    notes = dict.fromkeys([*(read.notes if read is not None else ()), *found.notes])
    rows = NO_ROWS if read is None else read.rows
    return attrs.evolve(found, rows=rows, changed=changed, unchanged=unchanged, notes=[*notes])


def _imported_before(path: Path, config: Config, done: str) -> Imported | None:
    """Return what was imported into *path*, None if it has no log; ConfigError if that can no longer be changed."""
    if not (path / LOG).is_dir():
        return None
    logged = logged_config(path)
    differences = config.settled(logged)[0].differences(logged)
    if differences:
        raise ConfigMismatch(
            f"{path} was made with a different configuration ({'; '.join(differences)}): use the same one, or another "
            "directory"
        )
    log = DataDir(path).read_log()
    try:
        found, last_seq, first_seq = imported_of(log), log.last_seq, log.first_seq
    finally:
        log.close()
    if last_seq > found.last_seq:
        began = f"from seq {found.last_seq + 1} on" if found.last_seq else "and nothing else"
        raise ConfigError(
            f"{path} has events that were not imported ({began}): history can only be {done} before them, because bars "
            "and decisions depend on it. Import into a new directory, and run there"
        )
    if first_seq > 1:
        raise ConfigError(f"{path}: the log begins at seq {first_seq}: some of what was imported was removed")
    return found


def _cover(coverage: Coverage, path: Path, last_seq: int) -> None:
    """Add the events of *path* up to *last_seq* to *coverage*."""
    reader = DataDir(path).read_log().read(1, last_seq=last_seq, block_events=1024)
    for logged in reader:
        coverage.take(logged.block, reader.symbols)


def _known_sources(path: Path) -> dict[str, Any]:
    """Return the entries of sources in the log of *path*, without those about the log itself."""
    return {key: entry for key, entry in read_positions(path / LOG).items() if not key.startswith("\0")}
