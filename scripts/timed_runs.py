"""Answers how long a run of a file takes, for `bench_formats.py`: CPU seconds, a line of JSON a question.

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

SECONDS_MIN = 0.5


async def run(question: dict[str, Any]) -> int:
    """Run the file to its end, in memory; return how many events it had."""
    async with mtf.Pipeline(clock="ticks", **question["settings"]) as pipeline:
        return (await pipeline.run(question["path"], **question["reading"])).events


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return how many events a run has, and the seconds it takes; or why the file is not read.

    A short run is repeated, and the mean counts: what it leaves to the garbage collector is paid by the next ones.
    """
    gc.collect()
    events, runs, spent, begun = 0, 0, 0.0, time.process_time()
    while spent < SECONDS_MIN:
        try:
            events = asyncio.run(run(question))
        except mtf.MtfError as error:
            return {"error": str(error)}
        runs, spent = runs + 1, time.process_time() - begun
    return {"events": events, "seconds": spent / runs}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
