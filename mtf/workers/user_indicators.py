"""Users' indicators in workers: a new process has to know where their classes are.

Only classes registered in the pipeline's own process are imported, from the modules they are in; a log names no module.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import reduce
from typing import Any

from mtf.errors import ConfigError
from mtf.indicators.catalogue import names_in, register, registered

__all__ = ["class_at", "class_paths", "register_paths"]


def class_paths(specs: Iterable[str]) -> list[str]:
    """Return, as `module:Class`, the users' classes that *specs* need; ConfigError if one cannot be imported."""
    own = registered()
    paths = []
    for name in sorted(names_in(specs) & own.keys()):
        cls = own[name]
        path = f"{cls.__module__}:{cls.__qualname__}"
        if cls.__module__ == "__main__" or "<" in cls.__qualname__:
            raise ConfigError(
                f"workers cannot import the indicator {name} from {path}: define it at the top level of a module"
            )
        paths.append(path)
    return paths


def register_paths(paths: Iterable[str]) -> None:
    """Import and register the classes that `class_paths` returned."""
    for path in paths:
        register(class_at(path))


def class_at(path: str) -> Any:
    """Import and return the class at *path*, `module:Class`."""
    module_name, _, class_name = path.partition(":")
    return reduce(getattr, class_name.split("."), importlib.import_module(module_name))
