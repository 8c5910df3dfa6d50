"""Reading a data directory out: bars and ticks as Arrow, windows, a state, the end; beside SQLite, Parquet and DuckDB.

A million bars of one minute, of ten symbols, of which 100,000 and the newest 1,000 are read; a million ticks of one
symbol; the end of a log of single pushes; and one symbol of few and of many, while a pipeline writes. Each figure is
that of a reader that was opened before. What is compared has the same rows in the same order. Windows of short and long
logs: `bench_windows.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import polars
import pyarrow
from market import START_NS, head, in_turn, median, row

import mtf
from mtf.cli.directories import newest_reader
from mtf.events.block import SymbolTable
from mtf.events.block_builder import BlockBuilder
from mtf.log import FileLog, survey_log
from mtf.sources import SyntheticMarket
from mtf.storage.datadir import SEGMENT_BYTES
from mtf.storage.history.contents import read_contents
from mtf.storage.history.packs import PACK_BARS, Pack, packed_rows
from mtf.storage.history.preparing import carry_out
from mtf.storage.history.runs import NewRun, entry_of
from mtf.storage.history.schema import COLUMNS
from mtf.units import MINUTE_NS, SECOND_NS

ROUNDS = 5
SYMBOLS = [f"SYM{k}" for k in range(10)]
BARS = 100_000  # of each symbol
NEWEST = 1_000
TICKS = 1_000_000
PUSHES = 2_000_000
SETTINGS = {"clock": "ticks", "timeframes": "1m,5m,15m,1h,4h,1d", "durability": "os", "calendar": "crypto"}

ROWS = """CREATE TABLE bars (
    symbol TEXT, timeframe TEXT, start_ns INTEGER, end_ns INTEGER, open REAL, high REAL, low REAL, close REAL,
    volume REAL, ticks INTEGER, trading_day TEXT, first INTEGER, incomplete INTEGER, day_incomplete INTEGER,
    off_session INTEGER, from_bars INTEGER, gap_closed_ns INTEGER, gap_holiday_ns INTEGER, gap_break_ns INTEGER,
    gap_silence_ns INTEGER, seq INTEGER, PRIMARY KEY (symbol, timeframe, start_ns)
) WITHOUT ROWID"""
STORED = "SELECT * FROM bars WHERE symbol = ? AND timeframe = '1m' ORDER BY start_ns"


async def fill(path: Path, symbols: list[str], events: int, indicators: str = "none") -> None:
    source = SyntheticMarket(seed=3, symbols=symbols, events=events, pace_ms=2_000)
    async with mtf.Pipeline(data=path, indicators=indicators, **SETTINGS) as pipeline:  # type: ignore[arg-type]
        await pipeline.run(source)


def store_bars(path: Path) -> None:
    """Put a million bars into the history of *path*, in place of those that are there, and into rows beside it."""
    with (
        closing(sqlite3.connect(path / "history.sqlite", isolation_level=None)) as connection,
        closing(sqlite3.connect(path / "rows.sqlite", isolation_level=None)) as rows,
    ):
        contents, _ = read_contents(path / "history.sqlite", connection)
        assert contents is not None
        before = contents.book()
        rows.execute(ROWS)
        rows.execute("BEGIN")
        packs = []
        for symbol in SYMBOLS:
            series = contents.series[symbol, "1m"]
            bars = []
            for k in range(BARS):
                start_ns = k * MINUTE_NS
                price = 1.1 + (k * 7919 % 1000) * 1e-5
                prices = (price, price + 2e-5, price - 1e-5, price + 1e-5, 12.5)
                bars.append((symbol, "1m", start_ns, start_ns + MINUTE_NS, *prices, 30, "1970-01-01", *(0,) * 9, 1))
            rows.executemany(f"INSERT INTO bars VALUES ({', '.join('?' * 21)})", bars)
            for at in range(0, BARS, PACK_BARS):
                part = bars[at : at + PACK_BARS]
                packs.append((series, Pack(packed_rows(part, series), len(part), 0)))
        packs.sort(key=lambda each: each[0])
        new = NewRun(contents.seq, 9, 0, [entry_of(pack) for _, pack in packs])
        book, statements = before.replaced(before.runs, [new])
        carry_out(path / "history.sqlite", connection, before, book, statements)
        rows.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def timed(work: Callable[[], object]) -> Callable[[], float]:
    def once() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return once


def print_ms(works: dict[str, Callable[[], object]]) -> None:
    for name, figures in zip(works, in_turn(ROUNDS, *map(timed, works.values())), strict=True):
        row(name, f"{median(figures) * 1e3:.1f}")


def sqlite_rows(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path / 'rows.sqlite'}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def bench_bars(folder: Path) -> None:
    path = folder / "bars"
    asyncio.run(fill(path, SYMBOLS, 1_000))
    store_bars(path)
    newest = f"{STORED} DESC LIMIT {NEWEST}"
    with mtf.open(path) as data:
        symbol = SYMBOLS[4]
        data.bars(SYMBOLS, "1m").to_polars().write_parquet(folder / "bars.parquet", compression="zstd")
        other = folder / "bars.parquet"
        duck = duckdb.connect(str(folder / "bars.duckdb"))
        duck.execute(f"CREATE TABLE bars AS SELECT * FROM '{other}'")
        assert len(COLUMNS) == len(sqlite_rows(path, newest, symbol)[0])
        print_ms(
            {
                "100,000 of 1,000,000 bars as Arrow": lambda: pyarrow.table(data.bars(symbol, "1m")),
                "the same rows by plain sqlite3": lambda: sqlite_rows(path, STORED, symbol),
                "the same rows of a Parquet file, by polars": lambda: (
                    polars.scan_parquet(other).filter(polars.col("symbol") == symbol).collect()
                ),
                "the same rows of DuckDB's own file": lambda: duck.sql(
                    f"SELECT * FROM bars WHERE symbol = '{symbol}' ORDER BY start"
                ).to_arrow_table(),
                "the newest 1,000 as Arrow": lambda: pyarrow.table(data.bars(symbol, "1m", last=NEWEST)),
                "the newest 1,000 as a polars frame": lambda: data.bars(symbol, "1m", last=NEWEST).to_polars(),
                "the same rows by plain sqlite3, newest": lambda: sqlite_rows(path, newest, symbol),
                "100,000 bars made into 7m": lambda: pyarrow.table(data.bars(symbol, "7m")),
            }
        )
        duck.close()


def bench_ticks(folder: Path) -> None:
    path = folder / "ticks"
    asyncio.run(fill(path, ["EURUSD"], TICKS, "core"))
    with mtf.open(path) as data:
        stamps = [each.tick.ts_ns for _, each in zip(range(100_000), data.ticks(), strict=False)]
        middle = stamps[50_000]
        seq = TICKS // 2
        print_ms(
            {
                "1,000,000 ticks as Arrow, judged": lambda: pyarrow.table(data.ticks()),
                "the first 100,000 of them": lambda: pyarrow.table(data.ticks(end=stamps[-1])),
                "three seconds of them": lambda: pyarrow.table(
                    data.ticks("EURUSD", start=middle, end=middle + 3 * SECOND_NS)
                ),
                "state at the end, indicators `core`": lambda: data.state("EURUSD"),
                f"state at seq {seq:,}, of which there is no checkpoint": lambda: data.state("EURUSD", at=seq),
            }
        )


def bench_ends(folder: Path) -> None:
    """What `mtf tail` and `mtf inspect` read of a log of two million blocks of one event each."""
    path = folder / "pushes" / "log"
    path.parent.mkdir()
    log = FileLog.open(path, config=b"{}", segment_bytes=SEGMENT_BYTES)
    builder = BlockBuilder(SymbolTable())
    for seq in range(1, PUSHES + 1):
        builder.quote(SYMBOLS[seq % 10], seq * SECOND_NS, 1.1, 1.2)
        log.append(builder.take(seq))
    log.close()
    print_ms(
        {
            f"the last of {PUSHES:,} pushes, as `mtf tail -n 1`": lambda: list(newest_reader(path.parent, 1)),
            f"what is in {PUSHES:,} pushes, as `mtf inspect`": lambda: survey_log(path),
        }
    )


async def bench_beside(path: Path, symbols: int) -> None:
    """Read one of *symbols* while a pipeline writes, whose newest events are not stored yet; some come each time."""
    names = [f"SYM{k}" for k in range(symbols)]
    minutes = itertools.count()
    first: list[float] = []
    later: list[float] = []
    async with mtf.Pipeline(data=path, indicators="core", checkpoint_seconds=None, **SETTINGS) as pipeline:  # type: ignore[arg-type]

        async def push(some: list[str]) -> None:
            start_ns = START_NS + next(minutes) * MINUTE_NS
            await pipeline.push_many([mtf.Tick(name, start_ns + k, 1.1, 1.2) for k, name in enumerate(some)])

        for _ in range(3):
            await push(names)
        await pipeline.checkpoint()
        for _ in range(ROUNDS):
            with mtf.open(path) as data:
                for figures in (first, later):
                    await push(names[:20])
                    begun = time.perf_counter()
                    _ = list(data.bars("SYM0", "1m"))
                    figures.append(time.perf_counter() - begun)
    row(f"the bars of one of {symbols:,} symbols beside the writer, first", f"{median(first) * 1e3:.1f}")
    row("the same, when 20 more ticks have come", f"{median(later) * 1e3:.1f}")


def main() -> None:
    head("", "ms")
    with tempfile.TemporaryDirectory() as folder:
        bench_bars(Path(folder))
        bench_ticks(Path(folder))
        bench_ends(Path(folder))
        for symbols in (100, 10_000):
            asyncio.run(bench_beside(Path(folder) / f"beside-{symbols}", symbols))


if __name__ == "__main__":
    main()
