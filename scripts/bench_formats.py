"""Rows a second by file format, end to end: read, parsed, through the actors, not logged.

A generic CSV is made here; vendors' files are read where `MTF_TEST_DATA` (default ../shared/data) has them.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard
from market import head, median, quotes, row

import mtf

ROWS = 300_000
ROUNDS = 3
DATA = Path(os.environ.get("MTF_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

VENDORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Lean quote ticks, zip", "lean/forex/oanda/tick/eurusd", {}),
    ("Lean trade bars, zip", "lean/equity/usa/minute/spy", {"calendar": "us_equities", "pattern": "*_trade.zip"}),
    ("Dukascopy ticks, bi5", "dukascopy_bi5/GBPJPY", {}),
    ("Dukascopy ticks, CSV, gzip", "dukascopy_csv/CADJPY_tick.csv.gz", {}),
    ("HistData ticks, gzip", "histdata/quote_tick_data.csv.gz", {"symbol": "EURUSD"}),
    ("OANDA bars, gzip", "bars_oanda_v20/EUR_USD_M1.csv.gz", {}),
    ("Binance trades, JSON, gzip", "trades/binance_XRP_ETH-trades.json.gz", {"calendar": "crypto"}),
)


async def rate(path: Path, settings: dict[str, Any], options: dict[str, Any]) -> tuple[int, float]:
    """Return the events and how many of them a second."""
    async with mtf.Pipeline(clock="ticks", **settings) as pipeline:
        summary = await pipeline.run(path, **options)
        return summary.events, summary.events / summary.seconds


def generic(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield a CSV of quotes, plain and packed."""
    text = "time,bid,ask,bid_size,ask_size\n" + "".join(
        f"{ts_ns},{bid:.5f},{ask:.5f},{bid_size},{ask_size}\n" for ts_ns, bid, ask, bid_size, ask_size in quotes(ROWS)
    )
    plain = folder / "quotes.csv"
    plain.write_text(text)
    yield "CSV of quotes", plain
    packed = folder / "quotes.csv.gz"
    packed.write_bytes(gzip.compress(text.encode(), 6))
    yield "the same, gzip", packed
    packed = folder / "quotes.csv.zst"
    packed.write_bytes(zstandard.compress(text.encode()))
    yield "the same, zstd", packed
    packed = folder / "quotes.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("quotes.csv", text)
    yield "the same, zip", packed


def measure(label: str, path: Path, settings: dict[str, Any], options: dict[str, Any]) -> None:
    found = [asyncio.run(rate(path, settings, options)) for _ in range(ROUNDS)]
    row(label, f"{found[0][0]:,}", f"{median([each for _, each in found]):,.0f}")


def main() -> None:
    head("format", "events", "events/s")
    with tempfile.TemporaryDirectory() as folder:
        for label, path in generic(Path(folder)):
            measure(label, path, {}, {"symbol": "EURUSD"})
    for label, place, given in VENDORS:
        if (DATA / place).exists():
            settings = {name: value for name, value in given.items() if name == "calendar"}
            options = {name: value for name, value in given.items() if name != "calendar"}
            measure(label, DATA / place, settings, options)
    print("\nA bar is four events.")


if __name__ == "__main__":
    main()
