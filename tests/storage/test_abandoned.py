"""A process that ends without ending its run, as Ctrl-C leaves it on a loop that is not that of `asyncio.run`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import mtf

SCRIPT = """
import asyncio, sys
import uvloop
import mtf

def interrupt():
    raise KeyboardInterrupt

async def main():
    async with mtf.Pipeline(data=sys.argv[1], timeframes="1m", calendar="crypto", clock="ticks") as pipeline:
        for second in range(100):
            await pipeline.push(mtf.Tick("X", 1_709_719_200_000_000_000 + second * 1_000_000_000, 1.0, 2.0))
        await pipeline.drain()
        asyncio.get_running_loop().call_soon(interrupt)
        await asyncio.sleep(3_600)

loop = uvloop.new_event_loop() if sys.argv[2] == "uvloop" else asyncio.new_event_loop()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_process_ends_though_its_run_was_not_ended(tmp_path: Path, loop: str) -> None:
    """No thread keeps it, and the next start goes on."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run"), loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode in (1, 130, -2)
    asyncio.run(go_on(tmp_path / "run"))
    assert len(list(mtf.open(tmp_path / "run").bars("X", "1m"))) == 1


async def go_on(data: Path) -> None:
    async with mtf.Pipeline(data=data, timeframes="1m", calendar="crypto", clock="ticks") as pipeline:
        await pipeline.drain()
        assert pipeline.seq == 100
        assert pipeline.snapshot("X")["1m"].partial is not None
