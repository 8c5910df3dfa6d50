"""The schema of a configuration file, as TOML: every table, every setting with its type, default and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import attrs
import orjson

from mtf.service.result_settings import TEXT
from mtf.service.service_settings import ServiceSettings
from mtf.service.strict_values import KEYWORD, type_text

__all__ = ["schema_text"]

HEAD: Final = (
    "# The settings of a service: mtf serve CONFIG.toml.",
    "# A setting after # shows its default. Each can also be set in the environment: MTF_WEB__PORT=9000,",
    "# MTF_FEEDS__0__URL=wss://... for the first feed.",
    "# Anything of the form pkg:name is imported and called: only run configurations that you trust.",
)


def schema_text() -> str:
    """Return the whole schema, which is itself TOML."""
    return "\n".join([*HEAD, *_tables(ServiceSettings)]) + "\n"


def _tables(wanted: type[Any], prefix: str = "") -> Iterator[str]:
    for name, kind in get_type_hints(wanted).items():
        is_list = not attrs.has(kind) and bool(get_args(kind)) and attrs.has(get_args(kind)[0])
        if not is_list and not attrs.has(kind):
            continue
        table = get_args(kind)[0] if is_list else kind
        path = prefix + name
        yield ""
        yield f"[[{path}]]" if is_list else f"[{path}]"
        types = get_type_hints(table)
        for each in attrs.fields(table):
            if not attrs.has(types[each.name]):
                yield from _lines(each, types[each.name])
        yield from _tables(table, f"{path}.")


def _lines(each: attrs.Attribute[Any], kind: Any) -> Iterator[str]:
    key = each.name.removesuffix(KEYWORD)
    text = f"{each.metadata[TEXT]}: {type_text(kind)}"
    default = each.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()  # type: ignore[union-attr]
    if default is attrs.NOTHING:
        yield f'{key} = "..."  # {text}; required'
    elif default is None:
        yield f"# {key}  # {text}"
    else:
        yield f"# {key} = {_toml(default)}  # {text}"


def _toml(value: Any) -> str:
    """Return a default as TOML; JSON has the same form for all that are used."""
    if isinstance(value, float):
        return f"{value!r}"
    return "{}" if value == {} else orjson.dumps(value).decode()
