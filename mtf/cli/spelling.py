"""The spelling of an option on the command line, by its name in Python, for messages."""

from __future__ import annotations

import shlex
from typing import Final

__all__ = ["option_text"]

# Options whose names in Python and on the command line differ.
_OPTIONS: Final = {"timeframe": "bar-timeframe", "name": "source-name"}


def option_text(name: str, value: object) -> str:
    """Return the option called *name* in Python with *value*: `--columns time=NAME`, `--reverse`, `--no-header`."""
    option = _OPTIONS.get(name, name).replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--limit {value}=N" if name == "limit" else f"--{option} {shlex.quote(str(value))}"
