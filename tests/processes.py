"""Other processes, as Linux sees them; each may end while it is looked at."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["children", "children_of", "gone", "parent_of"]


def gone(pid: int) -> bool:
    """Whether no process has this number, or it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return _state_of(pid)[0] == "Z"


def parent_of(pid: int) -> int:
    """Return the process that started this one."""
    return int(_state_of(pid)[1])


def children() -> set[int]:
    """Return the processes that this one has started and not waited for, ended or not; none without /proc."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return {pid for pid in pids if parent_of(pid) == os.getpid()}


def children_of(pid: int) -> list[tuple[int, str]]:
    """Return pid and command line of each process that *pid* has started, and that runs."""
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            child = int(entry.name)
            state, parent = _state_of(child)[:2]
            if int(parent) == pid and state != "Z":
                found.append((child, _command_of(child)))
    return found


def _state_of(pid: int) -> list[str]:
    """Return what Linux says of a process, from its state on; as of one that has ended if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["Z", "0"] if Path("/proc/self/stat").exists() else ["?", "0"]


def _command_of(pid: int) -> str:
    """Return the words of a process's command; nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
