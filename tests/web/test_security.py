"""Who may ask: this machine, by a name of this server, from its own page, and with the token if there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

import mtf
from mtf.errors import ConfigError
from mtf.web.server import Server
from tests.builders import at
from tests.web.asking import Answer, ask, recorded, serving, talking

TOKEN = "correct-horse-battery"


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    await recorded(tmp_path / "d", [mtf.Tick.trade("X", at("10:00"), 1.0)])
    return tmp_path / "d"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "", "[::2]"])
async def test_a_foreign_host_is_refused(data: Path, host: str) -> None:
    """A name that somebody else controls may point to this machine (DNS rebinding)."""
    async with serving(data) as server:
        for path in ("/", "/api/v1/config", "/healthz"):
            assert (await ask(server, path, host=host)).status == 400


async def test_names_of_loopback_and_those_that_are_allowed_are_answered(data: Path) -> None:
    async with serving(data, allow_hosts=["charts.example"]) as server:
        for host in ("127.0.0.1", "localhost:1", "[::1]:8765", "LOCALHOST", "charts.example"):
            assert (await ask(server, "/healthz", host=host)).status == 200


async def test_a_page_of_another_host_may_not_ask(data: Path) -> None:
    async with serving(data) as server:
        own = server.url.rstrip("/")
        assert (await ask(server, "/api/v1/config", Origin="https://evil.example")).status == 400
        assert (await ask(server, "/api/v1/config", Origin="null")).status == 400
        assert (await ask(server, "/api/v1/config", Origin=own)).status == 200


async def test_a_foreign_page_gets_no_live_channel(data: Path) -> None:
    client = pytest.importorskip("websockets")
    async with serving(data) as server:
        with pytest.raises(client.exceptions.InvalidStatus):
            async with talking(server, origin="https://evil.example"):
                pass
        async with talking(server, origin=server.url.rstrip("/")):
            pass


async def test_nothing_can_be_changed(data: Path) -> None:
    async with serving(data) as server:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for path in ("/api/v1/config", "/api/v1/bars/X/1m", "/"):
                assert (await ask(server, path, method=method)).status == 405


async def test_each_answer_has_the_policy(data: Path) -> None:
    async with serving(data) as server:
        for path in ("/", "/static/main.js", "/api/v1/config", "/api/v1/state/NOPE"):
            headers = (await ask(server, path)).headers
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
            assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"])
async def test_no_file_outside_of_the_page_is_given(data: Path, path: str) -> None:
    async with serving(data) as server:
        answer = await ask(server, path)
    assert b"import" not in answer.body
    assert b"root:" not in answer.body


async def test_a_token_is_asked_for(data: Path) -> None:
    async with serving(data, token=TOKEN) as server:
        assert (await ask(server, "/healthz")).status == 200
        for path in ("/api/v1/config", "/static/main.js", "/metrics"):
            assert (await ask(server, path)).status == 401
        assert (await ask(server, "/api/v1/config", Authorization=f"Bearer {TOKEN}")).status == 200
        assert (await ask(server, "/api/v1/config", Authorization="Bearer wrong-horse-battery")).status == 401
        assert (await ask(server, f"/api/v1/config?token={TOKEN}")).status == 401


async def test_the_form_gives_a_cookie_that_scripts_cannot_read(data: Path) -> None:
    async with serving(data, token=TOKEN) as server:
        page = await ask(server, "/", Accept="text/html")
        assert (page.status, b'type="password"' in page.body) == (401, True)

        async def sign_in(token: str) -> Answer:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            return await ask(server, "/login", method="POST", body=f"token={token}".encode(), **form)

        assert (await sign_in("wrong")).status == 401
        answer = await sign_in(TOKEN)
        cookie = answer.headers["set-cookie"]
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert (await ask(server, "/api/v1/config", Cookie=cookie.split(";")[0])).status == 200
        assert (await ask(server, "/api/v1/config", Cookie="mtf_token=0")).status == 401


async def test_the_live_channel_needs_the_token_too(data: Path) -> None:
    client = pytest.importorskip("websockets")
    async with serving(data, token=TOKEN) as server:
        with pytest.raises(client.exceptions.InvalidStatus):
            async with talking(server):
                pass
        async with talking(server, additional_headers={"Authorization": f"Bearer {TOKEN}"}):
            pass


async def test_an_address_that_others_can_reach_always_has_a_token(data: Path) -> None:
    async with serving(data, host="0.0.0.0") as server:
        assert server.token is not None
        assert len(server.token) >= 24


async def test_a_short_token_is_refused(data: Path) -> None:
    with pytest.raises(ConfigError, match="at least 16 characters"):
        async with serving(data, token="1234"):
            pass


async def test_a_port_in_use_is_named(data: Path) -> None:
    async with serving(data) as server:
        port = int(server.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1 port {port}"):
            async with Server(data, port=port):
                pass
