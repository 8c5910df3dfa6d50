"""What setup.py builds is compiled as a whole, or pure Python: never a mixture."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import install
import pytest
import setuptools

ROOT = Path(__file__).resolve().parents[2]

# Writes what `-o` names, or fails if CC_FAILS is in the command.
CC = """\
#!/bin/sh
case "$*" in *"$CC_FAILS"*) exit 1;; esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && echo "made" > "$2"; shift; done
"""


class Project:
    """Two extensions that the build_ext of setup.py builds in a directory of their own, with a compiler of ours."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.monkeypatch = monkeypatch
        compiler = root / "cc"
        compiler.write_text(CC)
        compiler.chmod(0o755)
        for name in ("CC", "LDSHARED"):
            monkeypatch.setenv(name, str(compiler))
        for name in ("CFLAGS", "LDFLAGS", "MTF_PURE", "MTF_REQUIRE_COMPILED"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("shutil.which", lambda name: None)  # no ccache
        monkeypatch.chdir(root)

    def build(self, *modules: str, fails: str = "nothing") -> list[str]:
        """Build *modules*, with a compiler that fails at *fails*; return those that are there afterwards."""
        from distutils.core import run_setup  # setuptools brings it

        self.monkeypatch.setenv("CC_FAILS", fails)
        for name in modules:
            (self.root / f"{name}.c").write_text(f"int {name};\n")
        command_class: Any = run_setup(str(ROOT / "setup.py"), stop_after="init").cmdclass["build_ext"]
        extensions = [setuptools.Extension(f"pair.{name}", [f"{name}.c"]) for name in modules]
        command = command_class(setuptools.Distribution({"name": "pair", "ext_modules": extensions}))
        command.build_lib = "lib"
        command.ensure_finalized()
        command.run()
        return sorted(path.name.partition(".")[0] for path in (self.root / "lib").rglob("*.so"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_compiler_that_works_gives_all_modules(project: Project) -> None:
    """The other tests here start from this one."""
    assert project.build("left", "right") == ["left", "right"]


@pytest.mark.parametrize("fails", ["left.c", "right.c", "left.cpython", "right.cpython", "-o"])
def test_compiler_that_fails_anywhere_gives_no_module(
    project: Project, fails: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether it fails at a source or at a library, at the first or the last."""
    assert project.build("left", "right", fails=fails) == []
    assert "mtf: pure Python build: the C compiler failed: " in capfd.readouterr().err


def test_compiler_that_fails_takes_away_what_an_earlier_build_made(project: Project) -> None:
    """Old code compiled beside new code in Python would be the worst of mixtures."""
    project.build("left", "right")
    (project.root / "right.c").unlink()
    assert project.build("left", "right", "new", fails="new.c") == []


def test_module_that_is_no_longer_compiled_is_taken_away(project: Project) -> None:
    """Its library would be imported instead of its source."""
    project.build("left", "right")
    assert project.build("left") == ["left"]


def test_build_after_a_failure_is_whole(project: Project) -> None:
    """What the failed one left in the store is complete."""
    project.build("left", "right", fails="right.cpython")
    assert project.build("left", "right") == ["left", "right"]


def test_required_build_that_fails_is_an_error(project: Project) -> None:
    """`make test` must not test another build than the one it names."""
    project.monkeypatch.setenv("MTF_REQUIRE_COMPILED", "1")
    with pytest.raises(SystemExit, match=r"the C compiler failed.*MTF_REQUIRE_COMPILED is set"):
        project.build("left", fails="left.c")


def scripts_of_setup() -> list[str]:
    """Return the scripts that setup.py imports."""
    statements = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
    names = [alias.name for each in statements if isinstance(each, ast.Import) for alias in each.names]
    return [f"scripts/{name}.py" for name in names if (ROOT / "scripts" / f"{name}.py").exists()]


def test_build_is_made_again_when_a_script_of_setup_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make` compares a fingerprint, which knows only the files it lists."""
    assert len(scripts_of_setup()) == 3
    for name in ("mtf", *install.SOURCES):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(install, "ROOT", tmp_path)
    seen = {install.fingerprint(pure=False)}
    for name in ("setup.py", "pyproject.toml", "mtf/clock.py", *scripts_of_setup()):
        with (tmp_path / name).open("a") as file:
            file.write("\n")
        seen.add(install.fingerprint(pure=False))
    assert len(seen) == 7


def build(hook: str, directory: Path, out: Path) -> Path:
    """Run a hook of the build backend in *directory*, as pip does, and return the one file that it made in *out*."""
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"import sys; from setuptools import build_meta; build_meta.{hook}(sys.argv[1])",
            out,
        ],
        cwd=directory,
        env={**os.environ, "MTF_PURE": "1", "MTF_REQUIRE_COMPILED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made


def test_source_distribution_builds(tmp_path: Path) -> None:
    """It holds what setup.py imports, and the wheel that is built from it holds every module of mtf."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("mtf", "scripts"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    archive = build("build_sdist", tree, tmp_path / "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    wheel = build("build_wheel", unpacked, tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as packed_wheel:
        names = {name for name in packed_wheel.namelist() if name.startswith("mtf/")}
    assert names == {path.relative_to(ROOT).as_posix() for path in (ROOT / "mtf").rglob("*") if path.is_file()} - {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "mtf").rglob("*.pyc")
    }
