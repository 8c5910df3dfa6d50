"""Small files as people's exports look, which are read in place: `cases`, beside the vendors' data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import DATA


@pytest.fixture(scope="session")
def cases() -> Path:
    """The directory of the cases; tests that ask for it skip if it is not there."""
    path = DATA.parent / "cases"
    if not (path / "CASES.md").is_file():
        pytest.skip(f"no cases in {path}: they lie beside the directory that MTF_TEST_DATA names")
    return path
