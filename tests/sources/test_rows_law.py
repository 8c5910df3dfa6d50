"""The law of rows: what was read is accepted, rejected or malformed, each row once, whatever a file is like."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import MtfError
from mtf.sources import open_source
from mtf.sources.sniffing import look
from tests.sources.broken import BROKEN, GOOD, LATE, broken_file
from tests.sources.builders import drain, written

ASKED_MAX = 0.02  # the share of files about which a user is asked, rather than have them read


async def check(folder: Path, seeds: Iterable[int]) -> tuple[int, list[str]]:
    """Run the files of *seeds*; return how many there were, and the notes about those that were not read."""
    asked: list[str] = []
    count = 0
    for seed in seeds:
        count += 1
        file = broken_file(seed)
        path = folder / "X.csv"
        path.write_bytes(file.data)
        options: dict[str, Any] = {"timeframe": "1m"} if file.kind == "bars" else {}
        async with mtf.Pipeline(timeframes="1m", calendar="crypto", clock="ticks", live="off") as pipeline:
            try:
                summary = await pipeline.run(path, **options)
            except MtfError as error:
                asked.append(f"{seed}: {error}")
                continue
        malformed = [line for _, line, _, _ in pipeline.malformed_rows]
        rows = summary.rows
        assert rows.read == rows.accepted + rows.rejected + rows.malformed, seed
        assert rows.read == len(file.fates), seed
        assert malformed == file.lines(BROKEN), (seed, pipeline.malformed_rows)
        assert rows.malformed == len(malformed), seed
        assert rows.rejected == summary.rejected.get("late", 0) == len(file.lines(LATE)), seed
        assert rows.accepted == len(file.lines(GOOD)), seed
        assert summary.ticks == rows.accepted * (4 if file.kind == "bars" else 1), seed
    return count, asked


@pytest.mark.parametrize("chunk", range(8))
async def test_every_row_of_a_broken_file_has_its_verdict(tmp_path: Path, chunk: int) -> None:
    """Each broken row is named with its line, each other one counts: none is skipped, none is read twice."""
    count, asked = await check(tmp_path, range(chunk * 100, chunk * 100 + 100))
    assert len(asked) <= count * ASKED_MAX, asked


def mutated(seed: int) -> bytes:
    """A file of lines, with bytes of it changed, put in, left out and repeated, wherever it happens."""
    pick = random.Random(seed)
    minutes = range(pick.choice([3, 10, 60]))
    rows = [f"2024-03-06 10:{minute:02}:00,1.{minute},1.{minute}5" for minute in minutes]
    data = bytearray("\n".join(["time,bid,ask", *rows, ""] if pick.random() < 0.7 else [*rows, ""]).encode())
    for _ in range(pick.choice([1, 3, 10, 40])):
        at = pick.randrange(len(data))
        way = pick.randrange(5)
        if way == 0:
            data[at] = pick.randrange(256)
        elif way == 1:
            data[at:at] = bytes(pick.choices(b',;"\n\r \t\x00.9e\xef\xbb\xbf', k=pick.randrange(1, 5)))
        elif way == 2 and len(data) > 60:
            del data[at : at + pick.randrange(1, 50)]
        elif way == 3:
            data[at:at] = data[at : at + pick.randrange(1, 90)]
        else:
            data[at] = pick.choice(b'\n,"')
    return bytes(data)


@pytest.mark.parametrize("chunk", range(4))
def test_every_line_of_a_damaged_file_is_a_row_or_named(tmp_path: Path, chunk: int) -> None:
    """Whatever stands there: a line is empty, the header, named as skipped, or a row handed in or refused."""
    read = 0
    for seed in range(chunk * 500, chunk * 500 + 500):
        data = mutated(seed)
        path = written(tmp_path, "X.csv", data)
        try:
            source = open_source(path)
            taken = drain(source)
        except MtfError:
            continue  # which names the file, and says why
        rows, malformed = source.rows  # type: ignore[attr-defined]
        assert rows == taken.count + len(taken.refused), seed
        assert malformed == len(taken.refused), seed
        lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip(b" \t\r")]
        table = look(source.parts[0].part)  # type: ignore[attr-defined]
        assert table is not None
        assert rows == len(lines) - len(table.passed) - bool(table.header_line), seed
        read += 1
    assert read > 250


@pytest.mark.slow
async def test_every_row_of_ten_thousand_broken_files_has_its_verdict(tmp_path: Path) -> None:
    count, asked = await check(tmp_path, range(10_000))
    assert len(asked) <= count * ASKED_MAX, asked
