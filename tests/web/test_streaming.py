"""The live channel: whole states, conflated, with no completed bar left out, and nobody waits for a slow client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

import mtf
from mtf.storage.generation import Generation
from mtf.web.messages import state_message
from tests.builders import SECOND_NS, at
from tests.web.asking import ask as answered
from tests.web.asking import recorded, serving, talking

SETTINGS: dict[str, Any] = {
    "calendar": "crypto", "timeframes": ["1m", "5m"], "indicators": "sma:3,rsi:5", "clock": "ticks"
}  # fmt: skip


def tick(second: float, price: float = 1.0, symbol: str = "X") -> mtf.Tick:
    return mtf.Tick.trade(symbol, at("10:00") + round(second * SECOND_NS), price)


@contextlib.asynccontextmanager
async def live(path: Path) -> AsyncGenerator[tuple[Any, mtf.Pipeline], None]:
    """A server of a directory that a pipeline writes meanwhile."""
    await recorded(path, [tick(0)])
    async with serving(path) as server, mtf.Pipeline(data=path, **SETTINGS) as p:
        yield server, p


async def told(socket: Any, kind: str = "state") -> Any:
    """Return the next message of a *kind*."""
    async with asyncio.timeout(20):
        while True:
            message = orjson.loads(await socket.recv())
            if message["type"] == kind:
                return message


async def ask(socket: Any, **wish: Any) -> None:
    await socket.send(orjson.dumps(wish).decode())


async def test_no_completed_bar_is_left_out_however_few_states_are_sent(tmp_path: Path) -> None:
    async with live(tmp_path / "d") as (server, p), talking(server) as socket:
        await ask(socket, watch=["X"], outputs=["sma_3"], every_ms=50)
        first = await told(socket)
        assert (first["seq"], first["prev_seq"], first["tf"]["1m"]["closed"]) == (1, None, [])
        closed: list[Any] = []
        previous = first["seq"]
        for minute in range(1, 31):
            seq = await p.push(tick(minute * 60, minute))
            if minute % 7 == 0 or minute == 30:
                while previous < seq:
                    message = await told(socket)
                    assert message["prev_seq"] == previous
                    closed += message["tf"]["1m"]["closed"]
                    previous = message["seq"]
        assert [(int(bar["start_ns"]) - at("10:00")) // (60 * SECOND_NS) for bar in closed] == list(range(30))
        assert [bar["values"]["sma_3"] for bar in closed[:3]] == [None, None, pytest.approx((1 + 1 + 2) / 3)]


async def test_all_timeframes_of_a_message_are_of_one_seq(tmp_path: Path) -> None:
    async with live(tmp_path / "d") as (server, p), talking(server) as socket:
        await ask(socket, watch=["X"], outputs=[])
        for k in range(1, 200):
            await p.push(tick(k, k))
        while (message := await told(socket))["seq"] < 200:
            closes = {part["partial"]["c"] for part in message["tf"].values()}
            assert closes == {message["last"]}
        assert message["last"] == 199.0


async def test_viewers_of_one_symbol_share_what_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state is encoded once for all of them, whatever each was sent before, and says what that was."""
    encoded: list[int] = []

    def counted(snapshot: Any, **more: Any) -> Any:
        encoded.append(snapshot.seq)
        return state_message(snapshot, **more)

    monkeypatch.setattr("mtf.web.streaming.state_message", counted)
    async with live(tmp_path / "d") as (server, p), contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(talking(server)) for _ in range(10)]
        known = [await p.push(tick(k + 1, k + 1)) for k in range(10)]  # each client has the state of another seq
        seq = await p.push(tick(30, 7.0))
        while server.market.seq < seq:
            await server.market.changed()
        for socket, before in zip(sockets, known, strict=True):
            await ask(socket, watch=["X"], outputs=[], since={"seq": before, "starts": {}})
            message = await told(socket)
            assert (message["seq"], message["prev_seq"], message["last"]) == (seq, before, 7.0)
    assert encoded == [seq]


async def test_rejected_ticks_come_with_the_state(tmp_path: Path) -> None:
    async with live(tmp_path / "d") as (server, p), talking(server) as socket:
        await ask(socket, watch=["X"], outputs=[])
        await told(socket)
        await p.push(tick(100))
        seq = await p.push(tick(50, 7.0))
        found: list[Any] = []
        while not found:
            found = (await told(socket))["rejects"]
        assert [(each["seq"], each["reason"], each["price"]) for each in found] == [(seq, "late", 7.0)]


async def test_a_client_that_never_reads_holds_up_nobody(tmp_path: Path) -> None:
    async with live(tmp_path / "d") as (server, p), talking(server) as deaf, talking(server) as socket:
        await ask(deaf, watch=["X"])
        await ask(socket, watch=["X"], outputs=[])
        for k in range(1, 3_000):
            await p.push(tick(k / 10, k))
        while (await told(socket))["seq"] < 3_000:
            pass


async def test_rows_and_health_come_by_themselves(tmp_path: Path) -> None:
    async with live(tmp_path / "d") as (server, p), talking(server) as socket:
        await p.push(tick(1, 2.5, "Y"))
        await ask(socket, rows=["X", "Y", "Z"], health=True)
        rows = (await told(socket, "rows"))["rows"]
        while rows[1].get("unknown"):
            await p.push(tick(2, 2.5, "Y"))
            rows = (await told(socket, "rows"))["rows"]
        assert [row.get("last") for row in rows] == [1.0, 2.5, None]
        assert (await told(socket, "health"))["symbols"] == 2


async def test_health_counts_the_files_of_the_log_though_one_is_removed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d"
    await recorded(path, [tick(k, k + 1) for k in range(3)])
    async with serving(path) as server:
        before = server.health()["log_bytes"]
        listed = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda folder: [*listed(folder), folder / "gone.mrk"])
        assert server.health()["log_bytes"] == before > 0


async def test_the_past_is_played_and_shows_nothing_later(tmp_path: Path) -> None:
    path = tmp_path / "d"
    await recorded(path, [tick(k, k + 1) for k in range(500)])
    async with serving(path) as server, talking(server) as socket:
        await ask(socket, play={"symbol": "X", "from": 10, "speed": 100}, outputs=[])
        seqs: list[int] = []
        while not seqs or seqs[-1] < 60:
            message = await told(socket)
            assert (message["as_of"], message["last"]) == (True, message["seq"])
            assert int(message["time_ns"]) == at("10:00") + (message["seq"] - 1) * SECOND_NS
            seqs.append(message["seq"])
        assert seqs[0] == 10
        assert seqs == sorted(set(seqs))
        await ask(socket, play={"symbol": "X", "from": 400, "speed": "max"})
        assert (await told(socket, "played"))["seq"] == 500


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no JSON", "a request must be JSON"),
        ("[]", "a request must be a JSON object"),
        ('{"watch": "X"}', "watch must be a list"),
        ('{"watch": ["NOPE"]}', "NOPE"),
        ('{"watch": ["X"], "every_ms": 1}', "every_ms must be a number between 50 and 60000"),
        ('{"rows": [1]}', "rows must be a list"),
        ('{"play": 1}', "play must be an object"),
        ('{"play": {"symbol": "X", "from": 99}}', "play.from must be a number between 0 and 1"),
        ('{"play": {"symbol": "X", "from": 1, "speed": 0}}', "play.speed must be a number"),
    ],
)
async def test_a_wrong_wish_is_answered_and_the_channel_stays(tmp_path: Path, text: str, says: str) -> None:
    await recorded(tmp_path / "d", [tick(0)])
    async with serving(tmp_path / "d") as server, talking(server) as socket:
        await socket.send(text)
        assert says in (await told(socket, "error"))["error"]
        await ask(socket, watch=["X"])
        assert (await told(socket))["seq"] == 1


async def test_a_log_that_an_import_put_there_is_shown_to_whoever_comes_again(tmp_path: Path) -> None:
    """The server lets the pages go, which ask for everything again; it does not call the change damage."""
    path = tmp_path / "d"
    await recorded(path, [tick(60), tick(61)])
    async with serving(path) as server:
        before = (await answered(server, "/api/v1/config")).json()["run_id"]
        async with talking(server) as socket:
            await ask(socket, watch=["X"], every_ms=50)
            assert (await told(socket))["seq"] == 2
            with Generation(path) as generation:
                await recorded(generation.folder("new"), [tick(0), tick(60), tick(120)])
                generation.replace(generation.folder("new"))
            with pytest.raises(ConnectionClosed, match="1012"):
                await told(socket, "failure")
        async with asyncio.timeout(20):
            while (found := await answered(server, "/api/v1/config")).status == 503:
                pass
        assert found.json()["run_id"] != before
        async with talking(server) as socket:
            await ask(socket, watch=["X"], every_ms=50)
            assert (await told(socket))["seq"] == 3
