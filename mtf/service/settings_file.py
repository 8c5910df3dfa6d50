"""The configuration file of a service: read, overridden by the environment, and checked, with all errors at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mtf.errors import ConfigError
from mtf.service.overrides import overridden
from mtf.service.service_settings import ServiceSettings
from mtf.service.strict_values import error_lines, structured

__all__ = ["WrongSettings", "read_settings", "settings_of", "tables_in", "text_in"]


class WrongSettings(ConfigError):
    """A configuration file is invalid; `lines` has each error with its path."""

    def __init__(self, path: str, lines: list[str]) -> None:
        self.lines = lines
        super().__init__(f"{path}: " + "; ".join(lines))


def text_in(path: Path) -> str:
    """Return the text of a configuration file; WrongSettings if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WrongSettings(str(path), [f"invalid UTF-8: {error}"]) from error


def tables_in(text: str, path: str) -> dict[str, Any]:
    """Return what the TOML *text* of the file *path* sets; WrongSettings if it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongSettings(path, [f"invalid TOML: {error}"]) from error


def read_settings(path: Path, environment: Mapping[str, str]) -> ServiceSettings:
    """Return the settings in the file *path* and *environment*; WrongSettings lists all errors.

    Relative paths in it are relative to the directory of the file.
    """
    settings = settings_of(text_in(path), environment, str(path))
    base = path.absolute().parent
    token_file = settings.web.token_file
    return attrs.evolve(
        settings,
        pipeline=attrs.evolve(settings.pipeline, data=str(base / settings.pipeline.data)),
        feeds=tuple(
            each if each.path is None else attrs.evolve(each, path=str(base / each.path)) for each in settings.feeds
        ),
        warm_up=tuple(attrs.evolve(each, path=str(base / each.path)) for each in settings.warm_up),
        web=attrs.evolve(settings.web, token_file=None if token_file is None else str(base / token_file)),
    )


def settings_of(text: str, environment: Mapping[str, str], path: str = "configuration") -> ServiceSettings:
    """Return the settings in the TOML *text* and *environment*; WrongSettings lists all errors."""
    tables, errors = overridden(tables_in(text, path), environment, ServiceSettings)
    try:
        settings = structured(tables, ServiceSettings)
    except Exception as error:
        raise WrongSettings(path, errors + error_lines(error)) from error
    if errors:
        raise WrongSettings(path, errors)
    if not settings.pipeline.data:
        raise WrongSettings(path, ["pipeline.data: must name a directory"])
    return settings
