"""The HTTP API answers what the command line prints, as of a seq, and refuses with the parameter's name."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest

import mtf
from tests.builders import SECOND_NS, at
from tests.cli.builders import json_of
from tests.web.asking import ask, recorded, serving


def market(symbol: str = "X", count: int = 600, step_s: int = 7) -> list[mtf.Tick]:
    """Return ticks *step_s* seconds apart, with a price that goes up and down."""
    start = at("10:00")
    return [
        mtf.Tick(symbol, start + k * step_s * SECOND_NS, 100 + (k * 37 % 101) / 10, 100.5 + (k * 37 % 101) / 10)
        for k in range(count)
    ]


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    late = mtf.Tick("X", at("10:01"), 1.0, 2.0)
    await recorded(tmp_path / "d", [*market(), late, *market("A/B", 50)], late="reject")
    return tmp_path / "d"


async def test_rows_are_those_of_the_command_line(data: Path) -> None:
    async with serving(data) as server:
        found = (await ask(server, "/api/v1/bars/X/5m?rows=1&partial=1")).json()
        text = (await ask(server, "/api/v1/bars/X/5m?format=csv&partial=1")).body.decode()
    expected = json_of("bars", str(data), "--symbol", "X", "-t", "5m", "--partial", "--format", "json")
    assert found == expected
    assert [row["start_ns"] for row in csv.DictReader(io.StringIO(text))] == [str(row["start_ns"]) for row in expected]


async def test_last_and_bounds_choose_among_the_rows(data: Path) -> None:
    async with serving(data) as server:
        rows = (await ask(server, "/api/v1/bars/X/1m?rows=1")).json()
        assert (await ask(server, "/api/v1/bars/X/1m?rows=1&last=3")).json() == rows[-3:]
        start, end = rows[5]["start_ns"], rows[8]["start_ns"]
        assert (await ask(server, f"/api/v1/bars/X/1m?rows=1&start={start}&end={end}")).json() == rows[5:8]
        assert (await ask(server, "/api/v1/bars/X/1m?rows=1&start=2024-03-06T10:05:00Z&last=1000")).json() == rows[5:]


async def test_a_snapshot_is_what_state_prints(data: Path) -> None:
    async with serving(data) as server:
        now = (await ask(server, "/api/v1/snapshot/X")).json()
        then = (await ask(server, "/api/v1/snapshot/X?at=100&bars=2")).json()
    assert now == json_of("state", str(data), "--symbol", "X", "--json")
    assert then == json_of("state", str(data), "--symbol", "X", "--json", "--at", "100", "--bars", "2")


async def test_a_symbol_may_have_a_slash(data: Path) -> None:
    async with serving(data) as server:
        for path in ("bars/A/B/1m", "snapshot/A/B", "state/A%2FB"):
            assert (await ask(server, f"/api/v1/{path}")).status == 200


async def test_columns_have_the_values_of_the_indicators_in_step(data: Path) -> None:
    """Null while an output warms up."""
    async with serving(data) as server:
        found = (await ask(server, "/api/v1/bars/X/1m?last=2000&outputs=sma_3")).json()
    closes = [bar["c"] for bar in found["bars"]]
    values = found["values"]["sma_3"]
    assert values[:2] == [None, None]
    assert values[2:] == pytest.approx([sum(closes[k - 2 : k + 1]) / 3 for k in range(2, len(closes))])
    assert len(values) == len(closes) == 69


async def test_the_past_has_nothing_later(data: Path) -> None:
    """For each of some seqs: no time in what is answered is after that event."""
    stamps = [tick.ts_ns for tick in market()]
    async with serving(data) as server:
        for seq in (1, 2, 77, 300, 599):
            state = (await ask(server, f"/api/v1/state/X?at={seq}")).json()
            assert (state["seq"], state["as_of"], state["later"]) == (seq, True, 651 - seq)
            assert int(state["time_ns"]) == stamps[seq - 1]
            bars = (await ask(server, f"/api/v1/bars/X/1m?at={seq}")).json()
            assert all(int(bar["end_ns"]) <= stamps[seq - 1] for bar in bars["bars"])
            partial = state["tf"]["1m"]["partial"]
            assert partial["c"] == state["last"] == (state["bid"] + state["ask"]) / 2


async def test_a_time_is_a_moment_too(data: Path) -> None:
    async with serving(data) as server:
        assert (await ask(server, "/api/v1/state/X?at=2024-03-06T10:00:14Z")).json()["seq"] == 3
        assert (await ask(server, "/api/v1/state/X?at=2024-03-06T10:00:20.9Z")).json()["seq"] == 3
        assert (await ask(server, f"/api/v1/state/X?at={at('10:00:21')}")).json()["seq"] == 4


async def test_steps_go_from_tick_to_tick_and_from_close_to_close(data: Path) -> None:
    async with serving(data) as server:

        async def step(seq: int, unit: str, direction: int) -> Any:
            found = (await ask(server, f"/api/v1/step/X?at={seq}&unit={unit}&dir={direction}")).json()
            return None if "end" in found else found["seq"]

        assert [await step(10, "tick", 1), await step(10, "tick", -1)] == [11, 9]
        assert [await step(1, "tick", -1), await step(601, "tick", 1)] == [None, None]
        closes = [row["seq"] for row in (await ask(server, "/api/v1/bars/X/1m?rows=1")).json()]
        assert [await step(closes[3], "1m", 1), await step(closes[3], "1m", -1)] == [closes[4], closes[2]]
        assert [await step(closes[3] + 1, "1m", -1), await step(closes[0], "1m", -1)] == [closes[3], None]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("bars/NOPE/1m", 404, "NOPE"),
        ("bars/X/7m", 404, "7m"),
        ("bars/X/1m?outputs=ema_9", 404, "ema_9"),
        ("bars/X/1m?last=0", 400, "last must be a whole number between 1 and 5000"),
        ("bars/X/1m?last=many", 400, "last must be"),
        ("bars/X/1m?format=xml", 400, "format must be one of json, csv, arrow"),
        ("bars/X/1m?rows=maybe", 400, "rows must be 0 or 1"),
        ("state/X?at=999999", 400, "the log ends at seq 651"),
        ("state/X?at=soon", 400, "soon"),
        ("state/NOPE", 404, "NOPE"),
        ("step/X?dir=2", 400, "dir must be one of 1, -1"),
        ("log?buckets=0", 400, "buckets must be"),
        ("spark?symbols=NOPE", 404, "NOPE"),
    ],
)
async def test_mistakes_are_answered_with_one_line(data: Path, path: str, status: int, says: str) -> None:
    async with serving(data) as server:
        answer = await ask(server, f"/api/v1/{path}")
    assert answer.status == status
    assert says in answer.json()["error"]


@pytest.mark.parametrize("bound", ["start=2024-03-06T12:00Z", "end=2024-03-06T11:00Z"])
async def test_forming_bar_outside_of_the_span_is_left_out(bound: str, data: Path) -> None:
    """As `mtf bars --partial` leaves it out: it is a bar like any other."""
    async with serving(data) as server:
        found = (await ask(server, f"/api/v1/bars/X/5m?rows=1&partial=1&{bound}")).json()
    option, time = bound.split("=")
    asked = ("bars", str(data), "--symbol", "X", "-t", "5m", "--partial", f"--{option}", time, "--format", "json")
    assert found == json_of(*asked)
    assert all(row["completed"] for row in found)


async def test_symbols_are_found_by_their_beginning_first(tmp_path: Path) -> None:
    ticks = [mtf.Tick.trade(name, at("10:00"), 1.0) for name in ("XAUUSD", "EURUSD", "USDJPY", "BTCUSD")]
    await recorded(tmp_path / "d", ticks)
    async with serving(tmp_path / "d") as server:
        found = (await ask(server, "/api/v1/symbols?q=usd")).json()
        rows = (await ask(server, "/api/v1/symbols?rows=1&limit=2")).json()["rows"]
    assert (found["symbols"], found["total"]) == (["USDJPY", "XAUUSD", "EURUSD", "BTCUSD"], 4)
    assert [(row["symbol"], row["last"], row["ticks"]) for row in rows] == [("XAUUSD", 1.0, 1), ("EURUSD", 1.0, 1)]


async def test_the_description_names_every_route(data: Path) -> None:
    """Each path of it answers, and each route of the API is in it."""
    from mtf.web.api import PREFIX, Api

    async with serving(data) as server:
        described = (await ask(server, "/openapi.json")).json()
        assert described["openapi"] == "3.1.0"
        for path in described["paths"]:
            asked = path.replace("{symbol}", "X").replace("{timeframe}", "1m")
            assert (await ask(server, asked)).status == 200, path
    routes = {route.path.replace(":path", "") for route in Api(None, None, None).routes()}  # type: ignore[arg-type,attr-defined]
    assert {path for path in routes if path.startswith(PREFIX)} == set(described["paths"])


async def test_arrow_is_a_stream_that_polars_reads(data: Path) -> None:
    polars = pytest.importorskip("polars")
    pytest.importorskip("arro3.io")
    async with serving(data) as server:
        answer = await ask(server, "/api/v1/bars/X/5m?format=arrow&last=4")
    frame = polars.read_ipc_stream(io.BytesIO(answer.body))
    assert (
        frame["close"].to_list()
        == [row["close"] for row in json_of("bars", str(data), "--symbol", "X", "-t", "5m", "--format", "json")][-4:]
    )


async def test_what_is_new_is_seen_while_another_writes(data: Path) -> None:
    """The log may be written by another pipeline meanwhile."""
    async with serving(data) as server:
        before = (await ask(server, "/api/v1/config")).json()["seq"]
        async with mtf.Pipeline(
            data=data, calendar="crypto", timeframes=["1m", "5m"], indicators="sma:3,rsi:5", clock="ticks"
        ) as p:
            seq = await p.push(mtf.Tick("X", at("12:00"), 7.0, 8.0))
        assert seq == before + 1
        async with asyncio.timeout(20):
            while server.market.seq < seq:
                await server.market.changed()
        state = (await ask(server, "/api/v1/state/X")).json()
        assert (state["seq"], state["bid"], state["ask"], state["last"]) == (seq, 7.0, 8.0, 7.5)


async def test_a_damaged_log_is_reported_by_the_server(data: Path) -> None:
    """It stays up, and says what is wrong."""
    async with serving(data) as server:
        assert (await ask(server, "/readyz")).status == 200
        server.market.failure = "log/1.seg: damaged at byte 77"
        answer = await ask(server, "/readyz")
        assert (answer.status, answer.body) == (503, b"log/1.seg: damaged at byte 77\n")
        assert (await ask(server, "/healthz")).body == b"ok\n"


async def played(server: Any, seq: int) -> None:
    """Return once the thread of the past has come to *seq*."""
    for _ in range(2_000):
        if (await ask(server, "/api/v1/log")).json().get("seq", 0) >= seq:
            return
    pytest.fail(f"the past did not come to seq {seq}")


async def test_rejected_ticks_are_listed_with_none_later_than_the_moment(tmp_path: Path) -> None:
    ticks = market(count=400)
    late = [mtf.Tick("X", at("10:01") + k, 1.0, 2.0) for k in range(3)]
    order = [*ticks[:200], late[0], *ticks[200:300], late[1], late[2], *ticks[300:]]
    await recorded(tmp_path / "d", order, late="reject")
    async with serving(tmp_path / "d") as server:
        await played(server, 403)
        now = (await ask(server, "/api/v1/rejects/X")).json()
        assert [row["seq"] for row in now["rejects"]] == [201, 302, 303]
        assert {row["reason"] for row in now["rejects"]} == {"late"}
        assert now["rejects"][0] == {
            "seq": 201, "symbol": "X", "time_ns": str(at("10:01")), "reason": "late", "price": 1.5,
        }  # fmt: skip
        then = (await ask(server, "/api/v1/rejects/X?at=302")).json()
        assert [row["seq"] for row in then["rejects"]] == [201, 302]
        newest = (await ask(server, "/api/v1/rejects/X?at=302&last=1")).json()
        assert [row["seq"] for row in newest["rejects"]] == [302]
        assert (await ask(server, "/api/v1/rejects/NOBODY")).status == 404
        assert (await ask(server, "/api/v1/rejects/X?last=0")).status == 400


async def test_each_symbol_has_a_word_for_what_it_is_doing(tmp_path: Path) -> None:
    silent = [mtf.Tick("Q", at("10:00"), 1.0, 2.0)]
    late = mtf.Tick("L", at("10:02"), 1.0, 2.0)
    others = [mtf.Tick("L", at("10:05"), 1.0, 2.0), late, mtf.Tick("O", at("10:06"), 1.0, 2.0)]
    await recorded(tmp_path / "d", [*silent, *others], late="reject")
    async with serving(tmp_path / "d") as server:
        await played(server, 4)
        found = (await ask(server, "/api/v1/symbols?states=1")).json()
        words = {name: found["words"][code] for name, code in zip(found["symbols"], found["states"], strict=True)}
        assert words == {"Q": "silent", "L": "rejecting", "O": "open"}
        rows = (await ask(server, "/api/v1/symbols?rows=1")).json()["rows"]
        assert {row["symbol"]: row["state"] for row in rows} == words
    closed = [
        mtf.Tick("EURUSD", at("2024-03-08 21:59"), 1.0, 2.0),
        mtf.Tick("EURUSD", at("2024-03-09 10:00"), 1.0, 2.0),
    ]
    await recorded(tmp_path / "fx", closed, calendar="fx", closed="keep")
    async with serving(tmp_path / "fx") as server:
        assert (await ask(server, "/api/v1/symbols?rows=1")).json()["rows"][0]["state"] == "closed"


async def test_the_files_of_the_page_are_few_bytes_on_the_way(data: Path) -> None:
    folder = Path(mtf.__file__).parent / "web" / "static"
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix in (".js", ".mjs", ".css")]
    async with serving(data) as server:
        answers = [await ask(server, f"/static/{name}", accept_encoding="gzip") for name in names]
    assert {answer.status for answer in answers} == {200}
    assert sum(len(answer.body) for answer in answers) < 120_000
