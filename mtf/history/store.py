"""The history store: completed bars in SQLite, and how they are found again.

Owns the schema and the queries. Bars are written by an ordinary consumer (`mtf.history.writer`), never a row a tick,
and its position stands in the same transaction as its rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.errors import DataDirError, UnknownSymbol

__all__ = ["COLUMNS", "INSERT_BAR", "SCHEMA", "SET_POSITION", "HistoryStore", "bar_row"]

VERSION: Final = 1
COLUMNS: Final = (
    "symbol",
    "timeframe",
    "start_ns",
    "end_ns",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "ticks",
    "trading_day",
    "first",
    "incomplete",
    "off_session",
    "gap_closed_ns",
    "gap_holiday_ns",
    "gap_break_ns",
    "gap_silence_ns",
    "seq",
)
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS bars (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    volume REAL NOT NULL,
    ticks INTEGER NOT NULL,
    trading_day TEXT NOT NULL,
    first INTEGER NOT NULL,
    incomplete INTEGER NOT NULL,
    off_session INTEGER NOT NULL,
    gap_closed_ns INTEGER NOT NULL,
    gap_holiday_ns INTEGER NOT NULL,
    gap_break_ns INTEGER NOT NULL,
    gap_silence_ns INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe, start_ns)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
PRAGMA user_version = {VERSION};
"""
INSERT_BAR: Final = f"INSERT INTO bars ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
SET_POSITION: Final = "INSERT INTO position (one, seq) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq"


def bar_row(bar: Bar, seq: int) -> tuple[Any, ...]:
    """Return *bar*, revealed by the event *seq*, as a row of `COLUMNS`."""
    gap = bar.gap or _NO_GAP
    return (
        bar.symbol,
        bar.timeframe.name,
        bar.start_ns,
        bar.end_ns,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        bar.ticks,
        "" if bar.trading_day is None else bar.trading_day.isoformat(),
        int(bar.first),
        int(bar.incomplete),
        int(bar.off_session),
        gap.closed_ns,
        gap.holiday_ns,
        gap.break_ns,
        gap.silence_ns,
        seq,
    )


class HistoryStore:
    """Reads the bars of a data directory; opens nothing for writing, and can be used while a pipeline writes."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        if path.is_symlink() or not path.is_file():
            raise DataDirError(f"{path}: there is no history here")
        self._uri: Final = f"{path.absolute().as_uri()}?mode=ro"

    def position(self) -> int:
        """Return the newest event whose bars are stored; 0 where there is none."""
        for row in self._rows("SELECT seq FROM position", ()):
            return int(row[0])
        return 0

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many bars are stored, by symbol and timeframe."""
        return {
            (row[0], row[1]): int(row[2])
            for row in self._rows("SELECT symbol, timeframe, count(*) FROM bars GROUP BY 1, 2", ())
        }

    def bars(
        self, symbol: str, timeframe: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the completed bars that start in `[start_ns, end_ns)`, oldest first, as columns by name.

        UnknownSymbol where no bar of the symbol is stored at all.
        """
        if not any(True for _ in self._rows("SELECT 1 FROM bars WHERE symbol = ? LIMIT 1", (symbol,))):
            known = [row[0] for row in self._rows("SELECT DISTINCT symbol FROM bars ORDER BY symbol LIMIT 50", ())]
            raise UnknownSymbol(f"no bars of {symbol!r} are stored; there are {', '.join(known) or 'none'}")
        query = f"SELECT {', '.join(COLUMNS)} FROM bars WHERE symbol = ? AND timeframe = ?"
        values: list[Any] = [symbol, timeframe]
        if start_ns is not None:
            query += " AND start_ns >= ?"
            values.append(start_ns)
        if end_ns is not None:
            query += " AND start_ns < ?"
            values.append(end_ns)
        for row in self._rows(query + " ORDER BY start_ns", tuple(values)):
            yield dict(zip(COLUMNS, row, strict=True))

    def _rows(self, query: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(self._uri, uri=True)) as connection:
                yield from connection.execute(query, values)
        except sqlite3.Error as error:
            raise DataDirError(f"{self.path}: the history cannot be read: {error}") from error


_NO_GAP: Final = Gap()
