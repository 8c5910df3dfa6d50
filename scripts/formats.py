"""Files to be timed: made here, a table of each kind of row and vendors' layouts, and vendors' own files.

The latter are read where `MTF_TEST_DATA` has them.
"""

from __future__ import annotations

import datetime
import gzip
import io
import json
import lzma
import os
import random
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zstandard
from market import quotes

DATA = Path(os.environ.get("MTF_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

VENDORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Lean quote ticks, a folder of zip", "lean/forex/oanda/tick/eurusd", {}),
    (
        "Lean trade bars, a folder of zip",
        "lean/equity/usa/minute/spy",
        {"calendar": "us_equities", "pattern": "*_trade.zip"},
    ),
    ("Dukascopy ticks, a folder of bi5", "dukascopy_bi5/GBPJPY", {}),
)
LEAN_DAY_ROWS = 50_000  # of bars of a second

Quote = tuple[int, float, float, float, float]  # as `market.quotes` has them


class File(NamedTuple):
    """A file or a folder, and what `run` is given with it; `calendar` goes to the pipeline. *rows*: 0 if not known."""

    label: str
    path: Path
    options: dict[str, Any]
    rows: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name == "calendar"}

    @property
    def reading(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name != "calendar"}


def made(folder: Path, rows: int) -> list[File]:
    """Return a file of *rows* rows of each kind, made in *folder*."""
    folder.mkdir()
    ticks = quotes(rows)
    return [*tables(folder, ticks), *packed(folder, ticks), *exports(folder, ticks)]


def theirs() -> list[File]:
    """Return the vendors' own files that there are."""
    return [File(label, DATA / place, options) for label, place, options in VENDORS if (DATA / place).exists()]


def tables(folder: Path, ticks: list[Quote]) -> Iterator[File]:
    """Yield a table of each kind of row."""
    rng = random.Random(2)
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
        (f"{_moment(ns):%Y-%m-%dT%H:%M:%S}.{_ms(ns):03}Z,{bid:.5f},{ask:.5f}" for ns, bid, ask, *_ in ticks),
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
            for k, (_, bid, ask, size, _) in enumerate(ticks)
        ),
        symbol | {"calendar": "crypto"},
    )


def packed(folder: Path, ticks: list[Quote]) -> Iterator[File]:
    """Yield the table of quotes in other packings."""
    quotes_csv = next(tables(folder, ticks))
    plain = quotes_csv.path.read_bytes()
    for packing, pack in (("gz", gzip.compress), ("zst", zstandard.compress), ("zip", _zipped)):
        path = folder / f"quotes.csv.{packing}"
        path.write_bytes(pack(plain))
        yield quotes_csv._replace(label=f"{quotes_csv.label}, {packing}", path=path)


def exports(folder: Path, ticks: list[Quote]) -> Iterator[File]:
    """Yield a file in the layout of each of some vendors."""
    yield _text(
        folder,
        "MetaTrader 5 ticks",
        "EURUSD_mt5.csv",
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>",
        (f"{_moment(ns):%Y.%m.%d\t%H:%M:%S}.{_ms(ns):03}\t{bid:.5f}\t{ask:.5f}\t\t\t6" for ns, bid, ask, *_ in ticks),
        {"zone": "UTC"},
    )
    yield _text(
        folder,
        "HistData ticks",
        "DAT_ASCII_EURUSD_T_202403.csv",
        "",
        (f"{_moment(ns):%Y%m%d %H%M%S}{_ms(ns):03},{bid:.6f},{ask:.6f},0" for ns, bid, ask, *_ in ticks),
        {},
    )
    yield _text(
        folder,
        "OANDA bars",
        "EUR_USD_M1.csv",
        ",volume,time,Open,High,Low,Close,Pair",
        (
            f"{k},{138 + k % 100},{_moment(ticks[0][0] + k * 60_000_000_000):%Y-%m-%dT%H:%M:%S}.000000000Z,"
            f"{bid:.5f},{ask:.5f},{bid - 1e-4:.5f},{bid:.5f},EUR_USD"
            for k, (_, bid, ask, *_) in enumerate(ticks)
        ),
        {"calendar": "crypto"},
    )
    yield _text(
        folder,
        "Dukascopy ticks, CSV",
        "EURUSD_tick.csv",
        "Time,Ask,Bid,AskVolume,BidVolume",
        (
            f"{_moment(ns):%d.%m.%Y %H:%M:%S}.{_ms(ns):03},{ask:.5f},{bid:.5f},{ask_size:.2f},{bid_size:.2f}"
            for ns, bid, ask, bid_size, ask_size in ticks
        ),
        {},
    )
    yield from _binary(folder, ticks)
    yield from _lean(folder, ticks)


def _binary(folder: Path, ticks: list[Quote]) -> Iterator[File]:
    """Yield Dukascopy's records of one hour, and Binance's array of trades."""
    path = folder / "EURUSD" / "2024" / "02" / "06" / "10h_ticks.bi5"
    path.parent.mkdir(parents=True)
    records = (
        struct.pack(">IIIff", k * 10, round(ask * 1e5), round(bid * 1e5), ask_size, bid_size)
        for k, (_, bid, ask, bid_size, ask_size) in enumerate(ticks)
    )
    path.write_bytes(lzma.compress(b"".join(records), format=lzma.FORMAT_ALONE))
    yield File("Dukascopy ticks, bi5", path, {}, len(ticks))
    path = folder / "binance_XRP_ETH-trades.json"
    trades = [
        [ns // 1_000_000, str(13_519_807 + k), None, "sell", bid / 1000, size, bid / 1000 * size]
        for k, (ns, bid, _, size, _) in enumerate(ticks)
    ]
    path.write_text(json.dumps(trades, separators=(",", ":")))
    yield File("Binance trades, JSON", path, {"calendar": "crypto"}, len(ticks))


def _lean(folder: Path, ticks: list[Quote]) -> Iterator[File]:
    """Yield Lean's ticks of one day, and bars of a second of as many days as it takes."""
    place = folder / "forex" / "oanda" / "tick" / "eurusd"
    place.mkdir(parents=True)
    lines = (f"{k * 100},{bid:.5f},{ask:.5f}" for k, (_, bid, ask, *_) in enumerate(ticks))
    path = place / "20240306_quote.zip"
    path.write_bytes(_zipped("\n".join((*lines, "")).encode(), "20240306_eurusd_tick_quote.csv"))
    yield File("Lean quote ticks, zip", path, {}, len(ticks))
    place = folder / "crypto" / "coinbase" / "second" / "btcusd"
    place.mkdir(parents=True)
    for number, start in enumerate(range(0, len(ticks), LEAN_DAY_ROWS)):
        bars = (
            f"{k * 1000},{bid:.5f},{ask:.5f},{bid - 1e-4:.5f},{bid:.5f},{size}"
            for k, (_, bid, ask, size, _) in enumerate(ticks[start : start + LEAN_DAY_ROWS])
        )
        day = f"202403{number + 1:02}"
        packed_day = _zipped("\n".join((*bars, "")).encode(), f"{day}_btcusd_second_trade.csv")
        (place / f"{day}_trade.zip").write_bytes(packed_day)
    yield File("Lean trade bars, zip", place, {"calendar": "crypto"}, len(ticks))


def _text(folder: Path, label: str, name: str, header: str, lines: Iterable[str], options: dict[str, Any]) -> File:
    path = folder / name
    rows = [*lines]
    path.write_text("\n".join((*([header] if header else ()), *rows, "")))
    return File(label, path, options, len(rows))


def _zipped(plain: bytes, name: str = "quotes.csv") -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, plain)
    return found.getvalue()


def _moment(ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ns // 1_000_000_000, datetime.UTC)


def _ms(ns: int) -> int:
    return ns // 1_000_000 % 1000
