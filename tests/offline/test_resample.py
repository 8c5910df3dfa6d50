"""`mtf.resample` gives the bars that a pipeline makes, in the columns of `DataReader.bars`."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import mtf
from mtf.errors import ConfigError, UnknownTimeframe
from mtf.events.tick import Tick
from mtf.sources import SyntheticMarket
from tests.builders import at, ticks
from tests.data.recorded import recorded
from tests.offline.views import bits
from tests.storage.builders import market


def made_by_pipeline(source: Any, **made: Any) -> list[tuple[mtf.Bar, int, dict[str, float]]]:
    """Return each completed bar with its seq and completed values, as a consumer is shown them."""
    found: list[tuple[mtf.Bar, int, dict[str, float]]] = []

    class Keeper(mtf.Consumer):
        def on_bar(self, bar: mtf.Bar, view: mtf.View) -> None:
            found.append((bar, view.seq, view[bar.timeframe].completed.to_dict()))

    async def main() -> None:
        async with mtf.Pipeline(clock="ticks", **made) as pipeline:
            pipeline.add(Keeper())
            await pipeline.run(source)

    asyncio.run(main())
    return found


def check(tables: dict[str, mtf.Table[mtf.Bar]], wanted: list[tuple[mtf.Bar, int, dict[str, float]]]) -> None:
    """Compare bars, seqs and values, timeframe by timeframe and symbol by symbol."""
    for name, table in tables.items():
        rows = [each for each in wanted if each[0].timeframe == name]
        symbols = list(dict.fromkeys(bar.symbol for bar in table))
        rows.sort(key=lambda each: symbols.index(each[0].symbol))
        assert list(table) == [bar for bar, _, _ in rows]
        found = table.to_dicts()
        assert [row["seq"] for row in found] == [seq for _, seq, _ in rows]
        for row, (_, _, values) in zip(found, rows, strict=True):
            shown = {value: row[value] for value in values}
            assert bits(shown) == bits({k: None if math.isnan(v) else v for k, v in values.items()})


def test_bars_and_values_are_those_of_a_pipeline() -> None:
    """Two symbols over the end of a week, in pages."""

    def source() -> SyntheticMarket:
        return SyntheticMarket(seed=3, symbols=["EURUSD", "GBPUSD"], start="2024-03-07", events=18_000, pace_ms=20_000)

    tables = mtf.resample(source(), ["1m", "5m", "1h", "1d"], indicators="sma:3,rsi:14,macd")
    assert list(tables) == ["1m", "5m", "1h", "1d"]
    check(tables, made_by_pipeline(source(), timeframes="1m,5m,1h,1d", indicators="sma:3,rsi:14,macd"))
    assert len(tables["1m"].to_dicts()) > 4_096


def test_columns_are_those_of_a_reader_of_the_same_log(tmp_path: Path) -> None:
    """Flags, days, seqs: a table of either can stand in for the other."""
    recorded(tmp_path / "run", market(6, 1_500))
    data, rows = mtf.open(tmp_path / "run"), 0
    for given in (tmp_path / "run", data):
        tables = mtf.resample(given, "1m,5m,1h,1d")
        for name, table in tables.items():
            assert table.columns == data.bars(data.symbols, name).columns
            wanted = [row for symbol in data.symbols for row in data.bars(symbol, name).to_dicts()]
            assert table.to_dicts() == wanted
            rows += len(wanted)
            assert pa.table(table).to_pylist() == pa.table(data.bars(data.symbols, name)).to_pylist()
    assert rows > 100


def test_vendors_minutes_make_the_vendors_hours_and_more(vendor_data: Path) -> None:
    """Real minute bars, to the bars that a pipeline makes of them."""
    path = vendor_data / "bars_oanda_v20" / "EUR_USD_M1.csv.gz"
    tables = mtf.resample(path, ["5m", "1h", "1d"], indicators="sma:3")
    check(tables, made_by_pipeline(path, timeframes="5m,1h,1d", indicators="sma:3"))
    assert len(list(tables["1h"])) > 10


def test_what_the_source_does_not_reach_the_end_of_is_left_out_until_it_is_late_enough() -> None:
    source = ticks("10:00@1.1 10:01@1.2 10:02@1.3")
    assert [bar.close for bar in mtf.resample(source, "1m,5m")["1m"]] == [1.1, 1.2]
    for until in ("2024-03-06T10:05Z", at("10:05")):
        found = mtf.resample(source, "1m,5m", until=until)
        assert [bar.close for bar in found["1m"]] == [1.1, 1.2, 1.3]
        assert [(bar.open, bar.high, bar.close) for bar in found["5m"]] == [(1.1, 1.3, 1.3)]
    assert [bar.close for bar in mtf.resample(source, "1m", until="2024-03-06T10:02:59Z")["1m"]] == [1.1, 1.2]


def test_tables_are_read_by_every_library_and_empty_ones_have_their_columns() -> None:
    full = mtf.resample(SyntheticMarket(seed=1, start="2024-03-06", events=2_000), ["1m"], indicators="sma:3")["1m"]
    empty = mtf.resample(ticks("10:00@1.1"), ["1m"], indicators="sma:3")["1m"]
    assert full.columns == empty.columns
    assert full.columns[-2:] == ["seq", "sma_3"]
    for table, rows in ((full, len(list(full))), (empty, 0)):
        assert len(table.to_polars()) == len(table.to_pandas()) == pa.table(table).num_rows == rows
    assert full.to_polars().schema == empty.to_polars().schema
    assert full.to_polars()["sma_3"].null_count() == 2 * full.to_polars()["symbol"].n_unique()
    assert pl.DataFrame(full)["close"].to_list() == [bar.close for bar in full]


def test_timeframes_are_named_in_one_way() -> None:
    """As text, values, or a list of either."""
    source = ticks("10:00@1.1 11:00@1.2")
    for asked in ("1h", ["60m"], [mtf.Timeframe("1h")], mtf.Timeframe("1h")):
        assert list(mtf.resample(source, asked)) == ["1h"]
    with pytest.raises(ConfigError, match="timeframe 1h is given twice"):
        mtf.resample(source, ["1h", "60m"])


def test_settings_come_one_by_one_or_as_one() -> None:
    saturday = [Tick("X", at("2024-03-09 10:00"), 1.0, 1.0), Tick("X", at("2024-03-09 10:01"), 1.0, 1.0)]
    assert list(mtf.resample(saturday, "1m")["1m"]) == []
    assert len(list(mtf.resample(saturday, "1m", calendar="crypto")["1m"])) == 1
    config = mtf.Config.make(calendar="crypto", indicators="sma:2", timeframes="5m")
    table = mtf.resample(saturday, "1m", config=config)["1m"]
    assert len(list(table)) == 1
    assert table.columns[-1] == "sma_2"
    with pytest.raises(ConfigError, match=r"calendar: already set by config="):
        mtf.resample(saturday, "1m", calendar="fx", config=config)
    with pytest.raises(UnknownTimeframe):
        mtf.resample(saturday, "1x")


def test_it_works_inside_a_running_loop() -> None:
    """A notebook has one."""

    async def main() -> int:
        return len(list(mtf.resample(ticks("10:00@1.1 10:01@1.2"), "1m")["1m"]))

    assert asyncio.run(main()) == 1
