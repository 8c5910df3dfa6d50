"""Exports of crypto exchanges and vendors of their data; see `test_layouts`."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from mtf.errors import SourceError
from mtf.sources import open_source
from tests.sources.builders import read, written
from tests.sources.layouts import AT, lean, ticks
from tests.sources.markets import bars_of, reading_of

KLINE = "1709719200000,1.5,1.75,1.25,1.5,10,1709719259999,15,3,5,7.5,0\n"


@pytest.mark.parametrize(("digits", "unit"), [("1", "s"), ("1000", "ms"), ("1000000", "us")])
@pytest.mark.parametrize(
    "header", ["", "open_time,open,high,low,close,volume,close_time,quote_volume,count,tb,tq,ignore\n"]
)
def test_binance_klines_say_their_length_in_any_unit(tmp_path: Path, digits: str, unit: str, header: str) -> None:
    scale = int(digits)
    rows = f"{AT * scale},1.5,1.75,1.25,1.5,10,{(AT + 300) * scale - 1},15,3,5,7.5,0\n"
    path = written(tmp_path, "1000PEPEUSDT-5m-2024-03-06.csv", header + rows)
    assert bars_of(path, "5m") == ["1000PEPEUSDT 2024-03-06 10:00 1.5/1.75/1.25/1.5 10"]
    assert reading_of(path)["times"] == unit


def test_two_days_of_a_kind_are_one_symbol(tmp_path: Path) -> None:
    written(tmp_path, "d/ADABTC-1m-2021-11-27.csv", KLINE)
    written(tmp_path, "d/ADABTC-1m-2021-11-28.csv", KLINE.replace("17097192", "17098056").replace("1.75", "1.625"))
    assert bars_of(tmp_path / "d", "1m") == [
        "ADABTC 2024-03-06 10:00 1.5/1.75/1.25/1.5 10",
        "ADABTC 2024-03-07 10:00 1.5/1.625/1.25/1.5 10",
    ]


def test_contracts_keep_their_date_of_delivery(tmp_path: Path) -> None:
    assert ticks(written(tmp_path, "BTCUSDT_240628-1m-2024-03.csv", KLINE))[0].startswith("BTCUSDT_240628 ")


@pytest.mark.parametrize(
    ("kind", "header", "row", "tick"),
    [
        ("trades", "id,price,qty,quote_qty,time,is_buyer_maker", "7,1.5,10,15,{t},true", "1.5x10.0"),
        ("trades", "", "7,1.5,10,15,{t},true", "1.5x10.0"),
        ("trades", "", "7,1.5,10,15,{t},True,True", "1.5x10.0"),
        (
            "aggTrades",
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
            "7,1.5,10,90,91,{t},false",
            "1.5x10.0",
        ),
        ("aggTrades", "", "7,1.5,10,90,91,{t},false", "1.5x10.0"),
        ("aggTrades", "", "7,1.5,10,90,91,{t},False,True", "1.5x10.0"),
        (
            "bookTicker",
            "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
            "7,1.5,10,1.75,20,{t},{t}",
            "1.5/1.75 10.0x20.0",
        ),
        ("bookTicker", "", "7,1.5,10,1.75,20,{t},{t}", "1.5/1.75 10.0x20.0"),
    ],
)
@pytest.mark.parametrize("scale", [1_000, 1_000_000])
def test_binance_files_with_and_without_a_header(
    tmp_path: Path, kind: str, header: str, row: str, tick: str, scale: int
) -> None:
    text = (header + "\n" if header else "") + "".join(
        row.format(t=(AT + i) * scale).replace("7,", f"{7 + i},", 1) + "\n" for i in range(2)
    )
    found = ticks(written(tmp_path, f"BTCUSDT-{kind}-2024-03-06.csv", text))
    assert found == [f"BTCUSDT {AT} {tick}", f"BTCUSDT {AT + 1} {tick}"]


def test_binance_zip_files_are_read_by_their_names(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("BTCUSDT-aggTrades-2024-03-06.csv", "7,1.5,10,90,91,1709719200000,false,true\n")
    path = written(tmp_path, "BTCUSDT-aggTrades-2024-03-06.zip", packed.getvalue())
    assert ticks(path) == [f"BTCUSDT {AT} 1.5x10.0"]


def test_binance_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    text = "close_time,open,open_time,low,high,close,volume\n1709719259999,1.5,1709719200000,1.25,1.75,1.625,4\n"
    assert bars_of(written(tmp_path, "X-1m-2024-03.csv", text), "1m") == ["X 2024-03-06 10:00 1.5/1.75/1.25/1.625 4"]


# --- Other vendors of crypto data


CDD = (
    "unix,date,symbol,open,high,low,close,{a},{b}\n"
    "{u}1709719200{z},2024-03-06 10:00:00,ETH/USDT,65800,66000,65700,65900,{x},{y}\n"
    "1709722800,2024-03-06 11:00:00,ETH/USDT,65900,66100,65800,66000,{x},{y}\n"
)


@pytest.mark.parametrize("base_first", [True, False])
def test_the_volume_is_that_of_the_base(tmp_path: Path, base_first: bool) -> None:
    """ETH for ETH/USDT, in whichever column it stands; and a row with another unit of time changes nothing."""
    base, money = ("Volume ETH", "2.5"), ("Volume USDT", "165000")
    (a, x), (b, y) = (base, money) if base_first else (money, base)
    path = written(tmp_path, "x.csv", CDD.format(a=a, b=b, x=x, y=y, u="", z="000"))
    assert bars_of(path, "1h") == [
        "ETH/USDT 2024-03-06 10:00 65800/66000/65700/65900 2.5",
        "ETH/USDT 2024-03-06 11:00 65900/66100/65800/66000 2.5",
    ]


def test_kaiko_trades_and_bars(tmp_path: Path) -> None:
    trades = "id,exchange,symbol,date,price,amount,sell\n9,cbse,btcusd,1709719200123,1.5,2,true\n"
    assert ticks(written(tmp_path, "Coinbase_btcusd_trades_2024_03_06.csv", trades)) == [f"btcusd {AT}.123 1.5x2.0"]
    name = "bw_btcusdt_perp_ohlcv_5m_2024_03.csv"
    bars = written(tmp_path, name, "1709719200000,1.5,1.75,1.25,1.5,10\n1709719500000,null,null,null,null,0\n")
    assert bars_of(bars, "5m") == ["BTCUSDT_PERP 2024-03-06 10:00 1.5/1.75/1.25/1.5 10"]
    assert read(bars).lines == [2]
    bars = written(tmp_path, name.replace("ohlcv", "cohlcvwap"), "1709719200000,3,1.5,1.75,1.25,1.5,10,1.5\n")
    assert bars_of(bars, "5m") == ["BTCUSDT_PERP 2024-03-06 10:00 1.5/1.75/1.25/1.5 10"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", "date,type,price,amount\n1709719200000,b,1.5,2\n", "snapshots of the order book"),
        ("x.csv", "timestamp,percentage,depth,notional\n2024-03-06 10:00:00,-5,1,2\n", "book depth"),
        ("x.csv", "create_time,symbol,sum_open_interest\n2024-03-06 10:00:00,BTCUSDT,2\n", "metrics"),
        (
            "binance_incremental_book_L2_2024-03-06_BTCUSDT.csv",
            (
                "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
                "binance,BTCUSDT,1709719200000000,1709719200000001,false,bid,1.5,2\n"
            ),
            "changes of the order book",
        ),
        (
            "bitmex_liquidations_2024-03-06_XBTUSD.csv",
            (
                "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
                "bitmex,XBTUSD,1709719200000000,1709719200000001,7,buy,1.5,2\n"
            ),
            "liquidations",
        ),
        (
            "x.csv",
            (
                "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id\n"
                "1,1,160,1,5482,A,B,3720250000000,1,0,7\n"
            ),
            "single orders",
        ),
        ("ES 03-24.Last.txt", "20240306 100000 1230000;5000.25;5000;5000.25;1\n", "separate fraction of a second"),
    ],
)
def test_what_is_no_market_is_refused_for_what_it_is(tmp_path: Path, name: str, content: str, says: str) -> None:
    """Most of these have a price and a size, and would make plausible bars."""
    path = written(tmp_path, f"d/{name}", content)
    with pytest.raises(SourceError, match=says):
        open_source(path)
    written(tmp_path, "d/EURUSD.csv", "time,bid,ask\n2024-03-06 10:00:00,1,2\n")
    source = open_source(tmp_path / "d")
    (skipped,) = source.identity()["skipped"]
    assert skipped.startswith(f"{name} (")
    assert says in skipped


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PAR1\x15\x04\x15\x00", "cannot be read as a Parquet file"),
        (b"FEA1\x00\x00\x00\x00", "a Feather file"),
        (b"DBN\x02\x00\x00\x00\x00", "Databento's binary encoding: convert it to CSV"),
        (b"SCID8\x00\x00\x00", "Sierra Chart's binary file: export it as text"),
    ],
)
def test_binary_files_are_called_what_they_are(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_source(written(tmp_path, "EURUSD.dat", content))


def test_a_spreadsheet_is_called_one(tmp_path: Path) -> None:
    path = lean(tmp_path, "EURUSD.xlsx", {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"})
    with pytest.raises(SourceError, match="an Excel file: save it as CSV"):
        open_source(path)


def test_the_best_level_of_a_book_is_read(tmp_path: Path) -> None:
    text = (
        "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount\n"
        "binance,BTCUSDT,1709719200000000,1709719200000001,1.75,20,1.5,10\n"
    )
    assert ticks(written(tmp_path, "x.csv", text)) == [f"BTCUSDT {AT} 1.5/1.75 10.0x20.0"]
