"""`--make-room`: the data directory for a source, or the next free name if it holds something else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from mtf.cli.directories import newest_start, reader_of
from mtf.cli.typed import numbered
from mtf.config import Config
from mtf.errors import ConfigError, ConfigMismatch, MtfError, SourceError
from mtf.sources import Source
from mtf.sources.merge import MergedSource, sources_of
from mtf.storage.datadir import LOG, logged_config
from mtf.storage.resuming import known_parts

__all__ = ["room_for"]

TRIES: Final = 100


def room_for(directory: Path, config: Config, source: Source) -> tuple[Path, str]:
    """Return the first of `run`, `run-2`, `run-3` ... that is free, or was made from *source* with *config*.

    Also return why *directory* itself is not used, "" if it is. ConfigError if none of a hundred is free.
    """
    why = ""
    for number in range(1, TRIES + 1):
        path = numbered(directory, number)
        other = _why_not(path, config, source)
        if not other:
            return path, why
        why = why or other
    last = numbered(directory, TRIES)
    raise ConfigError(
        f"{directory} {why}, and the names up to {last} are in use too: remove some of them, or use another --data"
    )


def _why_not(path: Path, config: Config, source: Source) -> str:
    """Return why a run of *source* with *config* cannot use *path*; "" if nothing does."""
    if not os.path.lexists(path):
        return ""
    if not path.is_dir():
        return "is not a directory"
    if not (path / LOG).is_dir():
        return "has other files" if any(path.iterdir()) else ""
    try:
        logged = logged_config(path)
        differences = config.settled(logged)[0].differences(logged)
        if differences:
            return f"was made with other settings ({'; '.join(differences)})"
        merged = source if isinstance(source, MergedSource) else MergedSource([source])
        entries = _sources(path)
        others = sources_of(entries) - sources_of(part.key for part in merged.parts if part.key is not None)
        if others:
            return f"has another source ({', '.join(sorted(others))})"
        known = known_parts(str(path), entries, merged)
        try:
            merged.resume(known)  # each part recognizes its beginning, or raises
        finally:
            merged.seek({})
    except ConfigMismatch:
        return f"has {source.name}, read differently"
    except SourceError:
        return f"has another {source.name}"
    except MtfError as error:
        return f"cannot be resumed ({error})"
    return ""


def _sources(path: Path) -> dict[str, Any]:
    """Return the sources of the log in *path*, with their identities and positions."""
    reader = reader_of(path, newest_start(path))
    for _ in reader:
        pass
    return reader.positions
