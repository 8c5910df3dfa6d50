"""The page shows bars of time; those of activity are among what programs read, and asking to draw them says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtf
from mtf.errors import ConfigError
from tests.cli.builders import json_of
from tests.web.asking import ask, recorded, serving
from tests.web.test_api import market


async def test_the_page_has_the_timeframes_of_time(tmp_path: Path) -> None:
    data = tmp_path / "d"
    await recorded(data, market(), timeframes=["1m", "5m", "20t", "0.5r"])
    async with serving(data) as server:
        config = (await ask(server, "/api/v1/config")).json()
        charts = (await ask(server, "/api/v1/charts/X")).json()
        drawn = await ask(server, "/api/v1/bars/X/20t")
        rows = (await ask(server, "/api/v1/bars/X/20t?rows=1&last=7")).json()
        udf = (await ask(server, "/udf/config")).json()
        state = (await ask(server, "/api/v1/snapshot/X")).json()
    assert [each["name"] for each in config["timeframes"]] == ["1m", "5m"]
    assert [set(each["timeframes"]) for each in config["outputs"]] == [{"1m", "5m"}] * len(config["outputs"])
    assert list(charts["charts"]) == list(charts["state"]["tf"]) == ["1m", "5m"]
    assert drawn.status == 400
    assert "20t is not of time" in drawn.json()["error"]
    told = json_of("bars", str(data), "--symbol", "X", "-t", "20t", "--last", "7", "--format", "json")
    assert rows == told
    assert udf["supported_resolutions"] == ["1", "5"]
    assert "20t" in str(state)


async def test_a_directory_without_any_is_refused(tmp_path: Path) -> None:
    await recorded(tmp_path / "d", market(count=50), timeframes=["20t"], indicators=None)
    with pytest.raises(ConfigError, match="the page shows bars of time, and it has none"):
        async with serving(tmp_path / "d"):
            raise AssertionError("it must not start")
    with mtf.open(tmp_path / "d") as reader:
        assert len(list(reader.bars("X", "20t"))) == 2
