"""The code of docs/feeds.md runs as it stands; nothing of it connects before a pipeline reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mtf.feeds import Feed, FileFeed, file_feed, live_feed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "feeds.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_each_block_makes_its_feed(code: str) -> None:
    pytest.importorskip("websockets")
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert isinstance(names["feed"], Feed | FileFeed)


def test_the_defaults_that_the_page_names_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"`stall_s` ({live_feed.STALL_S:g} s)" in text
    assert f"`connect_s` ({live_feed.CONNECT_S:g} s)" in text
    assert f"`patience_s` ({live_feed.PATIENCE_S:g} s)" in text
    assert f"`look_s` ({file_feed.FOLLOW_S:g} s)" in text
    assert f"`replaced_s` ({file_feed.REPLACED_S:g} s)" in text
