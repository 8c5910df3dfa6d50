"""What was compiled is kept, and used as long as it would be made the same way again."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import objects
import pytest


class Extension:
    """As much of setuptools' as is looked at."""

    def __init__(self, *sources: Path, include: Path, arguments: list[str] | None = None) -> None:
        self.sources = [str(source) for source in sources]
        self.include_dirs = [str(include)]
        self.define_macros: list[tuple[str, str | None]] = []
        self.undef_macros: list[str] = []
        self.extra_compile_args = arguments or []


class Compiler:
    """Compiles a source to its own text in capitals, links by joining, and lists what it did."""

    def __init__(self, on_compile: Callable[[str], None] = lambda source: None) -> None:
        self.compiler_so = ["true", "-fPIC"]  # `true --version` says nothing, always the same
        self.linker_so = ["true", "-shared"]
        self.include_dirs: list[str] = []
        self.compiled: list[str] = []
        self.linked: list[str] = []
        self.on_compile = on_compile

    def compile(self, sources: list[str], output_dir: str, **_: Any) -> list[str]:
        (source,) = sources
        self.on_compile(source)
        path = Path(output_dir) / f"{Path(source).stem}.o"
        path.write_text(Path(source).read_text().upper())
        self.compiled.append(Path(source).name)
        return [str(path)]

    def link_shared_object(self, made: list[str], output: str, **_: Any) -> None:
        Path(output).write_text("".join(Path(each).read_text() for each in made))
        self.linked.append(Path(output).name)


class Project:
    """Two sources, of which the first includes a header that includes another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("a.c", '#include "outer.h"\na\n')
        self.write("b.c", "#include <stdio.h>\nb\n")
        self.write("outer.h", "# include <inner.h>\n")
        self.write("inner.h", "inner\n")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def build(self, compiler: Compiler | None = None, *arguments: str) -> list[str]:
        """Build it as setuptools would, into `out.so`; return what was compiled and linked, sorted."""
        compiler = compiler or Compiler()
        sources = [self.root / "a.c", self.root / "b.c"]
        extension = Extension(*sources, include=self.root, arguments=list(arguments))
        objects.reuse(compiler, [extension], self.root / "store")
        made = compiler.compile(extension.sources, output_dir="unused")
        compiler.link_shared_object(made, str(self.root / "lib" / "out.so"), debug=False)
        return sorted(compiler.compiled + compiler.linked)

    @property
    def library(self) -> str:
        return (self.root / "lib" / "out.so").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project without a ccache that this machine may have."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    return Project(tmp_path)


def test_first_build_makes_everything(project: Project) -> None:
    """The library holds the objects in the order of the sources."""
    assert project.build() == ["a.c", "b.c", "out.so"]
    assert project.library == '#INCLUDE "OUTER.H"\nA\n#INCLUDE <STDIO.H>\nB\n'


def test_nothing_changed_nothing_is_made_and_the_library_is_there(project: Project) -> None:
    """Even after its directory was emptied, as it is before each build."""
    project.build()
    (project.root / "lib" / "out.so").unlink()
    assert project.build() == []
    assert project.library.endswith("B\n")


def test_edit_compiles_one_source(project: Project) -> None:
    """And links what it is part of."""
    project.build()
    project.write("b.c", "other\n")
    assert project.build() == ["b.c", "out.so"]
    assert project.library.endswith("OTHER\n")


def test_edit_taken_back_makes_nothing(project: Project) -> None:
    """Times of files say otherwise, which is why they are not asked."""
    project.build()
    project.write("b.c", "other\n")
    project.build()
    project.write("b.c", "#include <stdio.h>\nb\n")
    assert project.build() == []
    assert project.library.endswith("B\n")


def test_header_behind_a_header_compiles_what_includes_it(project: Project) -> None:
    """An object made for another declaration would be silently wrong."""
    project.build()
    project.write("inner.h", "changed\n")
    assert project.build() == ["a.c", "out.so"]


def test_other_flags_compile_everything(project: Project) -> None:
    """-O2 is another object than -O3."""
    project.build(None, "-O3")
    assert project.build(None, "-O2") == ["a.c", "b.c", "out.so"]


@pytest.mark.parametrize("command", [["true", "-fno-PIC"], ["/bin/true", "-fPIC"]])
def test_other_compiler_compiles_everything(project: Project, command: list[str]) -> None:
    """CC and CFLAGS are in the command."""
    project.build()
    compiler = Compiler()
    compiler.compiler_so = command
    assert project.build(compiler) == ["a.c", "b.c", "out.so"]


def test_environment_of_the_compiler_is_part_of_the_key(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPATH leads to other headers."""
    project.build()
    monkeypatch.setenv("CPATH", "/elsewhere")
    assert project.build() == ["a.c", "b.c", "out.so"]


def test_sources_are_compiled_at_the_same_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """On two cores, two: each waits here until the other has begun."""
    monkeypatch.setattr(objects, "cores", lambda: 2)
    both = threading.Barrier(2, timeout=60)

    def meet(source: str) -> None:
        both.wait()

    assert project.build(Compiler(meet)) == ["a.c", "b.c", "out.so"]


def test_failure_ends_the_build_and_keeps_no_half_object(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was complete is kept; the next build makes the rest."""
    monkeypatch.setattr(objects, "cores", lambda: 1)

    def fail_at_b(source: str) -> None:
        if source.endswith("b.c"):
            raise RuntimeError("cc failed")

    with pytest.raises(RuntimeError, match="cc failed"):
        project.build(Compiler(fail_at_b))
    assert not list((project.root / "store").glob("part-*"))
    assert project.build() == ["b.c", "out.so"]
    assert project.library.endswith("B\n")


def test_empty_object_is_made_again(project: Project) -> None:
    """After a power loss a file can have its name and not yet its content."""
    project.build()
    for path in (project.root / "store").iterdir():
        path.write_bytes(b"")
    assert project.build() == ["a.c", "b.c", "out.so"]


def test_ccache_is_used_if_installed_and_changes_no_key(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put before the command, once."""
    project.build()
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    commands = []
    compiler = Compiler()
    compiler.on_compile = lambda source: commands.append(list(compiler.compiler_so))
    project.write("b.c", "other\n")
    assert project.build(compiler) == ["b.c", "out.so"]
    assert commands == [["ccache", "true", "-fPIC"]]


def test_ccache_that_fails_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of its own that it may not write must not make the build pure."""
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    compiler = Compiler()

    def fail_with_ccache(source: str) -> None:
        if compiler.compiler_so[0] == "ccache":
            raise RuntimeError("ccache: error: Permission denied")

    compiler.on_compile = fail_with_ccache
    assert project.build(compiler) == ["a.c", "b.c", "out.so"]


def test_store_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    """Its size has a limit, and a build that uses an object makes it young."""
    store = objects.Store(tmp_path)
    for age, key in enumerate(("new", "middle", "old")):
        (tmp_path / key).write_bytes(b"x" * 100)
        os.utime(tmp_path / key, (1_000_000 - age, 1_000_000 - age))
    store.get("old", lambda part: part / "never called")
    store.trim(bytes_max=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_one_line() -> None:
    """It says how far it is, over what it said before."""
    stream = Terminal()
    progress = objects.Progress(3, stream)
    for _ in range(3):
        progress.step()
    assert stream.getvalue() == "\rmtf: compiling 1 of 3\rmtf: compiling 2 of 3\rmtf: compiling 3 of 3\n"


def test_progress_elsewhere_is_four_lines_at_most() -> None:
    """A log of a build that compiles a hundred files is no place for a hundred lines."""
    stream = io.StringIO()
    progress = objects.Progress(101, stream)
    for _ in range(101):
        progress.step()
    assert stream.getvalue().splitlines() == [f"mtf: compiling {done} of 101" for done in (26, 51, 76, 101)]


def test_progress_that_is_abandoned_ends_its_line() -> None:
    """The compiler's error does not follow it on the same one."""
    stream = Terminal()
    progress = objects.Progress(3, stream)
    progress.step()
    progress.abandon()
    assert stream.getvalue() == "\rmtf: compiling 1 of 3\n"
