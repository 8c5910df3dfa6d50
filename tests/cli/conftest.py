"""A data directory that many tests look into and none changes, and copies of it for those that do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.builders import SETTINGS, mtf, write_market


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that a run of MARKET made."""
    folder = tmp_path_factory.mktemp("cli")
    result = mtf("run", write_market(folder / "market.csv"), "--data", folder / "run", *SETTINGS)
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def copy(market: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed or damaged."""
    shutil.copytree(market, tmp_path / "run")
    return tmp_path / "run"
