"""A served data directory, and asking it as a browser and as a program would."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import mtf

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from mtf.web.server import Server

__all__ = ["Answer", "ask", "recorded", "serving", "talking"]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def recorded(path: Path, ticks: list[mtf.Tick], **settings: Any) -> None:
    """Write *ticks* into the data directory *path*."""
    options = {
        "calendar": "crypto",
        "timeframes": ["1m", "5m"],
        "indicators": "sma:3,rsi:5",
        "clock": "ticks",
        **settings,
    }
    async with mtf.Pipeline(data=path, **options) as p:
        for tick in ticks:
            await p.push(tick)


@contextlib.asynccontextmanager
async def serving(path: Path, **settings: Any) -> AsyncGenerator[Server, None]:
    async with Server(path, port=0, **settings) as server:
        yield server


async def ask(
    server: Server, path: str, *, method: str = "GET", body: bytes = b"", host: str | None = None, **headers: str
) -> Answer:
    """Send one request, with *headers* (underscores are dashes); Host is that of the server unless *host* is given."""
    place = server.url.removeprefix("http://").rstrip("/")
    name, _, port = place.rpartition(":")
    reader, writer = await asyncio.open_connection(name.strip("[]"), int(port))
    try:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {place if host is None else host}", "Connection: close"]
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    first, *others = head.decode("latin-1").split("\r\n")
    found = {key.lower(): value for key, _, value in (line.partition(": ") for line in others)}
    if found.get("transfer-encoding") == "chunked":
        rest = _unchunked(rest)
    return Answer(int(first.split()[1]), found, rest)


@contextlib.asynccontextmanager
async def talking(server: Server, **settings: Any) -> AsyncGenerator[Any, None]:
    """Within, an open connection to the live channel."""
    client = pytest.importorskip("websockets.asyncio.client")
    async with client.connect(server.url.replace("http", "ws") + "ws", compression=None, **settings) as socket:
        yield socket


def _unchunked(data: bytes) -> bytes:
    found = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        found, data = found + data[:length], data[length + 2 :]
    return found
