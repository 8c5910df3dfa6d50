"""Where each part of a source resumes: at its position in the log, if it is the same source, read in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mtf.errors import ConfigMismatch, SourceError
from mtf.sources.merge import SKIPPED, MergedSource, part_key, part_position, shown_key, source_position
from mtf.sources.source import Source

__all__ = ["known_parts"]

SIZES: Final = ("size", "bytes", "parts")  # sizes of a source: may grow, but not shrink
# Values that differ if a source has grown.
GROWN: Final = (*SIZES, "head_bytes", "head_xxh3", "skipped", "reading", "events", "end")


def known_parts(name: str, entries: Mapping[str, Any], source: MergedSource) -> dict[str, dict[str, Any]]:
    """Return the known position of each part of *source* by key, from the *entries* in the log of the storage *name*.

    Each part is set to be read as it was the first time. ConfigError, ConfigMismatch or SourceError if that is
    impossible.
    """
    positions: dict[str, dict[str, Any]] = {}
    for part in source.parts:
        entry = {} if part.key is None else entries.get(part.key, {})
        recall(part.source, {**entry, "position": source_position(entry.get("position", {}))})
        if part.key is not None and entry:
            check_same(name, part.source.name, entry["identity"], part.source.identity())
            positions[part.key] = part_position(entry["position"], entries.get(part.key + SKIPPED, 0))
    keys = {part.key for part in source.parts}
    folders = tuple({part_key(part.folder, "") for part in source.parts if part.folder})
    for key in entries:
        if key.startswith(folders) and not key.endswith(SKIPPED) and key not in keys:
            raise SourceError(
                f"{shown_key(key)} was read into {name} before, and is now missing: put it back, or use another "
                "directory",
                path=shown_key(key),
            )
    return positions


def check_same(storage: str, name: str, known: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise if the source *name* with *identity* cannot be the one that is *known* in *storage*.

    ConfigMismatch if it is read differently, SourceError if it is another source.
    """
    before, now = known.get("read_as", {}), identity.get("read_as", {})
    if before != now:
        raise ConfigMismatch(
            f"{name} was first read into {storage} with {_describe(before)}, now with {_describe(now)}: "
            "use the same options, or another directory"
        )
    if not _is_same_source(known, identity):
        raise SourceError(
            f"{name} was read into {storage} before, but is now a different file: use another directory, or restore "
            "the file",
            path=name,
        )


def recall(source: Source, known: dict[str, Any]) -> None:
    """Make *source*, if it is a file, be read as it was the first time; *known* has what was inferred then.

    ConfigError if an option that it needs is missing.
    """
    recalled = getattr(source, "recall", None)
    if recalled is not None:
        recalled(known.get("identity", {}), known.get("position", {}))


def _describe(options: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items()) or "no options"


def _is_same_source(known: dict[str, Any], identity: dict[str, Any]) -> bool:
    """Return whether *identity* can be that of the *known* source, which may have grown."""
    if {**known, **dict.fromkeys(GROWN)} != {**identity, **dict.fromkeys(GROWN)}:
        return False
    return all((identity.get(name) or 0) >= (known.get(name) or 0) for name in SIZES)
