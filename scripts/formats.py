"""Files to be timed: made here, one of each kind of row, and vendors' own where `MTF_TEST_DATA` has them."""

from __future__ import annotations

import datetime
import gzip
import io
import os
import random
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zstandard
from market import quotes

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


class File(NamedTuple):
    """A file or a folder, and what `run` is given with it; `calendar` goes to the pipeline."""

    label: str
    path: Path
    options: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name == "calendar"}

    @property
    def reading(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name != "calendar"}


def all_files(folder: Path, rows: int) -> list[File]:
    """Return all there are; those of *rows* rows are in *folder*, made if they are not there yet."""
    return [
        *tables(folder, rows),
        *packed(folder, rows),
        *(File(label, DATA / place, options) for label, place, options in VENDORS if (DATA / place).exists()),
    ]


def tables(folder: Path, rows: int) -> Iterator[File]:
    """Yield a table of each kind of row."""
    rng = random.Random(2)
    ticks = quotes(rows)
    symbol = {"symbol": "EURUSD"}
    yield _text(
        folder,
        "CSV of quotes",
        "quotes.csv",
        "time,bid,ask,bid_size,ask_size",
        (f"{ns},{bid:.5f},{ask:.5f},{bid_size},{ask_size}" for ns, bid, ask, bid_size, ask_size in ticks),
        symbol,
    )
    yield _text(
        folder,
        "CSV of quotes, ISO times",
        "iso.csv",
        "time,bid,ask",
        (
            f"{_moment(ns):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03}Z,{bid:.5f},{ask:.5f}"
            for ns, bid, ask, *_ in ticks
        ),
        symbol,
    )
    yield _text(
        folder,
        "CSV of quotes, eight symbols",
        "eight.csv",
        "time,symbol,bid,ask",
        (f"{ns},S{rng.randrange(8)},{bid:.5f},{ask:.5f}" for ns, bid, ask, *_ in ticks),
        {},
    )
    yield _text(
        folder,
        "CSV of trades with ids",
        "trades.csv",
        "time,price,size,id",
        (f"{ns},{bid:.5f},{size},{100_000 + k}" for k, (ns, bid, _, size, _) in enumerate(ticks)),
        symbol,
    )
    yield _text(
        folder,
        "CSV of bars of a minute",
        "bars.csv",
        "time,open,high,low,close,volume",
        (
            f"{ticks[0][0] // 1000 + k * 60_000_000},{bid:.5f},{ask:.5f},{bid - 1e-4:.5f},{bid:.5f},{size}"
            for k, (_, bid, ask, size, _) in enumerate(ticks[: rows // 4])
        ),
        symbol | {"calendar": "crypto"},
    )
    yield _text(
        folder,
        "MetaTrader 5 ticks",
        "EURUSD_mt5.csv",
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>",
        (
            f"{_moment(ns):%Y.%m.%d\t%H:%M:%S}.{ns // 1_000_000 % 1000:03}\t{bid:.5f}\t{ask:.5f}\t\t\t6"
            for ns, bid, ask, *_ in ticks
        ),
        {"zone": "UTC"},
    )


def packed(folder: Path, rows: int) -> Iterator[File]:
    """Yield the table of quotes in other packings."""
    quotes_csv = next(tables(folder, rows))
    plain = quotes_csv.path.read_bytes()
    for packing, pack in (("gz", gzip.compress), ("zst", zstandard.compress), ("zip", _zipped)):
        path = folder / f"quotes.csv.{packing}"
        if not path.exists():
            path.write_bytes(pack(plain))
        yield File(f"{quotes_csv.label}, {packing}", path, quotes_csv.options)


def _text(folder: Path, label: str, name: str, header: str, lines: Iterable[str], options: dict[str, Any]) -> File:
    path = folder / name
    if not path.exists():
        path.write_text("\n".join((header, *lines, "")))
    return File(label, path, options)


def _zipped(plain: bytes) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("quotes.csv", plain)
    return found.getvalue()


def _moment(ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ns // 1_000_000_000, datetime.UTC)
