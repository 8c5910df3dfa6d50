"""Opens a path as a source: finds its parts, tells their format, puts them in order of time.

A folder is one source: its files in order of their first time (from their path where the format has it there, else
from their first row), files of equal time in natural order of their names. A file that no format takes is passed over
and named in `identity()`. The same market told twice, as ticks and as bars of them, is refused: say which is meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from librt.strings import read_i64_le

from mtf.errors import ConfigError, SourceError
from mtf.events.block import SymbolTable
from mtf.events.door import Door
from mtf.sources.files import FileSource, PlannedPart
from mtf.sources.format import CERTAIN, NO, Format, Options, Plan
from mtf.sources.formats import FORMATS, find_format
from mtf.sources.layout import SIDES
from mtf.sources.limits import DEFAULT_LIMITS, Limits
from mtf.sources.parts import Part, parts_of
from mtf.sources.source import Source
from mtf.sources.synthetic import SyntheticMarket
from mtf.sources.table import ROLES
from mtf.timeframe import Timeframe

__all__ = ["open_source"]

SYNTHETIC_EVENTS: Final = 1_000_000  # of a synthetic market for which nobody says how long it goes on
FIRST_ROWS: Final = 100  # of a file, looked at to find its first time


def open_source(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    name: str | None = None,
    symbol: str | None = None,
    kind: str | None = None,
    columns: str | Mapping[str, str | int] | Sequence[str] | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    time_format: str | None = None,
    zone: str | None = None,
    timeframe: str | Timeframe | None = None,
    stamp: str | None = None,
    side: str | None = None,
    point: float | None = None,
    pattern: str = "*",
    limits: Limits = DEFAULT_LIMITS,
) -> Source:
    """Return *path*, a file or a folder of them, as a source; what is not said is told from its content and name.

    `synthetic` is a made-up market, `synthetic:seed=7,symbols=EURUSD+USDJPY,events=1000` another one.

    *columns* maps what a column is (see `mtf.sources.table.ROLES`) to its name or number, or lists what the columns are
    in their order, `_` for one that is not read: `{"time": "when", "bid": 2, "ask": 3}` or `"time,_,bid,ask"`. The
    other options are those of `mtf.sources.format.Options`. *pattern* says which files of a folder are meant. *name* is
    what the log calls the source; else the last piece of the path. Raises SourceError where the file cannot be read,
    and ConfigError where something has to be said first.
    """
    if stamp not in (None, "open", "close"):
        raise ConfigError(f"bars are not stamped at their {stamp!r}: give 'open' or 'close'")
    if side is not None and side not in SIDES:
        raise ConfigError(f"bars have no side {side!r}: it is one of {', '.join(SIDES)}")
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise ConfigError(f"{delimiter!r} cannot part columns: give one character, as ',' or ';'")
    options = Options(
        symbol=symbol,
        kind=kind,
        columns=_columns(columns),
        delimiter=delimiter,
        header=header,
        time_format=time_format,
        zone=zone,
        timeframe=None if timeframe is None else Timeframe(timeframe),
        stamp=stamp,
        side=side,
        point=point,
        limits=limits,
    )
    where = Path(path)
    if str(path).partition(":")[0] == "synthetic" and not where.exists():
        return _synthetic(str(path), name or "synthetic")
    if not where.exists():
        raise SourceError(f"{where}: no such file or folder", path=str(where))
    chosen = find_format(format) if format is not None else None
    if chosen is None and options.columns is not None:
        chosen = find_format("csv")
    planned: list[PlannedPart] = []
    skipped: list[str] = []
    for part in parts_of(where, limits, pattern=pattern):
        try:
            found = _format_of(part, chosen, alone=part.path == where)
            if found is None:
                skipped.append(part.name)
            else:
                planned.append(PlannedPart(part, _plan(found, part, options), found.name))
        finally:
            part.release()
    if not planned and skipped:
        if where.is_file() and not where.stat().st_size:
            raise SourceError(f"{where}: is empty", path=str(where))
        raise SourceError(
            f"{where}: not in a format that is known here; name one of {', '.join(f.name for f in FORMATS)}, "
            "or say what its columns are",
            path=str(where),
        )
    _check_told_once(where, planned)
    said = {
        field.name: str(getattr(options, field.name))
        for field in attrs.fields(Options)
        if field.name != "limits" and getattr(options, field.name) is not None
    }
    return FileSource(name or where.absolute().name, _in_order(planned), skipped, said)


def _synthetic(text: str, name: str) -> SyntheticMarket:
    """Return the market that `synthetic` or `synthetic:seed=7,symbols=EURUSD+USDJPY,events=1000` calls for."""
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
                f"{pair!r} is nothing that a synthetic market has: it has seed, symbols, start, end, events and "
                "pace_ms, as synthetic:seed=7,symbols=EURUSD+USDJPY,events=1000"
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
            raise ConfigError(f"no column can be {role!r}: it is one of {', '.join(ROLES)}")
    return roles


def _roles(columns: str | Mapping[str, str | int] | Sequence[str]) -> Mapping[str, str | int]:
    if isinstance(columns, Mapping):
        return columns
    words = [word.strip() for word in columns.split(",")] if isinstance(columns, str) else list(columns)
    if any("=" in word for word in words):
        pairs = [word.partition("=") for word in words]
        return {role.strip(): column.strip() for role, _, column in pairs}
    return {role: index for index, role in enumerate(words) if role not in ("", "_")}


def _format_of(part: Part, chosen: Format | None, *, alone: bool) -> Format | None:
    """Return the format of *part*: the chosen one (which of a folder takes only its own files), or the surest."""
    if chosen is not None:
        return chosen if alone or chosen.sniff(part) > NO else None
    best, best_score = None, NO
    for candidate in FORMATS:
        score = candidate.sniff(part)
        if score > best_score:
            best, best_score = candidate, score
        if score >= CERTAIN:
            break
    return best


def _plan(found: Format, part: Part, options: Options) -> Plan:
    try:
        return found.plan(part, options)
    except ConfigError as error:
        raise ConfigError(f"{part.place}: {error}") from error


def _check_told_once(where: Path, planned: Sequence[PlannedPart]) -> None:
    kinds: dict[str | None, set[str]] = {}
    for each in planned:
        if each.plan.reader is not None:
            kinds.setdefault(each.plan.symbol, set()).add(each.plan.kind)
    for symbol, told in kinds.items():
        if len(told) > 1:
            raise ConfigError(
                f"{where}: holds {' and '.join(sorted(told))} of {symbol or 'the same symbols'}: name one with "
                "format= or pattern=, or give a folder that has only one"
            )


def _in_order(planned: Sequence[PlannedPart]) -> list[PlannedPart]:
    """Return the parts by their first time, equal ones by their names; ones without a row go first."""
    if len(planned) < 2:
        return list(planned)
    keyed = [(_first_ns(each), index) for index, each in enumerate(planned)]
    return [planned[index] for _, index in sorted(keyed)]


def _first_ns(planned: PlannedPart) -> int:
    plan, part = planned.plan, planned.part
    if plan.start_ns is not None or plan.reader is None:
        return plan.start_ns or 0
    door = Door(SymbolTable())
    plan.reader().scan(door, part.head, 0, FIRST_ROWS, False)
    part.release()
    return read_i64_le(door.take(1).rows, 0) if door.count else 0
