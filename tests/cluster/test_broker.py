"""A connection that breaks while something is sent over it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mtf.cluster.broker import Broker
from tests.cluster.servers import needs_server

pytestmark = pytest.mark.cluster

BROKEN = "unable to perform operation on <TCPTransport closed=True reading=False 0x5>; the handler is closed"


@pytest.fixture(autouse=True)
def _client() -> None:
    needs_server()


class BreakingClient:
    """Raises what uvloop does for the first *failures* of its calls."""

    is_closed = False

    def __init__(self, failures: int, message: str = BROKEN) -> None:
        self.failures, self.message = failures, message

    async def _called(self, answer: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise RuntimeError(self.message)
        return answer

    async def publish(self, subject: str, payload: bytes, **_: object) -> None:
        await self._called(None)

    async def subscribe(self, subject: str, **_: object) -> Any:
        return await self._called("subscription")

    async def request(self, subject: str, payload: bytes, **_: object) -> Any:
        return await self._called(SimpleNamespace(data=b'{"seq": 7}', headers=None))


async def heard(message: object) -> None:
    """Nothing comes."""


async def test_what_is_asked_while_a_connection_breaks_is_asked_again() -> None:
    broker = Broker(BreakingClient(2), "nats://x", 5.0)
    assert await broker.patiently(lambda: broker.publish("s", b"p")) == 7
    broker = Broker(BreakingClient(2), "nats://x", 5.0)
    assert await broker.subscribe("s", heard) == "subscription"


async def test_what_is_sent_while_a_connection_breaks_raises_the_error_of_the_client() -> None:
    from nats.errors import Error

    with pytest.raises(Error, match="has just broken"):
        await Broker(BreakingClient(1), "nats://x", 5.0).tell("s", b"p")


async def test_other_errors_are_not_taken_for_a_broken_connection() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        await Broker(BreakingClient(1, "a bug"), "nats://x", 5.0).tell("s", b"p")
