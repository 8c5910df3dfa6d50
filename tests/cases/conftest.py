"""Small files as people's exports look, which are read in place: `cases`, beside the vendors' data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="session")
def cases() -> Path:
    """The directory of the cases; tests that ask for it skip if it is not there."""
    data = Path(os.environ.get("MTF_TEST_DATA") or ROOT.parent / "shared" / "data")
    path = data.parent / "cases"
    if not (path / "CASES.md").is_file():
        pytest.skip(f"no cases in {path}: they lie beside the directory that MTF_TEST_DATA names")
    return path
