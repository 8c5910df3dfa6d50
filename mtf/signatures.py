"""The signatures of compiled classes, for `inspect.signature` and `help`: those that the source has.

C holds the docstrings, and parameters without annotations. The build writes down the annotated parameters of all
constructors (`mtf._signatures`), which are read when somebody asks. There is nothing to do in a pure build.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable
from types import FunctionType
from typing import Any, Final

__all__ = ["give_signatures"]

TABLE: Final = "mtf._signatures"
CODE: Final = "from __future__ import annotations\ndef __init__({}) -> None: ..."


class _Signature:
    """Stands as `__signature__` in a compiled class, and answers for that class and those derived from it."""

    def __get__(self, instance: object, owner: type | None = None) -> inspect.Signature:
        """Return the signature; AttributeError if it is not for here, and `inspect` looks further."""
        made_by = None if owner is None else next((each for each in owner.__mro__ if "__init__" in vars(each)), None)
        text = None if made_by is None or instance is not None else _written(made_by)
        if text is None or made_by is None:
            raise AttributeError("__signature__")
        return _evaluated(text, vars(sys.modules[made_by.__module__]))


def give_signatures(classes: Iterable[object]) -> None:
    """Have each class among *classes* that is compiled know its signature."""
    found = _Signature()
    for each in classes:
        if isinstance(each, type) and not isinstance(vars(each).get("__init__"), FunctionType | None):
            each.__signature__ = found  # type: ignore[attr-defined]


def _written(owner: type) -> str | None:
    """Return the parameters of the constructor of *owner* as its source has them; None if it is not compiled."""
    if isinstance(vars(owner)["__init__"], FunctionType):
        return None
    table: dict[str, dict[str, str]] = importlib.import_module(TABLE).SIGNATURES
    return table.get(owner.__module__, {}).get(owner.__qualname__)


def _evaluated(parameters: str, namespace: dict[str, Any]) -> inspect.Signature:
    """Return the signature of a function of *namespace* with *parameters*."""
    found: dict[str, Any] = {}
    exec(CODE.format(parameters), dict(namespace), found)
    return inspect.signature(found["__init__"])
