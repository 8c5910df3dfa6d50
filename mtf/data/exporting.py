"""Exporters that other packages provide through entry points: they write tables of completed bars in their own form."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final, cast

from mtf.bars.bar import Bar
from mtf.data.table import Table
from mtf.errors import ConfigError, MtfError
from mtf.plugins.entry_points import installed, load

__all__ = ["Exporter", "checked_exporter", "export", "exporters"]

KIND: Final = "exporters"  # of plug-in

Exporter = Callable[[Table[Bar], BinaryIO], None]


def exporters() -> list[str]:
    """Return the names of the installed exporters."""
    return list(installed(KIND))


def export(name: str, table: Table[Bar], stream: BinaryIO) -> None:
    """Let the exporter *name* write *table* to *stream*; ConfigError, naming its package, if it fails."""
    write: Exporter = load(KIND, name, checked_exporter)
    try:
        write(table, stream)
    except (MtfError, OSError):
        raise
    except Exception as error:
        origin = installed(KIND)[name].origin
        raise ConfigError(f"the exporter {name} of {origin} fails: {error!r}") from error


def checked_exporter(found: object) -> Exporter:
    """Return the function of a plug-in; ConfigError if it cannot be called."""
    if not callable(found):
        raise ConfigError(f"{found!r} is not a function that writes a table to a stream")
    return cast("Exporter", found)
