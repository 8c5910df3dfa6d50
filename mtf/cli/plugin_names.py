"""Names of plug-ins on the command line: values of options, and classes of consumers."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from mtf.actors.consumer import Consumer
from mtf.errors import ConfigError
from mtf.plugins.entry_points import installed, load

__all__ = ["CONSUMER", "WithPlugins", "checked_consumer", "consumer_class", "import_from_here", "made_consumer"]

CONSUMER: Final = "PKG.MOD:CLASS|NAME"  # the form of the option


class WithPlugins(click.Choice[str]):
    """A choice of *names*, to which the names of plug-ins of a *kind* are added when it is made."""

    def __init__(self, names: Sequence[str], kind: str) -> None:
        super().__init__(names)
        self._kind: Final = kind

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        return value if value in installed(self._kind) else super().convert(value, param, context)


def import_from_here() -> None:
    """Make modules of the working directory importable by name, as `python -m` does."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def consumer_class(text: str) -> type[Consumer]:
    """Return the class named by *text*: `package.module:Class`, or a plug-in's name; ConfigError if there is none."""
    if ":" not in text and text in installed("consumers"):
        brought: type[Consumer] = load("consumers", text, checked_consumer)
        return brought
    module_name, _, class_name = text.partition(":")
    if not module_name or not class_name:
        raise ConfigError(
            f"invalid --consumer {text!r}: write it as package.module:Class, or use a name listed by mtf plugins"
        )
    import_from_here()
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"--consumer {text}: {error}") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not issubclass(found, Consumer):
        raise ConfigError(f"--consumer {text}: {class_name} in {module_name} is not a subclass of mtf.Consumer")
    return found


def made_consumer(found: type[Consumer], text: str) -> Consumer:
    """Return a new consumer of the class *found*, named by *text*; ConfigError if that takes arguments."""
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise ConfigError(f"--consumer {text}: the class must not need arguments: {error}") from error
    try:
        return found()
    except asyncio.CancelledError as error:
        raise ConfigError(f"--consumer {text}: creating it failed: {error!r}") from error  # no signal asked to stop


def checked_consumer(found: object) -> type[Consumer]:
    """Return the class of a plug-in; ConfigError if it is not a consumer's."""
    if not isinstance(found, type) or not issubclass(found, Consumer):
        raise ConfigError(f"{found!r} is not a subclass of mtf.Consumer")
    return found
