"""One market over a week's end, with every verdict, recorded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.recorded import Recorder, recorded
from tests.storage.builders import market


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    """Return a directory of 1,500 events, closed cleanly, and what was shown; not to be written to."""
    path = tmp_path_factory.mktemp("data") / "run"
    return path, recorded(path, market(6, 1_500), checkpoint_at=700)
