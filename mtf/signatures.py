"""The signatures of compiled classes, for `inspect.signature` and `help`: those that the source has.

C holds the docstrings, and parameters without annotations. The build writes down the annotated parameters of all
constructors (`mtf._signatures`), which are read when somebody asks. There is nothing to do in a pure build.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from types import FunctionType

__all__ = ["give_signatures"]


class _Signature:
    """Stands as `__signature__` in a compiled class, and answers for that class and those derived from it."""

    def __get__(self, instance: object, owner: type | None = None) -> inspect.Signature:
        """Return the signature; AttributeError if it is not for here, and `inspect` looks further."""
        made_by = None if owner is None else next((each for each in owner.__mro__ if "__init__" in vars(each)), None)
        found = None if made_by is None or instance is not None else _written(made_by)
        if found is None:
            raise AttributeError("__signature__")
        return inspect.signature(found)


def give_signatures(classes: Iterable[object]) -> None:
    """Have each class among *classes* that is compiled know its signature."""
    found = _Signature()
    for each in classes:
        if isinstance(each, type) and not isinstance(vars(each).get("__init__"), FunctionType | None):
            each.__signature__ = found  # type: ignore[attr-defined]


def _written(owner: type) -> Callable[..., None] | None:
    """Return a function with the parameters of *owner*'s constructor, as its source has them; None: not compiled."""
    if isinstance(vars(owner)["__init__"], FunctionType):
        return None
    functions = importlib.import_module("mtf._signatures").SIGNATURES.get(owner.__module__)
    found: Callable[..., None] | None = None if functions is None else functions().get(owner.__qualname__)
    return found
