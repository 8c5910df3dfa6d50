"""Rewrites the C that mypyc makes of many modules, so that each file depends only on what it uses.

mypyc lets every file include the declarations of all modules, and numbers the literals of all modules in one table: a
new method or a new string anywhere changes what every file is compiled from. A unit written here begins with the
declarations that its own code leads to, and no others, and it has a table of its own literals, which the group's main
file fills. So the text of a unit stays the same until something that it uses changes, and whatever compares texts or
hashes (the store of objects, ccache) sees that for itself. A declaration that is missing cannot pass unnoticed: it is
a compile error (see FLAGS).

It also says that an index into a vec is likely within its bounds. Compilers then put what follows right behind the
test, and not behind two jumps, of which there are dozens for each row.

This knows the shape of mypyc's output, one more reason why pyproject.toml pins mypyc. What is not recognized stays in
all units, which costs time when it changes, but is never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["FLAGS", "Declaration", "declarations", "needed", "split", "write"]

# Otherwise C takes a function that is not declared for one that returns an int.
FLAGS: Final = ("-Werror=implicit-function-declaration",)

WORD: Final = re.compile(r"[A-Za-z_]\w*")
INCLUDE: Final = re.compile(r'#include [<"](.+)[>"]\n')
EXTERN: Final = re.compile(r"extern .*?(\w+) ?(?:\[\w*\]|\(.*\))?;\s*")
STRUCT: Final = re.compile(r"\} (\w+);\s*(?:#endif\s*)?$")
LITERAL: Final = re.compile(r"\bCPyStatics\[(\d+)\]")
LITERALS_MADE: Final = "    is_initialized = 1;\n"  # in the main file, after the literals of all modules were made
# The test of an index into a vec, which is nearly always within its bounds: mypyc does not tell the C compiler so.
IN_BOUNDS: Final = re.compile(r"( (cpy_r_r\d+) = \(uint64_t\)\w+ < \(uint64_t\)\w+;\n +if \()\2(\) goto )")
GLOBALS: Final = "int CPyGlobalsInit("  # the function in which that stands


class Declaration(NamedTuple):
    """A declaration of a header: its text, what it declares (None if that is not recognized), the words in it."""

    text: str
    name: str | None
    words: frozenset[str]


def declarations(header: str) -> list[Declaration]:
    """Return what *header* declares, in order, without what it includes and its guard."""
    lines = [line for line in header.strip().splitlines(keepends=True) if not INCLUDE.match(line)]
    if len(lines) > 2 and lines[0].startswith("#ifndef") and lines[-1].startswith("#endif"):
        lines = lines[2:-1]
    found = []
    text, depth = "", 0  # of the declaration that has begun; depth counts braces and #if
    for line in lines:
        depth += line.count("{") - line.count("}") + line.startswith("#if") - line.startswith("#endif")
        text += line if text or line.strip() else ""
        if text and depth == 0 and (line.startswith("#") or line.rstrip().endswith((";", "}"))):
            found.append(_declaration(text))
            text = ""
    return [*found, _declaration(text)] if text else found


def _declaration(text: str) -> Declaration:
    matched = None
    if text.startswith("extern ") and "(*" not in text:
        matched = EXTERN.fullmatch(text)
    elif text.startswith(("typedef struct", "#ifndef MYPYC_DECLARED_")):
        matched = STRUCT.search(text)
    return Declaration(text, matched[1] if matched else None, frozenset(WORD.findall(text)))


def needed(code: str, known: Sequence[Declaration]) -> list[Declaration]:
    """Return those of *known*, in order, that *code* leads to, and all that were not recognized."""
    words_of: dict[str, set[str]] = {}
    waiting = set(WORD.findall(code))
    for each in known:
        if each.name is None:
            waiting |= each.words
        else:
            words_of.setdefault(each.name, set()).update(each.words)
    used: set[str] = set()
    while waiting:
        used |= waiting
        waiting = set().union(*(words_of[word] for word in waiting if word in words_of)) - used
    return [each for each in known if each.name is None or each.name in used]


def split(files: dict[str, str], group: str) -> dict[str, str]:
    """Return the C *files* of mypyc's *group* (text by name, headers too) as units: the same names, without headers.

    Raises KeyError if *files* are not those of such a group.
    """
    main = f"__native_{group}.c"
    headers = [files[f"__native_{group}.h"], files[f"__native_internal_{group}.h"]]
    known = [each for header in headers for each in declarations(header)]
    includes = dict.fromkeys(
        match[0] for header in headers for match in INCLUDE.finditer(header) if match[1] not in files
    )
    head = "".join(includes)

    tables: dict[str, list[int]] = {}  # of each unit's table, the number that each literal has in the common one
    units = {}
    for name, text in files.items():
        if not name.endswith(".c"):
            continue
        code = INCLUDE.sub(lambda match: "" if match[1] in files else match[0], text)
        code = IN_BOUNDS.sub(r"\1likely(\2)\3", code)
        if name != main and LITERALS_MADE in files[main]:
            table = f"CPyLiterals_{name.removeprefix('__native_').removesuffix('.c')}"
            code, numbers = _with_own_literals(code, table)
            if numbers:
                tables[table] = numbers
        units[name] = head + "".join(each.text for each in needed(code, known)) + code
    units[main] = _filling(units[main], tables)
    return units


def _with_own_literals(code: str, table: str) -> tuple[str, list[int]]:
    """Return *code* that takes its literals from *table*, and the common numbers of what belongs into it."""
    numbers: dict[str, int] = {}
    code = LITERAL.sub(lambda match: f"{table}[{numbers.setdefault(match[1], len(numbers))}]", code)
    return f"PyObject *{table}[{len(numbers)}];\n{code}" if numbers else code, [int(number) for number in numbers]


def _filling(main: str, tables: dict[str, list[int]]) -> str:
    """Return the text of the *main* file, which fills *tables* too once it has made the literals."""
    if not tables:
        return main
    declared = []
    filled = []  # by loops: thousands of assignments in a row take GCC seconds
    for table, numbers in tables.items():
        declared.append(f"extern PyObject *{table}[{len(numbers)}];\n")
        declared.append(f"static const int {table}_numbers[] = {{{', '.join(map(str, numbers))}}};\n")
        filled.append(f"    for (int own = 0; own < {len(numbers)}; own++)\n")
        filled.append(f"        {table}[own] = CPyStatics[{table}_numbers[own]];\n")
    before, made, after = main.partition(LITERALS_MADE)
    head, globals_, body = before.partition(GLOBALS)
    return "".join([head, *declared, globals_, body, *filled, made, after])


def write(
    sources: Sequence[str], group: str, directory: Path, rewrite: Callable[[str, str], str] = lambda name, text: text
) -> list[str]:
    """Write the units of *sources*, which are the C files that mypyc made of *group*, and return their paths.

    *rewrite* is given the name and the text of each file, and returns what is compiled in its place. mypyc's runtime,
    small files that never change, becomes one unit. A unit whose text is the same is left alone.
    """
    paths = [Path(source) for source in sources]
    made = [path for path in paths if path.name.startswith("__native_")]
    home = made[0].parent
    headers = [home / f"__native_{group}.h", home / f"__native_internal_{group}.h"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in [*headers, *made]}
    units = split({name: rewrite(name, text) for name, text in texts.items()}, group)
    runtime = [path.relative_to(home).as_posix() for path in paths if path not in made]
    units["runtime.c"] = "".join(f'#include "{name}"\n' for name in runtime)
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in units.items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return [str(directory / name) for name in units]
