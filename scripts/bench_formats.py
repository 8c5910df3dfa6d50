"""Rows a second by file format, end to end: read, parsed, through the actors, not logged; and what a small file costs.

    make bench ARGS=formats
    make bench ARGS=formats COMMIT=686905b       this tree against another commit, built beside it

All files are made here: of `ROWS` rows, so that rows are what takes the time, and of `FEW`, so that it is opening and
starting. With `MTF_TEST_DATA` (default ../shared/data) vendors' own are read as well. CPU time, so that other work on
the machine counts less; each file is read in turn by both commits, `ROUNDS` times, and shown are medians, of the ratio
that of neighbours. Each file is read again and again for half a second.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commits import Served, python_of, wanted
from formats import File, made, theirs
from market import head, median, row

ROWS = 200_000
FEW = 500
ROUNDS = 9
FEW_ROUNDS = 7


def main() -> None:
    commit = wanted()
    with tempfile.TemporaryDirectory() as folder, Served(Path(sys.executable), "timed_runs.py") as here:
        if not commit:
            show([here], folder, "")
            return
        with Served(python_of(commit), "timed_runs.py") as there:
            show([there, here], folder, commit)


def show(programs: list[Served], folder: str, commit: str) -> None:
    """Print the tables; the last of *programs* is this tree, the one before it, if there is one, the other commit."""
    names = [f"at {commit}", "here"] if commit else ["here"]
    more = ["time, here over there"] if commit else []
    head("rows/s of CPU", "rows", *names, *more)
    for file in (*made(Path(folder) / "many", ROWS), *theirs()):
        found = in_turn(programs, file, ROUNDS)
        rows = file.rows or found[-1].events
        rates = [f"{rows / median(each.seconds):,.0f}" if each.events else "cannot read it" for each in found]
        row(file.label, f"{rows:,}", *rates, *(f"{ratio:.2f}" for ratio in ratios(found)))
    print()
    head(f"ms of CPU for a file of {FEW} rows", *names, *(["more"] if commit else []))
    for file in made(Path(folder) / "few", FEW):
        found = in_turn(programs, file, FEW_ROUNDS)
        times = [median(each.seconds) * 1e3 for each in found if each.events]
        more = [f"{times[1] - times[0]:+.2f}"] if len(times) == 2 else []
        row(
            file.label,
            *(f"{median(each.seconds) * 1e3:.2f}" if each.events else "cannot read it" for each in found),
            *more,
        )


class Found:
    """What one program found of a file: how many *events*, none if it cannot read it, and CPU seconds by round."""

    def __init__(self) -> None:
        self.events = 0
        self.seconds: list[float] = []


def in_turn(programs: list[Served], file: File, rounds: int) -> list[Found]:
    """Return what each of *programs* needs for *file*; who begins changes from round to round."""
    question = {"path": str(file.path), "settings": file.settings, "reading": file.reading}
    found = [Found() for _ in programs]
    for number in range(rounds):
        for program, each in list(zip(programs, found, strict=True))[:: -1 if number % 2 else 1]:
            answer: dict[str, Any] = program.ask(question)
            if "error" not in answer:
                each.events = answer["events"]
                each.seconds.append(answer["seconds"])
    return found


def ratios(found: list[Found]) -> Iterator[float]:
    """Yield the median of how many times as long reading takes here, if both read the file."""
    if len(found) == 2 and found[0].events:
        yield median([here / there for there, here in zip(found[0].seconds, found[1].seconds, strict=True)])


if __name__ == "__main__":
    main()
