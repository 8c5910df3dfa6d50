"""What a file in a vendor's layout is read as, and which options are asked for."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mtf.errors import OptionNeeded
from mtf.sources import open_source
from tests.sources.builders import brief, read, written

__all__ = ["AT", "asked", "lean", "ticks"]

AT = 1_709_719_200  # 2024-03-06 10:00:00 UTC


def ticks(path: Path, **options: Any) -> list[str]:
    taken = read(path, **options)
    assert taken.refused == []
    return [brief(tick) for tick in taken.ticks]


def asked(path: Path, **options: Any) -> set[str]:
    """Return the options that are asked for."""
    with pytest.raises(OptionNeeded) as raised:
        open_source(path, **options)
    return set(raised.value.options)


def lean(folder: Path, path: str, members: dict[str, str]) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return written(folder, path, packed.getvalue())
