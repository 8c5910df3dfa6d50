"""The entry in a log that says what of it was imported: read back as it was written, and never trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mtf
from mtf.log import compress_sealed
from mtf.storage.datadir import DataDir
from mtf.storage.imported import IMPORTED, NOTHING, Imported, imported_in, imported_of, moved_import
from tests.builders import at, ticks

FOUND = Imported(9, {"X": at("10:00")})
SETTINGS = {"timeframes": "1m", "calendar": "crypto", "clock": "ticks", "indicators": "none"}


def test_it_is_read_back_and_says_which_bars_hold_imported_events() -> None:
    assert imported_in({IMPORTED: FOUND.record()}) == FOUND
    assert FOUND.holds("X", at("10:00") - 1)
    assert not FOUND.holds("X", at("10:00"))
    assert not FOUND.holds("Y", at("09:00"))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        "imported",
        {},
        {"last_seq": 9},
        {"last_seq": "9", "until_ns": {}},
        {"last_seq": True, "until_ns": {}},
        {"last_seq": 0, "until_ns": {}},
        {"last_seq": 9, "until_ns": ["X"]},
    ],
)
def test_what_no_import_has_written_counts_as_nothing(entry: Any) -> None:
    """A directory may come from a stranger."""
    assert imported_in({IMPORTED: entry}) == NOTHING


def test_times_that_are_none_are_left_out() -> None:
    entry = {"last_seq": 9, "until_ns": {"X": at("10:00"), "Y": "soon", "Z": 1 << 70}}
    assert imported_in({IMPORTED: entry}) == FOUND


def test_in_a_copy_with_other_seqs_it_ends_at_the_same_event() -> None:
    assert imported_in(moved_import({IMPORTED: FOUND.record(), "a": 1}, lambda seq: seq - 4)).last_seq == 5
    assert moved_import({"a": 1}, lambda seq: seq) == {"a": 1}


async def test_it_is_found_at_the_end_of_an_import_and_behind_runs_that_followed(tmp_path: Path) -> None:
    """Compressed or not, and without reading the log."""
    path = tmp_path / "d"
    warm = mtf.Pipeline(data=path, **SETTINGS)  # type: ignore[arg-type]
    warm.warm_up(ticks("10:00@1 10:01@2 10:02@3", symbol="X"))
    async with warm:
        assert warm.seq == 4
    expected = Imported(4, {"X": at("10:02") + 1})
    assert imported_of(DataDir(path).read_log()) == expected
    compress_sealed(path / "log")
    assert imported_of(DataDir(path).read_log()) == expected
    for text in ("10:03@1", "10:04@1 10:05@1"):
        async with mtf.Pipeline(data=path, **SETTINGS) as p:  # type: ignore[arg-type]
            await p.run(ticks(text, symbol="X"))
        assert imported_of(DataDir(path).read_log()) == expected
