"""The contents of a history: its position, series, layouts, and the directories of its runs, read and checked.

Sums link everything: the position has its own and one of each table, a run has that of each of its packs. So a pack
that is read is known to be the one that was stored, and none to be missing, without reading the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs
import orjson

from mtf.config import Config
from mtf.errors import CorruptHistory
from mtf.indicators.catalogue import create_set
from mtf.storage.history.book import Book, layout_sum, position_sum, series_sum
from mtf.storage.history.packs import Pack, data_sum, unpacked
from mtf.storage.history.rejected import RejectRow
from mtf.storage.history.runs import Run, run_of_row
from mtf.storage.history.schema import AFRESH, FIND_SCHEMA, FORMER_VERSION, VERSION, check_schema

__all__ = [
    "Contents",
    "Found",
    "Known",
    "Layout",
    "Position",
    "fetched",
    "layout_text",
    "outputs_of",
    "parsed_layout",
    "read_contents",
    "read_stored",
    "versions_of",
]

SELECT_POSITION: Final = (
    "SELECT seq, changes, log, begun, zones, rejects_after, pruned_ns, names, runs, rejects, sum FROM position"
)
SELECT_RUNS: Final = "SELECT last_seq, level, layout, first_pack, bars, directory, sum FROM runs ORDER BY last_seq"
SELECT_REJECTS: Final = "SELECT last_seq, level, first_ns, last_ns, events, sum FROM rejects ORDER BY last_seq"
SELECT_PACK: Final = "SELECT data FROM packs WHERE id = ?"


class Position(NamedTuple):
    """Where the history is, as `Book` has it, and the sums over its tables."""

    seq: int
    changes: int
    log: int
    begun: int
    zones: str
    rejects_after: int
    pruned_ns: int
    names: int
    runs: int
    rejects: int


NOWHERE: Final = Position(0, 0, 0, 0, "", 0, -(1 << 63), 0, 0, 0)


class Found(NamedTuple):
    """The first thing read of a history; `position` is only meaningful in the present version."""

    version: int
    position: Position


class Layout(NamedTuple):
    """Which indicator values the packs of a run have."""

    width: int
    versions: Mapping[str, int]  # of the indicators' formulas
    outputs: Mapping[str, Sequence[str]]  # by timeframe, in the order of the columns

    def outputs_of(self, timeframe: str, versions: Mapping[str, int] | None) -> Sequence[str]:
        """Return the names of the values of a timeframe's bars; none if other versions of the formulas gave them."""
        return self.outputs.get(timeframe, ()) if versions is None or versions == self.versions else ()


NO_VALUES: Final = Layout(0, {}, {})


@attrs.frozen(kw_only=True)
class Contents:
    """Everything but packs."""

    seq: int
    changes: int
    log: int
    begun: int
    zones: str
    rejects_after: int
    pruned_ns: int
    names: int
    series: Mapping[tuple[str, str], int]
    layouts: Mapping[int, Layout]
    runs: tuple[Run, ...]
    rejects: tuple[RejectRow, ...]

    def run_at(self, last_seq: int) -> Run:
        """Return the run that ends with the event *last_seq*."""
        return next(run for run in self.runs if run.last_seq == last_seq)

    def book(self) -> Book:
        """Return it as the book that a writer continues from."""
        return Book(
            seq=self.seq,
            changes=self.changes,
            log=self.log,
            begun=self.begun,
            zones=self.zones,
            rejects_after=self.rejects_after,
            pruned_ns=self.pruned_ns,
            names=self.names,
            runs=self.runs,
            rejects=self.rejects,
            next_pack=max((run.packs.stop for run in self.runs), default=1),
        )


class Known(NamedTuple):
    """Contents that were read, with their position: a table whose sum is still the same is not read again."""

    position: Position
    contents: Contents


def layout_text(width: int, versions: Mapping[str, int], outputs: Mapping[str, Sequence[str]]) -> str:
    """Return a layout as it is stored: equal layouts give equal texts."""
    found = {"width": width, "versions": dict(versions), "outputs": {name: list(outputs[name]) for name in outputs}}
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


def outputs_of(config: Config) -> dict[str, list[str]]:
    """Return the names of the values of a bar by timeframe, in the order of frames."""
    if not any(config.indicators):
        return {}
    return {
        timeframe.name: list(create_set(specs, timeframe=timeframe).names)
        for timeframe, specs in zip(config.timeframes, config.indicators, strict=True)
    }


def versions_of(config: Config | None) -> dict[str, int]:
    """Return the installed versions of the indicators' formulas, without first versions."""
    return {} if config is None else dict(config.current().versions)


def read_stored(path: Path, connection: sqlite3.Connection) -> Found:
    """Return version and position of the database of *connection*; CorruptHistory if its sum does not match."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if 0 < version < VERSION and version != FORMER_VERSION:
        raise CorruptHistory(f"{path}: made by an earlier mtf; the next run on the directory rebuilds it from the log")
    tables = check_schema(path, connection.execute(FIND_SCHEMA).fetchall())
    if not tables:
        return Found(0, NOWHERE)
    if version != tables:
        raise CorruptHistory(
            f"{path}: written by a newer mtf, or damaged (version {version}, this mtf reads {VERSION}); {AFRESH}"
        )
    if version == FORMER_VERSION:
        return Found(version, NOWHERE)
    rows = connection.execute(SELECT_POSITION).fetchall()
    if len(rows) != 1:
        raise CorruptHistory(f"{path}: its position is missing; {AFRESH}")
    *values, total = rows[0]
    if total != position_sum(*values) or not all(isinstance(value, int) and value >= 0 for value in values[:2]):
        raise CorruptHistory(f"{path}: its position, {values[0]!r}, does not match its sums; {AFRESH}")
    return Found(version, Position(*values))


def read_contents(
    path: Path, connection: sqlite3.Connection, known: Known | None = None
) -> tuple[Contents | None, Known | None]:
    """Return the contents of a history, None if it has the former version, and what to pass as *known* next time."""
    found = read_stored(path, connection)
    if found.version == FORMER_VERSION:
        return None, None
    at = found.position
    if known is not None and known.position == at:
        return known.contents, known
    before, there = (None, None) if known is None else known
    if before is not None and there is not None and before.names == at.names:
        series, layouts = there.series, there.layouts
    else:
        series, layouts = ({}, {0: NO_VALUES}) if not found.version else _read_names(path, connection, at.names)
    if before is not None and there is not None and before.runs == at.runs:
        runs = there.runs
    else:
        runs = () if not found.version else _read_runs(path, connection, at.runs, layouts)
    if before is not None and there is not None and before.rejects == at.rejects:
        rejects = there.rejects
    else:
        rejects = () if not found.version else _read_rejects(path, connection, at.rejects)
    contents = Contents(
        seq=at.seq,
        changes=at.changes,
        log=at.log,
        begun=at.begun,
        zones=at.zones,
        rejects_after=at.rejects_after,
        pruned_ns=at.pruned_ns,
        names=at.names,
        series=series,
        layouts=layouts,
        runs=runs,
        rejects=rejects,
    )
    return contents, Known(at, contents)


def fetched(path: Path, connection: sqlite3.Connection, layouts: Mapping[int, Layout], number: int, run: Run) -> Pack:
    """Return the pack *number* of *run*; CorruptHistory if it was altered or is missing."""
    row = connection.execute(SELECT_PACK, (number,)).fetchone()
    entry = run.entries[number - run.first_pack]
    what = f"{path}: pack {number}"
    if row is None:
        raise CorruptHistory(f"{what} is missing; {AFRESH}")
    (stored,) = row
    if not isinstance(stored, bytes) or data_sum(stored) != entry.sum:
        raise CorruptHistory(f"{what} was altered; {AFRESH}")
    return unpacked(stored, entry.bars, layouts[run.layout].width, what)


def _read_names(
    path: Path, connection: sqlite3.Connection, expected: int
) -> tuple[dict[tuple[str, str], int], dict[int, Layout]]:
    series: dict[tuple[str, str], int] = {}
    layouts = {0: NO_VALUES}
    total = 0
    for number, symbol, timeframe, sum in connection.execute("SELECT id, symbol, timeframe, sum FROM series"):
        if sum != series_sum(number, symbol, timeframe):
            raise CorruptHistory(f"{path}: the name of series {number} was altered; {AFRESH}")
        total ^= sum
        series[symbol, timeframe] = number
    for number, outputs, sum in connection.execute("SELECT id, outputs, sum FROM layouts"):
        if sum != layout_sum(number, outputs):
            raise CorruptHistory(f"{path}: layout {number} was altered; {AFRESH}")
        total ^= sum
        layouts[number] = parsed_layout(path, outputs)
    if total != expected:
        raise CorruptHistory(f"{path}: names of series or layouts are missing; {AFRESH}")
    return series, layouts


def parsed_layout(path: Path, text: Any) -> Layout:
    """Return a layout as `layout_text` wrote it; CorruptHistory if *text* is not one."""
    try:
        found = orjson.loads(text)
        return Layout(found["width"], found["versions"], found["outputs"])
    except (orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise CorruptHistory(f"{path}: a layout cannot be read: {error}; {AFRESH}") from error


def _read_runs(
    path: Path, connection: sqlite3.Connection, expected: int, layouts: Mapping[int, Layout]
) -> tuple[Run, ...]:
    runs = []
    total = 0
    for row in connection.execute(SELECT_RUNS):
        run = run_of_row(row)
        if run is None or run.layout not in layouts:
            raise CorruptHistory(f"{path}: the run up to seq {row[0]!r} was altered; {AFRESH}")
        total ^= run.sum
        runs.append(run)
    if total != expected:
        raise CorruptHistory(f"{path}: runs are missing; {AFRESH}")
    return tuple(runs)


def _read_rejects(path: Path, connection: sqlite3.Connection, expected: int) -> tuple[RejectRow, ...]:
    rows = []
    total = 0
    for row in connection.execute(SELECT_REJECTS):
        if not all(isinstance(value, int) for value in row):
            raise CorruptHistory(f"{path}: the rejects up to seq {row[0]!r} were altered; {AFRESH}")
        total ^= row[-1]
        rows.append(RejectRow(*row))
    if total != expected:
        raise CorruptHistory(f"{path}: rejects are missing; {AFRESH}")
    return tuple(rows)
