"""A row of `mtf.point_in_time` is what a consumer's view showed at that moment, every column, to the bit."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mtf
from mtf.errors import ConfigError, SourceError, UnknownTimeframe
from mtf.events.tick import Tick
from mtf.sources import SyntheticMarket
from tests.builders import Event, ticks
from tests.offline.views import bits, pushed, ran
from tests.storage.builders import market
from tests.streams import streams

INDICATORS = ("sma:3", "rsi:2", "macd:2,4,3", "vwap")
ON = ("tick", "1m", "5m", "1d")


def rows_of(table: mtf.Table[dict[str, Any]]) -> list[dict[str, Any]]:
    return [bits(row) for row in table.to_dicts()]


def only_ticks(stream: list[Event]) -> list[Tick]:
    return [event for event in stream if isinstance(event, Tick)]


configs = st.builds(
    mtf.Config.make,
    timeframes=st.sampled_from(
        (("1m", "5m", "1h", "1d"), ("1m", "5m", "1d", "1w"), ("1m", "5m", "1d", "2t", "1v", "0.001r"))
    ),
    calendar=st.sampled_from(("fx", "crypto")),
    closed=st.sampled_from(("reject", "keep")),
    late=st.sampled_from(("reject", "accept")),
    history=st.sampled_from((1, 1000)),
    indicators=st.sampled_from((None, INDICATORS, {"5m": "sma:2"})),
)


@given(
    stream=streams(events_max=40, clocks=False),
    config=configs,
    on=st.sampled_from(ON),
    values=st.sampled_from(("live", "completed", "both")),
)
@settings(max_examples=40)
@pytest.mark.filterwarnings("ignore::mtf.order.OutOfOrderWarning")
def test_rows_of_a_finite_source_are_what_a_consumer_is_shown(
    stream: list[Event], config: mtf.Config, on: str, values: str
) -> None:
    """In order of time, where a tick of one symbol closes bars of the others, and out of it."""
    source = only_ticks(stream)
    table = mtf.point_in_time(source, on, values=values, config=config)
    assert rows_of(table) == ran(source, on, values, config=config)


@pytest.mark.parametrize("on", ["3t", "1v", "tick"])
def test_rows_on_bars_of_activity_are_what_a_consumer_is_shown(tmp_path: Path, on: str) -> None:
    """With the tick that fills the bar, and so with what is live after it; with several bars of one tick."""
    made: dict[str, Any] = {
        "timeframes": "1m,1d,3t,1v,1e3d,0.0005r", "calendar": "crypto", "indicators": INDICATORS, "late": "accept"
    }  # fmt: skip
    shown = pushed(tmp_path / "run", market(6, 600), on, "both", **made)
    assert len(shown) > 150
    assert rows_of(mtf.point_in_time(tmp_path / "run", on, values="both")) == shown
    bars = mtf.resample(tmp_path / "run", ["3t", "1v", "1m"], indicators=INDICATORS)
    with mtf.open(tmp_path / "run") as reader:
        for timeframe, table in bars.items():
            symbols = ["XAUUSD", "USDJPY", "EURUSD"]
            mine = {symbol: [bar for bar in table if bar.symbol == symbol] for symbol in symbols}
            assert mine == {symbol: list(reader.bars(symbol, timeframe)) for symbol in symbols}


@pytest.mark.parametrize(("on", "values"), [*itertools.product(ON, ("both",)), ("5m", "live"), ("5m", "completed")])
def test_rows_of_a_data_directory_are_what_its_consumer_was_shown(tmp_path: Path, on: str, values: str) -> None:
    """Clock events, rejects and late ticks among the events; over a week's end; more rows than a page has."""
    made: dict[str, Any] = {"timeframes": "1m,5m,1h,1d", "indicators": INDICATORS, "late": "accept"}
    shown = pushed(tmp_path / "run", market(6, 1_500), on, values, **made)
    assert len(shown) > (1 if on == "1d" else 100)
    for source in (tmp_path / "run", mtf.open(tmp_path / "run")):
        assert rows_of(mtf.point_in_time(source, on, values=values)) == shown


@pytest.mark.parametrize("on", ["tick", "15m"])
def test_the_twenty_on_six_timeframes_in_many_pages(on: str) -> None:
    def source() -> SyntheticMarket:
        return SyntheticMarket(seed=3, symbols=["EURUSD", "GBPUSD"], start="2024-03-08", events=5_000, pace_ms=9_000)

    table = mtf.point_in_time(source(), on, indicators="core", values="both")
    assert rows_of(table) == ran(source(), on, "both", indicators="core")


def test_bars_as_input_are_rows_too() -> None:
    bars = [
        mtf.Bar(
            symbol="X",
            timeframe=mtf.Timeframe("1h"),
            start_ns=k * 3_600_000_000_000,
            end_ns=(k + 1) * 3_600_000_000_000,
            open=1.0 + k,
            high=3.0 + k,
            low=0.5 + k,
            close=2.0 + k,
        )
        for k in range(50)
    ]
    made: dict[str, Any] = {"calendar": "crypto", "timeframes": "1h,4h,1d", "indicators": "sma:3"}
    for on in ("tick", "4h"):
        assert rows_of(mtf.point_in_time(bars, on, values="both", **made)) == ran(bars, on, "both", **made)


def test_vendors_ticks_are_rows_that_a_consumer_saw(vendor_data: Path) -> None:
    """Real quotes, real gaps."""
    path = vendor_data / "dukascopy_csv" / "CADJPY_tick.csv.gz"
    made: dict[str, Any] = {"indicators": "core"}
    assert rows_of(mtf.point_in_time(path, "1m", values="both", **made)) == ran(path, "1m", "both", **made)


@given(stream=streams(events_max=40, clocks=False), config=configs, on=st.sampled_from(ON), data=st.data())
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore::mtf.order.OutOfOrderWarning")
def test_rows_do_not_change_when_the_future_is_cut_or_tripled(
    stream: list[Event], config: mtf.Config, on: str, data: st.DataObject
) -> None:
    """Each row is settled once the event that it names has come: a cut loses rows, and changes none."""
    source = only_ticks(stream)
    cut = data.draw(st.integers(0, len(source)))
    whole = rows_of(mtf.point_in_time(source, on, values="both", config=config))
    short = rows_of(mtf.point_in_time(source[:cut], on, values="both", config=config))
    assert short == [row for row in whole if row["seq"] <= cut]
    last_ns = max((tick.ts_ns for tick in source), default=0)
    more = [
        Tick(tick.symbol, tick.ts_ns + k * (last_ns - tick.ts_ns + 61_000_000_000), 3.0 * k, 3.0 * k)
        for k in (1, 2)
        for tick in source
    ]
    longer = rows_of(mtf.point_in_time([*source, *more], on, values="both", config=config))
    assert longer[: len(whole)] == whole


def test_table_is_read_as_often_as_it_is_asked_and_by_every_library() -> None:
    """A file, a list, and a source at some place."""
    half = SyntheticMarket(seed=1, symbols=["EURUSD"], start="2024-03-06", events=3_000, pace_ms=5_000)
    listed = list(half)
    half.seek({})
    for source in (listed, half, "synthetic:seed=1,symbols=EURUSD,events=3000,start=2024-03-06"):
        table = mtf.point_in_time(source, "1m", timeframes="1m,5m,1h", indicators="sma:3", values="both")
        wanted = table.to_dicts()
        assert len(wanted) > 20
        frame = table.to_polars()
        assert frame.columns == table.columns
        assert frame.height == len(wanted) == len(table.to_pandas()) == pa.table(table).num_rows
        assert pl.DataFrame(table).equals(frame)
        asked = table
        closes = duckdb.sql('SELECT "5m.bar.close" FROM asked ORDER BY seq')
        assert closes is not None
        assert [close for (close,) in closes.fetchall()] == [row["5m.bar.close"] for row in wanted]
        assert asked is table
        assert frame["5m.bar.close"].to_list() == [row["5m.bar.close"] for row in wanted]
        assert frame["5m.live.sma_3"].to_list() == [row["5m.live.sma_3"] for row in wanted]
        assert frame["1h.partial.start"].dt.epoch("ns").to_list() == [row["1h.partial.start_ns"] for row in wanted]
        assert frame.schema["time"] == pl.Datetime("ns", "UTC")
        assert list(table) == wanted


def test_many_symbols_keep_their_names_in_every_library() -> None:
    """One that appears late is in the dictionary of later batches only."""
    source = [
        Tick(f"S{k // 700}", 1_709_720_000_000_000_000 + k * 1_000_000_000, 1.0 + k, 1.0 + k) for k in range(21_000)
    ]
    table = mtf.point_in_time(source, "tick", timeframes="1m", calendar="crypto")
    names = [tick.symbol for tick in source]
    assert table.to_polars()["symbol"].to_list() == names
    assert pa.table(table)["symbol"].to_pylist() == names
    assert table.to_pandas()["symbol"].tolist() == names
    asked = table
    found = duckdb.sql("SELECT symbol FROM asked ORDER BY seq")
    assert found is not None
    assert [name for (name,) in found.fetchall()] == names
    assert asked is table


def test_iterator_is_read_once_and_says_so() -> None:
    table = mtf.point_in_time(iter(ticks("10:00@1.1 10:01@1.2 10:02@1.3")), "1m")
    assert len(table.to_dicts()) == 2
    with pytest.raises(ConfigError, match="an iterator can only be read once: pass a list"):
        table.to_dicts()


def test_source_that_is_being_read_is_not_read_twice_at_once() -> None:
    """It has one place; a list or a file has as many as there are readers."""
    source = SyntheticMarket(seed=1, symbols=["EURUSD"], start="2024-03-06", events=30_000)
    table = mtf.point_in_time(source, "tick", timeframes="1m")
    first = iter(table)
    next(first)
    with pytest.raises(ConfigError, match="it is being read already, and has only one position"):
        next(iter(table))
    first.close()  # type: ignore[attr-defined]
    assert len(table.to_dicts()) == 30_000
    listed = mtf.point_in_time(ticks("10:00@1.1 10:01@1.2 10:02@1.2"), "tick")
    assert [a == b for a, b in zip(listed, listed, strict=True)] == [True] * 3


def test_settings_of_a_data_directory_can_be_replaced(tmp_path: Path) -> None:
    """The log has the events; which timeframes and indicators are kept is for the one who asks."""
    pushed(tmp_path / "run", market(6, 600), "tick", "live", timeframes="1m,1h", indicators="sma:2")
    table = mtf.point_in_time(tmp_path / "run", "15m", timeframes="15m,1h", indicators="rsi:2")
    assert {name.partition(".")[0] for name in table.columns} == {"symbol", "seq", "time", "15m", "1h"}
    assert "15m.live.rsi_2" in table.columns
    assert len(table.to_dicts()) > 10
    plain = mtf.point_in_time(tmp_path / "run", "1h", timeframes="15m,1h")
    assert "15m.live.sma_2" in plain.columns


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        ({"on": "7m"}, UnknownTimeframe, "7m is not kept here"),
        ({"values": "all"}, ConfigError, "values must be one of live, completed, both, got 'all'"),
        ({"calendar": "mars"}, ConfigError, "mars"),
        ({"source": "no-such-file.csv"}, SourceError, "no such file"),
        ({"source": 5}, ConfigError, "5 is not a source"),
        ({"config": mtf.Config.make(), "calendar": "crypto"}, ConfigError, "calendar: already set by config="),
    ],
)
def test_wrong_calls_are_named_at_once(made: dict[str, Any], error: type[Exception], message: str) -> None:
    """Not at the first row."""
    with pytest.raises(error, match=message):
        mtf.point_in_time(**{"source": ticks("10:00@1.1"), **made})


def test_feeds_that_are_awaited_are_refused() -> None:
    async def endless() -> Any:
        yield ticks("10:00@1.1")[0]

    with pytest.raises(ConfigError, match="an async iterable has to be awaited"):
        mtf.point_in_time(endless())


def test_malformed_rows_are_warned_of_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("time,bid,ask\n2024-03-06T10:00:00Z,1,2\n2024-03-06T10:00:30Z,one,2\n2024-03-06T10:01:00Z,2,3\n")
    with pytest.warns(UserWarning, match=r"ticks\.csv:3: .*malformed rows are skipped"):
        rows = mtf.point_in_time(path, "tick", symbol="X").to_dicts()
    assert [row["1m.partial.close"] for row in rows] == [1.5, 2.5]


def test_it_works_inside_a_running_loop() -> None:
    """A notebook has one."""

    async def main() -> int:
        return len(mtf.point_in_time(ticks("10:00@1.1 10:01@1.2"), "1m").to_dicts())

    assert asyncio.run(main()) == 1
