"""Readers for requests: one that is free is used again, and none outlives its log."""

from __future__ import annotations

from pathlib import Path

import mtf
from mtf.web.readers import FREE_MAX, Readers

SETTINGS = {"timeframes": "1m", "calendar": "crypto", "clock": "ticks"}
TICK = mtf.Tick("X", 1_709_719_200_000_000_000, 1.0, 2.0)


async def written(data: Path) -> None:
    async with mtf.Pipeline(data=data, **SETTINGS) as pipeline:  # type: ignore[arg-type]
        await pipeline.push(TICK)


async def test_the_reader_that_was_used_last_is_used_again(tmp_path: Path) -> None:
    await written(tmp_path / "run")
    readers = Readers(tmp_path / "run")
    with readers.one() as one, readers.one() as two, readers.one() as three:
        assert len({one, two, three}) == FREE_MAX + 1
    with readers.one() as again, readers.one() as other:
        assert (again, other) == (two, three)
    readers.close()


async def test_a_reader_of_a_log_that_was_replaced_is_not_used(tmp_path: Path) -> None:
    data = tmp_path / "run"
    await written(data)
    readers = Readers(data)
    with readers.one() as one:
        assert one.seq == 1
    data.rename(tmp_path / "before")
    await written(data)
    with readers.one() as other:
        assert other is not one
        assert other.seq == 1
    readers.close()


async def test_none_is_kept_once_they_are_closed(tmp_path: Path) -> None:
    await written(tmp_path / "run")
    readers = Readers(tmp_path / "run")
    with readers.one() as one:
        readers.close()
    with readers.one() as other:
        assert other is not one
        assert other.seq == 1
