"""Everything that can be read as a source: paths, tables, ticks, and sources."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mtf.bars.bar import Bar
from mtf.errors import ConfigError
from mtf.events.tick import Tick
from mtf.sources.in_memory import is_table
from mtf.sources.iterator import IterSource
from mtf.sources.merge import MergedSource, MergePart
from mtf.sources.opening import open_source
from mtf.sources.source import Source

__all__ = ["as_source", "parts_given", "told_apart"]


def as_source(thing: Any, **options: Any) -> Source:
    """Return *thing* as a source: a path, a table, an iterable of ticks or bars, a `Source`, or a list of these.

    A table is a frame (polars, pandas), anything with `__arrow_c_stream__` (pyarrow, DuckDB), a dict of columns, or a
    list of rows. *options* are those of `open_source`, for a path or a table; an iterable only takes a name; a list,
    which is merged by time, takes options for all of its members. Raises ConfigError for anything else, and what
    `open_source` raises.
    """
    if isinstance(thing, Source):
        if options:
            raise ConfigError(f"{', '.join(options)}: pass options when opening the source, not with a source")
        return thing
    parts = parts_given(thing, options, options)
    if len(parts) == 1:
        part = parts[0]
        return part.source if isinstance(part, MergePart) else part
    return MergedSource(parts)


def parts_given(given: Any, options: dict[str, Any], opening: dict[str, Any]) -> list[Source | MergePart]:
    """Return *given*, one thing or several, as sources, with *options* as given by the user.

    *opening* are the options with which paths and tables are opened. Ticks and tables without a name, which the log
    could not recognize again, are parts without a key.
    """
    if isinstance(given, Sequence) and not isinstance(given, str) and not is_table(given) and _has_sources(given):
        return _all_given(given, options, opening)
    return [_one_given(given, options, opening)]


def _has_sources(given: Sequence[Any]) -> bool:
    """Whether *given* is a list with sources, and not of ticks."""
    # Checking a value for the methods of a source takes as long as reading a hundred ticks.
    return not (given and isinstance(given[0], Tick | Bar)) and any(map(_is_source, given))


def _is_source(given: Any) -> bool:
    """Whether *given* is a single source, and not a tick or a list of these."""
    return isinstance(given, str | os.PathLike | Source) or is_table(given)


def _one_given(given: Any, options: dict[str, Any], opening: dict[str, Any]) -> Source | MergePart:
    if isinstance(given, str | os.PathLike):
        return open_source(given, **opening)
    if isinstance(given, Source):
        return given
    if is_table(given):
        source: Source = open_source(given, **opening)
    elif isinstance(given, Iterable):
        source = _of_iterable(given, options)
    else:
        raise ConfigError(
            f"{given!r:.200} is not a source: give a path, a frame, a dict of columns, a list of rows, a Source, an "
            "iterable of ticks, or a list of these"
        )
    return MergePart(source=source, key=source.name if "name" in options else None)


def _of_iterable(given: Iterable[Any], options: dict[str, Any]) -> Source:
    """Return *given*, ticks, as a source; an empty list may have been meant to have rows."""
    named = {name: value for name, value in options.items() if name == "name"}
    if len(named) < len(options) and not (isinstance(given, Sequence) and not given):
        raise ConfigError(
            f"{', '.join(sorted(options.keys() - named))}: an iterable of ticks has no options but a name; rows are a "
            "list of dicts, or of lists: give list(rows)"
        )
    return IterSource(given, **named)


def _all_given(several: Sequence[Any], options: dict[str, Any], opening: dict[str, Any]) -> list[Source | MergePart]:
    """Open all sources of a list; files with the same name are named by enough of their path to differ."""
    if "name" in options:
        raise ConfigError("name only applies to one source: open each with open_source(path, name=...)")
    names = told_apart([each for each in several if isinstance(each, str | os.PathLike)])
    return [
        _one_given(
            each,
            {},
            {**opening, "name": names[os.fspath(each)]}
            if isinstance(each, str | os.PathLike)
            else opening
            if is_table(each)
            else {},
        )
        for each in several
    ]


def told_apart(paths: Iterable[str | os.PathLike[str]]) -> dict[str, str]:
    """Return the shortest end of each path that no other path has."""
    pieces = {os.fspath(path): Path(path).absolute().parts for path in paths}
    names: dict[str, str] = {}
    for path, own in pieces.items():
        length = 1
        while length < len(own) and any(other != own and other[-length:] == own[-length:] for other in pieces.values()):
            length += 1
        names[path] = "/".join(own[-length:])
    return names
