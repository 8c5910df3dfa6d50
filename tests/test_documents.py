"""What documents say of the code, as far as it can be compared with the code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from mtf.events.block import BLOCK_EVENTS_MAX
from mtf.log import pack, segment, segment_format
from mtf.storage import checkpoint_store, datadir

ROOT: Final = Path(__file__).resolve().parents[1]
MIB: Final = 1 << 20
GIB: Final = 1 << 30

# What a pure core may not know, and the modules that may: the files of calendars.
IMPURE: Final = {"asyncio", "time", "os", "io", "pathlib", "shutil", "socket", "sqlite3", "subprocess", "threading"}
READS_FILES: Final = {"named.py", "symbols.py", "zone.py"}


def text(name: str) -> str:
    """Return a page with single spaces, as its lines may end anywhere."""
    return " ".join((ROOT / "docs" / name).read_text().split())


@pytest.mark.parametrize("room", ["events", "calendars", "bars", "indicators", "frames"])
def test_cores_are_pure(room: str) -> None:
    """docs/architecture.md says so: no asyncio, no clock, and no I/O except the files of calendars."""
    assert "no asyncio, no clock, no I/O; so are `calendars`, apart from reading" in text("architecture.md")
    for path in (ROOT / "mtf" / room).glob("*.py"):
        known: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                known.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                known.add(node.module.split(".")[0])
        allowed = {"pathlib"} if path.name in READS_FILES and room == "calendars" else set()
        assert not known & IMPURE - allowed, path


def test_unsealed_segment_is_as_long_as_reliability_says() -> None:
    """It is what can be lost in mode `os`."""
    assert f"everything in the unsealed segment (up to {datadir.SEGMENT_BYTES // MIB} MiB)" in text("reliability.md")


@pytest.mark.parametrize(
    "row",
    [
        f"| segment file | {segment_format.SEGMENT_BYTES_MAX // GIB} GiB |",
        f"| events in a block · in a pack | {BLOCK_EVENTS_MAX:,} · {segment_format.PACK_EVENTS_MAX:,} |",
        f"| positions, in a frame and in all | {segment_format.POSITIONS_BYTES_MAX // MIB} MiB |",
        f"| heap of a block | {segment_format.HEAP_BYTES_MAX / 1e6:.1f} MB ",
        f"| configuration and names | {segment_format.META_BYTES_MAX // MIB} MiB |",
        f"| zstd window | {pack.WINDOW_BYTES_MAX // MIB} MiB |",
        f"| segments in a directory | {segment.SEGMENTS_MAX:,} |",
        f"| checkpoint, stored and unpacked | {checkpoint_store.CHECKPOINT_BYTES_MAX // GIB} GiB and",
        f"its JSON {checkpoint_store.META_BYTES_MAX // MIB} MiB; {checkpoint_store.PARTS_MAX:,} parts",
        f"names of {checkpoint_store.NAME_BYTES_MAX:,} bytes |",
    ],
)
def test_limits_are_as_the_format_says(row: str) -> None:
    assert row in text("log-format.md")
