"""Binance's XRP/ETH trades to bars: equal to the candles that freqtrade built of them, volumes too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vendors.expected import (
    MINUTE_NS,
    UTC_MIDNIGHT,
    VendorBar,
    binance_trades,
    differences,
    grid_differences,
    minutes_of,
)
from tests.vendors.runs import Made, run


@pytest.fixture(scope="session")
def made(trades_csv: Path) -> Made:
    return run(
        trades_csv,
        format="csv",
        symbol="XRPETH",
        columns="time=timestamp,id=id,price=price,size=amount",
        time_format="ms",
        calendar="crypto",
    )


def test_trades_make_the_minutes_of_their_own_division(vendor_data: Path, made: Made) -> None:
    """12,477 trades, 2,490 with the stamp of the one before: order within a millisecond decides open and close."""
    assert (made.events, made.rejected, made.malformed) == (12_477, {}, 0)
    rows = binance_trades(vendor_data)
    minutes = minutes_of((row[0] * 1_000_000, row[4], row[5]) for row in rows)
    assert (len(minutes), len(made.bars["1m"])) == (2_469, 2_468)
    assert differences(made.bars["1m"], minutes[:-1]) == []
    fives = minutes_of(((row[0] * 1_000_000, row[4], row[5]) for row in rows), 5 * MINUTE_NS)
    assert (len(fives), len(made.bars["5m"])) == (706, 705)
    assert differences(made.bars["5m"], fives[:-1]) == []
    assert grid_differences(made.bars, UTC_MIDNIGHT) == []


@pytest.mark.parametrize(("timeframe", "count"), [("1m", 2_469), ("5m", 706)])
def test_bars_equal_freqtrades_candles(vendor_data: Path, made: Made, timeframe: str, count: int) -> None:
    """Prices and volumes as the feather file has them; a minute without a trade has no row there and no bar here."""
    feather = pytest.importorskip("pyarrow.feather", reason="pyarrow is not installed: it reads the expected candles")
    table = feather.read_table(vendor_data / "trades" / f"binance_XRP_ETH-{timeframe}.feather").to_pydict()
    times = [int(date.timestamp()) * 1_000_000_000 for date in table["date"]]
    names = ("open", "high", "low", "close", "volume")
    candles = [VendorBar(*row) for row in zip(times, *(table[name] for name in names), strict=True)]
    assert len(candles) == count
    assert differences(made.bars[timeframe], candles[:-1]) == []
    forming = made.forming[timeframe]
    assert forming is not None
    assert differences([forming], candles[-1:]) == []
