"""What docs/notebooks.md shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import polars
import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "notebooks.md"


def test_examples_of_the_page_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed one after the other, each shows what stands there."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```pycon\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    with polars.Config(set_tbl_width_chars=110, set_fmt_str_lengths=20):
        failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert tried > 20
    assert not failed, "".join(report)
