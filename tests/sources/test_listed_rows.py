"""Lists of dicts and of lists as sources: which lists are rows, and what their cells mean."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mtf
from mtf.errors import ConfigError, OptionNeeded
from mtf.events.tick import Tick
from mtf.sources import as_source, open_source
from tests.sources.builders import drain

MS: Final = 1_709_683_200_000  # 2024-03-06 00:00
T: Final = MS * 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
ROLES: Final = "time,open,high,low,close,volume"

PRICES: Final = (4.0, 4.25, 4.5)
TRADES: Final = [Tick("BTCUSDT", T + k * SECOND, price=PRICES[k], size=0.5) for k in range(3)]
KLINES: Final = [[MS + k * 60_000, "1.0", "2.0", "0.5", "1.5", 10 + k] for k in range(3)]


def binance(k: int) -> dict[str, Any]:
    """A trade as Binance's REST interface returns it: prices are texts."""
    return {"id": k, "price": str(PRICES[k]), "qty": "0.50", "time": MS + 1_000 * k, "isBuyerMaker": True}


def unified(k: int) -> dict[str, Any]:
    """A trade of ccxt: most of it is missing, and some of it is nested."""
    return {
        "info": {"a": 1},
        "id": str(k),
        "timestamp": MS + 1_000 * k,
        "datetime": f"2024-03-06T00:00:0{k}.000Z",
        "symbol": "BTCUSDT",
        "order": None,
        "type": None,
        "side": "buy",
        "price": PRICES[k],
        "amount": 0.5,
        "cost": PRICES[k] / 2,
        "fee": None,
        "fees": [],
    }


def read(thing: Any, **options: Any) -> list[Tick]:
    """The ticks of rows of which none is malformed."""
    taken = drain(open_source(thing, **options))
    assert not taken.refused
    return taken.ticks


def ticks_of(thing: Any, **options: Any) -> list[Tick]:
    """The ticks of anything that can be read."""
    return drain(as_source(thing, **options)).ticks


def test_dicts_are_rows() -> None:
    assert read([binance(k) for k in range(3)], symbol="BTCUSDT") == TRADES
    assert read(tuple(unified(k) for k in range(3))) == TRADES


def test_rows_of_other_readers() -> None:
    """A `DictReader` has texts, a cursor has tuples, and records of pandas and polars have types of their own."""
    text = "time,price,size\n" + "".join(f"{MS + 1_000 * k},{PRICES[k]},0.5\n" for k in range(3))
    assert read(list(csv.DictReader(io.StringIO(text))), symbol="BTCUSDT") == TRADES
    with sqlite3.connect(":memory:") as database:
        rows = database.execute("VALUES (1709683200, 4.0), (1709683201, 4.25), (1709683202, 4.5)").fetchall()
    database.close()
    found = read(rows, symbol="BTCUSDT", columns="time,price")
    assert [(tick.ts_ns, tick.price) for tick in found] == [(tick.ts_ns, tick.price) for tick in TRADES]
    columns = {"symbol": "BTCUSDT", "ts_ns": [T, T + SECOND, T + 2 * SECOND], "price": PRICES, "size": 0.5}
    frame = pd.DataFrame(columns).assign(ts_ns=lambda table: pd.to_datetime(table["ts_ns"]))
    assert read(frame.to_dict("records")) == TRADES
    assert read(pl.DataFrame(columns, strict=False).to_dicts()) == TRADES
    assert read([{"time": np.int64(T), "price": np.float64(4.0), "size": np.float32(0.5)}], symbol="BTCUSDT") == [
        TRADES[0]
    ]


def test_rows_with_names_of_their_own() -> None:
    class Trade(NamedTuple):
        time: int
        price: float
        size: float

    assert read([Trade(MS + 1_000 * k, PRICES[k], 0.5) for k in range(3)], symbol="BTCUSDT") == TRADES
    with sqlite3.connect(":memory:") as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT 1709683200000 AS time, 4.0 AS price, 0.5 AS size").fetchall()
    database.close()
    assert read(rows, symbol="BTCUSDT") == TRADES[:1]


def test_no_rows_are_no_ticks() -> None:
    """An exchange may have had no trades; its answer is read with the options of any other."""
    assert ticks_of([], symbol="BTCUSDT", columns=ROLES) == []
    taken = drain(as_source([{}, binance(0)], symbol="BTCUSDT"))
    assert taken.ticks == TRADES[:1]
    assert [line for _, line, *_ in taken.refused] == [1]


def test_options_are_for_rows_in_a_list() -> None:
    with pytest.raises(
        ConfigError, match=r"columns, symbol: an iterable of ticks has no options .*: give list\(rows\)"
    ):
        as_source((binance(k) for k in range(3)), symbol="BTCUSDT", columns="time,price")


def test_lists_are_rows_whose_columns_are_named_in_order() -> None:
    source = open_source(KLINES, columns=ROLES, symbol="BTCUSDT", timeframe="1m")
    reading = source.identity()["reading"][0]
    assert (reading["kind"], reading["timeframe"]) == ("bars", "1m")
    assert reading["columns"] == {"time": "1", "open": "2", "high": "3", "low": "4", "close": "5", "volume": "6"}
    assert len(read(KLINES, columns=ROLES, symbol="BTCUSDT", timeframe="1m")) == 12
    with pytest.raises(OptionNeeded, match="the table has '1', '2', '3', '4', '5', '6'"):
        open_source(KLINES, symbol="BTCUSDT")


def test_lists_give_what_their_csv_gives(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in KLINES))
    from_file = read(path, columns=ROLES, timeframe="1m", symbol="BTCUSDT", header=False)
    assert read(KLINES, columns=ROLES, timeframe="1m", symbol="BTCUSDT") == from_file


def test_a_name_that_a_row_lacks_is_an_empty_cell() -> None:
    rows = [{"time": MS, "price": 4.0}, {"time": MS + 1_000, "price": 4.25, "size": 3}, {"time": MS + 2_000, "size": 1}]
    taken = drain(open_source(rows, symbol="X"))
    assert taken.ticks == [Tick("X", T, price=4.0), Tick("X", T + SECOND, price=4.25, size=3.0)]
    assert [(line, reason.partition(",")[0]) for _, line, reason, _ in taken.refused] == [(3, "a price is missing")]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([binance(0), 5], "frame: row 2 is 5: give a dict, as the first row is"),
        ([binance(0), [MS, 1.0]], "frame: row 2 is .*: give a dict"),
        ([[MS, 1.0], [MS]], "frame: row 2 is .*: give a list of 2 values"),
        ([[MS, 1.0], "ab"], "frame: row 2 is 'ab': give a list of 2 values"),
        ([{"time": MS, "x": 1.0}], "no column is a price"),
    ],
    ids=str,
)
def test_a_row_of_another_kind_is_an_error(rows: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        open_source(rows, symbol="X")


def test_a_list_of_tables_is_not_one_of_rows() -> None:
    """Nor are ticks: the first element decides, by what it holds."""
    columns = {"symbol": ["A"], "time": [T + 1], "price": [1.0]}
    dicts, lists = [{"symbol": "B", "time": T, "price": 2.0}], [["C", T + 2, 3.0]]
    expected = [Tick("B", T, price=2.0), Tick("A", T + 1, price=1.0)]
    assert ticks_of([columns, dicts]) == expected
    assert ticks_of([dicts, columns]) == expected
    assert ticks_of([dicts, [Tick("A", T + 1, price=1.0)]]) == expected
    assert ticks_of([lists, lists], columns="symbol,time,price") == [Tick("C", T + 2, price=3.0)] * 2
    assert ticks_of(expected) == expected
    (refused,) = drain(as_source([expected])).refused
    assert "list is not an event" in refused[2]
    assert not ticks_of([])


async def test_a_named_list_resumes_after_the_rows_in_the_log(tmp_path: Path) -> None:
    rows = [binance(k) for k in range(3)]
    for end, count in ((2, 2), (3, 1)):
        async with mtf.Pipeline(data=tmp_path / "run", timeframes="1m", calendar="crypto") as pipeline:
            summary = await pipeline.run(rows[:end], symbol="BTCUSDT", name="trades")
        assert summary.events == end
        assert summary.new_events == count
