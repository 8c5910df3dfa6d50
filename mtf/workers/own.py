"""Indicators of users in workers: a process that is started afresh is told where their classes are.

Only what the pipeline's own process has registered is imported, from where that has it; a log names no modules.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import reduce
from typing import Any

from mtf.errors import ConfigError
from mtf.indicators.catalogue import names_in, register, registered

__all__ = ["class_paths", "register_paths"]


def class_paths(specs: Iterable[str]) -> list[str]:
    """Return, as `module:Class`, the classes of users that *specs* need; ConfigError where one cannot be imported."""
    own = registered()
    paths = []
    for name in sorted(names_in(specs) & own.keys()):
        cls = own[name]
        path = f"{cls.__module__}:{cls.__qualname__}"
        if cls.__module__ == "__main__" or "<" in cls.__qualname__:
            raise ConfigError(
                f"the indicator {name} is made in {path}, where no worker can import it: put it in a module, at its top"
            )
        paths.append(path)
    return paths


def register_paths(paths: Iterable[str]) -> None:
    """Make known what `class_paths` named."""
    for path in paths:
        module_name, _, class_name = path.partition(":")
        found: Any = reduce(getattr, class_name.split("."), importlib.import_module(module_name))
        register(found)
