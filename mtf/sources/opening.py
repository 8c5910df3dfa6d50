"""Opening a path as a source: finds its parts, detects their format, and sorts them by time.

A folder is one source, and so is an archive. Files of one symbol follow each other in order of their first time (from
their path if the format has it there, else from their first row), files of equal time in natural order of their names;
symbols are merged by the stamps of their rows, and so is each file that has several. A file that no format reads, or
without market data, is skipped and listed in `identity()`. If two formats are equally sure of a file, or a market is
there in two forms, such as ticks and their bars, an option has to choose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs
from librt.strings import read_i64_le

from mtf.errors import ConfigError, OptionNeeded, SourceError
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.sources.brought import open_brought
from mtf.sources.column_files import seen_as
from mtf.sources.column_input import ColumnInput
from mtf.sources.file_format import CERTAIN, NO, Format, FormatOptions, Plan
from mtf.sources.files import FileSource, PlannedPart, raise_problem
from mtf.sources.foreign import foreign
from mtf.sources.formats import find_format, known_formats
from mtf.sources.formats.csv import planned_again
from mtf.sources.in_memory import table_source
from mtf.sources.input_files import InputFile, input_files_of
from mtf.sources.layout import BLANKS, SIDES
from mtf.sources.limits import DEFAULT_LIMITS, Limits
from mtf.sources.merge import MergedSource, MergePart, part_key
from mtf.sources.pipes import PipedFile, is_pipe
from mtf.sources.sniffing import is_json
from mtf.sources.source import IterableSource
from mtf.sources.synthetic import SyntheticMarket
from mtf.sources.text_table import ROLES
from mtf.timeframe import Timeframe
from mtf.units import NEVER_NS, TS_MAX_NS

__all__ = ["open_source"]

UNKNOWN: Final = "in no known format"
SYNTHETIC_EVENTS: Final = 1_000_000  # default length of a synthetic market
STAND_IN: Final = Timeframe("1m")  # for an unknown length of bars: it only affects where the first one ends
ALIKE_MAX: Final = 16  # ways of reading to compare files of a folder with
FIRST_ROWS: Final = 100  # rows of a file to search for its first time


def open_source(
    path: str | os.PathLike[str] | Any,
    *,
    format: str | None = None,
    name: str | None = None,
    symbol: str | None = None,
    kind: str | None = None,
    columns: str | Mapping[str, str | int] | Sequence[str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    reverse: bool | None = None,
    time_format: str | None = None,
    zone: str | None = None,
    timeframe: str | Timeframe | None = None,
    stamp: str | None = None,
    side: str | None = None,
    blank: str | None = None,
    point: float | None = None,
    pattern: str = "*",
    limits: Limits = DEFAULT_LIMITS,
    resumable: bool = False,
) -> IterableSource:
    """Return *path*, a file or folder, as a source; options that are not given are inferred from its content and name.

    *path* can also be a table: a frame of polars or pandas, anything else with `__arrow_c_stream__`, a dict of columns,
    or a list of rows, which are dicts or, with *columns*, lists.

    `synthetic` is a simulated market, `synthetic:seed=7,symbols=EURUSD+USDJPY,events=1000` another one. `NAME` or
    `NAME:...` is a source that another package provides through an entry point (docs/plugins.md).

    *columns* maps roles (see `mtf.sources.text_table.ROLES`) to a column's name or number, or lists the roles of the
    columns in order, `_` for an unused one: `{"time": "when", "bid": 2, "ask": 3}` or `"time,_,bid,ask"`. The other
    options are those of `mtf.sources.file_format.FormatOptions`. *pattern* selects files of a folder. *name* is the
    name of the source in the log; by default the last part of the path. SourceError if the file cannot be read,
    ConfigError if it needs an option. With *resumable*, the latter is postponed until the first row, or the log, is
    needed: the log may have what was inferred at the first reading.
    """
    options = FormatOptions(
        symbol=symbol,
        kind=kind,
        columns=_columns(columns),
        delimiter=delimiter,
        header=header,
        decimal=decimal,
        reverse=reverse,
        time_format=time_format,
        zone=zone,
        timeframe=None if timeframe is None else Timeframe(timeframe),
        stamp=stamp,
        side=side,
        blank=blank,
        point=point,
        limits=limits,
    )
    _check_options(options)
    said = {
        field.name: str(getattr(options, field.name))
        for field in attrs.fields(FormatOptions)
        if field.name != "limits" and getattr(options, field.name) is not None
    }
    if not isinstance(path, str | os.PathLike):
        for option, value in (("format", format), ("pattern", None if pattern == "*" else pattern)):
            if value is not None:
                raise ConfigError(f"{option} only applies to files, got a {type(path).__name__}")
        return table_source(path, options, said, name=name, resumable=resumable)
    where = Path(path)
    pipe = is_pipe(path)
    if str(path).partition(":")[0] == "synthetic" and not where.exists():
        return _synthetic(str(path), name or "synthetic")
    if not pipe and not where.exists():
        brought = open_brought(str(path), name)
        if brought is not None:
            return brought
        raise SourceError(f"{where}: no such file or folder", path=str(where))
    planned, starts, skipped = _planned_parts(path, format, options, pattern)
    if not resumable:
        raise_problem(planned)
    _check_told_once(where, planned)
    if pipe:
        named = [_named(each, planned[0].part.path.name, options) for each in planned]
        return FileSource(name or planned[0].part.path.name, named, skipped, said, resumable=resumable)
    name = name or where.absolute().name
    if where.is_file() and len(planned) == 1:
        return FileSource(name, planned, skipped, said, resumable=resumable)
    groups = _by_symbol(planned, starts)
    if where.is_file() and len(groups) == 1:
        return FileSource(name, groups[0].parts, skipped, said, resumable=resumable)
    return _merged(name, groups, skipped, said, resumable=resumable)


def _check_options(options: FormatOptions) -> None:
    if options.stamp not in (None, "open", "close"):
        raise ConfigError(f"stamp must be 'open' or 'close', got {options.stamp!r}")
    if options.side is not None and options.side not in SIDES:
        raise ConfigError(f"side must be one of {', '.join(SIDES)}, got {options.side!r}")
    if options.blank is not None and options.blank not in BLANKS:
        raise ConfigError(f"blank must be {' or '.join(BLANKS)}, got {options.blank!r}")
    delimiter = options.delimiter
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise ConfigError(f"invalid delimiter {delimiter!r}: give one character, such as ',' or ';'")


def _planned_parts(
    path: str | os.PathLike[str], format: str | None, options: FormatOptions, pattern: str
) -> tuple[list[PlannedPart], list[tuple[int, str | None]], list[str]]:
    """Return the parts of *path* with their plans, the first time and symbol of each, and the names of skipped files.

    A file that is a single part, and a pipe, have no first time. SourceError if no part can be read.
    """
    where, pipe, limits = Path(path), is_pipe(path), options.limits
    chosen = find_format(format) if format is not None else None
    if chosen is None and options.columns is not None and "time" in options.columns:
        chosen = find_format("csv")
    planned: list[PlannedPart] = []
    starts: list[tuple[int, str | None]] = []  # of each planned part, unless there is but one
    skipped: list[str] = []
    refused: list[str] = []
    alike = _Alike()
    for part in [PipedFile(path, limits)] if pipe else map(seen_as, input_files_of(where, limits, pattern=pattern)):
        alone = pipe or part.path == where
        try:
            glance = alike.look(part, chosen, options) if planned else None
            found: Format | None
            if glance is not None:
                found, plan, head = glance
            else:
                found = _format_of(part, chosen, options, alone=alone)
                plan = Plan(refused=foreign(part) or UNKNOWN) if found is None else _plan(found, part, options)
                head = b""
                alike.add(plan)
            if not plan.refused and not pipe and (part.path != where or part.member):
                starts.append(_start_of(part, plan, head))
        except BaseException:
            part.close()
            raise
        finally:
            part.forget()
        if plan.refused:
            refused.append(plan.refused)
            skipped.append(part.name if plan.refused == UNKNOWN else f"{part.name} ({plan.refused})")
        else:
            planned.append(PlannedPart(part, plan, found.name if found is not None else "", planned_again))
    if not planned and skipped:
        empty = (pipe or where.is_file()) and not part.head
        part.close()
        raise SourceError(f"{part.place}: empty file", path=part.place) if empty else _nothing_to_read(where, refused)
    return planned, starts, skipped


def _merged(
    name: str, groups: Sequence[_Group], skipped: Sequence[str], said: Mapping[str, str], *, resumable: bool
) -> MergedSource:
    """Return the files of each of *groups* as a part of one source."""
    parts = [
        MergePart(
            source=FileSource(f"{name}/{group.label}", group.parts, (), said, resumable=resumable),
            key=part_key(name, group.label),
            folder=name,
            starts_ns=group.starts_ns,
        )
        for group in groups
    ]
    return MergedSource(parts, name=name, skipped=skipped)


def _nothing_to_read(where: Path, refused: Sequence[str]) -> SourceError:
    """Return the error for a path without a readable part, with the reasons *refused*."""
    known = [reason for reason in dict.fromkeys(refused) if reason != UNKNOWN]
    if known:
        return SourceError(f"{where}: {'; '.join(known)}", path=str(where))
    names = ", ".join(each.name for each in known_formats())
    return SourceError(
        f"{where}: not in a known format; name one of {names}, or name its columns",
        path=str(where),
    )


def _synthetic(text: str, name: str) -> SyntheticMarket:
    """Return the market for `synthetic` or `synthetic:seed=7,symbols=EURUSD+USDJPY,events=1000`."""
    parameters: dict[str, Any] = {}
    for pair in filter(None, text.partition(":")[2].split(",")):
        key, _, value = pair.partition("=")
        if key in {"seed", "events", "pace_ms"} and value.removeprefix("-").isdigit():
            parameters[key] = int(value)
        elif key == "symbols":
            parameters[key] = value.split("+")
        elif key in {"start", "end"}:
            parameters[key] = value
        else:
            raise ConfigError(
                f"unknown synthetic option {pair!r}: choose from seed, symbols, start, end, events and "
                "pace_ms, as in synthetic:seed=7,symbols=EURUSD+USDJPY,events=1000"
            )
    if "end" not in parameters:
        parameters.setdefault("events", SYNTHETIC_EVENTS)
    return SyntheticMarket(name=name, **parameters)


def _columns(columns: str | Mapping[str, str | int] | Sequence[str] | None) -> Mapping[str, str | int] | None:
    if columns is None:
        return None
    roles = _roles(columns)
    for role in roles:
        if role not in ROLES:
            raise ConfigError(f"unknown column role {role!r}: choose from {', '.join(ROLES)}")
    return roles


def _roles(columns: str | Mapping[str, str | int] | Sequence[str]) -> Mapping[str, str | int]:
    if isinstance(columns, Mapping):
        return columns
    words = _words(columns) if isinstance(columns, str) else list(columns)
    if any("=" in word for word in words):
        pairs = [word.partition("=") for word in words]
        return {role.strip(): column.strip() for role, _, column in pairs}
    return {role: index for index, role in enumerate(words) if role not in ("", "_")}


def _words(columns: str) -> list[str]:
    """Return the parts of `time=when,bid=2` or `time,_,bid`; a comma within a column's name does not split it."""
    words: list[str] = []
    for word in columns.split(","):
        if "=" in columns and "=" not in word and words:
            words[-1] += f",{word}"
        else:
            words.append(word)
    return [word.strip() for word in words]


def _format_of(part: InputFile, chosen: Format | None, options: FormatOptions, *, alone: bool) -> Format | None:
    """Return the format of *part*: the chosen one (in a folder, only for its own files), or the surest.

    ConfigError if several are equally sure, and the options where they differ are not given.
    """
    if isinstance(part, ColumnInput):
        own = find_format(part.format)
        if chosen is None or chosen.name in ("csv", own.name):
            return own
        if alone:
            raise ConfigError(f"{part.place}: not {chosen.name}, but {own.name}: omit the format")
        return None
    if chosen is not None and chosen.name == "csv" and is_json(part):
        return find_format("ndjson")
    if chosen is not None:
        return chosen if alone or chosen.sniff(part) > NO else None
    best: list[Format] = []
    best_score = NO + 1
    for candidate in known_formats():
        score = candidate.sniff(part)
        if score >= best_score:
            best = [candidate] if score > best_score else [*best, candidate]
            best_score = score
        if score >= CERTAIN:
            break
    if len(best) > 1 and not (options.zone is not None and options.stamp is not None):
        writers = " and ".join(f"{each.name} ({each.times})" for each in best)
        others = " or ".join(each.name for each in best[1:])
        raise OptionNeeded(
            f"{part.place}: could be a file of {writers}: give {{format}}, or {others}", format=best[0].name
        )
    return best[0] if best else None


def _plan(found: Format, part: InputFile, options: FormatOptions) -> Plan:
    try:
        plan = found.plan(part, options)
    except OptionNeeded as error:
        return _unplanned(found, part, options, error)
    except ConfigError as error:
        return Plan(problem=ConfigError(f"{part.place}: {error}"))
    if plan.read_as is not None:
        plan = attrs.evolve(plan, read_as=attrs.evolve(plan.read_as, format=found.name))
    return plan


def _unplanned(found: Format, part: InputFile, options: FormatOptions, error: OptionNeeded) -> Plan:
    """Return the plan of a part that cannot be read without the option that *error* names.

    The length of bars may be unknown if a file has just begun, but its symbol and its place among others are known.
    """
    plan = Plan(problem=error.at(part.place), start_ns=TS_MAX_NS)
    if set(error.options) == {"timeframe"}:
        with suppress(ConfigError):
            other = found.plan(part, attrs.evolve(options, timeframe=STAND_IN))
            plan = attrs.evolve(plan, symbol=other.symbol, start_ns=_start_of(part, other)[0])
    return plan


class _Alike:
    """Avoids a long look at each file of a folder whose files look alike.

    A short look at a file is trusted if it agrees with a long look at another file, or if the path alone decided, as a
    long look would then be the same; in any doubt, the file gets a long look too.
    """

    def __init__(self) -> None:
        self._known: Final[list[Plan]] = []

    def add(self, plan: Plan) -> None:
        """Remember how a part that was examined is read."""
        if plan.layout is not None and plan.problem is None and len(self._known) < ALIKE_MAX:
            self._known.append(plan)

    def look(self, part: InputFile, chosen: Format | None, options: FormatOptions) -> tuple[Format, Plan, bytes] | None:
        """Return format and plan of *part*, and the part of its start that was read; None if it needs a longer look."""
        if not self._known:
            return None
        glance = part.glance()
        try:
            found = _format_of(glance, chosen, options, alone=False)
            plan = None if found is None else _plan(found, glance, options)
        except ConfigError:
            return None
        if found is None or plan is None or plan.problem is not None or plan.refused or plan.notes:
            return None
        for known in self._known:
            if plan.layout == known.layout and plan.read_as == known.read_as:
                if glance.returns or b"\n" not in glance.head:
                    _ = part.head  # all of it is needed to tell how its lines end, also for its reader
                return found, attrs.evolve(plan, read_as=known.read_as), glance.head
        if glance.looked_at:
            return None
        self.add(plan)
        return found, plan, b""


def _named(planned: PlannedPart, name: str, options: FormatOptions) -> PlannedPart:
    """Return the plan of a pipe, with a note if its rows have its *name* as their symbol."""
    if options.symbol is not None or planned.plan.symbol is None or planned.plan.reader is None:
        return planned
    note = f"a pipe called {name} does not tell the symbol, so its rows have the symbol {planned.plan.symbol}: give one"
    return attrs.evolve(planned, plan=attrs.evolve(planned.plan, notes=(*planned.plan.notes, note)))


def _check_told_once(where: Path, planned: Sequence[PlannedPart]) -> None:
    """Raise ConfigError if the parts have one market in two forms, or if rows of two venues would be mixed."""
    kinds: dict[str | None, set[str]] = {}
    venues: dict[str | None, set[str]] = {}
    for each in planned:
        if each.plan.reader is not None:
            kinds.setdefault(each.plan.symbol, set()).add(each.plan.kind)
            venues.setdefault(each.plan.symbol, set()).add(each.part.venue)
    for symbol, found in kinds.items():
        if len(found) > 1:
            raise OptionNeeded(
                f"{where}: has {' and '.join(sorted(found))} of {symbol or 'the same symbols'}: choose one with "
                "{format} or {pattern}, or give a folder that has only one",
                format="NAME",
                pattern="*_trade.zip",
            )
    for symbol, named in venues.items():
        if symbol is not None and len(named) > 1:
            raise OptionNeeded(
                f"{where}: has {symbol} of {' and '.join(name or 'no named venue' for name in sorted(named))}: choose "
                "one with {pattern}, or read them separately, each with {symbol}",
                pattern=f"{max(named)}*",
                symbol="NAME",
            )


@attrs.define
class _Group:
    """Consecutive files: those of one symbol, or one file with several symbols."""

    label: str  # its symbol, or the file's name
    starts: list[tuple[int, int, PlannedPart]]  # first time, position among all files, and the file

    @property
    def parts(self) -> list[PlannedPart]:
        """The files by their first time, equal ones by their names; those whose first time is unknown come last."""
        return [planned for _, _, planned in sorted(self.starts, key=lambda start: start[:2])]

    @property
    def starts_ns(self) -> int | None:
        """A lower bound for the times of these files; None if the first rows do not give one.

        Rows that are newest first do not, nor do bars, whose times depend on the calendar.
        """
        for _, _, each in self.starts:
            plan = each.plan
            if plan.reader is None or "bars" in plan.kind or (plan.layout is not None and plan.layout.backward):
                return None
        return min(start[0] for start in self.starts)


def _by_symbol(planned: Sequence[PlannedPart], starts: Sequence[tuple[int, str | None]]) -> list[_Group]:
    """Return the files that have rows, those of one symbol together; groups in the order of their first files.

    *starts* are the first time and the symbol of each file, from `_start_of`.
    """
    groups: dict[str, _Group] = {}
    for index, (each, (starts_ns, symbol)) in enumerate(zip(planned, starts, strict=True)):
        if each.plan.reader is None and each.plan.problem is None:
            continue
        if each.plan.problem is not None:
            symbol = symbol or each.part.symbol
        label = symbol or f"/{each.part.name}"
        groups.setdefault(label, _Group(label, [])).starts.append((starts_ns, index, each))
    return list(groups.values())


def _start_of(part: InputFile, plan: Plan, seen: bytes = b"") -> tuple[int, str | None]:
    """Return a lower bound for the times of a file, and its symbol; None if it may have several.

    If a column names the symbol, it is assumed to be the only one if the first rows have no other. *seen* is the start
    of the text, which is enough if it has the first row and the symbol is known.
    """
    if plan.reader is None or (plan.start_ns is not None and plan.symbol is not None):
        return NEVER_NS if plan.start_ns is None else plan.start_ns, plan.symbol
    symbols = SymbolTable()
    builder = BlockBuilder(symbols)
    with suppress(SourceError):  # it is raised again when the file is read
        if isinstance(part, ColumnInput):
            part.read_start(plan.reader(), builder, FIRST_ROWS)
        elif plan.symbol is not None:
            plan.reader().scan(builder, seen, 0, 1, False)
        if not builder.count and not isinstance(part, ColumnInput):
            plan.reader().scan(builder, part.head, 0, FIRST_ROWS, False)
    starts_ns = plan.start_ns
    if starts_ns is None:
        starts_ns = read_i64_le(builder.take(1).rows, 0) if builder.count else NEVER_NS
    return starts_ns, plan.symbol or (symbols.names[0] if len(symbols) == 1 else None)
