"""Answers how long runs of a file take, for `bench_formats.py`: CPU seconds of each, a line of JSON a question.

It is run by the interpreter of this tree and by that of another commit, so it may use only what both have.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

import mtf


async def run(question: dict[str, Any]) -> int:
    """Run the file to its end, in memory; return how many events it had."""
    async with mtf.Pipeline(clock="ticks", **question["settings"]) as pipeline:
        return (await pipeline.run(question["path"], **question["reading"])).events


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return how many events one run has, and the seconds of each; or why the file is not read."""
    events, seconds = 0, []
    for _ in range(question["runs"]):
        gc.collect()
        begun = time.process_time()
        try:
            events = asyncio.run(run(question))
        except mtf.MtfError as error:
            return {"error": str(error)}
        seconds.append(time.process_time() - begun)
    return {"events": events, "seconds": seconds}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
