"""Immutable values in the pure build too, and errors that name the field.

A compiled class refuses to have a final attribute set a second time, and names the argument of the wrong type. Pure
Python does not; this makes the classes that consumers see behave the same, so that no consumer can change what another
one sees.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Collection

__all__ = ["freeze", "name_fields"]


def freeze(cls: type, names: Collection[str] | None = None) -> None:
    """Have the attributes *names* of *cls* (all, if not given) set once, by the constructor."""

    def refuse(self: object, name: str, value: object) -> None:
        if (names is None or name in names) and hasattr(self, name):
            raise AttributeError(f"attribute {name!r} of {type(self).__name__!r} objects is not writable")
        object.__setattr__(self, name, value)

    cls.__setattr__ = refuse  # type: ignore[assignment, method-assign]


def name_fields(cls: type) -> None:
    """Have the constructor of *cls*, if a number cannot be made of what it is given for one, name the field."""
    make = cls.__init__  # type: ignore[misc]
    numbers = [name for name, each in inspect.signature(make).parameters.items() if each.annotation == "float"]

    @functools.wraps(make)
    def init(self: object, *given: object, **fields: object) -> None:
        try:
            make(self, *given, **fields)
        except (TypeError, ValueError):
            wrong = next((name for name in numbers if name in fields and not _is_number(fields[name])), None)
            if wrong is None:
                raise
            kind = type(fields[wrong]).__name__
            raise TypeError(f"{cls.__name__}() argument {wrong!r} must be float, not {kind}") from None

    cls.__init__ = init  # type: ignore[misc]


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
