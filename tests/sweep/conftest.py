"""A log and a module of consumers that the tests of sweeps share."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.sweep.builders import MODULE, STRATEGIES, write_log


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of a hundred minutes."""
    return write_log(tmp_path_factory.mktemp("sweep") / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the module of consumers."""
    path = tmp_path_factory.mktemp("strategies")
    (path / f"{MODULE}.py").write_text(STRATEGIES)
    return path


@pytest.fixture
def strategies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of consumers, which the processes of jobs find, too."""
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    yield importlib.import_module(MODULE)
    del sys.modules[MODULE]
