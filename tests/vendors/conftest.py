"""Binance's trades, which are in JSON, as a CSV that a source can read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.vendors.expected import binance_trades


@pytest.fixture(scope="session")
def trades_csv(vendor_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trades as a CSV with a header, in the order of the file."""
    path = tmp_path_factory.mktemp("binance") / "XRPETH.csv"
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "id", "price", "amount"])
        writer.writerows([row[0], row[1], repr(row[4]), repr(row[5])] for row in binance_trades(vendor_data))
    return path
