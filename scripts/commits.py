"""Another commit of this tree, built beside it, and programs of `scripts/` that both run, in turn."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["Served", "python_of", "wanted"]

ROOT: Final = Path(__file__).parents[1]


def wanted() -> str:
    """Return the commit that the environment names, or nothing."""
    return os.environ.get("COMMIT", "")


def python_of(commit: str) -> Path:
    """Return the interpreter that has *commit* installed, compiled."""
    sha = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--verify", f"{commit}^{{commit}}"], check=True, capture_output=True, text=True
    ).stdout.strip()
    tree = ROOT / "build" / "commits" / sha
    python = tree / ".venv" / "bin" / "python"
    done = tree / "built"
    if not done.exists():
        packed = subprocess.run(["git", "-C", ROOT, "archive", sha], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")
        # What this make was called with is not meant for the other one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        subprocess.run(["make", "-C", tree, "build"], check=True, stdout=sys.stderr, env=environment)
        done.touch()
    return python


class Served:
    """A program that stays, and answers each question, a line of JSON, with another: so that two can be asked in turn.

    A process that stays has warm caches and a settled memory, and what is compared is timed within a second.
    """

    def __init__(self, python: Path, script: str) -> None:
        self._script: Final = script
        self._process: Final = subprocess.Popen(
            [python, ROOT / "scripts" / script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, question: dict[str, Any]) -> Any:
        """Return the answer to *question*; RuntimeError if the program ended instead."""
        assert self._process.stdin is not None, "it was opened with pipes"
        self._process.stdin.write(json.dumps(question) + "\n")
        return self.hear()

    def hear(self) -> Any:
        """Return the next line of the program; RuntimeError if it ended instead."""
        assert self._process.stdout is not None, "it was opened with pipes"
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._script} ended with {self._process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """End the program, by the end of its questions, and wait for it."""
        assert self._process.stdin is not None, "it was opened with pipes"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
