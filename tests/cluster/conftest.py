"""A server for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mtf.cluster.broker_process import BrokerProcess
from tests.cluster.servers import needs_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A server that the test may harm."""
    needs_server()
    server = BrokerProcess(tmp_path / "nats", with_parent=True)
    server.start()
    yield server
    server.kill()
