"""Settings from the environment: `MTF_WEB__PORT=9000` is `port` in `[web]`, `MTF_FEEDS__0__URL` that of the first feed.

Only names with two underscores: others are options of the command line.
"""

from __future__ import annotations

import tomllib
import types
from collections.abc import Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from mtf.errors import ConfigError
from mtf.service.strict_values import KEYWORD

__all__ = ["overridden"]

PREFIX: Final = "MTF_"
STEP: Final = "__"


def overridden(given: dict[str, Any], environment: Mapping[str, str], wanted: type) -> tuple[dict[str, Any], list[str]]:
    """Return the tables *given* with the settings in *environment*, and the errors in these."""
    tables, errors = _copied(given), []
    for name in sorted(each for each in environment if each.startswith(PREFIX) and STEP in each):
        steps = name.removeprefix(PREFIX).lower().split(STEP)
        try:
            _set(tables, steps, environment[name], wanted)
        except ConfigError as error:
            errors.append(f"{name}: {error}")
    return tables, errors


def _set(table: dict[str, Any], steps: list[str], text: str, wanted: Any) -> None:
    place: Any = table
    for depth, step in enumerate(steps):
        if isinstance(place, list):
            if not step.isdecimal() or int(step) >= len(place):
                raise ConfigError(f"no entry {step!r}: the file has {len(place)}, numbered from 0")
            key: Any = int(step)
            wanted = get_args(wanted)[0]
        else:
            fields = {each.name.removesuffix(KEYWORD): each.name for each in attrs.fields(wanted)}
            if step not in fields:
                raise ConfigError(f"{step}: unknown setting; choose one of {', '.join(fields)}")
            key, wanted = step, get_type_hints(wanted)[fields[step]]
        if depth == len(steps) - 1:
            place[key] = _value(text, wanted)
            return
        if not attrs.has(wanted) and not (get_origin(wanted) is tuple and attrs.has(get_args(wanted)[0])):
            raise ConfigError(f"{step} is a value, not a table")
        if isinstance(place, dict):
            place.setdefault(key, {} if attrs.has(wanted) else [])
        place = place[key]


def _value(text: str, wanted: Any) -> Any:
    """Return *text* as a TOML value, or unchanged if a text is wanted and it is not a list or a table."""
    kinds = get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)
    takes_text = any(kind is str or get_origin(kind) is Literal for kind in kinds)
    if takes_text and not (len(kinds) > 1 and text.lstrip().startswith(("[", "{"))):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{text!r} is not a valid TOML value: {error}") from error


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
