"""What mtf claims of itself is run or held somewhere: Python versions, platforms, targets of make, licences."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from mtf.build import VERSION

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CLASSIFIERS = PROJECT["project"]["classifiers"]
WORKFLOW = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
WHEELS = (ROOT / ".github" / "workflows" / "wheels.yml").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RUNNERS = {"ubuntu-latest": "POSIX :: Linux", "macos-latest": "MacOS"}


def row(workflow: str, key: str) -> list[str]:
    """Return the values of a row of the matrix of *workflow*."""
    found = re.search(rf"^ +{key}: \[(.*)\]$", workflow, re.MULTILINE)
    assert found is not None
    return [value.strip('" ') for value in found[1].split(",")]


def claimed(prefix: str) -> list[str]:
    return [each.removeprefix(prefix) for each in CLASSIFIERS if each.startswith(prefix)]


def test_python_versions_are_tested_and_have_wheels() -> None:
    """A version is claimed if the suite runs on it and a wheel is built for it, and not otherwise."""
    versions = [each for each in claimed("Programming Language :: Python :: ") if re.fullmatch(r"3\.\d+", each)]
    assert row(WORKFLOW, "python") == versions
    assert PROJECT["tool"]["cibuildwheel"]["build"].split() == [f"cp{each.replace('.', '')}-*" for each in versions]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"


def test_platforms_are_tested_and_have_wheels() -> None:
    """No `OS Independent`: that would claim what nobody has run."""
    tested = row(WORKFLOW, "os")
    assert sorted(claimed("Operating System :: ")) == sorted(RUNNERS[runner] for runner in tested)
    assert set(tested) <= set(row(WHEELS, "os"))


def test_every_target_of_make_is_in_its_help() -> None:
    """`make help` reads the `##` behind each target."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    described = re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE)
    assert sorted(described) == sorted(set(phony[1].split()))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/stability.md", "docs/performance.md"])
def test_targets_that_pages_name_exist(page: str) -> None:
    """Whoever reads a page can run what it shows."""
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_third_party_notices_are_those_of_the_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A requirement that is added, or changes its licence, shows here; `make notices` writes the page."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import notices

    written = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    assert notices.render() == written
    assert "THIRD_PARTY_NOTICES.md" in PROJECT["project"]["license-files"]


def test_every_third_party_package_declares_a_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that declares none cannot be depended on."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import notices

    packages = notices.runtime_packages()
    assert {"attrs", "click", "orjson"} <= {notices.normal(each.metadata["Name"]) for each in packages}
    assert [each.metadata["Name"] for each in packages if notices.licence(each) == "not declared"] == []


def test_this_interpreter_is_a_claimed_one() -> None:
    """The suite does not pass for a version that is not claimed: the claim would be missing."""
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in row(WORKFLOW, "python")


def test_changelog_has_the_version_that_is_built() -> None:
    """A release has a section with its date, and what comes after it goes above."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\](.*)$", text, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    name, date = headings[1]
    assert name == VERSION
    assert re.fullmatch(r" - 20\d\d-\d\d-\d\d", date)
