"""Commands as they are typed: the name of the program, and words that a shell takes as they are meant."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtf.cli.typed import again, directory_word, numbered, program, word


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with `bin/mtf` and `.venv/bin/mtf`, of which the first is on the path."""
    for name in ("bin", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "mtf").write_text("#!/bin/sh\n")
        (tmp_path / name / "mtf").chmod(0o755)
        (tmp_path / name / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_mtf_is_mtf_where_the_path_leads_to_it(folder: Path) -> None:
    """And no other mtf is taken for it."""
    assert program(["python", str(folder / "bin/mtf")]) == "mtf"
    assert program(["python", ".venv/bin/mtf"]) == ".venv/bin/mtf"
    assert program(["python", str(folder / ".venv/bin/mtf")]) == str(folder / ".venv/bin/mtf")


def test_a_module_is_run_by_the_same_interpreter(folder: Path) -> None:
    """That of an environment is a link to another one, and yet not the same."""
    assert program([str(folder / "bin/python"), "-m", "mtf"]) == "python -m mtf"
    assert program([".venv/bin/python", "-X", "dev", "-m", "mtf"]) == ".venv/bin/python -X dev -m mtf"
    assert program(["python", "-m", "mtf"]) == "python -m mtf"


def test_a_program_in_a_directory_with_spaces_is_quoted() -> None:
    """It is one word."""
    assert program(["python", "/home/a user/mtf"]) == "'/home/a user/mtf'"


def test_a_process_knows_how_it_was_called(tmp_path: Path) -> None:
    """As a script and as a module, whatever its arguments look like."""
    script = tmp_path / "tool"
    script.write_text("from mtf.cli.typed import called_as\nprint(called_as()[1:])\n")
    for args, expected in (([str(script), "-m", "x"], [str(script)]), (["-m", "tool", "a"], ["-m", "tool"])):
        (tmp_path / "tool.py").write_text(script.read_text())
        done = subprocess.run(
            [sys.executable, *args], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"},
        )  # fmt: skip
        assert done.stdout == f"{expected}\n"


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=30)
def test_a_word_is_what_a_shell_gives_to_a_program(text: str) -> None:
    """Or there is no such word."""
    found = word(text)
    if found is not None:
        assert text.isprintable()
        assert shlex.split(found) == [text]
        done = subprocess.run(["/bin/sh", "-c", f"printf %s {found}"], capture_output=True, check=True)
        assert done.stdout.decode() == text


def test_what_a_terminal_would_obey_is_no_word() -> None:
    """Nor what its encoding does not have: it could not be typed as it is seen."""
    for text in ("a\x1b[2J", "a\nb", "a\u202eb", "\udcff"):
        assert word(text) is None
    assert again(["python", "/x/mtf"], ["run", "a\x1bb"]) is None
    assert again(["python", "/x/mtf"], ["run", "a b.csv"]) == "/x/mtf run 'a b.csv'"


def test_a_directory_is_one_word_and_no_option() -> None:
    """With the slash that says what it is."""
    assert directory_word(Path("run")) == "run/"
    assert directory_word(Path("a b")) == "'a b/'"
    assert directory_word(Path("-rf")) == "./-rf/"
    assert directory_word(Path("/")) == "/"
    assert directory_word(Path("a\x1bb")) is None


def test_names_beside_others_are_counted() -> None:
    """From 2 on."""
    assert [str(numbered(Path("a/run"), number)) for number in (1, 2, 3)] == ["a/run", "a/run-2", "a/run-3"]
