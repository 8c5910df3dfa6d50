"""Which build of mtf runs: its version, whether it is compiled, and the versions of its requirements.

Knows the packages by name only; nothing here is imported for its behaviour.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import inspect
import platform
import sqlite3
from pathlib import Path
from typing import Final

from mtf.events import block

__all__ = ["COMPILED", "VERSION", "compiled_modules", "versions"]

VERSION: Final = "0.2.0"  # pyproject.toml reads it here

# A compiled function is a builtin, an interpreted one is not. All hot modules are compiled, or none is.
COMPILED: Final = not inspect.isfunction(block.tick_at)

PACKAGES: Final = ("librt", "uvloop", "orjson", "attrs", "aiosqlite", "xxhash", "zstandard", "tzdata")


def compiled_modules() -> list[str]:
    """Return the names of the modules of mtf that run compiled, in order; empty for a pure build."""
    root = Path(__file__).parent
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    found = []
    for path in root.rglob("*"):
        if path.name.endswith(suffixes):
            stem = path.name.partition(".")[0]
            found.append(".".join(("mtf", *path.relative_to(root).parts[:-1], stem)))
    return sorted(found)


def versions() -> dict[str, str | None]:
    """Return the versions of mtf and its requirements, by name; None for one that is not installed."""
    found: dict[str, str | None] = {
        "mtf": VERSION,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found
