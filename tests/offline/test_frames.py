"""Frames go into `mtf.resample` and `mtf.point_in_time` as files do, and may be read again."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pytest

import mtf
from mtf.sources import SyntheticMarket

pytest.importorskip("mtf.sources.given", reason="tables in memory cannot be read by this mtf")

MARKET: dict[str, Any] = {"seed": 7, "symbols": ["EURUSD", "GBPUSD"], "start": "2024-03-06", "events": 3_000}
COLUMNS = ["symbol", "ts_ns", "bid", "ask", "bid_size", "ask_size"]


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    rows = [[getattr(tick, name) for name in COLUMNS] for tick in SyntheticMarket(**MARKET, pace_ms=5_000)]
    return pl.DataFrame(rows, COLUMNS, orient="row")


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow", "columns"])
def test_a_frame_gives_what_the_same_ticks_give(frame: pl.DataFrame, kind: str) -> None:
    """To the bit, and as often as it is asked."""
    columns: dict[str, Any] = {
        name: frame[name].to_list() if name == "symbol" else frame[name].to_numpy() for name in COLUMNS
    }
    given = {"polars": frame, "pandas": pd.DataFrame(columns), "pyarrow": frame.to_arrow(), "columns": columns}[kind]
    source = SyntheticMarket(**MARKET, pace_ms=5_000)
    wanted = mtf.point_in_time(source, "1m", timeframes="1m,1h", indicators="sma:3", values="both").to_polars()
    table = mtf.point_in_time(given, "1m", timeframes="1m,1h", indicators="sma:3", values="both")
    assert table.to_polars().equals(wanted)
    assert table.to_polars().equals(wanted)
    assert wanted.height > 100
    source.seek({})
    bars = mtf.resample(source, "5m")["5m"].to_dicts()
    assert mtf.resample(given, "5m")["5m"].to_dicts() == bars
