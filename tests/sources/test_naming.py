"""The symbol is the file's name without dates, lengths of bars and words for what the rows are."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mtf.errors import OptionNeeded
from mtf.sources import open_source
from mtf.sources.naming import symbol_of, venue_of
from tests.sources.builders import read, written


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("ADABTC-1m-2021-11-27.csv", "ADABTC"),
        ("BTCUSDT-aggTrades-2024-03-06.zip", "BTCUSDT"),
        ("1000PEPEUSDT-aggTrades-2024-03.zip", "1000PEPEUSDT"),
        ("BTCUSDT_240628-bookTicker-2024-03-06.csv.gz", "BTCUSDT_240628"),
        ("EURUSD_2012.csv", "EURUSD"),
        ("EUR_USD_M1.csv", "EURUSD"),
        ("eur_usd_ticks_2014.csv.gz", "EURUSD"),
        ("EURUSD_M1_202001020000_202012312359.csv", "EURUSD"),
        ("EURUSD_20240306_1200.csv", "EURUSD"),
        ("EURUSD_2020-01-01_2020-02-01.csv", "EURUSD"),
        ("SPY_2020-01-01_to_2020-12-31.csv", "SPY"),
        ("SPY 01.01.2020-31.12.2020.csv", "SPY"),
        ("GBPUSDh1.csv", "GBPUSD"),
        ("XBTUSD_60.csv", "XBTUSD"),
        ("SPY.1min.2020.csv", "SPY"),
        ("btcusd_1-min_data.csv", "BTCUSD"),
        ("AAPL_daily.csv", "AAPL"),
        ("AAPL (1).csv", "AAPL"),
        ("BCHEUR_Q2_2023.csv", "BCHEUR"),
        ("kraken_BCHEUR_q2.csv", "BCHEUR"),
        ("ESH24_FUT_CME-BarData.txt", "ESH24_FUT_CME"),
        ("aapl.us.txt", "AAPL.US"),
        ("BRK.B_1d.csv", "BRK.B"),
        ("^GSPC.csv", "^GSPC"),
        ("ES=F_1h.csv", "ES=F"),
        ("0700.HK_2020.csv", "0700.HK"),
        ("7203_1d.csv", "7203"),
        ("600519.csv", "600519"),
        ("DAX_30.csv", "DAX_30"),
        ("ES 03-24.csv", "ES 03-24"),
        ("EURUSD_BID_2020.csv", "EURUSD_BID"),
        ("SKENDER_PENNY.csv", "SKENDER_PENNY"),
        ("MT_daily.csv", "MT"),
        ("trades-2024.csv", "TRADES"),
        ("my data.csv", "MY DATA"),
        ("2024-03-06.csv.gz", ""),
        ("2024-03-06_0001.csv", ""),
        ("h915.csv", "H915"),
        ("m5.csv", "M5"),  # of a name that is only a length, better its own than none
        ("1.csv", "1"),
    ],
)
def test_symbol_of_a_name(name: str, symbol: str) -> None:
    assert symbol_of(name) == symbol


@pytest.mark.parametrize(
    ("name", "venue"), [("kraken_BCHEUR.csv", "kraken"), ("EURUSD_mt5.csv", "mt5"), ("EURUSD.csv", "")]
)
def test_venue_of_a_name(name: str, venue: str) -> None:
    assert venue_of(name) == venue


def test_a_name_without_a_symbol_is_asked_about(tmp_path: Path) -> None:
    """Two days would be two markets, each called by its date."""
    path = written(tmp_path, "2024-03-06.csv", "time,bid,ask\n2024-03-06 10:00:00,1,2\n")
    with pytest.raises(OptionNeeded) as raised:
        open_source(path)
    assert set(raised.value.options) == {"symbol"}
    assert read(path, symbol="X").symbols.names == ["X"]


@pytest.mark.parametrize(
    ("member", "symbol"), [("data.csv", "EURUSD"), ("a/2024-03-06.csv", "EURUSD"), ("GBPUSD.csv", "GBPUSD")]
)
def test_a_member_of_an_archive_is_called_by_its_own_name_if_it_says_one(
    tmp_path: Path, member: str, symbol: str
) -> None:
    path = tmp_path / "EURUSD_2024.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "time,bid,ask\n2024-03-06 10:00:00,1,2\n")
    assert read(path).symbols.names == [symbol]
