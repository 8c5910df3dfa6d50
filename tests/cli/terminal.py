"""A terminal for tests: a command whose stdout is one, of any width, and what it wrote there."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import threading
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="terminals of POSIX")
fcntl = pytest.importorskip("fcntl", reason="terminals of POSIX")
termios = pytest.importorskip("termios", reason="terminals of POSIX")

__all__ = ["on_terminal", "uncoloured"]


def on_terminal(args: list[str], cwd: Path, width: int, **environment: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command whose stdout is a terminal of *width* columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "COLORTERM", "NO_COLOR")}
    seen = bytearray()

    def read() -> None:
        try:
            while data := os.read(ours, 65_536):
                seen.extend(data)
        except OSError:
            pass  # the other side is closed

    with subprocess.Popen(
        args,
        cwd=cwd,
        env={**clean, "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as running:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        _, err = running.communicate(timeout=60)
    reader.join(timeout=60)
    os.close(ours)
    return running.returncode, seen.decode().replace("\r\n", "\n"), err.decode()


def uncoloured(text: str) -> str:
    """Return *text* without colours, and nothing else taken away."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
