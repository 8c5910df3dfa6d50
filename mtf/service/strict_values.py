"""Values of a configuration file as exactly the types of its classes: nothing is converted.

cattrs makes the classes and keeps the path of each error; values are checked here, because by default it takes `5` for
"5" and "AB" for ["A", "B"].
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from mtf.errors import ConfigError

__all__ = ["KEYWORD", "error_lines", "structured", "type_text"]

KEYWORD: Final = "_"  # suffix of fields whose key in the file is a Python keyword

_NAMES: Final[dict[type, tuple[str, str]]] = {
    str: ("a string", "strings"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    tuple: ("a list", "lists"),
    dict: ("a table", "tables"),
}

Made = TypeVar("Made")


def structured(value: Any, wanted: type[Made]) -> Made:
    """Return *value*, as parsed from TOML, as *wanted*; `error_lines` explains its exceptions."""
    return _CONVERTER.structure(value, wanted)


def error_lines(error: BaseException, path: str = "") -> list[str]:
    """Return every error in an exception of `structured` as a line: its path, and what is wrong there."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        found: list[str] = []
        noted, others = error.group_exceptions()
        for each, note in noted:
            place = getattr(note, "name", None)
            step = f"[{getattr(note, 'index', '')}]" if place is None else f".{str(place).removesuffix(KEYWORD)}"
            found += error_lines(each, (path + step).removeprefix("."))
        for each in others:
            found += error_lines(each, path)
        return found
    if isinstance(error, ForbiddenExtraKeysError):
        known = ", ".join(_key(each.name) for each in attrs.fields(error.cl)) if attrs.has(error.cl) else ""
        return [
            f"{path}.{key}".removeprefix(".") + f": unknown setting; choose one of {known}"
            for key in sorted(error.extra_fields)
        ]
    if isinstance(error, KeyError) and not isinstance(error, ConfigError):
        return [f"{path}: missing"]
    if not path:
        return [str(error)]
    index, _, rest = str(error).partition("] ") if str(error).startswith("[") else ("", "", "")
    return [f"{path}{index}]: {rest}" if index else f"{path}: {error}"]


def checked(value: Any, wanted: Any) -> Any:
    """Return *value* if it is a *wanted*, a list as a tuple; TypeError or ValueError say what it must be."""
    origin = get_origin(wanted)
    if wanted is Any:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(value, get_args(wanted))
    if origin is Literal:
        if value not in get_args(wanted) or not isinstance(value, str):
            raise ValueError(f"must be {type_text(wanted)}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"must be {type_text(wanted)}, got {value!r}")
        return tuple(_entry(each, get_args(wanted)[0], number) for number, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise TypeError(f"must be {type_text(wanted)}, got {value!r}")
        return {str(key): checked(each, get_args(wanted)[1]) for key, each in value.items()}
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise TypeError(f"must be {type_text(wanted)}, got {value!r}")
    return value


def type_text(wanted: Any, many: bool = False) -> str:
    """Return the type *wanted* in words, of *many* values in the plural."""
    origin, args = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return " or ".join(type_text(each, many) for each in args if each is not types.NoneType)
    if origin is Literal:
        return " or ".join(f'"{each}"' for each in args)
    if origin in (tuple, dict):
        values = args[0] if origin is tuple else args[1]
        name = _NAMES[origin][many]
        return name if values is Any else f"{name} of {type_text(values, many=True)}"
    return _NAMES.get(wanted, ("a value", "values"))[many]


def _entry(value: Any, wanted: Any, number: int) -> Any:
    try:
        return checked(value, wanted)
    except (TypeError, ValueError) as error:
        raise TypeError(f"[{number}] {error}") from error


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if choice is types.NoneType:
            continue
        try:
            return checked(value, choice)
        except (TypeError, ValueError):
            if isinstance(value, list) and get_origin(choice) is tuple:
                raise  # an error in the list is more useful than that it is a list
    kinds = " or ".join(type_text(each) for each in choices if each is not types.NoneType)
    raise TypeError(f"must be {kinds}, got {value!r}")


def _key(name: str) -> str:
    """Return the key of the field *name* in the file."""
    return name.removesuffix(KEYWORD)


def _is_plain(wanted: Any) -> bool:
    """Whether *wanted* is checked here: not a class of settings, nor a list of these."""
    origin: Any = get_origin(wanted)
    args = get_args(wanted)
    return not attrs.has(wanted) and not (origin in (tuple, list) and args and attrs.has(args[0]))


def _is_tables(wanted: Any) -> bool:
    """Whether *wanted* is a list of a class of settings."""
    origin: Any = get_origin(wanted)
    return origin is tuple and attrs.has(get_args(wanted)[0])


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook_func(_is_plain, checked)
    for kind in (str, int, float, bool):  # which otherwise have converting hooks
        converter.register_structure_hook(kind, checked)
    converter.register_structure_hook_factory(attrs.has, lambda wanted: _class_hook(wanted, converter))
    converter.register_structure_hook_func(
        _is_tables,
        lambda value, wanted: _each(value, wanted, converter),
    )
    return converter


def _class_hook(wanted: Any, converter: cattrs.Converter) -> Any:
    renamed = {
        each.name: override(rename=_key(each.name)) for each in attrs.fields(wanted) if each.name.endswith(KEYWORD)
    }
    structure = make_dict_structure_fn(wanted, converter, _cattrs_forbid_extra_keys=True, **renamed)  # type: ignore[arg-type]

    def table(value: Any, kind: Any) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(f"must be a table, got {value!r}")
        return structure(value, kind)

    return table


def _each(value: Any, wanted: Any, converter: cattrs.Converter) -> Any:
    if not isinstance(value, list | tuple):
        raise TypeError(f"must be a list of tables, got {value!r}")
    entries: Any = list[get_args(wanted)[0]]  # type: ignore[misc]
    return tuple(converter.structure(list(value), entries))


_CONVERTER: Final = _converter()
