"""Prints THIRD_PARTY_NOTICES.md: the licences of what a wheel of mtf contains, and of the packages it installs with it.

    .venv/bin/python scripts/notices.py > THIRD_PARTY_NOTICES.md

Everything comes from the metadata of the packages installed here; a test compares the result with the file.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from requirements import requirements

__all__ = ["licence", "render", "runtime_packages"]

SPDX = {  # classifiers, for packages whose metadata has no SPDX expression
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
}
CLASSIFIER = "License :: OSI Approved :: "

FONT = Path(__file__).parents[1] / "mtf/charts/LICENSE-DejaVu.txt"
NOTICE = Path(__file__).parents[1] / "mtf/web/static/vendor/NOTICE-lightweight-charts.txt"

HEAD = """\
# Third-party notices

Made by `scripts/notices.py` from the metadata of the installed packages; do not edit it by hand.

## Contained in the compiled wheels

The C code that mypyc generates and its runtime library (`lib-rt`) are linked into the compiled modules. The licence of
mypy and mypyc:

"""
PAGE = """
## Contained in every wheel and the sdist

The page of `mtf serve` draws its charts with TradingView's Lightweight Charts 5.2.1 (Apache-2.0), unchanged, in
`mtf/web/static/vendor/`, with its licence and its notice:

"""
PICTURES = """
PNG files of charts are drawn with letters of the DejaVu fonts, in `mtf/charts/`:

"""
BESIDE = """
## Installed with mtf

These packages are not part of mtf: pip installs them as its requirements, each with its own licence file.

| package | licence |
| --- | --- |
"""


def normal(name: str) -> str:
    """Return the name of a package as the index writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime_packages() -> list[Distribution]:
    """Return the packages that mtf needs at run time, and those that they need, by name."""
    found: dict[str, Distribution] = {}
    waiting = requirements("run")
    while waiting:
        requirement = Requirement(waiting.pop())
        name = normal(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            found[name] = distribution(name)
            waiting += found[name].requires or []
    return [found[name] for name in sorted(found)]


def licence(package: Distribution) -> str:
    """Return the licence that *package* declares: its SPDX expression, or the nearest thing to one."""
    metadata = package.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    names = [each.removeprefix(CLASSIFIER) for each in metadata.get_all("Classifier") or [] if CLASSIFIER in each]
    return " OR ".join(sorted(SPDX.get(name, name) for name in names)) or metadata["License"] or "not declared"


def mypy_licence() -> str:
    """Return the licence file of mypy, which is mypyc's too; typeshed, which has another, is not in a wheel."""
    (found,) = (path for path in distribution("mypy").files or [] if path.match("licenses/LICENSE"))
    return found.read_text().strip()


def render() -> str:
    """Return the whole page."""
    text = "\n".join(f"    {line}".rstrip() for line in mypy_licence().splitlines())
    rows = "".join(f"| {normal(each.metadata['Name'])} | {licence(each)} |\n" for each in runtime_packages())
    return f"{HEAD}{text}\n{PAGE}{_quoted(NOTICE)}{PICTURES}{_quoted(FONT)}{BESIDE}{rows}"


def _quoted(path: Path) -> str:
    """Return a file as a block of code."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "".join(f"    {line}".rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    print(render(), end="")
