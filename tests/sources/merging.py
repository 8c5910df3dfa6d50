"""Sources for tests of the merge: short files of several symbols, and what their merge should be, by a plain model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from mtf.sources import Source, feed, sort
from mtf.sources.merge import MergedSource
from tests.sources.builders import Taken

START_NS = 1_709_719_200_000_000_000  # 2024-03-06 10:00Z


@dataclass(frozen=True)
class Row:
    """A row of a file: the seconds at which it is stamped, its symbol and the id that tells it from all others."""

    second: int
    symbol: str
    id: str
    malformed: bool = False

    @property
    def line(self) -> str:
        stamp = "soon" if self.malformed else str(START_NS + self.second * 10**9)
        return f"{stamp},{self.symbol},1.5,{self.id}\n"


def file_of(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("time,symbol,price,id\n" + "".join(row.line for row in rows))
    return path


@st.composite
def files(draw: st.DrawFn, *, files_max: int = 4, rows_max: int = 12, malformed: bool = True) -> list[list[Row]]:
    """Draw the rows of some files, mostly in order of time, of symbols of their own or shared."""
    drawn: list[list[Row]] = []
    for number in range(draw(st.integers(1, files_max))):
        second = draw(st.integers(0, 5))
        rows = []
        for line in range(draw(st.integers(0, rows_max))):
            second += draw(st.sampled_from((0, 1, 1, 2, 5, -1, -3)))
            symbol = draw(st.sampled_from((f"S{number}", f"S{number}", "X")))
            bad = malformed and draw(st.sampled_from((False,) * 5 + (True,)))
            rows.append(Row(second, symbol, f"{number}.{line}", bad))
        drawn.append(rows)
    return drawn


def merged(lanes: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows that are not malformed in the order of their stamps, each lane's in its own, ties by lane."""
    left = [[row for row in lane if not row.malformed] for lane in lanes]
    order = []
    while any(left):
        first = min((number for number, lane in enumerate(left) if lane), key=lambda number: left[number][0].second)
        order.append(left[first].pop(0))
    return order


def windowed(rows: Sequence[Row], seconds: int) -> list[Row]:
    """Return *rows* as a window gives them out: each once a row came that is stamped so much later, earliest first."""
    held: list[tuple[int, int, Row]] = []
    given: list[Row] = []
    newest = -(10**9)
    for number, row in enumerate(rows):
        if row.malformed:
            continue
        held.append((row.second, number, row))
        held.sort()
        newest = max(newest, row.second)
        while held and held[0][0] <= newest - seconds:
            given.append(held.pop(0)[2])
    return given + [row for _, _, row in held]


def ids(taken: Taken) -> list[str]:
    """Return the ids of the rows that were taken, in order."""
    return [row_id for row_id in _ids(taken) if row_id]


def _ids(taken: Taken) -> Iterator[str]:
    at = 0
    for i in range(taken.count):
        flags = taken.rows[i * 48 + 13]
        for bit in (8, 16):  # a new symbol's name, then the id
            if flags & bit:
                length = int.from_bytes(taken.heap[at : at + 2], "little")
                if bit == 16:
                    yield taken.heap[at + 2 : at + 2 + length].decode()
                at += 2 + length


@contextmanager
def reading_ahead(rows: int) -> Iterator[None]:
    """Within, read so many rows ahead of each source, and sort and merge a few at a time."""
    with ExitStack() as stack:
        for module, name, value in (
            (feed, "AHEAD_ROWS_MIN", rows),
            (feed, "AHEAD_ROWS_MAX", rows),
            (sort, "READ_ROWS", rows),
            (sort, "GIVE_ROWS", max(1, rows // 2)),
            (sort, "RUN_ROWS", 2),
            (sort, "RUNS_MAX", 2),
        ):
            stack.enter_context(patch.object(module, name, value))
        yield


def read_in_parts(
    open_sources: Callable[[], list[Source]],
    stops: Sequence[tuple[int, int]],
    limit: int,
    taken: Taken,
    **options: Any,
) -> None:
    """Read what *open_sources* opens to its end, stopped and opened again after *stops*: calls, and rows read ahead."""
    position: dict[str, Any] = {}
    for calls, ahead in (*stops, (-1, 3)):
        with reading_ahead(ahead):
            source = MergedSource(open_sources(), **options)
            if position:
                source.seek(position)
            more = True
            while more and calls != 0:
                more = source.fill(taken.builder, limit)
                assert taken.builder.count <= limit, "a source keeps to the limit"
                taken.take()
                calls -= 1
            position = json.loads(json.dumps(source.position()))
            source.close()
