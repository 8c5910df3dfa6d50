"""Bars of activity in the API and the live channel: several share a start, and none is lost or sent twice."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

import mtf
from mtf.web.server import Server
from tests.builders import SECOND_NS, at
from tests.cli.builders import json_of
from tests.web.asking import ask, recorded, serving, talking
from tests.web.test_api import market

SETTINGS: dict[str, Any] = {
    "calendar": "crypto",
    "timeframes": ["1m", "1h", "3t", "10v", "0.5r"],
    "indicators": "sma:3",
    "clock": "ticks",
}
ACTIVITY = ("3t", "10v", "0.5r")


def trades(count: int, seed: int = 1, size: float = 30.0) -> list[mtf.Tick]:
    """Return trades of which many share an instant, and some fill several bars of volume at once."""
    rng = random.Random(seed)
    time_ns, price = at("10:00"), 100.0
    made = []
    for k in range(count):
        time_ns += rng.choice((0, 0, 0, 1, 300_000_000, 5 * SECOND_NS))
        price = round(price + rng.choice((-0.25, 0.0, 0.25)), 2)
        made.append(mtf.Tick.trade("X", time_ns, price, float(rng.randint(1, 6)) if k % 7 else size))
    return made


def told(data: Path, timeframe: str, *more: str) -> Any:
    return json_of("bars", str(data), "--symbol", "X", "-t", timeframe, "--format", "json", *more)


def same_bars(sent: list[Any], printed: list[Any]) -> None:
    """Compare bars in the page's form with rows of the command line."""
    assert [
        (int(b["start_ns"]), int(b["end_ns"]), b["o"], b["h"], b["l"], b["c"], b["v"], b["ticks"]) for b in sent
    ] == [
        (r["start_ns"], r["end_ns"], r["open"], r["high"], r["low"], r["close"], r["volume"], r["ticks"])
        for r in printed
    ]


async def receive(socket: Any, kind: str = "state") -> Any:
    async with asyncio.timeout(20):
        while True:
            message = orjson.loads(await socket.recv())
            if message["type"] == kind:
                return message


async def watch(socket: Any, since: dict[str, Any] | None = None) -> None:
    wish = {"watch": ["X"], "outputs": [], "every_ms": 50, **({} if since is None else {"since": since})}
    await socket.send(orjson.dumps(wish).decode())


async def caught_up(server: Server, seq: int) -> None:
    async with asyncio.timeout(20):
        while server.market.seq < seq:
            await server.market.changed()


async def test_all_timeframes_are_served_and_say_whether_time_closes_their_bars(tmp_path: Path) -> None:
    data = tmp_path / "d"
    await recorded(data, market(), timeframes=["1m", "5m", "20t", "0.5r"])
    async with serving(data) as server:
        config = (await ask(server, "/api/v1/config")).json()
        charts = (await ask(server, "/api/v1/charts/X")).json()
        drawn = (await ask(server, "/api/v1/bars/X/20t?last=7")).json()
        rows = (await ask(server, "/api/v1/bars/X/20t?rows=1&last=7")).json()
        row = (await ask(server, "/api/v1/symbols?rows=1")).json()["rows"][0]
    assert [(each["name"], each["seconds"]) for each in config["timeframes"]] == [
        ("1m", 60), ("5m", 300), ("20t", None), ("0.5r", None)
    ]  # fmt: skip
    assert [each["timeframes"] for each in config["outputs"]] == [["1m", "5m", "20t", "0.5r"]] * len(config["outputs"])
    assert list(charts["charts"]) == list(charts["state"]["tf"]) == ["1m", "5m", "20t", "0.5r"]
    assert rows == told(data, "20t", "--last", "7")
    same_bars(drawn["bars"], rows)
    assert row["ref"] == told(data, "5m", "--last", "1")[0]["close"]  # the longest one of time


async def test_a_directory_of_activity_alone_is_served(tmp_path: Path) -> None:
    data = tmp_path / "d"
    await recorded(data, market(count=50), timeframes=["20t"], indicators=None)
    async with serving(data) as server:
        charts = (await ask(server, "/api/v1/charts/X")).json()
        row = (await ask(server, "/api/v1/symbols?rows=1")).json()["rows"][0]
        resolutions = (await ask(server, "/udf/config")).json()["supported_resolutions"]
    same_bars(charts["charts"]["20t"]["bars"], told(data, "20t"))
    assert charts["state"]["tf"]["20t"]["partial"]["ticks"] == 10
    assert row["p1m"]["ticks"] == 10
    assert resolutions == []


@pytest.mark.parametrize("history", [1000, 5])
async def test_each_bar_of_a_chart_has_the_values_of_its_own(tmp_path: Path, history: int) -> None:
    """Also of bars that share a start, of which not all are in memory."""
    data = tmp_path / "d"
    await recorded(data, trades(300), **SETTINGS, history=history)
    async with serving(data) as server:
        chart = (await ask(server, "/api/v1/bars/X/3t?last=40")).json()
        then = (await ask(server, "/api/v1/bars/X/10v?last=40&at=200")).json()
    rows = told(data, "3t", "--last", "42")
    same_bars(chart["bars"], rows[2:])
    closes = [row["close"] for row in rows]
    means = [sum(closes[k : k + 3]) / 3 for k in range(40)]
    if history == 5:
        means[:35] = [None] * 35
    assert chart["values"]["sma_3"] == [value if value is None else pytest.approx(value) for value in means]
    same_bars(then["bars"], [row for row in told(data, "10v") if row["seq"] <= 200][-40:])


class Client:
    """Keeps the bars that it was sent, and asks on from its seq; it loads them again when it is sent no `prev_seq`."""

    def __init__(self) -> None:
        self.bars: dict[str, list[Any]] = {}
        self.seq = self.loads = self.goes_on = 0
        self.starts: dict[str, str] = {}

    async def come(self, server: Server, socket: Any) -> None:
        """Ask for what it does not have."""
        message = None
        if self.bars:
            await watch(socket, {"seq": self.seq, "starts": self.starts})
            message = await receive(socket)
        if message is None or message["prev_seq"] is None:
            self.loads += 1
            answer = (await ask(server, "/api/v1/charts/X?outputs=")).json()
            self.bars = {name: answer["charts"][name]["bars"] for name in ("1m", *ACTIVITY)}
            self.note(answer["state"])
            await watch(socket, {"seq": self.seq, "starts": self.starts})
        else:
            self.goes_on += 1
            self.take(message)

    def take(self, message: Any) -> None:
        assert message["prev_seq"] == self.seq
        for name, bars in self.bars.items():
            bars += message["tf"][name]["closed"]
        self.note(message)

    def note(self, message: Any) -> None:
        self.seq = message["seq"]
        newest_ns = message["tf"]["1m"]["newest_ns"]
        self.starts = {} if newest_ns is None else {"1m": newest_ns}


async def test_a_client_that_comes_and_goes_misses_no_bar_and_gets_none_twice(tmp_path: Path) -> None:
    """While it is gone ticks come; twice another server has taken over, once after ticks that neither saw live."""
    data = tmp_path / "d"
    ticks = iter(trades(602))
    await recorded(data, [next(ticks)], **SETTINGS)
    client = Client()
    async with mtf.Pipeline(data=data, **SETTINGS) as p:

        async def pushed(count: int) -> int:
            return [await p.push(tick) for tick in itertools.islice(ticks, count)][-1]

        for k in range(3):
            async with serving(data) as server:
                for _ in range(10):
                    await caught_up(server, await pushed(10))
                    async with talking(server) as socket:
                        await client.come(server, socket)
                        newest = await pushed(10)
                        while client.seq < newest:
                            client.take(await receive(socket))
            if k == 1:
                await pushed(1)
    for name, bars in client.bars.items():
        same_bars(bars, told(data, name))
    assert len({row["start_ns"] for row in told(data, "3t")}) < len(told(data, "3t"))
    assert (client.loads, client.goes_on) == (2, 28)  # a server knows when bars closed since it began


async def test_a_client_that_missed_more_than_a_message_has_is_to_load_again(tmp_path: Path) -> None:
    data = tmp_path / "d"
    await recorded(data, [mtf.Tick.trade("X", at("10:00"), 100.0, 1.0)], **SETTINGS)
    async with serving(data) as server, mtf.Pipeline(data=data, **SETTINGS) as p:
        seq = await p.push(mtf.Tick.trade("X", at("10:00"), 100.0, 4_999.0))  # fills 500 bars at once
        await caught_up(server, seq)
        async with talking(server) as socket:
            await watch(socket, {"seq": 1, "starts": {}})
            message = await receive(socket)
            assert message["prev_seq"] == 1
            assert len(message["tf"]["10v"]["closed"]) == 500
        seq = await p.push(mtf.Tick.trade("X", at("10:00"), 100.0, 10.0))
        await caught_up(server, seq)
        async with talking(server) as socket:
            await watch(socket, {"seq": 1, "starts": {}})
            assert (await receive(socket))["prev_seq"] is None
        async with talking(server) as socket:
            await watch(socket, {"seq": 2, "starts": {}})
            message = await receive(socket)
            assert message["prev_seq"] == 2
            assert len(message["tf"]["10v"]["closed"]) == 1


async def test_a_step_goes_to_the_event_that_closes_a_bar_however_many_it_closes(tmp_path: Path) -> None:
    data = tmp_path / "d"
    await recorded(data, trades(120), **SETTINGS)
    seqs = sorted({row["seq"] for row in told(data, "10v")})
    assert len(seqs) < len(told(data, "10v"))
    async with serving(data) as server:
        found, seq = [], seqs[0]
        for _ in seqs[1:]:
            seq = (await ask(server, f"/api/v1/step/X?at={seq}&unit=10v&dir=1")).json()["seq"]
            found.append(seq)
        back = []
        for _ in seqs[1:]:
            seq = (await ask(server, f"/api/v1/step/X?at={seq}&unit=10v&dir=-1")).json()["seq"]
            back.append(seq)
        assert "end" in (await ask(server, f"/api/v1/step/X?at={seq}&unit=10v&dir=-1")).json()
    assert found == seqs[1:]
    assert back == seqs[-2::-1]


async def test_udf_says_where_bars_of_activity_are(tmp_path: Path) -> None:
    """Its bars are one to a second, and asked for by time: some would be lost."""
    data = tmp_path / "d"
    await recorded(data, market(), timeframes=["1m", "5m", "20t"])
    async with serving(data) as server:
        udf = (await ask(server, "/udf/config")).json()
        refused = await ask(server, "/udf/history?symbol=X&resolution=20t&countback=5&from=0&to=1800000000")
        other = await ask(server, "/udf/history?symbol=X&resolution=30t&countback=5&from=0&to=1800000000")
    assert udf["supported_resolutions"] == ["1", "5"]
    assert refused.status == other.status == 400
    assert refused.json() == {
        "s": "error",
        "errmsg": "resolution: several bars of 20t may begin in one second, which this feed cannot tell apart; "
        "read them from /api/v1/bars/X/20t",
    }
    assert other.json()["errmsg"] == "resolution must be one of 1, 5, got '30t'"
