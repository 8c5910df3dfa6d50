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

__all__ = ["Session", "on_terminal", "terminal", "uncoloured"]


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


class Session:
    """A command on a terminal of its own that is typed at, and what it has written so far."""

    def __init__(self, args: list[str], cwd: Path, width: int, height: int) -> None:
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.modes_before = self._modes()
        self._seen = bytearray()
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        clean = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.process = subprocess.Popen(
            args, cwd=cwd, env={**clean, "TERM": "xterm-256color"}, stdin=self._theirs, stdout=self._theirs,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1
        self._reader.join(timeout=60)
        os.close(self._ours)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def written(self) -> str:
        with self._came:
            return uncoloured(self._seen.decode(errors="replace"))

    def see(self, text: str, after: int = 0) -> int:
        """Wait until *text* has been written after the first *after* characters; return how many there are then."""
        with self._came:
            found = self._came.wait_for(
                lambda: text in uncoloured(self._seen.decode(errors="replace"))[after:], timeout=60
            )
        assert found, f"{text!r} did not come; came: {self.written[after:]!r}"
        return len(self.written)

    def end(self) -> tuple[int, str, list[object]]:
        """Wait for the command to end; return its exit code, its stderr, and the modes of the terminal."""
        _, err = self.process.communicate(timeout=60)
        modes = self._modes()
        os.close(self._theirs)
        self._theirs = -1
        self._reader.join(timeout=60)
        return self.process.returncode, err.decode(), modes

    def _modes(self) -> list[object]:
        """Return what whoever uses the terminal next would find: its modes, and whether writing to it waits."""
        return [*termios.tcgetattr(self._theirs), os.get_blocking(self._theirs)]

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 65_536):
                with self._came:
                    self._seen.extend(data)
                    self._came.notify_all()
        except OSError:
            pass  # the other side is closed
