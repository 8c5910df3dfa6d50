"""Who may send requests: checks of the requested host, the page that a request comes from, and a token.

A page of another host can make a browser send requests to this machine, and a name that it controls can point here. So
the Host header must be one of this server's names, and the Origin header, if there is one, must match. Anything but
loopback needs a token: as a bearer token, or in a cookie that the form on the page sets. Tokens are never part of a URL
or a log.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

__all__ = ["COOKIE", "LOOPBACK", "App", "Guard", "Receive", "Scope", "Send", "answer", "is_loopback"]

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE: Final = "mtf_token"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
LOGIN: Final = "/login"
OPEN_PATHS: Final = ("/healthz", "/readyz", LOGIN)  # answered without a token
FORM_BYTES_MAX: Final = 4096
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
FORM: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>mtf: sign in</title>
<link rel="stylesheet" href="/static/login.css">
<main><h1>mtf</h1><form method="post" action="/login"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></form><p>It was printed when the server started, or is in the file given as --token-file.</p>
</main></html>"""


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.")


class Guard:
    """Passes allowed requests on to *app*. *hosts* are the names of this server, without ports."""

    def __init__(self, app: App, *, hosts: Iterable[str], token: str | None) -> None:
        self._app: Final = app
        self._hosts: Final = frozenset(host.lower() for host in hosts)
        self._token: Final = token
        self._cookie: Final = None if token is None else hashlib.sha256(b"mtf cookie:" + token.encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        problem = self._problem(headers)
        if problem:
            await _refuse(scope, send, 400, problem)
            return
        path: str = scope["path"]
        if scope["type"] == "http" and path == LOGIN and self._token is not None:
            await self._sign_in(scope, receive, send)
            return
        is_open = self._token is None or path in OPEN_PATHS or path.startswith("/static/login")
        if not is_open and not self._is_known(headers):
            if scope["type"] == "http" and b"text/html" in headers.get(b"accept", b""):
                await answer(send, 401, FORM, b"text/html; charset=utf-8")
            else:
                await _refuse(scope, send, 401, "a token is needed: Authorization: Bearer TOKEN")
            return
        await self._app(scope, receive, _with_headers(send))

    def _problem(self, headers: dict[bytes, bytes]) -> str:
        host = headers.get(b"host", b"").decode("latin-1")
        if _name_of(host) not in self._hosts:
            return f"{host!r} is not a name of this server: add it with --allow-host if it should be"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin.decode("latin-1")).netloc.lower() != host.lower():
            return "pages of other hosts are not allowed to use this server"
        return ""

    def _is_known(self, headers: dict[bytes, bytes]) -> bool:
        assert self._token is not None, "only called if there is a token"
        assert self._cookie is not None, "a token comes with a cookie"
        kind, _, given = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.encode(), self._token.encode()):
            return True
        for piece in headers.get(b"cookie", b"").decode("latin-1").split(";"):
            name, _, value = piece.strip().partition("=")
            if name == COOKIE and hmac.compare_digest(value.encode(), self._cookie.encode()):
                return True
        return False

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the form, with the cookie if the token is right."""
        if scope["method"] != "POST":
            await answer(send, 401, FORM, b"text/html; charset=utf-8")
            return
        body = b""
        while len(body) <= FORM_BYTES_MAX:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        given = parse_qs(body.decode("latin-1")).get("token", [""])[0]
        assert self._token is not None, "only called if there is a token"
        if len(body) > FORM_BYTES_MAX or not hmac.compare_digest(given.encode(), self._token.encode()):
            await answer(send, 401, FORM, b"text/html; charset=utf-8")
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={self._cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"
        await send(
            {
                "type": "http.response.start",
                "status": 303,
                "headers": [(b"location", b"/"), (b"set-cookie", cookie.encode()), *HEADERS],
            }
        )
        await send({"type": "http.response.body", "body": b""})


def _name_of(host: str) -> str:
    """Return the name or address in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})
    else:
        await answer(send, status, why.encode() + b"\n", b"text/plain; charset=utf-8")


async def answer(send: Send, status: int, body: bytes, kind: bytes) -> None:
    """Answer a request with *body*, of the content type *kind*."""
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *HEADERS]})
    await send({"type": "http.response.body", "body": body})
