"""The command line as tests call it, and a small market of which every figure is known.

`mtf(...)` runs a command in this process, `process(...)` as a user does, in one of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import orjson
from click.testing import CliRunner, Result

from mtf.cli import main
from tests.builders import at

__all__ = ["MARKET", "SETTINGS", "at", "command", "json_of", "mtf", "process", "write_market"]

# Mids of EURUSD, by minute: 1.25 1.5 | 1.375 | 1.75 | 1.125. The tick of 09:59 is late, that of Saturday out of hours.
MARKET: Final = """\
time,symbol,bid,ask,bid_size,ask_size
2024-03-06T10:00:00Z,EURUSD,1.0,1.5,1,2
2024-03-06T10:00:30Z,EURUSD,1.25,1.75,1,2
2024-03-06T10:00:40Z,GBPUSD,2.0,2.5,1,1
2024-03-06T10:01:00Z,EURUSD,1.125,1.625,2,2
2024-03-06T09:59:00Z,EURUSD,9.0,9.5,1,1
2024-03-06T10:02:10Z,EURUSD,1.5,2.0,1,1
2024-03-09T12:00:00Z,EURUSD,9.0,9.5,1,1
2024-03-06T10:03:05Z,EURUSD,1.0,1.25,4,4
"""
SETTINGS: Final = ("--timeframes", "1m,5m", "--indicators", "sma:2")


def write_market(path: Path) -> Path:
    """Write MARKET to *path* and return it."""
    path.write_text(MARKET)
    return path


def mtf(*args: object, **environment: str) -> Result:
    """Run a command in this process."""
    return CliRunner(env=environment).invoke(main, [str(arg) for arg in args])


def json_of(*args: object) -> Any:
    """Return the JSON that a command prints; it must succeed."""
    result = mtf(*args)
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def command(*args: object) -> list[str]:
    """Return the command as a process of its own takes it: of the build that is under test."""
    return [sys.executable, "-m", "mtf", *(str(arg) for arg in args)]


def process(*args: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        command(*args),
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
