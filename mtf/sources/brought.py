"""Sources that other packages provide through entry points, opened by name: `walk`, or `walk:steps=1000`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from mtf.errors import ConfigError, MtfError
from mtf.events.block_builder import BlockBuilder
from mtf.events.tick import Tick
from mtf.plugins.entry_points import installed, load
from mtf.sources.source import IterableSource, Source, iterate

__all__ = ["checked_source", "is_brought", "open_brought"]

KIND: Final = "sources"  # of plug-in


def is_brought(text: str) -> bool:
    """Whether *text* names an installed source of another package."""
    return text.partition(":")[0] in installed(KIND)


def open_brought(text: str, name: str | None = None) -> IterableSource | None:
    """Return the source that *text* names, called *name* in the log if given; None if there is no such source.

    ConfigError, naming the package, if it cannot be opened.
    """
    plugin_name, _, rest = text.partition(":")
    if not is_brought(text):
        return None
    plugin = installed(KIND)[plugin_name]
    make = load(KIND, plugin_name, checked_source)
    try:
        source = make(rest)
    except MtfError:
        raise
    except Exception as error:
        raise ConfigError(f"the source {plugin_name} of {plugin.origin} cannot be opened: {error!r}") from error
    if not isinstance(source, Source):
        raise ConfigError(
            f"the source {plugin_name} of {plugin.origin} returned {source!r}, which is not an mtf.Source"
        )
    return _Named(source, name or source.name)


def checked_source(found: object) -> Callable[[str], Any]:
    """Return the function of a plug-in, which makes a source; ConfigError if it cannot be called."""
    if not callable(found):
        raise ConfigError(f"{found!r} is not a function from a text to an mtf.Source")
    return cast("Callable[[str], Any]", found)


class _Named:
    """A source with another name, which can be iterated."""

    def __init__(self, source: Source, name: str) -> None:
        self.name: Final = name
        self._source: Final = source

    def fill(self, builder: BlockBuilder, limit: int) -> bool:
        return self._source.fill(builder, limit)

    def __iter__(self) -> Iterator[Tick]:
        return iterate(self._source)

    def identity(self) -> dict[str, Any]:
        return self._source.identity()

    def position(self) -> dict[str, Any]:
        return self._source.position()

    def seek(self, position: dict[str, Any]) -> None:
        self._source.seek(position)

    def progress(self) -> float | None:
        return self._source.progress()

    def close(self) -> None:
        self._source.close()
