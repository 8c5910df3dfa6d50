"""Commands printed to be typed: with the name by which mtf was called, and every word quoted for a shell.

Text that cannot be passed to a shell as printed (a control character in a name) is never part of one: `word` returns
None.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["again", "called_as", "directory_word", "numbered", "program", "word"]


def called_as() -> list[str]:
    """Return how this process was called, without the arguments: an interpreter and a script, or `-m` and a module."""
    return sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]


def program(called: Sequence[str]) -> str:
    """Return what to type for a process that was *called* like this: `mtf` if PATH leads to it, else the same."""
    if "-m" in called[:-1]:
        return shlex.join([_command(called[0]), *called[1:]])
    return shlex.quote(_command(called[-1]))


def again(called: Sequence[str], words: Sequence[str]) -> str | None:
    """Return the command of *words* for typing it again; None if that is not possible."""
    quoted = [word(each) for each in words]
    return None if None in quoted else " ".join([program(called), *map(str, quoted)])


def word(text: str) -> str | None:
    """Return *text* as one word of a shell; None if it cannot be printed as it is."""
    encoding = sys.stdout.encoding or "utf-8"
    if not text.isprintable() or text.encode(encoding, "replace").decode(encoding) != text:
        return None
    return shlex.quote(text)


def directory_word(path: Path) -> str | None:
    """Return a directory as one word of a shell that cannot be taken for an option: `run/`."""
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    return word(text if text.endswith(os.sep) else text + os.sep)


def numbered(path: Path, number: int) -> Path:
    """Return the name for the *number*-th directory beside others: `run`, `run-2`, `run-3`."""
    return path if number < 2 else path.with_name(f"{path.name}-{number}")


def _command(called: str) -> str:
    """Return the program *called* as short as it can be typed.

    Links are not followed: the interpreter of an environment is a link, and differs from its target.
    """
    name = os.path.basename(called)
    found = shutil.which(name)
    return name if found and os.path.abspath(found) == os.path.abspath(called) else called
