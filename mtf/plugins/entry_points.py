"""Entry points of mtf's groups: finds and loads plug-ins. A broken one is reported, and affects nothing else.

Owns finding and importing. Whether a plug-in is of the right type is checked by its user (`checked`), once loaded.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from mtf.errors import ConfigError, MtfError
from mtf.loggers import report

__all__ = ["GROUPS", "Plugin", "installed", "load", "load_all", "problem_of"]

# The kinds of plug-ins, and their groups of entry points.
GROUPS: Final = {
    "formats": "mtf.formats",
    "sources": "mtf.sources",
    "calendars": "mtf.calendars",
    "indicators": "mtf.indicators",
    "consumers": "mtf.consumers",
    "exporters": "mtf.exporters",
}

_reported: Final[set[tuple[str, str]]] = set()  # plug-ins whose problem has been reported, by kind and name


@attrs.frozen(kw_only=True)
class Plugin:
    """An installed plug-in: its name, where its object is, and the package that provides it."""

    kind: str  # a key of GROUPS
    name: str
    value: str  # module:attribute
    package: str  # "" if unknown
    version: str
    point: importlib.metadata.EntryPoint = attrs.field(repr=False, eq=False)

    @property
    def origin(self) -> str:
        """The package, as named in messages."""
        return f"the package {self.package} {self.version}" if self.package else "an installed package"


def installed(kind: str) -> dict[str, Plugin]:
    """Return the installed plug-ins of *kind* by name, the first of each name, without importing anything."""
    return _installed(kind, importlib.metadata.entry_points, tuple(sys.path))


def load(kind: str, name: str, checked: Callable[[Any], Any]) -> Any:
    """Return the result of *checked* on the object of a plug-in, importing it if necessary.

    Whatever goes wrong in its module is raised as ConfigError, which names the package and the failure.
    """
    plugin = installed(kind)[name]
    what = f"the {kind.removesuffix('s')} {name} of {plugin.origin} cannot be used"
    try:
        return checked(plugin.point.load())
    except MtfError as error:
        raise ConfigError(f"{what}: {plugin.value}: {error}") from error
    except Exception as error:  # whatever another package's module raises
        raise ConfigError(
            f"{what}: {plugin.value} fails with {type(error).__name__}: {error}; update the package, or uninstall it"
        ) from error


def load_all(kind: str, checked: Callable[[Any], Any]) -> Iterator[tuple[Plugin, Any]]:
    """Yield each usable plug-in of *kind* with its object; the others are reported, once each."""
    for name, plugin in installed(kind).items():
        try:
            found = load(kind, name, checked)
        except ConfigError as error:
            report_failure(plugin, str(error))
            continue
        yield plugin, found


def report_failure(plugin: Plugin, sentence: str) -> None:
    """Report, once, that *plugin* cannot be used or fails."""
    if (plugin.kind, plugin.name) not in _reported:
        _reported.add((plugin.kind, plugin.name))
        report("plugin_failed", sentence, kind=plugin.kind, plugin=plugin.name, package=plugin.package)


def problem_of(plugin: Plugin, checked: Callable[[Any], Any]) -> str:
    """Load *plugin* and return why it cannot be used; "" if it can."""
    try:
        load(plugin.kind, plugin.name, checked)
    except ConfigError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=32)
def _installed(kind: str, entry_points: Callable[..., Any], path: tuple[str, ...]) -> dict[str, Plugin]:
    """Search *path* for plug-ins: that takes milliseconds, so each path is searched once."""
    found: dict[str, Plugin] = {}
    for point in sorted(entry_points(group=GROUPS[kind]), key=lambda each: (each.name, each.value)):
        dist = point.dist
        found.setdefault(
            point.name,
            Plugin(
                kind=kind,
                name=point.name,
                value=point.value,
                package="" if dist is None else dist.name,
                version="" if dist is None else dist.version,
                point=point,
            ),
        )
    return found
