"""Prints what pyproject.toml requires, a requirement a line, for the parts named: `build`, `run`, or an extra."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(part: str) -> list[str]:
    """Return the requirements of *part*; KeyError if there is no such extra."""
    table = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    known = {
        "build": table["build-system"]["requires"],
        "run": table["project"]["dependencies"],
        **table["project"]["optional-dependencies"],
    }
    found: list[str] = known[part]
    return found


if __name__ == "__main__":
    for part in sys.argv[1:]:
        print("\n".join(requirements(part)))
