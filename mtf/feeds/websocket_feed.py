"""A feed over a WebSocket, through the `websockets` package (extra `live`)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias

import orjson

from mtf.bars.bar import Bar
from mtf.errors import ConfigError, FeedDown, MissingPackage
from mtf.events.tick import Tick
from mtf.feeds.live_feed import Feed, Number, Resume

__all__ = ["websocket"]

PING_S: Final = 5.0
CLOSE_S: Final = 1.0
MESSAGE_BYTES_MAX: Final = 16 << 20

Subscription: TypeAlias = Sequence[Any] | Callable[[Resume], Sequence[Any]]


def websocket(
    url: str,
    *,
    parse: Callable[[Any], Iterable[Tick | Bar]],
    name: str = "",
    subscribe: Subscription = (),
    headers: Mapping[str, str] | None = None,
    decode: Callable[[bytes], Any] = orjson.loads,
    **settings: Any,
) -> Feed:
    """Return a `Feed` of the WebSocket at *url*; *settings* are those of `Feed`.

    *subscribe* are the messages to send once connected, or a function that returns them: it gets the `Resume`, so that
    it can request what is missing; messages that are neither text nor bytes are sent as JSON. *decode* turns a
    message's bytes into the argument of *parse* and *sequence*. Pings are sent and answered; a dead connection is
    noticed after *stall_s*. MissingPackage without the `websockets` package.
    """

    def connect(resume: Resume) -> AbstractAsyncContextManager[_Socket]:
        messages = subscribe(resume) if callable(subscribe) else subscribe
        return _connected(url, headers, messages)

    parse_message, settings = _decoding(decode, parse, settings)
    _client()
    return Feed(name or url, connect, parse=parse_message, **settings)


class _Socket:
    """An open WebSocket as a `Connection`."""

    def __init__(self, socket: Any) -> None:
        self._socket: Final = socket

    async def __aiter__(self) -> AsyncIterator[bytes]:
        closed = _client().exceptions.ConnectionClosed
        while True:
            try:
                message = await self._socket.recv(decode=False)
            except closed as error:
                raise FeedDown(f"the connection was closed: {error}") from error
            yield message

    async def send(self, message: Any) -> None:
        closed = _client().exceptions.ConnectionClosed
        try:
            await self._socket.send(message if isinstance(message, str | bytes) else orjson.dumps(message).decode())
        except closed as error:
            raise FeedDown(f"the connection was closed: {error}") from error


@contextlib.asynccontextmanager
async def _connected(url: str, headers: Mapping[str, str] | None, messages: Sequence[Any]) -> AsyncIterator[_Socket]:
    """Connect, and send *messages*."""
    client = _client()
    try:
        socket = await client.connect(
            url,
            additional_headers=headers,
            compression=None,
            open_timeout=None,  # the feed has its own limit
            ping_interval=PING_S,
            ping_timeout=None,  # answers wait behind messages that the pipeline cannot take yet; the feed has stall_s
            close_timeout=CLOSE_S,
            max_size=MESSAGE_BYTES_MAX,
        )
    except client.exceptions.InvalidURI as error:
        raise ConfigError(f"{url}: not the address of a WebSocket: use ws://HOST/PATH or wss://HOST/PATH") from error
    except client.exceptions.InvalidHandshake as error:
        raise FeedDown(f"{url}: {error}") from error
    try:
        connection = _Socket(socket)
        for message in messages:
            await connection.send(message)
        yield connection
    finally:
        socket.transport.abort()  # `close` would wait for the server to close its side


def _decoding(
    decode: Callable[[bytes], Any], parse: Callable[[Any], Iterable[Tick | Bar]], settings: dict[str, Any]
) -> tuple[Callable[[bytes], Iterable[Tick | Bar]], dict[str, Any]]:
    """Return *parse*, and *settings* with its `sequence`, for messages as bytes: each is decoded once."""
    sequence: Callable[[Any], Number] | None = settings.get("sequence")
    if sequence is None:
        return lambda raw: parse(decode(raw)), settings
    newest: list[Any] = [b"", None]  # the last decoded bytes, and their message

    def decoded(raw: bytes) -> Any:
        if newest[0] is not raw:
            newest[:] = (raw, decode(raw))
        return newest[1]

    return lambda raw: parse(decoded(raw)), {**settings, "sequence": lambda raw: sequence(decoded(raw))}


def _client() -> Any:
    """Return the client of the `websockets` package."""
    try:
        import websockets
        import websockets.asyncio.client
    except ImportError as error:
        raise MissingPackage("a WebSocket feed needs the package websockets: pip install 'mtf-engine[live]'") from error
    return _Client(websockets)


class _Client:
    """The used parts of the package."""

    def __init__(self, package: Any) -> None:
        self.connect: Final = package.asyncio.client.connect
        self.exceptions: Final = package.exceptions
