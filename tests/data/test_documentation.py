"""What docs/python.md shows is what happens."""

from __future__ import annotations

import ast
import asyncio
import doctest
import re
from pathlib import Path

import polars
import pytest

import mtf
from mtf.sources import SyntheticMarket

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


async def fill(path: Path) -> None:
    source = SyntheticMarket(seed=7, symbols=["EURUSD", "GBPUSD"], start="2024-03-06", events=20_000, pace_ms=2_000)
    async with mtf.Pipeline(data=path, clock="ticks", indicators="sma:20,rsi:14") as pipeline:
        await pipeline.run(source)


def test_examples_of_the_page_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed one after the other, each shows what stands there."""
    asyncio.run(fill(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```pycon\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 8
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    with polars.Config(set_tbl_width_chars=100, set_fmt_str_lengths=20):
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert not failed, "".join(report)


def test_programs_of_the_page_can_be_read() -> None:
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        compile(block, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
