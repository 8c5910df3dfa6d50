"""A terminal for tests, of any width, and what a command wrote there."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="terminals of POSIX")
fcntl = pytest.importorskip("fcntl", reason="terminals of POSIX")
termios = pytest.importorskip("termios", reason="terminals of POSIX")

UNSET = ("COLUMNS", "LINES", "COLORTERM", "NO_COLOR")  # what would be believed rather than the terminal

__all__ = ["on_terminal", "terminal", "uncoloured"]


@contextmanager
def terminal(width: int) -> Iterator[tuple[int, bytearray]]:
    """Open a terminal of *width* columns; yield its descriptor and what is written to it, which is complete afterwards.

    The commands that write to it must have ended by then.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    seen = bytearray()

    def read() -> None:
        try:
            while data := os.read(ours, 65_536):
                seen.extend(data)
        except OSError:
            pass  # the other side is closed

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield theirs, seen
    finally:
        os.close(theirs)
        reader.join(timeout=60)
        os.close(ours)


def on_terminal(args: list[str], cwd: Path, width: int, **environment: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command whose stdout is a terminal of *width* columns."""
    clean = {name: value for name, value in os.environ.items() if name not in UNSET}
    with terminal(width) as (stdout, seen):
        done = subprocess.run(
            args,
            cwd=cwd,
            env={**clean, "TERM": "xterm-256color", **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    return done.returncode, seen.decode().replace("\r\n", "\n"), done.stderr.decode()


def uncoloured(text: str) -> str:
    """Return *text* without colours, and nothing else taken away."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
