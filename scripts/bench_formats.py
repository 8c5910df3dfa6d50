"""Rows a second by file format, end to end: read, parsed, through the actors, not logged.

Generic tables are made here; vendors' files are read where `MTF_TEST_DATA` (default ../shared/data) has them.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from formats import File, all_files
from market import head, median, row

import mtf

ROWS = 300_000
ROUNDS = 3


async def rate(file: File) -> tuple[int, float]:
    """Return the events and how many of them a second."""
    async with mtf.Pipeline(clock="ticks", **file.settings) as pipeline:
        summary = await pipeline.run(file.path, **file.reading)
        return summary.events, summary.events / summary.seconds


def main() -> None:
    head("format", "events", "events/s")
    with tempfile.TemporaryDirectory() as folder:
        for file in all_files(Path(folder), ROWS):
            found = [asyncio.run(rate(file)) for _ in range(ROUNDS)]
            row(file.label, f"{found[0][0]:,}", f"{median([each for _, each in found]):,.0f}")
    print("\nA bar is four events.")


if __name__ == "__main__":
    main()
