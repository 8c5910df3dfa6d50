"""The server of the page and the API: one data directory, read-only, on one address."""

from __future__ import annotations

import asyncio
import contextlib
import html
import resource
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mtf.errors import ConfigError, MissingPackage, MtfError
from mtf.storage.datadir import LOG, bytes_of
from mtf.tasks import cancelled
from mtf.web.market import Market
from mtf.web.past import Past
from mtf.web.security import LOOPBACK, App, Guard, Receive, Scope, Send, answer, is_loopback
from mtf.web.shown_decimals import ShownDecimals

if TYPE_CHECKING:
    from mtf.web.streaming import Streaming

__all__ = ["PORT", "Probe", "Server"]

PORT: Final = 8765
CLOSE_S: Final = 3
LOAD_AGAIN_S: Final = 1.0
# The page until there is something to show; it reloads itself.
WAITING: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>mtf</title>
<meta http-equiv="refresh" content="1"><meta name="color-scheme" content="dark light"><p>WHY</p></html>
"""

# Answers a request by itself: status, content type, and body.
Probe = Callable[[], Awaitable[tuple[int, str, bytes]]]


class Server:
    """Serves the data directory *path* at `url`; `async with` starts and ends it.

    With *probes*, by path, it listens at once, answers those, and has the page once the directory can be read;
    otherwise it starts with the page, and raises errors of the directory.

    Without *page*, there are only probes. *more_health* adds to the report on the page.
    """

    def __init__(
        self,
        path: Path,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        token: str | None = None,
        allow_hosts: Sequence[str] = (),
        more_health: Callable[[], dict[str, Any]] | None = None,
        probes: Mapping[str, Probe] | None = None,
        page: bool = True,
    ) -> None:
        self._host: Final = host
        self._port: Final = port
        # Strangers may reach any address that is not loopback: then there is always a token.
        self.token: Final = token if token is not None or is_loopback(host) else secrets.token_urlsafe(24)
        if self.token is not None and len(self.token) < 16:
            raise ConfigError("the token must have at least 16 characters")
        self._hosts: Final = [*LOOPBACK, *allow_hosts, *([host] if host not in ("0.0.0.0", "::") else [])]
        self.market = Market(path)  # of the log that is shown; replaced with it
        self._path: Final = path
        self._more_health: Final = more_health
        self._has_probes: Final = probes is not None
        self._has_page: Final = page
        self._front: Final = _Front(probes or {}, "the page is loading" if page else "there is no page here")
        self._past: Past | None = None
        self._streaming: Streaming | None = None
        self._stack: Final = contextlib.AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Server:
        uvicorn = _uvicorn()
        try:
            self._stack.push_async_callback(self._unload)
            if not self._has_probes:
                await self._load()
            app = Guard(self._front, hosts=self._hosts, token=self.token)
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                ws="websockets-sansio",
                ws_per_message_deflate=False,
                ws_max_size=1 << 20,
                timeout_graceful_shutdown=CLOSE_S,
                server_header=False,
                lifespan="off",
            )
            server = _quiet(uvicorn)(config)
            listening = _listening(self._host, self._port)
            port = listening.getsockname()[1]
            serving = asyncio.create_task(server.serve(sockets=[listening]), name="mtf web server")
            self._stack.push_async_callback(_stopped, server, serving)
            shown = f"[{self._host}]" if ":" in self._host else self._host
            self.url = f"http://{shown}:{port}/"
            if self._has_page or not self._has_probes:
                showing = asyncio.create_task(self._show(), name="mtf page")
                self._stack.push_async_callback(cancelled, showing)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stack.aclose()

    async def _load(self) -> None:
        """Read to the end of the log that is there now."""
        market = Market(self._path)
        await market.start()
        past = await asyncio.to_thread(Past, self._path)
        past.start()
        self.market, self._past = market, past
        self._front.app, self._streaming = _app(market, past, self.health)

    async def _unload(self) -> None:
        """Close what is open of the log that was shown."""
        past, self._past = self._past, None
        if past is not None:
            await asyncio.to_thread(past.close)
        await asyncio.to_thread(self.market.readers.close)

    async def _show(self) -> None:
        """Follow the log, and the next one that an import puts in its place."""
        while True:
            while self._front.app is None:
                try:
                    await self._load()
                except (MtfError, OSError) as error:  # another process begins the directory
                    self._front.why = str(error)
                    await asyncio.sleep(LOAD_AGAIN_S)
            await self.market.follow()
            if self.market.failure:
                return
            self._front.app, self._front.why = None, "another log has taken the place of this one, and is being loaded"
            if self._streaming is not None:
                await self._streaming.dismiss(self._front.why)
            await self._unload()

    def viewers(self) -> int:
        """Return how many pages are open."""
        return 0 if self._streaming is None else self._streaming.clients

    def health(self) -> dict[str, Any]:
        """Return the health of the server, and of what it serves."""
        market = self.market
        idle_s = market.idle_s
        past = self._past
        return {
            "sentence": market.failure
            or ("Following the log." if idle_s is not None and idle_s < 60 else "Waiting for events."),
            "failure": market.failure,
            "seq": market.seq,
            "events_per_second": round(market.rate, 1),
            "idle_s": idle_s,
            "symbols": len(market.symbols()),
            "keyframes_seq": 0 if past is None else past.ready_seq,
            "digest": market.engine.digest.value(),
            "rejects": _rejects(market, past),
            "viewers": self.viewers(),
            "memory_bytes": _memory_bytes(),
            "log_bytes": bytes_of((self._path / LOG).iterdir()),
            **(self._more_health() if self._more_health is not None else {}),
        }


def _memory_bytes() -> int:
    """Return the peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


class _Front:
    """Answers *probes* itself, and passes the rest to `app`, once there is one."""

    def __init__(self, probes: Mapping[str, Probe], why: str) -> None:
        self.app: App | None = None
        self.why = why  # if there is none
        self._probes: Final = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        probe = self._probes.get(scope["path"]) if scope["type"] == "http" else None
        if probe is not None:
            status, kind, body = await probe()
            await answer(send, status, body, kind.encode())
        elif self.app is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013, "reason": self.why[:120]})
        elif b"text/html" in dict(scope["headers"]).get(b"accept", b""):
            await answer(send, 503, WAITING.replace("WHY", html.escape(self.why)).encode(), b"text/html; charset=utf-8")
        else:
            await answer(send, 503, f"{self.why}\n".encode(), b"text/plain; charset=utf-8")


def _rejects(market: Market, past: Past | None) -> dict[str, Any]:
    from mtf.web.messages import reject_row

    totals: dict[str, int] = {}
    for counts in market.engine.gate.counts():
        for reason, count in counts.rejected.items():
            totals[reason] = totals.get(reason, 0) + count
    newest = {reject.seq: reject for reject in market.rejects}
    if past is not None:
        newest |= {reject.seq: reject for reject in past.rejects.up_to(market.seq, 100)}
    return {"by_reason": totals, "newest": [reject_row(newest[seq]) for seq in sorted(newest)[-100:]]}


def _app(market: Market, past: Past, health: Callable[[], dict[str, Any]]) -> tuple[App, Streaming]:
    """Return the application behind the guard, and its live channel."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute

    from mtf.web.api import ERRORS, Api
    from mtf.web.static_files import StaticFiles
    from mtf.web.streaming import Streaming
    from mtf.web.udf import Udf

    decimals = ShownDecimals()
    api = Api(market, past, decimals)
    streaming = Streaming(market, past, api, decimals, health)
    static = StaticFiles()

    async def page(request: Request) -> Response:
        """Return the page, with what it needs to request its charts at once."""
        names = market.symbols()
        path = request.url.path.removeprefix("/")
        known = market.engine.number_of(path) >= 0
        return static.page({"config": api.config(), "symbols": [path] if known else names[:1]})

    app = Starlette(
        routes=[
            *api.routes(),
            *Udf(market, decimals, api.in_thread).routes(),
            WebSocketRoute("/ws", streaming.serve),
            Route("/static/{path:path}", static.answer),
            Route("/{symbol:path}", page),  # the address holds the state of the page
        ],
        exception_handlers=ERRORS,
    )
    return app, streaming


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; ConfigError if that fails."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; choose another port"
        ) from error
    # Connections inherit it. An answer is written in two parts, and the second must not wait until the client has
    # acknowledged the first, which takes 40 ms; asyncio only sets this on sockets that it has created itself.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def _stopped(server: Any, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    with contextlib.suppress(asyncio.CancelledError, SystemExit):
        await serving


def _quiet(uvicorn: Any) -> Any:
    """Return the server's class without its own handling of signals, which is left to the caller."""

    class Quiet(uvicorn.Server):  # type: ignore[misc]
        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            yield

    return Quiet


def _uvicorn() -> Any:
    try:
        import starlette  # noqa: F401 - whether it is installed
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise MissingPackage("mtf serve needs more packages: pip install 'mtf-engine[web]'") from error
    return uvicorn
