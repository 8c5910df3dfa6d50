"""Which build runs is known, and is what it claims to be."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import re
import sys
import tomllib
from pathlib import Path

import pytest

from mtf import build

ROOT = Path(__file__).resolve().parents[1]


def listed_modules() -> list[str]:
    """Return the names of the modules that setup.py lists to be compiled."""
    for statement in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "COMPILED":
            paths: list[str] = ast.literal_eval(statement.value)
            return sorted(path.removesuffix(".py").replace("/", ".") for path in paths)
    raise AssertionError("setup.py has no list COMPILED")


def test_compiled_modules_are_those_that_setup_lists() -> None:
    """A module that falls out of the compiled build would cost a factor of fifty, and no other test would notice."""
    assert build.compiled_modules() == (listed_modules() if build.COMPILED else [])


@pytest.mark.parametrize("name", listed_modules())
def test_listed_module_runs_as_the_build_says(name: str) -> None:
    """`COMPILED` looks at one module and speaks for all of them."""
    module = importlib.import_module(name)
    functions = [value for value in vars(module).values() if inspect.isfunction(value) and value.__module__ == name]
    interpreted = bool(functions) or str(module.__file__).endswith(".py")
    assert interpreted is not build.COMPILED


def test_version_is_that_of_the_installed_package() -> None:
    """One number, written down once."""
    assert importlib.metadata.version("mtf-engine") == build.VERSION


# What asks for the distribution `mtf`, which on PyPI is somebody else's: commands that install, requirements, look-ups.
OTHER_PROJECT = re.compile(
    r"""\b(?:pip|pip3|pipx|uv|poetry)\s+(?:tool\s+)?(?:install|add)\s[^\n`]*?(?<![\w./\\-])mtf(?![\w./-])"""
    r"""|\bmtf\[(?:exchanges|test|dev)\]"""
    r"""|\b(?:version|distribution|metadata|requires|files)\(["']mtf["']\)"""
)


@pytest.mark.parametrize("wrong", ["pip install mtf", "pip install -U 'mtf[dev]'", "uv add mtf", "version('mtf')"])
def test_pattern_finds_the_other_project(wrong: str) -> None:
    """The next test could not fail if it did not."""
    assert OTHER_PROJECT.search(wrong)


def test_nothing_asks_for_the_other_project() -> None:
    """PyPI's `mtf` is another project: the distribution is mtf-engine, in every message, page and look-up."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"] == "mtf-engine"
    pages = [path for path in ROOT.iterdir() if path.suffix in {".md", ".toml", ".py", ".in"}] + [ROOT / "Makefile"]
    for folder in ("mtf", "docs", "scripts", "tests"):
        pages += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".md", ".sh", ".toml"}]
    pages.remove(Path(__file__).resolve())
    found = {
        path.relative_to(ROOT).as_posix(): OTHER_PROJECT.findall(path.read_text(encoding="utf-8")) for path in pages
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_versions_name_what_state_depends_on() -> None:
    """A bug report starts from these; a package that is missing is listed as such and breaks nothing."""
    found = build.versions()
    assert found["mtf"] == build.VERSION
    for name in ("python", "librt", "sqlite", "tzdata", "aiosqlite", "orjson"):
        assert found[name], name


def test_missing_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop is not available on every platform, and doctor must not fall over it."""
    monkeypatch.setattr(build, "PACKAGES", ("no-such-package",))
    assert build.versions()["no-such-package"] is None


def test_what_extras_bring_is_not_needed_to_compile() -> None:
    """mypyc checks the types first, where only what mtf itself needs is installed; else the build would be pure."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = {re.split(r"[<>=~!;\[ ]", each)[0].replace("-", "_") for each in settings["project"]["dependencies"]}
    optional = {name.removesuffix(".*") for table in settings["tool"]["mypy"]["overrides"] for name in table["module"]}
    imported: set[str] = set()
    for path in (ROOT / "mtf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    assert imported - sys.stdlib_module_names - {"mtf"} - required <= optional
