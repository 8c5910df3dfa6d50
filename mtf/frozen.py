"""Immutable values in the pure build too.

A compiled class refuses to have a final attribute set a second time. Pure Python does not; this makes the classes that
consumers see behave the same, so that no consumer can change what another one sees.
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["freeze"]


def freeze(cls: type, names: Collection[str] | None = None) -> None:
    """Have the attributes *names* of *cls* (all, if not given) set once, by the constructor."""

    def refuse(self: object, name: str, value: object) -> None:
        if (names is None or name in names) and hasattr(self, name):
            raise AttributeError(f"attribute {name!r} of {type(self).__name__!r} objects is not writable")
        object.__setattr__(self, name, value)

    cls.__setattr__ = refuse  # type: ignore[assignment, method-assign]
