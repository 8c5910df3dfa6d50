"""A directory that was made when `all` indicators were twenty goes on with these; no other list is taken for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.errors import ConfigMismatch
from mtf.indicators import CORE
from mtf.storage.datadir import logged_config
from tests.cli.builders import mtf as run_mtf
from tests.storage.builders import feed, market

EVENTS = market(4, 60)
NOTE = 'stays with the twenty indicators that "all" meant when it was made, which "core" means now'


async def fed(data: Path, first: int, last: int, **settings: Any) -> tuple[str, list[str]]:
    """Feed the events from *first* to *last*; return the digest, and the notes about indicators."""
    async with mtf.Pipeline(
        data=data, timeframes=["1m", "1d"], clock="ticks", checkpoint_seconds=None, **settings
    ) as pipeline:
        await feed(pipeline, EVENTS[first:last])
        await pipeline.drain()
        return pipeline.digest, [note for note in pipeline.notes if "indicators" in note]


@pytest.mark.parametrize("asked", ["all", {"1m": "all", "1d": "core"}], ids=repr)
@pytest.mark.parametrize("made", ["core", list(CORE)], ids=repr)
async def test_all_on_a_directory_of_the_former_twenty_goes_on_with_a_note(
    tmp_path: Path, made: Any, asked: Any
) -> None:
    """Over several starts, to the digest of the twenty; what the log says of itself stays."""
    await fed(tmp_path / "run", 0, 20, indicators=made)
    before = logged_config(tmp_path / "run").to_json()
    digest = ""
    for first, last in ((20, 40), (40, 60)):
        digest, notes = await fed(tmp_path / "run", first, last, indicators=asked)
        assert notes == [f"{tmp_path / 'run'}: {NOTE}"]
    assert logged_config(tmp_path / "run").to_json() == before
    assert (digest, []) == await fed(tmp_path / "whole", 0, 60, indicators="core")


@pytest.mark.parametrize("made", [list(CORE[:-1]), [*CORE, "kama"], [*CORE[1:], CORE[0]], "none"], ids=repr)
async def test_all_is_another_configuration_than_any_other_list(tmp_path: Path, made: Any) -> None:
    """Nineteen of them, twenty-one, or another order: that was asked for by name."""
    await fed(tmp_path, 0, 20, indicators=made)
    with pytest.raises(ConfigMismatch, match="indicators: "):
        await fed(tmp_path, 20, 40, indicators="all")


async def test_a_new_directory_of_all_has_all_and_no_note(tmp_path: Path) -> None:
    for first, last in ((0, 20), (20, 40)):
        _, notes = await fed(tmp_path, first, last, indicators="all")
        assert notes == []
    assert [len(specs) for specs in logged_config(tmp_path).indicators] == [34, 33]
    with pytest.raises(ConfigMismatch, match="indicators: "):
        await fed(tmp_path, 40, 60, indicators="core")


def test_the_command_goes_on_with_a_directory_of_the_former_twenty(tmp_path: Path) -> None:
    """A script that is run every night must not fail at the next update."""
    args = ("run", "synthetic", "--events", 500, "--timeframes", "1m", "--data", tmp_path / "run")
    assert run_mtf(*args, "--indicators", "core").exit_code == 0
    again = run_mtf(*args, "--indicators", "all")
    assert again.exit_code == 0, again.stderr
    assert again.stderr.count(NOTE) == 1
