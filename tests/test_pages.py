"""The pages for those who begin: what they show happens, and their links lead somewhere."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from typing import Final

import pytest

from mtf.cli import main

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
PAGES: Final = ("tutorial.md", "migrate.md", "faq.md", "limits.md")


def blocks(page: str, kind: str) -> list[str]:
    """Return the blocks of code of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """To a file that is there, and in it to a heading."""
    for target in re.findall(r"\]\(([^)]+)\)", (DOCS / page).read_text("utf-8")):
        name, _, heading = target.partition("#")
        path = DOCS / (name or page)
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}, target


@pytest.mark.parametrize("page", PAGES)
def test_programs_can_be_read(page: str) -> None:
    for block in blocks(page, "python"):
        compile(block, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", ["faq.md", "limits.md"])
def test_examples_are_true(page: str) -> None:
    """Typed one after the other, each shows what stands there."""
    pytest.importorskip("polars")
    test = doctest.DocTestParser().get_doctest("\n".join(blocks(page, "pycon")), {}, page, page, 0)
    report: list[str] = []
    failed, tried = doctest.DocTestRunner().run(test, out=report.append)
    assert tried > 5
    assert not failed, "".join(report)


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    """Whoever copies `mtf run --keep-log 30d` from there does not get `No such option`."""
    text = (DOCS / page).read_text("utf-8")
    for shown in re.findall(r"(?:^\$ |`)mtf ([a-z]+[^`\n]*)", text, re.MULTILINE):
        name, *words = shown.split()
        params = main.commands[name].params
        known = {each for param in params for each in (*param.opts, *param.secondary_opts)}
        assert {word for word in words if word.startswith("-")} <= known, shown
    known = {each for command in main.commands.values() for param in command.params for each in param.opts}
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known
