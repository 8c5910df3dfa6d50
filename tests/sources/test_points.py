"""What a point is in Dukascopy's binary files is known by family, from a list, or asked for."""

from __future__ import annotations

import lzma
import struct
from pathlib import Path

import pytest

from mtf.errors import OptionNeeded
from mtf.sources import open_source
from mtf.sources.formats.points import dukascopy_point
from tests.sources.builders import brief, read, written


@pytest.mark.parametrize(
    ("symbol", "power"),
    [
        ("EURUSD", -5),
        ("USDCNH", -5),
        ("USDJPY", -3),
        ("HKDJPY", -5),
        ("EURHUF", -3),
        ("USDCZK", -4),
        ("USDTHB", -4),
        ("EURTHB", -3),
        ("XAUUSD", -3),
        ("XAGUSD", -3),
        ("XAUJPY", -1),
        ("BTCUSD", -1),
        ("btcusd", -1),
        ("ETHEUR", -1),
        ("XLMUSD", -5),
        ("ADAUSD", -3),
        ("EOSUSD", -4),
        ("UNIUSD", -3),
        ("USA500IDXUSD", -3),
        ("DEUIDXEUR", -3),
        ("VOLIDXUSD", -2),
        ("BRENTCMDUSD", -3),
        ("GASCMDUSD", -4),
        ("COFFEECMDUSX", -3),
        ("BUNDTREUR", -3),
        ("AAPLUSUSD", -3),
        ("AUSUSD", -3),
        ("VODGBGBX", -3),
        ("0700HKHKD", -3),
        ("0700.HK/HKD", -3),
        ("7267JPJPY", -1),
        ("NESNCHCHF", -3),
        ("NOKIAFIEUR", -3),
    ],
)
def test_points_of_families(symbol: str, power: int) -> None:
    assert dukascopy_point(symbol) == power


@pytest.mark.parametrize(
    "symbol", ["SOLUSD", "DOGEUSD", "XYZIDXUSD", "CORNCMDUSD", "EURXYZ", "USDAED", "AUDCNH", "JPYUSD", "X", ""]
)
def test_points_that_are_not_known_are_none(symbol: str) -> None:
    """Also those that the list has with a point unlike all others of their currency."""
    assert dukascopy_point(symbol) is None


def hour(folder: Path, symbol: str, ask: int, bid: int) -> Path:
    record = struct.pack(">IIIff", 500, ask, bid, 1.0, 2.0)
    return written(folder, f"{symbol}/2024/02/06/10h_ticks.bi5", lzma.compress(record, lzma.FORMAT_ALONE))


def test_bitcoin_comes_out_at_its_price(tmp_path: Path) -> None:
    path = hour(tmp_path, "BTCUSD", 661_234, 661_230)
    assert [brief(tick) for tick in read(path).ticks] == ["BTCUSD 1709719200.5 66123.0/66123.4 2.0x1.0"]


def test_a_point_that_is_not_known_is_asked_for(tmp_path: Path) -> None:
    path = hour(tmp_path, "SOLUSD", 130_250, 130_000)
    with pytest.raises(OptionNeeded, match="the point size of SOLUSD") as raised:
        open_source(path)
    assert set(raised.value.options) == {"point"}
    assert read(path, point=0.001).ticks[0].ask == 130.25


def test_a_point_of_candles_is_asked_for_too(tmp_path: Path) -> None:
    record = struct.pack(">IIIIIf", 0, 130_000, 130_250, 129_000, 131_000, 5.0)
    path = written(tmp_path, "SOLUSD/2024/02/06/BID_candles_min_1.bi5", lzma.compress(record, lzma.FORMAT_ALONE))
    with pytest.raises(OptionNeeded):
        open_source(path)
    assert [tick.bid for tick in read(path, point=0.001).ticks] == [130.0, 131.0, 129.0, 130.25]


def test_the_symbol_that_is_said_does_not_change_the_point(tmp_path: Path) -> None:
    """It is a name for the rows; the file's own is the vendor's."""
    assert read(hour(tmp_path, "BTCUSD", 10, 10), symbol="EURUSD").ticks[0].bid == 1.0
