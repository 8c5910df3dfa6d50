"""What the first paint takes: few bytes, all of them asked for at once, and one answer for six charts."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

import mtf
from tests.builders import SECOND_NS, at
from tests.web.asking import ask, recorded, serving, talking

STATIC = Path(mtf.__file__).parent / "web" / "static"


def ticks(count: int = 600) -> list[mtf.Tick]:
    """Return ticks seven seconds apart, one late: 70 bars of a minute."""
    found = [mtf.Tick.trade("X", at("10:00") + k * 7 * SECOND_NS, 100 + (k * 37 % 101) / 10) for k in range(count)]
    return [*found, mtf.Tick.trade("X", at("10:01"), 1.0)]


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    await recorded(tmp_path / "d", ticks())
    return tmp_path / "d"


def embedded(html: str) -> Any:
    """Return what the page was served with."""
    [text] = re.findall(r'<script type="application/json" id="start">(.*?)</script>', html)
    return json.loads(text)


async def test_an_answer_does_not_wait_for_an_acknowledgement(data: Path) -> None:
    """Without TCP_NODELAY the second part of each answer comes 40 ms after the first one."""
    async with serving(data) as server:
        host, _, port = server.url.removeprefix("http://").rstrip("/").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            spent = []
            for _ in range(20):
                begun = time.monotonic()
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head)
                assert length is not None
                await reader.readexactly(int(length[1]))
                spent.append(time.monotonic() - begun)
        finally:
            writer.close()
            await writer.wait_closed()
    assert min(spent) < 0.035


async def test_one_answer_has_what_the_others_have_of_the_same_seq(data: Path) -> None:
    async with serving(data) as server:
        for at_seq in ("", "&at=300"):
            charts = (await ask(server, f"/api/v1/charts/X?outputs=sma_3{at_seq}")).json()
            state = (await ask(server, f"/api/v1/state/X?outputs=sma_3{at_seq}")).json()
            assert charts["state"] == state
            for name in ("1m", "5m"):
                bars = (await ask(server, f"/api/v1/bars/X/{name}?outputs=sma_3{at_seq}")).json()
                assert charts["charts"][name] == {"bars": bars["bars"], "values": bars["values"]}
            rejects = (await ask(server, f"/api/v1/rejects/X?last=500{at_seq}")).json()
            assert charts["rejects"] == rejects["rejects"]
        assert [each["seq"] for each in (await ask(server, "/api/v1/charts/X")).json()["rejects"]] == [601]


async def test_bars_that_are_not_in_memory_come_from_the_history(tmp_path: Path) -> None:
    """As many bars as are asked for, also with a short memory; only values stay unknown beyond it."""
    await recorded(tmp_path / "long", ticks())
    await recorded(tmp_path / "short", ticks(), history=10)
    answers = []
    for name in ("long", "short"):
        async with serving(tmp_path / name) as server:
            answers.append((await ask(server, "/api/v1/charts/X?outputs=sma_3&last=50")).json()["charts"]["1m"])
    long, short = answers
    assert len(long["bars"]) == 50
    assert short["bars"] == long["bars"]
    assert short["values"]["sma_3"] == [None] * 40 + long["values"]["sma_3"][-10:]


async def test_the_page_has_what_its_first_request_is_made_of(data: Path) -> None:
    async with serving(data) as server:
        config = (await ask(server, "/api/v1/config")).json()
        for path in ("/", "/X", "/X?tf=5m", "/NOPE"):
            answer = await ask(server, path)
            assert embedded(answer.body.decode()) == {"config": config, "symbols": ["X"]}
            assert answer.headers["cache-control"] == "no-store"


async def test_nothing_in_a_log_can_end_the_script_that_has_it() -> None:
    from mtf.web.static_files import StaticFiles

    start = {"symbols": ["</script><script>alert(1)</script>", "<!--"]}
    page = bytes(StaticFiles().page(start).body).decode()
    assert embedded(page) == start
    assert "alert(1)</script>" not in page


async def test_the_page_names_every_module_that_the_charts_need(data: Path) -> None:
    """Else it would be found by the one that imports it, one after the other."""
    async with serving(data) as server:
        html = (await ask(server, "/X")).body.decode()
    named = re.findall(r'<link rel="modulepreload" href="/static/[0-9a-f]{12}/([^"]+)">', html)
    found, left = set(), ["main.js"]
    while left:
        name = left.pop()
        found.add(name)
        text = (STATIC / name).read_text(encoding="utf-8")
        left += [each for each in re.findall(r'^[^/]*\bfrom "\./([^"]+)"', text, re.MULTILINE) if each not in found]
    assert set(named) == found
    assert not {"symbols.js", "health.js", "preview.js"} & found, "they are read once the charts are painted"


async def test_the_first_paint_is_few_bytes_on_the_way(data: Path) -> None:
    async with serving(data) as server:
        html = await ask(server, "/X")
        paths = re.findall(r'(?:href|src)="(/static/[^"]+[.](?:css|m?js))"', html.body.decode())
        assert {path.rpartition("/")[2] for path in paths} >= {
            "page.css",
            "start.js",
            "main.js",
            "lightweight-charts.mjs",
        }
        packed = [await ask(server, path, accept_encoding="gzip") for path in set(paths)]
    assert {answer.status for answer in packed} == {200}
    assert sum(len(answer.body) for answer in packed) < 110_000


async def test_a_file_is_kept_by_the_browser_until_there_is_another_release(data: Path) -> None:
    async with serving(data) as server:
        html = (await ask(server, "/X")).body.decode()
        [version] = set(re.findall(r"/static/([0-9a-f]{12})/", html))
        kept = await ask(server, f"/static/{version}/main.js")
        older = await ask(server, "/static/0123456789ab/main.js")
        nowhere = (f"{version}/nope.js", "nope.js", "", "a/b")
        missing = [(await ask(server, f"/static/{path}")).status for path in nowhere]
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (older.status, older.body, older.headers["cache-control"]) == (200, kept.body, "no-cache")
    assert kept.body == (STATIC / "main.js").read_bytes()
    assert missing == [404] * 4


async def test_a_browser_that_comes_too_soon_asks_again_by_itself(tmp_path: Path) -> None:
    """Until the directory can be read there is a word of it, not an error that stays."""
    async with serving(tmp_path / "not yet", probes={}) as server:
        page = await ask(server, "/EURUSD", accept="text/html,*/*")
        program = await ask(server, "/api/v1/config")
        await recorded(tmp_path / "not yet", ticks(20))
        async with asyncio.timeout(20):
            while (await ask(server, "/X", accept="text/html")).status == 503:
                pass
    assert (page.status, program.status) == (503, 503)
    assert b'http-equiv="refresh" content="1"' in page.body
    assert b"<" not in program.body


async def test_the_present_goes_on_from_what_was_loaded(tmp_path: Path) -> None:
    """A client that has the charts as of a seq is sent what came after it, however late it asks."""
    path = tmp_path / "d"
    await recorded(path, ticks(20))
    settings: dict[str, Any] = {
        "calendar": "crypto", "timeframes": ["1m", "5m"], "indicators": "sma:3,rsi:5", "clock": "ticks"
    }  # fmt: skip
    async with serving(path) as server, mtf.Pipeline(data=path, **settings) as p:
        loaded = (await ask(server, "/api/v1/charts/X?outputs=")).json()
        starts = {name: chart["bars"][-1]["start_ns"] for name, chart in loaded["charts"].items() if chart["bars"]}
        for k in range(20, 60):
            await p.push(ticks(60)[k])
        async with talking(server) as socket:
            since = {"seq": loaded["state"]["seq"], "starts": starts}
            await socket.send(json.dumps({"watch": ["X"], "outputs": [], "since": since}))
            previous, closed = loaded["state"]["seq"], []
            while previous < 61:
                async with asyncio.timeout(20):
                    message = json.loads(await socket.recv())
                assert message["prev_seq"] == previous
                previous = message["seq"]
                closed += message["tf"]["1m"]["closed"]
            now = (await ask(server, "/api/v1/bars/X/1m?outputs=")).json()
            known = len(loaded["charts"]["1m"]["bars"])
            assert [bar["start_ns"] for bar in closed] == [bar["start_ns"] for bar in now["bars"][known:]]
            wishes: list[Any] = [{"seq": 99, "starts": {}}, {"seq": 1}, [], {"seq": 1, "starts": {"1m": "x"}}]
            for wrong in wishes:
                await socket.send(json.dumps({"watch": ["X"], "since": wrong}))
                while (message := json.loads(await socket.recv()))["type"] != "error":
                    pass


async def test_a_client_that_misses_bars_is_made_to_load_them_again(tmp_path: Path) -> None:
    """What is not kept cannot be sent: the message has no seq before it."""
    await recorded(tmp_path / "d", ticks(), history=5)
    async with serving(tmp_path / "d") as server, talking(server) as socket:
        newest = (await ask(server, "/api/v1/bars/X/1m?last=7&outputs=")).json()["bars"]
        for last, previous in ((newest[0], None), (newest[3], 100)):
            since = {"seq": 100, "starts": {"1m": last["start_ns"], "5m": at("11:05")}}
            await socket.send(json.dumps({"watch": ["X"], "outputs": [], "since": since}))
            message = json.loads(await socket.recv())
            assert message["prev_seq"] == previous
