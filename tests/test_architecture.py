"""docs/architecture.md names each module once, under its folder, so that the map cannot fall behind the tree."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
FOLDER = re.compile(r"### (mtf/(?:[a-z]+/)*)")
ROW = re.compile(r"\| `([a-z_]+)` \| ([^|]+) \|")


def described() -> list[tuple[str, str]]:
    """Return path and description of each module in the tables, in their order."""
    found = []
    folder = ""
    for line in PAGE.read_text(encoding="utf-8").partition("## Every module")[2].splitlines():
        if heading := FOLDER.fullmatch(line):
            folder = heading[1]
        elif row := ROW.fullmatch(line):
            found.append((f"{folder}{row[1]}.py", row[2].strip()))
    return found


def test_every_module_is_named_once() -> None:
    """Whoever adds, moves or removes a module says in a line what it owns: edit the tables of docs/architecture.md."""
    named = Counter(path for path, _ in described())
    tree = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mtf").rglob("*.py") if path.name != "__init__.py"}
    assert sorted(tree - named.keys()) == [], "these modules are not in docs/architecture.md"
    assert sorted(named.keys() - tree) == [], "docs/architecture.md names these, and they are not there"
    assert [path for path, times in named.items() if times > 1] == [], "these are named twice"


def test_every_module_says_in_a_line_what_it_owns() -> None:
    """A map with empty entries would pass the test above and help nobody."""
    assert len(described()) > 100
    assert [path for path, what in described() if not 4 < len(what) <= 120] == []


def test_what_the_map_says_of_two_modules_differs() -> None:
    """Two modules with one description are one noun in two places."""
    times = Counter(what for _, what in described())
    assert [what for what, count in times.items() if count > 1] == []
