"""The tables of the history, and checking them before any other query.

SQLite reads a schema without acting on it. A trigger, a view or a default in it is run by the next query, so
there is no other query before the schema is known to be this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mtf.bars.bar import Bar
from mtf.calendars.day import Gap
from mtf.errors import CorruptHistory
from mtf.kernel import RESULTS

__all__ = [
    "AFRESH",
    "COLUMNS",
    "FIND_SCHEMA",
    "INSERT_BAR",
    "SELECT_BARS",
    "SET_POSITION",
    "SET_SERIES",
    "TABLES",
    "VERSION",
    "bar_row",
    "check_schema",
]

VERSION: Final = 2000 + RESULTS  # 2 for the schema, then the version of the results that its bars are
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
    "day_incomplete",
    "off_session",
    "from_bars",
    "gap_closed_ns",
    "gap_holiday_ns",
    "gap_break_ns",
    "gap_silence_ns",
    "seq",
)
STORED: Final = (*COLUMNS, "before_ns", "sum")
TABLES: Final = {
    "bars": """CREATE TABLE bars (
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
    day_incomplete INTEGER NOT NULL,
    off_session INTEGER NOT NULL,
    from_bars INTEGER NOT NULL,
    gap_closed_ns INTEGER NOT NULL,
    gap_holiday_ns INTEGER NOT NULL,
    gap_break_ns INTEGER NOT NULL,
    gap_silence_ns INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    before_ns INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe, start_ns)
) WITHOUT ROWID""",
    "series": """CREATE TABLE series (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    bars INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe)
) WITHOUT ROWID""",
    "position": """CREATE TABLE position (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    zones TEXT NOT NULL,
    series INTEGER NOT NULL,
    sum INTEGER NOT NULL
)""",
}
INSERT_BAR: Final = f"INSERT INTO bars ({', '.join(STORED)}) VALUES ({', '.join('?' * len(STORED))})"
SELECT_BARS: Final = f"SELECT {', '.join(STORED)} FROM bars"
SET_SERIES: Final = "INSERT OR REPLACE INTO series (symbol, timeframe, bars, last_ns) VALUES (?, ?, ?, ?)"
SET_POSITION: Final = "INSERT OR REPLACE INTO position (one, seq, zones, series, sum) VALUES (1, ?, ?, ?, ?)"
FIND_SCHEMA: Final = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
AFRESH: Final = "move it away: the next start rebuilds it from the log"


def check_schema(path: Path, found: Iterable[tuple[Any, ...]]) -> bool:
    """Return whether the tables are there; CorruptHistory if *found* has anything but them, or only some."""
    schema = {(kind, name): sql for kind, name, sql in found}
    if schema and schema != {("table", name): sql for name, sql in TABLES.items()}:
        names = ", ".join(sorted(str(name)[:80] for _, name in list(schema)[:10]))
        raise CorruptHistory(f"{path}: not a history of this version of mtf (it has {names}); {AFRESH}")
    return bool(schema)


def bar_row(bar: Bar, seq: int) -> tuple[Any, ...]:
    """Return *bar*, revealed by the event *seq*, as a row of `COLUMNS`; SQLite knows no negative zero."""
    gap = bar.gap or _NO_GAP
    return (
        bar.symbol,
        bar.timeframe.name,
        bar.start_ns,
        bar.end_ns,
        bar.open + 0.0,
        bar.high + 0.0,
        bar.low + 0.0,
        bar.close + 0.0,
        bar.volume + 0.0,
        bar.ticks,
        "" if bar.trading_day is None else bar.trading_day.isoformat(),
        int(bar.first),
        int(bar.incomplete),
        int(bar.day_incomplete),
        int(bar.off_session),
        int(bar.from_bars),
        gap.closed_ns,
        gap.holiday_ns,
        gap.break_ns,
        gap.silence_ns,
        seq,
    )


_NO_GAP: Final = Gap()
