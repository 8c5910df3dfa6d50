"""TradingView's UDF data feed: its words for symbols and timeframes, its times, and the bars of the command line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import mtf
from tests.builders import SECOND_NS, at
from tests.cli.builders import json_of
from tests.web.asking import ask, recorded, serving

SETTINGS: dict[str, Any] = {"calendar": "fx", "timeframes": ["30s", "1m", "1h", "1d", "1w", "1mo"], "indicators": None}
START_NS = at("2024-03-06 08:00")


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """Two hours of a Wednesday, then a few ticks of each day up to the next Tuesday."""
    times = [START_NS + k * 20 * SECOND_NS for k in range(360)]
    times += [at(f"2024-03-{day:02} {hour}:00") for day in (7, 8, 11, 12) for hour in ("09", "12")]
    ticks = [mtf.Tick("EURUSD", ts_ns, 1.1 + k / 1e4, 1.1 + k / 1e4 + 1e-5) for k, ts_ns in enumerate(times)]
    await recorded(tmp_path / "d", [*ticks, mtf.Tick.trade("A:B", times[-1], 7.25)], **SETTINGS)
    return tmp_path / "d"


def rows(data: Path, timeframe: str) -> Any:
    return json_of("bars", str(data), "--symbol", "EURUSD", "-t", timeframe, "--partial", "--format", "json")


async def test_it_says_what_it_has(data: Path) -> None:
    async with serving(data) as server:
        config = (await ask(server, "/udf/config")).json()
        symbol = (await ask(server, "/udf/symbols?symbol=EURUSD")).json()
        prefixed = (await ask(server, "/udf/symbols?symbol=mtf:EURUSD")).json()
        colon = (await ask(server, "/udf/symbols?symbol=A:B")).json()
        unknown = await ask(server, "/udf/symbols?symbol=NOPE")
        now = await ask(server, "/udf/time")
        asked_s = time.time()
    assert config["supported_resolutions"] == ["30S", "1", "60", "1D", "1W", "1M"]
    assert (config["supports_search"], config["supports_time"], config["supports_group_request"]) == (True, True, False)
    assert (symbol["name"], symbol["pricescale"], symbol["minmov"]) == ("EURUSD", 100_000, 1)
    assert (symbol["intraday_multipliers"], symbol["seconds_multipliers"]) == (["1", "60"], ["30"])
    assert symbol["has_intraday"] is symbol["has_daily"] is symbol["has_weekly_and_monthly"] is True
    assert prefixed == symbol
    assert (colon["name"], colon["pricescale"]) == ("A:B", 100)
    assert (unknown.status, unknown.json()) == (404, {"s": "error", "errmsg": "unknown_symbol"})
    assert abs(int(now.body) - asked_s) < 60


async def test_symbols_are_found_by_their_beginning_first(data: Path) -> None:
    async with serving(data) as server:
        every = (await ask(server, "/udf/search?query=&limit=10")).json()
        found = (await ask(server, "/udf/search?query=usd&limit=1&type=&exchange=")).json()
    assert [each["symbol"] for each in every] == ["EURUSD", "A:B"]
    assert [each["symbol"] for each in found] == ["EURUSD"]


@pytest.mark.parametrize(("resolution", "timeframe"), [("30S", "30s"), ("1", "1m"), ("60", "1h")])
async def test_bars_are_those_of_the_command_line_with_the_forming_one(
    data: Path, resolution: str, timeframe: str
) -> None:
    async with serving(data) as server:
        path = f"/udf/history?symbol=EURUSD&resolution={resolution}"
        whole = (await ask(server, path)).json()
        first_s = START_NS // SECOND_NS
        part = (await ask(server, f"{path}&from={first_s + 3600}&to={first_s + 7200}")).json()
        last = (await ask(server, f"{path}&from=0&to={first_s + 7200}&countback=2")).json()
    expected = rows(data, timeframe)
    assert whole["s"] == "ok"
    assert whole["t"] == [row["start_ns"] // SECOND_NS for row in expected]
    for letter, name in zip("ohlcv", ("open", "high", "low", "close", "volume"), strict=True):
        assert whole[letter] == [row[name] for row in expected]
    inside = [t for t in whole["t"] if first_s + 3600 <= t < first_s + 7200]
    assert part["t"] == inside
    assert last["t"] == [t for t in whole["t"] if t < first_s + 7200][-2:]


async def test_long_bars_are_stamped_midnight_of_their_trading_day(data: Path) -> None:
    """An fx day begins on the evening before: the feed wants its date."""
    async with serving(data) as server:
        days = (await ask(server, "/udf/history?symbol=EURUSD&resolution=1D")).json()
        short = (await ask(server, "/udf/history?symbol=EURUSD&resolution=D&countback=2&from=0&to=1710028800")).json()
        monday = at("2024-03-11 00:00") // SECOND_NS
        since = (
            await ask(server, f"/udf/history?symbol=EURUSD&resolution=1D&from={monday}&to={monday + 86400}")
        ).json()
        weeks = (await ask(server, "/udf/history?symbol=EURUSD&resolution=1W")).json()
    assert days["t"] == [at(f"2024-03-{day:02} 00:00") // SECOND_NS for day in (6, 7, 8, 11, 12)]
    assert short["t"] == [at(f"2024-03-{day:02} 00:00") // SECOND_NS for day in (7, 8)]
    assert since["t"] == [monday]
    assert len(weeks["t"]) == 2
    assert days["c"] == [row["close"] for row in rows(data, "1d")]


async def test_without_bars_it_says_where_the_next_ones_are(data: Path) -> None:
    first_s = START_NS // SECOND_NS
    async with serving(data) as server:
        path = "/udf/history?symbol=EURUSD&resolution=60"
        before = (await ask(server, f"{path}&from=0&to={first_s}")).json()
        gap = (await ask(server, f"{path}&from={first_s + 7200}&to={first_s + 10_800}")).json()
    assert before == {"s": "no_data"}
    assert gap == {"s": "no_data", "nextTime": first_s + 3600}


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("symbol=NOPE&resolution=1", 404, "unknown_symbol"),
        ("symbol=EURUSD&resolution=7", 400, "resolution must be one of 30S, 1, 60, 1D, 1W, 1M, got '7'"),
        ("symbol=EURUSD&resolution=1&from=x", 400, "from"),
        ("symbol=EURUSD&resolution=1&countback=99999999", 400, "countback"),
    ],
)
async def test_a_wrong_question_is_answered_in_its_words(data: Path, query: str, status: int, says: str) -> None:
    async with serving(data) as server:
        answer = await ask(server, f"/udf/history?{query}")
    assert answer.status == status
    assert answer.json()["s"] == "error"
    assert says in answer.json()["errmsg"]


async def test_it_is_guarded_like_everything_else(data: Path) -> None:
    async with serving(data, token="a token of more than 16") as server:
        assert (await ask(server, "/udf/config")).status == 401
        assert (await ask(server, "/udf/config", host="evil.example")).status == 400
