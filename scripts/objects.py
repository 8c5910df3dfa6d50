"""Compiles C on all cores and keeps what was made, so that a build compiles only what has changed.

The store holds object files and linked libraries under the hash of everything they are made from: the source, each
header it leads to, the command, the compiler's version. So nothing in it is ever out of date, and the times of files,
which a checkout moves at will, mean nothing. When it grows beyond BYTES_MAX, what was not used for longest goes first.

`ccache` is used if it is installed: it survives `make clean` and knows other clones.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final, TextIO

__all__ = ["BYTES_MAX", "Progress", "Store", "cores", "reuse"]

BYTES_MAX: Final = 128 << 20
PART_SECONDS_MAX: Final = 3600  # what is unfinished for longer was left by a build that was killed
INCLUDE: Final = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
# What compilers read from the environment; CC, CFLAGS and LDFLAGS are part of the command by now.
ENVIRONMENT: Final = ("CPATH", "C_INCLUDE_PATH", "COMPILER_PATH", "LIBRARY_PATH", "MACOSX_DEPLOYMENT_TARGET", "SDKROOT")


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hashed(*parts: object) -> str:
    """Return a hash of *parts*, which are what `repr` says of them."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class Progress:
    """Says `compiling 12 of 48`: on a terminal in one line that is updated, elsewhere in a line a quarter."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._live = stream.isatty()
        self._done = 0  # at most total

    def step(self) -> None:
        """Count one more as done."""
        self._done += 1
        line = f"mtf: compiling {self._done} of {self._total}"
        if self._live:
            print(f"\r{line}", end="" if self._done < self._total else "\n", file=self._stream, flush=True)
        elif self._done * 4 // self._total > (self._done - 1) * 4 // self._total:
            print(line, file=self._stream, flush=True)

    def abandon(self) -> None:
        """End a line that is not complete, so that an error has one of its own."""
        if self._live and 0 < self._done < self._total:
            print(file=self._stream, flush=True)


def progress_stream() -> TextIO:
    """Return where progress is written: to the inherited descriptor that MTF_PROGRESS names, or to stderr."""
    number = os.environ.get("MTF_PROGRESS", "")
    return os.fdopen(int(number), "w", closefd=False) if number.isdecimal() else sys.stderr


class Store:
    """A directory of files that are named for what they were made from."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """Return where the file of *key* is, or would be."""
        return self._directory / key

    def has(self, key: str) -> bool:
        """True if there is a file of *key*. An empty one is what a crash of the machine left of it."""
        path = self.path(key)
        return path.exists() and path.stat().st_size > 0

    def get(self, key: str, make: Callable[[Path], str | Path]) -> Path:
        """Return the file of *key*; if there is none, *make* it first, in an empty directory that it is given.

        A file is complete, or not there: what *make* leaves behind when it fails is never seen.
        """
        path = self.path(key)
        if self.has(key):
            os.utime(path)
            return path
        with tempfile.TemporaryDirectory(prefix="part-", dir=self._directory) as part:
            Path(make(Path(part))).replace(path)
        return path

    def trim(self, bytes_max: int = BYTES_MAX) -> None:
        """Remove what was not used for longest, so that no more than *bytes_max* are left."""
        used = sorted(
            ((path.stat(), path) for path in self._directory.iterdir()), key=lambda each: -each[0].st_mtime_ns
        )
        total = 0
        for stat, path in used:
            if path.is_dir():
                if stat.st_mtime < time.time() - PART_SECONDS_MAX:
                    shutil.rmtree(path)
                continue
            total += stat.st_size
            if total > bytes_max:
                path.unlink()


class Contents:
    """Hashes files together with the headers that they include, directly or through one another.

    Headers that are found in none of the directories are the system's: they stand and fall with the compiler's version.
    """

    def __init__(self) -> None:
        self._read: dict[Path, tuple[str, tuple[str, ...]]] = {}  # the hash of a file, and what it includes
        self._found: dict[tuple[Path, str], Path | None] = {}  # by directory and name

    def hash_of(self, source: Path, directories: Sequence[Path]) -> str:
        """Return the hash of *source* and its headers, looked for beside what includes them and in *directories*."""
        seen = {source: self._look(source)}
        waiting = [source]
        while waiting:
            path = waiting.pop()
            for name in seen[path][1]:
                header = self._find(name, (path.parent, *directories))
                if header is not None and header not in seen:
                    seen[header] = self._look(header)
                    waiting.append(header)
        return hashed(sorted(digest for digest, _ in seen.values()), seen[source][0])

    def _look(self, path: Path) -> tuple[str, tuple[str, ...]]:
        if path not in self._read:
            content = path.read_bytes()
            names = tuple(name.decode() for name in INCLUDE.findall(content))
            self._read[path] = hashlib.sha256(content).hexdigest(), names
        return self._read[path]

    def _find(self, name: str, directories: Iterable[Path]) -> Path | None:
        for directory in directories:
            if (directory, name) not in self._found:
                path = directory / name
                self._found[directory, name] = path if path.is_file() else None
            if found := self._found[directory, name]:
                return found
        return None


class Workshop:
    """Makes objects and libraries through setuptools' *compiler*, unless the *store* has them."""

    def __init__(self, compiler: Any, store: Store) -> None:
        self._compiler = compiler
        self._store = store
        self._plain = list(compiler.compiler_so)
        self._link = compiler.link_shared_object
        self._contents = Contents()
        version = subprocess.run([*self._plain, "--version"], capture_output=True, text=True, check=False).stdout
        self._base = (version, self._plain, [os.environ.get(name) for name in ENVIRONMENT])
        if shutil.which("ccache") and not any("ccache" in word for word in self._plain):
            compiler.compiler_so = ["ccache", *self._plain]

    def object_key(self, source: str, extension: Any) -> str:
        """Return the key of the object that *source* becomes in *extension*."""
        directories = [Path(directory) for directory in (*extension.include_dirs, *self._compiler.include_dirs)]
        content = self._contents.hash_of(Path(source), directories)
        how = (extension.define_macros, extension.undef_macros, extension.extra_compile_args)
        return f"{hashed(self._base, content, how)}.o"

    def compile(self, source: str, extension: Any, key: str) -> Path:
        """Return the object of *key*, compiled if it has to be."""

        def make(part: Path) -> str:
            made: list[str] = self._compiler.compile(
                [source],
                output_dir=str(part),
                macros=[*extension.define_macros, *((name,) for name in extension.undef_macros)],
                include_dirs=extension.include_dirs,
                extra_postargs=extension.extra_compile_args,
            )
            return made[0]

        command = self._compiler.compiler_so
        try:
            return self._store.get(key, make)
        except Exception:
            if command == self._plain:
                raise
            self._compiler.compiler_so = self._plain  # it may be ccache that failed, which has files of its own
            return self._store.get(key, make)

    def link(self, objects: Sequence[str], output: str, **options: Any) -> None:
        """Link *objects* of the store into *output*, as `link_shared_object` does."""

        def make(part: Path) -> Path:
            made = part / Path(output).name
            self._link(objects, str(made), **options)
            return made

        key = hashed(
            self._base, self._compiler.linker_so, [Path(each).name for each in objects], sorted(options.items())
        )
        linked = self._store.get(f"{key}{Path(output).suffix}", make)
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(linked, output)


def reuse(compiler: Any, extensions: Sequence[Any], directory: Path) -> None:
    """Compile those sources of *extensions* of which *directory* has no object, on all cores; the first error ends it.

    Afterwards setuptools' *compiler* returns these objects when asked to compile, and links only what is not there yet.
    """
    store = Store(directory)
    store.trim()
    workshop = Workshop(compiler, store)
    keys = {
        source: (extension, workshop.object_key(source, extension))
        for extension in extensions
        for source in extension.sources
    }
    missing = [source for source, (_, key) in keys.items() if not store.has(key)]
    missing.sort(key=lambda source: -Path(source).stat().st_size)  # the longest first, so that all cores end together
    progress = Progress(len(missing), progress_stream())
    pool = ThreadPoolExecutor(cores())
    try:
        for done in as_completed([pool.submit(workshop.compile, source, *keys[source]) for source in missing]):
            done.result()
            progress.step()
    except BaseException:
        progress.abandon()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    compiler.compile = lambda sources, **_: [str(store.path(keys[source][1])) for source in sources]
    compiler.link_shared_object = workshop.link
